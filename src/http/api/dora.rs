//! Figures of delivery, with the deployments behind every number. Of services and weeks, never of people.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::sla_report::days;
use super::value::{At, Closed, DeploymentUid, Key, ServiceUid, Uid, Word};
use crate::actions::dora::{self as action, Asked};
use crate::domain::deployment::{Status, Step};
use crate::domain::dora::{Figures, Judged, Number, Report, Rework, Spread, Why, tenths};
use crate::domain::id::DeploymentId;
use crate::domain::worktime::Interval;

impl Closed for Why {
    const NAME: &'static str = "FailReason";
    const WORDS: &'static [Self] = Why::ALL;
}
impl Closed for Rework {
    const NAME: &'static str = "ReworkReason";
    const WORDS: &'static [Self] = Rework::ALL;
}
type FailReasonWord = Word<Why>;
type ReworkReasonWord = Word<Rework>;
type DeploymentStatusWord = Word<Status>;
type DeploymentStepWord = Word<Step>;

/// Of what, and of which days.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FiguresQuery {
    /// A service's id; all by default.
    #[param(value_type = Option<String>)]
    service: Option<ServiceUid>,
    /// First day, `2026-06-01`.
    from: String,
    /// Last day, `2026-06-28`.
    to: String,
    /// On whose wall clock the days are meant, and weeks begin; UTC by default.
    #[param(example = "Europe/Stockholm")]
    zone: Option<String>,
}

/// Figures of a period and of each of its weeks.
#[derive(Debug, Serialize, ToSchema)]
pub struct FiguresView {
    pub from: String,
    pub to: String,
    pub zone: String,
    pub service_id: Option<ServiceUid>,
    /// Where customers are: only deployments to it count.
    pub environment: String,
    /// The period isn't over: the figures are those of this instant.
    pub as_of: Option<At>,
    pub total: SpanFigures,
    /// Monday to Sunday, oldest first.
    pub weeks: Vec<WeekFigures>,
    /// Every deployment that began in the period, oldest first, with what was found of it.
    pub deployments: Vec<JudgedDeployment>,
}

/// Figures of a week.
#[derive(Debug, Serialize, ToSchema)]
pub struct WeekFigures {
    #[schema(example = "2026-06-01")]
    pub monday: String,
    /// Some of its days are outside the period, or still to come.
    pub is_cut: bool,
    pub figures: SpanFigures,
}

/// Figures of a span. Shares are percent as text, of all deployments; null where there were none.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpanFigures {
    pub from_at: At,
    pub until_at: At,
    /// Came to an end, however that was.
    pub all: NumberView,
    /// Were live, if only for a while.
    pub live: NumberView,
    /// Live ones a week.
    #[schema(example = "4.7")]
    pub live_a_week: String,
    /// From commit to production.
    pub change_lead_time: SpreadView,
    /// Nobody told us their commits.
    pub lead_unknown: NumberView,
    pub change_fail: NumberView,
    #[schema(example = "12.5")]
    pub change_fail_percent: Option<String>,
    pub failed_deployment_recovery_time: SpreadView,
    /// Failed, and not right yet.
    pub unrecovered: NumberView,
    pub rework: NumberView,
    #[schema(example = "8")]
    pub rework_percent: Option<String>,
    /// Their end wasn't told: counted nowhere else.
    pub running: NumberView,
}

/// A number and what it counts.
#[derive(Debug, Serialize, ToSchema)]
pub struct NumberView {
    pub count: usize,
    pub deployments: Vec<DeploymentUid>,
}

/// How lengths of time lie, and the deployments that they are of.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpreadView {
    /// Commits, or recoveries.
    pub count: usize,
    pub median_secs: Option<i64>,
    /// Nine of ten are no longer.
    pub p90_secs: Option<i64>,
    pub deployments: Vec<DeploymentUid>,
}

/// A deployment with what was found of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct JudgedDeployment {
    pub id: DeploymentUid,
    pub service_id: ServiceUid,
    pub service: String,
    pub target: String,
    pub version: String,
    pub status: DeploymentStatusWord,
    pub step: DeploymentStepWord,
    pub started_at: At,
    pub ended_at: Option<At>,
    /// New to production with it, merges left out; null if nobody told us.
    pub commits: Option<Vec<LeadView>>,
    /// Null: it didn't fail.
    pub failed: Option<FailView>,
    /// Empty: it is no rework.
    pub rework: Vec<ReworkReasonWord>,
    /// Incidents that it mends.
    pub mends: Vec<Key>,
}

/// A commit on its way to production.
#[derive(Debug, Serialize, ToSchema)]
pub struct LeadView {
    pub oid: String,
    pub committed_at: At,
    /// Until the end of the deployment.
    pub lead_secs: i64,
}

/// Why a deployment counts as failed.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailView {
    pub because: Vec<FailReasonWord>,
    pub incidents: Vec<Key>,
    /// The rollback or hot-fix that followed.
    pub followed_by: Option<DeploymentUid>,
    /// Null: it isn't right yet, as far as is known.
    pub recovered_at: Option<At>,
    /// From its begin.
    pub recovery_secs: Option<i64>,
}

const MICROS: i64 = 1_000_000;

fn uids(ids: &[DeploymentId]) -> Vec<DeploymentUid> {
    ids.iter().map(|id| Uid(*id)).collect()
}

fn span(figures: &Figures, span: Interval) -> SpanFigures {
    let number = |number: Number| NumberView {
        count: figures.count(number),
        deployments: uids(figures.list(number)),
    };
    let spread = |spread: Spread, of: Number| SpreadView {
        count: spread.count,
        median_secs: spread.median.map(|micros| micros / MICROS),
        p90_secs: spread.p90.map(|micros| micros / MICROS),
        deployments: uids(figures.list(of)),
    };
    SpanFigures {
        from_at: At(span.from),
        until_at: At(span.to),
        all: number(Number::All),
        live: number(Number::Reached),
        live_a_week: tenths(figures.tenths_a_week),
        change_lead_time: spread(figures.lead, Number::Lead),
        lead_unknown: number(Number::LeadUnknown),
        change_fail: number(Number::Failed),
        change_fail_percent: figures.share(Number::Failed).map(tenths),
        failed_deployment_recovery_time: spread(figures.recovery, Number::Recovered),
        unrecovered: number(Number::Unrecovered),
        rework: number(Number::Rework),
        rework_percent: figures.share(Number::Rework).map(tenths),
        running: number(Number::Running),
    }
}

fn judged(report: &Report, judged: &Judged) -> JudgedDeployment {
    let it = &judged.it;
    let leads = judged.leads.iter().map(|(commit, micros)| LeadView {
        oid: commit.oid.clone(),
        committed_at: At(commit.committed_at),
        lead_secs: micros / MICROS,
    });
    let fail = judged.fail.as_ref().map(|fail| FailView {
        because: fail.why.iter().map(|why| Word(*why)).collect(),
        incidents: fail.incidents.iter().map(|key| Key(*key)).collect(),
        followed_by: fail.by.map(Uid),
        recovered_at: fail.recovered_at.map(At),
        recovery_secs: judged.recovery().map(|micros| micros / MICROS),
    });
    JudgedDeployment {
        id: Uid(it.id),
        service_id: Uid(it.lane.service),
        service: report.service_of(judged).to_owned(),
        target: it.lane.target.clone(),
        version: it.version.clone(),
        status: Word(it.status),
        step: Word(it.step),
        started_at: At(it.started_at),
        ended_at: it.ended_at.map(At),
        commits: it.commits.as_ref().map(|_| leads.collect()),
        failed: fail,
        rework: judged.rework.iter().map(|why| Word(*why)).collect(),
        mends: it.mends.iter().map(|key| Key(*key)).collect(),
    }
}

/// Read the figures of delivery
///
/// Deployment frequency, change lead time, change fail rate, failed deployment recovery time and rework rate of production, with the
/// deployments behind every number. As the record has them now: what is found of an incident later changes them. Never by person.
#[utoipa::path(get, path = "/api/v1/deployments/figures", tag = "deployments", params(FiguresQuery), responses((status = 200, description = "The figures", body = FiguresView)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let query: FiguresQuery = call.query()?;
    call.read(move |ctx| {
        let period = days(
            &query.from,
            &query.to,
            query.zone.as_deref(),
            chrono_tz::Tz::UTC,
        )?;
        let service = query.service.map(|id| id.0);
        let report = action::read(ctx, Asked { period, service })?;
        Answer::ok(&FiguresView {
            from: period.from_on.to_string(),
            to: period.to_on.to_string(),
            zone: period.zone.name().to_owned(),
            service_id: service.map(Uid),
            environment: report.environment.clone(),
            as_of: report.as_of.map(At),
            total: span(&report.total(), report.span()),
            weeks: report
                .weeks()
                .iter()
                .map(|(week, figures)| WeekFigures {
                    monday: week.monday.to_string(),
                    is_cut: week.is_cut,
                    figures: span(figures, week.span),
                })
                .collect(),
            deployments: report.judged.iter().map(|it| judged(&report, it)).collect(),
        })
    })
    .await
}
