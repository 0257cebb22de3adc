//! `?dry_run=1`: what a change would do to the clocks. The change is made, looked at and undone; nothing is written.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Reply};
use super::ticket::{Ticket, changed};
use super::value::{At, ClockUid, CustomerUid, Flag, Key, Uid};
use crate::actions::what_if::{self, Move, Stand};
use crate::app::Ctx;
use crate::domain::id::TicketKey;
use crate::domain::ticket as domain;
use crate::error::Result;

/// Whether it is only tried.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DryRun {
    /// `1`: nothing is changed; the answer is a preview: every clock before and after, or where something is said to customers every
    /// letter.
    #[param(value_type = Option<String>, example = "1")]
    dry_run: Option<Flag>,
}

impl DryRun {
    pub fn is_dry(&self) -> bool {
        self.dry_run.is_some_and(|flag| flag.0)
    }
}

/// What a change leaves, or would leave.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub enum TicketOrPreview {
    Ticket(Box<Ticket>),
    Preview(Box<Preview>),
}

/// What a change would do. Nothing was written.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    /// Always true.
    pub dry_run: bool,
    /// As it would stand.
    pub ticket: Ticket,
    /// Every promise on the tickets that the change touches.
    pub clocks: Vec<ClockMove>,
}

/// One promise, before and after.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClockMove {
    pub key: Key,
    /// Null: the house's own.
    pub customer_id: Option<CustomerUid>,
    #[schema(example = "resolve")]
    pub metric: &'static str,
    /// A deadline that somebody counts on would be another one.
    pub moves: bool,
    /// Null: there was none.
    pub before: Option<ClockStand>,
    pub after: Option<ClockStand>,
}

/// How a clock stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClockStand {
    pub id: ClockUid,
    pub cycle: i32,
    pub revision: i32,
    pub anchor_at: At,
    /// `scheduled`, `running`, `held`, `met`, `missed`, `cancelled` or `superseded`.
    pub state: &'static str,
    /// Null while it is held without an end.
    pub deadline_at: Option<At>,
    pub breached_at: Option<At>,
}

impl ClockStand {
    fn of(stand: &Stand) -> Self {
        Self {
            id: Uid(stand.id),
            cycle: stand.cycle,
            revision: stand.revision,
            anchor_at: At(stand.anchor_at),
            state: stand.state.as_str(),
            deadline_at: stand.deadline_at.map(At),
            breached_at: stand.breached_at.map(At),
        }
    }
}

impl ClockMove {
    fn of(it: &Move) -> Self {
        Self {
            key: Key(it.key),
            customer_id: it.customer.map(Uid),
            metric: it.metric.as_str(),
            moves: it.moves(),
            before: it.before.as_ref().map(ClockStand::of),
            after: it.after.as_ref().map(ClockStand::of),
        }
    }
}

/// Changes a ticket, or tries to: then with a look at the clocks of `keys` before and after.
pub async fn changed_or_tried<T>(
    call: Call<T>,
    keys: Vec<TicketKey>,
    work: impl Fn(&Ctx<'_>, &T) -> Result<domain::Ticket> + Send + 'static,
) -> Reply
where
    T: serde::de::DeserializeOwned + 'static,
{
    let asked: DryRun = call.query()?;
    let is_dry = asked.is_dry();
    call.change(move |ctx, body| {
        if !is_dry {
            return changed(ctx.app, &work(ctx, body)?);
        }
        tried(ctx, &keys, |ctx| work(ctx, body))
    })
    .await
}

/// Runs `work`, looks at the clocks of `keys` before and after, and undoes it.
pub fn tried(
    ctx: &Ctx<'_>,
    keys: &[TicketKey],
    work: impl Fn(&Ctx<'_>) -> Result<domain::Ticket>,
) -> Result<Answer> {
    let (ticket, moves) = what_if::of(ctx, keys, work)?;
    Answer::ok(&Preview {
        dry_run: true,
        ticket: Ticket::of(ctx.app, &ticket),
        clocks: moves.iter().map(ClockMove::of).collect(),
    })
}
