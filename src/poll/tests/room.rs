//! What stands in the way of a round, and what it must not lose for that: no room, a conversation that is forbidden, one that
//! is very long.

use super::*;
use crate::engine::{Pressure, Watermarks};

/// A source that is only delivered to, with its first round behind it.
async fn listening(speaks: Speaks) -> Inbox {
    let mut inbox = Inbox::new(speaks);
    inbox.engine.sources.values_mut().for_each(|source| source.polling.poll = None);
    begin(&inbox.engine, inbox.source()).await.unwrap();
    keep_up(&inbox.engine, inbox.source(), false).await.unwrap();
    inbox
}

impl Inbox {
    async fn until(&self) -> Timestamp {
        self.engine.store.position(&self.source().name).await.unwrap().unwrap().until
    }

    async fn keep_up(&self) -> Result<(), Trouble> {
        keep_up(&self.engine, self.source(), true).await
    }
}

#[test]
fn what_was_refused_for_lack_of_room_is_looked_for() {
    run(async {
        let inbox = listening(Speaks::HighLevel).await;
        inbox.time.pass(30);
        inbox.keep_up().await.unwrap();
        assert_eq!(inbox.until().await, inbox.time.now());
        inbox.arrive(0, "refused");
        inbox.source().watch.note(|state| state.missed = Some(inbox.time.now()));
        let before = inbox.until().await;
        inbox.time.pass(30);
        inbox.fuse.store(0, Ordering::SeqCst);
        inbox.keep_up().await.unwrap_err();
        assert_eq!(inbox.until().await, before, "the position rests until it was looked for");
        inbox.fuse.store(WHOLE, Ordering::SeqCst);
        inbox.keep_up().await.unwrap();
        assert_eq!(inbox.received().await.len(), 1);
        assert!(inbox.source().watch.state().missed.is_some(), "a list may lag");
        inbox.time.pass(60);
        inbox.keep_up().await.unwrap();
        assert_eq!(inbox.source().watch.state().missed, None);
    });
}

#[test]
fn a_round_pauses_where_there_is_no_room_and_goes_on() {
    run(async {
        let mut inbox = Inbox::new(Speaks::Sequenzy);
        let begun = begin(&inbox.engine, inbox.source()).await.unwrap().until;
        for conversation in 0..4 {
            inbox.time.pass(10);
            inbox.arrive(conversation, "hello");
        }
        inbox.time.pass(10);
        inbox.engine.pressure = Pressure::within(Watermarks { backlog: 2, ..Watermarks::default() });
        let trouble = inbox.poll().await.unwrap_err();
        assert_eq!(trouble.to_string(), "paused: too much waits to be worked off");
        assert_eq!((inbox.received().await.len(), inbox.until().await), (2, begun));
        assert_eq!(wait(3, &trouble), SignedDuration::from_secs(30));
        inbox.engine.pressure = Pressure::default();
        inbox.poll().await.unwrap();
        assert_eq!(inbox.received().await.len(), 4);
    });
}

#[test]
fn a_forbidden_conversation_holds_up_no_other() {
    run(async {
        let inbox = Inbox::new(Speaks::HighLevel);
        let begun = begin(&inbox.engine, inbox.source()).await.unwrap().until;
        for conversation in 0..3 {
            inbox.time.pass(10);
            inbox.arrive(conversation, "hello");
        }
        inbox.time.pass(120);
        // Where nothing may be read at all, a scope is missing: nothing counts as read.
        inbox.forbidden.lock().unwrap().extend(["/100/messages", "/101/messages", "/102/messages"]);
        assert_eq!(inbox.poll().await.unwrap_err().to_string(), "403");
        inbox.poll().await.unwrap_err();
        assert_eq!((inbox.received().await.len(), inbox.until().await), (0, begun));
        inbox.forbidden.lock().unwrap().truncate(1);
        inbox.poll().await.unwrap();
        assert_eq!((inbox.received().await.len(), inbox.until().await), (2, inbox.time.now()));
        assert_eq!(inbox.source().watch.state().skipped, 1);
    });
}

#[test]
fn a_long_conversation_is_read_to_its_end() {
    for (speaks, messages) in [(Speaks::HighLevel, 2_050), (Speaks::Fernand, 1_050)] {
        run(async {
            let inbox = Inbox::new(speaks);
            begin(&inbox.engine, inbox.source()).await.unwrap();
            for number in 0..messages {
                inbox.time.pass(1);
                inbox.arrive(0, &format!("message {number}"));
            }
            assert_eq!(inbox.poll().await.unwrap().new, messages, "{speaks:?}");
        });
    }
}
