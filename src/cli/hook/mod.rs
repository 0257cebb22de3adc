//! `watchkeeper hook`: what runs inside git. It never holds up work because our service is away: a commit is warned about,
//! a push is written down and told later.

pub(super) mod bare;
mod client;
mod commit_msg;
mod compare;
mod doctor;
mod install;
mod keep;
mod place;
mod post_receive;
mod pre_receive;
mod prepare_msg;
mod spool;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

pub(super) use self::place::write_whole;
use crate::words::{Value, Words};

#[derive(Subcommand)]
pub enum HookVerb {
    /// Sets a repository up: warnings at commit time in a work clone, recording of pushes in a bare repository.
    Install {
        /// Address of the service, such as `https://tickets.example.org`.
        #[arg(long)]
        url: String,
        /// The repository's token, as the settings page showed it once.
        #[arg(long, env = "WATCHKEEPER_HOOK_TOKEN", hide_env_values = true)]
        token: String,
        /// The repository; the one around the current folder if left out.
        #[arg(long, value_name = "PATH")]
        repo: Option<PathBuf>,
        /// Certificate of the company's own authority, as a PEM file.
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
        /// In a bare repository: keep what a forced push or a deleted branch leaves behind, out of sight of clients, so that git
        /// never sweeps it away.
        #[arg(long)]
        keep: bool,
    },
    /// Says what runs in a repository, and what is wrong with it.
    Doctor {
        #[arg(long, value_name = "PATH")]
        repo: Option<PathBuf>,
    },
    /// The prepare-commit-msg hook: adds the ticket that the branch is named after.
    PrepareCommitMsg {
        file: PathBuf,
        #[arg(default_value = "")]
        source: String,
        /// The commit that is amended.
        commit: Option<String>,
    },
    /// The commit-msg hook: says what a message means before it is history.
    CommitMsg { file: PathBuf },
    /// The pre-receive hook: reads `old new ref` lines and says whether the push may go through.
    PreReceive,
    /// The post-receive hook: reads `old new ref` lines and records the push.
    PostReceive,
    /// Sends what waits because the service was away.
    Drain {
        #[arg(long, value_name = "PATH")]
        repo: Option<PathBuf>,
    },
}

pub fn run(verb: HookVerb) -> anyhow::Result<ExitCode> {
    match verb {
        HookVerb::Install {
            url,
            token,
            repo,
            ca,
            keep,
        } => install::run(&url, &token, repo.as_deref(), ca.as_deref(), keep)
            .map(|()| ExitCode::SUCCESS),
        HookVerb::Doctor { repo } => doctor::run(repo.as_deref()),
        // A message that nothing was added to is as good as one that never met us.
        HookVerb::PrepareCommitMsg { file, source, .. } => {
            if let Err(error) = prepare_msg::run(&file, &source) {
                say("hook-no-check", &[("why", format!("{error:#}").into())]);
            }
            Ok(ExitCode::SUCCESS)
        }
        // Whatever is wrong on our side, the commit is made; only a repository that insists may refuse one.
        HookVerb::CommitMsg { file } => Ok(commit_msg::run(&file).unwrap_or_else(|error| {
            say("hook-no-check", &[("why", format!("{error:#}").into())]);
            ExitCode::SUCCESS
        })),
        HookVerb::PreReceive => {
            Ok(pre_receive::run()
                .unwrap_or_else(|error| pre_receive::failed(&format!("{error:#}"))))
        }
        HookVerb::PostReceive => {
            // The refs have moved: no exit code changes that, and a failure here must not look like one of the push.
            if let Err(error) = post_receive::run() {
                say("hook-failed", &[("why", format!("{error:#}").into())]);
            }
            Ok(ExitCode::SUCCESS)
        }
        HookVerb::Drain { repo } => {
            let told = spool::drain_by_hand(repo.as_deref())?;
            // The same timer tells of deployments that went ahead, where it knows the service.
            let left = super::deploy_spool::drain_in_passing()?;
            Ok(match left {
                0 => told,
                _ => ExitCode::FAILURE,
            })
        }
    }
}

/// One line for the person at the other end: git shows a server's as `remote: watchkeeper: …`.
fn say(key: &str, values: &[(&str, Value<'_>)]) {
    eprintln!("watchkeeper: {}", Words::english().with(key, values));
}
