//! `hook install`: keeps address and token, and puts our hook in front of git, behind any hook that is there already.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use super::client::{Answer, Client};
use super::place::{Place, write_whole};
use super::{keep, say};
use crate::intake::git::Git;

/// Tells our hook files from others'.
pub(super) const MARK: &str = "installed by `watchkeeper hook install`";

pub fn run(
    url: &str,
    token: &str,
    repo: Option<&Path>,
    ca: Option<&Path>,
    keeps: bool,
) -> anyhow::Result<()> {
    let url = url.trim().trim_end_matches('/');
    let token = token.trim();
    if !crate::config::is_public_url(url) {
        bail!(
            "`{url}` is no address: `https://` or `http://`, a host and nothing behind it is wanted"
        );
    }
    if !token.starts_with("wk_") || token.contains(char::is_whitespace) {
        bail!(
            "this is no token of a repository: it begins with `wk_`; the settings page shows it once"
        );
    }
    let git = Git::in_folder(repo);
    let is_bare = git.ask(&["rev-parse", "--is-bare-repository"])? == "true";
    if keeps && !is_bare {
        bail!("--keep is for the bare repository that others push to");
    }
    let place = Place::of(&git)?;
    let pem = ca
        .map(fs::read)
        .transpose()
        .context("the authority's certificate can't be read")?;
    // The first connection of all may be slow; it is somebody's only look at whether this works.
    let pin = match Client::new(url, token, pem, Duration::from_secs(5))?.pin() {
        Answer::Got(pin) => pin,
        Answer::Away(why) => {
            let values = [("url", url.into()), ("why", why.into())];
            say("hook-install-away", &values);
            None
        }
        Answer::Refused(_, why) => bail!("{url} doesn't take this token: {why}"),
    };
    place.set_up(url, token, ca)?;
    // What it told under another key counts no more.
    if let Some(pin) = pin {
        place.set_pin(&pin)?;
    }
    for name in names(is_bare) {
        let path = hook_path(&git, name)?;
        let chained = put(&path, name)?;
        say(
            "hook-installed",
            &[
                ("hook", (*name).into()),
                ("path", path.display().to_string().into()),
            ],
        );
        if let Some(previous) = chained {
            say(
                "hook-chained",
                &[("path", previous.display().to_string().into())],
            );
        }
    }
    if is_bare {
        take_options(&git)?;
    }
    if keeps {
        keep::choose(&git)?;
        say("hook-keeps", &[]);
    }
    Ok(())
}

/// The hooks of a repository that others push to, or of a work clone.
pub(super) fn names(is_bare: bool) -> &'static [&'static str] {
    match is_bare {
        true => &["pre-receive", "post-receive"],
        false => &["prepare-commit-msg", "commit-msg"],
    }
}

/// Without this `git push -o` dies before any hook hears of it.
fn take_options(git: &Git<'_>) -> anyhow::Result<()> {
    git.ask(&["config", "receive.advertisePushOptions", "true"])?;
    Ok(())
}

/// As [`run`] for a bare repository whose service isn't up yet: nobody is asked, nothing is said.
pub(super) fn put_in_bare(repo: &Path, url: &str, token: &str) -> anyhow::Result<()> {
    let git = Git::in_folder(Some(repo));
    Place::of(&git)?.set_up(url, token, None)?;
    for name in names(true) {
        put(&hook_path(&git, name)?, name)?;
    }
    take_options(&git)
}

/// Where git looks for this hook. A folder that is shared with other repositories is not ours to write into.
pub(super) fn hook_path(git: &Git<'_>, name: &str) -> anyhow::Result<PathBuf> {
    let path = git.ask(&[
        "rev-parse",
        "--path-format=absolute",
        "--git-path",
        &format!("hooks/{name}"),
    ])?;
    if let Some(set) = git.maybe(&["config", "--show-scope", "--get", "core.hooksPath"]) {
        let (scope, folder) = set.split_once('\t').unwrap_or(("", &set));
        if matches!(scope, "global" | "system") {
            bail!(
                "core.hooksPath is set to `{folder}` for every repository: add `watchkeeper hook {name}` to the hook there, \
                 or set core.hooksPath for this repository alone"
            );
        }
    }
    Ok(PathBuf::from(path))
}

/// Writes our hook; one that was there moves to `<name>.d/` and runs first. Returns where it went.
fn put(path: &Path, name: &str) -> anyhow::Result<Option<PathBuf>> {
    let folder = path.parent().context("a hook without a folder")?;
    fs::create_dir_all(folder)?;
    let mut chained = None;
    if let Ok(text) = fs::read(path)
        && !String::from_utf8_lossy(&text).contains(MARK)
    {
        let others = folder.join(format!("{name}.d"));
        fs::create_dir_all(&others)?;
        let taken = fs::read_dir(&others)?.count();
        let to = others.join(format!("{taken:02}-previous"));
        fs::rename(path, &to)?;
        chained = Some(to);
    }
    let program = std::env::current_exe().context("this program's own path is unknown")?;
    write_whole(path, script(name, &program).as_bytes())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(chained)
}

/// The hook: others first, and a failure of theirs is final; ours last, and its absence stops nobody.
fn script(name: &str, program: &Path) -> String {
    let quoted = program.display().to_string().replace('\'', "'\\''");
    // What post-receive reads can be read once, and each hook wants all of it.
    let (before, feed, argument) = match name {
        "pre-receive" | "post-receive" => ("input=$(cat)\n", "printf '%s\\n' \"$input\" | ", ""),
        _ => ("", "", " \"$@\""),
    };
    format!(
        "#!/bin/sh\n# {MARK}; other hooks belong into {name}.d/\n{before}\
         for hook in \"$(dirname \"$0\")/{name}.d/\"*; do\n  \
         if [ -x \"$hook\" ]; then {feed}\"$hook\" \"$@\" || exit $?; fi\ndone\n\
         program='{quoted}'\n\
         if [ ! -x \"$program\" ]; then echo \"watchkeeper: $program is gone; run \\`watchkeeper hook install\\` again\" >&2; exit 0; fi\n\
         {feed}\"$program\" hook {name}{argument}\n\
         # 1 is a refusal; anything else is a failure of ours, which stops nobody.\n\
         test $? -ne 1\n"
    )
}
