//! Saved views: filters of the queue that somebody gave a name.

use diesel::prelude::*;

use super::schema::views::saved_view;
use super::{Conn, Tx};
use crate::domain::id::{PersonId, ViewId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = saved_view)]
pub struct SavedView {
    pub id: ViewId,
    pub person_id: PersonId,
    pub name: String,
    pub query: String,
    pub is_shared: bool,
    pub made_at: Timestamp,
}

/// What `person` may open: their own and everybody's shared ones, oldest first.
pub fn visible_to(conn: &mut Conn, person: PersonId) -> Result<Vec<SavedView>> {
    Ok(saved_view::table
        .filter(
            saved_view::person_id
                .eq(person)
                .or(saved_view::is_shared.eq(true)),
        )
        .order(saved_view::id)
        .limit(100)
        .select(SavedView::as_select())
        .load(conn)?)
}

pub fn insert(tx: &mut Tx, view: &SavedView) -> Result<()> {
    diesel::insert_into(saved_view::table)
        .values(view)
        .execute(&mut **tx)?;
    Ok(())
}

/// Deletes a view of `person`'s own; whether there was one.
pub fn delete(tx: &mut Tx, id: ViewId, person: PersonId) -> Result<bool> {
    let own = saved_view::table
        .find(id)
        .filter(saved_view::person_id.eq(person));
    Ok(diesel::delete(own).execute(&mut **tx)? > 0)
}
