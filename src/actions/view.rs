//! Saved views of the queue. They change nothing about tickets, so no timeline speaks of them.

use super::allow;
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::{Id, ViewId};
use crate::domain::query::Query;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::text::one_line;
use crate::error::{Error, Fields, Result};
use crate::store;
use crate::store::view::SavedView;

/// Characters of a view's name: it is a button.
const NAME_CHARS: usize = 60;

/// Keeps a filter of the queue's language under a name.
pub fn save(ctx: &Ctx<'_>, name: &str, query: &str, is_shared: bool) -> Result<SavedView> {
    allow(&ctx.by, Action::KeepViews, Target::House)?;
    // A machine has no views of its own.
    let person_id = ctx.by.person().ok_or_else(|| Refusal::new("only-people"))?;
    let mut fields = Fields::new();
    let name = fields.take(one_line("name", name, NAME_CHARS));
    for error in Query::parse(query).err().into_iter().flatten() {
        fields.push(FieldError {
            field: "query".into(),
            ..error
        });
    }
    fields.check()?;
    let view = SavedView {
        id: Id::new(ctx.now),
        person_id,
        name: name.ok_or_else(|| Error::internal("a checked name is there"))?,
        query: query.trim().to_owned(),
        is_shared,
        made_at: ctx.now,
    };
    ctx.write(|tx| store::view::insert(tx, &view))?;
    Ok(view)
}

/// Deletes a view of whoever acts; somebody else's looks absent.
pub fn delete(ctx: &Ctx<'_>, id: ViewId) -> Result<()> {
    allow(&ctx.by, Action::KeepViews, Target::House)?;
    let person = ctx.by.person().ok_or(Error::NotFound)?;
    ctx.write(|tx| match store::view::delete(tx, id, person)? {
        true => Ok(()),
        false => Err(Error::NotFound),
    })
}
