//! Saved views of the queue. They change nothing about tickets, so no timeline speaks of them.

use super::allow;
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::ViewId;
use crate::error::{Error, Result};
use crate::store;
use crate::store::view::SavedView;

/// Keeps a filter under a name.
pub fn save(ctx: &Ctx<'_>, view: &SavedView) -> Result<()> {
    allow(&ctx.by, Action::ReadTickets, Target::House)?;
    ctx.write(|tx| store::view::insert(tx, view))
}

/// Deletes a view of whoever acts; somebody else's looks absent.
pub fn delete(ctx: &Ctx<'_>, id: ViewId) -> Result<()> {
    let person = ctx.by.person().ok_or(Error::NotFound)?;
    ctx.write(|tx| match store::view::delete(tx, id, person)? {
        true => Ok(()),
        false => Err(Error::NotFound),
    })
}
