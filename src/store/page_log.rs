//! Escalation runs, pages, and the events that are the facts about them.

use std::collections::HashMap;

use diesel::prelude::*;

use super::backend::{Conn, Tx, direct, far, insert_new};
use super::column::text_column;
use super::compensation::line_up;
use super::fixed::{Kept, fixed_update};
use super::schema::oncall::{escalation_run, page, page_event};
use crate::domain::compensation::FactKind;
use crate::domain::delivery::Channel;
use crate::domain::escalation::{Place, RunState, Standing};
use crate::domain::id::{Id, PageEventId, PageId, PersonId, PolicyId, RunId, TeamId, TicketId};
use crate::domain::notify::Unsent;
use crate::domain::page::{PageEventKind, PageKind, PageState};
use crate::domain::severity::Severity;
use crate::domain::timeline::Door;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

text_column!(RunState, PageKind, PageState, PageEventKind, Unsent);

/// One incident's walk through a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub id: RunId,
    pub ticket: TicketId,
    pub team: TeamId,
    pub policy: PolicyId,
    pub severity: Severity,
    pub standing: Standing,
    pub began_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub version: i64,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = escalation_run, treat_none_as_null = true, treat_none_as_default_value = false)]
struct RunRow {
    id: RunId,
    ticket_id: TicketId,
    team_id: TeamId,
    policy_id: PolicyId,
    severity: Severity,
    state: RunState,
    round: i64,
    step: i64,
    next_at: Option<Timestamp>,
    began_at: Timestamp,
    ended_at: Option<Timestamp>,
    version: i64,
}

impl RunRow {
    fn of(run: &Run) -> Self {
        RunRow {
            id: run.id,
            ticket_id: run.ticket,
            team_id: run.team,
            policy_id: run.policy,
            severity: run.severity,
            state: run.standing.state,
            round: run.standing.place.round,
            step: run.standing.place.step,
            next_at: run.standing.next_at,
            began_at: run.began_at,
            ended_at: run.ended_at,
            version: run.version,
        }
    }

    fn run(self) -> Run {
        let place = Place {
            round: self.round,
            step: self.step,
        };
        Run {
            id: self.id,
            ticket: self.ticket_id,
            team: self.team_id,
            policy: self.policy_id,
            severity: self.severity,
            standing: Standing {
                state: self.state,
                place,
                next_at: self.next_at,
            },
            began_at: self.began_at,
            ended_at: self.ended_at,
            version: self.version,
        }
    }
}

pub fn insert_run(tx: &mut Tx, run: &Run) -> Result<()> {
    direct!(tx, |own| diesel::insert_into(escalation_run::table)
        .values(RunRow::of(run))
        .execute(own))?;
    Ok(())
}

/// Writes it if nobody else has since it was read; raises its version. Else [`Error::Stale`].
pub fn update_run(tx: &mut Tx, run: &mut Run) -> Result<()> {
    let read_at = run.version;
    run.version += 1;
    let unchanged = escalation_run::id
        .eq(run.id)
        .and(escalation_run::version.eq(read_at));
    let statement = fixed_update(escalation_run::table, unchanged, RunRow::of(run));
    match direct!(tx, |own| statement.execute(own))? {
        1 => Ok(()),
        _ => Err(Error::Stale),
    }
}

pub fn run(conn: &mut Conn, id: RunId) -> Result<Option<Run>> {
    let row: Option<RunRow> = escalation_run::table
        .find(id)
        .select(RunRow::as_select())
        .get_result(conn)
        .optional()?;
    Ok(row.map(RunRow::run))
}

/// The run that this incident is in, unless it was stopped.
pub fn live_run(conn: &mut Conn, ticket: TicketId) -> Result<Option<Run>> {
    let row: Option<RunRow> = direct!(conn, |own| escalation_run::table
        .filter(escalation_run::ticket_id.eq(ticket))
        .filter(escalation_run::state.ne(RunState::Stopped))
        .select(RunRow::as_select())
        .get_result(own))
    .optional()?;
    Ok(row.map(RunRow::run))
}

/// Runs with something to do by `now`, the longest overdue first.
pub fn runs_due(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<RunId>> {
    Ok(escalation_run::table
        .filter(escalation_run::next_at.is_not_null())
        .filter(escalation_run::next_at.le(now))
        .order(escalation_run::next_at)
        .limit(most)
        .select(escalation_run::id)
        .load(conn)?)
}

/// When the next run has something to do.
pub fn next_run_at(conn: &mut Conn) -> Result<Option<Timestamp>> {
    let next: Option<Option<Timestamp>> = escalation_run::table
        .filter(escalation_run::next_at.is_not_null())
        .order(escalation_run::next_at)
        .select(escalation_run::next_at)
        .first(conn)
        .optional()?;
    Ok(next.flatten())
}

/// A page. `state`, `accepted_at` and `acked_at` are a cache of its events.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = page, treat_none_as_default_value = false)]
pub struct Page {
    pub id: PageId,
    pub run_id: Option<RunId>,
    pub ticket_id: Option<TicketId>,
    pub kind: PageKind,
    pub round: i64,
    pub step: i64,
    pub person_id: PersonId,
    pub severity: Option<Severity>,
    pub channels: i64,
    pub queued_at: Timestamp,
    pub state: PageState,
    pub accepted_at: Option<Timestamp>,
    pub acked_at: Option<Timestamp>,
}

/// Whether this page is new: a second one for the same run, round, step and person is not made.
pub fn insert_page(tx: &mut Tx, new: &Page) -> Result<bool> {
    Ok(insert_new!(tx, page::table, new)?)
}

pub fn page(conn: &mut Conn, id: PageId) -> Result<Option<Page>> {
    Ok(page::table
        .find(id)
        .select(Page::as_select())
        .get_result(conn)
        .optional()?)
}

pub fn pages_of_ticket(conn: &mut Conn, ticket: TicketId) -> Result<Vec<Page>> {
    Ok(direct!(conn, |own| page::table
        .filter(page::ticket_id.eq(ticket))
        .order((page::queued_at, page::id))
        .select(Page::as_select())
        .load(own))?)
}

pub fn pages_of_run(conn: &mut Conn, run: RunId) -> Result<Vec<Page>> {
    Ok(page::table
        .filter(page::run_id.eq(run))
        .order((page::queued_at, page::id))
        .select(Page::as_select())
        .load(conn)?)
}

/// Whether pages of this run were made and none of them has got through to anybody.
pub fn is_unheard(conn: &mut Conn, run: RunId) -> Result<bool> {
    let pages = pages_of_run(conn, run)?;
    let got_through = |page: &Page| page.accepted_at.is_some() || page.acked_at.is_some();
    Ok(!pages.is_empty() && !pages.iter().any(got_through))
}

/// The runs that came to their end without anybody having answered. Walks all runs: asked when delivery works again.
pub fn dead_ends(conn: &mut Conn) -> Result<Vec<Run>> {
    let rows: Vec<RunRow> = escalation_run::table
        .filter(escalation_run::state.eq(RunState::DeadEnd))
        .order((escalation_run::began_at, escalation_run::id))
        .select(RunRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(RunRow::run).collect())
}

/// Who acknowledged this incident and when, oldest first.
pub fn acks_of_ticket(conn: &mut Conn, ticket: TicketId) -> Result<Vec<PageEvent>> {
    Ok(page_event::table
        .filter(page_event::ticket_id.eq(ticket))
        .filter(page_event::kind.eq(PageEventKind::Acked))
        .order((page_event::at, page_event::id))
        .select(PageEvent::as_select())
        .load(conn)?)
}

/// When this person was last paged, by any page.
pub fn last_paged_at(conn: &mut Conn, person: PersonId) -> Result<Option<Timestamp>> {
    let theirs = page::table
        .filter(page::person_id.eq(person))
        .filter(page::kind.ne(PageKind::Test))
        .filter(page::kind.ne(PageKind::SelfTest));
    // Planned while the table is young, a maximum walks all of their pages ever after.
    if let Some(conn) = far(conn) {
        let newest = theirs.order(page::queued_at.desc()).limit(1);
        return Ok(Kept(newest.select(page::queued_at))
            .get_result(conn)
            .optional()?);
    }
    // "The first of an order" would be planned anew each time on SQLite, which finds a maximum by the index.
    let last = theirs.select(diesel::dsl::max(page::queued_at));
    Ok(last.get_result(conn)?)
}

/// Whether a page about this incident has got out to this person, as far as is known.
pub fn has_heard_of(conn: &mut Conn, person: PersonId, ticket: TicketId) -> Result<bool> {
    let pages = page::table
        .filter(page::ticket_id.eq(ticket))
        .filter(page::person_id.eq(person))
        .filter(
            page::accepted_at.is_not_null().or(page::state
                .ne(PageState::Failed)
                .and(page::state.ne(PageState::Suppressed))),
        );
    Ok(diesel::select(diesel::dsl::exists(pages)).get_result(conn)?)
}

/// Whether the same person has a newer page about the same incident that is on its way to them or has got there.
pub fn has_newer(conn: &mut Conn, than: &Page) -> Result<bool> {
    let Some(ticket) = than.ticket_id else {
        return Ok(false);
    };
    let later = page::queued_at
        .gt(than.queued_at)
        .or(page::queued_at.eq(than.queued_at).and(page::id.gt(than.id)));
    let newer = page::table
        .filter(page::ticket_id.eq(ticket))
        .filter(page::person_id.eq(than.person_id))
        .filter(page::state.ne_all([PageState::Failed, PageState::Suppressed]))
        .filter(later);
    Ok(diesel::select(diesel::dsl::exists(newer)).get_result(conn)?)
}

/// Since when the person of this page should have heard of its incident: the oldest of their pages about it that directly precede
/// this one and didn't get through, be it that a newer one took their place or that every channel gave them up.
pub fn asked_since(conn: &mut Conn, of: &Page) -> Result<Timestamp> {
    let Some(ticket) = of.ticket_id else {
        return Ok(of.queued_at);
    };
    let before: Vec<Page> = page::table
        .filter(page::ticket_id.eq(ticket))
        .filter(page::person_id.eq(of.person_id))
        .filter(page::queued_at.lt(of.queued_at))
        .order((page::queued_at.desc(), page::id.desc()))
        .limit(MOST_ASKED)
        .select(Page::as_select())
        .load(conn)?;
    let ids: Vec<PageId> = before.iter().map(|page| page.id).collect();
    let events = events_of_pages(conn, &ids)?;
    let has_given_way = |page: &Page| {
        let mut own = events.iter().filter(|event| event.page_id == Some(page.id));
        own.any(|event| event.reason == Some(Unsent::Newer))
    };
    let unheard = before.iter().take_while(|page| match page.state {
        PageState::Queued | PageState::Attempted | PageState::Failed => true,
        PageState::Suppressed => has_given_way(page),
        PageState::Unsure
        | PageState::Accepted
        | PageState::Delivered
        | PageState::Seen
        | PageState::Acked => false,
    });
    Ok(unheard.last().map_or(of.queued_at, |page| page.queued_at))
}

/// Pages before one that are looked at: beyond these it is late enough.
const MOST_ASKED: i64 = 100;

/// Keeps the cache that its events say.
pub fn set_page_state(
    tx: &mut Tx,
    id: PageId,
    state: PageState,
    accepted_at: Option<Timestamp>,
    acked_at: Option<Timestamp>,
) -> Result<()> {
    let changes = (
        page::state.eq(state),
        page::accepted_at.eq(accepted_at),
        page::acked_at.eq(acked_at),
    );
    fixed_update(page::table, page::id.eq(id), changes).execute(&mut **tx)?;
    Ok(())
}

/// A fact about a page, or about one that was not made (then `page_id` is empty and `reason` says why).
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = page_event, treat_none_as_default_value = false)]
pub struct PageEvent {
    pub id: PageEventId,
    pub page_id: Option<PageId>,
    pub run_id: Option<RunId>,
    pub ticket_id: Option<TicketId>,
    pub team_id: Option<TeamId>,
    pub person_id: Option<PersonId>,
    pub kind: PageEventKind,
    pub reason: Option<Unsent>,
    pub channel: Option<Channel>,
    /// By which door it was acknowledged.
    pub door: Option<Door>,
    pub detail: String,
    pub at: Timestamp,
}

impl PageEvent {
    /// An event of this kind about `page`.
    pub fn of(page: &Page, kind: PageEventKind, now: Timestamp) -> Self {
        Self {
            id: Id::new(now),
            page_id: Some(page.id),
            run_id: page.run_id,
            ticket_id: page.ticket_id,
            team_id: None,
            person_id: Some(page.person_id),
            kind,
            reason: None,
            channel: None,
            door: None,
            detail: String::new(),
            at: now,
        }
    }

    /// Nobody, or this person, is not paged about `ticket`.
    pub fn not_sent(
        ticket: TicketId,
        run: Option<RunId>,
        team: Option<TeamId>,
        why: Unsent,
        now: Timestamp,
    ) -> Self {
        Self {
            id: Id::new(now),
            page_id: None,
            run_id: run,
            ticket_id: Some(ticket),
            team_id: team,
            person_id: None,
            kind: PageEventKind::Suppressed,
            reason: Some(why),
            channel: None,
            door: None,
            detail: String::new(),
            at: now,
        }
    }
}

/// Adds a fact, and puts it in line for the chain.
pub fn insert_event(tx: &mut Tx, event: &PageEvent) -> Result<()> {
    direct!(tx, |own| diesel::insert_into(page_event::table)
        .values(event)
        .execute(own))?;
    line_up(tx, event.id.uuid(), FactKind::PageEvent, event.at)
}

pub fn events_of_page(conn: &mut Conn, of: PageId) -> Result<Vec<PageEvent>> {
    Ok(page_event::table
        .filter(page_event::page_id.eq(of))
        .order((page_event::at, page_event::id))
        .select(PageEvent::as_select())
        .load(conn)?)
}

/// Every event of `[from, to)`, oldest first, up to `most`; of one person if named.
pub fn events_between(
    conn: &mut Conn,
    from: Timestamp,
    to: Timestamp,
    person: Option<PersonId>,
    most: i64,
) -> Result<Vec<PageEvent>> {
    let mut query = page_event::table
        .filter(page_event::at.ge(from))
        .filter(page_event::at.lt(to))
        .order((page_event::at, page_event::id))
        .limit(most)
        .select(PageEvent::as_select())
        .into_boxed();
    if let Some(person) = person {
        query = query.filter(page_event::person_id.eq(person));
    }
    Ok(query.load(conn)?)
}

/// The pages queued in `[from, to)`, newest first, up to `most`; of one person if named.
pub fn pages_between(
    conn: &mut Conn,
    from: Timestamp,
    to: Timestamp,
    person: Option<PersonId>,
    most: i64,
) -> Result<Vec<Page>> {
    let mut query = page::table
        .filter(page::queued_at.ge(from))
        .filter(page::queued_at.lt(to))
        .order((page::queued_at.desc(), page::id.desc()))
        .limit(most)
        .select(Page::as_select())
        .into_boxed();
    if let Some(person) = person {
        query = query.filter(page::person_id.eq(person));
    }
    Ok(query.load(conn)?)
}

/// What was not sent in `[from, to)`, newest first, up to `most`; of one person if named.
pub fn unsent_between(
    conn: &mut Conn,
    from: Timestamp,
    to: Timestamp,
    person: Option<PersonId>,
    most: i64,
) -> Result<Vec<PageEvent>> {
    let mut query = page_event::table
        .filter(page_event::at.ge(from))
        .filter(page_event::at.lt(to))
        .filter(page_event::kind.eq(PageEventKind::Suppressed))
        .order((page_event::at.desc(), page_event::id.desc()))
        .limit(most)
        .select(PageEvent::as_select())
        .into_boxed();
    if let Some(person) = person {
        query = query.filter(page_event::person_id.eq(person));
    }
    Ok(query.load(conn)?)
}

/// The events of these pages, by page and time.
pub fn events_of_pages(conn: &mut Conn, pages: &[PageId]) -> Result<Vec<PageEvent>> {
    let mut events = Vec::new();
    // Below every backend's limit of bound values.
    for some in pages.chunks(500) {
        let more: Vec<PageEvent> = page_event::table
            .filter(page_event::page_id.eq_any(some.iter().copied().map(Some).collect::<Vec<_>>()))
            .order((page_event::at, page_event::id))
            .select(PageEvent::as_select())
            .load(conn)?;
        events.extend(more);
    }
    Ok(events)
}

/// The event behind a link of the chain.
pub fn events(conn: &mut Conn, ids: &[Id<()>]) -> Result<HashMap<Id<()>, PageEvent>> {
    let mut events = HashMap::new();
    for some in ids.chunks(500) {
        let of_id = |id: &Id<()>| PageEventId::from_uuid(id.uuid());
        let more: Vec<PageEvent> = page_event::table
            .filter(page_event::id.eq_any(some.iter().map(of_id).collect::<Vec<_>>()))
            .select(PageEvent::as_select())
            .load(conn)?;
        events.extend(
            more.into_iter()
                .map(|event| (Id::from_uuid(event.id.uuid()), event)),
        );
    }
    Ok(events)
}
