//! Counting clocks anew after their terms changed: a calendar has other hours, an agreement was corrected or ended, the program
//! brought new tz data.
//!
//! What a recount comes to is derived by the same code that follows a ticket, once to show it before anything is written
//! ([`preview`]) and once to write it ([`step`], a job: a house may have many open clocks). Whoever touches a ticket before the job
//! reaches it finds its clocks counted first. What had ended stays, unless the correction included it; a locked period always does.

pub(super) use super::recount_anew::left_behind;
use super::recount_anew::{Anew, has_moved, known_as};
use super::sla::{Known, book, book_at, cache_of, page};
use super::sla_notice::{Around, Told, facts_of, note, tell_what_is_due};
use super::sla_scene::Scene;
use super::{Standing, audit, roster};
use crate::app::Ctx;
use crate::domain::holidays;
use crate::domain::id::{
    AgreementId, CalendarId, ClockId, CustomerId, Id, TargetId, TicketId, TicketKey,
};
use crate::domain::period_lock::PeriodLock;
use crate::domain::recount::{Recount, RecountCause};
use crate::domain::sla_agreement::Metric;
use crate::domain::sla_book::{Book, TZDB};
use crate::domain::sla_clock::{self, ClockState};
use crate::domain::sla_version::{self, Finished};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result, is_unique_violation};
use crate::store::recount::Whose;
use crate::store::sla::ClockRow;
use crate::store::slate::Slate;
use crate::store::{self, Conn};

/// Tickets that a look of the job takes on, each in a transaction of its own.
const BATCH: i64 = 100;
/// Tickets that a preview looks at; a house with more hears that there are more.
const MOST_PREVIEWED: usize = 5_000;

/// What became of a clock's chance to be counted anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Open,
    /// It had ended: it is counted anew if the correction includes it.
    Finished,
    /// It ended in a locked period: it stays.
    Locked,
}

/// A clock that comes to another answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub ticket: TicketKey,
    pub title: String,
    /// `None`: it begins with the change.
    pub clock: Option<ClockId>,
    pub customer: Option<CustomerId>,
    pub metric: Metric,
    pub cycle: i32,
    pub fate: Fate,
    pub before: Option<Timestamp>,
    pub after: Option<Timestamp>,
    pub state_before: Option<ClockState>,
    pub state_after: ClockState,
    pub was_breached: bool,
    pub is_breached: bool,
}

/// What an edit would do to clocks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preview {
    pub moved: Vec<Moved>,
    /// Open clocks that were looked at and stay as they are: before and after are the same.
    pub staying: Vec<Moved>,
    /// There are more tickets than were looked at.
    pub is_cut: bool,
}

impl Preview {
    pub fn of(&self, fate: Fate) -> impl Iterator<Item = &Moved> {
        self.moved.iter().filter(move |moved| moved.fate == fate)
    }
}

/// Looks through every ticket that `recount` concerns, under the book as it would be, and writes nothing. Clocks that ended are
/// shown as if all of them were included.
pub fn preview(ctx: &Ctx<'_>, book: &Book, recount: &Recount) -> Result<Preview> {
    let mut asked = recount.clone();
    if recount.cause.is_correction() {
        asked.finished = Finished::All;
    }
    // What ends at a date is shown as of that date.
    let seen_at = match recount.cause {
        RecountCause::AgreementEnded => recount.due_at.max(ctx.now),
        _ => ctx.now,
    };
    let locks = ctx.read(store::period_lock::all)?;
    let mut preview = Preview::default();
    let (mut last, mut looked_at) = (None, 0);
    loop {
        let ids = ctx.read(|conn| concerned(conn, book, &asked, last))?;
        for id in &ids {
            last = Some(*id);
            if looked_at == MOST_PREVIEWED {
                preview.is_cut = true;
                return Ok(preview);
            }
            looked_at += 1;
            ctx.read(|conn| {
                let Some(ticket) = store::ticket::by_id(conn, *id)? else {
                    return Ok(());
                };
                let known = Known::load(conn, book, &ticket)?;
                let anew = Anew::under(book, &ticket, known, &asked, &[], seen_at);
                anew.compare(&ticket, &locks, &mut preview);
                Ok(())
            })?;
        }
        if (ids.len() as i64) < BATCH {
            return Ok(preview);
        }
    }
}

/// The next tickets that a recount concerns.
fn concerned(
    conn: &mut Conn,
    book: &Book,
    recount: &Recount,
    after: Option<TicketId>,
) -> Result<Vec<TicketId>> {
    let whose = match (recount.cause, recount.subject_id) {
        (RecountCause::CalendarChanged | RecountCause::CalendarCorrected, Some(id)) => {
            let id: CalendarId = Id::from_uuid(id.uuid());
            let counted = book.targets_that(|target| target.calendars().any(|other| other == id));
            Whose::Under(counted, Vec::new())
        }
        (RecountCause::AgreementCorrected | RecountCause::AgreementEnded, Some(id)) => {
            let id: AgreementId = Id::from_uuid(id.uuid());
            let layers = book.agreement(id).map(|known| known.layers.as_slice());
            let corrected = layers.unwrap_or_default().iter();
            let customers = corrected
                .filter(|(layer, _)| {
                    layer.number == recount.number && recount.cause.is_correction()
                })
                .flat_map(|(_, version)| version.agreement.holds_for.customers().to_vec());
            Whose::Under(book.targets_of(id), customers.collect())
        }
        _ => Whose::All,
    };
    let ended_since = (recount.finished != Finished::Stay).then_some(recount.from_at);
    store::recount::tickets(conn, &whose, ended_since, after, BATCH)
}

/// Why clocks are counted anew, for their entries.
pub(super) fn facts_why(recount: &Recount) -> Facts {
    Facts::new()
        .with("cause", recount.cause)
        .with("subject", &recount.subject)
        .with("number", recount.number)
        .with("by", &recount.made_by)
        .with_some("reason", Some(&recount.reason).filter(|it| !it.is_empty()))
}

/// As [`facts_why`], of a clock that is found to be behind: what was changed last of the terms it runs under.
fn facts_behind(book: &Book, row: &ClockRow) -> Facts {
    let target = row.target_id.and_then(|id| book.target(id));
    let calendars = target.into_iter().flat_map(|target| target.calendars());
    let newest = calendars
        .filter_map(|id| book.calendar(id))
        .flat_map(|known| &known.layers)
        .filter(|(layer, _)| layer.edition > row.edition)
        .max_by_key(|(layer, _)| layer.edition);
    match newest {
        Some((layer, version)) => Facts::new()
            .with(
                "cause",
                if layer.is_correction {
                    RecountCause::CalendarCorrected
                } else {
                    RecountCause::CalendarChanged
                },
            )
            .with("subject", &version.name)
            .with("number", layer.number)
            .with("by", &layer.made_by)
            .with_some("reason", Some(&layer.reason).filter(|it| !it.is_empty())),
        None => Facts::new()
            .with("cause", RecountCause::ZonesChanged)
            .with("subject", TZDB),
    }
}

/// As [`facts_why`], of a promise whose agreement ended.
pub(super) fn facts_ended(book: &Book, target: TargetId, now: Timestamp) -> Facts {
    let known = book.source(target).and_then(|(id, _)| book.agreement(id));
    let Some((layer, version)) = known.and_then(|known| sla_version::at(&known.layers, now)) else {
        return Facts::new();
    };
    Facts::new()
        .with("cause", RecountCause::AgreementEnded)
        .with("subject", &version.agreement.name)
        .with("number", layer.number)
        .with("by", &layer.made_by)
        .with_some("reason", Some(&layer.reason).filter(|it| !it.is_empty()))
}

/// Whether the terms of one of these clocks changed since it was counted.
fn is_behind(book: &Book, row: &ClockRow) -> bool {
    let Some(target) = row.target_id.and_then(|id| book.target(id)) else {
        return false;
    };
    row.ended_at.is_none() && (row.tzdb != TZDB || book.has_moved_since(target, row.edition))
}

/// Counts a ticket's open clocks anew if their terms changed since somebody looked, before anything else is done to it: what the
/// terms moved and what an event moves are told apart. Entries from `until_seq` on are the event's. Whether somebody is to be paged.
pub(super) fn catch_up(
    around: Around<'_>,
    ticket: &mut Ticket,
    known: &mut Known,
    until_seq: i64,
    slate: &mut Slate,
) -> bool {
    let book = around.book;
    if !known.rows.iter().any(|row| is_behind(book, row)) {
        return false;
    }
    let before = known.entries.partition_point(|entry| entry.seq < until_seq);
    let scene = Scene::of(book, ticket, &known.hits, known.services.clone());
    let derived = scene.clocks(&known.entries[..before], &known.rows, None, around.now);
    let around = Around {
        cause: None,
        ..around
    };
    let anew = Anew {
        rows: known.rows.clone(),
        seen: known.rows.clone(),
        entry: None,
        derived,
        asked: known.asked,
    };
    let (told, notices) = (slate.fired.len(), slate.notices.len());
    let why = |row: &ClockRow| facts_behind(book, row);
    let written = write(around, ticket, anew, &known.told, why, slate);
    for row in written.rows {
        match known.rows.iter_mut().find(|known| known.id == row.id) {
            Some(known) => *known = row,
            None => known.rows.push(row),
        }
    }
    let fired = slate.fired[told..].iter();
    known
        .told
        .fired
        .extend(fired.map(|it| (it.clock_id, it.threshold.clone(), it.generation)));
    // Whoever was just told anew isn't told once more by what the event moves.
    for notice in &slate.notices[notices..] {
        let clock = notice.facts.get("clock").and_then(Id::parse);
        let is_told = |person, of| notice.person == Some(person) && clock == Some(of);
        known.told.unread.retain(|it| !is_told(it.person, it.clock));
    }
    written.pages
}

/// What [`write`] put on the slate.
struct Written {
    rows: Vec<ClockRow>,
    /// How many clocks moved.
    moved: i64,
    /// Somebody is to be paged.
    pages: bool,
}

/// Puts on the slate what came out, with an entry for each clock that moved.
fn write(
    around: Around<'_>,
    ticket: &mut Ticket,
    anew: Anew,
    told: &Told,
    why: impl Fn(&ClockRow) -> Facts,
    slate: &mut Slate,
) -> Written {
    let mut written = Written {
        rows: Vec::with_capacity(anew.derived.len()),
        moved: 0,
        pages: false,
    };
    if let Some(entry) = anew.entry {
        ticket.entry_count += 1;
        slate.entries.push(entry);
    }
    for (party, clock) in &anew.derived {
        let known = known_as(&anew.rows, *party, clock);
        let seen = known_as(&anew.seen, *party, clock);
        let mut row = cache_of(around.book, ticket.id, *party, clock, seen, around.now);
        let mut before = known.cloned();
        if let Some(known) = known.filter(|known| has_moved(known, clock)) {
            written.moved += 1;
            note_moved(around, ticket, known, &row, why(known), slate);
            if let Some(before) = before.as_mut().filter(|_| row.breached_at.is_none()) {
                before.breached_at = None;
            }
        } else if known.is_none() {
            written.moved += 1;
        }
        let before = before.as_ref();
        written.pages |= tell_what_is_due(around, ticket, clock, &mut row, before, told, slate);
        row.next_wake_at = around.next_wake(ticket, clock, &row);
        match known {
            None => slate.new.push(row.clone()),
            Some(known) if *known != row => slate.put(row.clone()),
            Some(_) => {}
        }
        written.rows.push(row);
    }
    let standing = written.rows.iter().map(ClockRow::standing);
    ticket.due = sla_clock::due_of(standing, anew.asked, ticket.held_until());
    written
}

/// What moved, from where to where, and by whom; a breach that falls away is withdrawn, and both stay visible.
fn note_moved(
    around: Around<'_>,
    ticket: &mut Ticket,
    known: &ClockRow,
    row: &ClockRow,
    why: Facts,
    slate: &mut Slate,
) {
    let mut facts = why.clone();
    for (name, value) in facts_of(row).iter().filter(|(name, _)| *name != "deadline") {
        facts.set(name, value);
    }
    let facts = facts
        .with_some("before", known.deadline_at.map(Timestamp::rfc3339))
        .with_some("after", row.deadline_at.map(Timestamp::rfc3339))
        .with("state_before", known.state)
        .with("state_after", row.state);
    note(slate, ticket, EntryKind::ClockRecomputed, facts, around.now);
    if known.breached_at.is_some() && row.breached_at.is_none() {
        let mut facts = facts_of(known);
        for (name, value) in why.iter() {
            facts.set(name, value);
        }
        let who = why.get("by").unwrap_or_default();
        let facts = facts.with("name", who);
        note(slate, ticket, EntryKind::ClockWithdrawn, facts, around.now);
    }
}

/// Counts one ticket anew. How many of its clocks moved.
fn of_ticket(ctx: &Ctx<'_>, recount: &Recount, locks: &[PeriodLock], id: TicketId) -> Result<i64> {
    let outcome = ctx.write(|tx| {
        store::ticket::lock(tx, id)?;
        let Some(mut ticket) = store::ticket::by_id(tx, id)? else {
            return Ok(0);
        };
        let roster = roster::in_force(ctx.app, tx, ctx.now)?;
        let book = book_at(ctx.app, tx, roster.version)?;
        let around = Around {
            book: &book,
            roster: &roster,
            // Another node's clock may be ahead of ours.
            now: ctx.now.max(ticket.updated_at),
            by: ctx.by.name(),
            cause: None,
        };
        let standing = Standing::of(&ticket);
        let mut known = Known::load(tx, &book, &ticket)?;
        let mut told = std::mem::take(&mut known.told);
        told.look_for_watchers(tx, &roster, ticket.id)?;
        let anew = Anew::under(&book, &ticket, known, recount, locks, around.now);
        // What was changed besides, and not counted yet, is said by its own name.
        let why = |row: &ClockRow| match recount.cause {
            RecountCause::AgreementCorrected | RecountCause::AgreementEnded => facts_why(recount),
            _ if is_behind(&book, row) => facts_behind(&book, row),
            _ => facts_why(recount),
        };
        let mut slate = Slate::default();
        let written = write(around, &mut ticket, anew, &told, why, &mut slate);
        slate.write(tx, ctx.now)?;
        if written.pages {
            page(tx, ctx, &roster, &standing, ticket)?;
        } else {
            standing.bring_up_to(tx, &ticket)?;
        }
        Ok(written.moved)
    });
    match outcome {
        // Somebody else's change or another node was faster: they have counted it.
        Err(Error::Stale) => Ok(0),
        Err(error) if is_unique_violation(&error) => Ok(0),
        other => other,
    }
}

/// Does the next piece of whatever recount is due. Whether there may be more at once.
pub fn step(ctx: &Ctx<'_>) -> Result<bool> {
    ask_for_new_data(ctx)?;
    let Some(recount) = ctx.read(|conn| store::recount::next_due(conn, ctx.now))? else {
        return Ok(false);
    };
    let book = ctx.read(|conn| book(ctx.app, conn))?;
    let locks = ctx.read(store::period_lock::all)?;
    let ids = ctx.read(|conn| concerned(conn, &book, &recount, recount.last_ticket))?;
    let mut moved = 0;
    for id in &ids {
        moved += of_ticket(ctx, &recount, &locks, *id)?;
    }
    let is_last = (ids.len() as i64) < BATCH;
    ctx.write(|tx| {
        if let Some(last) = ids.last() {
            store::recount::advance(tx, &recount, *last, ids.len() as i64, moved)?;
        }
        if is_last {
            store::recount::finish(tx, recount.id, ctx.now)?;
            let (looked_at, moved) = (recount.looked_at + ids.len() as i64, recount.moved + moved);
            if moved > 0 {
                let facts = facts_why(&recount)
                    .with("tickets", looked_at)
                    .with("moved", moved);
                audit::note(tx, ctx, "clocks-recounted", &recount.subject, &facts)?;
            }
        }
        Ok(())
    })?;
    Ok(true)
}

/// New data came with a new version of the program. By new tz data every open clock is counted; new holiday data makes versions of
/// the calendars whose days it moves, which are counted as after any other edit.
fn ask_for_new_data(ctx: &Ctx<'_>) -> Result<()> {
    let known = ctx.read(|conn| store::recount::last_of(conn, RecountCause::ZonesChanged))?;
    if known.as_deref() != Some(TZDB) {
        // Another node may have asked meanwhile; asking twice only looks twice.
        ctx.write(|tx| {
            store::recount::insert(tx, &of_data(ctx, RecountCause::ZonesChanged, TZDB))
        })?;
    }
    let source = holidays::source();
    let known = ctx.read(|conn| store::recount::last_of(conn, RecountCause::HolidaysChanged))?;
    if known.as_deref() != Some(source) {
        let renewed = super::calendar::renew_holidays(ctx)?;
        let done = Recount {
            moved: renewed as i64,
            done_at: Some(ctx.now),
            ..of_data(ctx, RecountCause::HolidaysChanged, source)
        };
        ctx.write(|tx| store::recount::insert(tx, &done))?;
    }
    Ok(())
}

fn of_data(ctx: &Ctx<'_>, cause: RecountCause, version: &str) -> Recount {
    Recount {
        id: Id::new(ctx.now),
        cause,
        subject_id: None,
        subject: version.to_owned(),
        number: 0,
        from_at: ctx.now,
        finished: Finished::Stay,
        made_by: super::terms::writer(ctx),
        reason: String::new(),
        made_at: ctx.now,
        due_at: ctx.now,
        last_ticket: None,
        looked_at: 0,
        moved: 0,
        done_at: None,
    }
}
