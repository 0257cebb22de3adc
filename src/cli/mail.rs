//! `watchkeeper mail`: one mail on standard input, stored, from a mail server's pipe.
//!
//! Exit 0 means that it is durable. Exit 75 (EX_TEMPFAIL of sysexits.h) makes the mail server keep it and try again; nothing that
//! may be our own fault ever makes it bounce. `watchkeeper mail explain` stores nothing and says what would become of it;
//! `watchkeeper mail dkim` prints the record of the key that signs what goes out.

use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;

use anyhow::Context as _;

use super::mail_explain::{Form, explain};
use crate::actions::{intake, spool};
use crate::config::Config;
use crate::domain::intake::Way;
use crate::error::Error;
use crate::outbound::dkim::Signer;
use crate::time::TimeSource;

/// EX_TEMPFAIL: try again later.
const TEMPORARY: u8 = 75;
/// EX_DATAERR: it will never fit.
const TOO_BIG: u8 = 65;

#[derive(clap::Args)]
pub(super) struct MailArgs {
    #[command(subcommand)]
    verb: Option<MailVerb>,
    /// The envelope's sender; `""` is the null return path. Postfix: `${sender}`.
    #[arg(long)]
    sender: Option<String>,
    /// An address that the mail was delivered to; may be repeated. Postfix: `${recipient}`.
    #[arg(long)]
    recipient: Vec<String>,
    /// Say what went wrong when a mail can't be stored. Only by hand: mail servers send what a pipe says to the mail's sender.
    #[arg(long)]
    why: bool,
}

#[derive(clap::Subcommand)]
enum MailVerb {
    /// Says what would become of the mail on standard input, and why: how it is read, what sort it is, which ticket it means, by
    /// which address it came. Takes nothing in.
    Explain(ExplainArgs),
    /// Prints the DNS record by which others verify the signatures of our mail (`dkim_domain`, `dkim_selector`, `dkim_key`).
    Dkim,
}

#[derive(clap::Args)]
struct ExplainArgs {
    /// The envelope's sender; `""` is the null return path.
    #[arg(long)]
    sender: Option<String>,
    /// An address that it would be delivered to; may be repeated.
    #[arg(long, visible_alias = "recipient")]
    to: Vec<String>,
    /// One JSON document instead of text.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(config: anyhow::Result<Config>, args: &MailArgs) -> ExitCode {
    if let Some(verb) = &args.verb {
        let told = config.and_then(|config| match verb {
            MailVerb::Explain(asked) => tell(config, asked),
            MailVerb::Dkim => print_record(&config),
        });
        return match told {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("watchkeeper: {error:#}");
                ExitCode::FAILURE
            }
        };
    }
    let outcome = config.and_then(|config| {
        let raw = match read(config.mail_limit_bytes)? {
            Ok(raw) => raw,
            Err(limit) => return Ok(Err(limit)),
        };
        store(config, args, &raw).map(Ok)
    });
    match outcome {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(limit)) => {
            eprintln!("watchkeeper: {}", too_big(limit));
            ExitCode::from(TOO_BIG)
        }
        Err(error) => {
            complain(args, "not stored, try again later", &error);
            ExitCode::from(TEMPORARY)
        }
    }
}

/// In the database, or in the spool while that is away.
fn store(config: Config, args: &MailArgs, raw: &[u8]) -> anyhow::Result<()> {
    let (from, to) = (args.sender.as_deref(), &args.recipient);
    let stored = super::open(config.clone()).and_then(|app| {
        intake::accept(&app, Way::Pipe, from, to, raw)?;
        Ok(())
    });
    match stored {
        Err(error) if config.mail_spool.is_some() && !is_no_room(&error) => {
            let now = TimeSource::system().now();
            spool::keep(&config, now, Way::Pipe, from, to, raw)
                .with_context(|| format!("{error:#}; and the spool"))?;
            complain(args, "kept in the spool", &error);
            Ok(())
        }
        other => other,
    }
}

/// What is said here ends in the bounce that the mail's sender gets: nothing of this house stands in it, no path, no address of a
/// database. Whoever sits before it, or asks, is told.
fn complain(args: &MailArgs, what: &str, error: &anyhow::Error) {
    if args.why || std::io::stderr().is_terminal() {
        eprintln!("watchkeeper: {what}: {error:#}");
    } else {
        eprintln!("watchkeeper: {what}");
    }
}

/// The disk is nearly full: the spool must not fill it.
fn is_no_room(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<Error>(), Some(Error::Full))
}

/// Standard input, unless it has more than `limit` bytes.
fn read(limit: usize) -> anyhow::Result<Result<Vec<u8>, usize>> {
    let mut raw = Vec::new();
    std::io::stdin()
        .lock()
        .take(limit as u64 + 1)
        .read_to_end(&mut raw)?;
    Ok(match raw.len() > limit {
        true => Err(limit),
        false => Ok(raw),
    })
}

fn too_big(limit: usize) -> String {
    format!("this mail has more than {limit} bytes (setting `mail_limit_mb`)")
}

fn tell(config: Config, asked: &ExplainArgs) -> anyhow::Result<()> {
    let raw = read(config.mail_limit_bytes)?.map_err(|limit| anyhow::Error::msg(too_big(limit)))?;
    let form = match asked.json {
        true => Form::Json,
        false => Form::Text,
    };
    let app = super::open(config)?;
    let told = explain(&app, asked.sender.as_deref(), &asked.to, &raw, form)?;
    std::io::stdout()
        .lock()
        .write_all(told.as_bytes())
        .context("standard output")
}

fn print_record(config: &Config) -> anyhow::Result<()> {
    let Some(dkim) = &config.dkim else {
        anyhow::bail!(
            "mail isn't signed: `dkim_domain`, `dkim_selector` and `dkim_key` aren't set"
        );
    };
    let signer = Signer::read(&dkim.domain, &dkim.selector, &dkim.key)
        .map_err(anyhow::Error::msg)
        .context("`dkim_key`")?;
    writeln!(std::io::stdout().lock(), "{}", signer.zone_line()).context("standard output")
}
