//! How a source is read at its provider: whether it can be, by these filters, this often.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::super::document::{ConfigDocument, PollDocument, SourceDocument};
use super::super::settings::{AccountSettings, SourceSettings};
use super::{Loading, escape};
use crate::engine::{Poll, Polling};
use crate::model::duration;
use crate::provider::{Adapter, CallClass, ConversationQuery, provider};

/// The shortest time between two rounds, whatever the provider allows.
const SHORTEST: SignedDuration = SignedDuration::from_secs(5);

/// How many reads a round is reckoned with: a page of the list and the messages of a conversation, and as many left for
/// everything else.
const READS: u32 = 4;

/// How many polled sources share each account.
pub(super) type Shares = BTreeMap<String, u32>;

pub(super) fn shares(written: &ConfigDocument) -> Shares {
    let mut shares = Shares::new();
    for source in written.sources.values().filter(|source| source.poll.is_some()) {
        *shares.entry(source.account.clone()).or_default() += 1;
    }
    shares
}

impl Loading<'_> {
    pub(super) fn polling(
        &mut self,
        pointer: &str,
        source: &SourceDocument,
        accounts: &[AccountSettings],
        shares: &Shares,
    ) -> Polling {
        let age = self.duration(&format!("{pointer}/backfill_max_age"), &source.backfill_max_age);
        let account = accounts.iter().find(|account| account.name.as_str() == source.account);
        let poll = source.poll.as_ref().zip(account);
        let share = shares.get(&source.account).copied().unwrap_or(1);
        Polling {
            poll: poll.and_then(|(poll, account)| self.poll(&format!("{pointer}/poll"), poll, account, share)),
            backfill: source.backfill,
            backfill_max_age: age.unwrap_or_default(),
        }
    }

    /// No start looks further back than messages are known by their keys.
    pub(super) fn known_for(&mut self, sources: &[SourceSettings], retention: Option<SignedDuration>) {
        let Some(retention) = retention else { return };
        for source in sources.iter().filter(|source| source.polling.backfill_max_age > retention) {
            let [age, kept] = [source.polling.backfill_max_age, retention].map(duration::show);
            let why = format!("`{age}` is longer than the `retention` of {kept}: what is older is not known any more");
            self.fault(&format!("/sources/{}/backfill_max_age", escape(source.name.as_str())), why);
        }
    }

    fn poll(&mut self, pointer: &str, written: &PollDocument, account: &AccountSettings, share: u32) -> Option<Poll> {
        let Some(lists) = account.adapter.lists().conversations else {
            let name = &account.provider;
            self.fault(pointer, format!("the provider `{name}` has no list of conversations, so it cannot be polled"));
            return None;
        };
        let query = ConversationQuery {
            status: written.status.clone(),
            unread: written.unread,
            search: written.search.clone(),
            page_size: written.page_size,
            ..ConversationQuery::default()
        };
        let title = provider(&account.provider).map_or(account.provider.as_str(), |provider| provider.title());
        for (name, why) in lists.faults(title, &query) {
            self.fault(&format!("{pointer}/{name}"), why);
        }
        let every = self.duration(&format!("{pointer}/every"), &written.every);
        let since = self.duration(&format!("{pointer}/since"), &written.since);
        let shortest = shortest(account.adapter.as_ref(), share);
        if let Some(every) = every.filter(|every| *every < shortest) {
            let (every, shortest) = (duration::show(every), duration::show(shortest));
            let why = format!("`{every}` is too often; the account's rate limit leaves room for once in {shortest}");
            self.fault(&format!("{pointer}/every"), why);
        }
        Some(Poll { every: every?, since: since?, query })
    }
}

/// The shortest time between two rounds that leaves an account room for something else, where so many sources share it.
fn shortest(adapter: &dyn Adapter, share: u32) -> SignedDuration {
    let reads = adapter.quotas().iter().filter(|quota| quota.class != CallClass::Write && quota.calls > 0);
    let rounds =
        reads.map(|quota| quota.per * i32::try_from(READS * share).unwrap_or(i32::MAX) / quota_calls(quota.calls));
    rounds.max().unwrap_or_default().max(SHORTEST)
}

fn quota_calls(calls: u32) -> i32 {
    i32::try_from(calls).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::load_text;
    use crate::engine::Backfill;

    fn faults(source: &str) -> String {
        let text = format!(
            "accounts:\n  shop: {{ provider: sandbox, speaks: sequenzy }}\n  desk: {{ provider: sandbox, speaks: fernand }}\n  \
            far: {{ provider: http, base_url: \"https://desk.example\" }}\nsources:\n  inbox: {source}\n"
        );
        load_text("r.yaml", &text, Path::new("."), Vec::new())
            .err()
            .map(|faults| faults.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn a_source_is_delivered_to_or_polled_or_both() {
        assert!(faults("{ account: shop }").contains("has no `verify` and no `poll`"));
        assert_eq!(faults("{ account: shop, poll: { every: 60s } }"), "");
        assert_eq!(faults("{ account: shop, poll: { every: 60s }, verify: { scheme: none } }"), "");
        assert_eq!(faults("{ account: shop, verify: { scheme: none }, backfill: off, backfill_max_age: 2h }"), "");
    }

    #[test]
    fn a_poll_that_cannot_be_had_is_refused_with_everything_that_is_wrong() {
        let all = faults("{ account: shop, poll: { every: 1s, status: opne, page_size: 0, since: soon } }");
        for words in [
            "`1s` is too often; the account's rate limit leaves room for once in 5s",
            "there is no status `opne`",
            "did you mean",
            "a page has from 1 to",
            "soon",
        ] {
            assert!(all.contains(words), "{words} is not in\n{all}");
        }
        assert!(faults("{ account: desk, poll: { every: 6s } }").contains("once in 12s"));
        assert!(
            faults("{ account: far, poll: { every: 60s } }")
                .contains("the provider `http` has no list of conversations, so it cannot be polled")
        );
        assert!(faults("{ account: shop, poll: { evry: 60s } }").contains("evry"));
        assert!(
            faults("{ account: shop, poll: {}, backfill_max_age: 31d }")
                .contains("`31d` is longer than the `retention` of 30d: what is older is not known any more")
        );
    }

    #[test]
    fn what_is_not_written_has_its_default() {
        let text = "accounts: { shop: { provider: sandbox } }\nsources: { inbox: { account: shop, poll: {} } }\n";
        let settings =
            load_text("r.yaml", text, Path::new("."), Vec::new()).unwrap_or_else(|faults| panic!("{faults}"));
        let polling = &settings.sources[0].polling;
        let poll = polling.poll.as_ref().unwrap();
        assert_eq!((poll.every.as_secs(), poll.since.as_secs(), polling.backfill_max_age.as_hours()), (60, 0, 24));
        assert_eq!(polling.backfill, Backfill::Auto);
    }
}
