//! `hook doctor`: what runs in this repository, and what is wrong with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::client::{Answer, Client};
use super::install::{MARK, hook_path, names};
use super::place::Place;
use super::{keep, say, spool};
use crate::intake::git::Git;

pub fn run(repo: Option<&Path>) -> anyhow::Result<ExitCode> {
    let git = Git::in_folder(repo);
    let place = Place::of(&git)?;
    let is_bare = git.ask(&["rev-parse", "--is-bare-repository"])? == "true";
    let mut sound = true;
    let mut note = |is_fine: bool, key: &str, values: &[(&str, &str)]| {
        let values: Vec<_> = values
            .iter()
            .map(|(name, value)| (*name, (*value).into()))
            .collect();
        say(key, &values);
        sound &= is_fine;
    };
    if place.is_set_up() {
        let url = place.url()?;
        match Client::of(&place, Duration::from_secs(5)).map(|client| client.knows("TSK-1")) {
            Ok(Answer::Got(_)) => note(true, "doctor-service", &[("url", &url)]),
            Ok(Answer::Away(why)) => note(false, "doctor-away", &[("url", &url), ("why", &why)]),
            Ok(Answer::Refused(_, why)) => note(false, "hook-token-refused", &[("why", &why)]),
            Err(error) => note(false, "doctor-wrong", &[("why", &format!("{error:#}"))]),
        }
    } else {
        note(false, "hook-not-set-up", &[]);
    }
    for name in names(is_bare) {
        let path = match hook_path(&git, name) {
            Ok(path) => path,
            Err(error) => {
                note(false, "doctor-wrong", &[("why", &format!("{error:#}"))]);
                continue;
            }
        };
        let shown = path.display().to_string();
        let values = [("hook", *name), ("path", shown.as_str())];
        match fs::read_to_string(&path) {
            Ok(text) if text.contains(MARK) => {
                let mode = fs::metadata(&path).map_or(0, |file| file.permissions().mode());
                match mode & 0o111 {
                    0 => note(false, "doctor-not-executable", &values),
                    _ => note(true, "doctor-hook", &values),
                }
            }
            Ok(_) => note(false, "doctor-other-hook", &values),
            Err(_) => note(false, "doctor-no-hook", &values),
        }
        let beside = path.with_file_name(format!("{name}.d"));
        let mut others: Vec<_> = fs::read_dir(beside)
            .into_iter()
            .flatten()
            .filter_map(|file| file.ok().map(|file| file.path().display().to_string()))
            .collect();
        others.sort();
        for other in others {
            note(true, "doctor-before", &[("path", &other), ("hook", name)]);
        }
    }
    if is_bare {
        let set = git.maybe(&["config", "--get", "receive.advertisePushOptions"]);
        if set.as_deref() != Some("true") {
            note(false, "doctor-no-options", &[]);
        }
        if place.is_set_up() && place.pin().is_none() {
            note(true, "doctor-no-pin", &[]);
        }
        let kept = keep::count(&git)?;
        if keep::is_chosen(&git) || kept > 0 {
            note(true, "doctor-kept", &[("count", &kept.to_string())]);
            if !keep::is_hidden(&git) {
                note(false, "doctor-kept-shown", &[]);
            }
        }
    }
    for (is_fine, key, count) in [
        (false, "doctor-waiting", spool::waiting(&place).len()),
        (false, "doctor-refused", spool::refused(&place)),
        (true, "doctor-halves", place.halves().len()),
    ] {
        if count > 0 {
            note(is_fine, key, &[("count", &count.to_string())]);
        }
    }
    Ok(match sound {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
