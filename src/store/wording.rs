//! Texts for customers that the house has agreed on.

use diesel::prelude::*;

use super::schema::wording::wording;
use super::{Conn, Tx};
use crate::domain::id::WordingId;
use crate::domain::timestamp::Timestamp;
use crate::domain::wording::Wording;
use crate::error::{Error, Result};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = wording)]
struct Row {
    id: WordingId,
    name: String,
    folded_name: String,
    body: String,
    is_active: bool,
    made_at: Timestamp,
    version: i64,
}

impl Row {
    fn of(value: &Wording) -> Self {
        Row {
            id: value.id,
            name: value.name.clone(),
            folded_name: value.name.to_lowercase(),
            body: value.body.clone(),
            is_active: value.is_active,
            made_at: value.made_at,
            version: value.version,
        }
    }

    fn wording(self) -> Wording {
        Wording {
            id: self.id,
            name: self.name,
            body: self.body,
            is_active: self.is_active,
            made_at: self.made_at,
            version: self.version,
        }
    }
}

/// All of them, retired ones too, in the order of their making.
pub fn all(conn: &mut Conn) -> Result<Vec<Wording>> {
    let rows: Vec<Row> = wording::table
        .order(wording::id)
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Row::wording).collect())
}

/// Those that are offered.
pub fn active(conn: &mut Conn) -> Result<Vec<Wording>> {
    let rows: Vec<Row> = wording::table
        .filter(wording::is_active.eq(true))
        .order(wording::id)
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Row::wording).collect())
}

pub fn by_id(conn: &mut Conn, id: WordingId) -> Result<Option<Wording>> {
    let row: Option<Row> = wording::table
        .find(id)
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    Ok(row.map(Row::wording))
}

/// Fails with a unique violation if another wording has the name.
pub fn insert(tx: &mut Tx, new: &Wording) -> Result<()> {
    diesel::insert_into(wording::table)
        .values(Row::of(new))
        .execute(&mut **tx)?;
    Ok(())
}

/// As [`insert`], if nobody else has written it since it was read; raises its version. Else [`Error::Stale`].
pub fn update(tx: &mut Tx, known: &mut Wording) -> Result<()> {
    let read_at = known.version;
    known.version += 1;
    let unchanged = wording::table
        .filter(wording::id.eq(known.id))
        .filter(wording::version.eq(read_at));
    match diesel::update(unchanged)
        .set(Row::of(known))
        .execute(&mut **tx)?
    {
        1 => Ok(()),
        _ => Err(Error::Stale),
    }
}
