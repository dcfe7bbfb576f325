//! Plain values of the journey: what came in, what was decided, what goes out.
//! Nothing here reads a clock, opens a file or talks to anybody.

pub mod action;
pub mod attempt;
pub mod capability;
pub mod decision;
pub mod delivery;
mod discreet;
pub mod duration;
pub mod event;
pub mod ids;
pub mod record;
pub mod send;

pub use action::{
    Action, Assign, Note, OutgoingAttachment, Paged, Reply, ReplyFormat, ReplyKind, SnippetCall, TagChange,
};
pub use attempt::{Attempt, Outcome};
pub use capability::{Capability, Support};
pub use decision::{Decision, Finding, GuardStep, MatchedRule, Trace, Verdict};
pub use delivery::Delivery;
pub use event::{Attachment, Author, Contact, Conversation, Direction, Draft, Event, EventKind, Headers, Message};
pub use ids::{AccountName, BookHash, EventId, LaneKey, SendId, SourceName};
pub use record::{ContactRecord, ConversationRecord, Facts};
pub use send::{CancelOn, Send, SendState};
