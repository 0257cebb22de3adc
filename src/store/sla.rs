//! Agreements, targets and clocks.

use std::collections::HashMap;
use std::sync::Arc;

use diesel::prelude::*;

use super::backend::{direct, far};
use super::column::text_column;
use super::fixed::{Kept, fixed_update};
use super::schema::core::counter;
use super::schema::sla::{agreement, agreement_party, agreement_version, clock, target};
use super::{Conn, Tx};
use crate::domain::id::{
    AgreementId, CalendarId, ClockId, CustomerId, Id, Kind, ServiceId, TargetId, TicketId,
};
use crate::domain::severity::Severity;
use crate::domain::sla_agreement::{
    Agreement, Anchor, Budget, HoldsFor, Metric, Promisee, Target, Threshold,
};
use crate::domain::sla_book::{AgreementVersion, Book, KnownAgreement};
use crate::domain::sla_clock::{CancelReason, ClockState, Standing};
use crate::domain::sla_policy::{ChangePolicy, Policy, ReopenPolicy};
use crate::domain::sla_version::Layer;
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
    let edition = edition(conn)?;
    let calendars = super::calendar::all(conn)?;
    let rows: Vec<TargetRow> = target::table
        .order((
            target::agreement_id,
            target::agreement_version,
            target::place,
        ))
        .select(TargetRow::as_select())
        .load(conn)?;
    let mut targets: HashMap<(AgreementId, i64), Vec<Arc<Target>>> = HashMap::new();
    for row in rows {
        let of_version = (row.agreement_id, row.agreement_version);
        let target = Arc::new(row.target()?);
        targets.entry(of_version).or_default().push(target);
    }
    let mut parties: HashMap<(AgreementId, i64), Vec<CustomerId>> = HashMap::new();
    let rows: Vec<(AgreementId, i64, CustomerId)> = agreement_party::table.load(conn)?;
    for (id, number, customer) in rows {
        parties.entry((id, number)).or_default().push(customer);
    }
    let houses: Vec<(AgreementId, bool, i32)> = agreement::table
        .select((agreement::id, agreement::is_house, agreement::place))
        .load(conn)?;
    let written: Vec<VersionRow> = agreement_version::table
        .order((agreement_version::agreement_id, agreement_version::number))
        .select(VersionRow::as_select())
        .load(conn)?;
    let mut layers: HashMap<AgreementId, Vec<(Layer, AgreementVersion)>> = HashMap::new();
    let is_house: HashMap<AgreementId, bool> =
        houses.iter().map(|(id, house, _)| (*id, *house)).collect();
    for row in written {
        let (id, number) = (row.agreement_id, row.number);
        let holds_for = if is_house.get(&id).copied().unwrap_or(false) {
            HoldsFor::House
        } else {
            HoldsFor::Customers(parties.remove(&(id, number)).unwrap_or_default())
        };
        let version = AgreementVersion {
            is_active: row.is_active,
            agreement: Arc::new(Agreement {
                id,
                holds_for,
                name: row.name.clone(),
                version: number,
                backdate_days: row.backdate_days,
                targets: targets.remove(&(id, number)).unwrap_or_default(),
            }),
        };
        layers.entry(id).or_default().push((row.layer(), version));
    }
    let known = houses
        .into_iter()
        .map(|(id, _, place)| {
            KnownAgreement::new(id, place, layers.remove(&id).unwrap_or_default())
        })
        .collect();
    Ok(Book::new(version, edition, calendars, known))
}

/// The counter's name.
const EDITION: &str = "terms_edition";

fn edition(conn: &mut Conn) -> Result<i64> {
    Ok(counter::table
        .find(EDITION)
        .select(counter::value)
        .get_result(conn)?)
}

/// Gives the next edition: to be called by whatever can move the deadline of a clock that runs.
pub fn next_edition(tx: &mut Tx) -> Result<i64> {
    diesel::update(counter::table.find(EDITION))
        .set(counter::value.eq(counter::value + 1))
        .execute(&mut **tx)?;
    edition(tx)
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = agreement_version)]
struct VersionRow {
    agreement_id: AgreementId,
    number: i64,
    name: String,
    is_active: bool,
    backdate_days: i32,
    effective_from: Timestamp,
    effective_until: Option<Timestamp>,
    is_correction: bool,
    edition: i64,
    made_by: String,
    reason: String,
    made_at: Timestamp,
}

impl VersionRow {
    fn layer(self) -> Layer {
        Layer {
            number: self.number,
            from: self.effective_from,
            until: self.effective_until,
            is_correction: self.is_correction,
            edition: self.edition,
            made_by: self.made_by,
            made_at: self.made_at,
            reason: self.reason,
        }
    }
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
    customer_id: Option<CustomerId>,
    also: String,
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
        let mut also = Vec::new();
        for text in self.also.split(',').filter(|text| !text.is_empty()) {
            also.push(Id::parse(text).ok_or_else(|| broken(text))?);
        }
        Ok(Target {
            id: Some(self.id),
            metric: self.metric,
            promisee: self.promisee,
            kind: self.kind,
            severity: self.severity,
            service: self.service_id,
            customer: self.customer_id,
            budget,
            calendar: self.calendar_id,
            also,
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

/// Writes a new agreement with its first version; every target has its id already.
pub fn insert_agreement(tx: &mut Tx, new: &Agreement, place: i32, layer: &Layer) -> Result<()> {
    diesel::insert_into(agreement::table)
        .values((
            agreement::id.eq(new.id),
            agreement::is_house.eq(new.holds_for.is_house()),
            agreement::place.eq(place),
            agreement::name.eq(&new.name),
            agreement::is_active.eq(true),
            agreement::made_at.eq(layer.made_at),
            agreement::version.eq(layer.number),
        ))
        .execute(&mut **tx)?;
    add_version(tx, new, true, layer)
}

/// Writes the version after `seen` with its own targets. [`Error::Stale`] if `seen` isn't the newest.
pub fn update_agreement(
    tx: &mut Tx,
    seen: i64,
    next: &Agreement,
    is_active: bool,
    layer: &Layer,
) -> Result<()> {
    let known = agreement::table.filter(agreement::id.eq(next.id).and(agreement::version.eq(seen)));
    let rows = diesel::update(known)
        .set((
            agreement::name.eq(&next.name),
            agreement::is_active.eq(is_active),
            agreement::version.eq(next.version),
        ))
        .execute(&mut **tx)?;
    if rows == 0 {
        return Err(Error::Stale);
    }
    add_version(tx, next, is_active, layer)
}

fn add_version(tx: &mut Tx, of: &Agreement, is_active: bool, layer: &Layer) -> Result<()> {
    let row = VersionRow {
        agreement_id: of.id,
        number: of.version,
        name: of.name.clone(),
        is_active,
        backdate_days: of.backdate_days,
        effective_from: layer.from,
        effective_until: layer.until,
        is_correction: layer.is_correction,
        edition: layer.edition,
        made_by: layer.made_by.clone(),
        reason: layer.reason.clone(),
        made_at: layer.made_at,
    };
    diesel::insert_into(agreement_version::table)
        .values(row)
        .execute(&mut **tx)?;
    for customer in of.holds_for.customers() {
        diesel::insert_into(agreement_party::table)
            .values((
                agreement_party::agreement_id.eq(of.id),
                agreement_party::agreement_version.eq(of.version),
                agreement_party::customer_id.eq(*customer),
            ))
            .execute(&mut **tx)?;
    }
    insert_targets(tx, of)
}

/// In which order the agreements are asked: these first, as they stand here.
pub fn order_agreements(tx: &mut Tx, order: &[AgreementId]) -> Result<()> {
    for (place, id) in order.iter().enumerate() {
        diesel::update(agreement::table.find(id))
            .set(agreement::place.eq(place as i32))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// Takes an agreement away with its versions: one under which no clock ever ran.
pub fn delete_agreement(tx: &mut Tx, id: AgreementId) -> Result<()> {
    super::credit::delete(tx, id)?;
    diesel::delete(target::table.filter(target::agreement_id.eq(id))).execute(&mut **tx)?;
    diesel::delete(agreement_party::table.filter(agreement_party::agreement_id.eq(id)))
        .execute(&mut **tx)?;
    diesel::delete(agreement_version::table.filter(agreement_version::agreement_id.eq(id)))
        .execute(&mut **tx)?;
    diesel::delete(agreement::table.find(id)).execute(&mut **tx)?;
    Ok(())
}

/// Whether a clock ever ran under one of these.
pub fn was_counted(conn: &mut Conn, targets: &[TargetId]) -> Result<bool> {
    let found: Option<ClockId> = clock::table
        .filter(clock::target_id.eq_any(targets))
        .select(clock::id)
        .first(conn)
        .optional()?;
    Ok(found.is_some())
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
            customer_id: target.customer,
            also: joined(target.also.iter().map(|id| id.to_string()).collect()),
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
    /// The edition of the terms by which it was counted last; see [`Book::hours_then`].
    pub edition: i64,
    /// The tz data by which it was counted last; empty: older than this record.
    pub tzdb: String,
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
    Ok(direct!(conn, |own| clock::table
        .filter(clock::ticket_id.eq(ticket))
        .order((clock::anchor_at, clock::id))
        .select(ClockRow::as_select())
        .load(own))?)
}

pub fn by_id(conn: &mut Conn, id: ClockId) -> Result<Option<ClockRow>> {
    Ok(direct!(conn, |own| clock::table
        .find(id)
        .select(ClockRow::as_select())
        .get_result(own))
    .optional()?)
}

pub fn insert(tx: &mut Tx, row: &ClockRow) -> Result<()> {
    direct!(tx, |own| diesel::insert_into(clock::table)
        .values(row)
        .execute(own))?;
    Ok(())
}

/// The clocks of one ticket: together where each statement is a round trip.
pub fn insert_all(tx: &mut Tx, rows: &[ClockRow]) -> Result<()> {
    if rows.len() > 1
        && let Some(conn) = far(tx)
    {
        Kept(diesel::insert_into(clock::table).values(rows)).execute(conn)?;
        return Ok(());
    }
    for row in rows {
        insert(tx, row)?;
    }
    Ok(())
}

pub fn update(tx: &mut Tx, row: &ClockRow) -> Result<()> {
    let statement = fixed_update(clock::table, clock::id.eq(row.id), row);
    direct!(tx, |own| statement.execute(own))?;
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

/// Every clock that is open and late wants a look: who hears of such, and when, isn't what it was.
pub fn wake_late(tx: &mut Tx, now: Timestamp) -> Result<()> {
    let open: Vec<ClockState> = ClockState::ALL
        .iter()
        .copied()
        .filter(|state| state.is_open())
        .collect();
    let late = clock::table
        .filter(clock::state.eq_any(open))
        .filter(clock::breached_at.is_not_null());
    diesel::update(late)
        .set(clock::next_wake_at.eq(now))
        .execute(&mut **tx)?;
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
