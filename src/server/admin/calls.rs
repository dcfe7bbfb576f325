//! The calls of the admin API, as its OpenAPI document has them.

mod sends;
mod sources;

/// A parameter: its name, `path` or `query`, and what it is.
pub(super) type Parameter = (&'static str, &'static str, &'static str);

/// One call.
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) parameters: &'static [Parameter],
    /// The request body, by its properties.
    pub(super) body: &'static [(&'static str, &'static str)],
    /// The properties of the answer, each with the name of its shape; `[]` before it for a list.
    pub(super) answer: &'static [(&'static str, &'static str)],
}

/// Every call, in the order of the documentation.
pub(super) fn all() -> impl Iterator<Item = &'static Call> {
    EVENTS.iter().chain(sends::SENDS).chain(ORDERS).chain(sources::SOURCES)
}

/// What there is, and what came in.
const EVENTS: &[Call] = &[
    Call {
        method: "get",
        path: "/status",
        summary: "What is configured and how much waits.",
        parameters: &[],
        body: &[],
        answer: &[
            ("version", "string"),
            ("store", "string"),
            ("book", "string"),
            ("rules", "integer"),
            ("counts", "Counts"),
            ("quarantined", "integer"),
            ("paused", "[]string"),
            ("sources", "[]object"),
            ("accounts", "[]object"),
        ],
    },
    Call {
        method: "get",
        path: "/state",
        summary: "What the store keeps and what that takes on disk.",
        parameters: &[],
        body: &[],
        answer: &[("counts", "Counts"), ("usage", "Usage")],
    },
    Call {
        method: "get",
        path: "/accounts",
        summary: "Accounts with what is left of their rate budgets, where their breakers stand, and how many sends are open.",
        parameters: &[],
        body: &[],
        answer: &[("accounts", "[]Account")],
    },
    Call {
        method: "get",
        path: "/events",
        summary: "Events with their decisions, newest first unless asked otherwise.",
        parameters: &[
            ("kind", "query", "Only of this kind."),
            ("source", "query", "Only from this source."),
            ("conversation", "query", "Only of this conversation, by the provider's id."),
            ("since", "query", "Received at or after this time (RFC 3339)."),
            ("before", "query", "Accepted before this event, to page on."),
            ("after", "query", "Accepted after this event, to page on from the oldest."),
            ("order", "query", "newest (default) or oldest first, in the order of acceptance."),
            ("limit", "query", "At most so many; 100 by default, 1000 at the most."),
        ],
        body: &[],
        answer: &[("events", "[]StoredEvent")],
    },
    Call {
        method: "get",
        path: "/events/{id}",
        summary: "One event with its decision and its sends.",
        parameters: &[("id", "path", "The event.")],
        body: &[],
        answer: &[("event", "Event"), ("decision", "Decision"), ("sends", "[]Send")],
    },
    Call {
        method: "get",
        path: "/events/{id}/explain",
        summary: "The same, with the why-not of every rule that did not match, by the rule book of that time.",
        parameters: &[("id", "path", "The event.")],
        body: &[],
        answer: &[("event", "Event"), ("decision", "Decision"), ("sends", "[]Send"), ("differs", "[]string")],
    },
];

/// What stands against replies, what people order, and the rules.
const ORDERS: &[Call] = &[
    Call {
        method: "get",
        path: "/quarantine",
        summary: "Who gets no automatic reply because a cap was reached, newest first.",
        parameters: &[("all", "query", "`true`: also those that are over.")],
        body: &[],
        answer: &[("quarantines", "[]Quarantine")],
    },
    Call {
        method: "get",
        path: "/quarantine/{id}",
        summary: "One quarantine with its evidence.",
        parameters: &[("id", "path", "The quarantine.")],
        body: &[],
        answer: &[("id", "string"), ("active", "boolean")],
    },
    Call {
        method: "post",
        path: "/quarantine/{id}/release",
        summary: "Lifts a quarantine and counts anew.",
        parameters: &[("id", "path", "The quarantine.")],
        body: &[("by", "string"), ("why", "string")],
        answer: &[("status", "string"), ("quarantine", "string")],
    },
    Call {
        method: "get",
        path: "/controls",
        summary: "What is paused, and what modes are ordered for conversations: by whom, since when, why.",
        parameters: &[],
        body: &[],
        answer: &[("controls", "[]Control")],
    },
    Call {
        method: "post",
        path: "/pause",
        summary: "Pauses all, rule:NAME, account:NAME or conversation:ID: events are decided, sends are held.",
        parameters: &[],
        body: &[("scope", "string"), ("by", "string"), ("why", "string")],
        answer: &[("status", "string"), ("control", "Control")],
    },
    Call {
        method: "post",
        path: "/resume",
        summary: "Ends a pause, and in a conversation the silence after a person wrote; what was held is looked at again.",
        parameters: &[],
        body: &[("scope", "string"), ("by", "string"), ("why", "string")],
        answer: &[("status", "string"), ("control", "Control"), ("released", "integer"), ("still_paused", "[]string")],
    },
    Call {
        method: "post",
        path: "/mode",
        summary: "How far rules go in one conversation instead of their own mode; null for their own.",
        parameters: &[],
        body: &[("conversation", "string"), ("mode", "string"), ("by", "string"), ("why", "string")],
        answer: &[("status", "string"), ("control", "Control")],
    },
    Call {
        method: "get",
        path: "/rules",
        summary: "The rules in force.",
        parameters: &[],
        body: &[],
        answer: &[("book", "string"), ("rules", "[]object")],
    },
    Call {
        method: "post",
        path: "/reload",
        summary: "Loads the rules anew; the last good ones stay in force when they cannot be.",
        parameters: &[],
        body: &[],
        answer: &[("status", "string"), ("book", "string")],
    },
    Call { method: "get", path: "/openapi.json", summary: "This document.", parameters: &[], body: &[], answer: &[] },
];
