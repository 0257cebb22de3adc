//! `watchkeeper heartbeat`: a line for a timer beside a pipeline, which says that it is alive and has told of everything.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use super::deploy::Door;
use super::remote::Answer;
use crate::domain::duration;
use crate::words::Words;

#[derive(Args)]
pub struct HeartbeatArgs {
    /// What is alive, by the name that it gives as `--source` of its deployments.
    source: String,
    /// Where it deploys to.
    #[arg(long, default_value = "prod")]
    env: String,
    /// It says so again within this time, such as `15 min` or `4h`.
    #[arg(long, value_name = "TIME")]
    every: String,
    /// Of whose changes it tells, by name; may be given several times. For services that have neither deployments nor a repository here.
    #[arg(long = "service", value_name = "NAME")]
    services: Vec<String>,
    #[command(flatten)]
    door: Door,
}

/// Says so; the exit code is 2 if nobody could be told.
pub fn run(args: &HeartbeatArgs) -> ExitCode {
    match beat(args) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("watchkeeper: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn beat(args: &HeartbeatArgs) -> anyhow::Result<String> {
    let every = duration::parse_secs(&args.every)
        .with_context(|| format!("`{}` is no length of time, such as `4h`", args.every))?;
    let body = serde_json::json!({
        "source": args.source, "environment": args.env, "every_secs": every,
        "services": args.services,
    });
    if let Answer::No(why) = args.door.open()?.post("/api/v1/heartbeats", &body)? {
        bail!("{why}");
    }
    let words = Words::english();
    let said = [
        ("source", args.source.as_str().into()),
        ("span", words.span(every).into()),
        ("services", args.services.join(", ").into()),
    ];
    let key = match args.services.is_empty() {
        true => "heartbeat-noted",
        false => "heartbeat-noted-for",
    };
    Ok(words.with(key, &said).into_owned())
}
