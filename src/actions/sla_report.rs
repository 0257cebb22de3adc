//! The report of a customer's promises: gathered from the stored clocks of a period; whose late time was is derived from the
//! timelines of the tickets that were late.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::allow;
use super::sla::{book, is_cache_of};
use super::sla_custody;
use super::sla_scene::Scene;
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::availability::{Outage, uptime};
use crate::domain::id::{AgreementId, CustomerId, ServiceId, TargetId, TeamId, TicketId};
use crate::domain::people::Service;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::sla_agreement::{HoldsFor, Metric};
use crate::domain::sla_book::Book;
use crate::domain::sla_burn::cycle_over_secs;
use crate::domain::sla_clock::{CancelReason, Clock};
use crate::domain::sla_credit::Counting;
use crate::domain::sla_holder::{Bearer, late_by_bearer};
use crate::domain::sla_proof::Home;
use crate::domain::sla_report::{
    Outcome, Pending, Period, Revision, Section, Served, SlaReport, Verdict, judged,
};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Interval;
use crate::error::{Error, Result};
use crate::store::sla::ClockRow;
use crate::store::sla_report::{self as reads, Hit};
use crate::store::{self, Conn};
use crate::words::Words;

/// Which report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// `None`: the house's own clocks.
    pub customer: Option<CustomerId>,
    /// Only this agreement's promises.
    pub agreement: Option<AgreementId>,
    pub period: Period,
}

/// Tickets of one report; nobody reads more, and each is held in memory.
const MOST_TICKETS: usize = 50_000;
/// Tickets whose late time is derived in one go.
const AT_ONCE: usize = 200;

/// The report as the record has it now.
pub fn prepare(ctx: &Ctx<'_>, asked: &Asked) -> Result<SlaReport> {
    allow(&ctx.by, Action::ExportReport, Target::House)?;
    ctx.read(|conn| prepare_in(ctx, conn, asked))
}

pub(super) fn prepare_in(ctx: &Ctx<'_>, conn: &mut Conn, asked: &Asked) -> Result<SlaReport> {
    let interval = asked.period.interval();
    if interval.from > ctx.now {
        return Err(FieldError::new("from", "period-not-begun").into());
    }
    let as_of = (ctx.now < interval.to).then_some(ctx.now);
    let customer = match asked.customer {
        Some(id) => {
            let known = store::customer::by_id(conn, id)?.ok_or(Error::NotFound)?;
            Some((id, known.name))
        }
        None => None,
    };
    let book = book(ctx.app, conn)?;
    let cycles = cycles(conn, asked.customer, interval, as_of)?;
    let counted = Interval::new(interval.from, as_of.unwrap_or(interval.to));
    let mut sections = Sections::new(asked, &book, counted);
    let mut late = late(ctx, conn, &book, &cycles)?;
    for cycle in cycles {
        sections.add(cycle, &mut late);
    }
    let mut sections = sections.done();
    for section in &mut sections {
        if let Some(agreement) = section.agreement {
            let clause = store::credit::clause(conn, agreement, section.in_force)?;
            section.clause = clause.map(|(_, clause)| clause);
        }
    }
    if let Some(customer) = asked.customer {
        let services = store::house::services(conn)?;
        // Once, unless several agreements count it each in its way.
        let has_clause = sections.iter().any(|section| section.clause.is_some());
        let shows = |place: usize, section: &Section| {
            section.agreement.is_some() && (section.clause.is_some() || !has_clause && place == 0)
        };
        for (place, section) in sections.iter_mut().enumerate() {
            if shows(place, section) {
                let clause = section.clause.as_ref();
                let counting = clause.map_or(Counting::USUAL, |clause| clause.counting);
                let served = availability(conn, &book, customer, counting, counted, &services)?;
                section.availability = Some(served);
            }
        }
    }
    let teams: Vec<TeamId> = sections
        .iter()
        .flat_map(|section| section.late().into_keys().collect::<Vec<_>>())
        .filter_map(|bearer| match bearer {
            Bearer::Team(team) => team,
            Bearer::Customer | Bearer::Vendor | Bearer::Freeze | Bearer::Nobody => None,
        })
        .collect();
    Ok(SlaReport {
        customer,
        period: asked.period,
        as_of,
        teams: store::house::team_names(conn, &teams)?
            .into_iter()
            .collect(),
        sections,
    })
}

/// One cycle that ended in the period or was open at its end.
struct Cycle {
    ticket: TicketId,
    key: crate::domain::id::TicketKey,
    title: String,
    customer: Option<CustomerId>,
    metric: Metric,
    cycle: i32,
    chain: Vec<Revision>,
    stands: Stands,
}

#[derive(Clone, Copy)]
enum Stands {
    /// What became of it, and the place in the chain of what decided it.
    Ended(Verdict, usize, Timestamp),
    /// The place in the chain of what was in force when the period ended.
    Open(usize, Timestamp),
}

impl Cycle {
    /// The revision that speaks for it.
    fn speaker(&self) -> &Revision {
        match self.stands {
            Stands::Ended(_, place, _) | Stands::Open(place, _) => &self.chain[place],
        }
    }
}

fn cycles(
    conn: &mut Conn,
    customer: Option<CustomerId>,
    period: Interval,
    as_of: Option<Timestamp>,
) -> Result<Vec<Cycle>> {
    let end = as_of.unwrap_or(period.to);
    let mut tickets = reads::tickets_ended(conn, customer, period)?;
    tickets.extend(reads::tickets_open(conn, customer, end)?);
    tickets.sort_unstable();
    tickets.dedup();
    if tickets.len() > MOST_TICKETS {
        return Err(Refusal::new("report-too-big")
            .with("count", tickets.len().to_string())
            .with("max", MOST_TICKETS.to_string())
            .into());
    }
    let rows = reads::clocks(conn, customer, &tickets)?;
    let mut targets: Vec<_> = rows.iter().filter_map(|row| row.target_id).collect();
    targets.sort_unstable();
    targets.dedup();
    let homes = reads::homes(conn, &targets)?;
    let titles = reads::titles(conn, &tickets)?;
    let survivors = survivors(conn, customer, &rows, &homes)?;
    let mut cycles = Vec::new();
    let of = |row: &ClockRow| (row.ticket_id, row.metric, row.cycle);
    for rows in rows.chunk_by(|a, b| of(a) == of(b)) {
        let chain: Vec<Revision> = rows.iter().map(|row| revision(row, &homes)).collect();
        let (Some(first), Some(last)) = (rows.first(), chain.last()) else {
            continue;
        };
        let survivor = survivors.get(&(first.ticket_id, first.metric));
        let survivor = survivor.map_or(&[][..], Vec::as_slice);
        let decided = judged(&chain, survivor).map(|(verdict, by)| (verdict, by.clock));
        let stands = match (decided, last.ended_at) {
            (Some((verdict, by)), Some(at)) if at < end => {
                if at < period.from {
                    continue;
                }
                let place = chain.iter().position(|it| it.clock == by);
                Stands::Ended(verdict, place.unwrap_or(0), at)
            }
            _ => {
                let in_force = chain
                    .iter()
                    .position(|it| it.anchor_at < end && it.ended_at.is_none_or(|at| at >= end));
                match in_force {
                    Some(place) => Stands::Open(place, end),
                    None => continue,
                }
            }
        };
        let Some((key, title)) = titles.get(&first.ticket_id).cloned() else {
            continue;
        };
        cycles.push(Cycle {
            ticket: first.ticket_id,
            key,
            title,
            customer,
            metric: first.metric,
            cycle: first.cycle,
            chain,
            stands,
        });
    }
    cycles.sort_by_key(|cycle| (cycle.metric, cycle.key, cycle.cycle));
    Ok(cycles)
}

/// Of the tickets that were merged away, what stands of the same promises on those in which they go on.
fn survivors(
    conn: &mut Conn,
    customer: Option<CustomerId>,
    rows: &[ClockRow],
    homes: &HashMap<TargetId, Home>,
) -> Result<HashMap<(TicketId, Metric), Vec<Revision>>> {
    let is_merged = |row: &&ClockRow| row.cancelled == Some(CancelReason::Merged);
    let merged: BTreeSet<TicketId> = rows
        .iter()
        .filter(is_merged)
        .map(|it| it.ticket_id)
        .collect();
    let merged: Vec<TicketId> = merged.into_iter().collect();
    let into = reads::merged_into(conn, &merged)?;
    let mut ids: Vec<TicketId> = into.values().copied().collect();
    ids.sort_unstable();
    ids.dedup();
    let theirs = reads::clocks(conn, customer, &ids)?;
    let mut survivors: HashMap<(TicketId, Metric), Vec<Revision>> = HashMap::new();
    for (from, into) in into {
        for row in theirs.iter().filter(|row| row.ticket_id == into) {
            let of = survivors.entry((from, row.metric)).or_default();
            of.push(revision(row, homes));
        }
    }
    Ok(survivors)
}

fn revision(row: &ClockRow, homes: &HashMap<TargetId, Home>) -> Revision {
    Revision {
        clock: row.id,
        home: row.target_id.and_then(|target| homes.get(&target).cloned()),
        anchor_at: row.anchor_at,
        deadline_at: row.deadline_at,
        ended_at: row.ended_at,
        state: row.state,
        cancelled: row.cancelled,
        breached_at: row.breached_at,
    }
}

type Late = HashMap<(TicketId, Metric, i32), Lateness>;

/// How late a cycle was.
#[derive(Default)]
struct Lateness {
    /// Working time that was used until it ended, in microseconds.
    used: i64,
    /// Seconds by the wall clock.
    over_secs: i64,
    /// Working time past the deadline, in microseconds.
    by: Vec<(Bearer, i64)>,
}

/// The late time of every cycle that was missed, by whose it was.
fn late(ctx: &Ctx<'_>, conn: &mut Conn, book: &Arc<Book>, cycles: &[Cycle]) -> Result<Late> {
    let missed: Vec<&Cycle> = cycles
        .iter()
        .filter(|it| matches!(it.stands, Stands::Ended(Verdict::Missed, ..)))
        .collect();
    let tickets: BTreeSet<TicketId> = missed.iter().map(|cycle| cycle.ticket).collect();
    let tickets: Vec<TicketId> = tickets.into_iter().collect();
    let mut late = Late::new();
    for some in tickets.chunks(AT_ONCE) {
        let mut evidence = store::sla_check::evidence(conn, some, &sla_custody::kinds())?;
        for ticket in store::ticket::by_ids(conn, some)? {
            let of = |id: TicketId| id == ticket.id;
            let entries = evidence.entries.remove(&ticket.id).unwrap_or_default();
            let rows = evidence.clocks.remove(&ticket.id).unwrap_or_default();
            let hits = evidence.affected.remove(&ticket.id).unwrap_or_default();
            let services = evidence.services.remove(&ticket.id).unwrap_or_default();
            let scene = Scene::of(book, &ticket, &hits, services);
            let derived = scene.clocks(&entries, &rows, None, ctx.now);
            for cycle in missed.iter().filter(|cycle| of(cycle.ticket)) {
                let events = sla_custody::told(&ticket, cycle.customer, &entries);
                let custody = sla_custody::custody(&ticket, &entries, &events);
                let mut revisions: Vec<&Clock> = derived
                    .iter()
                    .filter(|(party, clock)| {
                        let known = |row: &&ClockRow| is_cache_of(row, *party, clock);
                        *party == cycle.customer
                            && (clock.metric, clock.cycle) == (cycle.metric, cycle.cycle)
                            && rows.iter().find(known).is_some()
                    })
                    .map(|(_, clock)| clock)
                    .collect();
                revisions.sort_by_key(|clock| clock.revision);
                let by = late_by_bearer(&revisions, &custody, ctx.now);
                let lateness = Lateness {
                    used: revisions.last().map_or(0, |clock| clock.used(ctx.now)),
                    over_secs: cycle_over_secs(&revisions, ctx.now),
                    by: by.into_iter().collect(),
                };
                late.insert((cycle.ticket, cycle.metric, cycle.cycle), lateness);
            }
        }
    }
    Ok(late)
}

/// Sections in the making: by agreement, what was promised by hand last.
struct Sections {
    only: Option<AgreementId>,
    by: BTreeMap<Option<AgreementId>, Section>,
}

impl Sections {
    /// An agreement that was in force in the period has a section even if nothing happened under it. What was written later, and
    /// what is planned, is no business of this period.
    fn new(asked: &Asked, book: &Book, period: Interval) -> Self {
        let mut sections = Self {
            only: asked.agreement,
            by: BTreeMap::new(),
        };
        let in_force = |is_theirs: &dyn Fn(&HoldsFor) -> bool| {
            let versions = book.known_agreements().iter();
            let versions = versions.flat_map(|known| known.within(period));
            let found = versions.filter(|agreement| is_theirs(&agreement.holds_for));
            found.cloned().collect::<Vec<_>>()
        };
        let mut shown = match asked.customer {
            Some(customer) => in_force(&|holds_for| holds_for.customers().contains(&customer)),
            None => Vec::new(),
        };
        if shown.is_empty() {
            shown = in_force(&HoldsFor::is_house);
        }
        for agreement in shown {
            let home = Home {
                agreement: agreement.id,
                name: agreement.name.clone(),
                version: agreement.version,
            };
            if let Some(section) = sections.section(Some(&home)) {
                // Of several the one that held last: they come in their order.
                section.in_force = home.version;
            }
        }
        sections
    }

    /// The section of an agreement, by the name that it had in its highest version of those that occur.
    fn section(&mut self, home: Option<&Home>) -> Option<&mut Section> {
        let agreement = home.map(|home| home.agreement);
        if self.only.is_some() && self.only != agreement {
            return None;
        }
        let section = self.by.entry(agreement).or_insert_with(|| Section {
            agreement,
            name: match home {
                Some(home) => home.name.clone(),
                None => Words::english().t("sla-by-hand").into_owned(),
            },
            in_force: home.map_or(0, |home| home.version),
            ..Section::default()
        });
        if let Some(home) = home
            && let Err(place) = section.versions.binary_search(&home.version)
        {
            section.versions.insert(place, home.version);
            if place + 1 == section.versions.len() {
                section.name.clone_from(&home.name);
            }
        }
        Some(section)
    }

    fn add(&mut self, cycle: Cycle, late: &mut Late) {
        let speaker = cycle.speaker().clone();
        let Some(section) = self.section(speaker.home.as_ref()) else {
            return;
        };
        match cycle.stands {
            Stands::Ended(verdict, _, ended_at) => {
                let late = late.remove(&(cycle.ticket, cycle.metric, cycle.cycle));
                let Lateness {
                    used,
                    over_secs,
                    by,
                } = late.unwrap_or_default();
                let breached = cycle.chain.iter().find_map(|it| it.breached_at);
                section.outcomes.push(Outcome {
                    clock: speaker.clock,
                    ticket: cycle.key,
                    title: cycle.title,
                    metric: cycle.metric,
                    cycle: cycle.cycle,
                    verdict,
                    cancelled: cycle.chain.last().and_then(|last| last.cancelled),
                    anchor_at: speaker.anchor_at,
                    deadline_at: speaker.deadline_at,
                    breached_at: breached,
                    ended_at,
                    used,
                    over_secs,
                    late: by,
                });
            }
            Stands::Open(_, end) => {
                let is_past = |at: Option<Timestamp>| at.is_some_and(|at| at < end);
                section.pending.push(Pending {
                    clock: speaker.clock,
                    ticket: cycle.key,
                    title: cycle.title,
                    metric: cycle.metric,
                    cycle: cycle.cycle,
                    anchor_at: speaker.anchor_at,
                    deadline_at: speaker.deadline_at,
                    is_late: is_past(speaker.deadline_at)
                        || cycle.chain.iter().any(|it| is_past(it.breached_at)),
                });
            }
        }
    }

    fn done(self) -> Vec<Section> {
        let mut sections: Vec<Section> = self.by.into_values().collect();
        sections.sort_by(|a, b| {
            (a.agreement.is_none(), &a.name, a.agreement).cmp(&(
                b.agreement.is_none(),
                &b.name,
                b.agreement,
            ))
        });
        sections
    }
}

fn availability(
    conn: &mut Conn,
    book: &Book,
    customer: CustomerId,
    counting: Counting,
    period: Interval,
    services: &[Service],
) -> Result<Vec<Served>> {
    let hours = counting
        .calendar
        .and_then(|id| book.calendar(id))
        .map(|known| known.hours.clone());
    let maintenance = if counting.excludes_maintenance {
        reads::maintenance(conn, period)?
    } else {
        Vec::new()
    };
    let mut by_service: BTreeMap<Option<ServiceId>, Vec<Hit>> = BTreeMap::new();
    for hit in reads::hits(conn, customer, period)? {
        if !counting.is_outage(hit.severity) {
            continue;
        }
        if hit.services.is_empty() {
            by_service.entry(None).or_default().push(hit);
            continue;
        }
        for service in hit.services.clone() {
            by_service
                .entry(Some(service))
                .or_default()
                .push(hit.clone());
        }
    }
    let mut served: Vec<Served> = by_service
        .into_iter()
        .map(|(service, hits)| {
            let outages = hits.iter().flat_map(|hit| hit.outages.iter().copied());
            let outages: Vec<Outage> = outages.collect();
            let windows: Vec<Interval> = maintenance
                .iter()
                .filter(|(_, on)| service.is_some_and(|service| on.contains(&service)))
                .map(|(window, _)| *window)
                .collect();
            let mut incidents: Vec<_> = hits.iter().map(|hit| hit.key).collect();
            incidents.sort_unstable();
            incidents.dedup();
            let known = service.and_then(|id| services.iter().find(|it| it.id == id));
            Served {
                service: known.map(|known| known.public_name.clone()),
                uptime: uptime(period, hours.as_deref(), &outages, &windows),
                incidents,
            }
        })
        .collect();
    served
        .sort_by(|a, b| (a.service.is_none(), &a.service).cmp(&(b.service.is_none(), &b.service)));
    Ok(served)
}
