//! What every store promises, one function for each promise, named as a sentence. The same functions judge every backend.
//! Names no backend and panics at nothing: what is not kept is a value.

mod accept;
mod curbs;
mod dead;
mod decide;
mod deliver;
mod durable;
mod forget;
mod held;
mod keep;
mod list;
mod order;
pub mod sample;
#[cfg(test)]
mod tests;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Store, StoreError};

/// One place where a store can live.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Opens the store. Called again after the one before was closed or dropped, it opens the same data, except where the
    /// backend keeps none; such a backend answers for [`PROMISES`] alone.
    async fn open(&self) -> Result<Arc<dyn Store>, StoreError>;
}

/// How a promise was not kept.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its name.
    pub promise: &'static str,
    /// What was seen and what was promised.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise, self.what)
    }
}

/// Nothing, or what was seen instead.
type Kept = Result<(), Seen>;

/// What was seen instead.
#[derive(Debug)]
struct Seen(String);

impl From<StoreError> for Seen {
    fn from(error: StoreError) -> Self {
        Self(format!("the store answered with an error: {error}"))
    }
}

type Check = for<'a> fn(&'a dyn Harness) -> Pin<Box<dyn Future<Output = Kept> + Send + 'a>>;

/// A promise.
pub struct Promise {
    /// What is promised, with underscores for spaces.
    pub name: &'static str,
    check: Check,
}

macro_rules! promises {
    ($($file:ident::$name:ident),* $(,)?) => {
        &[$(Promise { name: stringify!($name), check: |harness| Box::pin($file::$name(harness)) }),*]
    };
}

/// What every store promises while it is open.
pub const PROMISES: &[Promise] = promises![
    accept::an_accepted_event_can_be_read_back,
    accept::a_token_is_good_for_one_event,
    accept::a_delivery_accepted_twice_is_one_event,
    accept::a_delivery_accepted_many_times_at_once_is_new_exactly_once,
    accept::an_event_as_long_as_the_limit_allows_is_kept_whole,
    decide::events_of_a_lane_are_decided_in_the_order_of_acceptance,
    decide::a_lane_is_decided_by_one_at_a_time_and_others_do_not_wait,
    decide::events_taken_up_together_are_the_oldest_of_different_lanes,
    decide::an_event_that_was_given_back_can_be_claimed_at_once,
    decide::an_event_waits_while_a_send_of_its_lane_is_being_delivered,
    decide::an_event_whose_lease_ended_is_given_to_another,
    decide::a_late_decision_changes_nothing,
    decide::an_event_is_decided_exactly_once,
    decide::many_who_claim_at_once_get_different_events,
    decide::a_claim_carries_the_records_as_last_committed,
    decide::a_decision_from_an_older_contact_record_is_refused_and_made_again,
    decide::a_decision_is_kept_with_its_sends,
    decide::a_decision_calls_off_what_waits_in_its_lane_and_named_it,
    decide::a_send_of_unknown_outcome_is_not_called_off,
    decide::a_message_of_ours_is_known_by_either_id_and_confirms_its_send,
    decide::the_message_of_another_account_is_not_ours,
    decide::a_send_that_came_back_says_so_and_is_not_confirmed,
    deliver::a_send_is_not_claimed_before_it_is_due,
    deliver::sends_leave_in_the_order_they_are_due,
    deliver::pages_leave_before_replies_before_the_rest,
    deliver::sends_of_a_lane_leave_one_at_a_time,
    deliver::a_send_waits_while_an_event_of_its_lane_is_not_decided,
    deliver::accounts_do_not_wait_for_each_other,
    deliver::the_start_of_an_attempt_is_kept_before_the_call,
    deliver::a_send_to_be_tried_later_keeps_its_attempts_and_waits,
    deliver::a_send_of_unknown_outcome_is_claimed_without_a_new_attempt,
    deliver::a_send_whose_lease_ended_is_of_unknown_outcome,
    deliver::a_late_attempt_changes_nothing,
    deliver::the_next_time_due_says_when_there_is_something_to_claim,
    order::what_happened_earlier_goes_before_what_still_waits_for_it,
    order::what_came_too_late_is_decided_in_the_order_of_acceptance,
    order::a_lane_that_waits_for_what_happened_before_holds_up_no_other,
    order::a_send_that_is_tried_again_is_not_overtaken_in_its_lane,
    order::a_lane_goes_on_when_its_patience_ends_and_says_so,
    order::a_reply_that_waits_for_the_end_of_a_burst_is_superseded,
    order::a_change_that_follows_on_a_send_of_ours_is_caused_by_it,
    order::a_call_of_a_hook_causes_nothing,
    dead::a_dead_letter_is_driven_again_with_its_key,
    dead::a_dead_letter_driven_again_on_purpose_has_a_new_key_each_time,
    dead::a_dropped_letter_never_leaves,
    dead::only_a_dead_letter_can_be_changed,
    dead::a_dead_letter_that_arrived_after_all_is_confirmed,
    held::a_held_send_does_not_leave_and_holds_up_nobody,
    held::a_released_send_leaves_and_says_who_let_it_go,
    held::a_held_send_that_was_dropped_never_leaves,
    held::a_doubt_is_ended_by_who_saw_it_arrive_or_sends_it_again,
    curbs::what_was_counted_is_read_back_and_counts_once,
    curbs::a_decision_that_counted_in_an_older_window_is_refused_and_made_again,
    curbs::a_quarantine_holds_for_each_of_its_windows_until_it_is_lifted,
    curbs::the_orders_that_concern_a_conversation_are_found,
    curbs::two_orders_for_one_scope_at_once_are_both_kept,
    curbs::an_order_that_says_nothing_is_forgotten,
    curbs::a_pause_by_the_guard_does_not_replace_that_of_a_person,
    curbs::a_rule_that_is_resumed_is_counted_anew,
    curbs::old_windows_quarantines_and_resumptions_are_forgotten,
    list::events_are_listed_newest_first,
    list::events_are_found_by_every_filter,
    list::events_are_paged_without_gap_or_repeat,
    list::events_are_paged_from_the_oldest_as_well,
    list::sends_are_listed_newest_first,
    list::sends_are_paged_without_gap_or_repeat,
    list::sends_are_found_by_every_filter,
    list::a_list_without_a_limit_holds_a_hundred,
    keep::a_rule_book_is_kept_under_its_hash,
    keep::the_last_credential_counts,
    keep::the_last_position_of_a_source_counts,
    keep::what_is_old_and_settled_is_forgotten,
    keep::what_is_not_settled_is_never_forgotten,
    forget::a_conversation_is_forgotten_when_nothing_in_it_counts,
    forget::a_conversation_with_something_under_way_is_not_forgotten,
    forget::a_correspondent_is_forgotten_when_nothing_known_of_them_counts,
    forget::a_decision_from_a_contact_record_that_was_forgotten_is_made_again,
    keep::counts_follow_every_step,
    keep::a_closed_store_says_so,
];

/// What a store promises beyond its own life. These open it again.
pub const DURABLE: &[Promise] = promises![
    durable::an_accepted_event_is_still_waiting,
    durable::a_repeat_is_still_recognised,
    durable::what_was_decided_stays_decided,
    durable::the_order_of_a_lane_stays,
    durable::records_stay_as_committed,
    durable::sends_stay_in_the_outbox,
    durable::an_attempt_that_was_cut_short_is_of_unknown_outcome,
    durable::an_ended_attempt_is_not_cut_short,
    durable::a_message_of_ours_is_still_known,
    order::the_order_of_what_waits_stays_over_a_restart,
    order::a_lane_still_waits_for_a_send_that_is_tried_again,
    order::what_waits_is_still_called_off_and_superseded,
    order::a_send_keeps_when_it_is_due_and_when_it_is_too_late,
    order::what_a_send_caused_is_still_known,
    durable::dead_letters_books_and_credentials_stay,
    durable::positions_stay,
    durable::a_lease_from_before_is_worth_nothing,
    durable::what_was_forgotten_stays_forgotten,
    durable::a_store_that_was_dropped_is_closed_in_order,
];

/// Runs every promise on a place of its own and answers those that are not kept.
pub async fn run(place: impl Fn() -> Box<dyn Harness>, promises: &[Promise]) -> Vec<Broken> {
    let mut broken = Vec::new();
    for promise in promises {
        let harness = place();
        if let Err(Seen(what)) = (promise.check)(&*harness).await {
            broken.push(Broken { promise: promise.name, what });
        }
    }
    broken
}

fn same<T: PartialEq + fmt::Debug>(what: &str, seen: T, promised: T) -> Kept {
    if seen == promised { Ok(()) } else { Err(Seen(format!("{what}: {seen:?} instead of {promised:?}"))) }
}

fn there<T>(what: &str, seen: Option<T>) -> Result<T, Seen> {
    seen.ok_or_else(|| Seen(format!("{what}: nothing there")))
}
