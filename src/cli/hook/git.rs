//! The `git` program, for everything that must follow the repository's own configuration and object format.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Runs git in one place: a folder, or wherever git itself has put us (its hooks set `GIT_DIR`).
pub struct Git<'a> {
    folder: Option<&'a Path>,
}

impl<'a> Git<'a> {
    /// Where we are: in a hook, the repository that runs it.
    pub fn here() -> Self {
        Self { folder: None }
    }

    /// In `folder`, whatever the environment says; without one, where we are.
    pub fn in_folder(folder: Option<&'a Path>) -> Self {
        Self { folder }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        if let Some(folder) = self.folder {
            command.arg("-C").arg(folder).env_remove("GIT_DIR");
        }
        command.args(args).stdin(Stdio::null());
        command
    }

    /// What it prints, without the last line feed; an error if it fails.
    pub fn ask(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = self.command(args).output().context("git doesn't start")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("git {}: {}", args.first().unwrap_or(&""), said.trim());
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.trim_end_matches('\n').to_owned())
    }

    /// What it prints, or `None` if it fails or prints nothing: for settings that may be absent.
    pub fn maybe(&self, args: &[&str]) -> Option<String> {
        self.ask(args).ok().filter(|text| !text.is_empty())
    }

    /// What it prints when it is fed `input`.
    pub fn feed(&self, args: &[&str], input: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("git doesn't start")?;
        let mut stdin = child.stdin.take().context("git has no input")?;
        // On a thread of its own: git answers while it still reads, and both pipes are short.
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("git {}: {}", args.first().unwrap_or(&""), said.trim());
        }
        match writer.join() {
            Ok(written) => written.context("git stopped reading")?,
            Err(_) => bail!("the thread that feeds git died"),
        }
        Ok(output.stdout)
    }
}
