//! `send`: a correctly signed delivery, posted or printed.

use std::time::Duration;

use anyhow::{Context, anyhow};
use http::{HeaderName, Method};
use url::Url;

use super::{ConfigArguments, Ended, output};
use crate::clock::Clock;
use crate::config;
use crate::http::{Client, Egress, Http, Request};
use crate::model::ids::digest;
use crate::secret::Secret;
use crate::signature::Signing;
use crate::yaml::suggest;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rejoinder send inbox payload.json\n  rejoinder send inbox payload.json --print | sh"
)]
pub(super) struct Arguments {
    /// The source, as named in the configuration.
    source: String,
    /// The provider's JSON; `-` reads standard input.
    payload: String,
    #[command(flatten)]
    config: ConfigArguments,
    /// Where to, instead of the configured address.
    #[arg(long)]
    url: Option<Url>,
    /// Print a curl command instead of posting.
    #[arg(long)]
    print: bool,
    /// The private key (PEM or base64), for schemes that verify with a public key.
    #[arg(long, value_name = "FILE")]
    key: Option<String>,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<Ended> {
    let settings = config::load(&arguments.config.config)?;
    let names = settings.sources.iter().map(|source| source.name.as_str());
    let source = settings
        .sources
        .iter()
        .find(|source| source.name.as_str() == arguments.source)
        .ok_or_else(|| anyhow!("there is no source `{}`{}", arguments.source, suggest(&arguments.source, names)))?;
    let body = output::read(&arguments.payload)?;
    let private_key = arguments.key.as_deref().map(output::read).transpose()?.map(Secret::from);
    let id = format!("msg_{}", digest(&[&arguments.source, &body]));
    let signing =
        Signing { body: body.as_bytes(), id: &id, now: Clock::system().now(), private_key: private_key.as_ref() };
    let cannot = |why| anyhow!("the delivery cannot be signed: {why}");
    let sealed = source.verifier.seal(&signing).map_err(cannot)?;
    let headers = source.verifier.sign(&Signing { body: &sealed, ..signing }).map_err(cannot)?;
    let body = String::from_utf8_lossy(&sealed).into_owned();
    let url = match arguments.url {
        Some(url) => url,
        None => format!("http://{}/webhooks/{}", settings.listen, arguments.source).parse().context("the address")?,
    };
    if arguments.print {
        output::line(curl(&url, &headers, &body));
        return Ok(Ended::Fine);
    }
    post(url, &headers, body).await
}

async fn post(url: Url, headers: &[(String, String)], body: String) -> anyhow::Result<Ended> {
    let mut egress = Egress::default();
    egress.allow(&url);
    let mut request = Request::new(Method::POST, url).header(http::header::CONTENT_TYPE, "application/json");
    request.body = body.into_bytes();
    for (name, value) in headers {
        request = request.header(HeaderName::try_from(name.as_str())?, value);
    }
    let response = Client::new(egress, Duration::from_secs(30))?
        .call(request)
        .await
        .context("is the server running? `rejoinder serve` starts it")?;
    output::line(format!("{} {}", response.status, String::from_utf8_lossy(&response.body)));
    Ok(if response.is_success() { Ended::Fine } else { Ended::Failed })
}

fn curl(url: &Url, headers: &[(String, String)], body: &str) -> String {
    let quote = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let json = ("content-type".to_owned(), "application/json".to_owned());
    let is_typed = headers.iter().any(|(name, _)| *name == json.0);
    let headers = Some(&json).filter(|_| !is_typed).into_iter().chain(headers);
    let headers: Vec<String> =
        headers.map(|(name, value)| format!(" \\\n  -H {}", quote(&format!("{name}: {value}")))).collect();
    format!("curl -X POST {}{} \\\n  --data-binary {}", quote(url.as_str()), headers.concat(), quote(body))
}
