//! How people come in: logins, sessions, one-time links, and the memory of failed tries.

use diesel::prelude::*;

use super::column::text_column;
use super::schema::accounts::{
    address, contact, login, login_throttle, one_time_link, person, session,
};
use super::{Conn, Tx};
use crate::domain::access::Principal;
use crate::domain::id::{ContactId, LoginId, PersonId, SessionId};
use crate::domain::login::{Purpose, SessionTimes, Tries};
use crate::domain::text::EmailAddress;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::people::{self, Holder};

text_column!(Purpose);

/// How somebody comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub id: LoginId,
    pub holder: Holder,
    pub password_hash: Option<String>,
    pub last_at: Option<Timestamp>,
}

type LoginRow = (
    LoginId,
    Option<PersonId>,
    Option<ContactId>,
    Option<String>,
    Option<Timestamp>,
);

const LOGIN: (
    login::id,
    login::person_id,
    login::contact_id,
    login::password_hash,
    login::last_at,
) = (
    login::id,
    login::person_id,
    login::contact_id,
    login::password_hash,
    login::last_at,
);

fn login_of(row: LoginRow) -> Result<Login> {
    let (id, person, contact, password_hash, last_at) = row;
    let holder = person
        .map(Holder::Person)
        .or_else(|| contact.map(Holder::Contact))
        .ok_or_else(|| Error::internal("a login of nobody"))?;
    Ok(Login {
        id,
        holder,
        password_hash,
        last_at,
    })
}

pub fn login(conn: &mut Conn, id: LoginId) -> Result<Option<Login>> {
    let row: Option<LoginRow> = login::table
        .find(id)
        .select(LOGIN)
        .get_result(conn)
        .optional()?;
    row.map(login_of).transpose()
}

pub fn login_of_holder(conn: &mut Conn, holder: Holder) -> Result<Option<Login>> {
    let query = login::table.select(LOGIN).into_boxed();
    let query = match holder {
        Holder::Person(id) => query.filter(login::person_id.eq(id)),
        Holder::Contact(id) => query.filter(login::contact_id.eq(id)),
    };
    let row: Option<LoginRow> = query.first(conn).optional()?;
    row.map(login_of).transpose()
}

/// The login behind a mail address, if its holder is still here.
pub fn login_by_address(conn: &mut Conn, email: &EmailAddress) -> Result<Option<Login>> {
    let Some(holder) = people::holder(conn, email)? else {
        return Ok(None);
    };
    if !is_active(conn, holder)? {
        return Ok(None);
    }
    login_of_holder(conn, holder)
}

pub fn is_active(conn: &mut Conn, holder: Holder) -> Result<bool> {
    let active: Option<bool> = match holder {
        Holder::Person(id) => person::table
            .find(id)
            .select(person::is_active)
            .get_result(conn)
            .optional()?,
        Holder::Contact(id) => contact::table
            .find(id)
            .select(contact::is_active)
            .get_result(conn)
            .optional()?,
    };
    Ok(active.unwrap_or(false))
}

pub fn insert_login(tx: &mut Tx, id: LoginId, holder: Holder) -> Result<()> {
    let (person, contact) = match holder {
        Holder::Person(id) => (Some(id), None),
        Holder::Contact(id) => (None, Some(id)),
    };
    diesel::insert_into(login::table)
        .values((
            login::id.eq(id),
            login::person_id.eq(person),
            login::contact_id.eq(contact),
            login::password_hash.eq(None::<String>),
            login::password_at.eq(None::<i64>),
            login::last_at.eq(None::<i64>),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn set_password(tx: &mut Tx, id: LoginId, hash: &str, now: Timestamp) -> Result<()> {
    diesel::update(login::table.find(id))
        .set((login::password_hash.eq(hash), login::password_at.eq(now)))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn touch_login(tx: &mut Tx, id: LoginId, now: Timestamp) -> Result<()> {
    diesel::update(login::table.find(id))
        .set(login::last_at.eq(now))
        .execute(&mut **tx)?;
    Ok(())
}

/// Who acts through this login now, with today's powers; `None` if they have gone.
pub fn principal(conn: &mut Conn, holder: Holder) -> Result<Option<Principal>> {
    Ok(match holder {
        Holder::Person(id) => people::person(conn, id)?
            .filter(|person| person.is_active)
            .map(|person| Principal::Person {
                id,
                name: person.name,
                roles: person.roles,
            }),
        Holder::Contact(id) => people::contact(conn, id)?
            .filter(|contact| contact.is_active)
            .map(|contact| Principal::Contact {
                id,
                name: contact.name,
                customer: contact.customer_id,
                reach: contact.reach,
            }),
    })
}

/// A session in the list of its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub login_id: LoginId,
    pub times: SessionTimes,
    pub browser: String,
    pub network: String,
}

type SessionRow = (SessionId, LoginId, Timestamp, Timestamp, String, String);

const SESSION: (
    session::id,
    session::login_id,
    session::made_at,
    session::seen_at,
    session::browser,
    session::network,
) = (
    session::id,
    session::login_id,
    session::made_at,
    session::seen_at,
    session::browser,
    session::network,
);

fn session_of(row: SessionRow) -> Session {
    let (id, login_id, made_at, seen_at, browser, network) = row;
    Session {
        id,
        login_id,
        times: SessionTimes { made_at, seen_at },
        browser,
        network,
    }
}

/// By the hash of its cookie; whether it is over is for the caller to judge.
pub fn session_by_hash(conn: &mut Conn, hash: &[u8]) -> Result<Option<Session>> {
    let row: Option<SessionRow> = session::table
        .filter(session::hash.eq(hash))
        .select(SESSION)
        .get_result(conn)
        .optional()?;
    Ok(row.map(session_of))
}

/// Newest use first.
pub fn sessions_of(conn: &mut Conn, id: LoginId) -> Result<Vec<Session>> {
    let rows: Vec<SessionRow> = session::table
        .filter(session::login_id.eq(id))
        .select(SESSION)
        .order((session::seen_at.desc(), session::id))
        .load(conn)?;
    Ok(rows.into_iter().map(session_of).collect())
}

pub fn insert_session(tx: &mut Tx, new: &Session, hash: &[u8]) -> Result<()> {
    diesel::insert_into(session::table)
        .values((
            session::id.eq(new.id),
            session::hash.eq(hash),
            session::login_id.eq(new.login_id),
            session::made_at.eq(new.times.made_at),
            session::seen_at.eq(new.times.seen_at),
            session::browser.eq(&new.browser),
            session::network.eq(&new.network),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn touch_session(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<()> {
    diesel::update(session::table.find(id))
        .set(session::seen_at.eq(now))
        .execute(&mut **tx)?;
    Ok(())
}

/// Ends one session of `owner`; whether there was one.
pub fn end_session(tx: &mut Tx, owner: LoginId, id: SessionId) -> Result<bool> {
    let ended =
        diesel::delete(session::table.filter(session::id.eq(id).and(session::login_id.eq(owner))))
            .execute(&mut **tx)?;
    Ok(ended > 0)
}

/// Ends every session of `owner`, or every one but `keep`.
pub fn end_sessions(tx: &mut Tx, owner: LoginId, keep: Option<SessionId>) -> Result<usize> {
    let theirs = session::table.filter(session::login_id.eq(owner));
    Ok(match keep {
        None => diesel::delete(theirs).execute(&mut **tx)?,
        Some(keep) => diesel::delete(theirs.filter(session::id.ne(keep))).execute(&mut **tx)?,
    })
}

/// Forgets sessions that nobody used since `idle`, links that expired before `spent`, and tries from before `tries`.
pub fn sweep(tx: &mut Tx, idle: Timestamp, spent: Timestamp, tries: Timestamp) -> Result<()> {
    diesel::delete(session::table.filter(session::seen_at.lt(idle))).execute(&mut **tx)?;
    diesel::delete(one_time_link::table.filter(one_time_link::expires_at.lt(spent)))
        .execute(&mut **tx)?;
    diesel::delete(login_throttle::table.filter(login_throttle::last_at.lt(tries)))
        .execute(&mut **tx)?;
    Ok(())
}

/// A one-time link as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneTimeLink {
    pub purpose: Purpose,
    pub login_id: Option<LoginId>,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

impl OneTimeLink {
    pub fn works(&self, purpose: Purpose, now: Timestamp) -> bool {
        self.purpose == purpose && self.used_at.is_none() && now < self.expires_at
    }
}

pub fn insert_link(tx: &mut Tx, hash: &[u8], link: &OneTimeLink, now: Timestamp) -> Result<()> {
    diesel::insert_into(one_time_link::table)
        .values((
            one_time_link::hash.eq(hash),
            one_time_link::purpose.eq(link.purpose),
            one_time_link::login_id.eq(link.login_id),
            one_time_link::made_at.eq(now),
            one_time_link::expires_at.eq(link.expires_at),
            one_time_link::used_at.eq(link.used_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn link(conn: &mut Conn, hash: &[u8]) -> Result<Option<OneTimeLink>> {
    let row: Option<(Purpose, Option<LoginId>, Timestamp, Option<Timestamp>)> =
        one_time_link::table
            .find(hash)
            .select((
                one_time_link::purpose,
                one_time_link::login_id,
                one_time_link::expires_at,
                one_time_link::used_at,
            ))
            .get_result(conn)
            .optional()?;
    Ok(
        row.map(|(purpose, login_id, expires_at, used_at)| OneTimeLink {
            purpose,
            login_id,
            expires_at,
            used_at,
        }),
    )
}

/// Marks the link used; of two at once only one hears `true`.
pub fn use_link(tx: &mut Tx, hash: &[u8], now: Timestamp) -> Result<bool> {
    let unused = one_time_link::table.filter(
        one_time_link::hash
            .eq(hash)
            .and(one_time_link::used_at.is_null()),
    );
    Ok(diesel::update(unused)
        .set(one_time_link::used_at.eq(now))
        .execute(&mut **tx)?
        == 1)
}

/// Every unused link of this purpose stops working: for one login, or those of nobody.
pub fn spend_links(
    tx: &mut Tx,
    purpose: Purpose,
    owner: Option<LoginId>,
    now: Timestamp,
) -> Result<()> {
    let unused = one_time_link::table.filter(
        one_time_link::purpose
            .eq(purpose)
            .and(one_time_link::used_at.is_null()),
    );
    match owner {
        Some(owner) => diesel::update(unused.filter(one_time_link::login_id.eq(owner)))
            .set(one_time_link::used_at.eq(now))
            .execute(&mut **tx)?,
        None => diesel::update(unused.filter(one_time_link::login_id.is_null()))
            .set(one_time_link::used_at.eq(now))
            .execute(&mut **tx)?,
    };
    Ok(())
}

pub fn tries(conn: &mut Conn, key: &[u8]) -> Result<Option<Tries>> {
    let row: Option<(i64, Timestamp)> = login_throttle::table
        .find(key)
        .select((login_throttle::count, login_throttle::last_at))
        .get_result(conn)
        .optional()?;
    Ok(row.map(|(count, last_at)| Tries { count, last_at }))
}

pub fn put_tries(tx: &mut Tx, key: &[u8], tries: Tries) -> Result<()> {
    let changed = diesel::update(login_throttle::table.find(key))
        .set((
            login_throttle::count.eq(tries.count),
            login_throttle::last_at.eq(tries.last_at),
        ))
        .execute(&mut **tx)?;
    if changed == 0 {
        diesel::insert_into(login_throttle::table)
            .values((
                login_throttle::key.eq(key),
                login_throttle::count.eq(tries.count),
                login_throttle::last_at.eq(tries.last_at),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

pub fn forget_tries(tx: &mut Tx, key: &[u8]) -> Result<()> {
    diesel::delete(login_throttle::table.find(key)).execute(&mut **tx)?;
    Ok(())
}

/// Whether anybody was ever made: while not, set-up is open to whoever has its link.
pub fn is_founded(conn: &mut Conn) -> Result<bool> {
    let first: Option<String> = address::table
        .filter(address::person_id.is_not_null())
        .select(address::folded)
        .first(conn)
        .optional()?;
    Ok(first.is_some())
}
