//! A look at a forge: who looks, what is known before, and what came of it. The job does the looking between the two.

use crate::app::Ctx;
use crate::domain::forge::{Delivery, Forge};
use crate::domain::git::Repository;
use crate::domain::id::{ForgeDeliveryId, RepositoryId};
use crate::error::Result;
use crate::store::{self, forge as rows, forge_delivery as deliveries};

/// Who looks has the forge for so long, in seconds: longer than the longest fetch. Whoever looks then does no harm, since what is
/// told twice counts once.
const LEASE_SECS: i64 = 2_000;
/// Deliveries of one look.
const AT_ONCE: i64 = 200;

/// A forge before it is looked at.
pub struct Seen {
    pub repository: Repository,
    pub forge: Forge,
    /// In the order in which they came.
    pub waiting: Vec<Delivery>,
    /// Where its refs are by our record: name and id.
    pub recorded: Vec<(String, String)>,
    /// All of its refs are to be compared, whatever waits.
    pub is_due: bool,
    /// The service's own address, by which messages may name tickets.
    pub base_url: Option<String>,
}

/// Takes a forge for a look; nothing if another has it, or it is gone.
pub fn begin(ctx: &Ctx<'_>, id: RepositoryId) -> Result<Option<Seen>> {
    let until = ctx.now.plus_secs(LEASE_SECS);
    ctx.write(|tx| {
        if !rows::lease(tx, id, ctx.now, until)? {
            return Ok(None);
        }
        let (Some(repository), Some(forge)) =
            (store::repository::repository(tx, id)?, rows::of(tx, id)?)
        else {
            return Ok(None);
        };
        let configured = ctx.app.config.public_url.clone();
        Ok(Some(Seen {
            is_due: forge.standing.look.next_look_at <= ctx.now,
            waiting: deliveries::waiting(tx, id, AT_ONCE)?,
            recorded: store::repository::recorded_tips(tx, id)?,
            base_url: configured.or(store::settings::all(tx)?.public_url),
            repository,
            forge,
        }))
    })
}

/// A delivery was looked at, and what it told is recorded as far as it holds.
pub fn settle(ctx: &Ctx<'_>, id: ForgeDeliveryId) -> Result<()> {
    ctx.write(|tx| deliveries::settle(tx, id, ctx.now))
}

/// It was reached; `is_whole`: all of its refs were compared.
pub fn reached(ctx: &Ctx<'_>, seen: &Seen, is_whole: bool) -> Result<()> {
    let mut forge = seen.forge.clone();
    forge.standing = forge.standing.reached(is_whole, ctx.now);
    end(ctx, &forge)
}

/// It could not be looked at, and why. It is left alone for a while, the longer the more often that happens.
pub fn unreached(ctx: &Ctx<'_>, seen: &Seen, why: &str) -> Result<()> {
    let why = why.chars().filter(|c| !c.is_control()).take(500).collect();
    let mut forge = seen.forge.clone();
    forge.standing = forge.standing.unreached(why, ctx.now);
    end(ctx, &forge)
}

fn end(ctx: &Ctx<'_>, forge: &Forge) -> Result<()> {
    ctx.write(|tx| {
        rows::set_standing(tx, forge)?;
        rows::release(tx, forge.repository)
    })
}

/// The look was cut short for a reason that isn't the forge's.
pub fn give_up(ctx: &Ctx<'_>, id: RepositoryId) -> Result<()> {
    ctx.write(|tx| rows::release(tx, id))
}

/// Frees what an earlier process had taken. For where one process looks.
pub fn release_all(ctx: &Ctx<'_>) -> Result<()> {
    ctx.write(rows::release_all)
}
