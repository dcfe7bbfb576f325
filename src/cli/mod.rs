//! The commands. One file each; what they share is how they end and how they print.

mod access;
mod accounts;
mod backtest;
mod bench;
mod check;
mod controls;
mod demo;
mod doctor;
mod explain;
mod hands;
mod held;
mod init;
mod lists;
mod members_sync;
mod order;
mod output;
mod quarantine;
mod schema;
mod send;
mod sends;
mod serve;
mod signals;
mod sources;
mod state;
mod story;
mod test;
mod which;
mod why;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::app::StartError;
use crate::yaml::Faults;

/// A signed webhook comes in, YAML and Rhai rules decide, the right reply goes out.
#[derive(Debug, Parser)]
#[command(name = "rejoinder", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_help = "Start here:\n  rejoinder demo            see it work on this machine, without any account\n  rejoinder init mydesk     write a first configuration and rule\n  rejoinder check           say everything that is wrong with them\n\nExit codes: 0 fine, 1 a check or test failed or the work could not be done, 2 usage or configuration."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything on this machine: a sandbox provider, example rules, signed events.
    Demo(demo::Arguments),
    /// The server. SIGHUP loads the rules anew, SIGTERM drains and ends.
    #[command(after_help = "Example:\n  rejoinder serve --config /etc/rejoinder/rejoinder.yaml")]
    Serve(ConfigArguments),
    /// A commented rejoinder.yaml and a first rule with its test.
    Init(init::Arguments),
    /// Everything that is wrong with configuration and rules. Uses no network.
    Check(check::Arguments),
    /// Rule tests, run by the evaluator that the server uses.
    Test(test::Arguments),
    /// Why an event is decided as it is: every rule, every condition, what it wanted and what it saw.
    Explain(explain::Arguments),
    /// What another rule book would have done: stored events are decided again, and nothing is sent or written.
    Backtest(backtest::Arguments),
    /// Posts a correctly signed delivery to a running server.
    Send(send::Arguments),
    /// Where events come in: how each source stands, and reading it at its provider.
    #[command(subcommand)]
    Sources(sources::SourcesCommand),
    /// Why a source refuses its deliveries: what is wrong, and what to do. Never says a secret or a right signature.
    Doctor(doctor::Arguments),
    /// What was received, decided and sent in a conversation.
    Why(why::Arguments),
    /// What waits to be sent, and what was sent.
    #[command(subcommand)]
    Outbox(sends::OutboxCommand),
    /// Sends that were given up, kept until somebody redrives or drops them.
    #[command(subcommand)]
    Dead(sends::DeadCommand),
    /// How the accounts are: rate budgets, breakers, what waits.
    #[command(subcommand)]
    Accounts(accounts::AccountsCommand),
    /// What waits for a person: approve, release, confirm or drop it.
    #[command(subcommand)]
    Held(held::HeldCommand),
    /// Who gets no automatic reply because a cap was reached.
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// Holds what would be sent: everything, or of a rule, an account, a conversation. Survives restarts.
    Pause(controls::PauseArguments),
    /// Ends a pause; in a conversation also the silence after a person wrote.
    Resume(controls::ResumeArguments),
    /// How far rules go in one conversation, instead of their own mode.
    Mode(controls::ModeArguments),
    /// What the store keeps on disk, whether it is sound, and how it is moved.
    #[command(subcommand)]
    State(state::StateCommand),
    /// What is in the inboxes of the providers.
    #[command(subcommand)]
    Conversations(lists::ConversationsCommand),
    /// Who works at the providers, and the `members:` block that names them.
    #[command(subcommand)]
    Members(lists::MembersCommand),
    /// The snippets and saved messages of the providers.
    #[command(subcommand)]
    Snippets(lists::SnippetsCommand),
    /// The JSON Schema of a kind of file, for editors.
    Schema(schema::Arguments),
    /// Completions for a shell.
    #[command(after_help = "Example:\n  rejoinder completions bash > /etc/bash_completion.d/rejoinder")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// How fast this program is on this machine, beside a program that only verifies and keeps. Uses loopback alone.
    #[command(hide = true)]
    Bench(bench::Arguments),
    /// The version.
    #[command(after_help = "Example:\n  rejoinder version")]
    Version,
}

/// Which configuration.
#[derive(Clone, Debug, clap::Args)]
struct ConfigArguments {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE", env = "REJOINDER_CONFIG", default_value = "rejoinder.yaml")]
    config: PathBuf,
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// How a command ended when it did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// All is well.
    Fine,
    /// A check or a test failed.
    Failed,
}

/// Reads the command line and runs the command.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(cli.command)),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(Ended::Fine) => ExitCode::SUCCESS,
        Ok(Ended::Failed) => ExitCode::from(1),
        Err(error) => {
            eprintln!("{}", output::error_text(&error));
            ExitCode::from(if is_configuration(&error) { 2 } else { 1 })
        }
    }
}

fn is_configuration(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<Faults>() || matches!(cause.downcast_ref(), Some(StartError::Faults(_))))
}

async fn run(command: Command) -> anyhow::Result<Ended> {
    match command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Init(arguments) => init::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Explain(arguments) => explain::run(arguments).await,
        Command::Backtest(arguments) => backtest::run(arguments).await,
        Command::Send(arguments) => send::run(arguments).await,
        Command::Sources(command) => sources::run(command).await,
        Command::Doctor(arguments) => doctor::run(arguments).await,
        Command::Why(arguments) => why::run(arguments).await,
        Command::Outbox(command) => sends::outbox(command).await,
        Command::Dead(command) => sends::dead(command).await,
        Command::Accounts(command) => accounts::run(command).await,
        Command::Held(command) => held::run(command).await,
        Command::Quarantine(command) => quarantine::run(command).await,
        Command::Pause(arguments) => controls::pause(arguments).await,
        Command::Resume(arguments) => controls::resume(arguments).await,
        Command::Mode(arguments) => controls::mode(arguments).await,
        Command::State(command) => state::run(command).await,
        Command::Conversations(command) => lists::conversations(command).await,
        Command::Members(command) => lists::members(command).await,
        Command::Snippets(command) => lists::snippets(command).await,
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "rejoinder", &mut std::io::stdout());
            Ok(Ended::Fine)
        }
        Command::Bench(arguments) => bench::run(arguments).await,
        Command::Version => {
            output::line(format!("rejoinder {}", env!("CARGO_PKG_VERSION")));
            Ok(Ended::Fine)
        }
    }
}
