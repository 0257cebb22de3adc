//! Staff and contacts, their mail addresses, grants and ways to be reached.
//!
//! Names aren't sorted here: the two databases collate differently. Lists come in the order of their ids, which is that of
//! their making; pages sort them.

use std::collections::HashMap;

use chrono_tz::Tz;
use diesel::prelude::*;

use super::backend::direct;
use super::column::text_column;
use super::schema::accounts::{
    address, contact, person, role_grant, screen_choice, signing_secret, way,
};
use super::schema::sla::person_holidays;
use super::{Conn, Tx};
use crate::domain::access::{Reach, Role, Roles};
use crate::domain::id::{ContactId, CustomerId, PersonId};
use crate::domain::people::{Contact, Part, Person, ScreenChoice, Way};
use crate::domain::text::EmailAddress;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

text_column!(Role, Reach, Part);

/// Whose a mail address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    Person(PersonId),
    Contact(ContactId),
}

type PersonRow = (PersonId, String, String, Option<String>, bool, i64);

const PERSON: (
    person::id,
    person::name,
    person::zone,
    person::phone,
    person::is_active,
    person::version,
) = (
    person::id,
    person::name,
    person::zone,
    person::phone,
    person::is_active,
    person::version,
);

/// A zone that passed the check when it was stored; the tz database may have dropped it since.
pub(super) fn stored_zone(name: &str) -> Result<Tz> {
    name.parse()
        .map_err(|_| Error::internal(format!("the stored zone `{name}` is unknown")))
}

pub(super) fn stored_address(text: &str) -> Result<EmailAddress> {
    EmailAddress::parse(text).map_err(|_| Error::internal("a stored mail address is malformed"))
}

pub fn person(conn: &mut Conn, id: PersonId) -> Result<Option<Person>> {
    let row: Option<PersonRow> = direct!(conn, |own| person::table
        .find(id)
        .select(PERSON)
        .get_result(own))
    .optional()?;
    let Some(row) = row else { return Ok(None) };
    let email: String = direct!(conn, |own| address::table
        .filter(address::person_id.eq(id).and(address::is_main.eq(true)))
        .select(address::email)
        .get_result(own))?;
    let roles = roles(conn, id)?;
    person_of(row, &email, roles).map(Some)
}

/// Everybody who ever was staff.
pub fn persons(conn: &mut Conn) -> Result<Vec<Person>> {
    let rows: Vec<PersonRow> = person::table.select(PERSON).order(person::id).load(conn)?;
    let emails: HashMap<PersonId, String> = address::table
        .filter(
            address::person_id
                .is_not_null()
                .and(address::is_main.eq(true)),
        )
        .select((address::person_id.assume_not_null(), address::email))
        .load::<(PersonId, String)>(conn)?
        .into_iter()
        .collect();
    let mut roles: HashMap<PersonId, Roles> = HashMap::new();
    for (id, role) in role_grant::table
        .select((role_grant::person_id, role_grant::role))
        .load::<(PersonId, Role)>(conn)?
    {
        roles.entry(id).or_default().insert(role);
    }
    rows.into_iter()
        .map(|row| {
            let id = row.0;
            let email = emails.get(&id).map_or("", String::as_str);
            person_of(row, email, roles.get(&id).copied().unwrap_or_default())
        })
        .collect()
}

fn person_of(row: PersonRow, email: &str, roles: Roles) -> Result<Person> {
    let (id, name, zone, phone, is_active, version) = row;
    Ok(Person {
        id,
        name,
        email: stored_address(email)?,
        zone: stored_zone(&zone)?,
        phone,
        roles,
        is_active,
        version,
    })
}

pub fn roles(conn: &mut Conn, id: PersonId) -> Result<Roles> {
    let roles: Vec<Role> = role_grant::table
        .filter(role_grant::person_id.eq(id))
        .select(role_grant::role)
        .load(conn)?;
    Ok(roles.into_iter().collect())
}

/// The names behind these ids, for lists.
pub fn person_names(conn: &mut Conn, ids: &[PersonId]) -> Result<HashMap<PersonId, String>> {
    let rows: Vec<(PersonId, String)> = person::table
        .filter(person::id.eq_any(ids))
        .select((person::id, person::name))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// Active people who hold `role`.
pub fn holders_of(conn: &mut Conn, role: Role) -> Result<Vec<PersonId>> {
    Ok(role_grant::table
        .inner_join(person::table.on(person::id.eq(role_grant::person_id)))
        .filter(role_grant::role.eq(role).and(person::is_active.eq(true)))
        .select(person::id)
        .order(person::id)
        .load(conn)?)
}

/// Keeps everybody else from changing the grants of `role` until this transaction ends.
pub fn hold_grants(tx: &mut Tx, role: Role) -> Result<()> {
    diesel::update(role_grant::table.filter(role_grant::role.eq(role)))
        .set(role_grant::granted_at.eq(role_grant::granted_at))
        .execute(&mut **tx)?;
    Ok(())
}

/// Fails with a unique violation if the address belongs to somebody already.
pub fn insert_person(tx: &mut Tx, person: &Person, now: Timestamp) -> Result<()> {
    super::version::raise(tx)?;
    diesel::insert_into(person::table)
        .values((
            person::id.eq(person.id),
            person::name.eq(&person.name),
            person::zone.eq(person.zone.name()),
            person::phone.eq(person.phone.as_deref()),
            person::is_active.eq(person.is_active),
            person::made_at.eq(now),
            person::version.eq(person.version),
        ))
        .execute(&mut **tx)?;
    insert_address(tx, &person.email, Holder::Person(person.id), true)?;
    set_roles(tx, person.id, person.roles, now)
}

/// Writes everything but the grants and raises the version; `Stale` if somebody else was faster.
pub fn update_person(tx: &mut Tx, person: &mut Person) -> Result<()> {
    super::version::raise(tx)?;
    let changed = diesel::update(
        person::table.filter(
            person::id
                .eq(person.id)
                .and(person::version.eq(person.version)),
        ),
    )
    .set((
        person::name.eq(&person.name),
        person::zone.eq(person.zone.name()),
        person::phone.eq(person.phone.as_deref()),
        person::is_active.eq(person.is_active),
        person::version.eq(person.version + 1),
    ))
    .execute(&mut **tx)?;
    if changed == 0 {
        return Err(Error::Stale);
    }
    person.version += 1;
    set_main_address(tx, &person.email, Holder::Person(person.id))
}

/// Makes the grants exactly `roles`.
pub fn set_roles(tx: &mut Tx, id: PersonId, wanted: Roles, now: Timestamp) -> Result<()> {
    super::version::raise(tx)?;
    let before = roles(tx, id)?;
    for role in before.iter().filter(|role| !wanted.has(*role)) {
        diesel::delete(role_grant::table.find((id, role))).execute(&mut **tx)?;
    }
    for role in wanted.iter().filter(|role| !before.has(*role)) {
        diesel::insert_into(role_grant::table)
            .values((
                role_grant::person_id.eq(id),
                role_grant::role.eq(role),
                role_grant::granted_at.eq(now),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// Whose this address is, active or not.
pub fn holder(conn: &mut Conn, email: &EmailAddress) -> Result<Option<Holder>> {
    let row: Option<(Option<PersonId>, Option<ContactId>)> = address::table
        .find(email.folded())
        .select((address::person_id, address::contact_id))
        .get_result(conn)
        .optional()?;
    Ok(row.and_then(|(person, contact)| {
        person
            .map(Holder::Person)
            .or_else(|| contact.map(Holder::Contact))
    }))
}

/// Every address of this customer's contacts, folded.
pub fn addresses_at(conn: &mut Conn, customer: CustomerId) -> Result<Vec<String>> {
    let contacts = contact::table
        .filter(contact::customer_id.eq(customer))
        .select(contact::id.nullable());
    Ok(direct!(conn, |own| address::table
        .filter(address::contact_id.eq_any(contacts))
        .select(address::folded)
        .load(own))?)
}

/// All addresses of somebody, the main one first.
pub fn addresses(conn: &mut Conn, holder: Holder) -> Result<Vec<EmailAddress>> {
    let mut query = address::table
        .select(address::email)
        .order((address::is_main.desc(), address::folded))
        .into_boxed();
    query = match holder {
        Holder::Person(id) => query.filter(address::person_id.eq(id)),
        Holder::Contact(id) => query.filter(address::contact_id.eq(id)),
    };
    query
        .load::<String>(conn)?
        .iter()
        .map(|text| stored_address(text))
        .collect()
}

/// Adds an address; a unique violation says that it is somebody's.
pub fn insert_address(
    tx: &mut Tx,
    email: &EmailAddress,
    holder: Holder,
    is_main: bool,
) -> Result<()> {
    let (person, contact) = match holder {
        Holder::Person(id) => (Some(id), None),
        Holder::Contact(id) => (None, Some(id)),
    };
    diesel::insert_into(address::table)
        .values((
            address::folded.eq(email.folded()),
            address::email.eq(email.as_str()),
            address::person_id.eq(person),
            address::contact_id.eq(contact),
            address::is_main.eq(is_main),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

fn set_main_address(tx: &mut Tx, email: &EmailAddress, holder: Holder) -> Result<()> {
    let before = addresses(tx, holder)?;
    if before.first() == Some(email) {
        return Ok(());
    }
    // The old main address goes: what isn't theirs any more may become somebody else's.
    if let Some(old) = before.first() {
        diesel::delete(address::table.find(old.folded())).execute(&mut **tx)?;
    }
    if before
        .iter()
        .skip(1)
        .any(|other| other.folded() == email.folded())
    {
        diesel::delete(address::table.find(email.folded())).execute(&mut **tx)?;
    }
    insert_address(tx, email, holder, true)
}

type ContactRow = (
    ContactId,
    CustomerId,
    String,
    Option<String>,
    Option<String>,
    Reach,
    bool,
    i64,
);

const CONTACT: (
    contact::id,
    contact::customer_id,
    contact::name,
    contact::phone,
    contact::zone,
    contact::reach,
    contact::is_active,
    contact::version,
) = (
    contact::id,
    contact::customer_id,
    contact::name,
    contact::phone,
    contact::zone,
    contact::reach,
    contact::is_active,
    contact::version,
);

/// Every mail of a contact asks: two statements that stay prepared, which one that asks for a list can't.
pub fn contact(conn: &mut Conn, id: ContactId) -> Result<Option<Contact>> {
    let row: Option<ContactRow> = direct!(conn, |own| contact::table
        .filter(contact::id.eq(id))
        .select(CONTACT)
        .get_result(own))
    .optional()?;
    let Some(row) = row else { return Ok(None) };
    let email: Option<String> = direct!(conn, |own| address::table
        .filter(address::contact_id.eq(id).and(address::is_main.eq(true)))
        .select(address::email)
        .get_result(own))
    .optional()?;
    contact_of(row, email.as_deref()).map(Some)
}

/// Contacts of one customer, gone ones too.
pub fn contacts_of(conn: &mut Conn, customer: CustomerId) -> Result<Vec<Contact>> {
    let ids: Vec<ContactId> = contact::table
        .filter(contact::customer_id.eq(customer))
        .select(contact::id)
        .order(contact::id)
        .load(conn)?;
    contacts_where(conn, &ids)
}

fn contacts_where(conn: &mut Conn, ids: &[ContactId]) -> Result<Vec<Contact>> {
    let rows: Vec<ContactRow> = contact::table
        .filter(contact::id.eq_any(ids))
        .select(CONTACT)
        .order(contact::id)
        .load(conn)?;
    let emails: HashMap<ContactId, String> = address::table
        .filter(
            address::contact_id
                .eq_any(ids)
                .and(address::is_main.eq(true)),
        )
        .select((address::contact_id.assume_not_null(), address::email))
        .load::<(ContactId, String)>(conn)?
        .into_iter()
        .collect();
    rows.into_iter()
        .map(|row| {
            let email = emails.get(&row.0).map(String::as_str);
            contact_of(row, email)
        })
        .collect()
}

fn contact_of(row: ContactRow, email: Option<&str>) -> Result<Contact> {
    let (id, customer_id, name, phone, zone, reach, is_active, version) = row;
    Ok(Contact {
        id,
        customer_id,
        name,
        email: stored_address(email.unwrap_or_default())?,
        phone,
        zone: zone.as_deref().map(stored_zone).transpose()?,
        reach,
        is_active,
        version,
    })
}

pub fn contact_names(conn: &mut Conn, ids: &[ContactId]) -> Result<HashMap<ContactId, String>> {
    let rows: Vec<(ContactId, String)> = direct!(conn, |own| contact::table
        .filter(contact::id.eq_any(ids))
        .select((contact::id, contact::name))
        .load(own))?;
    Ok(rows.into_iter().collect())
}

/// Fails with a unique violation if the address belongs to somebody already.
pub fn insert_contact(tx: &mut Tx, contact: &Contact, now: Timestamp) -> Result<()> {
    diesel::insert_into(contact::table)
        .values((
            contact::id.eq(contact.id),
            contact::customer_id.eq(contact.customer_id),
            contact::name.eq(&contact.name),
            contact::phone.eq(contact.phone.as_deref()),
            contact::zone.eq(contact.zone.map(|zone| zone.name())),
            contact::reach.eq(contact.reach),
            contact::is_active.eq(contact.is_active),
            contact::made_at.eq(now),
            contact::version.eq(contact.version),
        ))
        .execute(&mut **tx)?;
    insert_address(tx, &contact.email, Holder::Contact(contact.id), true)
}

/// Writes all of it and raises the version; `Stale` if somebody else was faster. A contact never moves to another customer.
pub fn update_contact(tx: &mut Tx, contact: &mut Contact) -> Result<()> {
    let changed = diesel::update(
        contact::table.filter(
            contact::id
                .eq(contact.id)
                .and(contact::version.eq(contact.version)),
        ),
    )
    .set((
        contact::name.eq(&contact.name),
        contact::phone.eq(contact.phone.as_deref()),
        contact::zone.eq(contact.zone.map(|zone| zone.name())),
        contact::reach.eq(contact.reach),
        contact::is_active.eq(contact.is_active),
        contact::version.eq(contact.version + 1),
    ))
    .execute(&mut **tx)?;
    if changed == 0 {
        return Err(Error::Stale);
    }
    contact.version += 1;
    set_main_address(tx, &contact.email, Holder::Contact(contact.id))
}

/// How to reach a person, in the order in which to try. Empty: by their main mail address.
pub fn ways(conn: &mut Conn, id: PersonId) -> Result<Vec<Way>> {
    let rows = way::table
        .filter(way::person_id.eq(id))
        .select((way::id, way::channel, way::address))
        .order((way::position, way::id))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, channel, address)| Way {
            id,
            channel,
            address,
        })
        .collect())
}

/// As [`ways`], of everybody who has set some.
pub fn all_ways(conn: &mut Conn) -> Result<HashMap<PersonId, Vec<Way>>> {
    let rows = way::table
        .select((way::person_id, way::id, way::channel, way::address))
        .order((way::position, way::id))
        .load::<(PersonId, _, _, _)>(conn)?;
    let mut people: HashMap<PersonId, Vec<Way>> = HashMap::new();
    for (person, id, channel, address) in rows {
        people.entry(person).or_default().push(Way {
            id,
            channel,
            address,
        });
    }
    Ok(people)
}

/// Makes their ways exactly these, in this order.
pub fn set_ways(tx: &mut Tx, id: PersonId, ways: &[Way]) -> Result<()> {
    super::version::raise(tx)?;
    diesel::delete(way::table.filter(way::person_id.eq(id))).execute(&mut **tx)?;
    for (position, one) in ways.iter().enumerate() {
        diesel::insert_into(way::table)
            .values((
                way::id.eq(one.id),
                way::person_id.eq(id),
                way::position.eq(position as i64),
                way::channel.eq(one.channel),
                way::address.eq(&one.address),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// What signs the calls to their own webhooks, and since when; `None` if they never had one.
pub fn signing_secret(conn: &mut Conn, id: PersonId) -> Result<Option<(String, Timestamp)>> {
    let known = signing_secret::table
        .find(id)
        .select((signing_secret::secret, signing_secret::made_at))
        .get_result(conn);
    Ok(known.optional()?)
}

/// Makes this what signs calls to their webhooks, from now on.
pub fn set_signing_secret(tx: &mut Tx, id: PersonId, secret: &str, now: Timestamp) -> Result<()> {
    diesel::delete(signing_secret::table.find(id)).execute(&mut **tx)?;
    diesel::insert_into(signing_secret::table)
        .values((
            signing_secret::person_id.eq(id),
            signing_secret::secret.eq(secret),
            signing_secret::made_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// What they chose for their screens; what a new browser does if they never chose.
pub fn screen_choice(conn: &mut Conn, id: PersonId) -> Result<ScreenChoice> {
    let chosen: Option<(bool, bool)> = screen_choice::table
        .find(id)
        .select((screen_choice::still_clocks, screen_choice::no_keys))
        .get_result(conn)
        .optional()?;
    Ok(
        chosen.map_or_else(ScreenChoice::default, |(still_clocks, no_keys)| {
            ScreenChoice {
                still_clocks,
                no_keys,
            }
        }),
    )
}

pub fn set_screen_choice(tx: &mut Tx, id: PersonId, choice: ScreenChoice) -> Result<()> {
    diesel::delete(screen_choice::table.find(id)).execute(&mut **tx)?;
    diesel::insert_into(screen_choice::table)
        .values((
            screen_choice::person_id.eq(id),
            screen_choice::still_clocks.eq(choice.still_clocks),
            screen_choice::no_keys.eq(choice.no_keys),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// The holiday set that somebody has; `None`: nobody knows.
pub fn holidays(conn: &mut Conn, id: PersonId) -> Result<Option<String>> {
    Ok(person_holidays::table
        .find(id)
        .select(person_holidays::code)
        .get_result(conn)
        .optional()?)
}

/// The holiday set of everybody who has one.
pub fn all_holidays(conn: &mut Conn) -> Result<HashMap<PersonId, String>> {
    let rows: Vec<(PersonId, String)> = person_holidays::table.load(conn)?;
    Ok(rows.into_iter().collect())
}

pub fn set_holidays(tx: &mut Tx, id: PersonId, code: Option<&str>) -> Result<()> {
    diesel::delete(person_holidays::table.find(id)).execute(&mut **tx)?;
    if let Some(code) = code {
        diesel::insert_into(person_holidays::table)
            .values((
                person_holidays::person_id.eq(id),
                person_holidays::code.eq(code),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}
