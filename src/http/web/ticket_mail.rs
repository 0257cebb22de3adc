//! The mail around a ticket, in its room: who wrote, with the way to block them, and the mails of strangers that ask to join.

use crate::actions::{self, intake as act};
use crate::app::Ctx;
use crate::domain::access::{self, Action, Target};
use crate::domain::id::{Id, MailId, TicketId, TicketKey};
use crate::domain::intake::{Verdict, patterns_for};
use crate::domain::quote;
use crate::domain::text::EmailAddress;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::http::form::Posted;
use crate::store::{self, Conn};

/// Of a mail that asks to join, as many characters are shown; the rest is one click away.
const SHOWN_CHARS: usize = 600;

/// Somebody whose mail came to the ticket.
pub struct SenderLine {
    pub address: String,
    /// The pattern that holds their mail.
    pub blocked_by: Option<String>,
}

/// A mail that waits for somebody to say whether it belongs here.
pub struct JoinLine {
    pub id: String,
    pub from: String,
    pub subject: String,
    pub text: String,
    /// What is known of its sender, as the catalogue says it.
    pub proof: &'static str,
    pub received_at: Timestamp,
    /// When it becomes a ticket of its own, if nobody answers.
    pub until: Timestamp,
}

/// What the room shows of mail; empty for those who may not read it.
#[derive(Default)]
pub struct MailSide {
    pub senders: Vec<SenderLine>,
    pub joins: Vec<JoinLine>,
    /// Other tickets that look like the same thread of mail.
    pub kin: Vec<(String, String)>,
    /// A mail of it carried an id or address of ours that isn't genuine.
    pub has_forged: bool,
}

pub fn load(conn: &mut Conn, ctx: &Ctx<'_>, ticket: TicketId) -> Result<MailSide> {
    if access::may(&ctx.by, Action::ReadMail, Target::House).is_err() {
        return Ok(MailSide::default());
    }
    let mut side = MailSide::default();
    for address in store::intake::senders_of_ticket(conn, ticket)? {
        let blocked_by = match EmailAddress::parse(&address) {
            Ok(known) => store::intake::find_block(conn, &patterns_for(&known))?,
            Err(_) => continue,
        };
        side.senders.push(SenderLine {
            address,
            blocked_by,
        });
    }
    for asked in store::mail_join::of_ticket(conn, ticket)? {
        let raw = store::blob::get(conn, asked.raw)?.unwrap_or_default();
        let letter = super::mail::checked(ctx, &asked, &raw);
        side.joins.push(JoinLine {
            id: asked.id.to_string(),
            proof: super::mail::proof(&asked),
            from: asked.from_shown,
            subject: asked.subject,
            text: shortened(&quote::typed(&letter.text)),
            received_at: asked.received_at,
            until: asked.join_due_at.unwrap_or(asked.received_at),
        });
    }
    let kin = store::mail_mark::kin(conn, ticket)?;
    let kin = store::ticket::by_ids(conn, &kin)?;
    side.kin = kin
        .into_iter()
        .filter(|other| other.merged_into.is_none())
        .map(|other| (other.key.to_string(), other.title.to_string()))
        .collect();
    side.has_forged = store::mail_twin::has_forged(conn, ticket)?;
    Ok(side)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// `POST /INC-12/block`: their next mails are held unread.
pub fn block(ctx: &Ctx<'_>, key: TicketKey, posted: &Posted) -> Result<&'static str> {
    ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        actions::allow_ticket(conn, &ctx.by, Action::WorkOnTicket, &ticket)
    })?;
    act::block(ctx, posted.text("pattern"), posted.text("reason"))?;
    Ok("said-blocked")
}

/// `POST /INC-12/join`: the mail that asks to join is taken in, or becomes a ticket of its own.
pub fn answer(ctx: &Ctx<'_>, key: TicketKey, posted: &Posted) -> Result<&'static str> {
    let id: MailId = Id::parse(posted.text("mail")).ok_or(Error::NotFound)?;
    let (stored, raw) = super::mail::load(ctx, id)?;
    let is_of_ticket = ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        Ok(stored.ticket == Some(ticket.id))
    })?;
    // Answered meanwhile, it may belong to a ticket of its own: the action says so.
    if !is_of_ticket && stored.verdict == Some(Verdict::JoinRequest) {
        return Err(Error::NotFound);
    }
    let letter = super::mail::checked(ctx, &stored, &raw);
    let accept = posted.text("answer") == "accept";
    act::answer_join(ctx, id, &letter, accept)?;
    Ok(if accept {
        "said-join-accepted"
    } else {
        "said-join-refused"
    })
}
