//! Mail from mailboxes that are watched: each taken once, whatever breaks between taking it and marking it there, at the instant
//! at which its server received it.

use std::collections::HashMap;
use std::sync::OnceLock;

use uuid::Uuid;

use super::intake::store_raw;
use crate::app::{App, Ctx};
use crate::domain::id::MailId;
use crate::domain::intake::Way;
use crate::domain::mailbox::First;
use crate::domain::timeline::Door;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::intake::arrived;
use crate::store::mailbox::{self as rows, Standing};
use crate::store::{self, Conn};

/// Who reads a mailbox has it for so long, in seconds; another node then takes over.
pub const HELD_SECS: i64 = 180;
/// A fault that lasts so long, in seconds, is a health mark: servers are restarted now and then.
const FAULT_SECS: i64 = 300;
/// How far a mail server's clock may be from ours, in seconds.
const CLOCKS_APART_SECS: i64 = 3_600;

/// A mailbox as it was selected: what its server promises of UIDs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    pub name: String,
    pub uid_validity: u32,
}

/// What a server says of a mail, and what of it was fetched.
pub struct Fetched<'a> {
    pub uid: u32,
    /// When the server received it.
    pub at: Timestamp,
    /// The whole mail, or its header alone if it is above the limit.
    pub bytes: &'a [u8],
    /// Of the whole.
    pub size: usize,
}

fn ctx(app: &App) -> Ctx<'_> {
    app.system("mail", Door::Mail)
}

/// Makes this process the one that reads the mailbox for a while; no if another one does.
pub fn hold(app: &App, name: &str) -> Result<bool> {
    let (ctx, holder) = (ctx(app), holder(app));
    let until = ctx.now.plus_secs(HELD_SECS);
    ctx.write(|tx| {
        rows::begin(tx, name)?;
        rows::hold(tx, name, &holder, ctx.now, until)
    })
}

/// Lets other nodes have what this process reads.
pub fn release(app: &App) -> Result<()> {
    let holder = holder(app);
    ctx(app).write(|tx| rows::release(tx, &holder))
}

/// This process, among all that share a database. An embedded one has one process: what an earlier one held is ours.
fn holder(app: &App) -> String {
    static PROCESS: OnceLock<String> = OnceLock::new();
    match app.store.is_sqlite() {
        true => "this".to_owned(),
        false => PROCESS
            .get_or_init(|| Uuid::new_v4().simple().to_string())
            .clone(),
    }
}

/// Where reading goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Every UID below is done.
    pub next_uid: u32,
    /// What arrived earlier was there before the mailbox was watched; while it isn't told by its UID.
    pub begins_at: Option<Timestamp>,
}

/// Where reading goes on under this promise. `uid_next` is the UID that the server's next mail will have.
pub fn place(app: &App, selected: &Selected, first: First, uid_next: u32) -> Result<Place> {
    let ctx = ctx(app);
    let known = ctx
        .read(|conn| rows::of(conn, &selected.name))?
        .ok_or(Error::NotFound)?;
    if known.uid_validity == i64::from(selected.uid_validity) {
        return Ok(Place {
            next_uid: u32::try_from(known.next_uid).unwrap_or(u32::MAX),
            // Once it was read to its end, whatever comes has come since, however old it is: people move mail about.
            begins_at: known.begins_at.filter(|_| known.next_uid <= 1),
        });
    }
    let place = match (known.uid_validity, first) {
        (0, First::New) => Place {
            next_uid: uid_next,
            // The server's clock may be behind ours.
            begins_at: Some(ctx.now.plus_secs(-CLOCKS_APART_SECS)),
        },
        (0, First::All) => Place {
            next_uid: 1,
            begins_at: None,
        },
        // UIDs don't mean any longer what they meant: everything is looked at anew, and known by its bytes.
        _ => Place {
            next_uid: 1,
            begins_at: known.begins_at,
        },
    };
    ctx.write(|tx| {
        rows::set_beginning(tx, &selected.name, place.begins_at)?;
        rows::set_place(
            tx,
            &selected.name,
            selected.uid_validity.into(),
            place.next_uid.into(),
        )
    })?;
    Ok(Place {
        begins_at: place.begins_at.filter(|_| place.next_uid <= 1),
        ..place
    })
}

/// Every UID below `next_uid` is done from now on.
pub fn set_place(app: &App, selected: &Selected, next_uid: u32) -> Result<()> {
    ctx(app).write(|tx| {
        rows::set_place(
            tx,
            &selected.name,
            selected.uid_validity.into(),
            next_uid.into(),
        )
    })
}

/// The UIDs from `first` on that are ours already, and whether they are so whole.
pub fn taken(app: &App, selected: &Selected, first: u32) -> Result<HashMap<u32, bool>> {
    let Selected { name, uid_validity } = selected;
    let taken =
        ctx(app).read(|conn| rows::taken(conn, name, (*uid_validity).into(), first.into()))?;
    let limit = app.config.mail_limit_bytes;
    Ok(taken
        .into_iter()
        .map(|(uid, size)| (uid, usize::try_from(size).is_ok_and(|size| size <= limit)))
        .collect())
}

/// Takes a mail in. When this returns it is durable, and known by its UID. A mail that this mailbox had under another UID, before its
/// server changed its promise, is that mail.
pub fn take(app: &App, selected: &Selected, mail: &Fetched<'_>) -> Result<()> {
    let ctx = ctx(app);
    let Selected { name, uid_validity } = selected;
    let (validity, uid) = (i64::from(*uid_validity), i64::from(mail.uid));
    // A clock that is ahead of ours must not start anything in our future.
    let at = mail.at.min(ctx.now);
    store_raw(&ctx, mail.bytes, |tx, hash| {
        if rows::has(tx, name, validity, uid)? {
            return Ok(());
        }
        let id: MailId = match rows::same(tx, name, hash, at)? {
            Some(known) => known,
            None => {
                let mut new = arrived(Way::Imap, None, &[], hash, mail.size, ctx.now);
                new.received_at = at;
                store::intake::insert(tx, &new)?;
                new.id
            }
        };
        rows::note(tx, name, validity, uid, id)?;
        Ok(())
    })
}

/// It was read to its end, in good order.
pub fn note_read(app: &App, name: &str) -> Result<()> {
    let ctx = ctx(app);
    ctx.write(|tx| rows::set_read(tx, name, ctx.now))
}

/// It can't be read, or not be tidied, and why. The fault stays until it was read in good order.
pub fn note_fault(app: &App, name: &str, fault: &str) -> Result<()> {
    let ctx = ctx(app);
    let fault: String = fault.chars().filter(|c| *c != '\0').take(500).collect();
    ctx.write(|tx| {
        rows::begin(tx, name)?;
        rows::set_fault(tx, name, &fault, ctx.now)
    })
}

/// How the mailboxes stand that this configuration names, as far as they were ever looked at.
pub fn standings(app: &App, conn: &mut Conn) -> Result<Vec<Standing>> {
    let names: Vec<String> = app
        .config
        .imap
        .iter()
        .map(|mailbox| mailbox.name())
        .collect();
    match names.is_empty() {
        true => Ok(Vec::new()),
        false => rows::of_all(conn, &names),
    }
}

/// The mailbox that something has been wrong with for the longest, if that is no passing fault.
pub fn failing(app: &App, conn: &mut Conn, now: Timestamp) -> Result<Option<Standing>> {
    let mut failing = standings(app, conn)?;
    failing.retain(|standing| {
        standing
            .fault_since
            .is_some_and(|since| now.secs_since(since) >= FAULT_SECS)
    });
    Ok(failing
        .into_iter()
        .min_by_key(|standing| standing.fault_since))
}
