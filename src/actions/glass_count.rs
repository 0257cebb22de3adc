//! The broken glass of a month, counted.

use chrono::{Datelike, Months, NaiveDate, NaiveTime};

use super::allow;
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::glass_count::{self, Line};
use crate::domain::refusal::FieldError;
use crate::domain::wall_clock;
use crate::error::Result;
use crate::store::{self, Conn};

/// A line with the names of its team and its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    pub line: Line,
    pub team: Option<String>,
    pub service: Option<String>,
}

/// A month, such as `2026-06`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    pub month: String,
    pub before: String,
    /// None after the present one.
    pub after: Option<String>,
    pub lines: Vec<Counted>,
}

/// What was broken in a month, on the wall clock of the house; the present one by default.
pub fn of_month(ctx: &Ctx<'_>, asked: Option<&str>) -> Result<Count> {
    allow(&ctx.by, Action::ReadTickets, Target::House)?;
    ctx.read(|conn| {
        let zone = store::settings::all(conn)?.house_zone;
        let today = ctx.now.in_zone(zone).date_naive();
        let present = today.with_day(1).unwrap_or(today);
        let wrong = || {
            let typed = asked.unwrap_or_default().to_owned();
            FieldError::new("month", "not-a-month").with("value", typed)
        };
        let first = match asked {
            Some(text) => NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d"),
            None => Ok(present),
        };
        let first = first.map_err(|_| wrong())?;
        let month = Months::new(1);
        let before = first.checked_sub_months(month).ok_or_else(wrong)?;
        let after = first.checked_add_months(month).ok_or_else(wrong)?;
        let at = |day: NaiveDate| wall_clock::instant(day.and_time(NaiveTime::MIN), zone);
        let broken = store::change::broken_between(conn, at(first), at(after))?;
        let name = |day: NaiveDate| day.format("%Y-%m").to_string();
        Ok(Count {
            month: name(first),
            before: name(before),
            after: (after <= present).then(|| name(after)),
            lines: named(conn, glass_count::lines(broken))?,
        })
    })
}

fn named(conn: &mut Conn, lines: Vec<Line>) -> Result<Vec<Counted>> {
    let services: Vec<_> = lines.iter().filter_map(|it| it.service).collect();
    let names = store::house::service_names(conn, &services)?;
    let teams = store::house::teams(conn)?;
    let counted = lines.into_iter().map(|line| {
        let team = teams.iter().find(|it| Some(it.id) == line.team);
        Counted {
            team: team.map(|it| it.name.clone()),
            service: line.service.and_then(|id| names.get(&id).cloned()),
            line,
        }
    });
    Ok(counted.collect())
}
