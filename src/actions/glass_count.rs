//! The broken glass of a month, counted.

use chrono::{Datelike, NaiveTime};

use super::allow;
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::glass_count::{self, Line};
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

/// What was broken since this month began, on the wall clock of the house.
pub fn of_this_month(ctx: &Ctx<'_>) -> Result<Vec<Counted>> {
    allow(&ctx.by, Action::ReadTickets, Target::House)?;
    ctx.read(|conn| {
        let zone = store::settings::all(conn)?.house_zone;
        let today = ctx.now.in_zone(zone).date_naive();
        let first = today.with_day(1).unwrap_or(today);
        let since = wall_clock::instant(first.and_time(NaiveTime::MIN), zone);
        let broken = store::change::broken_since(conn, since)?;
        named(conn, glass_count::lines(broken))
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
