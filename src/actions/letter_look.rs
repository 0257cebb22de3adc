//! What somebody says to customers, looked at before it is sent: the very action is run, the letters that it asks for are written, and
//! all of it is undone. Nobody reads anything else than what is shown here.

use super::outgoing::{self, House};
use super::proposal::{self, Said};
use crate::app::Ctx;
use crate::domain::access::Principal;
use crate::domain::id::{ContactId, TicketKey};
use crate::domain::text::EmailAddress;
use crate::domain::ticket::Ticket;
use crate::error::{Error, Result};
use crate::store::{self, Conn};

/// Letters that are shown whole; of the rest it is said to whom they go.
const SHOWN: usize = 20;

/// One letter as its recipient would get it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub contact: Option<ContactId>,
    /// "" for somebody whom we know by their address alone.
    pub name: String,
    pub to: EmailAddress,
    /// Subject and text; `None` where there are too many to show.
    pub words: Option<(String, String)>,
    /// Names and sizes of the files that go with it.
    pub files: Vec<(String, usize)>,
}

/// What would become of it.
#[derive(Debug)]
pub struct Look {
    /// As it would stand.
    pub ticket: Ticket,
    /// Somebody else would read it first; the letters are those that leave once they approve.
    pub waits: bool,
    pub letters: Vec<Letter>,
}

/// Looks at what `say` would send about this ticket.
pub fn at(ctx: &Ctx<'_>, key: TicketKey, say: impl Fn(&Ctx<'_>) -> Result<Said>) -> Result<Look> {
    ctx.undone(|ctx| {
        let before = ctx.read(|conn| store::ticket::by_key(conn, key))?;
        let before = before.ok_or(Error::NotFound)?.entry_count;
        let said = say(ctx)?;
        if said.waits {
            let mut second = ctx.clone();
            second.by = Principal::System("preview");
            proposal::approve(&second, key, before + 1, None)?;
        }
        let letters = ctx.read(|conn| letters(conn, ctx, &said.ticket, before))?;
        Ok(Look {
            ticket: said.ticket,
            waits: said.waits,
            letters,
        })
    })
}

/// Those about entries after this one.
fn letters(conn: &mut Conn, ctx: &Ctx<'_>, ticket: &Ticket, after: i64) -> Result<Vec<Letter>> {
    let house = House::load(conn, ctx.app)?;
    let asked = store::outbox::answers_after(conn, ticket.id, after)?;
    let written = asked.iter().enumerate().map(|(place, delivery)| {
        let mail = outgoing::compose(conn, ctx.app, &house, delivery, ctx.now)?;
        let is_shown = place < SHOWN;
        let files = mail.files.into_iter();
        Ok(Letter {
            contact: delivery.contact,
            name: mail.to_name,
            to: mail.to,
            words: is_shown.then_some((mail.subject, mail.text)),
            files: files.map(|file| (file.name, file.bytes.len())).collect(),
        })
    });
    written.collect()
}
