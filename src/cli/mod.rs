//! The command line: finds the configuration, opens the house, calls one thing.

mod admin;
mod backup;
mod calc;
pub mod demo;
mod deploy;
mod deploy_spool;
mod evidence;
mod heartbeat;
mod hook;
mod ledger;
mod mail;
pub mod mail_explain;
mod mail_told;
mod relocate;
mod remote;
mod serve;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::app::App;
use crate::config::{Config, KEYS};
use crate::store::Store;
use crate::time::TimeSource;

/// Tickets, change control and SLA clocks for the people who keep production running.
#[derive(Parser)]
#[command(name = "watchkeeper", version, about)]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Runs the service (the default).
    Serve,
    /// Makes a believable team in ./demo-data, with a month behind it, and serves it.
    Demo(demo::DemoArgs),
    /// Takes one mail from standard input: for a mail server's pipe. Exits with 75 when it should be tried again.
    Mail(mail::MailArgs),
    /// Answers questions, a line of JSON each, from standard input: due dates, elapsed time, opening hours. Needs no database.
    Calc,
    /// Copies the embedded database into a new file, while the server runs.
    Backup {
        /// The file to be made; an existing one is not overwritten.
        file: PathBuf,
    },
    /// Puts a copy in the place of the embedded database; what was there is kept beside it.
    Restore {
        /// A file that `backup` made.
        file: PathBuf,
    },
    /// Copies the embedded database into an empty PostgreSQL database.
    Relocate {
        /// `postgres://user@host/name`
        to: String,
    },
    /// Compares what is stored with what it was derived from, and changes nothing. Exits with 1 if they differ, with 2 if it can't tell.
    #[command(subcommand)]
    Verify(verify::VerifyVerb),
    /// Rescues an installation that nobody can log in to.
    #[command(subcommand)]
    Admin(admin::AdminVerb),
    /// Asks whether a deployment may begin, and records it: one line in a pipeline. Exits with 1 if it may not, with 2 if nobody
    /// could be asked.
    Deploy(Box<deploy::DeployArgs>),
    /// Says that a pipeline is alive and has told of everything: a line for its timer. Exits with 2 if nobody could be told.
    Heartbeat(heartbeat::HeartbeatArgs),
    /// Tells what was live at a moment.
    At(ledger::AtArgs),
    /// Tells how a service changed between two moments.
    Diff(ledger::DiffArgs),
    /// Hands an auditor a period's deployments to production, what was out of order, and a sample that can be drawn again.
    Evidence(evidence::EvidenceArgs),
    /// Runs inside git: sets up and serves a repository's hooks.
    #[command(subcommand)]
    Hook(hook::HookVerb),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let matches = command().get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let done = |()| ExitCode::SUCCESS;
    let outcome = match cli.verb.unwrap_or(Verb::Serve) {
        Verb::Serve => config_to_serve(&matches, "data")
            .and_then(serve::run)
            .map(done),
        Verb::Demo(args) => config_to_serve(&matches, "demo-data")
            .and_then(|config| demo::run(config, &args))
            .map(done),
        Verb::Calc => calc::run().map(done),
        Verb::Mail(args) => Ok(mail::run(config(&matches, "data"), &args)),
        Verb::Backup { file } => config(&matches, "data")
            .and_then(|config| backup::out(config, &file))
            .map(done),
        Verb::Restore { file } => config(&matches, "data")
            .and_then(|config| backup::back(config, &file))
            .map(done),
        Verb::Relocate { to } => config(&matches, "data")
            .and_then(|config| relocate::run(config, &to))
            .map(done),
        Verb::Hook(verb) => hook::run(verb),
        Verb::Deploy(args) => Ok(deploy::run(&args)),
        Verb::Heartbeat(args) => Ok(heartbeat::run(&args)),
        Verb::At(args) => Ok(ledger::at(&args)),
        Verb::Diff(args) => Ok(ledger::diff(&args)),
        Verb::Evidence(args) => config(&matches, "data")
            .and_then(open)
            .and_then(|app| evidence::run(&app, &args))
            .map(done),
        Verb::Verify(verb) => Ok(verify::run(config(&matches, "data").and_then(open), &verb)),
        Verb::Admin(verb) => config(&matches, "data")
            .and_then(open)
            .and_then(|app| admin::run(&app, &verb))
            .map(done),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("watchkeeper: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The commands, each of which also takes every configuration key as a flag.
fn command() -> Command {
    let mut command = Cli::command().arg(
        Arg::new("config")
            .long("config")
            .global(true)
            .value_name("FILE")
            .help("configuration file [default: watchkeeper.toml, if it is there]"),
    );
    for key in KEYS {
        // clap wants names that live as long as the program; these do.
        let flag: &'static str = key.name.replace('_', "-").leak();
        let mut help = key.meaning.to_owned();
        if !key.default.is_empty() {
            help.push_str(&format!(" [default: {}]", key.default));
        }
        command = command.arg(
            Arg::new(key.name)
                .long(flag)
                .global(true)
                .value_name("VALUE")
                .help(help)
                .help_heading("Configuration"),
        );
    }
    command
}

/// File, environment, flags; `data` is the folder if none of them names one.
fn config(matches: &ArgMatches, data: &str) -> anyhow::Result<Config> {
    let said = Said::of(matches);
    Config::load_with(
        &[("data", data)],
        said.file.as_deref(),
        said.environment,
        &said.flags,
    )
    .map_err(anyhow::Error::msg)
}

/// As [`config`], for the commands that serve.
fn config_to_serve(matches: &ArgMatches, data: &str) -> anyhow::Result<Config> {
    let said = Said::of(matches);
    Config::load_to_serve(
        &[("data", data)],
        said.file.as_deref(),
        said.environment,
        &said.flags,
    )
    .map_err(anyhow::Error::msg)
}

/// Where configuration comes from.
struct Said {
    file: Option<PathBuf>,
    environment: std::vec::IntoIter<(String, String)>,
    flags: Vec<(&'static str, String)>,
}

impl Said {
    fn of(matches: &ArgMatches) -> Self {
        let given = |name: &str| deepest(matches, name);
        let named = given("config").or_else(|| std::env::var("WATCHKEEPER_CONFIG").ok());
        let file = match named {
            Some(path) => Some(PathBuf::from(path)),
            None => Some(PathBuf::from("watchkeeper.toml")).filter(|path| path.exists()),
        };
        let flags: Vec<(&'static str, String)> = KEYS
            .iter()
            .filter_map(|key| Some((key.name, given(key.name)?)))
            .collect();
        // Not `vars`: a value that isn't UTF-8 is somebody else's and no reason to fall.
        let environment: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name != "WATCHKEEPER_CONFIG")
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
            .collect();
        Self {
            file,
            environment: environment.into_iter(),
            flags,
        }
    }
}

/// A global flag, wherever on the line it stood.
fn deepest(matches: &ArgMatches, name: &str) -> Option<String> {
    let own = matches.try_get_one::<String>(name).ok().flatten().cloned();
    matches
        .subcommand()
        .and_then(|(_, below)| deepest(below, name))
        .or(own)
}

/// Opens the database, which must be this binary's: for commands beside a running server.
fn open(config: Config) -> anyhow::Result<Arc<App>> {
    use crate::store::migrate::{Standing, standing};
    let store = Store::open(&config.database)?;
    match standing(&store)? {
        Standing::Current => {}
        Standing::Empty => anyhow::bail!("this database is empty: run `watchkeeper serve` first"),
        Standing::Behind(missing) => {
            anyhow::bail!(
                "the database is {missing} migrations behind: start `watchkeeper serve` once"
            )
        }
        Standing::Newer(unknown) => anyhow::bail!(serve::newer(&unknown)),
    }
    Ok(Arc::new(App::new(store, TimeSource::system(), config)?))
}
