//! What a person does about a mail: takes one in that was held, counted as automatic or taken for a copy; lets one go; has its text read
//! in another character set. Who did it, when and why stays with the mail.

use super::intake::{decide_alone, store_large_parts};
use super::intake_sender::House;
use super::intake_verdict::{Decision, Marks};
use super::{allow, allow_ticket, record};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::{MailId, TicketId};
use crate::domain::intake::{MailState, Verdict};
use crate::domain::letter::{Letter, Remark};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::text::{self, TITLE_CHARS};
use crate::domain::ticket::Relation;
use crate::domain::timeline::{Door, Entry, EntryKind};
use crate::error::{Error, Result};
use crate::store;
use crate::store::intake::StoredMail;

/// A person says that this mail is to be taken in after all: holds and automatic marks no longer count, nor that it looks like a copy of
/// another; for that they say why. One that couldn't be read when it came, and now can, is decided about anew; the ticket that carried
/// its raw bytes, and that of the mail which it was taken for a copy of, stay, and are linked.
pub fn take_in(ctx: &Ctx<'_>, id: MailId, letter: &Letter, why: &str) -> Result<StoredMail> {
    allow(&ctx.by, Action::HandleMail, Target::House)?;
    let why = text::optional_line("reason", why, TITLE_CHARS)?.unwrap_or_default();
    store_large_parts(ctx, letter)?;
    let mut ours = ctx.clone();
    ours.door = Door::Mail;
    ctx.write(|tx| {
        let mut mail = store::intake::by_id(tx, id)?.ok_or(Error::NotFound)?;
        let is_done = matches!(
            mail.verdict,
            Some(Verdict::Opened | Verdict::Appended | Verdict::JoinRequest)
        );
        let was_unreadable = mail.verdict == Some(Verdict::Unreadable);
        let was_copy = mail.verdict == Some(Verdict::Duplicate);
        if was_unreadable && letter.remarks.contains(&Remark::Unreadable) {
            return Err(Refusal::new("mail-still-unreadable").into());
        }
        if was_copy && why.is_empty() {
            return Err(FieldError::new("reason", "required").into());
        }
        decide_alone(tx, std::iter::once((mail.raw, letter)))?;
        if is_done || !store::intake::claim(tx, id, mail.state)? {
            return Err(Refusal::new("mail-already-taken-in").into());
        }
        let house = House::load(tx, ctx.app)?;
        mail.held_for = None;
        let before: Option<TicketId> = mail.ticket.filter(|_| was_unreadable || was_copy);
        mail.because.set("taken_in_by", ctx.by.name());
        mail.because.set("taken_in_at", ctx.now.rfc3339());
        if !why.is_empty() {
            mail.because.set("taken_in_why", &why);
        }
        if let Some(first) = mail.duplicate_of.filter(|_| was_copy) {
            mail.because.set("no_copy_of", first);
            mail.duplicate_of = None;
            mail.ticket = None;
            mail.entry_seq = None;
        }
        Decision {
            ctx: &ours,
            house: &house,
            letter,
            forced: true,
            is_rehearsal: false,
        }
        .decide(tx, &mut mail, Marks::default())?;
        if let (Some(before), Some(ticket)) = (before, mail.ticket)
            && before != ticket
        {
            store::ticket_link::link(tx, ticket, Relation::RelatedTo, before, ctx.now)?;
        }
        Ok(mail)
    })
}

/// A person saw that a mail's text was read in the wrong character set, and chose one. The choice stays with the mail: whatever reads it
/// from now on reads it so. If it stands on a ticket, its text as it reads now stands there as a note that corrects the entry; what came,
/// and how it was read then, stays.
pub fn put_right(ctx: &Ctx<'_>, id: MailId, letter: &Letter, set: &str) -> Result<StoredMail> {
    allow(&ctx.by, Action::HandleMail, Target::House)?;
    ctx.write(|tx| {
        let mut mail = store::intake::by_id(tx, id)?.ok_or(Error::NotFound)?;
        let reads_the_same = || Refusal::new("mail-reads-the-same");
        if letter.text.trim().is_empty() || mail.because.get("charset") == Some(set) {
            return Err(reads_the_same().into());
        }
        if let Some((ticket, seq)) = mail.ticket.zip(mail.entry_seq) {
            let mut ticket = store::ticket::by_id(tx, ticket)?.ok_or(Error::NotFound)?;
            allow_ticket(tx, &ctx.by, Action::WorkOnTicket, &ticket)?;
            let entry = store::timeline::by_seq(tx, ticket.id, seq)?.ok_or(Error::NotFound)?;
            if entry.redacted_at.is_some() {
                return Err(Refusal::new("words-redacted").into());
            }
            if entry.body == letter.text {
                return Err(reads_the_same().into());
            }
            let mut note = Entry::new(EntryKind::Note)
                .body(&letter.text)
                .fact("read_in", letter.charsets.join(", "));
            note.corrects = Some(seq);
            let recorded = record(tx, ctx, &mut ticket, vec![note])?;
            if let Some(note) = recorded.first() {
                mail.because.set("reread_seq", note.seq);
            }
        } else {
            store::search::forget_mail(tx, id)?;
            store::search::index_mail(tx, &mail, &letter.text)?;
        }
        mail.because.set("charset", set);
        mail.because.set("charset_by", ctx.by.name());
        mail.because.set("charset_at", ctx.now.rfc3339());
        store::intake::update(tx, &mail)?;
        Ok(mail)
    })
}

/// A person looked at a held mail and lets it go. It stays in the ledger.
pub fn drop_held(ctx: &Ctx<'_>, id: MailId) -> Result<StoredMail> {
    allow(&ctx.by, Action::HandleMail, Target::House)?;
    ctx.write(|tx| {
        let mut mail = store::intake::by_id(tx, id)?.ok_or(Error::NotFound)?;
        if !store::intake::claim(tx, id, MailState::Held)? {
            return Err(Refusal::new("mail-not-held").into());
        }
        mail.state = MailState::Settled;
        mail.verdict = Some(Verdict::Dropped);
        mail.settled_at = Some(ctx.now);
        mail.because.set("dropped_by", ctx.by.name());
        mail.because.set("dropped_at", ctx.now.rfc3339());
        store::intake::update(tx, &mail)?;
        Ok(mail)
    })
}
