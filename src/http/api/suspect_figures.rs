//! How often the list of suspects was right.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::sla_report::days;
use super::value::{At, Key};
use crate::actions::suspect_figures;
use crate::domain::dora::tenths;
use crate::domain::suspect_figures::{Found, Tally, thousandths};

/// Which days.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HitsQuery {
    /// First day, `2026-06-01`.
    from: String,
    /// Last day, `2026-06-28`.
    to: String,
    /// On whose wall clock the days are meant, and weeks begin; UTC by default.
    #[param(example = "Europe/Stockholm")]
    zone: Option<String>,
}

/// How often the list of suspects was right.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hits {
    pub from: String,
    pub to: String,
    pub zone: String,
    /// The period isn't over: the numbers are those of this instant.
    pub as_of: Option<At>,
    pub total: HitTally,
    /// Monday to Sunday, oldest first.
    pub weeks: Vec<WeekHits>,
    /// The incidents whose cause was found, the latest first.
    pub incidents: Vec<HitIncident>,
}

/// The hits of a week.
#[derive(Debug, Serialize, ToSchema)]
pub struct WeekHits {
    #[schema(example = "2026-06-01")]
    pub monday: String,
    /// Some of its days are outside the period, or still to come.
    pub is_cut: bool,
    pub tally: HitTally,
}

/// Where the causes stood.
#[derive(Debug, Serialize, ToSchema)]
pub struct HitTally {
    /// Incidents whose cause was found.
    pub found: usize,
    pub first: usize,
    pub among_three: usize,
    pub unlisted: usize,
    /// hit@1; null where no cause was found.
    #[schema(example = "66.7")]
    pub percent_first: Option<String>,
    /// hit@3.
    #[schema(example = "90")]
    pub percent_among_three: Option<String>,
    #[schema(example = "0.783")]
    pub mean_reciprocal_rank: Option<String>,
    /// Incidents that were resolved and whose cause nobody named.
    pub unexplained: usize,
}

impl HitTally {
    fn of(it: &Tally) -> Self {
        Self {
            found: it.found,
            first: it.first,
            among_three: it.among_three,
            unlisted: it.unlisted,
            percent_first: it.hit_first().map(tenths),
            percent_among_three: it.hit_three().map(tenths),
            mean_reciprocal_rank: it.mean_reciprocal_rank().map(thousandths),
            unexplained: it.unexplained,
        }
    }
}

/// An incident whose cause was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct HitIncident {
    pub incident: Key,
    pub title: String,
    pub found_at: At,
    /// Where its cause stood on the list then, from 1; null: on no place.
    pub place: Option<i64>,
}

/// Read how often the list of suspects was right
///
/// Where the causes that people found stood on the list when they said so, by week.
#[utoipa::path(get, path = "/api/v1/suspects/figures", tag = "deployments", params(HitsQuery), responses((status = 200, description = "The figures", body = Hits)))]
pub async fn figures(call: Call<Nothing>) -> Reply {
    let asked: HitsQuery = call.query()?;
    call.read(move |ctx| {
        let period = days(
            &asked.from,
            &asked.to,
            asked.zone.as_deref(),
            chrono_tz::UTC,
        )?;
        let report = suspect_figures::read(ctx, period)?;
        let weeks = report.weeks().into_iter().map(|week| WeekHits {
            monday: week.monday.to_string(),
            is_cut: week.is_cut,
            tally: HitTally::of(&report.tally(week.span)),
        });
        let weeks = weeks.collect();
        let total = HitTally::of(&report.tally(report.span()));
        let incident = |it: Found| HitIncident {
            incident: Key(it.incident),
            title: it.title,
            found_at: At(it.at),
            place: it.place,
        };
        Answer::ok(&Hits {
            from: report.period.from_on.to_string(),
            to: report.period.to_on.to_string(),
            zone: report.period.zone.name().to_owned(),
            as_of: report.as_of.map(At),
            total,
            weeks,
            incidents: report.found.into_iter().map(incident).collect(),
        })
    })
    .await
}
