//! Files that came by mail and would do something when opened: kept as they came, and handed out only to staff who were warned. Who
//! took one stands on the ticket's timeline.

use super::ticket::change_any;
use super::{allow_ticket, ticket};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::id::{AttachmentId, TicketKey};
use crate::domain::refusal::Refusal;
use crate::domain::timeline::{Entry, EntryKind};
use crate::error::{Error, Result};
use crate::store::blob::{self, Attachment};
use crate::store::{self, Conn};

/// A file of a ticket as it is asked for.
#[derive(Debug)]
pub enum Asked {
    Open(Attachment, Vec<u8>),
    /// Somebody has to be warned first.
    ShutAway(Attachment),
}

/// A file of this ticket: its bytes, or that they are in quarantine.
pub fn ask(ctx: &Ctx<'_>, key: TicketKey, id: AttachmentId) -> Result<Asked> {
    let ticket = ticket::read(ctx, key)?;
    ctx.read(|conn| {
        let file = blob::attachment(conn, id)?.filter(|file| file.ticket == ticket.id);
        let file = file.ok_or(Error::NotFound)?;
        if file.quarantined_for().is_some() {
            return Ok(Asked::ShutAway(file));
        }
        let bytes = bytes_of(conn, &file)?;
        Ok(Asked::Open(file, bytes))
    })
}

/// The same where nobody can be warned.
pub fn ask_unwarned(
    ctx: &Ctx<'_>,
    key: TicketKey,
    id: AttachmentId,
) -> Result<(Attachment, Vec<u8>)> {
    match ask(ctx, key, id)? {
        Asked::Open(file, bytes) => Ok((file, bytes)),
        Asked::ShutAway(file) => Err(Refusal::new("file-in-quarantine")
            .with("name", file.name)
            .into()),
    }
}

/// Hands out a file that is in quarantine; the timeline says who took it.
pub fn take_out(ctx: &Ctx<'_>, key: TicketKey, id: AttachmentId) -> Result<(Attachment, Vec<u8>)> {
    // Before anything is said of the file: whether there is one is nobody's business who may not see the ticket.
    let ticket = ticket::read(ctx, key)?;
    let (file, bytes) = ctx.read(|conn| {
        allow_ticket(conn, &ctx.by, Action::TakeFile, &ticket)?;
        let file = blob::attachment(conn, id)?.filter(|file| file.ticket == ticket.id);
        let file = file.ok_or(Error::NotFound)?;
        let bytes = bytes_of(conn, &file)?;
        Ok((file, bytes))
    })?;
    change_any(ctx, key, None, Action::TakeFile, |tx, _| {
        // Redacted a moment ago, it is gone.
        let file = store::blob::attachment(tx, id)?.ok_or(Error::NotFound)?;
        let Some(danger) = file.quarantined_for() else {
            return Err(Refusal::new("file-not-in-quarantine").into());
        };
        Ok(vec![
            Entry::new(EntryKind::FileTaken)
                .fact("name", &file.name)
                .fact("danger", danger)
                .fact("sha256", file.hash.hex()),
        ])
    })?;
    Ok((file, bytes))
}

fn bytes_of(conn: &mut Conn, file: &Attachment) -> Result<Vec<u8>> {
    blob::of_file(conn, file)?.ok_or(Error::NotFound)
}
