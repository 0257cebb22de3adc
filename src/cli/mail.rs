//! `watchkeeper mail`: one mail on standard input, stored, from a mail server's pipe.
//!
//! Exit 0 means that it is durable. Exit 75 (EX_TEMPFAIL of sysexits.h) makes the mail server keep it and try again; nothing that
//! may be our own fault ever makes it bounce.

use std::io::Read;
use std::process::ExitCode;

use crate::actions::intake;
use crate::config::Config;
use crate::domain::intake::Way;

/// EX_TEMPFAIL: try again later.
const TEMPORARY: u8 = 75;
/// EX_DATAERR: it will never fit.
const TOO_BIG: u8 = 65;

#[derive(clap::Args)]
pub(super) struct MailArgs {
    /// The envelope's sender; `""` is the null return path. Postfix: `${sender}`.
    #[arg(long)]
    sender: Option<String>,
    /// An address that the mail was delivered to; may be repeated. Postfix: `${recipient}`.
    #[arg(long)]
    recipient: Vec<String>,
}

pub(super) fn run(config: anyhow::Result<Config>, args: &MailArgs) -> ExitCode {
    let outcome = config.and_then(|config| {
        let limit = config.mail_limit_bytes;
        let mut raw = Vec::new();
        std::io::stdin()
            .lock()
            .take(limit as u64 + 1)
            .read_to_end(&mut raw)?;
        if raw.len() > limit {
            return Ok(Err(limit));
        }
        let app = super::open(config)?;
        Ok(Ok(intake::accept(
            &app,
            Way::Pipe,
            args.sender.as_deref(),
            &args.recipient,
            &raw,
        )?))
    });
    match outcome {
        Ok(Ok(_)) => ExitCode::SUCCESS,
        Ok(Err(limit)) => {
            eprintln!(
                "watchkeeper: this mail has more than {limit} bytes (setting `mail_limit_mb`)"
            );
            ExitCode::from(TOO_BIG)
        }
        Err(error) => {
            eprintln!("watchkeeper: not stored, try again later: {error:#}");
            ExitCode::from(TEMPORARY)
        }
    }
}
