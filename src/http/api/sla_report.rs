//! Reports of promises: the numbers, the cycles behind them, and the report as a file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::problem::Failure;
use super::value::{
    AgreementUid, At, ClockUid, Closed, CustomerUid, Key, Number, ReportUid, TeamUid, Uid, Word,
};
use crate::actions::sla_report::{self as action, Asked};
use crate::actions::{allow, sla_period};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::refusal::FieldError;
use crate::domain::sla_agreement::Metric;
use crate::domain::sla_credit::share_text;
use crate::domain::sla_holder::{Bearer, refuse_persons};
use crate::domain::sla_report::{Period, Section, SlaReport, Verdict};
use crate::domain::text;
use crate::error::{Error, Fields, Result};
use crate::render::sla_report::Form;
use crate::store;

type MetricWord = Word<Metric>;

impl Closed for Verdict {
    const NAME: &'static str = "ClockVerdict";
    const WORDS: &'static [Self] = Verdict::ALL;
}
type VerdictWord = Word<Verdict>;

/// Which report.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// Whose promises; left out, the house's own.
    #[param(value_type = Option<String>)]
    pub customer_id: Option<CustomerUid>,
    /// Only this agreement's.
    #[param(value_type = Option<String>)]
    pub agreement_id: Option<AgreementUid>,
    /// First day, `2026-06-01`.
    pub from: String,
    /// Last day, `2026-06-30`.
    pub to: String,
    /// On whose wall clock the days are meant; left out, the customer's, or UTC for the house.
    pub zone: Option<String>,
    /// How late time is added up: `bearer`, which is also what it is left out. By person is refused.
    pub late_by: Option<String>,
}

pub fn days(from: &str, to: &str, zone: Option<&str>, own: Tz) -> Result<Period> {
    let mut fields = Fields::new();
    let zone = match zone {
        Some(name) => fields.take(text::zone("zone", name)),
        None => Some(own),
    };
    let (from, to) = (
        fields.take(text::date("from", from)),
        fields.take(text::date("to", to)),
    );
    fields.check()?;
    let (Some(zone), Some(from), Some(to)) = (zone, from, to) else {
        return Err(Error::internal("a checked call lacks a field"));
    };
    Ok(Period::new(from, to, zone)?)
}

/// A customer's zone; UTC for the house.
pub fn zone_of(ctx: &Ctx<'_>, customer: Option<CustomerUid>) -> Result<Tz> {
    match customer {
        None => Ok(Tz::UTC),
        Some(Uid(id)) => {
            let known = ctx.read(|conn| store::customer::by_id(conn, id))?;
            let unknown =
                || FieldError::new("customer_id", "unknown-customer").with("value", id.to_string());
            Ok(known.ok_or_else(unknown)?.zone)
        }
    }
}

impl ReportQuery {
    fn asked(&self, ctx: &Ctx<'_>) -> Result<Asked> {
        allow(&ctx.by, Action::ExportReport, Target::House)?;
        let by = self.late_by.as_deref().unwrap_or("bearer");
        refuse_persons(by)?;
        if by != "bearer" {
            let wrong = FieldError::new("late_by", "unknown-word");
            return Err(wrong
                .with("value", by.to_owned())
                .with("accepted", "bearer")
                .into());
        }
        let own = zone_of(ctx, self.customer_id)?;
        Ok(Asked {
            customer: self.customer_id.map(|id| id.0),
            agreement: self.agreement_id.map(|id| id.0),
            period: days(&self.from, &self.to, self.zone.as_deref(), own)?,
        })
    }
}

/// What became of a customer's promises in a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlaReportView {
    pub customer_id: Option<CustomerUid>,
    #[schema(example = "2026-06-01")]
    pub from: String,
    #[schema(example = "2026-06-30")]
    pub to: String,
    #[schema(example = "Europe/Berlin")]
    pub zone: String,
    /// The period's first instant, and the first after it.
    pub from_at: At,
    pub until_at: At,
    /// The period isn't over: the numbers are those of this instant.
    pub as_of: Option<At>,
    pub sections: Vec<SlaSection>,
    /// Of the content: the same record gives the same hash.
    pub sha256: String,
    /// As it was stored when the period was locked.
    pub stored: Option<StoredSlaReport>,
}

/// A report as it was stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct StoredSlaReport {
    pub id: ReportUid,
    pub customer_id: Option<CustomerUid>,
    /// Of its content then.
    pub sha256: String,
    pub made_at: At,
}

/// The promises of one agreement.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlaSection {
    /// Null: promised by hand.
    pub agreement_id: Option<AgreementUid>,
    pub name: String,
    pub versions: Vec<i64>,
    pub promises: Vec<SlaCount>,
    /// Late working time of missed promises by whose it was; never by person.
    pub late: Vec<LateTime>,
    /// Null where it isn't counted.
    pub availability: Option<Vec<ServiceUptime>>,
    /// Null without a clause.
    pub credit: Option<SlaCredit>,
}

/// How many of how many were kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlaCount {
    pub metric: MetricWord,
    pub met: i64,
    pub missed: i64,
    /// In neither number.
    pub cancelled: i64,
    /// Of the cancelled, those that were late when their ticket was cancelled. However else a late promise ends, it is missed.
    pub cancelled_late: i64,
    /// Somebody said in time that no reply was needed; in neither number.
    pub not_needed: i64,
    pub moved: i64,
    /// When the period ended.
    pub open: i64,
    pub open_late: i64,
}

/// Late time of one team or party.
#[derive(Debug, Serialize, ToSchema)]
pub struct LateTime {
    /// `team`, `customer`, `vendor`, `freeze` or `nobody`.
    pub bearer: &'static str,
    pub team_id: Option<TeamUid>,
    pub team: Option<String>,
    pub micros: i64,
}

/// How available a service was.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceUptime {
    /// As customers call it; null: incidents that name no service.
    pub service: Option<String>,
    pub up_micros: i64,
    pub total_micros: i64,
    pub incidents: Vec<Key>,
}

/// What is given back. Shares are percent as text, so that none is rounded on its way.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlaCredit {
    /// After the cap.
    #[schema(example = "12.5")]
    pub percent: String,
    pub before_cap: String,
    pub owed: Vec<OwedView>,
}

/// A threshold that was missed.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwedView {
    /// A metric, or `availability`.
    pub basis: &'static str,
    pub n: i64,
    pub m: i64,
    pub below: String,
    pub credit: String,
}

fn late(report: &SlaReport, of: impl IntoIterator<Item = (Bearer, i64)>) -> Vec<LateTime> {
    of.into_iter()
        .map(|(bearer, micros)| LateTime {
            bearer: bearer.word(),
            team_id: match bearer {
                Bearer::Team(team) => team.map(Uid),
                Bearer::Customer | Bearer::Vendor | Bearer::Freeze | Bearer::Nobody => None,
            },
            team: report.team(bearer).map(str::to_owned),
            micros,
        })
        .collect()
}

fn section(report: &SlaReport, section: &Section) -> SlaSection {
    SlaSection {
        agreement_id: section.agreement.map(Uid),
        name: section.name.clone(),
        versions: section.versions.clone(),
        promises: section
            .counts()
            .into_iter()
            .map(|(metric, count)| SlaCount {
                metric: Word(metric),
                met: count.met,
                missed: count.missed,
                cancelled: count.cancelled,
                cancelled_late: count.cancelled_late,
                not_needed: count.not_needed,
                moved: count.moved,
                open: count.open,
                open_late: count.open_late,
            })
            .collect(),
        late: late(report, section.late()),
        availability: section.availability.as_ref().map(|served| {
            served
                .iter()
                .map(|it| ServiceUptime {
                    service: it.service.clone(),
                    up_micros: it.uptime.up(),
                    total_micros: it.uptime.total,
                    incidents: it.incidents.iter().map(|key| Key(*key)).collect(),
                })
                .collect()
        }),
        credit: section.credit().map(|credit| SlaCredit {
            percent: share_text(credit.credit),
            before_cap: share_text(credit.sum),
            owed: credit
                .owed
                .iter()
                .map(|it| OwedView {
                    basis: it.rule.basis.as_str(),
                    n: it.n,
                    m: it.m,
                    below: share_text(it.rule.below),
                    credit: share_text(it.rule.credit),
                })
                .collect(),
        }),
    }
}

/// Read a report of promises
///
/// The numbers as the record has them now; `stored` names what was kept when the period was locked. Late time is never added up by
/// person: asking for it is refused.
#[utoipa::path(get, path = "/api/v1/sla-report", tag = "clocks", params(ReportQuery), responses((status = 200, description = "The report", body = SlaReportView)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let query: ReportQuery = call.query()?;
    call.read(move |ctx| {
        let asked = query.asked(ctx)?;
        let report = action::prepare(ctx, &asked)?;
        let stored = sla_period::standing(ctx, &asked)?;
        let interval = asked.period.interval();
        Answer::ok(&SlaReportView {
            customer_id: asked.customer.map(Uid),
            from: asked.period.from_on.to_string(),
            to: asked.period.to_on.to_string(),
            zone: asked.period.zone.name().to_owned(),
            from_at: At(interval.from),
            until_at: At(interval.to),
            as_of: report.as_of.map(At),
            sections: report
                .sections
                .iter()
                .map(|it| section(&report, it))
                .collect(),
            sha256: report.hash(),
            stored: stored.map(|stored| StoredSlaReport {
                id: Uid(stored.id),
                customer_id: stored.customer.map(Uid),
                sha256: stored.content_hash,
                made_at: At(stored.made_at),
            }),
        })
    })
    .await
}

/// Which cycles of a report.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CyclesQuery {
    #[param(value_type = Option<String>)]
    pub customer_id: Option<CustomerUid>,
    #[param(value_type = Option<String>)]
    pub agreement_id: Option<AgreementUid>,
    pub from: String,
    pub to: String,
    pub zone: Option<String>,
    #[param(value_type = Option<String>)]
    pub metric: Option<MetricWord>,
    /// `met`, `missed`, `cancelled`, `not_needed`, `moved` or `open`.
    pub outcome: Option<String>,
    #[param(value_type = Option<i64>)]
    pub limit: Option<Number>,
    pub after: Option<String>,
}

/// A cycle behind a number.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlaCycle {
    pub clock_id: ClockUid,
    pub ticket: Key,
    pub metric: MetricWord,
    pub cycle: i32,
    /// Null while it is open.
    pub outcome: Option<VerdictWord>,
    /// Why nobody went on with it, also of one that was missed.
    #[schema(example = "not_needed")]
    pub cancelled: Option<&'static str>,
    pub anchor_at: At,
    pub deadline_at: Option<At>,
    pub ended_at: Option<At>,
    pub is_late: bool,
    /// By how many seconds of the wall clock a missed one was late, without what it stood.
    pub over_secs: Option<i64>,
    /// The working time that a missed one had used when it ended.
    pub used_micros: Option<i64>,
    /// Late working time, by whose it was.
    pub late: Vec<LateTime>,
}

/// List what lies behind a report's numbers
#[utoipa::path(get, path = "/api/v1/sla-report/clocks", tag = "clocks", params(CyclesQuery), responses((status = 200, description = "A page", body = Page<SlaCycle>)))]
pub async fn cycles(call: Call<Nothing>) -> Reply {
    let query: CyclesQuery = call.query()?;
    call.read(move |ctx| {
        let asked = ReportQuery {
            customer_id: query.customer_id,
            agreement_id: query.agreement_id,
            from: query.from.clone(),
            to: query.to.clone(),
            zone: query.zone.clone(),
            late_by: None,
        }
        .asked(ctx)?;
        let wanted: Option<Option<Verdict>> = match query.outcome.as_deref() {
            None => None,
            Some("open") => Some(None),
            Some(text) => {
                let wrong =
                    FieldError::new("outcome", "unknown-word").with("value", text.to_owned());
                let accepted = "met, missed, cancelled, not_needed, moved, open";
                let verdict = text
                    .parse()
                    .map_err(|()| wrong.with("accepted", accepted))?;
                Some(Some(verdict))
            }
        };
        let report = action::prepare(ctx, &asked)?;
        let mut all: Vec<SlaCycle> = Vec::new();
        for section in &report.sections {
            all.extend(section.outcomes.iter().map(|it| SlaCycle {
                clock_id: Uid(it.clock),
                ticket: Key(it.ticket),
                metric: Word(it.metric),
                cycle: it.cycle,
                outcome: Some(Word(it.verdict)),
                cancelled: it.cancelled.map(|why| why.as_str()),
                anchor_at: At(it.anchor_at),
                deadline_at: it.deadline_at.map(At),
                ended_at: Some(At(it.ended_at)),
                is_late: it.breached_at.is_some(),
                over_secs: (it.verdict == Verdict::Missed).then_some(it.over_secs),
                used_micros: (it.verdict == Verdict::Missed).then_some(it.used),
                late: late(&report, it.late.iter().copied()),
            }));
            all.extend(section.pending.iter().map(|it| SlaCycle {
                clock_id: Uid(it.clock),
                ticket: Key(it.ticket),
                metric: Word(it.metric),
                cycle: it.cycle,
                outcome: None,
                cancelled: None,
                anchor_at: At(it.anchor_at),
                deadline_at: it.deadline_at.map(At),
                ended_at: None,
                is_late: it.is_late,
                over_secs: None,
                used_micros: None,
                late: Vec::new(),
            }));
        }
        all.retain(|it| {
            wanted.is_none_or(|wanted| it.outcome.map(|word| word.0) == wanted)
                && query.metric.is_none_or(|metric| it.metric.0 == metric.0)
        });
        let paging = Paging {
            limit: query.limit,
            after: query.after.clone(),
        };
        Answer::ok(&paging.cut(all, |it| it.clock_id.0.to_string(), |it| it)?)
    })
    .await
}

/// A report of promises as a file.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlaReportFile {
    pub name: String,
    pub media_type: &'static str,
    /// Of these bytes.
    pub sha256: String,
    /// Its bytes in base 64.
    pub content: String,
}

pub fn form(call: &Call<Nothing>) -> std::result::Result<Form, Failure> {
    call.text("format").parse().map_err(|()| Failure::NoRoute)
}

pub fn file(export: sla_period::Export, form: Form) -> Result<Answer> {
    Answer::ok(&SlaReportFile {
        name: export.file_name,
        media_type: form.media_type(),
        sha256: export.sha256,
        content: STANDARD.encode(export.bytes),
    })
}

/// Export a report of promises
///
/// As `html`, `csv` or `pdf`: the stored bytes if the period is locked. The same record gives the same bytes.
#[utoipa::path(get, path = "/api/v1/sla-report/files/{format}", tag = "clocks", params(ReportQuery), responses((status = 200, description = "The file", body = SlaReportFile)))]
pub async fn export(call: Call<Nothing>) -> Reply {
    let (query, form): (ReportQuery, _) = (call.query()?, form(&call)?);
    call.read(move |ctx| {
        let asked = query.asked(ctx)?;
        file(sla_period::export(ctx, &asked, form)?, form)
    })
    .await
}
