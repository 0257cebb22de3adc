//! What the demo's customers were promised: Northwind in Stockholm's office hours, Contoso round the clock in New York.

use chrono_tz::Tz;

use crate::actions::agreement::{AgreementDetails, add_agreement};
use crate::actions::calendar::{CalendarDetails, add_calendar};
use crate::app::Ctx;
use crate::domain::calendar::{Exception, Range, What, When};
use crate::domain::id::{CalendarId, CustomerId, Kind};
use crate::domain::severity::Severity;
use crate::domain::sla_agreement::{
    Anchor, Budget, HoldsFor, Metric, Promisee, Target, Threshold, USUAL_BACKDATE_DAYS,
};
use crate::domain::sla_policy::Policy;
use crate::error::Result;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// One severity's promises in seconds; 0 is none.
struct Row {
    severity: Severity,
    own: i64,
    respond: i64,
    update: i64,
    restore: i64,
    resolve: i64,
}

pub(super) fn sign(admin: &Ctx<'_>, northwind: CustomerId, contoso: CustomerId) -> Result<()> {
    let stockholm = chrono_tz::Europe::Stockholm;
    let office = calendar(
        admin,
        "Stockholm office hours",
        stockholm,
        0..=4,
        Range::new(8 * 60, 17 * 60)?,
        (vec!["SE".to_owned()], days_off()),
    )?;
    let night_and_day = calendar(
        admin,
        "Stockholm round the clock",
        stockholm,
        0..=6,
        Range::DAY,
        (Vec::new(), Vec::new()),
    )?;
    // A disaster is one at night too; everything else waits for the morning.
    let targets = northwind_rows()
        .iter()
        .flat_map(|row| {
            let hours = match row.severity {
                Severity::Disaster => night_and_day,
                _ => office,
            };
            promises(row, hours, Anchor::Reported)
        })
        .collect();
    agreement(admin, northwind, "Northwind Traders, office hours", targets)?;

    let always = calendar(
        admin,
        "New York round the clock",
        chrono_tz::America::New_York,
        0..=6,
        Range::DAY,
        (Vec::new(), Vec::new()),
    )?;
    let targets = contoso_rows()
        .iter()
        .flat_map(|row| promises(row, always, Anchor::Impact))
        .collect();
    agreement(admin, contoso, "Contoso, round the clock", targets)
}

fn northwind_rows() -> [Row; 4] {
    let row = |severity, own, respond, update, restore, resolve| Row {
        severity,
        own,
        respond,
        update,
        restore,
        resolve,
    };
    [
        row(
            Severity::Disaster,
            10 * MINUTE,
            30 * MINUTE,
            HOUR,
            4 * HOUR,
            3 * DAY,
        ),
        row(
            Severity::High,
            30 * MINUTE,
            HOUR,
            2 * HOUR,
            9 * HOUR,
            27 * HOUR,
        ),
        row(
            Severity::Average,
            2 * HOUR,
            4 * HOUR,
            9 * HOUR,
            18 * HOUR,
            45 * HOUR,
        ),
        row(Severity::Warning, 0, 9 * HOUR, 0, 0, 90 * HOUR),
    ]
}

fn contoso_rows() -> [Row; 5] {
    let row = |severity, own, respond, update, restore, resolve| Row {
        severity,
        own,
        respond,
        update,
        restore,
        resolve,
    };
    [
        row(
            Severity::Disaster,
            5 * MINUTE,
            15 * MINUTE,
            30 * MINUTE,
            2 * HOUR,
            DAY,
        ),
        row(
            Severity::High,
            15 * MINUTE,
            30 * MINUTE,
            HOUR,
            4 * HOUR,
            2 * DAY,
        ),
        row(Severity::Average, HOUR, 2 * HOUR, DAY, DAY, 5 * DAY),
        row(Severity::Warning, 0, 8 * HOUR, 0, 0, 10 * DAY),
        row(Severity::Information, 0, DAY, 0, 0, 0),
    ]
}

/// `restore` runs from `anchor`, everything else from the ticket.
fn promises(row: &Row, calendar: CalendarId, anchor: Anchor) -> Vec<Target> {
    use Metric::{Own, Resolve, Respond, Restore, Update};
    [
        (Own, row.own),
        (Respond, row.respond),
        (Update, row.update),
        (Restore, row.restore),
        (Resolve, row.resolve),
    ]
    .into_iter()
    .filter(|(_, secs)| *secs > 0)
    .map(|(metric, secs)| Target {
        id: None,
        metric,
        promisee: match metric {
            Own => Promisee::Internal,
            _ => Promisee::Customer,
        },
        kind: Kind::Incident,
        severity: Some(row.severity),
        service: None,
        customer: None,
        budget: Budget::Counted { secs },
        calendar,
        also: Vec::new(),
        anchor: match metric {
            Restore => anchor,
            _ => Anchor::Logged,
        },
        warn: vec![Threshold::Percent(75)],
        stops_on: Target::usual_stops(metric).to_vec(),
        policy: Policy::default(),
    })
    .collect()
}

fn agreement(
    admin: &Ctx<'_>,
    customer: CustomerId,
    name: &str,
    targets: Vec<Target>,
) -> Result<()> {
    let details = AgreementDetails {
        holds_for: HoldsFor::Customers(vec![customer]),
        name: name.to_owned(),
        targets,
        backdate_days: USUAL_BACKDATE_DAYS,
        is_active: true,
    };
    add_agreement(admin, &details).map(|_| ())
}

fn calendar(
    admin: &Ctx<'_>,
    name: &str,
    zone: Tz,
    days: std::ops::RangeInclusive<u8>,
    hours: Range,
    (holidays, exceptions): (Vec<String>, Vec<Exception>),
) -> Result<CalendarId> {
    let details = CalendarDetails {
        name: name.to_owned(),
        zone,
        weekly: days.map(|day| (day, hours)).collect(),
        exceptions,
        holidays,
        is_active: true,
    };
    add_calendar(admin, &details)
}

/// Besides the public holidays.
fn days_off() -> Vec<Exception> {
    let yearly = |name: &str, day| Exception {
        name: name.to_owned(),
        when: When::Yearly { from: day, to: day },
        what: What::Closed,
    };
    vec![
        yearly("Christmas Eve", (12, 24)),
        yearly("New Year's Eve", (12, 31)),
    ]
}
