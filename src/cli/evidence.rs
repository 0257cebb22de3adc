//! `watchkeeper evidence`: what an auditor is handed of a period, into a new folder or a new archive. It needs no server and disturbs
//! none that runs.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use super::admin::told;
use crate::actions::audit_evidence::{Asked, export};
use crate::app::App;
use crate::domain::refusal::FieldError;
use crate::domain::sla_report::Period;
use crate::domain::text;
use crate::domain::timeline::Door;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Fields, Result};
use crate::render::audit_evidence::{self as render, Files, MANIFEST, SIGNATURE};
use crate::render::tar;
use crate::store::{self, Conn};
use crate::words::Words;

/// What the signature is for, so that it can't be taken for one of anything else.
const NAMESPACE: &str = "watchkeeper-evidence";

#[derive(Args)]
pub(super) struct EvidenceArgs {
    /// First day, such as 2026-06-01.
    #[arg(long, value_name = "DAY")]
    from: String,
    /// Last day, such as 2026-06-30.
    #[arg(long, value_name = "DAY")]
    to: String,
    /// On whose wall clock the days are meant, such as Europe/Stockholm; the house's zone by default.
    #[arg(long)]
    zone: Option<String>,
    /// Only of the service of this name.
    #[arg(long)]
    service: Option<String>,
    /// The same seed draws the same sample again.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// How many deployments are drawn.
    #[arg(long, default_value_t = 25)]
    sample: usize,
    /// A folder that isn't there yet or is empty, or a new file that ends in .tar.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// A private OpenSSH key, with which `ssh-keygen` signs the list of hashes.
    #[arg(long, value_name = "PATH")]
    sign_key: Option<PathBuf>,
}

pub(super) fn run(app: &App, args: &EvidenceArgs) -> anyhow::Result<()> {
    let is_archive = args.out.extension().is_some_and(|ending| ending == "tar");
    refuse_known(&args.out, is_archive)?;
    let ctx = app.system("evidence command", Door::Cli);
    let asked = ctx.read(|conn| asked(conn, args)).map_err(told)?;
    let dossier = export(&ctx, &asked).map_err(told)?;
    let mut files = render::write(&dossier, Words::english())?;
    if let Some(key) = &args.sign_key {
        let signature = signed(key, &files)?;
        files.push((SIGNATURE.to_owned(), signature));
    }
    match is_archive {
        true => archive(&args.out, &files, dossier.made_at)?,
        false => folder(&args.out, &files)?,
    }
    let exceptions: usize = dossier.counts().into_values().sum();
    println!(
        "{}: {} deployments, {} exceptions, {} drawn with the seed {}",
        args.out.display(),
        dossier.items.len(),
        exceptions,
        dossier.drawn.len(),
        args.seed
    );
    Ok(())
}

/// The signature of the manifest by this key, as OpenSSH writes it.
fn signed(key: &Path, files: &Files) -> anyhow::Result<Vec<u8>> {
    let manifest = files.iter().find(|(path, _)| path == MANIFEST);
    let (_, manifest) = manifest.context("the manifest is missing")?;
    let mut child = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", NAMESPACE, "-f"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context(
            "--sign-key wants the program `ssh-keygen` (OpenSSH 8.1 or later), which doesn't start",
        )?;
    let written = child
        .stdin
        .take()
        .map(|mut input| input.write_all(manifest));
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && output.stdout.starts_with(b"-----BEGIN SSH SIGNATURE-----"),
        "{} doesn't sign: {}",
        key.display(),
        said.trim()
    );
    // Whoever stopped reading has signed something else.
    written.context("ssh-keygen has no input")??;
    Ok(output.stdout)
}

/// What is there is somebody's evidence already.
fn refuse_known(out: &Path, is_archive: bool) -> anyhow::Result<()> {
    if !out.exists() {
        return Ok(());
    }
    ensure!(!is_archive, "{} is there already", out.display());
    let is_empty = fs::read_dir(out)
        .with_context(|| format!("{} is no folder", out.display()))?
        .next()
        .is_none();
    ensure!(is_empty, "{} isn't empty", out.display());
    Ok(())
}

fn asked(conn: &mut Conn, args: &EvidenceArgs) -> Result<Asked> {
    let mut fields = Fields::new();
    let (from, to) = (
        fields.take(text::date("from", &args.from)),
        fields.take(text::date("to", &args.to)),
    );
    let zone = match &args.zone {
        Some(name) => fields.take(text::zone("zone", name)),
        None => Some(store::settings::all(conn)?.house_zone),
    };
    let service = match &args.service {
        None => Some(None),
        Some(name) => {
            let unknown = FieldError::new("service", "unknown-service-name");
            let found = store::house::service_by_name(conn, name.trim())?;
            fields.take(found.ok_or(unknown.with("value", name.clone())).map(Some))
        }
    };
    fields.check()?;
    let (Some(from), Some(to), Some(zone), Some(service)) = (from, to, zone, service) else {
        return Err(Error::internal("a checked command lacks a flag"));
    };
    Ok(Asked {
        period: Period::new(from, to, zone)?,
        service,
        seed: args.seed,
        sample: args.sample,
    })
}

fn folder(out: &Path, files: &Files) -> anyhow::Result<()> {
    for (path, bytes) in files {
        let place = out.join(path);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        fs::write(&place, bytes).with_context(|| place.display().to_string())?;
    }
    Ok(())
}

fn archive(out: &Path, files: &Files, made_at: Timestamp) -> anyhow::Result<()> {
    let Some(bytes) = tar::write(files, made_at) else {
        bail!("a path is too long for an archive");
    };
    let file = fs::File::create_new(out).with_context(|| out.display().to_string())?;
    let mut file = std::io::BufWriter::new(file);
    file.write_all(&bytes)
        .and_then(|()| file.flush())
        .with_context(|| out.display().to_string())
}
