//! Commits without a change and changes without a commit, with the lists behind the numbers. By repository and week, never by person.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::sla_report::days;
use super::value::{At, Closed, Key, OutcomeWord, RepositoryUid, Uid, Word};
use crate::actions::coverage::{self as action, Asked};
use crate::domain::coverage::{Column, Covered, Report, Standing, Tally};
use crate::domain::dora::tenths;

impl Closed for Standing {
    const NAME: &'static str = "CommitStanding";
    const WORDS: &'static [Self] = Standing::ALL;
}
type CommitStandingWord = Word<Standing>;

/// Of which repository, and which days.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CoverageQuery {
    /// A repository's id; all by default.
    #[param(value_type = Option<String>)]
    repository: Option<RepositoryUid>,
    /// First day, `2026-06-01`.
    from: String,
    /// Last day, `2026-06-28`.
    to: String,
    /// On whose wall clock the days are meant, and weeks begin; UTC by default.
    #[param(example = "Europe/Stockholm")]
    zone: Option<String>,
}

/// Coverage of a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct CoverageView {
    pub from: String,
    pub to: String,
    pub zone: String,
    /// The period isn't over: the numbers are those of this instant.
    pub as_of: Option<At>,
    /// By name; the changes whose services have no repository last.
    pub repositories: Vec<RepositoryCoverage>,
}

/// Coverage of a repository.
#[derive(Debug, Serialize, ToSchema)]
pub struct RepositoryCoverage {
    /// Null: the changes whose services have no repository.
    pub repository_id: Option<RepositoryUid>,
    pub repository: Option<String>,
    pub total: CoverageTally,
    /// Monday to Sunday, oldest first.
    pub weeks: Vec<WeekCoverage>,
    /// What was published in the period, oldest first.
    pub commits: Vec<CoveredCommit>,
    /// The changes that were closed in it.
    pub changes: Vec<CoveredChange>,
}

/// Coverage of a week.
#[derive(Debug, Serialize, ToSchema)]
pub struct WeekCoverage {
    #[schema(example = "2026-06-01")]
    pub monday: String,
    /// Some of its days are outside the period, or still to come.
    pub is_cut: bool,
    pub tally: CoverageTally,
}

/// How many stand on what.
#[derive(Debug, Serialize, ToSchema)]
pub struct CoverageTally {
    pub commits_with_change: usize,
    /// On a task, an incident or a post-mortem, and on no change.
    pub commits_with_other_ticket: usize,
    /// Somebody said why they need none.
    pub commits_decided_without: usize,
    pub commits_without_ticket: usize,
    /// Merges, reverts of what stood on nothing, fixups, programs, imports.
    pub commits_exempt: usize,
    /// Of all commits but the exempt; null where there are none.
    #[schema(example = "87.5")]
    pub percent_with_change: Option<String>,
    pub changes_without_commit: usize,
    pub changes_with_commit: usize,
}

/// A published commit and what it stands on.
#[derive(Debug, Serialize, ToSchema)]
pub struct CoveredCommit {
    pub oid: String,
    pub subject: String,
    pub published_at: At,
    pub standing: CommitStandingWord,
    /// Why it needs no ticket, where that was decided.
    pub no_ticket: Option<String>,
    pub tickets: Vec<Key>,
}

/// A change that ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct CoveredChange {
    pub key: Key,
    pub title: String,
    pub closed_at: At,
    pub outcome: Option<OutcomeWord>,
    /// A commit of any repository stands on it.
    pub has_commit: bool,
}

fn tally(of: &Tally) -> CoverageTally {
    CoverageTally {
        commits_with_change: of.count(Column::Change),
        commits_with_other_ticket: of.count(Column::Ticket),
        commits_decided_without: of.count(Column::NoTicket),
        commits_without_ticket: of.count(Column::Nothing),
        commits_exempt: of.count(Column::Exempt),
        percent_with_change: of.share().map(tenths),
        changes_without_commit: of.count(Column::Without),
        changes_with_commit: of.count(Column::With),
    }
}

fn view(report: &Report, of: &Covered) -> RepositoryCoverage {
    let week = |week: crate::domain::week::Week| WeekCoverage {
        monday: week.monday.to_string(),
        is_cut: week.is_cut,
        tally: tally(&of.tally(week.span)),
    };
    let commits = of.commits.iter().map(|it| CoveredCommit {
        oid: it.oid.clone(),
        subject: it.subject.clone(),
        published_at: At(it.published_at),
        standing: Word(it.standing),
        no_ticket: it.no_ticket.clone(),
        tickets: it.tickets.iter().map(|key| Key(*key)).collect(),
    });
    let changes = of.changes.iter().map(|it| CoveredChange {
        key: Key(it.key),
        title: it.title.clone(),
        closed_at: At(it.closed_at),
        outcome: it.outcome.map(Word),
        has_commit: it.has_commit,
    });
    RepositoryCoverage {
        repository_id: of.repository.as_ref().map(|(id, _)| Uid(*id)),
        repository: of.name().map(str::to_owned),
        total: tally(&of.tally(report.span())),
        weeks: report.weeks().into_iter().map(week).collect(),
        commits: commits.collect(),
        changes: changes.collect(),
    }
}

/// Read how commits and changes cover each other
///
/// By repository and week: commits without a change, changes without a commit, and the lists behind both. Merges, reverts of what
/// stood on nothing, fixups, programs and imports aren't asked for a change.
#[utoipa::path(get, path = "/api/v1/repositories/coverage", tag = "git", params(CoverageQuery), responses((status = 200, description = "The coverage", body = CoverageView)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let query: CoverageQuery = call.query()?;
    call.read(move |ctx| {
        let period = days(
            &query.from,
            &query.to,
            query.zone.as_deref(),
            chrono_tz::Tz::UTC,
        )?;
        let repository = query.repository.map(|id| id.0);
        let report = action::read(ctx, Asked { period, repository })?;
        Answer::ok(&CoverageView {
            from: period.from_on.to_string(),
            to: period.to_on.to_string(),
            zone: period.zone.name().to_owned(),
            as_of: report.as_of.map(At),
            repositories: report.covered.iter().map(|it| view(&report, it)).collect(),
        })
    })
    .await
}
