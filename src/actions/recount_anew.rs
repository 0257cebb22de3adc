//! One ticket's clocks as they come out under changed terms: which rows a recount counts by what, and what differs then.

use super::recount::{Fate, Moved, Preview, facts_why};
use super::sla::{Known, is_cache_of};
use super::sla_notice::noted;
use super::sla_scene::{Change, Promise, Scene};
use crate::domain::id::{AgreementId, CalendarId, CustomerId, Id, TargetId};
use crate::domain::mail_join::Asked;
use crate::domain::period_lock::PeriodLock;
use crate::domain::recount::{Recount, RecountCause};
use crate::domain::sla_agreement::{Agreement, Case, Metric};
use crate::domain::sla_book::{Book, TZDB};
use crate::domain::sla_clock::Clock;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::EntryKind;
use crate::domain::timestamp::Timestamp;
use crate::store::sla::ClockRow;
use crate::store::timeline::Recorded;

/// One ticket's clocks as they come out under changed terms.
pub(super) struct Anew {
    /// As they are stored.
    pub rows: Vec<ClockRow>,
    /// As the derivation saw them: counted by what the recount asks for.
    pub seen: Vec<ClockRow>,
    /// That other terms hold from here on, where they do.
    pub entry: Option<Recorded>,
    pub derived: Vec<(Option<CustomerId>, Clock)>,
    /// The mail that asks to join it and is to be answered first.
    pub asked: Option<Asked>,
}

impl Anew {
    pub fn under(
        book: &Book,
        ticket: &Ticket,
        known: Known,
        recount: &Recount,
        locks: &[PeriodLock],
        now: Timestamp,
    ) -> Self {
        let (mut entries, rows) = (known.entries, known.rows);
        let scene = Scene::of(book, ticket, &known.hits, known.services);
        let mut seen = rows.clone();
        let only = ask(book, ticket, &scene, &mut seen, recount, locks, now);
        let has_ended = recount.cause == RecountCause::AgreementEnded;
        let entry = (!only.is_empty()).then(|| {
            let kind = if has_ended {
                EntryKind::AgreementEnded
            } else {
                EntryKind::TermsChanged
            };
            let mut entry = noted(ticket, kind, facts_why(recount), now);
            entry.seq += 1;
            entry
        });
        entries.extend(entry.clone());
        let change = entry
            .as_ref()
            .map(|entry| Change::of_some(entry.seq, &only, has_ended));
        let derived = scene.clocks(&entries, &seen, change, now);
        Self {
            rows,
            seen,
            entry,
            derived,
            asked: known.asked,
        }
    }

    pub fn compare(&self, ticket: &Ticket, locks: &[PeriodLock], preview: &mut Preview) {
        for (party, clock) in &self.derived {
            let known = known_as(&self.rows, *party, clock);
            let stays = known.is_some_and(|known| !has_moved(known, clock));
            if stays && !clock.state.is_open() {
                continue;
            }
            let ended = known.and_then(|known| known.ended_at);
            let fate = match ended {
                None => Fate::Open,
                Some(at) if locks.iter().any(|lock| lock.covers(*party, at)) => Fate::Locked,
                Some(_) => Fate::Finished,
            };
            let list = match stays {
                true => &mut preview.staying,
                false => &mut preview.moved,
            };
            list.push(Moved {
                ticket: ticket.key,
                title: ticket.title.to_string(),
                clock: known.map(|known| known.id),
                customer: *party,
                metric: clock.metric,
                cycle: clock.cycle,
                fate,
                before: known.and_then(|known| known.deadline_at),
                after: clock.deadline_at,
                state_before: known.map(|known| known.state),
                state_after: clock.state,
                was_breached: known.is_some_and(|known| known.breached_at.is_some()),
                is_breached: clock.breached_at.is_some(),
            });
        }
    }
}

/// What is stored of a clock.
pub(super) fn known_as<'a>(
    rows: &'a [ClockRow],
    party: Option<CustomerId>,
    clock: &Clock,
) -> Option<&'a ClockRow> {
    rows.iter().find(|row| is_cache_of(row, party, clock))
}

/// Promises that run though nothing is promised under their targets any more, each with its target.
pub(super) fn left_behind(
    book: &Book,
    rows: &[ClockRow],
    now: Timestamp,
) -> Vec<((Option<CustomerId>, Metric), TargetId)> {
    rows.iter()
        .filter(|row| row.state.is_open())
        .filter_map(|row| Some(((row.customer_id, row.metric), row.target_id?)))
        .filter(|((customer, _), target)| book.has_ended(*target, *customer, now))
        .collect()
}

/// Whether the terms moved a clock. That it has become late meanwhile is the doing of time, not of terms.
pub(super) fn has_moved(known: &ClockRow, clock: &Clock) -> bool {
    let other_end = if known.ended_at.is_some() {
        (known.breached_at, known.state) != (clock.breached_at, clock.state)
    } else {
        !clock.state.is_open()
    };
    known.deadline_at != clock.deadline_at || other_end
}

/// Shows the derivation the rows as `recount` asks to count them. Answers whose promises have other terms from here on.
fn ask(
    book: &Book,
    ticket: &Ticket,
    scene: &Scene<'_>,
    rows: &mut [ClockRow],
    recount: &Recount,
    locks: &[PeriodLock],
    now: Timestamp,
) -> Vec<Promise> {
    let may_count = |row: &ClockRow| match row.ended_at {
        None => true,
        Some(at) => {
            at >= recount.from_at
                && recount.finished.includes(row.id)
                && !locks.iter().any(|lock| lock.covers(row.customer_id, at))
        }
    };
    match (recount.cause, recount.subject_id) {
        (RecountCause::CalendarCorrected, Some(id)) => {
            let id: CalendarId = Id::from_uuid(id.uuid());
            for row in rows.iter_mut().filter(|row| may_count(row)) {
                let target = row.target_id.and_then(|id| book.target(id));
                if target.is_some_and(|target| target.calendars().any(|other| other == id)) {
                    row.edition = book.edition;
                    row.tzdb = TZDB.to_owned();
                }
            }
            Vec::new()
        }
        (RecountCause::AgreementCorrected, Some(id)) => {
            let id: AgreementId = Id::from_uuid(id.uuid());
            correct(book, ticket, scene, rows, (id, recount.number), may_count)
        }
        (RecountCause::AgreementEnded, Some(id)) => {
            let id: AgreementId = Id::from_uuid(id.uuid());
            let left = left_behind(book, rows, now).into_iter();
            left.filter(|(_, target)| book.source(*target).is_some_and(|(of, _)| of == id))
                .map(|(promise, _)| promise)
                .collect()
        }
        (
            RecountCause::CalendarChanged
            | RecountCause::ZonesChanged
            | RecountCause::HolidaysChanged,
            _,
        )
        | (_, None) => Vec::new(),
    }
}

/// Puts the corrected targets under the clocks that the correction is about: those whose anchor lies where it holds.
fn correct(
    book: &Book,
    ticket: &Ticket,
    scene: &Scene<'_>,
    rows: &mut [ClockRow],
    (id, number): (AgreementId, i64),
    may_count: impl Fn(&ClockRow) -> bool,
) -> Vec<Promise> {
    let mut only = Vec::new();
    let case = |customer| Case {
        customer,
        kind: ticket.key.kind,
        severity: ticket.severity,
        services: scene.services(),
    };
    let is_it = |agreement: &Agreement| agreement.id == id && agreement.version == number;
    for row in rows.iter_mut() {
        let Some(old) = row.target_id.and_then(|id| book.target(id)) else {
            continue;
        };
        if !may_count(row) {
            continue;
        }
        let case = case(row.customer_id);
        let holds = book.agreements_for(&case, row.anchor_at).next();
        if let Some(corrected) = holds.filter(|agreement| is_it(agreement)) {
            let same = corrected
                .targets
                .iter()
                .find(|target| row.ended_at.is_some() && target.is_for_the_same(old));
            let chosen = same.or_else(|| {
                let mut fitting = corrected.targets_for(&case).into_iter();
                fitting.find(|target| target.metric == row.metric)
            });
            match chosen {
                Some(target) => {
                    row.target_id = target.id;
                    row.tzdb = TZDB.to_owned();
                }
                None if row.ended_at.is_none() => only.push((row.customer_id, row.metric)),
                None => {}
            }
        } else if row.ended_at.is_none()
            && row
                .target_id
                .and_then(|target| book.source(target))
                .is_some_and(|(agreement, of)| agreement == id && of < number)
            && book
                .agreement(id)
                .and_then(|known| {
                    known
                        .layers
                        .iter()
                        .find(|(layer, _)| layer.number == number)
                })
                .is_some_and(|(layer, _)| layer.covers(row.anchor_at))
        {
            only.push((row.customer_id, row.metric));
        }
    }
    // What it promises that nothing was counted for.
    for party in scene.parties() {
        let case = case(party);
        let Some(corrected) = book
            .agreements_for(&case, ticket.logged_at)
            .next()
            .filter(|agreement| is_it(agreement))
        else {
            continue;
        };
        for target in corrected.targets_for(&case) {
            let known = rows
                .iter()
                .any(|row| row.customer_id == party && row.metric == target.metric);
            if !known {
                only.push((party, target.metric));
            }
        }
    }
    only
}
