//! Turns stored mail into tickets and messages: a batch at a time in one transaction, or one by one when a batch fails, so that
//! one mail that can't be dealt with stops nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::time::Duration;

use super::{Again, Job, UNHURRIED};
use crate::actions::intake::{self as actions, Marks, ReadMail};
use crate::app::{App, Ctx, ENDED_VERSION, VERSION};
use crate::domain::intake::MOST_LOOKS;
use crate::domain::letter::{Letter, Remark};
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
        let is_suspect = is_suspect(app, &mail);
        match read(app, mail)? {
            // Alone, so that it takes no other's good name with it.
            Some(read) if is_suspect => take(app, &[read])?,
            Some(read) => batch.push(read),
            None => {}
        }
    }
    if !batch.is_empty() {
        take(app, &batch)?;
    }
    Ok(if is_full { Again::AtOnce } else { Again::Later })
}

/// Reads a stored mail; `None` if it can't be now, which is noted. A mail is looked at a fixed number of times, whether the look fails or
/// ends this process; then what is known of it without reading it is decided about.
fn read(app: &App, mail: StoredMail) -> Result<Option<ReadMail>> {
    let ctx = app.system("mailbox", Door::Mail);
    let raw = app.store.read(|conn| store::blob::get(conn, mail.raw))?;
    let Some(raw) = raw else {
        actions::note_failure(&ctx, &mail, "bytes-missing")?;
        return Ok(None);
    };
    let from = mail.envelope_from.as_deref();
    let deaths = deaths(app, &ctx, &mail)?;
    if deaths >= MOST_LOOKS {
        tracing::error!(mail = %mail.id, deaths, "processes ended again and again while they read a mail; it is not read any more");
        let letter = match deaths < 2 * MOST_LOOKS {
            true => mail::failed(&raw, from),
            // Not even its header can be read.
            false => mail::unseen(&raw, from),
        };
        let mut mail = mail;
        mail.because.set(ENDED_VERSION, VERSION);
        return Ok(Some(with_marks(app, mail, letter, &raw)));
    }
    let letter = app.read_mail(&raw, from, mail.received_at);
    if letter.remarks.contains(&Remark::ReaderFailed) {
        tracing::error!(mail = %mail.id, looks = mail.attempts + 1, "the reader failed on a mail");
        if !is_last_look(&mail) {
            actions::note_failure(&ctx, &mail, "reading-failed")?;
            return Ok(None);
        }
    }
    Ok(Some(with_marks(app, mail, letter, &raw)))
}

/// How many looks at this mail may each have ended a process. This one is counted, once for this process: as long as it lives, none of its
/// looks has ended it.
fn deaths(app: &App, ctx: &Ctx<'_>, mail: &StoredMail) -> Result<i32> {
    let mut begun = app
        .begun_mails
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if !is_suspect(app, mail) || begun.contains(&mail.id) {
        return Ok(0);
    }
    let before = actions::begin_look(ctx, mail.id)?;
    begun.insert(mail.id);
    Ok(before)
}

/// It waits since before this process began: it may be what ended the one before. Looks at such mails are counted before they begin,
/// which costs a transaction each; mails that come while all is well are spared that.
fn is_suspect(app: &App, mail: &StoredMail) -> bool {
    mail.id.made_at().is_none_or(|at| at < app.began_at)
}

fn is_last_look(mail: &StoredMail) -> bool {
    mail.attempts + 1 >= MOST_LOOKS
}

fn with_marks(app: &App, mail: StoredMail, letter: Letter, raw: &[u8]) -> ReadMail {
    let own = Seal::new(app.signing_key).loop_mark();
    let is_ours = || mail::header(raw, mail::LOOP_HEADER).is_some_and(|mark| mark == own);
    let marks = Marks {
        has_loop_mark: catch_unwind(AssertUnwindSafe(is_ours)).unwrap_or(false),
        is_cut: (raw.len() as i64) < mail.size_bytes,
    };
    ReadMail {
        mail,
        letter,
        marks,
    }
}

fn take(app: &App, batch: &[ReadMail]) -> Result<()> {
    let ctx = app.system("mailbox", Door::Mail);
    // A fault of ours in deciding about one mail is that mail's alone, too.
    let settled = catch_unwind(AssertUnwindSafe(|| actions::settle(&ctx, batch)));
    let fault = match settled.unwrap_or_else(|_| Err(Error::internal("deciding about it panicked")))
    {
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
    let read = match (fault, batch.first()) {
        // Somebody changed the ticket at the same moment: the next look decides again.
        (Error::Stale, _) | (_, None) => return Ok(()),
        (fault, Some(read)) => {
            tracing::error!(%fault, mail = %read.mail.id, "a mail could not be dealt with");
            if !is_last_look(&read.mail) || read.letter.remarks.contains(&Remark::ReaderFailed) {
                return actions::note_failure(&ctx, &read.mail, &fault.to_string());
            }
            read
        }
    };
    // What was made of it can't be decided about: what is known without reading it may be.
    let raw = app
        .store
        .read(|conn| store::blob::get(conn, read.mail.raw))?;
    let raw = raw.unwrap_or_default();
    let letter = mail::failed(&raw, read.mail.envelope_from.as_deref());
    take(app, &[with_marks(app, read.mail.clone(), letter, &raw)])
}

/// Join requests that nobody answered become tickets of their own; before that, whoever has the ticket is warned.
fn open_stale_joins(app: &App) -> Result<Again> {
    let ctx = app.system("mailbox", Door::Mail);
    let (due, to_warn) = app.store.read(|conn| {
        Ok((
            store::mail_join::due(conn, ctx.now, LOOK)?,
            store::mail_join::to_warn(conn, ctx.now, LOOK)?,
        ))
    })?;
    for id in due {
        let stored = app.store.read(|conn| store::intake::by_id(conn, id))?;
        let Some(mail) = stored else { continue };
        let raw = app.store.read(|conn| store::blob::get(conn, mail.raw))?;
        // Without its bytes it is still somebody who waits.
        let raw = raw.unwrap_or_default();
        let letter = app.read_stored(&mail, &raw);
        actions::open_stale_join(&ctx, id, &letter)?;
    }
    for id in to_warn {
        actions::warn_of_join(&ctx, id)?;
    }
    Ok(Again::Later)
}
