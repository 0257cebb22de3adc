//! What staff say to customers, and where the house wants it: own words that wait for a second person.
//!
//! Every text that a customer reads from us (an answer, an update, a note that they may read after all) comes through `speak`,
//! whichever door it came by. What goes out at once is recorded as said. What waits is an internal entry and a row: it meets no
//! clock, no letter goes out, and the customer can't read it. Once somebody else approves it, it is said at that instant, by
//! whoever wrote it, exactly as it was read.

use std::cell::Cell;

use super::ticket::{change, change_any, customer_voice, refuse_unseen, replied, written};
use super::ticket_answer::{other_hit, promise_update};
use super::ticket_parts::{Evidence, attach_in, file_names, files_of};
use super::{allow, allow_ticket, roster, sla, ticket_merge, ticket_talk, wording};
use crate::app::Ctx;
use crate::domain::access::{Action, Principal, Target};
use crate::domain::id::{CustomerId, Id, TicketKey};
use crate::domain::pledge;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Actor, Audience, Entry, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::domain::wording::{
    NEXT_UPDATE, OwnWords, Speaking, names_next_update, with_next_update,
};
use crate::error::{Error, Result};
use crate::store::proposal::{self as rows, Proposal};
use crate::store::timeline::Recorded;
use crate::store::{self, Tx};
use crate::words::Words;

/// What is meant to reach a customer.
#[derive(Debug, Clone)]
pub(super) struct Speech {
    pub what: Speaking,
    /// The one of the customers who were hit that it is for, with their name; `None`: whoever asked, or everybody affected.
    pub to: Option<(CustomerId, String)>,
    /// The note that they are to read.
    pub note: Option<i64>,
    pub text: String,
    pub next_update_by: Option<Timestamp>,
    /// How the text says so, where it left that open.
    pub dated_as: Option<String>,
    /// Go with it.
    pub files: Vec<Evidence>,
}

/// What became of it.
#[derive(Debug)]
pub struct Said {
    pub ticket: Ticket,
    /// It isn't said yet: somebody else reads it first.
    pub waits: bool,
}

/// Says what `make` makes of the ticket, or lets it wait.
pub(super) fn speak(
    ctx: &Ctx<'_>,
    key: TicketKey,
    make: impl Fn(&mut Tx, &mut Ticket) -> Result<Speech>,
) -> Result<Said> {
    let waits = Cell::new(false);
    let ticket = change(ctx, key, None, Action::Reply, |tx, ticket| {
        let speech = make(tx, ticket)?;
        let verdict = judged(tx, ctx, ticket, &speech)?;
        let speech = dated(tx, ctx, ticket, speech)?;
        waits.set(matches!(verdict, Verdict::Waits(_)));
        match verdict {
            Verdict::Goes(wording) => {
                let by = (ctx.actor(), ctx.by.name().to_owned());
                let mut entries = said(tx, ctx, ticket, &speech, by)?;
                if let (Some(first), Some(wording)) = (entries.first_mut(), wording) {
                    first.facts.set("wording", wording);
                }
                Ok(entries)
            }
            Verdict::Waits(passage) => Ok(vec![proposed(tx, ctx, ticket, &speech, passage)?]),
        }
    })?;
    let waits = waits.get();
    Ok(Said { ticket, waits })
}

enum Verdict {
    /// At once; the name of the wording that it is, where that was asked.
    Goes(Option<String>),
    /// For a second person, because of this passage, or because all own words do.
    Waits(Option<String>),
}

/// Whether it goes out as it stands.
fn judged(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &Ticket, speech: &Speech) -> Result<Verdict> {
    let rule = roster::in_force(ctx.app, tx, ctx.now)?.settings.own_words;
    if rule == OwnWords::Free {
        return Ok(Verdict::Goes(None));
    }
    match allow_ticket(tx, &ctx.by, Action::SpeakFreely, ticket) {
        Ok(()) => return Ok(Verdict::Goes(None)),
        Err(Error::Forbidden(_) | Error::NotFound) => {}
        Err(other) => return Err(other),
    }
    let wording = match speech.what {
        Speaking::Reply | Speaking::Update => wording::named_by(tx, ctx, ticket, &speech.text)?,
        Speaking::Share => None,
    };
    if wording.is_some() {
        return Ok(Verdict::Goes(wording));
    }
    if rule == OwnWords::Always {
        return Ok(Verdict::Waits(None));
    }
    // The open place says what a clock guards: that is no promise of the writer's own.
    let own = speech.text.replace(NEXT_UPDATE, "");
    Ok(match pledge::find(&own) {
        Some(passage) => Verdict::Waits(Some(passage.to_owned())),
        None => Verdict::Goes(None),
    })
}

/// The text says when its reader hears next if it leaves that open, and what it says is promised: the time that was named, else
/// the one that was agreed. To the minute, so that the text and the clock can't differ.
fn dated(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &Ticket, mut speech: Speech) -> Result<Speech> {
    if speech.what == Speaking::Share || !names_next_update(&speech.text) {
        return Ok(speech);
    }
    let until = match speech.next_update_by {
        Some(until) => until,
        None => {
            let draft = first(&mut ticket.clone(), &speech);
            let readers = draft.audience;
            sla::next_update(tx, ctx, ticket, &[draft], readers)?
                .ok_or_else(|| FieldError::new("next_update_by", "next-update-unsaid"))?
        }
    };
    let until = until.plus_micros(-until.micros().rem_euclid(60_000_000));
    let (zone, words) = readers_clock(tx, ctx, ticket, &speech)?;
    let at = until
        .in_zone(zone)
        .format(&words.t("time-full"))
        .to_string();
    speech.text = with_next_update(&speech.text, &at);
    speech.next_update_by = Some(until);
    speech.dated_as = Some(at);
    Ok(speech)
}

/// On whose wall clock, and in which language, the text names its time; it names the zone with it. Readers of several houses share
/// those of ours.
fn readers_clock(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    speech: &Speech,
) -> Result<(chrono_tz::Tz, &'static Words)> {
    let house = roster::in_force(ctx.app, tx, ctx.now)?.settings.house_zone;
    if speech.what == Speaking::Update {
        return Ok((house, Words::english()));
    }
    let other = speech.to.as_ref().map(|(id, _)| *id);
    let contact = match ticket.requester.filter(|_| other.is_none()) {
        Some(id) => store::people::contact(tx, id)?,
        None => None,
    };
    let own = contact.as_ref().and_then(|contact| contact.zone);
    let customer = match other.or(ticket.customer) {
        Some(id) => store::customer::by_id(tx, id)?,
        None => None,
    };
    let language = customer.as_ref().map_or("", |it| it.language.as_str());
    let words = Words::in_language(language);
    let zone = own.or(customer.as_ref().map(|customer| customer.zone));
    Ok((zone.unwrap_or(house), words))
}

/// What is said, as it will stand on the timeline.
fn first(ticket: &mut Ticket, speech: &Speech) -> Entry {
    let mut entry = replied(ticket, &speech.text);
    match speech.what {
        Speaking::Reply => {}
        Speaking::Update => {
            entry.kind = EntryKind::Update;
            entry.audience = Audience::AllAffected;
        }
        Speaking::Share => entry.kind = EntryKind::Shared,
    }
    if let Some((customer, name)) = &speech.to {
        entry = entry
            .audience(Audience::Customer(*customer))
            .fact("name", name);
    }
    entry
        .fact_some("entry", speech.note)
        .fact_some("files", file_names(&speech.files))
}

/// Everything that goes on record when it is said, in the name of whoever wrote it.
fn said(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    speech: &Speech,
    by: (Actor, String),
) -> Result<Vec<Entry>> {
    let awaited = ticket.awaits_us;
    let said = first(ticket, speech);
    ticket.awaits_us = awaited && ticket_talk::others_wait(tx, ticket, said.audience)?;
    let mut entries = vec![said];
    attach_in(tx, ctx, ticket.id, ticket.entry_count + 1, &speech.files)?;
    entries.extend(customer_voice(tx, ctx, ticket, by.0.person(), &by.1)?);
    promise_update(tx, ctx, ticket, speech.next_update_by, &mut entries)?;
    for entry in &mut entries {
        entry.author = Some(by.clone());
    }
    Ok(entries)
}

/// Lets it wait. Whatever would refuse it once it is approved refuses it now, to whoever wrote it.
fn proposed(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    speech: &Speech,
    passage: Option<String>,
) -> Result<Entry> {
    super::ticket::refuse_other_voice(tx, ticket, ctx.by.person())?;
    let mut as_said = ticket.clone();
    let mut draft = vec![first(&mut as_said, speech)];
    promise_update(tx, ctx, &as_said, speech.next_update_by, &mut draft)?;
    let waiting = Proposal {
        ticket_id: ticket.id,
        seq: ticket.entry_count + 1,
        what: speech.what,
        note_seq: speech.note,
        next_update_at: speech.next_update_by,
        proposed_at: ctx.now,
        customer_id: speech.to.as_ref().map(|(id, _)| *id),
    };
    rows::insert(tx, &waiting)?;
    attach_in(tx, ctx, ticket.id, waiting.seq, &speech.files)?;
    Ok(Entry::new(EntryKind::WordsProposed)
        .body(&speech.text)
        .fact("what", speech.what)
        .fact_some("customer", waiting.customer_id)
        .fact_some("name", speech.to.as_ref().map(|(_, name)| name))
        .fact_some("entry", speech.note)
        .fact_some("until", speech.next_update_by.map(Timestamp::rfc3339))
        .fact_some("dated_as", speech.dated_as.as_deref())
        .fact_some("files", file_names(&speech.files))
        .fact_some("reason", passage))
}

/// What waits under this number, and the entry that has its text.
fn waiting(tx: &mut Tx, ticket: &Ticket, seq: i64) -> Result<(Proposal, Recorded)> {
    let entry = store::timeline::by_seq(tx, ticket.id, seq)?;
    let entry = entry.filter(|entry| entry.kind == EntryKind::WordsProposed);
    let entry = entry.ok_or(Error::NotFound)?;
    let row = rows::by_seq(tx, ticket.id, seq)?;
    let row = row.ok_or_else(|| Refusal::new("words-settled"))?;
    Ok((row, entry))
}

/// Nobody is the second person for their own words.
fn refuse_author(ctx: &Ctx<'_>, entry: &Recorded) -> Result<()> {
    match entry.actor.person() {
        Some(author) => allow(&ctx.by, Action::SpeakFreely, Target::Of(author)),
        None if entry.actor == ctx.actor() && !matches!(ctx.by, Principal::System(_)) => {
            Err(Error::Forbidden(Refusal::new("not-your-own")))
        }
        None => Ok(()),
    }
}

fn settle(tx: &mut Tx, ticket: &Ticket, seq: i64) -> Result<()> {
    match rows::settle(tx, ticket.id, seq)? {
        true => Ok(()),
        false => Err(Refusal::new("words-settled").into()),
    }
}

/// Lets somebody else's words go out, exactly as they were read. They are said at this instant, and meet their clocks now.
///
/// `seen` is the newest entry that was seen: if the customer wrote since, they wait for another look.
pub fn approve(ctx: &Ctx<'_>, key: TicketKey, seq: i64, seen: Option<i64>) -> Result<Ticket> {
    change(ctx, key, None, Action::SpeakFreely, |tx, ticket| {
        ticket_merge::refuse_merged(ticket)?;
        let (row, entry) = waiting(tx, ticket, seq)?;
        refuse_author(ctx, &entry)?;
        refuse_unseen(tx, ticket, seen)?;
        if entry.redacted_at.is_some() {
            return Err(Refusal::new("words-redacted").into());
        }
        if let Some(note) = row.note_seq {
            super::ticket_answer::shareable(tx, ticket, note)?;
        }
        settle(tx, ticket, seq)?;
        let speech = Speech {
            what: row.what,
            to: other_hit(tx, ticket, row.customer_id)?,
            note: row.note_seq,
            text: entry.body.clone(),
            next_update_by: row.next_update_at,
            dated_as: None,
            files: files_of(tx, ticket, seq)?,
        };
        let by = (entry.actor.clone(), entry.actor_name.clone());
        let mut entries = said(tx, ctx, ticket, &speech, by)?;
        if let Some(first) = entries.first_mut() {
            first.facts.set("approved_by", ctx.by.name());
        }
        entries.push(settled(EntryKind::WordsApproved, &entry));
        Ok(entries)
    })
}

/// Wants somebody else's words otherwise. The text stays on the timeline, for another try.
pub fn send_back(ctx: &Ctx<'_>, key: TicketKey, seq: i64, why: &str) -> Result<Ticket> {
    change_any(ctx, key, None, Action::SpeakFreely, |tx, ticket| {
        let why = written("why", why)?;
        let (_, entry) = waiting(tx, ticket, seq)?;
        refuse_author(ctx, &entry)?;
        settle(tx, ticket, seq)?;
        Ok(vec![settled(EntryKind::WordsSentBack, &entry).body(why)])
    })
}

/// Takes one's own words back.
pub fn withdraw(ctx: &Ctx<'_>, key: TicketKey, seq: i64) -> Result<Ticket> {
    change_any(ctx, key, None, Action::Reply, |tx, ticket| {
        let (_, entry) = waiting(tx, ticket, seq)?;
        if entry.actor != ctx.actor() {
            return Err(Error::Forbidden(Refusal::new("not-your-words")));
        }
        settle(tx, ticket, seq)?;
        Ok(vec![settled(EntryKind::WordsWithdrawn, &entry)])
    })
}

fn settled(kind: EntryKind, proposed: &Recorded) -> Entry {
    Entry::new(kind)
        .fact("entry", proposed.seq)
        .fact("name", &proposed.actor_name)
        .fact_some("what", proposed.facts.get("what"))
}

/// Words that came back, for another try.
#[derive(Debug)]
pub struct Again {
    /// By which form they were written.
    pub what: Speaking,
    /// As they were typed.
    pub text: String,
    /// For which other of the customers who were hit.
    pub customer: Option<CustomerId>,
}

/// Words that came back, as they were typed.
pub fn again(ctx: &Ctx<'_>, key: TicketKey, seq: i64) -> Result<Again> {
    ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        allow_ticket(conn, &ctx.by, Action::Reply, &ticket)?;
        let entry = store::timeline::by_seq(conn, ticket.id, seq)?;
        let entry = entry.filter(|it| it.kind == EntryKind::WordsProposed);
        let entry = entry
            .filter(|it| it.redacted_at.is_none())
            .ok_or(Error::NotFound)?;
        let what = entry.facts.get("what").and_then(|word| word.parse().ok());
        let text = match entry.facts.get("dated_as") {
            Some(at) => entry.body.replace(at, NEXT_UPDATE),
            None => entry.body.clone(),
        };
        Ok(Again {
            what: what.unwrap_or(Speaking::Reply),
            customer: entry.facts.get("customer").and_then(Id::parse),
            text,
        })
    })
}
