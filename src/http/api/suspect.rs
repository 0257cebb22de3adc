//! What changed just before an incident, and what responders found of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer as Reply, Call, Nothing, Reply as Replied};
use super::deployment::RevertLine;
use super::ticket::{Ticket, changed};
use super::value::{At, Closed, DeploymentUid, Key, SubjectUid, Uid, Word};
use crate::actions::suspect::{self as action, Answer, Subject, Told};
use crate::app::Ctx;
use crate::domain::id::TicketKey;
use crate::domain::suspect::{Alibi, Band, Blame, Evidence, Kind, Near, Verdict, shown};
use crate::error::Result;

impl Closed for Kind {
    const NAME: &'static str = "SubjectKind";
    const WORDS: &'static [Self] = Kind::ALL;
}
impl Closed for Blame {
    const NAME: &'static str = "Blame";
    const WORDS: &'static [Self] = Blame::ALL;
}
impl Closed for Near {
    const NAME: &'static str = "Near";
    const WORDS: &'static [Self] = Near::ALL;
}
impl Closed for Band {
    const NAME: &'static str = "SuspectBand";
    const WORDS: &'static [Self] = Band::ALL;
}
impl Closed for Alibi {
    const NAME: &'static str = "Alibi";
    const WORDS: &'static [Self] = Alibi::ALL;
}
impl Closed for Verdict {
    const NAME: &'static str = "ChangeVerdict";
    const WORDS: &'static [Self] = Verdict::ALL;
}
impl Closed for Evidence {
    const NAME: &'static str = "SuspectEvidence";
    const WORDS: &'static [Self] = Evidence::ALL;
}
type SubjectKindWord = Word<Kind>;
type BlameWord = Word<Blame>;
type NearWord = Word<Near>;
type SuspectBandWord = Word<Band>;
type AlibiWord = Word<Alibi>;
type ChangeVerdictWord = Word<Verdict>;
type SuspectEvidenceWord = Word<Evidence>;

/// What changed just before an incident.
#[derive(Debug, Serialize, ToSchema)]
pub struct Suspects {
    /// When it began: the earliest that anybody noticed.
    pub onset: At,
    pub environment: String,
    /// Names of the services that it is about.
    pub services: Vec<String>,
    /// Names of those that hang together with them, which are looked at too.
    pub around: Vec<String>,
    /// `ruled_out` only if every feed spoke as lately as it usually does.
    pub verdict: ChangeVerdictWord,
    /// Most suspected first; 20 and those that were marked.
    pub suspects: Vec<SuspectOf>,
    /// All of them, shown or not.
    pub suspect_count: usize,
    pub alibis: Vec<AlibiOf>,
    pub feeds: Vec<FeedOf>,
    /// Names of services that it is about and of whose changes nobody tells: no feed vouches for them.
    pub untold: Vec<String>,
}

/// A candidate.
#[derive(Debug, Serialize, ToSchema)]
pub struct Subjected {
    pub kind: SubjectKindWord,
    pub id: SubjectUid,
    pub what: String,
    pub place: String,
    pub who: String,
    pub started_at: At,
    pub ended_at: Option<At>,
    pub deployment: Option<DeploymentUid>,
    pub version_before: Option<String>,
    pub is_live: bool,
    pub tickets: Vec<Key>,
    pub near: NearWord,
    pub mark: Option<MarkOf>,
}

/// A candidate that may have been it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SuspectOf {
    pub subject: Subjected,
    /// 0 to 100.
    pub score: i64,
    pub band: SuspectBandWord,
    /// Seconds between its end and the onset; 0 if it ran then.
    pub before_secs: i64,
    /// Words that it shares with the incident.
    pub words: Vec<String>,
    pub risk: RiskOf,
    /// Of so many like it that were judged,
    pub judged: i64,
    /// so many were a cause.
    pub confirmed: i64,
    pub evidence: Vec<SuspectEvidenceWord>,
    pub revert: Option<RevertLine>,
}

/// What made it risky.
#[derive(Debug, Serialize, ToSchema)]
pub struct RiskOf {
    pub is_emergency: bool,
    pub is_migration: bool,
    /// It brought something that nobody can take back: `irreversible` of its revert names it.
    pub is_irreversible: bool,
    pub has_no_way_back: bool,
    pub files: i64,
    pub is_first_in_a_while: bool,
}

/// A candidate that can't have been it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlibiOf {
    pub subject: Subjected,
    pub alibi: AlibiWord,
}

/// What a responder found.
#[derive(Debug, Serialize, ToSchema)]
pub struct MarkOf {
    pub blame: BlameWord,
    pub by_name: String,
    pub at: At,
}

/// What tells us of changes.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeedOf {
    pub name: String,
    pub last_at: At,
    /// Nearly all of its gaps are shorter than this; null if that isn't known yet.
    pub rhythm_secs: Option<i64>,
    pub is_fresh: bool,
}

fn subject(told: &Told) -> Subjected {
    Subjected {
        kind: Word(told.subject.kind),
        id: Uid(told.subject.id),
        what: told.what.clone(),
        place: told.place.clone(),
        who: told.who.clone(),
        started_at: At(told.started_at),
        ended_at: told.ended_at.map(At),
        deployment: told.deployment.map(Uid),
        version_before: told.before.clone(),
        is_live: told.is_live,
        tickets: told.tickets.iter().map(|(key, _)| Key(*key)).collect(),
        near: Word(told.near),
        mark: told.mark.as_ref().map(|it| MarkOf {
            blame: Word(it.blame),
            by_name: it.by_name.clone(),
            at: At(it.marked_at),
        }),
    }
}

fn shown_answer(ctx: &Ctx<'_>, key: TicketKey) -> Result<Reply> {
    let Answer {
        onset,
        suspects,
        suspect_count,
        alibis,
        verdict,
        feeds,
        untold,
        services,
        around,
        environment,
    } = action::read(ctx, key)?;
    let suspects = suspects.into_iter().map(|(told, suspect)| SuspectOf {
        subject: subject(&told),
        score: shown(suspect.score),
        band: Word(suspect.band),
        before_secs: suspect.before_secs,
        words: suspect.words,
        risk: RiskOf {
            is_emergency: told.risk.is_emergency,
            is_migration: told.risk.is_migration,
            is_irreversible: told.risk.is_irreversible,
            has_no_way_back: told.risk.has_no_way_back,
            files: told.risk.files,
            is_first_in_a_while: told.risk.is_first_in_a_while,
        },
        judged: told.history.judged,
        confirmed: told.history.confirmed,
        evidence: told.evidence.iter().map(|it| Word(*it)).collect(),
        revert: told.revert.map(|it| RevertLine::of(it, told.freshness)),
    });
    let alibis = alibis.into_iter().map(|(told, alibi)| AlibiOf {
        subject: subject(&told),
        alibi: Word(alibi),
    });
    Reply::ok(&Suspects {
        onset: At(onset),
        environment,
        services,
        around,
        verdict: Word(verdict),
        suspects: suspects.collect(),
        suspect_count,
        untold,
        alibis: alibis.collect(),
        feeds: feeds
            .into_iter()
            .map(|it| FeedOf {
                is_fresh: it.is_fresh(ctx.now),
                last_at: At(it.last_at),
                rhythm_secs: it.rhythm_secs,
                name: it.name,
            })
            .collect(),
    })
}

/// Ask what changed just before an incident
///
/// Suspects with their reasons and the way back, and alibis.
#[utoipa::path(get, path = "/api/v1/tickets/{key}/suspects", tag = "deployments", responses((status = 200, description = "The line-up", body = Suspects)))]
pub async fn read(call: Call<Nothing>) -> Replied {
    let key = call.ticket("key")?;
    call.read(move |ctx| shown_answer(ctx, key)).await
}

/// What was found of a suspect.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMark {
    kind: SubjectKindWord,
    id: SubjectUid,
    blame: BlameWord,
}

/// Say what was found of a suspect
///
/// A change that caused the incident is linked as its cause, and doesn't close by itself.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/suspects", tag = "deployments", request_body = NewMark, responses((status = 200, description = "Said", body = Ticket)))]
pub async fn mark(call: Call<NewMark>) -> Replied {
    let key = call.ticket("key")?;
    call.change(move |ctx, new| {
        let subject = Subject {
            kind: new.kind.0,
            id: new.id.0,
        };
        changed(ctx.app, &action::mark(ctx, key, subject, new.blame.0)?)
    })
    .await
}
