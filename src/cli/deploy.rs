//! `watchkeeper deploy`: one line in a pipeline. It speaks to the service over its API, so that it runs wherever the pipeline runs.
//!
//! Where the service doesn't answer, nothing may begin, with one exception: whoever breaks the glass goes on, and it is told later
//! (`deploy_spool`).

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chrono_tz::Tz;
use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::deploy_spool::Spool;
use super::remote::{Answer, Away, Remote};
use crate::domain::duration;
use crate::domain::timestamp::Timestamp;
use crate::words::{self, Words};

/// Where the service is, and who asks.
#[derive(Args)]
pub struct Door {
    /// Address of the service, such as `https://tickets.example.org`.
    #[arg(long, env = "WATCHKEEPER_DEPLOY_URL")]
    url: String,
    /// An API token: with the scope `deploy` for telling, with `read` for reading.
    #[arg(long, env = "WATCHKEEPER_DEPLOY_TOKEN", hide_env_values = true)]
    token: String,
    /// Certificate of the company's own authority, as a PEM file.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Door {
    pub(super) fn open(&self) -> anyhow::Result<Remote> {
        if !crate::config::is_public_url(self.url.trim_end_matches('/')) {
            bail!(
                "`{}` is no address: `https://` or `http://`, a host and nothing behind it is wanted",
                self.url
            );
        }
        let pem = self.ca.as_ref().map(std::fs::read).transpose();
        Remote::new(
            &self.url,
            self.token.trim(),
            pem.context("the authority's certificate can't be read")?,
        )
    }
}

#[derive(Args)]
pub struct DeployArgs {
    /// What is deployed: `web@4.12.0`.
    #[arg(
        value_name = "SERVICE@VERSION",
        default_value = "",
        required_unless_present = "drain"
    )]
    what: String,
    /// Where to.
    #[arg(long, default_value = "prod")]
    env: String,
    /// A region or a canary, if there are several.
    #[arg(long, default_value = "")]
    target: String,
    /// The commit that it was built from.
    #[arg(long, value_name = "SHA", default_value = "")]
    commit: String,
    /// `started`, `succeeded`, `failed` or `rolled_back`. Without it one line does: it is asked for, and counts as done; with
    /// `--when-open` it is `started`.
    #[arg(long)]
    status: Option<String>,
    /// What a check of its health says now that it has ended: `green` or `red`. It may be told later, and change.
    #[arg(long, value_name = "RESULT", default_value = "")]
    check: String,
    /// The change that it is of: `CHG-7`.
    #[arg(long, value_name = "KEY", default_value = "")]
    change: String,
    /// When it began, as `2026-11-28T14:00:00+01:00`. What began before now is a fact: no freeze refuses it.
    #[arg(long, value_name = "TIME")]
    started_at: Option<String>,
    /// When it ended.
    #[arg(long, value_name = "TIME")]
    finished_at: Option<String>,
    /// Digest of what is deployed.
    #[arg(long, value_name = "DIGEST", default_value = "")]
    artefact: String,
    /// What the deploying tool calls it, such as Helm's revision.
    #[arg(long, default_value = "")]
    revision: String,
    /// Why it can't wait for the end of a freeze or for an approval; somebody else reviews it. While the service is away this goes on all
    /// the same: it is written down, and told by the next call from here.
    #[arg(long, value_name = "REASON", default_value = "")]
    break_glass: String,
    /// What a freeze blocks waits for its end instead of being refused: exit code 3. The same command again asks whether it may begin.
    #[arg(long, conflicts_with = "break_glass")]
    when_open: bool,
    /// Waits here so long for the answer, such as `2h`; asks every 15 seconds.
    #[arg(long, value_name = "TIME", requires = "when_open")]
    wait: Option<String>,
    /// Who deploys; found in the variables of GitHub, GitLab, Jenkins and Buildkite.
    #[arg(long)]
    actor: Option<String>,
    /// Where the run can be looked at; found likewise.
    #[arg(long)]
    run_url: Option<String>,
    /// Which pipeline this is; found likewise.
    #[arg(long)]
    source: Option<String>,
    /// The run's id: the same one again is the same deployment. Found likewise.
    #[arg(long)]
    id: Option<String>,
    /// Only tells what was written down while the service was away.
    #[arg(long)]
    drain: bool,
    /// Where that is written down.
    #[arg(long, value_name = "FOLDER", env = "WATCHKEEPER_DEPLOY_SPOOL")]
    spool: Option<PathBuf>,
    #[command(flatten)]
    door: Door,
}

/// It could not be told.
const UNKNOWN: u8 = 2;
/// It waits for the end of a freeze.
const QUEUED: u8 = 3;
const ASK_AGAIN: Duration = Duration::from_secs(15);

/// What a run of a pipeline says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Run {
    source: Option<String>,
    id: Option<String>,
    actor: Option<String>,
    url: Option<String>,
}

impl Run {
    /// By the variables that the build services set.
    fn found(variable: impl Fn(&str) -> Option<String>) -> Self {
        let all = |names: &[&str]| -> Option<Vec<String>> {
            names
                .iter()
                .map(|name| variable(name).filter(|it| !it.is_empty()))
                .collect()
        };
        let joined = |names: &[&str], with: &str| all(names).map(|it| it.join(with));
        if let Some(run) = joined(&["GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"], "-") {
            let url = all(&["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"]);
            return Self {
                source: joined(&["GITHUB_REPOSITORY", "GITHUB_WORKFLOW"], " "),
                id: Some(run),
                actor: variable("GITHUB_ACTOR"),
                url: url.map(|it| format!("{}/{}/actions/runs/{}", it[0], it[1], it[2])),
            };
        }
        for [source, id, actor, url] in [
            [
                "CI_PROJECT_PATH",
                "CI_PIPELINE_ID",
                "GITLAB_USER_LOGIN",
                "CI_JOB_URL",
            ],
            [
                "BUILDKITE_PIPELINE_SLUG",
                "BUILDKITE_BUILD_ID",
                "BUILDKITE_BUILD_CREATOR",
                "BUILDKITE_BUILD_URL",
            ],
            ["JOB_NAME", "BUILD_TAG", "BUILD_USER_ID", "BUILD_URL"],
        ] {
            if let (Some(name), Some(run)) = (variable(source), variable(id)) {
                return Self {
                    source: Some(name),
                    id: Some(run),
                    actor: variable(actor),
                    url: variable(url),
                };
            }
        }
        Self::default()
    }
}

pub(super) fn run(args: &DeployArgs) -> ExitCode {
    match deploy(args) {
        Ok(Said::Waits) => ExitCode::from(QUEUED),
        Ok(said) => finished(Ok(said == Said::Yes)),
        Err(error) => finished(Err(error)),
    }
}

/// Exits by the verdict: 0 yes, 1 no, 2 nobody could be asked.
pub(super) fn finished(outcome: anyhow::Result<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("watchkeeper: {error:#}");
            ExitCode::from(UNKNOWN)
        }
    }
}

pub(super) fn say(key: &str, values: &[(&str, words::Value<'_>)]) {
    println!("{}", Words::english().with(key, values));
}

/// What the service said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Yes,
    No,
    Waits,
}

#[derive(Deserialize)]
struct Verdict {
    freeze: Option<String>,
    emergency: Option<String>,
    /// An older service doesn't say it.
    incident: Option<String>,
    is_news: bool,
    deployment: Option<Told>,
    queued: Option<Queued>,
}

/// It waits.
#[derive(Deserialize)]
struct Queued {
    environment: String,
    service: String,
    target: String,
    version: String,
    reason: Option<String>,
    detail: String,
    opens_at: Option<String>,
    source_event_id: String,
}

#[derive(Deserialize)]
pub(super) struct Told {
    pub(super) environment: String,
    pub(super) service: String,
    pub(super) target: String,
    pub(super) version: String,
    pub(super) version_before: Option<String>,
    pub(super) status: String,
    pub(super) step: String,
    pub(super) started_at: String,
    pub(super) by_name: String,
    pub(super) actor: Option<String>,
    pub(super) tickets: Vec<String>,
}

/// As people name it: `prod`, or `prod (eu-1)`.
pub(super) fn place(environment: &str, target: &str) -> String {
    match target {
        "" => environment.to_owned(),
        target => format!("{environment} ({target})"),
    }
}

impl Told {
    pub(super) fn place(&self) -> String {
        place(&self.environment, &self.target)
    }
}

fn deploy(args: &DeployArgs) -> anyhow::Result<Said> {
    let spool = Spool::at(args.spool.as_deref());
    if args.drain {
        return match spool?.drain(&args.door.open()?)? {
            0 => Ok(Said::Yes),
            _ => Ok(Said::No),
        };
    }
    let Some((service, version)) = args.what.rsplit_once('@') else {
        bail!(
            "`{}` isn't read as SERVICE@VERSION, such as web@4.12.0",
            args.what
        );
    };
    let run = Run::found(|name| std::env::var(name).ok());
    let run_id = args.id.clone().or_else(|| {
        // One run may bring several services to several places.
        let run = run.id.as_ref()?;
        Some(format!(
            "{run}:{service}:{}:{}:{version}",
            args.env, args.target
        ))
    });
    let mut body = Map::new();
    let usual = match args.when_open {
        true => "started",
        false => "succeeded",
    };
    let status = args.status.clone().unwrap_or_else(|| usual.to_owned());
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    for (name, value) in [
        ("service", service.to_owned()),
        ("version", version.to_owned()),
        ("environment", args.env.clone()),
        ("target", args.target.clone()),
        ("commit", args.commit.clone()),
        ("status", status),
        ("check", args.check.clone()),
        ("change", args.change.clone()),
        ("artefact", args.artefact.clone()),
        ("revision", args.revision.clone()),
        ("break_glass", args.break_glass.clone()),
        ("actor", given(&args.actor.clone().or(run.actor))),
        ("url", given(&args.run_url.clone().or(run.url))),
        ("source", given(&args.source.clone().or(run.source))),
        ("source_event_id", given(&run_id)),
    ] {
        body.insert(name.to_owned(), Value::String(value));
    }
    for (name, time) in [
        ("started_at", &args.started_at),
        ("finished_at", &args.finished_at),
    ] {
        if let Some(text) = time {
            body.insert(name.to_owned(), Value::String(instant(text)?.rfc3339()));
        }
    }
    if args.when_open {
        body.insert("when_open".to_owned(), Value::Bool(true));
    }
    let patience = match &args.wait {
        Some(text) => duration::parse_secs(text)
            .with_context(|| format!("`{text}` is no time: write it like 2h or 30 min"))?,
        None => 0,
    };
    let door = args.door.open()?;
    // What went ahead before this comes before this.
    if let Ok(spool) = &spool {
        spool.drain(&door)?;
    }
    let until = Instant::now() + Duration::from_secs(patience.unsigned_abs());
    let mut told = None;
    loop {
        let said = match ask(&door, &mut body, &mut told) {
            Err(error) if error.is::<Away>() => {
                return match spool.and_then(|spool| spool.keep(&door, body, &error))? {
                    true => Ok(Said::Yes),
                    false => Err(error),
                };
            }
            other => other?,
        };
        if said != Said::Waits || Instant::now() + ASK_AGAIN > until {
            return Ok(said);
        }
        // Nothing calls back into a pipeline: it asks again.
        std::thread::sleep(ASK_AGAIN);
    }
}

/// Asks once. `told`: what it waited for when that was said last.
fn ask(
    door: &Remote,
    body: &mut Map<String, Value>,
    told: &mut Option<String>,
) -> anyhow::Result<Said> {
    match door.post("/api/v1/deployments", &Value::Object(body.clone()))? {
        Answer::No(why) => {
            say("deploy-refused", &[("why", why.into())]);
            Ok(Said::No)
        }
        Answer::Yes(text) => {
            let verdict: Verdict = serde_json::from_str(&text).context("the service's answer")?;
            if let Some(it) = verdict.queued {
                let reason = it.reason.clone().unwrap_or_default();
                if told.as_ref() != Some(&reason) {
                    waits(&it, &reason);
                }
                *told = Some(reason);
                // Without an id of its own the next question would be another wish.
                body.insert("source_event_id".to_owned(), it.source_event_id.into());
                return Ok(Said::Waits);
            }
            let it = &verdict.deployment.context("the service's answer")?;
            let key = match (verdict.is_news, it.status.as_str()) {
                (false, _) => "deploy-known",
                (true, "started") => "deploy-go",
                (true, "succeeded") => "deploy-live",
                (true, _) => "deploy-noted",
            };
            let what = format!("{} {}", it.service, it.version);
            let before = it.version_before.clone().unwrap_or_default();
            let values = [
                ("what", what.into()),
                ("place", it.place().into()),
                ("status", it.status.clone().into()),
                ("before", before.into()),
            ];
            say(key, &values);
            if it.step == "rollback" {
                say("deploy-is-rollback", &values);
            }
            if !it.tickets.is_empty() {
                say(
                    "deploy-carries",
                    &[("tickets", it.tickets.join(", ").into())],
                );
            }
            if let Some(freeze) = verdict.freeze {
                say("deploy-in-freeze", &[("name", freeze.into())]);
            }
            if let Some(key) = verdict.emergency {
                say("deploy-emergency", &[("key", key.into())]);
            }
            if let Some(key) = verdict.incident {
                say("deploy-incident", &[("key", key.into())]);
            }
            Ok(Said::Yes)
        }
    }
}

fn waits(it: &Queued, reason: &str) {
    let opens = it.opens_at.as_deref().map(in_words).unwrap_or_default();
    say(
        "deploy-waits",
        &[
            ("what", format!("{} {}", it.service, it.version).into()),
            ("place", place(&it.environment, &it.target).into()),
            ("reason", reason.to_owned().into()),
            ("detail", it.detail.clone().into()),
            ("opens", opens.into()),
            ("id", it.source_event_id.clone().into()),
        ],
    );
}

pub(super) fn in_words(text: &str) -> String {
    match Timestamp::parse_rfc3339(text) {
        Some(at) => at.in_zone(Tz::UTC).format("%Y-%m-%d %H:%M UTC").to_string(),
        None => text.to_owned(),
    }
}

/// With a zone: whoever reads a pipeline's log sits elsewhere.
pub(super) fn instant(text: &str) -> anyhow::Result<Timestamp> {
    let folded = text.trim().replacen(' ', "T", 1);
    let zone_at = folded.rfind(['+', 'Z', 'z']).or_else(|| folded.rfind('-'));
    // Minutes are enough for people.
    let with_secs = zone_at.filter(|at| folded[..*at].len() == "2026-11-28T14:00".len());
    let whole = match with_secs {
        Some(at) => format!("{}:00{}", &folded[..at], &folded[at..]),
        None => folded.clone(),
    };
    Timestamp::parse_rfc3339(&whole).with_context(|| {
        format!("`{text}` is no time with its zone: write it like 2026-11-28T14:00+01:00")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_on_the_command_line_name_their_zone() {
        for (text, wanted) in [
            ("2026-11-28T14:00+01:00", Some("2026-11-28T13:00:00Z")),
            ("2026-11-28 14:00+01:00", Some("2026-11-28T13:00:00Z")),
            ("2026-11-28T14:00:30Z", Some("2026-11-28T14:00:30Z")),
            ("2026-11-28T14:00Z", Some("2026-11-28T14:00:00Z")),
            ("2026-11-28T14:00-05:00", Some("2026-11-28T19:00:00Z")),
            ("2026-11-28T14:00", None),
            ("yesterday", None),
        ] {
            let read = instant(text).ok().map(Timestamp::rfc3339);
            assert_eq!(read.as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn a_run_is_known_by_the_variables_of_its_build_service() {
        let of = |all: &[(&str, &str)]| {
            let all: Vec<(String, String)> = all
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                .collect();
            Run::found(move |name| {
                all.iter()
                    .find(|(known, _)| known == name)
                    .map(|(_, value)| value.clone())
            })
        };
        let github = of(&[
            ("GITHUB_RUN_ID", "77"),
            ("GITHUB_RUN_ATTEMPT", "2"),
            ("GITHUB_REPOSITORY", "northstar/web"),
            ("GITHUB_WORKFLOW", "deploy"),
            ("GITHUB_ACTOR", "ana"),
            ("GITHUB_SERVER_URL", "https://github.com"),
        ]);
        assert_eq!(github.id.as_deref(), Some("77-2"));
        assert_eq!(github.source.as_deref(), Some("northstar/web deploy"));
        assert_eq!(
            github.url.as_deref(),
            Some("https://github.com/northstar/web/actions/runs/77")
        );
        let gitlab = of(&[("CI_PROJECT_PATH", "infra/web"), ("CI_PIPELINE_ID", "9")]);
        assert_eq!(
            (gitlab.source.as_deref(), gitlab.id.as_deref()),
            (Some("infra/web"), Some("9"))
        );
        assert_eq!(of(&[]), Run::default());
    }
}
