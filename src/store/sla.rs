//! Agreements, targets and clocks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use diesel::prelude::*;

use super::column::text_column;
use super::fixed::fixed_update;
use super::schema::sla::{agreement, clock, target};
use super::{Conn, Tx};
use crate::domain::id::{
    AgreementId, CalendarId, ClockId, CustomerId, Kind, ServiceId, TargetId, TicketId,
};
use crate::domain::severity::Severity;
use crate::domain::sla_agreement::{
    Agreement, Anchor, Budget, Metric, Promisee, Target, Threshold,
};
use crate::domain::sla_book::Book;
use crate::domain::sla_clock::{CancelReason, ClockState, Standing};
use crate::domain::sla_policy::{ChangePolicy, Policy, ReopenPolicy};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

text_column!(
    Metric,
    Promisee,
    Anchor,
    ClockState,
    CancelReason,
    ChangePolicy,
    ReopenPolicy
);

/// Loads the whole book: a few dozen rows in a real house.
pub fn book(conn: &mut Conn) -> Result<Book> {
    let version = super::version::known(conn)?;
    let calendars = super::calendar::all(conn)?;
    let rows: Vec<TargetRow> = target::table
        .order((
            target::agreement_id,
            target::agreement_version,
            target::place,
        ))
        .select(TargetRow::as_select())
        .load(conn)?;
    let mut targets = HashMap::with_capacity(rows.len());
    let mut of: HashMap<(AgreementId, i64), Vec<Arc<Target>>> = HashMap::new();
    let mut owners: Vec<(TargetId, AgreementId)> = Vec::with_capacity(rows.len());
    for row in rows {
        let of_version = (row.agreement_id, row.agreement_version);
        let id = row.id;
        owners.push((id, row.agreement_id));
        let target = Arc::new(row.target()?);
        targets.insert(id, target.clone());
        of.entry(of_version).or_default().push(target);
    }
    let rows: Vec<(AgreementId, Option<CustomerId>, String, i64, i32)> = agreement::table
        .filter(agreement::is_active.eq(true))
        .order(agreement::id)
        .select((
            agreement::id,
            agreement::customer_id,
            agreement::name,
            agreement::version,
            agreement::backdate_days,
        ))
        .load(conn)?;
    let in_force: HashSet<AgreementId> = rows.iter().map(|row| row.0).collect();
    let ended = owners
        .into_iter()
        .filter(|(_, agreement)| !in_force.contains(agreement))
        .map(|(target, _)| target)
        .collect();
    let agreements = rows
        .into_iter()
        .map(|(id, customer, name, version, backdate_days)| Agreement {
            id,
            customer,
            name,
            version,
            backdate_days,
            targets: of.remove(&(id, version)).unwrap_or_default(),
        })
        .collect();
    Ok(Book::new(version, calendars, agreements, targets).with_ended(ended))
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = target)]
struct TargetRow {
    id: TargetId,
    agreement_id: AgreementId,
    agreement_version: i64,
    place: i32,
    metric: Metric,
    promisee: Promisee,
    kind: Kind,
    severity: Option<Severity>,
    service_id: Option<ServiceId>,
    budget_kind: String,
    budget_value: i64,
    calendar_id: CalendarId,
    anchor: Anchor,
    warn: String,
    stops_on: String,
    on_change: ChangePolicy,
    reopen_grace_secs: i64,
    reopen_within: ReopenPolicy,
    reopen_later: ReopenPolicy,
    holds_in: String,
    follows_messages: bool,
}

impl TargetRow {
    fn target(self) -> Result<Target> {
        let broken = |what: &str| Error::internal(format!("a stored target: {what}"));
        let budget = match self.budget_kind.as_str() {
            "counted" => Budget::Counted {
                secs: self.budget_value,
            },
            "end_of_day" => Budget::EndOfDay {
                n: u16::try_from(self.budget_value).map_err(|_| broken("end_of_day"))?,
            },
            "fixed" => Budget::Fixed {
                at: Timestamp::from_micros(self.budget_value),
            },
            other => return Err(broken(other)),
        };
        let mut warn = Vec::new();
        for text in self.warn.split(',').filter(|text| !text.is_empty()) {
            warn.push(Threshold::parse(text).ok_or_else(|| broken(text))?);
        }
        let mut stops_on = Vec::new();
        for text in self.stops_on.split(',').filter(|text| !text.is_empty()) {
            stops_on.push(text.parse().map_err(|()| broken(text))?);
        }
        let mut holds_in = Vec::new();
        for text in self.holds_in.split(',').filter(|text| !text.is_empty()) {
            holds_in.push(text.parse().map_err(|()| broken(text))?);
        }
        Ok(Target {
            id: Some(self.id),
            metric: self.metric,
            promisee: self.promisee,
            kind: self.kind,
            severity: self.severity,
            service: self.service_id,
            budget,
            calendar: self.calendar_id,
            anchor: self.anchor,
            warn,
            stops_on,
            policy: Policy {
                on_change: self.on_change,
                reopen_grace_secs: self.reopen_grace_secs,
                reopen_within: self.reopen_within,
                reopen_later: self.reopen_later,
                holds_in,
                follows_messages: self.follows_messages,
            },
        })
    }
}

/// Writes a new agreement; its targets are version 1. Every target has its id already.
pub fn insert_agreement(tx: &mut Tx, new: &Agreement, now: Timestamp) -> Result<()> {
    diesel::insert_into(agreement::table)
        .values((
            agreement::id.eq(new.id),
            agreement::customer_id.eq(new.customer),
            agreement::name.eq(&new.name),
            agreement::is_active.eq(true),
            agreement::made_at.eq(now),
            agreement::version.eq(new.version),
            agreement::backdate_days.eq(new.backdate_days),
        ))
        .execute(&mut **tx)?;
    insert_targets(tx, new)
}

/// Writes the next version with its own targets; raises `changed.version`. [`Error::Stale`] if somebody was faster.
pub fn update_agreement(tx: &mut Tx, changed: &mut Agreement, is_active: bool) -> Result<()> {
    let known = agreement::table.filter(
        agreement::id
            .eq(changed.id)
            .and(agreement::version.eq(changed.version)),
    );
    let rows = diesel::update(known)
        .set((
            agreement::name.eq(&changed.name),
            agreement::is_active.eq(is_active),
            agreement::version.eq(changed.version + 1),
            agreement::backdate_days.eq(changed.backdate_days),
        ))
        .execute(&mut **tx)?;
    if rows == 0 {
        return Err(Error::Stale);
    }
    changed.version += 1;
    insert_targets(tx, changed)
}

fn insert_targets(tx: &mut Tx, of: &Agreement) -> Result<()> {
    for (place, target) in of.targets.iter().enumerate() {
        let (budget_kind, budget_value) = match target.budget {
            Budget::Counted { secs } => ("counted", secs),
            Budget::EndOfDay { n } => ("end_of_day", i64::from(n)),
            Budget::Fixed { at } => ("fixed", at.micros()),
        };
        let joined = |texts: Vec<String>| texts.join(",");
        let row = TargetRow {
            id: target
                .id
                .ok_or_else(|| Error::internal("a target of an agreement needs an id"))?,
            agreement_id: of.id,
            agreement_version: of.version,
            place: place as i32,
            metric: target.metric,
            promisee: target.promisee,
            kind: target.kind,
            severity: target.severity,
            service_id: target.service,
            budget_kind: budget_kind.to_owned(),
            budget_value,
            calendar_id: target.calendar,
            anchor: target.anchor,
            warn: joined(target.warn.iter().map(Threshold::to_string).collect()),
            stops_on: joined(target.stops_on.iter().map(|on| on.to_string()).collect()),
            on_change: target.policy.on_change,
            reopen_grace_secs: target.policy.reopen_grace_secs,
            reopen_within: target.policy.reopen_within,
            reopen_later: target.policy.reopen_later,
            holds_in: joined(
                target
                    .policy
                    .holds_in
                    .iter()
                    .map(|state| state.to_string())
                    .collect(),
            ),
            follows_messages: target.policy.follows_messages,
        };
        diesel::insert_into(target::table)
            .values(row)
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// A clock as it is stored: the cache of what the timeline says.
#[derive(
    Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset, Identifiable,
)]
#[diesel(table_name = clock, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct ClockRow {
    pub id: ClockId,
    pub ticket_id: TicketId,
    /// `None`: the house's own.
    pub customer_id: Option<CustomerId>,
    pub metric: Metric,
    pub promisee: Promisee,
    pub cycle: i32,
    pub revision: i32,
    /// `None`: promised by hand.
    pub target_id: Option<TargetId>,
    pub from_seq: i64,
    pub until_seq: Option<i64>,
    pub anchor_at: Timestamp,
    pub state: ClockState,
    pub deadline_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub cancelled: Option<CancelReason>,
    pub breached_at: Option<Timestamp>,
    pub late_by_change: bool,
    /// Warnings that fell due until then were dealt with.
    pub warned_until: Timestamp,
    /// Rises when the deadline moves: a warning may then be due again.
    pub generation: i32,
    pub next_wake_at: Option<Timestamp>,
}

impl ClockRow {
    /// A correction took it back, or whoever had promised it by hand: it stands for what was written of it, and for no promise.
    pub fn is_taken_back(&self) -> bool {
        self.cancelled == Some(CancelReason::TakenBack)
    }

    pub fn standing(&self) -> Standing {
        Standing {
            metric: self.metric,
            state: self.state,
            anchor_at: self.anchor_at,
            deadline_at: self.deadline_at,
            breached_at: self.breached_at,
        }
    }
}

/// A ticket's clocks, in the order of their making.
pub fn of_ticket(conn: &mut Conn, ticket: TicketId) -> Result<Vec<ClockRow>> {
    Ok(clock::table
        .filter(clock::ticket_id.eq(ticket))
        .order((clock::anchor_at, clock::id))
        .select(ClockRow::as_select())
        .load(conn)?)
}

pub fn by_id(conn: &mut Conn, id: ClockId) -> Result<Option<ClockRow>> {
    Ok(clock::table
        .find(id)
        .select(ClockRow::as_select())
        .first(conn)
        .optional()?)
}

pub fn insert(tx: &mut Tx, row: &ClockRow) -> Result<()> {
    diesel::insert_into(clock::table)
        .values(row)
        .execute(&mut **tx)?;
    Ok(())
}

pub fn update(tx: &mut Tx, row: &ClockRow) -> Result<()> {
    fixed_update(clock::table, clock::id.eq(row.id), row).execute(&mut **tx)?;
    Ok(())
}

/// The clocks of these tickets, each ticket's in the order of their making.
pub fn of_tickets(
    conn: &mut Conn,
    tickets: &[TicketId],
) -> Result<HashMap<TicketId, Vec<ClockRow>>> {
    let rows: Vec<ClockRow> = clock::table
        .filter(clock::ticket_id.eq_any(tickets.to_vec()))
        .order((clock::anchor_at, clock::id))
        .select(ClockRow::as_select())
        .load(conn)?;
    let mut of: HashMap<TicketId, Vec<ClockRow>> = HashMap::new();
    for row in rows {
        of.entry(row.ticket_id).or_default().push(row);
    }
    Ok(of)
}

/// Asks for a look at every clock that runs under any version of this agreement.
pub fn wake_all_under(tx: &mut Tx, id: AgreementId, now: Timestamp) -> Result<()> {
    let targets: Vec<TargetId> = target::table
        .filter(target::agreement_id.eq(id))
        .select(target::id)
        .load(&mut **tx)?;
    let open: Vec<ClockState> = ClockState::ALL
        .iter()
        .copied()
        .filter(|state| state.is_open())
        .collect();
    for some in targets.chunks(500) {
        diesel::update(
            clock::table
                .filter(clock::target_id.eq_any(some.to_vec()))
                .filter(clock::state.eq_any(open.clone())),
        )
        .set(clock::next_wake_at.eq(Some(now)))
        .execute(&mut **tx)?;
    }
    Ok(())
}

/// Tickets of which some clock wants a look at `now`, longest due first; at most `most` clocks are considered.
pub fn tickets_due(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<TicketId>> {
    let tickets: Vec<TicketId> = clock::table
        .filter(clock::next_wake_at.le(now))
        .order(clock::next_wake_at)
        .limit(most)
        .select(clock::ticket_id)
        .load(conn)?;
    Ok(each_once(tickets))
}

pub(super) fn each_once(mut tickets: Vec<TicketId>) -> Vec<TicketId> {
    let mut seen = std::collections::HashSet::new();
    tickets.retain(|id| seen.insert(*id));
    tickets
}
