//! Mail that came in: stored raw before anything can fail, its verdict second. Nothing is dropped: what opens or joins no
//! ticket stands on the intake page with its reason.

use super::allow;
pub use super::intake_hand::{drop_held, put_right, take_in};
pub use super::intake_join::{answer_join, open_stale_join, unwanted, warn_of_join};
use super::intake_sender::House;
use super::intake_verdict::Decision;
pub use super::intake_verdict::Marks;
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::id::{IntakeAddressId, Kind, MailId};
use crate::domain::intake::{self as rules, HeldFor, IntakeAddress, MailState, Verdict, Way};
use crate::domain::letter::Letter;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::text::{self, EmailAddress};
use crate::domain::timeline::Door;
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
        decide_alone(tx, mails.iter().map(|read| (read.mail.raw, &read.letter)))?;
        let house = House::load(tx, ctx.app)?;
        for read in mails {
            if store::intake::claim(tx, read.mail.id, MailState::Waiting)? {
                let mut mail = read.mail.clone();
                mail.attempts += 1;
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

/// Mails without a Message-ID are one mail where their bytes are equal: whoever decides about such bytes does so alone, so that two
/// nodes that decide about two copies at the same moment don't each take theirs for the first. All at once and in one order, before
/// anything else is written, so that no two of them wait for each other.
pub(super) fn decide_alone<'a>(
    tx: &mut Tx,
    mails: impl Iterator<Item = (Hash, &'a Letter)>,
) -> Result<()> {
    let nameless = mails.filter(|(_, letter)| letter.message_id.is_none());
    let mut raw: Vec<Hash> = nameless.map(|(raw, _)| raw).collect();
    raw.sort_unstable();
    raw.dedup();
    raw.into_iter()
        .try_for_each(|raw| store::bulk::lock_bytes(tx, raw))
}

/// Counts a look at this mail before it begins, so that one which ends this process is counted; how many were counted before.
pub fn begin_look(ctx: &Ctx<'_>, id: MailId) -> Result<i32> {
    ctx.write(|tx| {
        let mail = store::intake::by_id(tx, id)?.ok_or(Error::NotFound)?;
        store::intake::claim(tx, id, MailState::Waiting)?;
        Ok(mail.attempts)
    })
}

/// This look at the mail failed: it is looked at again, and after the last time held, visibly. `seen` is the mail as it stood before.
pub fn note_failure(ctx: &Ctx<'_>, seen: &StoredMail, why: &str) -> Result<()> {
    ctx.write(|tx| {
        if !store::intake::claim(tx, seen.id, MailState::Waiting)? {
            return Ok(());
        }
        let mut mail = store::intake::by_id(tx, seen.id)?.ok_or(Error::NotFound)?;
        mail.attempts = seen.attempts + 1;
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

pub(super) fn store_large_parts(ctx: &Ctx<'_>, letter: &Letter) -> Result<()> {
    for part in letter
        .parts
        .iter()
        .filter(|part| part.bytes.len() > SMALL_BYTES)
    {
        blob::put(&ctx.app.store, &part.bytes, ctx.now)?;
    }
    Ok(())
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
