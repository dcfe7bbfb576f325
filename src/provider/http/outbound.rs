//! Carries sends out as described: fills the templates in, makes one call, and judges the answer.
//! A value that cannot be filled in refuses the send; nothing is called then.

use std::collections::BTreeSet;

use http::Method;
use http::header::HeaderValue;
use minijinja::value::Serde;
use serde_json::{Map, Value, json};
use url::Url;

use super::config::Account;
use super::plan::{Plan, ReadBackPlan, Success};
use super::template::Template;
use crate::http::{CallError, Request, Response};
use crate::model::{Action, Outcome};
use crate::provider::outcome::{Repeat, judge};
use crate::provider::{Call, read};

/// Carries out a send.
pub(super) async fn deliver(account: &Account, call: &Call<'_>) -> Outcome {
    let action = call.send.action.name();
    let Some(plan) = account.plan(action) else {
        return Outcome::Refused { reason: format!("the account describes no call for `{action}`") };
    };
    match compose(account, plan, call) {
        Ok(request) => outcome(plan, call, call.http.call(request).await),
        Err(reason) => Outcome::Refused { reason },
    }
}

fn compose(account: &Account, plan: &Plan, call: &Call<'_>) -> Result<Request, String> {
    let context = context(call, &plan.mentioned);
    let mut url = address(account, &plan.path, &context)?;
    for (name, template) in &plan.query {
        url.query_pairs_mut().append_pair(name, &template.render(&context)?);
    }
    let mut request = match &plan.body {
        Some(body) => Request::json(plan.method.clone(), url, &body.fill(&context)?),
        None => Request::new(plan.method.clone(), url),
    };
    for (name, template) in &plan.headers {
        let value = HeaderValue::from_str(&template.render(&context)?);
        let value = value.map_err(|_| format!("the header `{name}` cannot hold the value that was filled in"))?;
        request.headers.insert(name.clone(), value);
    }
    if let Some(name) = &plan.key_header {
        request = request.header(name.clone(), &call.send.idempotency_key);
    }
    Ok(with_credentials(account, request))
}

/// A request that reads something below the account's address.
pub(super) fn reading(account: &Account, plan: &ReadBackPlan, call: &Call<'_>) -> Result<Request, String> {
    let url = address(account, &plan.path, &context(call, &plan.mentioned))?;
    Ok(with_credentials(account, Request::new(Method::GET, url)))
}

fn with_credentials(account: &Account, request: Request) -> Request {
    account.headers.iter().fold(request, |request, (name, value)| request.secret_header(name.clone(), value))
}

/// The address below the base. Values are percent-encoded, so only the written part of a path can hold `/`, `?` or dots;
/// what leaves the base nevertheless is refused.
fn address(account: &Account, path: &Template, context: &minijinja::Value) -> Result<Url, String> {
    let root = account.base.as_str().trim_end_matches('/');
    let url: Url =
        format!("{root}{}", path.render(context)?).parse().map_err(|_| "the address is not one".to_owned())?;
    let below = format!("{}/", account.base.path().trim_end_matches('/'));
    match url.origin() == account.base.origin() && url.path().starts_with(&below) {
        true => Ok(url),
        false => Err("the address leaves the account's `base_url`".to_owned()),
    }
}

/// What the templates can use, as far as they mention it. What the event does not have is undefined, not empty.
fn context(call: &Call<'_>, mentioned: &BTreeSet<&'static str>) -> minijinja::Value {
    let event = call.event;
    let mut variables = Map::new();
    for name in mentioned {
        let value = match *name {
            "conversation" => json!(event.conversation),
            "contact" => json!(event.contact),
            "message" => event.message.as_ref().map_or(json!({}), |message| json!(message)),
            "event" => json!({
                "id": event.id, "kind": event.kind, "at": event.at, "received_at": event.received_at,
                "source": event.source, "provider": event.provider, "account": event.account,
            }),
            "idempotency_key" => json!(call.send.idempotency_key),
            name => match own(call, name) {
                Some(value) => value,
                None => continue,
            },
        };
        variables.insert((*name).to_owned(), value);
    }
    minijinja::Value::from(Serde(&Value::Object(variables)))
}

/// What the templates of one action can use beside the rest.
fn own(call: &Call<'_>, name: &str) -> Option<Value> {
    Some(match (&call.send.action, name) {
        (Action::Reply(reply), "text") => json!(reply.text),
        (Action::Reply(reply), "html") => json!(reply.html),
        (Action::Reply(reply), "attachments") => json!(reply.attachments),
        (Action::Reply(reply), "subject") => {
            json!(reply.subject.as_ref().or(call.event.conversation.subject.as_ref())?)
        }
        (Action::Reply(reply), "sender") => json!(reply.sender.as_ref()?),
        (Action::Note(note), "text") => json!(note.text),
        (Action::Note(note), "html") => json!(note.html),
        (Action::Note(note), "page") => note.page.iter().map(|member| member.id.as_str()).collect(),
        (Action::Note(note), "mentions") => note.page.iter().map(|member| member.alias.as_str()).collect(),
        (Action::Snippet(snippet), "snippet") => json!({ "id": snippet.id, "data": snippet.data }),
        (Action::Tag(change), "tags") => json!({ "add": change.add, "remove": change.remove }),
        (Action::Assign(assign), "member") => json!(assign.id),
        _ => return None,
    })
}

fn outcome(plan: &Plan, call: &Call<'_>, result: Result<Response, CallError>) -> Outcome {
    let repeat = if call.send.action.is_idempotent() { Repeat::Safe } else { Repeat::Harmful };
    let delivered = |response: &Response| Outcome::Delivered {
        provider_id: plan.id.as_ref().and_then(|pointer| read::text(&response.json(), pointer)),
        request_id: None,
    };
    match (&plan.success, &result) {
        (Success::Statuses(statuses), Ok(response)) if statuses.contains(&response.status) => delivered(response),
        (Success::Statuses(_), Ok(response)) if response.is_success() => {
            Outcome::Refused { reason: format!("{} is not among `success`", response.status) }
        }
        (Success::Values(values), Ok(response)) if response.is_success() => {
            let json = response.json();
            match values.iter().find(|(pointer, value)| json.pointer(pointer) != Some(*value)) {
                Some((pointer, _)) => Outcome::Refused {
                    reason: format!("{}, but `{pointer}` is not as `success` wants", response.status),
                },
                None => delivered(response),
            }
        }
        // Of an API that is not known here, any 2xx counts, whatever its body.
        (Success::Any, Ok(response)) if response.is_success() => delivered(response),
        _ => judge(result, repeat, call.now, delivered),
    }
}
