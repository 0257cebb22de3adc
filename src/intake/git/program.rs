//! The `git` program, for everything that must follow the repository's own configuration and object format.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::domain::git::Oid;
use crate::error::{Error, Result};

/// By which the environment leads git elsewhere.
pub(super) const OTHERS: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_NAMESPACE",
];

/// Runs git in one place: a folder, or wherever git itself has put us (its hooks set `GIT_DIR`).
pub struct Git<'a> {
    place: Place<'a>,
}

enum Place<'a> {
    Here,
    Around(&'a Path),
    Bare(&'a Path),
}

impl<'a> Git<'a> {
    /// Where we are: in a hook, the repository that runs it.
    pub fn here() -> Self {
        Self { place: Place::Here }
    }

    /// In `folder`, whatever the environment says; without one, where we are.
    pub fn in_folder(folder: Option<&'a Path>) -> Self {
        let place = folder.map_or(Place::Here, Place::Around);
        Self { place }
    }

    /// In the bare repository that `folder` is, and in none around it.
    pub fn bare(folder: &'a Path) -> Self {
        let place = Place::Bare(folder);
        Self { place }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        match self.place {
            Place::Here => {}
            Place::Around(folder) => {
                command.arg("-C").arg(folder).env_remove("GIT_DIR");
            }
            Place::Bare(folder) => {
                command.arg("--git-dir").arg(folder);
                for name in OTHERS {
                    command.env_remove(name);
                }
            }
        }
        command.args(args).stdin(Stdio::null());
        command
    }

    /// What it prints, without the last line feed; an error if it fails.
    pub fn ask(&self, args: &[&str]) -> Result<String> {
        let output = self.command(args).output().map_err(no_start)?;
        if !output.status.success() {
            return Err(failed(args, &output.stderr));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.trim_end_matches('\n').to_owned())
    }

    /// What it prints, or `None` if it fails or prints nothing: for settings that may be absent.
    pub fn maybe(&self, args: &[&str]) -> Option<String> {
        self.ask(args).ok().filter(|text| !text.is_empty())
    }

    /// What it prints when it is fed `input`.
    pub fn feed(&self, args: &[&str], input: Vec<u8>) -> Result<Vec<u8>> {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(no_start)?;
        let mut stdin = child
            .stdin
            .take()
            .ok_or(Error::internal("git has no input"))?;
        // On a thread of its own: git answers while it still reads, and both pipes are short.
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().map_err(Error::internal)?;
        if !output.status.success() {
            return Err(failed(args, &output.stderr));
        }
        match writer.join() {
            Ok(Ok(())) => Ok(output.stdout),
            Ok(Err(why)) => Err(Error::internal(format!("git stopped reading: {why}"))),
            Err(_) => Err(Error::internal("the thread that feeds git died")),
        }
    }
}

/// The next object that `cat-file --batch` printed, `<oid> <type> <size>\n<bytes>\n`; `None`: the repository hasn't that one.
pub(super) fn next_object<'a>(bytes: &mut &'a [u8]) -> Result<Option<(Oid, &'a [u8])>> {
    let cut_short = || Error::internal("git cat-file stopped early");
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let end = end.ok_or_else(cut_short)?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let start = end + 1;
    let mut words = head.split(' ');
    let oid = words.next().and_then(Oid::parse);
    let size = words.nth(1).and_then(|size| size.parse::<usize>().ok());
    let (Some(oid), Some(size)) = (oid, size) else {
        *bytes = &bytes[start..];
        return match head.ends_with(" missing") {
            true => Ok(None),
            false => Err(Error::internal(format!("git cat-file says: {head}"))),
        };
    };
    let raw = bytes.get(start..start + size).ok_or_else(cut_short)?;
    *bytes = bytes.get(start + size + 1..).unwrap_or_default();
    Ok(Some((oid, raw)))
}

fn no_start(why: std::io::Error) -> Error {
    Error::internal(format!("git doesn't start: {why}"))
}

fn failed(args: &[&str], said: &[u8]) -> Error {
    let said = String::from_utf8_lossy(said);
    Error::internal(format!(
        "git {}: {}",
        args.first().unwrap_or(&""),
        said.trim()
    ))
}
