//! Turns stored mail into tickets and messages: a batch at a time in one transaction, or one by one when a batch fails, so that
//! one mail that can't be dealt with stops nobody.

use std::time::Duration;

use super::{Again, Job, UNHURRIED};
use crate::actions::intake::{self as actions, Marks, ReadMail};
use crate::app::App;
use crate::domain::intake::JOIN_PATIENCE_SECS;
use crate::domain::seal::Seal;
use crate::domain::timeline::Door;
use crate::error::{Error, Result};
use crate::intake::mail;
use crate::store;
use crate::store::intake::StoredMail;

pub(super) const JOB: Job = Job {
    name: "mailbox",
    run,
    rest: Duration::from_millis(20),
    hands: 1,
};
/// Beside it, so that a full mailbox neither asks after them with every batch nor keeps them waiting.
pub(super) const STALE_JOINS: Job = Job {
    name: "stale-joins",
    run: open_stale_joins,
    rest: UNHURRIED,
    hands: 1,
};

/// Mails of one look.
const LOOK: i64 = 32;
/// Mails of one transaction. Deciding about one costs ten times what taking one in does, and both take turns at the writer:
/// with larger batches a burst would wait for them at the door, and be accepted more slowly than it could be.
const BATCH: usize = 4;
/// Bytes of one batch, so that a row of large mails doesn't fill the memory.
const BATCH_BYTES: i64 = 64 * 1024 * 1024;

fn run(app: &App) -> Result<Again> {
    let waiting = app.store.read(|conn| store::intake::waiting(conn, LOOK))?;
    let is_full = waiting.len() as i64 == LOOK;
    metrics::gauge!("watchkeeper_mail_waiting").set(waiting.len() as f64);
    let mut bytes = 0;
    let mut batch = Vec::new();
    for mail in waiting {
        let is_whole = batch.len() == BATCH || bytes + mail.size_bytes > BATCH_BYTES;
        if is_whole && !batch.is_empty() {
            take(app, &std::mem::take(&mut batch))?;
            bytes = 0;
        }
        bytes += mail.size_bytes;
        if let Some(read) = read(app, mail)? {
            batch.push(read);
        }
    }
    if !batch.is_empty() {
        take(app, &batch)?;
    }
    Ok(if is_full { Again::AtOnce } else { Again::Later })
}

/// Reads a stored mail, or notes that it can't be.
fn read(app: &App, mail: StoredMail) -> Result<Option<ReadMail>> {
    let raw = app.store.read(|conn| store::blob::get(conn, mail.raw))?;
    let Some(raw) = raw else {
        let ctx = app.system("mailbox", Door::Mail);
        actions::note_failure(&ctx, mail.id, "bytes-missing")?;
        return Ok(None);
    };
    // The parser promises not to panic; one that does anyway must not stop the others.
    let authorities = &app.config.smime_ca;
    let letter = std::panic::catch_unwind(|| {
        let from = mail.envelope_from.as_deref();
        mail::read_checked(&raw, from, authorities, mail.received_at)
    });
    match letter {
        Ok(letter) => {
            let own = Seal::new(app.signing_key).loop_mark();
            let has_loop_mark =
                mail::header(&raw, mail::LOOP_HEADER).is_some_and(|mark| mark == own);
            let marks = Marks {
                has_loop_mark,
                is_cut: (raw.len() as i64) < mail.size_bytes,
            };
            Ok(Some(ReadMail {
                mail,
                letter,
                marks,
            }))
        }
        Err(_) => {
            let ctx = app.system("mailbox", Door::Mail);
            actions::note_failure(&ctx, mail.id, "reading-failed")?;
            Ok(None)
        }
    }
}

fn take(app: &App, batch: &[ReadMail]) -> Result<()> {
    let ctx = app.system("mailbox", Door::Mail);
    let fault = match actions::settle(&ctx, batch) {
        Ok(()) => return Ok(()),
        // The database is away: nobody's mail is to blame.
        Err(error @ Error::Unavailable(_)) => return Err(error),
        Err(error) => error,
    };
    if batch.len() > 1 {
        tracing::warn!(%fault, mails = batch.len(), "a batch of mail failed; its mails are tried one by one");
        for read in batch {
            take(app, std::slice::from_ref(read))?;
        }
        return Ok(());
    }
    match (fault, batch.first()) {
        // Somebody changed the ticket at the same moment: the next look decides again.
        (Error::Stale, _) | (_, None) => Ok(()),
        (fault, Some(read)) => {
            tracing::error!(%fault, mail = %read.mail.id, "a mail could not be dealt with");
            actions::note_failure(&ctx, read.mail.id, &fault.to_string())
        }
    }
}

/// Join requests that nobody answered become tickets of their own.
fn open_stale_joins(app: &App) -> Result<Again> {
    let ctx = app.system("mailbox", Door::Mail);
    let before = ctx.now.plus_secs(-JOIN_PATIENCE_SECS);
    let stale = app
        .store
        .read(|conn| store::intake::stale_join_requests(conn, before, LOOK))?;
    for id in stale {
        let stored = app.store.read(|conn| store::intake::by_id(conn, id))?;
        if let Some(mail) = stored
            && let Some(read) = read(app, mail)?
        {
            actions::open_stale_join(&ctx, id, &read.letter)?;
        }
    }
    Ok(Again::Later)
}
