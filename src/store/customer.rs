//! Customers and the mail domains that are theirs.

use std::collections::HashMap;

use diesel::prelude::*;

use super::backend::direct;
use super::fixed::in_fours;
use super::people::stored_zone;
use super::schema::accounts::{customer, customer_domain};
use super::{Conn, Tx};
use crate::domain::id::CustomerId;
use crate::domain::people::Customer;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

type Row = (CustomerId, String, String, String, String, bool, i64);

const ROW: (
    customer::id,
    customer::name,
    customer::zone,
    customer::language,
    customer::note,
    customer::is_active,
    customer::version,
) = (
    customer::id,
    customer::name,
    customer::zone,
    customer::language,
    customer::note,
    customer::is_active,
    customer::version,
);

pub fn by_id(conn: &mut Conn, id: CustomerId) -> Result<Option<Customer>> {
    let row: Option<Row> = direct!(conn, |own| customer::table
        .find(id)
        .select(ROW)
        .get_result(own))
    .optional()?;
    let Some(row) = row else { return Ok(None) };
    let domains = direct!(conn, |own| customer_domain::table
        .filter(customer_domain::customer_id.eq(id))
        .select(customer_domain::domain)
        .order(customer_domain::domain)
        .load(own))?;
    value(row, domains).map(Some)
}

/// All of them, gone ones too, in the order of their making.
pub fn all(conn: &mut Conn) -> Result<Vec<Customer>> {
    let rows: Vec<Row> = customer::table.select(ROW).order(customer::id).load(conn)?;
    let mut domains: HashMap<CustomerId, Vec<String>> = HashMap::new();
    for (domain, id) in customer_domain::table
        .select((customer_domain::domain, customer_domain::customer_id))
        .order(customer_domain::domain)
        .load::<(String, CustomerId)>(conn)?
    {
        domains.entry(id).or_default().push(domain);
    }
    rows.into_iter()
        .map(|row| {
            let theirs = domains.remove(&row.0).unwrap_or_default();
            value(row, theirs)
        })
        .collect()
}

fn value(row: Row, domains: Vec<String>) -> Result<Customer> {
    let (id, name, zone, language, note, is_active, version) = row;
    let zone = stored_zone(&zone)?;
    Ok(Customer {
        id,
        name,
        zone,
        language,
        domains,
        note,
        is_active,
        version,
    })
}

/// Whose mail comes from this domain or, failing that, from a domain above it. `domain` is folded.
pub fn by_domain(conn: &mut Conn, domain: &str) -> Result<Option<CustomerId>> {
    let mut candidates = vec![domain];
    let mut rest = domain;
    while let Some((_, above)) = rest.split_once('.') {
        candidates.push(above);
        rest = above;
    }
    let mut found: Vec<(String, CustomerId)> = Vec::new();
    for [one, two, three, four] in in_fours(&candidates) {
        let is_one = customer_domain::domain
            .eq(one)
            .or(customer_domain::domain.eq(two))
            .or(customer_domain::domain.eq(three))
            .or(customer_domain::domain.eq(four));
        let some = customer_domain::table
            .inner_join(customer::table.on(customer::id.eq(customer_domain::customer_id)))
            .filter(is_one.and(customer::is_active.eq(true)))
            .select((customer_domain::domain, customer_domain::customer_id));
        found.extend(some.load::<(String, CustomerId)>(conn)?);
    }
    Ok(found
        .into_iter()
        .max_by_key(|(domain, _)| domain.len())
        .map(|(_, id)| id))
}

/// Which customer this very domain was given to, active or not.
pub fn owner_of_domain(conn: &mut Conn, domain: &str) -> Result<Option<CustomerId>> {
    Ok(customer_domain::table
        .find(domain)
        .select(customer_domain::customer_id)
        .get_result(conn)
        .optional()?)
}

pub fn names(conn: &mut Conn, ids: &[CustomerId]) -> Result<HashMap<CustomerId, String>> {
    // A mail has one, and asks by a statement that stays prepared.
    if let [id] = ids {
        let name: Option<String> = direct!(conn, |own| customer::table
            .find(id)
            .select(customer::name)
            .get_result(own))
        .optional()?;
        return Ok(name.map(|name| (*id, name)).into_iter().collect());
    }
    let rows: Vec<(CustomerId, String)> = direct!(conn, |own| customer::table
        .filter(customer::id.eq_any(ids))
        .select((customer::id, customer::name))
        .load(own))?;
    Ok(rows.into_iter().collect())
}

/// Whose name this is, in any case.
pub fn by_name(conn: &mut Conn, name: &str) -> Result<Option<CustomerId>> {
    Ok(customer::table
        .filter(customer::folded_name.eq(name.trim().to_lowercase()))
        .select(customer::id)
        .first(conn)
        .optional()?)
}

/// Fails with a unique violation if the name or one of the domains is another customer's.
pub fn insert(tx: &mut Tx, new: &Customer, now: Timestamp) -> Result<()> {
    diesel::insert_into(customer::table)
        .values((
            customer::id.eq(new.id),
            customer::name.eq(&new.name),
            customer::folded_name.eq(new.name.to_lowercase()),
            customer::zone.eq(new.zone.name()),
            customer::language.eq(&new.language),
            customer::note.eq(&new.note),
            customer::is_active.eq(new.is_active),
            customer::made_at.eq(now),
            customer::version.eq(new.version),
        ))
        .execute(&mut **tx)?;
    insert_domains(tx, new)
}

/// As [`insert`]; `Stale` if somebody else was faster.
pub fn update(tx: &mut Tx, known: &mut Customer) -> Result<()> {
    let changed = diesel::update(
        customer::table.filter(
            customer::id
                .eq(known.id)
                .and(customer::version.eq(known.version)),
        ),
    )
    .set((
        customer::name.eq(&known.name),
        customer::folded_name.eq(known.name.to_lowercase()),
        customer::zone.eq(known.zone.name()),
        customer::language.eq(&known.language),
        customer::note.eq(&known.note),
        customer::is_active.eq(known.is_active),
        customer::version.eq(known.version + 1),
    ))
    .execute(&mut **tx)?;
    if changed == 0 {
        return Err(Error::Stale);
    }
    known.version += 1;
    diesel::delete(customer_domain::table.filter(customer_domain::customer_id.eq(known.id)))
        .execute(&mut **tx)?;
    insert_domains(tx, known)
}

fn insert_domains(tx: &mut Tx, of: &Customer) -> Result<()> {
    for domain in &of.domains {
        diesel::insert_into(customer_domain::table)
            .values((
                customer_domain::domain.eq(domain),
                customer_domain::customer_id.eq(of.id),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}
