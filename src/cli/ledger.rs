//! `watchkeeper at` and `diff`: the deployment ledger read back.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde::Deserialize;

use super::deploy::{Door, Told, finished, in_words, instant, place, say};
use super::remote::Answer;
use crate::domain::timestamp::Timestamp;
use crate::words::Words;

#[derive(Args)]
pub struct AtArgs {
    /// `2026-11-28T14:00+01:00`, or `now`.
    #[arg(value_name = "TIME")]
    at: String,
    /// Only there.
    #[arg(long)]
    env: Option<String>,
    #[command(flatten)]
    door: Door,
}

#[derive(Args)]
pub struct DiffArgs {
    service: String,
    /// `2026-11-28T14:00+01:00`.
    from: String,
    /// The same, or `now`.
    #[arg(default_value = "now")]
    to: String,
    #[arg(long, default_value = "prod")]
    env: String,
    #[command(flatten)]
    door: Door,
}

pub(super) fn at(args: &AtArgs) -> ExitCode {
    finished(live(args))
}

pub(super) fn diff(args: &DiffArgs) -> ExitCode {
    finished(compared(args))
}

impl Told {
    /// As one line: `web 4.12.0 in prod since …, by ana; before it 4.11.8; CHG-7`.
    fn line(&self) -> String {
        let mut line = format!(
            "{} {} {} since {}, by {}",
            self.place(),
            self.service,
            self.version,
            self.started_at,
            self.actor.as_deref().unwrap_or(&self.by_name)
        );
        if let Some(before) = &self.version_before {
            line.push_str(&format!("; before it {before}"));
        }
        if !self.tickets.is_empty() {
            line.push_str(&format!("; {}", self.tickets.join(", ")));
        }
        line
    }
}

fn when(text: &str) -> anyhow::Result<Option<Timestamp>> {
    match text {
        "now" => Ok(None),
        text => instant(text).map(Some),
    }
}

#[derive(Deserialize)]
struct Live {
    at: String,
    items: Vec<Told>,
}

fn live(args: &AtArgs) -> anyhow::Result<bool> {
    let mut query = BTreeMap::new();
    query.extend(when(&args.at)?.map(|at| ("at", at.rfc3339())));
    query.extend(args.env.clone().map(|env| ("environment", env)));
    match args.door.open()?.get("/api/v1/live", &query)? {
        Answer::No(why) => {
            eprintln!("watchkeeper: {why}");
            Ok(false)
        }
        Answer::Yes(text) => {
            let live: Live = serde_json::from_str(&text).context("the service's answer")?;
            if live.items.is_empty() {
                say("deploy-nothing-live", &[("at", in_words(&live.at).into())]);
            }
            for it in &live.items {
                println!("{}", it.line());
            }
            Ok(true)
        }
    }
}

#[derive(Deserialize)]
struct Compared {
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    target: String,
    version_from: Option<String>,
    version_to: Option<String>,
    way: Option<String>,
    added_count: usize,
    removed_count: usize,
    steps: Vec<Told>,
    tickets: Vec<String>,
}

fn compared(args: &DiffArgs) -> anyhow::Result<bool> {
    let from = when(&args.from)?.context("FROM is a moment that is over")?;
    let mut query = BTreeMap::from([
        ("service", args.service.clone()),
        ("environment", args.env.clone()),
        ("from", from.rfc3339()),
    ]);
    query.extend(when(&args.to)?.map(|at| ("to", at.rfc3339())));
    match args.door.open()?.get("/api/v1/live/diff", &query)? {
        Answer::No(why) => {
            eprintln!("watchkeeper: {why}");
            Ok(false)
        }
        Answer::Yes(text) => {
            let compared: Compared = serde_json::from_str(&text).context("the service's answer")?;
            if compared.targets.is_empty() {
                say(
                    "deploy-never",
                    &[
                        ("what", args.service.clone().into()),
                        ("place", args.env.clone().into()),
                    ],
                );
            }
            for it in &compared.targets {
                let none = || Words::english().t("none").into_owned();
                let place = place(&args.env, &it.target);
                println!(
                    "{} {place}: {} -> {}",
                    args.service,
                    it.version_from.clone().unwrap_or_else(none),
                    it.version_to.clone().unwrap_or_else(none)
                );
                if it.way.is_some() {
                    let counts = [
                        ("added", (it.added_count as i64).into()),
                        ("removed", (it.removed_count as i64).into()),
                    ];
                    say("deploy-commits", &counts);
                }
                for step in &it.steps {
                    println!("  {}", step.line());
                }
                if !it.tickets.is_empty() {
                    say(
                        "deploy-told-tickets",
                        &[("tickets", it.tickets.join(", ").into())],
                    );
                }
            }
            Ok(true)
        }
    }
}
