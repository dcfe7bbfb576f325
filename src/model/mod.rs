//! Plain values of the journey: what came in, what was decided, what goes out.
//! Nothing here reads a clock, opens a file or talks to anybody.

pub mod action;
pub mod attempt;
pub mod capability;
pub mod control;
pub mod decision;
pub mod delivery;
mod discreet;
pub mod duration;
pub mod event;
pub mod findings;
pub mod ids;
pub mod message;
pub mod mode;
pub(crate) mod moment;
mod multipart;
pub mod position;
pub mod record;
pub mod reported;
pub mod send;
pub mod window;

pub use action::{
    Action, Assign, HOOK_ACCOUNT, HttpCall, HttpMethod, Note, OutgoingAttachment, Paged, Reply, ReplyFormat, ReplyKind,
    SnippetCall, TagChange,
};
pub use attempt::{Answered, Attempt, Outcome, ReadBack};
pub use capability::{Capability, Support};
pub use control::{Control, ControlChange, Controls, Pause, Scope};
pub use decision::{Decision, Finding, GuardStep, MatchedRule, OnError, Superseded, Trace, Verdict};
pub use delivery::Delivery;
pub use event::{Contact, Conversation, Draft, Event, EventKind};
pub use ids::{AccountName, BookHash, EventId, LaneKey, QuarantineId, SendId, SourceName, WindowKey};
pub use message::{Attachment, Author, Direction, Headers, Message};
pub use mode::Mode;
pub use position::{Position, Stretch};
pub use record::{ContactRecord, ConversationRecord, Facts, SHORTEST_RETENTION};
pub use reported::{DeliveryReport, DeliveryStatus, Reported};
pub use send::{CancelOn, HoldCause, SUPERSEDED, Send, SendState, Settling};
pub use window::{CapScope, Curbs, Hand, Quarantine, Window};
