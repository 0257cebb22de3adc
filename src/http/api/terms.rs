//! What edits of agreements and calendars have in common: from when on they count, what was written, and what one would do.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::value::{
    AgreementUid, At, ClockUid, Closed, CustomerUid, Flag, Key, RecountUid, Uid, Word,
};
use crate::actions;
use crate::actions::recount::{self, Fate};
use crate::actions::terms::{Asked, asked_for};
use crate::domain::access::{Action, Target as Of};
use crate::domain::recount as domain;
use crate::domain::refusal::FieldError;
use crate::domain::sla_version::{Effect, Finished, Layer};
use crate::error::Result;
use crate::store;

/// Whether it is only tried.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Trial {
    /// `1`: nothing is written; the answer is a preview of the clocks that would move.
    #[param(value_type = Option<String>, example = "1")]
    dry_run: Option<Flag>,
}

impl Trial {
    pub fn is_asked(&self) -> bool {
        self.dry_run.is_some_and(|flag| flag.0)
    }
}

/// What was written of the past was wrong. Needs a right of its own.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// It was so from here on.
    from_at: At,
    /// Until here; if it isn't given until what is planned, or for good.
    until_at: Option<At>,
    /// Kept with the version, and with every clock that moves.
    reason: String,
    /// Clocks that ended are counted anew too. Those of a locked period never are.
    #[serde(default)]
    finished: bool,
    /// Of those that ended, only these.
    finished_clock_ids: Option<Vec<ClockUid>>,
}

/// From when on an edit counts.
pub fn effect(from: Option<At>, correction: Option<&Correction>) -> Result<Effect> {
    match (from, correction) {
        (Some(_), Some(_)) => Err(FieldError::new("effective_from", "one-effect").into()),
        (Some(at), None) => Ok(Effect::From(at.0)),
        (None, Some(correction)) => Ok(Effect::Correction {
            from: correction.from_at.0,
            until: correction.until_at.map(|at| at.0),
            reason: correction.reason.clone(),
            finished: match &correction.finished_clock_ids {
                Some(ids) => Finished::These(ids.iter().map(|id| id.0).collect()),
                None if correction.finished => Finished::All,
                None => Finished::Stay,
            },
        }),
        (None, None) => Ok(Effect::FromNow),
    }
}

/// How a version came to be.
#[derive(Debug, Serialize, ToSchema)]
pub struct Version {
    pub number: i64,
    pub effective_from: At,
    /// Null: for good, until another is laid over it.
    pub effective_until: Option<At>,
    pub is_correction: bool,
    /// Empty for what is older than this record.
    pub made_by: String,
    pub made_at: At,
    pub reason: String,
}

impl Version {
    pub fn of(layer: &Layer) -> Self {
        Self {
            number: layer.number,
            effective_from: At(layer.from),
            effective_until: layer.until.map(At),
            is_correction: layer.is_correction,
            made_by: layer.made_by.clone(),
            made_at: At(layer.made_at),
            reason: layer.reason.clone(),
        }
    }
}

/// What an edit would do to clocks. Nothing was written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TermsPreview)]
pub struct Preview {
    /// Always true.
    pub dry_run: bool,
    /// Open clocks that would have another deadline or state.
    pub open: Vec<MovedClock>,
    /// Open clocks that were looked at and stay as they are: how many, and which.
    pub unmoved: usize,
    pub staying: Vec<MovedClock>,
    /// Clocks that ended and would come to another answer if the correction included them.
    pub finished: Vec<MovedClock>,
    /// As these, in a locked period: they stay whatever is asked.
    pub locked: Vec<MovedClock>,
    /// There are more tickets than were looked at.
    pub is_cut: bool,
}

/// A clock that would move.
#[derive(Debug, Serialize, ToSchema)]
pub struct MovedClock {
    pub key: Key,
    /// Null: it begins with the change.
    pub clock_id: Option<ClockUid>,
    /// Null: the house's own.
    pub customer_id: Option<CustomerUid>,
    #[schema(example = "respond")]
    pub metric: &'static str,
    pub cycle: i32,
    pub deadline_before: Option<At>,
    pub deadline_after: Option<At>,
    pub state_before: Option<&'static str>,
    pub state_after: &'static str,
    pub was_breached: bool,
    pub is_breached: bool,
}

impl Preview {
    pub fn of(preview: &recount::Preview) -> Self {
        let of = |fate| preview.of(fate).map(MovedClock::of).collect();
        Self {
            dry_run: true,
            open: of(Fate::Open),
            unmoved: preview.staying.len(),
            staying: preview.staying.iter().map(MovedClock::of).collect(),
            finished: of(Fate::Finished),
            locked: of(Fate::Locked),
            is_cut: preview.is_cut,
        }
    }
}

impl MovedClock {
    fn of(moved: &recount::Moved) -> Self {
        Self {
            key: Key(moved.ticket),
            clock_id: moved.clock.map(Uid),
            customer_id: moved.customer.map(Uid),
            metric: moved.metric.as_str(),
            cycle: moved.cycle,
            deadline_before: moved.before.map(At),
            deadline_after: moved.after.map(At),
            state_before: moved.state_before.map(|state| state.as_str()),
            state_after: moved.state_after.as_str(),
            was_breached: moved.was_breached,
            is_breached: moved.is_breached,
        }
    }
}

/// Which agreements promise something for one party of a ticket.
#[derive(Debug, Serialize, ToSchema)]
pub struct AskedAgreements {
    /// Null: the house.
    pub customer_id: Option<CustomerUid>,
    /// In the order in which they are asked: the first holds for what begins now, the others stand behind it.
    pub agreements: Vec<AskedAgreement>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AskedAgreement {
    pub id: AgreementUid,
    pub name: String,
    pub version: i64,
    pub is_house: bool,
}

/// List a ticket's agreements
///
/// For each of its parties every agreement that promises something for it, in the order in which they are asked.
#[utoipa::path(get, path = "/api/v1/tickets/{key}/agreements", tag = "clocks", params(Paging), responses((status = 200, description = "A page", body = Page<AskedAgreements>)))]
pub async fn of_ticket(call: Call<Nothing>) -> Reply {
    let (key, paging) = (call.ticket("key")?, call.query::<Paging>()?);
    call.read(move |ctx| {
        let ticket = actions::ticket::read(ctx, key)?;
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        let all = ctx.read(|conn| asked_for(ctx, conn, &ticket))?;
        let party = |it: &Asked| it.customer.map(|id| id.to_string()).unwrap_or_default();
        let show = |it: Asked| AskedAgreements {
            customer_id: it.customer.map(Uid),
            agreements: it
                .agreements
                .iter()
                .map(|agreement| AskedAgreement {
                    id: Uid(agreement.id),
                    name: agreement.name.clone(),
                    version: agreement.version,
                    is_house: agreement.holds_for.is_house(),
                })
                .collect(),
        };
        Answer::ok(&paging.cut(all, party, show)?)
    })
    .await
}

impl Closed for domain::RecountCause {
    const NAME: &'static str = "RecountCause";
    const WORDS: &'static [Self] = domain::RecountCause::ALL;
}

type CauseWord = Word<domain::RecountCause>;

/// A change of terms and the clocks that were counted anew for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recount {
    pub id: RecountUid,
    pub cause: CauseWord,
    /// The agreement's or calendar's name, or the version of the tz or holiday data.
    pub subject: String,
    /// Its version; 0 for data.
    pub number: i64,
    pub from_at: At,
    pub made_by: String,
    pub reason: String,
    pub made_at: At,
    /// Tickets that were looked at so far.
    pub looked_at: i64,
    /// Clocks that moved.
    pub moved: i64,
    /// Null: it isn't through yet.
    pub done_at: Option<At>,
}

/// List recounts
///
/// The newest hundred: what changed the terms of clocks, and how many moved.
#[utoipa::path(get, path = "/api/v1/recounts", tag = "clocks", params(Paging), responses((status = 200, description = "A page", body = Page<Recount>)))]
pub async fn recounts(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        let all = ctx.read(|conn| store::recount::recent(conn, 100))?;
        let show = |it: domain::Recount| Recount {
            id: Uid(it.id),
            cause: Word(it.cause),
            subject: it.subject,
            number: it.number,
            from_at: At(it.from_at),
            made_by: it.made_by,
            reason: it.reason,
            made_at: At(it.made_at),
            looked_at: it.looked_at,
            moved: it.moved,
            done_at: it.done_at.map(At),
        };
        Answer::ok(&paging.cut(all, |it| it.id.to_string(), show)?)
    })
    .await
}
