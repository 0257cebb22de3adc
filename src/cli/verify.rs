//! `watchkeeper verify`: whether what is stored is what the record says. It needs no server, disturbs none that runs, and changes
//! nothing. Differences go to standard output, one a line; how far it has come to standard error.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::actions::sla_verify::{Scope, Tally, verify};
use crate::app::App;
use crate::domain::id::TicketKey;
use crate::domain::timeline::Door;

#[derive(Subcommand)]
pub(super) enum VerifyVerb {
    /// Derives clocks anew from their timelines and tells where what is stored differs.
    Clocks(ClockArgs),
}

#[derive(Args)]
pub(super) struct ClockArgs {
    /// Only of tickets that are open.
    #[arg(long)]
    open: bool,
    /// Only of this ticket, such as INC-12.
    #[arg(long, conflicts_with = "open")]
    ticket: Option<String>,
}

/// It could not be told.
const UNKNOWN: u8 = 2;
/// Tickets between two lines on how far it has come.
const PROGRESS: u64 = 10_000;

pub(super) fn run(app: anyhow::Result<Arc<App>>, verb: &VerifyVerb) -> ExitCode {
    let VerifyVerb::Clocks(args) = verb;
    match app.and_then(|app| clocks(&app, args)) {
        Ok(tally) if tally.differences == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("watchkeeper: {error:#}");
            ExitCode::from(UNKNOWN)
        }
    }
}

fn clocks(app: &App, args: &ClockArgs) -> anyhow::Result<Tally> {
    let scope = match (&args.ticket, args.open) {
        (Some(text), _) => {
            let key: Result<TicketKey, ()> = text.parse();
            Scope::One(key.map_err(|()| anyhow::anyhow!("`{text}` is no ticket's key"))?)
        }
        (None, true) => Scope::Open,
        (None, false) => Scope::All,
    };
    let ctx = app.system("verify command", Door::Cli);
    let mut out = std::io::stdout().lock();
    let mut broken = None;
    let mut told = PROGRESS;
    let tally = verify(
        &ctx,
        scope,
        |difference| {
            if let Err(error) = writeln!(out, "{difference}") {
                broken.get_or_insert(error);
            }
        },
        |tally| {
            if tally.tickets >= told {
                told += PROGRESS;
                eprintln!("{}", said(tally));
            }
        },
    )
    .with_context(|| match &args.ticket {
        Some(key) => key.clone(),
        None => "the clocks could not be read".to_owned(),
    })?;
    eprintln!("{}", said(&tally));
    match broken {
        Some(error) => Err(error).context("standard output"),
        None => Ok(tally),
    }
}

fn said(tally: &Tally) -> String {
    let Tally {
        tickets,
        clocks,
        differences,
        awaited,
    } = tally;
    let mut said = format!("{tickets} tickets, {clocks} clocks, {differences} differences");
    if *awaited > 0 {
        said.push_str(&format!(
            "; {awaited} tickets wait for their clocks to be looked at and were compared as of just before"
        ));
    }
    said
}
