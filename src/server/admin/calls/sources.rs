//! The calls about sources, and about what the providers hold.

use super::{Call, Parameter};

const SOURCE: &[(&str, &str)] = &[
    ("name", "string"),
    ("account", "string"),
    ("provider", "string"),
    ("verify", "string"),
    ("poll", "string"),
    ("backfill", "string"),
    ("last_event", "string"),
    ("position", "string"),
    ("unfinished", "string"),
    ("last_poll", "string"),
    ("next_poll", "string"),
    ("errors", "integer"),
    ("error", "string"),
    ("skipped", "integer"),
    ("missed", "string"),
    ("asked", "Progress"),
];

const TURNED: &[Parameter] =
    &[("account", "path", "The account."), ("cursor", "query", "The `next` of the page before.")];

/// Sources, and the lists of providers.
pub(super) const SOURCES: &[Call] = &[
    Call {
        method: "get",
        path: "/sources",
        summary: "Where events come in, and how each source stands.",
        parameters: &[],
        body: &[],
        answer: &[("sources", "[]object")],
    },
    Call {
        method: "get",
        path: "/sources/{name}",
        summary: "One source: how it is verified and polled, how far it has been read, and what went wrong.",
        parameters: &[("name", "path", "The source.")],
        body: &[],
        answer: SOURCE,
    },
    Call {
        method: "post",
        path: "/sources/{name}/poll",
        summary: "Starts reading what came since the last time. `asked` of the source says how far it has come.",
        parameters: &[("name", "path", "The source.")],
        body: &[],
        answer: &[("status", "string"), ("number", "integer")],
    },
    Call {
        method: "post",
        path: "/sources/{name}/backfill",
        summary: "Starts reading what came since a time (RFC 3339) or for a duration. `asked` of the source says how far it has come.",
        parameters: &[("name", "path", "The source.")],
        body: &[("since", "string"), ("dry_run", "boolean")],
        answer: &[("status", "string"), ("number", "integer"), ("since", "string")],
    },
    Call {
        method: "get",
        path: "/accounts/{account}/conversations",
        summary: "A page of the conversations at the account's provider, in the provider's order.",
        parameters: &[
            ("account", "path", "The account."),
            ("status", "query", "Only in this status: open, closed, or another word of the provider."),
            ("unread", "query", "`true`: only with unread messages; `false`: only without."),
            ("search", "query", "Only with these words in subject, name or address."),
            ("since", "query", "Only with a message at or after this time (RFC 3339)."),
            ("assignee", "query", "Only in the hands of this teammate, by the provider's id."),
            ("channel", "query", "Only through this channel: email, sms, …"),
            ("tag", "query", "Only with this tag."),
            ("page_size", "query", "How many in a page; the provider's bounds hold."),
            ("cursor", "query", "The `next` of the page before."),
        ],
        body: &[],
        answer: &[("conversations", "[]object"), ("next", "string")],
    },
    Call {
        method: "get",
        path: "/accounts/{account}/members",
        summary: "A page of the teammates at the account's provider.",
        parameters: TURNED,
        body: &[],
        answer: &[("members", "[]object"), ("next", "string")],
    },
    Call {
        method: "get",
        path: "/accounts/{account}/snippets",
        summary: "A page of the snippets or saved messages at the account's provider.",
        parameters: TURNED,
        body: &[],
        answer: &[("snippets", "[]object"), ("next", "string")],
    },
    Call {
        method: "get",
        path: "/sources/{name}/refused",
        summary: "What the source refused within the last hour, and why. No values, only findings.",
        parameters: &[("name", "path", "The source.")],
        body: &[],
        answer: &[("source", "string"), ("refused", "[]Refused"), ("not_looked_at", "integer")],
    },
];
