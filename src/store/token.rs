//! API tokens: whose they are, what they are for, and who acts with one now. What was handed out is nowhere; its hash is here.

use diesel::prelude::*;

use super::people;
use super::schema::accounts::api_token;
use super::{Conn, Tx};
use crate::domain::access::{Principal, Roles, Scope, Scopes, TokenOwner};
use crate::domain::id::{Id, PersonId, RepositoryId, TokenId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// An API token in lists; what was handed out is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    /// The first letters of it, so that people recognise it.
    pub hint: String,
    pub owner: TokenOwner,
    /// Its own grants, if a machine owns it.
    pub roles: Roles,
    pub scopes: Scopes,
    pub made_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl Token {
    pub fn works(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

#[derive(Queryable)]
struct TokenRow {
    id: TokenId,
    name: String,
    hint: String,
    owner_kind: String,
    owner_id: Option<Id<()>>,
    roles: String,
    scopes: String,
    made_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

const TOKEN: (
    api_token::id,
    api_token::name,
    api_token::hint,
    api_token::owner_kind,
    api_token::owner_id,
    api_token::roles,
    api_token::scopes,
    api_token::made_at,
    api_token::expires_at,
    api_token::last_used_at,
    api_token::revoked_at,
) = (
    api_token::id,
    api_token::name,
    api_token::hint,
    api_token::owner_kind,
    api_token::owner_id,
    api_token::roles,
    api_token::scopes,
    api_token::made_at,
    api_token::expires_at,
    api_token::last_used_at,
    api_token::revoked_at,
);

fn token_of(row: TokenRow) -> Result<Token> {
    let owner = match (row.owner_kind.as_str(), row.owner_id) {
        ("person", Some(id)) => TokenOwner::Person(PersonId::from_uuid(id.uuid())),
        ("repository", Some(id)) => TokenOwner::Repository(RepositoryId::from_uuid(id.uuid())),
        ("service", None) => TokenOwner::Service,
        (kind, _) => return Err(Error::internal(format!("a token of a `{kind}`"))),
    };
    Ok(Token {
        id: row.id,
        name: row.name,
        hint: row.hint,
        owner,
        // A word that this version doesn't know grants nothing.
        roles: row
            .roles
            .split(' ')
            .filter_map(|word| word.parse().ok())
            .collect(),
        scopes: row
            .scopes
            .split(' ')
            .filter_map(|word| word.parse::<Scope>().ok())
            .collect(),
        made_at: row.made_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
        revoked_at: row.revoked_at,
    })
}

pub fn insert(tx: &mut Tx, new: &Token, hash: &[u8]) -> Result<()> {
    let (kind, owner) = match new.owner {
        TokenOwner::Person(id) => ("person", Some(id.uuid())),
        TokenOwner::Repository(id) => ("repository", Some(id.uuid())),
        TokenOwner::Service => ("service", None),
    };
    let words = |words: Vec<&str>| words.join(" ");
    diesel::insert_into(api_token::table)
        .values((
            api_token::id.eq(new.id),
            api_token::hash.eq(hash),
            api_token::hint.eq(&new.hint),
            api_token::name.eq(&new.name),
            api_token::owner_kind.eq(kind),
            api_token::owner_id.eq(owner.map(Id::<()>::from_uuid)),
            api_token::roles.eq(words(new.roles.iter().map(|role| role.as_str()).collect())),
            api_token::scopes.eq(words(
                new.scopes.iter().map(|scope| scope.as_str()).collect(),
            )),
            api_token::made_at.eq(new.made_at),
            api_token::expires_at.eq(new.expires_at),
            api_token::last_used_at.eq(new.last_used_at),
            api_token::revoked_at.eq(new.revoked_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn by_hash(conn: &mut Conn, hash: &[u8]) -> Result<Option<Token>> {
    let row: Option<TokenRow> = api_token::table
        .filter(api_token::hash.eq(hash))
        .select(TOKEN)
        .get_result(conn)
        .optional()?;
    row.map(token_of).transpose()
}

pub fn by_id(conn: &mut Conn, id: TokenId) -> Result<Option<Token>> {
    let row: Option<TokenRow> = api_token::table
        .find(id)
        .select(TOKEN)
        .get_result(conn)
        .optional()?;
    row.map(token_of).transpose()
}

/// Every token, newest first.
pub fn all(conn: &mut Conn) -> Result<Vec<Token>> {
    let rows: Vec<TokenRow> = api_token::table
        .select(TOKEN)
        .order(api_token::id.desc())
        .load(conn)?;
    rows.into_iter().map(token_of).collect()
}

pub fn touch(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<()> {
    diesel::update(api_token::table.find(id))
        .set(api_token::last_used_at.eq(now))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn revoke(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<()> {
    diesel::update(
        api_token::table.filter(api_token::id.eq(id).and(api_token::revoked_at.is_null())),
    )
    .set(api_token::revoked_at.eq(now))
    .execute(&mut **tx)?;
    Ok(())
}

/// All tokens of a person stop working.
pub fn revoke_all_of(tx: &mut Tx, owner: PersonId, now: Timestamp) -> Result<()> {
    let theirs = api_token::table.filter(
        api_token::owner_kind
            .eq("person")
            .and(api_token::owner_id.eq(Id::<()>::from_uuid(owner.uuid())))
            .and(api_token::revoked_at.is_null()),
    );
    diesel::update(theirs)
        .set(api_token::revoked_at.eq(now))
        .execute(&mut **tx)?;
    Ok(())
}

/// The working tokens of a repository end at `at`.
pub fn expire_all_of_repository(tx: &mut Tx, owner: RepositoryId, at: Timestamp) -> Result<()> {
    let its = api_token::table.filter(
        api_token::owner_kind
            .eq("repository")
            .and(api_token::owner_id.eq(Id::<()>::from_uuid(owner.uuid())))
            .and(api_token::revoked_at.is_null())
            .and(api_token::expires_at.is_null()),
    );
    diesel::update(its)
        .set(api_token::expires_at.eq(at))
        .execute(&mut **tx)?;
    Ok(())
}

/// Who acts with this token now: with its owner's powers of this moment, and nobody if the owner has gone.
pub fn principal(conn: &mut Conn, token: &Token) -> Result<Option<Principal>> {
    let (name, roles) = match token.owner {
        TokenOwner::Person(id) => match people::person(conn, id)?.filter(|p| p.is_active) {
            Some(person) => (person.name, person.roles),
            None => return Ok(None),
        },
        TokenOwner::Service | TokenOwner::Repository(_) => (token.name.clone(), token.roles),
    };
    Ok(Some(Principal::Token {
        id: token.id,
        name,
        owner: token.owner,
        roles,
        scopes: token.scopes,
    }))
}
