//! Access tokens. HighLevel's last about a day, and each refresh replaces the refresh token too (`apps/oauth.json` and the
//! OAuth FAQ): the new one is durable before the access token that came with it is used. It never prints either.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::config::OAuthSettings;
use crate::http::Request;
use crate::model::ids::digest;
use crate::model::{AccountName, Outcome};
use crate::provider::endpoint::Endpoint;
use crate::provider::outcome::{in_words, shown};
use crate::provider::{Reading, read};
use crate::secret::Secret;

/// The lifetime taken where HighLevel names none, and the longest believed.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How an account proves who it is.
pub(super) enum Credential {
    /// A token that does not change.
    Token(Secret),
    /// Tokens that are renewed.
    OAuth(OAuth),
}

impl Credential {
    /// Whether a rejected token can be replaced by a new one.
    pub(super) fn is_renewable(&self) -> bool {
        matches!(self, Self::OAuth(_))
    }

    /// A token to use now, other than the `rejected` one. The error is the outcome of a send that could not begin.
    pub(super) async fn bearer(
        &self,
        read: &Reading<'_>,
        endpoint: &Endpoint,
        rejected: Option<&Secret>,
    ) -> Result<Secret, Outcome> {
        match self {
            Self::Token(token) => Ok(token.clone()),
            Self::OAuth(oauth) => {
                let renewed = oauth.access(read, endpoint, rejected).await;
                renewed
                    .map_err(|reason| Outcome::TryLater { reason: format!("no access token: {reason}"), after: None })
            }
        }
    }
}

/// An installation of an app.
pub(super) struct OAuth {
    settings: OAuthSettings,
    /// Where the newest refresh token is kept. It is named after the configured one, so that a person who writes another
    /// one into the configuration starts anew.
    slot: String,
    /// Held while refreshing, so that two sends never spend one refresh token.
    grant: Mutex<Grant>,
}

/// What a refresh gave.
struct Grant {
    access: Secret,
    usable_until: Timestamp,
    /// The new refresh token, as long as it is not kept. It is tried again before the access token is handed out.
    unkept: Option<Secret>,
}

impl OAuth {
    pub(super) fn new(account: &AccountName, settings: OAuthSettings) -> Self {
        let origin = digest(&[&settings.client_id, settings.refresh_token.expose()]);
        Self { slot: format!("highlevel/{account}/{origin}"), settings, grant: Mutex::new(Grant::none()) }
    }

    async fn access(
        &self,
        read: &Reading<'_>,
        endpoint: &Endpoint,
        rejected: Option<&Secret>,
    ) -> Result<Secret, String> {
        let mut grant = self.grant.lock().await;
        if !grant.is_usable(read.now, rejected) {
            *grant = self.refresh(read, endpoint, grant.unkept.clone()).await?;
        }
        if let Some(refresh) = &grant.unkept {
            let kept = read.vault.keep(&self.slot, refresh).await;
            kept.map_err(|reason| format!("the new refresh token could not be kept: {reason}"))?;
            grant.unkept = None;
        }
        Ok(grant.access.clone())
    }

    /// Spends the newest refresh token there is. Where the answer is lost the token may be spent without a successor; the
    /// next try then says so, and a person installs the app again.
    async fn refresh(&self, read: &Reading<'_>, endpoint: &Endpoint, unkept: Option<Secret>) -> Result<Grant, String> {
        let kept = match unkept {
            Some(token) => Some(token),
            None => read.vault.load(&self.slot).await?,
        };
        let spend = kept.unwrap_or_else(|| self.settings.refresh_token.clone());
        let url = endpoint.at(&["oauth", "token"]).map_err(in_words)?;
        let fields = [
            ("client_id", self.settings.client_id.as_str()),
            ("client_secret", self.settings.client_secret.expose()),
            ("grant_type", "refresh_token"),
            ("refresh_token", spend.expose()),
            ("user_type", "Location"),
        ];
        let answer = shown(read.http.call(Request::form(Method::POST, url, &fields)).await);
        let json = answer.map_err(|reason| format!("refreshing failed: {reason}"))?;
        let token = |pointer| read::text(&json, pointer).map(Secret::from);
        let access = token("/access_token").ok_or("the answer to refreshing holds no access token")?;
        let seconds = json.pointer("/expires_in").and_then(serde_json::Value::as_i64);
        let lifetime = seconds.map_or(DAY, SignedDuration::from_secs).clamp(SignedDuration::ZERO, DAY);
        // A tenth before its end, so that it does not end on its way.
        let usable_until = read.now.checked_add(lifetime / 10 * 9).unwrap_or(read.now);
        Ok(Grant { access, usable_until, unkept: token("/refresh_token") })
    }
}

impl Grant {
    /// Before the first refresh.
    fn none() -> Self {
        Self { access: Secret::from(""), usable_until: Timestamp::MIN, unkept: None }
    }

    fn is_usable(&self, now: Timestamp, rejected: Option<&Secret>) -> bool {
        now < self.usable_until && rejected.is_none_or(|token| token.expose() != self.access.expose())
    }
}
