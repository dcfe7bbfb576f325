//! Channels: the word a webhook uses, our word, and the `type` a message is sent as. It sends nothing.

use serde_json::Value;

use crate::provider::read;

/// Our word, and the `type` of "Send a new message". `RCS` and `TIKTOK` stand in the OpenAPI file only.
const SENDABLE: [(&str, &str); 9] = [
    ("sms", "SMS"),
    ("email", "Email"),
    ("whatsapp", "WhatsApp"),
    ("ig", "IG"),
    ("fb", "FB"),
    ("live_chat", "Live_Chat"),
    ("custom", "Custom"),
    ("rcs", "RCS"),
    ("tiktok", "TIKTOK"),
];

/// Other spellings that were seen, in lower case and without `TYPE_`.
const ALIASES: [(&str, &str); 6] = [
    ("instagram", "ig"),
    ("facebook", "fb"),
    ("livechat", "live_chat"),
    ("voice_mail", "voicemail"),
    ("internalcomment", INTERNAL_COMMENT),
    ("internal_comments", INTERNAL_COMMENT),
];

/// The word of an e-mail.
pub(super) const EMAIL: &str = "email";

/// The word of a comment among the team.
pub(super) const INTERNAL_COMMENT: &str = "internal_comment";

/// Our word for a `messageType`: `SMS`, `Live Chat`, `VoiceMail`, `TYPE_EMAIL`.
pub(super) fn word(message_type: &str) -> String {
    let lower = message_type.trim().to_lowercase().replace([' ', '-'], "_");
    let bare = lower.strip_prefix("type_").unwrap_or(&lower);
    let alias = ALIASES.iter().find(|(seen, _)| *seen == bare);
    alias.map_or(bare, |(_, word)| *word).to_owned()
}

/// The word of a webhook for the `messageType` of a list, which tells the providers of a location's own channels apart
/// (`TYPE_CUSTOM_PROVIDER_SMS`).
pub(super) fn announced_word(message_type: &str) -> String {
    match word(message_type) {
        custom if custom.starts_with("custom") => "Custom".to_owned(),
        _ => message_type.to_owned(),
    }
}

/// Whether a channel carries mails: `email`, `custom_email`, …
pub(super) fn is_mail(word: &str) -> bool {
    word.ends_with(EMAIL)
}

/// Whether an item of a list of messages stands for a thread of mails.
pub(super) fn is_mail_thread(item: &Value) -> bool {
    kind(item).is_some_and(|word| is_mail(&word))
}

/// Whether an item of a list of messages tells of something that nobody wrote (`TYPE_ACTIVITY_…`).
pub(super) fn is_activity(item: &Value) -> bool {
    kind(item).is_some_and(|word| word.starts_with("activity"))
}

fn kind(item: &Value) -> Option<String> {
    read::text(item, "/messageType").map(|found| word(&found))
}

/// The `type` that answers on a channel, or why there is none.
pub(super) fn send_type(channel: Option<&str>) -> Result<&'static str, String> {
    let channel = channel.ok_or("the event names no channel to answer on")?;
    let found = SENDABLE.iter().find(|(word, _)| *word == channel);
    found.map(|(_, kind)| *kind).ok_or_else(|| {
        let known: Vec<&str> = SENDABLE.iter().map(|(word, _)| *word).collect();
        format!("HighLevel sends no message on this channel; it does on {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_has_one_word_and_each_word_one_type() {
        for (seen, expected, sent) in [
            ("SMS", "sms", Some("SMS")),
            ("Email", "email", Some("Email")),
            ("TYPE_EMAIL", "email", Some("Email")),
            ("Live Chat", "live_chat", Some("Live_Chat")),
            ("Live_Chat", "live_chat", Some("Live_Chat")),
            ("Instagram", "ig", Some("IG")),
            ("FB", "fb", Some("FB")),
            ("WhatsApp", "whatsapp", Some("WhatsApp")),
            ("Custom", "custom", Some("Custom")),
            ("CALL", "call", None),
            ("VoiceMail", "voicemail", None),
            ("GMB", "gmb", None),
            ("InternalComment", "internal_comment", None),
        ] {
            assert_eq!(word(seen), expected, "{seen}");
            assert_eq!(send_type(Some(expected)).ok(), sent, "{seen}");
        }
        assert!(send_type(None).is_err());
    }
}
