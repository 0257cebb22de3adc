//! What is made once with the database and doesn't change by itself.

use diesel::prelude::*;

use super::backend::{Store, Tx};
use super::schema::core::installation;
use crate::error::{Error, Result, is_unique_violation};

/// The key behind signed links, reply addresses and Message-IDs. The first caller makes it; two at once agree.
pub fn signing_key(store: &Store) -> Result<[u8; 32]> {
    if let Some(key) = read(store)? {
        return Ok(key);
    }
    let mut fresh = [0_u8; 32];
    getrandom::fill(&mut fresh).map_err(Error::internal)?;
    let made = store.write(|tx| {
        let values = (
            installation::name.eq("signing_key"),
            installation::value.eq(fresh.to_vec()),
        );
        diesel::insert_into(installation::table)
            .values(values)
            .execute(&mut **tx)?;
        Ok(())
    });
    match made {
        Err(error) if is_unique_violation(&error) => {}
        other => other?,
    }
    read(store)?.ok_or_else(|| Error::internal("the signing key was not kept"))
}

/// Puts another key in its place: whatever the old one signed is from then on as good as forged. A process that runs knows the old one
/// until it is started again.
pub fn renew_signing_key(tx: &mut Tx, fresh: [u8; 32]) -> Result<()> {
    diesel::update(installation::table.find("signing_key"))
        .set(installation::value.eq(fresh.to_vec()))
        .execute(&mut **tx)?;
    Ok(())
}

fn read(store: &Store) -> Result<Option<[u8; 32]>> {
    let value: Option<Vec<u8>> = store.read(|conn| {
        let query = installation::table
            .find("signing_key")
            .select(installation::value);
        Ok(query.get_result(conn).optional()?)
    })?;
    value
        .map(|bytes| {
            bytes
                .try_into()
                .map_err(|_| Error::internal("the stored signing key is not 32 bytes long"))
        })
        .transpose()
}
