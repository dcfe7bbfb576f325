//! `sources register`: an endpoint at the provider, or the steps for a person.

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};
use url::Url;

use super::super::output::{self, tame};
use super::super::{ConfigArguments, Ended, Format};
use super::provider::AtProvider;
use super::secret::{Place, SecretArguments};
use crate::model::SourceName;
use crate::provider::registration::{EndpointChange, Made, PLACEHOLDERS, Plan, is_path_of};
use crate::provider::{Endpoints, Registration};

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The source.
    source: String,
    /// Where the provider reaches it from outside: https, and `/webhooks/SOURCE` at the end.
    #[arg(long, value_parser = address)]
    url: Url,
    #[command(flatten)]
    secret: SecretArguments,
    /// Say what would be done; change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<Ended> {
    let at = AtProvider::of(&arguments.config, &arguments.source)?;
    check(&arguments.url, &at.source)?;
    match at.registration() {
        Registration::Api(endpoints) => by_api(arguments, &at, endpoints).await,
        Registration::ByHand(steps) => {
            by_hand(arguments, &at, steps);
            Ok(Ended::Fine)
        }
    }
}

fn address(text: &str) -> Result<Url, String> {
    text.parse().map_err(|why| format!("{why}; write it like https://YOUR-HOST/webhooks/SOURCE"))
}

/// Refuses an address that cannot be delivered to, and warns of one that is hardly meant.
fn check(url: &Url, source: &SourceName) -> anyhow::Result<()> {
    let host = url.host_str().unwrap_or("YOUR-HOST");
    let right = format!("https://{host}/webhooks/{source}");
    if url.scheme() != "https" {
        bail!("`{url}` is not https, and providers deliver to nothing else; write {right}");
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        bail!("an address with credentials or `#` is not delivered to; write {right}");
    }
    if !is_path_of(url, source) {
        eprintln!(
            "warning: `{url}` does not end in `/webhooks/{source}`, where rejoinder takes the deliveries of this source; unless a proxy rewrites it, write {right}"
        );
    }
    Ok(())
}

fn by_hand(arguments: &Arguments, at: &AtProvider, steps: &[&str]) {
    let [url, source] = PLACEHOLDERS;
    let fill = |step: &&str| step.replace(url, arguments.url.as_str()).replace(source, at.source.as_str());
    let steps: Vec<String> = steps.iter().map(fill).collect();
    match arguments.format {
        Format::Json => output::json(&json!({ "source": at.source, "result": "by_hand", "steps": steps })),
        Format::Text => {
            output::line(format!("{} is registered by a person, in these steps:", at.title));
            for (number, step) in steps.iter().enumerate() {
                output::line(format!("{}. {step}", number + 1));
            }
        }
    }
}

async fn by_api(arguments: &Arguments, at: &AtProvider, endpoints: &dyn Endpoints) -> anyhow::Result<Ended> {
    let known = endpoints.list(&at.reading()).await.map_err(|error| at.trouble(&error))?;
    let plan = Plan::of(endpoints, &known, &arguments.url);
    let (result, mut told) = words(&plan, endpoints, at, &arguments.url);
    let others = known.iter().filter(|other| other.is_for(&at.source) && other.url != arguments.url.as_str());
    let others: Vec<String> = others.map(|other| format!("{} ({})", other.id, other.url)).collect();
    let mut answer = json!({
        "source": at.source, "account": at.account, "url": arguments.url, "result": result, "dry_run": arguments.dry_run,
        "others": others,
    });
    if arguments.dry_run {
        told.insert(0, "nothing was changed; without --dry-run:".to_owned());
    } else {
        let mut place = match plan {
            Plan::Create => arguments.secret.open()?,
            Plan::Update(..) => Place::nowhere(),
        };
        let made = plan.carry_out(endpoints, &at.reading(), &arguments.url).await;
        let made = made.map_err(|error| at.trouble(&error))?;
        answer["endpoint"] = json!(made.endpoint);
        told.push(format!("its id is {}", made.endpoint.id));
        hand_over(&made, &mut place, at, &mut answer, &mut told)?;
    }
    if !others.is_empty() {
        told.push(format!("other endpoints deliver to `{}` as well: {}", at.source, others.join(", ")));
    }
    tell(arguments.format, &answer, &told);
    Ok(Ended::Fine)
}

/// What comes of it: in a word, and in sentences.
fn words(plan: &Plan, endpoints: &dyn Endpoints, at: &AtProvider, url: &Url) -> (&'static str, Vec<String>) {
    let events = |names: &[String]| names.join(", ");
    let own: Vec<String> = endpoints.events().iter().map(|name| (*name).to_owned()).collect();
    match plan {
        Plan::Create if own.is_empty() => ("created", vec![format!("an endpoint at {} for {url}", at.title)]),
        Plan::Create => ("created", vec![format!("an endpoint at {} for {url}, with {}", at.title, events(&own))]),
        Plan::Update(endpoint, changes) if changes.is_empty() => {
            ("unchanged", vec![format!("the endpoint {} at {} is as it should be", endpoint.id, at.title)])
        }
        Plan::Update(endpoint, changes) => {
            let each = changes.iter().map(|change| match change {
                EndpointChange::Subscribe(names) => {
                    format!("the endpoint {} at {} delivers {}", endpoint.id, at.title, events(names))
                }
                _ => format!("the endpoint {} at {} is no longer paused", endpoint.id, at.title),
            });
            ("updated", each.collect())
        }
    }
}

/// Gives the secret to whoever asked, once, and says what is to be done with it.
pub(super) fn hand_over(
    made: &Made,
    place: &mut Place,
    at: &AtProvider,
    answer: &mut Value,
    told: &mut Vec<String>,
) -> anyhow::Result<()> {
    let key = format!("sources.{}.verify.secrets", at.source);
    let Some(secret) = &made.secret else {
        told.push(format!(
            "its secret was shown when it was made; `rejoinder sources endpoints rotate {}` makes another",
            at.source
        ));
        return Ok(());
    };
    match place.put(secret)? {
        Some(shown) => {
            told.push(format!("its secret, shown this once: {shown}"));
            answer["secret"] = json!(shown);
        }
        None => {
            let path = place.path().map(|path| path.display().to_string());
            told.push(format!("its secret is in {}", path.as_deref().unwrap_or_default()));
            answer["secret_file"] = json!(path);
        }
    }
    told.push(format!("write it where `{key}` takes it from, then start rejoinder anew"));
    Ok(())
}

pub(super) fn tell(format: Format, answer: &Value, told: &[String]) {
    match format {
        Format::Json => output::json(answer),
        Format::Text => told.iter().for_each(|line| output::line(tame(line))),
    }
}
