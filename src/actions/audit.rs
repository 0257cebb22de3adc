//! Who did what to the house: people, grants, settings, tokens. Tickets have their timeline; this is for everything else.

use crate::app::Ctx;
use crate::domain::id::Id;
use crate::domain::timeline::{Actor, Facts};
use crate::error::Result;
use crate::store::Tx;
use crate::store::settings::{AuditLine, insert_audit};
use crate::store::timeline::facts_json;

/// Notes a deed in the transaction that does it. `deed` is a stable word, `deed-<word>` in the catalogue; `subject` is what
/// people would call the thing or person. Facts never hold passwords, tokens or bodies.
pub fn note(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    deed: &'static str,
    subject: &str,
    facts: &Facts,
) -> Result<()> {
    let actor = ctx.actor();
    let actor_id = match actor {
        Actor::Person(id) => Some(id.bytes().to_vec()),
        Actor::Contact(id) => Some(id.bytes().to_vec()),
        Actor::Token(id) => Some(id.bytes().to_vec()),
        Actor::Stranger | Actor::System => None,
    };
    let line = AuditLine {
        id: Id::new(ctx.now),
        at: ctx.now,
        actor_kind: actor.word().to_owned(),
        actor_id,
        actor_name: ctx.by.name().to_owned(),
        door: ctx.door.as_str().to_owned(),
        deed: deed.to_owned(),
        subject: subject.to_owned(),
        facts: facts_json(facts),
    };
    insert_audit(tx, &line)?;
    // Grants, people and tokens change with an audit line only.
    ctx.app.programs.forget();
    Ok(())
}
