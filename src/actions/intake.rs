//! Mail that came in: stored raw before anything can fail, its verdict second. Nothing is dropped: what opens or joins no
//! ticket stands on the intake page with its reason.

use super::intake_sender::{House, Sender};
use super::intake_verdict::Decision;
pub use super::intake_verdict::Marks;
use super::{allow, allow_ticket, record};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::id::{IntakeAddressId, Kind, MailId, TicketId};
use crate::domain::intake::{self as rules, HeldFor, IntakeAddress, MailState, Verdict, Way};
use crate::domain::letter::{Letter, Remark};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::text::{self, EmailAddress};
use crate::domain::ticket::Relation;
use crate::domain::timeline::{Door, Entry, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result, is_unique_violation};
use crate::store::blob::{self, Hash};
use crate::store::intake::{Blocked, StoredMail, arrived};
use crate::store::{self, Tx};

/// Mails larger than this are written before the transaction that refers to them, so that they never hold the writer.
pub(super) const SMALL_BYTES: usize = 256 * 1024;

/// Takes a mail in: when this returns, it is durable. [`Error::Full`] while the disk is nearly full: the sender keeps
/// it. The clock of whatever becomes of it starts at this instant.
pub fn accept(
    app: &App,
    way: Way,
    from: Option<&str>,
    to: &[String],
    raw: &[u8],
) -> Result<MailId> {
    let ctx = app.system("mail", Door::Mail);
    // PostgreSQL's text holds no NUL.
    let from = from.map(|text| text.replace('\0', ""));
    let to: Vec<String> = to.iter().map(|text| text.replace('\0', "")).collect();
    store_raw(&ctx, raw, |tx, hash| {
        let mail = arrived(way, from.as_deref(), &to, hash, raw.len(), ctx.now);
        store::intake::insert(tx, &mail)?;
        Ok(mail.id)
    })
}

/// Stores the bytes of a mail and, in the transaction that makes them durable, what `keep` says of them; see [`accept`].
pub(super) fn store_raw<T>(
    ctx: &Ctx<'_>,
    raw: &[u8],
    keep: impl Fn(&mut Tx, Hash) -> Result<T>,
) -> Result<T> {
    super::trouble::has_room(ctx.app)?;
    let large = match raw.len() > SMALL_BYTES {
        true => Some(blob::put(&ctx.app.store, raw, ctx.now)?),
        false => None,
    };
    let write = || {
        ctx.write(|tx| {
            let hash = match large {
                Some(hash) => hash,
                None => blob::put_in(tx, raw, ctx.now)?,
            };
            keep(tx, hash)
        })
    };
    match write() {
        // Its twin stored the same bytes at the same moment: they are there now.
        Err(error) if is_unique_violation(&error) => write(),
        other => other,
    }
}

/// A stored mail that was read.
pub struct ReadMail {
    pub mail: StoredMail,
    pub letter: Letter,
    pub marks: Marks,
}

/// Decides about these mails in one transaction. Fails as a whole; the caller then tries them one by one.
pub fn settle(ctx: &Ctx<'_>, mails: &[ReadMail]) -> Result<()> {
    for read in mails {
        store_large_parts(ctx, &read.letter)?;
    }
    ctx.write(|tx| {
        let house = House::load(tx, ctx.app)?;
        for read in mails {
            if store::intake::claim(tx, read.mail.id, MailState::Waiting)? {
                let mut mail = read.mail.clone();
                Decision {
                    ctx,
                    house: &house,
                    letter: &read.letter,
                    forced: false,
                    is_rehearsal: false,
                }
                .decide(tx, &mut mail, read.marks)?;
            }
        }
        Ok(())
    })
}

/// Looking at this mail failed: it is looked at again, and after the last time held, visibly.
pub fn note_failure(ctx: &Ctx<'_>, id: MailId, why: &str) -> Result<()> {
    ctx.write(|tx| {
        if !store::intake::claim(tx, id, MailState::Waiting)? {
            return Ok(());
        }
        let mut mail = store::intake::by_id(tx, id)?.ok_or(Error::NotFound)?;
        mail.detail = why.chars().filter(|c| *c != '\0').take(500).collect();
        if mail.attempts >= rules::MOST_LOOKS {
            mail.state = MailState::Held;
            mail.verdict = Some(Verdict::Held);
            mail.held_for = Some(HeldFor::Failed);
            mail.settled_at = Some(ctx.now);
        }
        store::intake::update(tx, &mail)
    })
}

fn store_large_parts(ctx: &Ctx<'_>, letter: &Letter) -> Result<()> {
    for part in letter
        .parts
        .iter()
        .filter(|part| part.bytes.len() > SMALL_BYTES)
    {
        blob::put(&ctx.app.store, &part.bytes, ctx.now)?;
    }
    Ok(())
}

/// A person says that this mail is to be taken in after all: holds and automatic marks no longer count. One that couldn't be read
/// when it came, and now can, is decided about anew; the ticket that carried its raw bytes stays, and is linked.
pub fn take_in(ctx: &Ctx<'_>, id: MailId, letter: &Letter) -> Result<StoredMail> {
    allow(&ctx.by, Action::HandleMail, Target::House)?;
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
        if was_unreadable && letter.remarks.contains(&Remark::Unreadable) {
            return Err(Refusal::new("mail-still-unreadable").into());
        }
        if is_done || !store::intake::claim(tx, id, mail.state)? {
            return Err(Refusal::new("mail-already-taken-in").into());
        }
        let house = House::load(tx, ctx.app)?;
        mail.held_for = None;
        let carrier = mail.ticket.filter(|_| was_unreadable);
        Decision {
            ctx: &ours,
            house: &house,
            letter,
            forced: true,
            is_rehearsal: false,
        }
        .decide(tx, &mut mail, Marks::default())?;
        if let (Some(carrier), Some(ticket)) = (carrier, mail.ticket)
            && carrier != ticket
        {
            store::ticket_link::link(tx, ticket, Relation::RelatedTo, carrier, ctx.now)?;
        }
        Ok(mail)
    })
}

/// A person saw that a mail's text was read in the wrong character set. The text as it reads in another one stands on the ticket as a
/// note that corrects the entry; what came, and how it was read then, stays.
pub fn put_right(ctx: &Ctx<'_>, id: MailId, letter: &Letter) -> Result<StoredMail> {
    allow(&ctx.by, Action::HandleMail, Target::House)?;
    ctx.write(|tx| {
        let mail = store::intake::by_id(tx, id)?.ok_or(Error::NotFound)?;
        let nowhere = || Refusal::new("mail-on-no-ticket");
        let (ticket, seq) = mail.ticket.zip(mail.entry_seq).ok_or_else(nowhere)?;
        let mut ticket = store::ticket::by_id(tx, ticket)?.ok_or(Error::NotFound)?;
        allow_ticket(tx, &ctx.by, Action::WorkOnTicket, &ticket)?;
        let entry = store::timeline::by_seq(tx, ticket.id, seq)?.ok_or(Error::NotFound)?;
        if entry.redacted_at.is_some() {
            return Err(Refusal::new("words-redacted").into());
        }
        if letter.text.trim().is_empty() || entry.body == letter.text {
            return Err(Refusal::new("mail-reads-the-same").into());
        }
        let mut note = Entry::new(EntryKind::Note)
            .body(&letter.text)
            .fact("read_in", letter.charsets.join(", "));
        note.corrects = Some(seq);
        record(tx, ctx, &mut ticket, vec![note])?;
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
        store::intake::update(tx, &mail)?;
        Ok(mail)
    })
}

/// Answers a join request: accepted, it is appended with the time of its own receipt; refused, it becomes a ticket of its own.
pub fn answer_join(ctx: &Ctx<'_>, id: MailId, letter: &Letter, accept: bool) -> Result<StoredMail> {
    allow(&ctx.by, Action::HandleMail, Target::House)?;
    store_large_parts(ctx, letter)?;
    let mut ours = ctx.clone();
    ours.door = Door::Mail;
    ctx.write(|tx| {
        let mut mail = store::intake::by_id(tx, id)?.ok_or(Error::NotFound)?;
        if mail.verdict != Some(Verdict::JoinRequest) {
            return Err(Refusal::new("mail-no-join-request").into());
        }
        let house = House::load(tx, ctx.app)?;
        let decision = Decision {
            ctx: &ours,
            house: &house,
            letter,
            forced: true,
            is_rehearsal: false,
        };
        let sender = Sender::find(tx, &house, &mail, letter)?;
        let asked = mail
            .ticket
            .ok_or_else(|| Error::internal("a join request without a ticket"))?;
        if accept {
            let ticket = store::ticket::by_id(tx, asked)?.ok_or(Error::NotFound)?;
            allow_ticket(tx, &ctx.by, Action::WorkOnTicket, &ticket)?;
            decision.append(tx, &mut mail, ticket, &sender, true)?;
            let joined = store::ticket::by_id(tx, asked)?.ok_or(Error::NotFound)?;
            decision.name_sender(tx, &joined, &sender)?;
        } else {
            decision.open(
                tx,
                &mut mail,
                &sender,
                &[(asked, Relation::RelatedTo)],
                "join-refused",
            )?;
        }
        decision.let_be_found(tx, &mail)?;
        store::intake::update(tx, &mail)?;
        Ok(mail)
    })
}

/// Join requests that nobody answered in time become tickets, by the clock.
pub fn open_stale_join(ctx: &Ctx<'_>, id: MailId, letter: &Letter) -> Result<()> {
    store_large_parts(ctx, letter)?;
    ctx.write(|tx| {
        let mut mail = store::intake::by_id(tx, id)?.ok_or(Error::NotFound)?;
        if mail.verdict != Some(Verdict::JoinRequest) {
            return Ok(());
        }
        let house = House::load(tx, ctx.app)?;
        let sender = Sender::find(tx, &house, &mail, letter)?;
        let asked: Vec<(TicketId, Relation)> = mail
            .ticket
            .map(|id| (id, Relation::RelatedTo))
            .into_iter()
            .collect();
        let decision = Decision {
            ctx,
            house: &house,
            letter,
            forced: true,
            is_rehearsal: false,
        };
        decision.open(tx, &mut mail, &sender, &asked, "join-unanswered")?;
        decision.let_be_found(tx, &mail)?;
        store::intake::update(tx, &mail)
    })
}

/// Blocks a sender: a mail address, or `@domain`.
pub fn block(ctx: &Ctx<'_>, pattern: &str, reason: &str) -> Result<()> {
    allow(&ctx.by, Action::HandleMail, Target::House)?;
    let pattern = rules::block_pattern(pattern)?;
    let reason = text::optional_line("reason", reason, text::TITLE_CHARS)?.unwrap_or_default();
    ctx.write(|tx| {
        let house = House::load(tx, ctx.app)?;
        if EmailAddress::parse(&pattern).is_ok_and(|address| house.is_own(&address)) {
            return Err(Refusal::new("block-own-address")
                .with("pattern", pattern.clone())
                .into());
        }
        let new = Blocked {
            pattern: pattern.clone(),
            reason: reason.clone(),
            blocked_at: ctx.now,
            blocked_by: ctx.by.person(),
        };
        if !store::intake::block(tx, &new)? {
            return Err(Refusal::new("already-blocked")
                .with("pattern", pattern.clone())
                .into());
        }
        Ok(())
    })
}

pub fn unblock(ctx: &Ctx<'_>, pattern: &str) -> Result<()> {
    allow(&ctx.by, Action::HandleMail, Target::House)?;
    ctx.write(|tx| {
        if store::intake::unblock(tx, pattern)? {
            Ok(())
        } else {
            Err(Error::NotFound)
        }
    })
}

/// Adds an address that takes mail, or changes one.
pub fn keep_address(
    ctx: &Ctx<'_>,
    wanted: &IntakeAddress,
    known: Option<IntakeAddressId>,
) -> Result<()> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    if wanted.kind == Kind::PostMortem {
        return Err(FieldError::new("kind", "no-mail-kind").into());
    }
    let written = ctx.write(|tx| match known {
        None => store::intake_address::insert(tx, wanted),
        Some(_) => store::intake_address::update(tx, wanted),
    });
    match written {
        Err(error) if is_unique_violation(&error) => {
            Err(FieldError::new("address", "address-taken")
                .with("name", "none")
                .with("value", wanted.address.to_string())
                .into())
        }
        other => other,
    }
}

/// The backlog: how many mails wait to be looked at, and how old the oldest is, in seconds.
pub fn backlog(app: &App, now: Timestamp) -> Result<(i64, i64)> {
    let (count, oldest) = app.store.read(store::intake::backlog)?;
    Ok((count, oldest.map_or(0, |at| now.secs_since(at).max(0))))
}
