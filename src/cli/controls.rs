//! `pause`, `resume` and `mode`: what people order beside the rules.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::access::Access;
use super::hands::By;
use super::output::{self, plain};
use super::{ConfigArguments, Ended, Format, story};
use crate::model::{AccountName, Mode, Scope};

/// The word for each rule's own mode.
const DEFAULT: &str = "default";

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  rejoinder pause --all --why \"wrong prices in the replies\"\n  rejoinder pause --rule greet --why \"under review\"\n  rejoinder pause list"
)]
pub(super) struct PauseArguments {
    #[command(subcommand)]
    command: Option<PauseCommand>,
    #[command(flatten)]
    scope: ScopeArguments,
    /// Why; shown to whoever finds it paused.
    #[arg(long, value_name = "TEXT", required = true)]
    why: Option<String>,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    config: ConfigArguments,
}

#[derive(Debug, Subcommand)]
enum PauseCommand {
    /// What is paused, and which modes are ordered: by whom, since when, why.
    #[command(after_help = "Example:\n  rejoinder pause list --format json")]
    List {
        #[command(flatten)]
        config: ConfigArguments,
        /// How to print.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ScopeArguments {
    /// Everything.
    #[arg(long)]
    all: bool,
    /// What this rule asks for.
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// What this account does.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// What is done in this conversation: the provider's id, or a lane as listed.
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
}

impl ScopeArguments {
    fn text(&self) -> String {
        let rule = self.rule.clone().map(Scope::Rule);
        let account = || self.account.as_deref().map(AccountName::from).map(Scope::Account);
        let conversation = || self.conversation.as_deref().map(|id| Scope::Conversation(id.into()));
        rule.or_else(account).or_else(conversation).unwrap_or(Scope::All).to_string()
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rejoinder resume --all\n  rejoinder resume --conversation conv_abc123")]
pub(super) struct ResumeArguments {
    #[command(flatten)]
    scope: ScopeArguments,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    config: ConfigArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rejoinder mode conv_abc123 approve\n  rejoinder mode conv_abc123 default")]
pub(super) struct ModeArguments {
    /// The conversation: the provider's id, or a lane as listed.
    conversation: String,
    /// How far rules go there instead of their own mode; a rule that is off stays off.
    #[arg(value_parser = ["off", "shadow", "draft", "approve", "auto", DEFAULT])]
    mode: String,
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    config: ConfigArguments,
}

async fn tell(config: &ConfigArguments, path: &str, body: &Value) -> anyhow::Result<Value> {
    let access = Access::open(config).await?;
    let answer = access.post(path, body).await;
    access.close().await?;
    answer
}

pub(super) async fn pause(arguments: PauseArguments) -> anyhow::Result<Ended> {
    if let Some(PauseCommand::List { config, format }) = arguments.command {
        return list(&config, format).await;
    }
    let body = json!({ "scope": arguments.scope.text(), "why": arguments.why, "by": arguments.by.name() });
    let answer = tell(&arguments.config, "/api/v1/pause", &body).await?;
    output::line(format!(
        "paused: {}; events are accepted and decided, sends are held until `rejoinder resume`",
        plain(&answer["control"]["scope"])
    ));
    Ok(Ended::Fine)
}

pub(super) async fn resume(arguments: ResumeArguments) -> anyhow::Result<Ended> {
    let body = json!({ "scope": arguments.scope.text(), "by": arguments.by.name() });
    let answer = tell(&arguments.config, "/api/v1/resume", &body).await?;
    let scope = plain(&answer["control"]["scope"]);
    output::line(format!("resumed: {scope}; {} held sends are looked at again", plain(&answer["released"])));
    let still: Vec<String> = answer["still_paused"].as_array().into_iter().flatten().map(plain).collect();
    if !still.is_empty() {
        output::line(format!("still paused: {}", still.join(", ")));
    }
    Ok(Ended::Fine)
}

pub(super) async fn mode(arguments: ModeArguments) -> anyhow::Result<Ended> {
    let mode = Mode::parse(&arguments.mode);
    let body = json!({ "conversation": arguments.conversation, "mode": mode, "by": arguments.by.name() });
    let answer = tell(&arguments.config, "/api/v1/mode", &body).await?;
    output::line(format!("{}: {}", plain(&answer["control"]["scope"]), plain(&answer["status"])));
    Ok(Ended::Fine)
}

async fn list(config: &ConfigArguments, format: Format) -> anyhow::Result<Ended> {
    let access = Access::open(config).await?;
    let answer = access.get("/api/v1/controls").await;
    access.close().await?;
    let answer = answer?;
    match format {
        Format::Json => output::json(&answer),
        Format::Text => {
            let rows = answer["controls"].as_array().into_iter().flatten().flat_map(rows).collect();
            output::table(&["WHAT", "ORDER", "BY", "SINCE", "WHY"], rows, "nothing is paused");
        }
    }
    Ok(Ended::Fine)
}

/// A row for each thing that is ordered for a scope.
fn rows(control: &Value) -> Vec<Vec<String>> {
    let row = |order: String, hand: &Value| {
        vec![plain(&control["scope"]), order, plain(&hand["by"]), story::seconds(&hand["at"]), plain(&hand["why"])]
    };
    let paused = (!control["pause"].is_null()).then(|| row("paused".to_owned(), &control["pause"]));
    let mode = control["mode"].as_str().map(|mode| row(format!("mode {mode}"), &control["mode_by"]));
    paused.into_iter().chain(mode).collect()
}
