//! HighLevel's OAuth tokens: a refresh token is replaced by each use, and the old one is worth nothing then.
//! It issues no first token; the refresh token of the installation is a constant.

use serde_json::json;

use super::config::{CLIENT_ID, CLIENT_SECRET, KEY, LOCATION_ID, REFRESH_TOKEN};
use super::desk::Desk;
use super::wire::{Answer, Ask};

/// Seconds that an access token is said to be valid.
const VALID: u32 = 86_399;

/// The private integration token, or the newest access token.
pub(super) fn is_valid(desk: &Desk, token: &str) -> bool {
    token == KEY || (desk.renewals > 0 && token == access(desk))
}

fn access(desk: &Desk) -> String {
    format!("{KEY}-access-{}", desk.renewals)
}

fn refresh(desk: &Desk) -> String {
    if desk.renewals == 0 { REFRESH_TOKEN.to_owned() } else { format!("{REFRESH_TOKEN}-{}", desk.renewals) }
}

/// `POST /oauth/token` with `grant_type=refresh_token`, as a form.
pub(super) fn renew(desk: &mut Desk, ask: &Ask<'_>) -> Result<Answer, Answer> {
    let refused =
        |error: &str| Answer::new(400, json!({ "error": error, "error_description": "refused by the sandbox" }));
    let form = ask.form().ok_or_else(|| refused("invalid_request"))?;
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if field("grant_type") != Some("refresh_token") {
        return Err(refused("unsupported_grant_type"));
    }
    if field("client_id") != Some(CLIENT_ID) || field("client_secret") != Some(CLIENT_SECRET) {
        return Err(Answer::new(401, json!({ "error": "invalid_client" })));
    }
    if field("refresh_token") != Some(refresh(desk).as_str()) {
        return Err(refused("invalid_grant"));
    }
    desk.renewals += 1;
    Ok(Answer::ok(json!({
        "access_token": access(desk), "token_type": "Bearer", "expires_in": VALID, "refresh_token": refresh(desk),
        "scope": "conversations/message.write contacts.write", "userType": "Location", "locationId": LOCATION_ID,
    })))
}
