//! What edits of agreements and calendars have in common: from when on they count, who may correct the past, and what an edit would
//! do to clocks before it is made.

use std::sync::Arc;

use super::allow;
use super::recount::{self, Preview};
use super::sla_scene::Scene;
use crate::app::Ctx;
use crate::domain::access::{Action, Principal, Target as Of};
use crate::domain::id::{CustomerId, Id, SubjectId};
use crate::domain::recount::{Recount, RecountCause};
use crate::domain::sla_agreement::{Agreement, Case};
use crate::domain::sla_version::{self, Effect, Layer};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::Facts;
use crate::error::Result;
use crate::store::{self, Conn, Tx};
use crate::words::Words;

/// What an edit wrote.
#[derive(Debug, Clone)]
pub struct Edited {
    pub version: i64,
    /// What it asks to be counted anew.
    pub recount: Option<Recount>,
}

/// The agreements that promise something for one party of a ticket, in the order in which they are asked: the first holds for what
/// begins now, the others stand behind it.
#[derive(Debug, Clone)]
pub struct Asked {
    pub customer: Option<CustomerId>,
    pub agreements: Vec<Arc<Agreement>>,
}

/// Which agreements a ticket's promises come from, for each of its parties.
pub fn asked_for(ctx: &Ctx<'_>, conn: &mut Conn, ticket: &Ticket) -> Result<Vec<Asked>> {
    let book = super::sla::book(ctx.app, conn)?;
    let scene = Scene::load(conn, &book, ticket)?;
    let parties = scene.parties().map(|customer| {
        let case = Case {
            customer,
            kind: ticket.key.kind,
            severity: ticket.severity,
            services: scene.services(),
        };
        Asked {
            customer,
            agreements: book.agreements_for(&case, ctx.now).cloned().collect(),
        }
    });
    Ok(parties.collect())
}

/// Who writes a version, by the name that people know.
pub(super) fn writer(ctx: &Ctx<'_>) -> String {
    match &ctx.by {
        Principal::System(_) => Words::english().t("tape-house").into_owned(),
        by => by.name().to_owned(),
    }
}

/// The first version of something: it holds for all time.
pub(super) fn first(ctx: &Ctx<'_>) -> Layer {
    Layer {
        number: 1,
        from: ctx.now,
        until: None,
        is_correction: false,
        edition: 0,
        made_by: writer(ctx),
        made_at: ctx.now,
        reason: String::new(),
    }
}

/// A correction needs a right of its own, and everything that it asks for has to be possible.
pub(super) fn allow_effect(ctx: &Ctx<'_>, effect: &Effect) -> Result<()> {
    if effect.is_correction() {
        allow(&ctx.by, Action::CorrectTerms, Of::House)?;
    }
    effect.clone().checked(ctx.now)?;
    Ok(())
}

/// The next version after `seen`. It ends where what was planned for later begins, unless it says where it ends.
pub(super) fn next<T>(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    layers: &[(Layer, T)],
    seen: i64,
    effect: &Effect,
) -> Result<Layer> {
    let from = effect.from(ctx.now);
    let asked = match effect {
        Effect::FromNow | Effect::From(_) => None,
        Effect::Correction { until, .. } => *until,
    };
    Ok(Layer {
        number: seen + 1,
        from,
        until: asked.or_else(|| sla_version::next_planned(layers, from, ctx.now)),
        is_correction: effect.is_correction(),
        edition: store::sla::next_edition(tx)?,
        made_by: writer(ctx),
        made_at: ctx.now,
        reason: effect.reason().to_owned(),
    })
}

/// What the audit keeps of a version besides its content.
pub(super) fn facts(layer: &Layer) -> Facts {
    let dated = layer.from != layer.made_at;
    Facts::new()
        .with_some("effective_from", dated.then(|| layer.from.rfc3339()))
        .with_some("effective_until", layer.until.map(|until| until.rfc3339()))
        .with_some("reason", Some(&layer.reason).filter(|it| !it.is_empty()))
}

/// Asks for a recount: the clocks follow in transactions of their own, soon after.
pub(super) fn ask(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    cause: RecountCause,
    subject_id: SubjectId,
    subject: &str,
    layer: &Layer,
    effect: &Effect,
) -> Result<Recount> {
    // What ends at a date lets its clocks run until then; everything else moves deadlines at once.
    let due_at = match cause {
        RecountCause::AgreementEnded => layer.from.max(ctx.now),
        RecountCause::CalendarChanged
        | RecountCause::CalendarCorrected
        | RecountCause::AgreementCorrected
        | RecountCause::ZonesChanged
        | RecountCause::HolidaysChanged => ctx.now,
    };
    let recount = Recount {
        id: Id::new(ctx.now),
        cause,
        subject_id: Some(subject_id),
        subject: subject.to_owned(),
        number: layer.number,
        from_at: layer.from,
        finished: effect.finished(),
        made_by: layer.made_by.clone(),
        reason: layer.reason.clone(),
        made_at: ctx.now,
        due_at,
        last_ticket: None,
        looked_at: 0,
        moved: 0,
        done_at: None,
    };
    store::recount::insert(tx, &recount)?;
    Ok(recount)
}

/// Makes the edit, reads the terms as they would be, undoes it, and looks at what they do to clocks.
pub(super) fn preview(ctx: &Ctx<'_>, edit: impl Fn(&Ctx<'_>) -> Result<Edited>) -> Result<Preview> {
    let (book, edited) = ctx.undone(|ctx| {
        let edited = edit(ctx)?;
        Ok((ctx.read(store::sla::book)?, edited))
    })?;
    match edited.recount {
        Some(recount) => recount::preview(ctx, &book, &recount),
        None => Ok(Preview::default()),
    }
}
