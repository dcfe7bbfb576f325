//! The calls about sends: the outbox, dead letters, and what is held for a person.

use super::{Call, Parameter};

const SEND_FILTERS: &[Parameter] = &[
    ("state", "query", "Only in this state."),
    ("cause", "query", "Of those that are held: only for this cause."),
    ("account", "query", "Only of this account."),
    ("rule", "query", "Only of this rule."),
    ("event", "query", "Only for this event."),
    ("conversation", "query", "Only of this conversation, by the provider's id or by its lane."),
    ("since", "query", "Created at or after this time (RFC 3339)."),
    ("reason", "query", "With these words in the reason of the state."),
    ("reported", "query", "Last reported by the provider with this status: delivered, bounced, failed, …."),
    ("before", "query", "Only sends created before this one, by its id, to page on."),
    ("limit", "query", "At most so many; 100 by default, 1000 at the most."),
];

const DEAD_MANY: &[(&str, &str)] = &[
    ("account", "string"),
    ("rule", "string"),
    ("conversation", "string"),
    ("since", "string"),
    ("reason", "string"),
    ("all", "boolean"),
    ("dry_run", "boolean"),
    ("by", "string"),
    ("why", "string"),
];

const REDRIVE_MANY: &[(&str, &str)] = &[
    ("account", "string"),
    ("rule", "string"),
    ("conversation", "string"),
    ("since", "string"),
    ("reason", "string"),
    ("all", "boolean"),
    ("dry_run", "boolean"),
    ("renew_key", "boolean"),
    ("by", "string"),
    ("why", "string"),
];

const HELD_FILTERS: &[Parameter] = &[
    ("cause", "query", "Only held for this: approval, paused, rule_error or unknown."),
    ("account", "query", "Only of this account."),
    ("rule", "query", "Only of this rule."),
    ("event", "query", "Only for this event."),
    ("before", "query", "Only sends created before this one, by its id, to page on."),
    ("limit", "query", "At most so many; 100 by default, 1000 at the most."),
];

const MANY: &[(&str, &str)] = &[
    ("cause", "string"),
    ("account", "string"),
    ("rule", "string"),
    ("all", "boolean"),
    ("dry_run", "boolean"),
    ("by", "string"),
    ("why", "string"),
];

const MANY_ANSWER: &[(&str, &str)] =
    &[("status", "string"), ("sends", "[]string"), ("left", "[]object"), ("more", "boolean")];

/// Sends, and what people do with them.
pub(super) const SENDS: &[Call] = &[
    Call {
        method: "get",
        path: "/outbox",
        summary: "Sends, newest first.",
        parameters: SEND_FILTERS,
        body: &[],
        answer: &[("sends", "[]Send")],
    },
    Call {
        method: "get",
        path: "/outbox/{id}",
        summary: "One send with every attempt.",
        parameters: &[("id", "path", "The send.")],
        body: &[],
        answer: &[("id", "string"), ("state", "string")],
    },
    Call {
        method: "get",
        path: "/dead",
        summary: "Dead letters, newest first.",
        parameters: SEND_FILTERS,
        body: &[],
        answer: &[("sends", "[]Send")],
    },
    Call {
        method: "post",
        path: "/dead/{id}/redrive",
        summary: "Puts a dead letter back into the outbox.",
        parameters: &[("id", "path", "The send.")],
        body: &[("renew_key", "boolean"), ("by", "string"), ("why", "string")],
        answer: &[("status", "string"), ("send", "string")],
    },
    Call {
        method: "post",
        path: "/dead/{id}/drop",
        summary: "Drops a dead letter with a reason.",
        parameters: &[("id", "path", "The send.")],
        body: &[("by", "string"), ("why", "string")],
        answer: &[("status", "string"), ("send", "string")],
    },
    Call {
        method: "post",
        path: "/dead/redrive",
        summary: "Puts all dead letters that are named back into the outbox.",
        parameters: &[],
        body: REDRIVE_MANY,
        answer: MANY_ANSWER,
    },
    Call {
        method: "post",
        path: "/dead/drop",
        summary: "Drops all dead letters that are named, with a reason.",
        parameters: &[],
        body: DEAD_MANY,
        answer: MANY_ANSWER,
    },
    Call {
        method: "get",
        path: "/held",
        summary: "Sends that wait for a person, newest first.",
        parameters: HELD_FILTERS,
        body: &[],
        answer: &[("sends", "[]Send")],
    },
    Call {
        method: "get",
        path: "/held/{id}",
        summary: "One held send.",
        parameters: &[("id", "path", "The send.")],
        body: &[],
        answer: &[("id", "string"), ("state", "string")],
    },
    Call {
        method: "post",
        path: "/held/{id}/approve",
        summary: "Says yes to a send that waits for approval; it is looked at again before it leaves.",
        parameters: &[("id", "path", "The send.")],
        body: &[("by", "string"), ("why", "string")],
        answer: &[("status", "string"), ("send", "string")],
    },
    Call {
        method: "post",
        path: "/held/{id}/release",
        summary: "Lets go a send that is held for another cause, once that is over.",
        parameters: &[("id", "path", "The send.")],
        body: &[("by", "string"), ("why", "string")],
        answer: &[("status", "string"), ("send", "string")],
    },
    Call {
        method: "post",
        path: "/held/{id}/confirm",
        summary: "Says of a held send that was tried that it did arrive; it is not sent again.",
        parameters: &[("id", "path", "The send.")],
        body: &[("by", "string"), ("why", "string")],
        answer: &[("status", "string"), ("send", "string")],
    },
    Call {
        method: "post",
        path: "/held/{id}/drop",
        summary: "Drops a held send with a reason.",
        parameters: &[("id", "path", "The send.")],
        body: &[("by", "string"), ("why", "string")],
        answer: &[("status", "string"), ("send", "string")],
    },
    Call {
        method: "post",
        path: "/held/approve",
        summary: "Approves all held sends that are named.",
        parameters: &[],
        body: MANY,
        answer: MANY_ANSWER,
    },
    Call {
        method: "post",
        path: "/held/release",
        summary: "Releases all held sends that are named.",
        parameters: &[],
        body: MANY,
        answer: MANY_ANSWER,
    },
    Call {
        method: "post",
        path: "/held/drop",
        summary: "Drops all held sends that are named, with a reason.",
        parameters: &[],
        body: MANY,
        answer: MANY_ANSWER,
    },
];
