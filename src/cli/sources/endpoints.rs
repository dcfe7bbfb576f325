//! `sources endpoints`: what is registered at the provider of a source, and changes of it.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::super::output::{self, plain, tame};
use super::super::{ConfigArguments, Ended, Format, story};
use super::provider::AtProvider;
use super::register::{hand_over, tell};
use super::secret::SecretArguments;
use crate::model::SourceName;
use crate::provider::RegisteredEndpoint;
use crate::provider::registration::{EndpointChange, end_of_rotation, rotate};

#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  rejoinder sources endpoints list inbox\n  rejoinder sources endpoints rotate inbox --secret-file new.secret"
)]
pub(in crate::cli) enum EndpointsCommand {
    /// Every endpoint of the account, whoever made it. Secrets are not shown again.
    #[command(after_help = "Example:\n  rejoinder sources endpoints list inbox")]
    List(ListArguments),
    /// Has the provider send a test delivery.
    #[command(after_help = "Example:\n  rejoinder sources endpoints test inbox")]
    Test(ChangeArguments),
    /// Stops deliveries until they are resumed.
    #[command(after_help = "Example:\n  rejoinder sources endpoints pause inbox")]
    Pause(ChangeArguments),
    /// Lets deliveries come again.
    #[command(after_help = "Example:\n  rejoinder sources endpoints resume inbox")]
    Resume(ChangeArguments),
    /// Makes another secret; the first one stays in force until --finish.
    #[command(
        after_help = "Examples:\n  rejoinder sources endpoints rotate inbox --secret-file new.secret   # then write it beside the first, restart\n  rejoinder sources endpoints rotate inbox --finish"
    )]
    Rotate(RotateArguments),
    /// Deletes an endpoint, with what the provider keeps of its deliveries.
    #[command(after_help = "Example:\n  rejoinder sources endpoints delete inbox --endpoint wde_01HWDG5ADN --dry-run")]
    Delete(ChangeArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArguments {
    /// The source.
    source: String,
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ChangeArguments {
    /// The source.
    source: String,
    /// The endpoint's id; by default the only one that ends in `/webhooks/SOURCE`.
    #[arg(long, value_name = "ID")]
    endpoint: Option<String>,
    /// Say what would be done; change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    config: ConfigArguments,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RotateArguments {
    #[command(flatten)]
    change: ChangeArguments,
    #[command(flatten)]
    secret: SecretArguments,
    /// End the rotation: every secret but the newest goes. Only when the newest one is in the configuration.
    #[arg(long, conflicts_with = "secret_file")]
    finish: bool,
}

pub(super) async fn run(command: EndpointsCommand) -> anyhow::Result<Ended> {
    match command {
        EndpointsCommand::List(arguments) => list(&arguments).await,
        EndpointsCommand::Test(arguments) => change(&arguments, EndpointChange::Test).await,
        EndpointsCommand::Pause(arguments) => change(&arguments, EndpointChange::Pause).await,
        EndpointsCommand::Resume(arguments) => change(&arguments, EndpointChange::Resume).await,
        EndpointsCommand::Delete(arguments) => change(&arguments, EndpointChange::Delete).await,
        EndpointsCommand::Rotate(arguments) if arguments.finish => finish(&arguments.change).await,
        EndpointsCommand::Rotate(arguments) => begin(&arguments).await,
    }
}

async fn list(arguments: &ListArguments) -> anyhow::Result<Ended> {
    let at = AtProvider::of(&arguments.config, &arguments.source)?;
    let found = at.endpoints()?.list(&at.reading()).await.map_err(|error| at.trouble(&error))?;
    let rows: Vec<Value> = found.iter().map(|endpoint| shown(endpoint, &at.source)).collect();
    let answer = json!({ "endpoints": rows });
    let head = ["ID", "THIS SOURCE", "STATUS", "URL", "EVENTS", "SECRETS", "CREATED", "FAILING SINCE"];
    output::list(arguments.format, &answer, "endpoints", &head, row, "there are no endpoints");
    Ok(Ended::Fine)
}

fn shown(endpoint: &RegisteredEndpoint, source: &SourceName) -> Value {
    let mut shown = json!(endpoint);
    shown["this_source"] = json!(endpoint.is_for(source));
    shown
}

fn row(endpoint: &Value) -> Vec<String> {
    let count = |key: &str| endpoint[key].as_array().map_or(0, Vec::len);
    let events = endpoint["events"].as_array().into_iter().flatten().map(plain).collect::<Vec<_>>().join(", ");
    let cells = [
        plain(&endpoint["id"]),
        if endpoint["this_source"] == true { "yes".to_owned() } else { String::new() },
        plain(&endpoint["status"]),
        plain(&endpoint["url"]),
        if events.is_empty() { "all".to_owned() } else { events },
        count("secrets").to_string(),
        story::seconds(&endpoint["created_at"]),
        story::seconds(&endpoint["failing_since"]),
    ];
    cells.iter().map(|cell| tame(cell)).collect()
}

async fn change(arguments: &ChangeArguments, change: EndpointChange) -> anyhow::Result<Ended> {
    let at = AtProvider::of(&arguments.config, &arguments.source)?;
    let endpoint = at.endpoint(arguments.endpoint.as_deref()).await?;
    carry_out(&at, arguments, vec![(endpoint, change)]).await
}

async fn finish(arguments: &ChangeArguments) -> anyhow::Result<Ended> {
    let at = AtProvider::of(&arguments.config, &arguments.source)?;
    let endpoints = at.endpoints()?;
    let mut own = endpoints.list(&at.reading()).await.map_err(|error| at.trouble(&error))?;
    own.retain(|endpoint| endpoint.is_for(&at.source));
    carry_out(&at, arguments, end_of_rotation(endpoints, &own)).await
}

/// Makes the changes, one after the other, and says what was done.
async fn carry_out(
    at: &AtProvider,
    arguments: &ChangeArguments,
    changes: Vec<(RegisteredEndpoint, EndpointChange)>,
) -> anyhow::Result<Ended> {
    let (mut told, endpoints) = (Vec::new(), at.endpoints()?);
    for (endpoint, change) in changes {
        let said = words(&endpoint, &change);
        if !arguments.dry_run {
            endpoints.change(&at.reading(), &endpoint, change).await.map_err(|error| at.trouble(&error))?;
        }
        told.push(said);
    }
    let answer = json!({ "source": at.source, "dry_run": arguments.dry_run, "done": told });
    if told.is_empty() {
        told.push(format!("there is nothing to end: `{}` has no second secret", at.source));
    } else if arguments.dry_run {
        told.insert(0, "nothing was changed; without --dry-run:".to_owned());
    }
    tell(arguments.format, &answer, &told);
    Ok(Ended::Fine)
}

fn words(endpoint: &RegisteredEndpoint, change: &EndpointChange) -> String {
    let (id, url) = (&endpoint.id, &endpoint.url);
    match change {
        EndpointChange::Test => format!("a test delivery is on its way from {id} to {url}"),
        EndpointChange::Pause => format!("{id} is paused; what happens until it is resumed is found by a back-fill"),
        EndpointChange::Resume => format!("{id} delivers to {url} again"),
        EndpointChange::RemoveSecret(secret) => format!("{id} no longer signs with the secret {secret}"),
        EndpointChange::Delete => format!("{id} is deleted; it delivered to {url}"),
        EndpointChange::Subscribe(events) => format!("{id} delivers {}", events.join(", ")),
        EndpointChange::AddSecret => format!("{id} signs with another secret as well"),
    }
}

async fn begin(arguments: &RotateArguments) -> anyhow::Result<Ended> {
    let change = &arguments.change;
    let at = AtProvider::of(&change.config, &change.source)?;
    let (endpoints, endpoint) = (at.endpoints()?, at.endpoint(change.endpoint.as_deref()).await?);
    let said = match endpoints.abilities().secrets {
        true => format!("{} signs with a second secret, beside the first", endpoint.id),
        false => {
            format!("a second endpoint delivers to {}, with a secret of its own, beside {}", endpoint.url, endpoint.id)
        }
    };
    let mut answer = json!({ "source": at.source, "dry_run": change.dry_run, "done": [said] });
    let mut told = vec![said];
    if change.dry_run {
        told.insert(0, "nothing was changed; without --dry-run:".to_owned());
    } else {
        let mut place = arguments.secret.open()?;
        let made = rotate(endpoints, &at.reading(), &endpoint).await.map_err(|error| at.trouble(&error))?;
        answer["endpoint"] = json!(made.endpoint);
        hand_over(&made, &mut place, &at, &mut answer, &mut told)?;
        told.push(format!(
            "keep the first secret beside it until then; afterwards `rejoinder sources endpoints rotate {} --finish` ends that one",
            at.source
        ));
    }
    tell(change.format, &answer, &told);
    Ok(Ended::Fine)
}
