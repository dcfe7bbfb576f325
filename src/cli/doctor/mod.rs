//! `doctor`: why a source refuses its deliveries, from a captured request or from what the server refused lately.

mod request;

use anyhow::{anyhow, bail};
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::access::{Access, ReadOnly};
use super::output::{self, BAD, FAINT, GOOD, HEAD, paint, plain};
use super::{ConfigArguments, Ended, Format, story};
use crate::clock::Clock;
use crate::config::Settings;
use crate::model::{Delivery, SourceName};
use crate::signature::{Arrival, Diagnosis};
use crate::yaml::suggest;
use crate::{app, config};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rejoinder doctor inbox\n  nc -l 9000 > request.http        # then let the sender, or a proxy, post there once\n  rejoinder doctor inbox --request request.http"
)]
pub(super) struct Arguments {
    /// The source, as named in the configuration.
    source: String,
    /// A captured request, as it came over the line: HTTP/1.1, head and body. `-` reads standard input. Without it, what the
    /// running server refused within the last hour.
    #[arg(long, value_name = "FILE")]
    request: Option<String>,
    /// When the request was captured (RFC 3339); now by default.
    #[arg(long, value_name = "TIME", requires = "request")]
    at: Option<Timestamp>,
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<Ended> {
    match &arguments.request {
        Some(path) => captured(&arguments, path),
        None => refused(&arguments).await,
    }
}

fn captured(arguments: &Arguments, path: &str) -> anyhow::Result<Ended> {
    let settings = config::load(&arguments.config.config)?;
    let source = known(&settings, &arguments.source)?;
    let request = request::read(path)?;
    let now = arguments.at.unwrap_or_else(|| Clock::system().now());
    let delivery = Delivery { headers: request.headers, body: request.body, received_at: now };
    let arrival = Arrival { target: Some(&request.target) };
    let diagnosis = app::doctor(&settings)
        .diagnose(&source, &delivery, &arrival, now)
        .ok_or_else(|| nobody(&settings, &arguments.source))?;
    match arguments.format {
        Format::Json => output::json(&json!(diagnosis)),
        Format::Text => tell(&arguments.source, &diagnosis),
    }
    Ok(if diagnosis.verified { Ended::Fine } else { Ended::Failed })
}

/// The source of that name.
fn known(settings: &Settings, name: &str) -> anyhow::Result<SourceName> {
    let source = settings.sources.iter().map(|source| &source.name).find(|source| source.as_str() == name);
    source.cloned().ok_or_else(|| nobody(settings, name))
}

fn nobody(settings: &Settings, name: &str) -> anyhow::Error {
    let names = settings.sources.iter().map(|source| source.name.as_str());
    anyhow!("there is no source `{name}`{}", suggest(name, names))
}

fn tell(source: &str, diagnosis: &Diagnosis) {
    if diagnosis.verified {
        let fits = diagnosis.fits.map(|it| format!(", by number {it} of its secrets or keys")).unwrap_or_default();
        return output::line(format!("{} by `{source}`{fits}", paint(GOOD, "verified")));
    }
    let reason = diagnosis.reason.as_deref().unwrap_or_default();
    output::line(format!("{} by `{source}`: {reason}", paint(BAD, "refused")));
    findings(&json!(diagnosis.findings));
}

fn findings(findings: &Value) {
    for finding in findings.as_array().into_iter().flatten() {
        output::line(format!("  {}  {}", paint(HEAD, &plain(&finding["finding"])), plain(&finding["says"])));
        output::line(paint(FAINT, &format!("    {}", plain(&finding["advice"]))));
    }
}

async fn refused(arguments: &Arguments) -> anyhow::Result<Ended> {
    // A server can be asked whatever is wrong with the configuration, and knows its sources.
    if let Ok(settings) = config::load(&arguments.config.config) {
        known(&settings, &arguments.source)?;
    }
    let access = Access::open(&arguments.config).await?;
    if matches!(access, Access::Stopped(_)) {
        access.close().await?;
        bail!(
            "no server runs here, and what one refused is gone with it; capture a request and give it with --request"
        );
    }
    let path: String = url::form_urlencoded::byte_serialize(arguments.source.as_bytes()).collect();
    let answer = ReadOnly::from(access).get(&format!("/api/v1/sources/{}/refused", path.replace('+', "%20"))).await?;
    match arguments.format {
        Format::Json => output::json(&answer),
        Format::Text => list(&arguments.source, &answer),
    }
    let is_well = answer["refused"].as_array().is_none_or(Vec::is_empty);
    Ok(if is_well { Ended::Fine } else { Ended::Failed })
}

fn list(source: &str, answer: &Value) {
    let refused = answer["refused"].as_array().map(Vec::as_slice).unwrap_or_default();
    if refused.is_empty() {
        output::line(format!("`{source}` has refused nothing within the last hour"));
    }
    for kind in refused {
        let times = match kind["times"].as_u64() {
            Some(1) | None => String::new(),
            Some(times) => format!(", {times} times since {}", story::seconds(&kind["first"])),
        };
        let what = format!("{}  {}", story::seconds(&kind["last"]), paint(BAD, &plain(&kind["reason"])));
        output::line(format!("{what}, {} bytes{times}", kind["body_bytes"]));
        findings(&kind["findings"]);
    }
    if let Some(others @ 1..) = answer["not_looked_at"].as_u64() {
        output::line(format!("{others} more since the start were refused and not looked at"));
    }
}
