//! People of the staff, and the token's own account.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::ticket::IfMatch;
use super::value::{At, ContactUid, PersonUid, RoleWord, ScopeWord, TeamUid, TokenUid, Uid, Word};
use crate::actions::{self, login, people as action};
use crate::app::Ctx;
use crate::domain::access::{Action, Principal, Roles, Scope, Target, TokenOwner};
use crate::domain::id::{PersonId, TeamId, TokenId};
use crate::domain::people::{self, PersonDetails};
use crate::domain::refusal::FieldError;
use crate::error::{Error, Result};
use crate::store;
use crate::store::token::Token as StoredToken;

/// Somebody of the staff.
#[derive(Debug, Serialize, ToSchema)]
pub struct Person {
    pub id: PersonUid,
    pub name: String,
    pub email: String,
    #[schema(example = "Europe/Stockholm")]
    pub zone: String,
    pub phone: Option<String>,
    pub roles: Vec<RoleWord>,
    pub is_active: bool,
    pub version: i64,
}

impl Person {
    fn of(of: people::Person) -> Self {
        Self {
            id: Uid(of.id),
            name: of.name,
            email: of.email.as_str().to_owned(),
            zone: of.zone.name().to_owned(),
            phone: of.phone,
            roles: of.roles.iter().map(Word).collect(),
            is_active: of.is_active,
            version: of.version,
        }
    }
}

fn known(ctx: &Ctx<'_>, id: PersonId) -> Result<people::Person> {
    let found = ctx.read(|conn| store::people::person(conn, id))?;
    found.ok_or(Error::NotFound)
}

fn shown(person: people::Person) -> Result<Answer> {
    let version = person.version;
    Ok(Answer::ok(&Person::of(person))?.version(version))
}

fn set_of(words: &[RoleWord]) -> Roles {
    words.iter().map(|word| word.0).collect()
}

/// List people
#[utoipa::path(get, path = "/api/v1/people", tag = "house", params(Paging), responses((status = 200, description = "A page", body = Page<Person>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        let all = ctx.read(store::people::persons)?;
        Answer::ok(&paging.cut(all, |it| it.id.to_string(), Person::of)?)
    })
    .await
}

/// Read a person
#[utoipa::path(get, path = "/api/v1/people/{id}", tag = "house", responses((status = 200, description = "The person", body = Person)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let id: PersonId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        shown(known(ctx, id)?)
    })
    .await
}

/// Somebody new.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    name: String,
    email: String,
    #[schema(example = "Europe/Stockholm")]
    zone: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    roles: Vec<RoleWord>,
    /// The teams that they belong to.
    #[serde(default)]
    team_ids: Vec<TeamUid>,
}

/// Invite a person
///
/// They get a letter with a link to choose their password.
#[utoipa::path(post, path = "/api/v1/people", tag = "house", request_body = NewPerson, responses((status = 201, description = "Invited", body = Person)))]
pub async fn invite(call: Call<NewPerson>) -> Reply {
    call.change(|ctx, new| {
        let details = PersonDetails::parse(&new.name, &new.email, &new.zone, &new.phone)?;
        let teams: Vec<TeamId> = new.team_ids.iter().map(|id| id.0).collect();
        for team in &teams {
            if ctx.read(|conn| store::house::team(conn, *team))?.is_none() {
                return Err(FieldError::new("team_ids", "unknown-team").into());
            }
        }
        let invited = action::invite(ctx, &details, set_of(&new.roles), &teams)?;
        let person = known(ctx, invited.id)?;
        let (place, version) = (format!("/api/v1/people/{}", person.id), person.version);
        Ok(Answer::created(place, &Person::of(person))?.version(version))
    })
    .await
}

/// Invite a person again
///
/// With a new link by mail; the one that was sent before stops working.
#[utoipa::path(post, path = "/api/v1/people/{id}/invite", tag = "house", responses((status = 200, description = "Invited again", body = Person)))]
pub async fn invite_again(call: Call<Nothing>) -> Reply {
    let id: PersonId = call.id("id")?;
    call.change(move |ctx, _| {
        // The link is in the letter alone: a program doesn't come in as somebody else.
        action::invite_again(ctx, id)?;
        shown(known(ctx, id)?)
    })
    .await
}

/// What changes; what is left out stays, an empty text empties.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonEdit {
    name: Option<String>,
    email: Option<String>,
    zone: Option<String>,
    phone: Option<String>,
    /// All their grants.
    roles: Option<Vec<RoleWord>>,
    /// People are deactivated, never deleted.
    is_active: Option<bool>,
}

/// Edit a person
///
/// Details, grants, and whether they are still here.
#[utoipa::path(patch, path = "/api/v1/people/{id}", tag = "house", params(IfMatch), request_body = PersonEdit, responses((status = 200, description = "As they stand now", body = Person)))]
pub async fn edit(call: Call<PersonEdit>) -> Reply {
    let (id, rev): (PersonId, _) = (call.id("id")?, call.rev);
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::ManagePeople, Target::House)?;
        ctx.as_one(
            |ctx| {
                let before = known(ctx, id)?;
                let phone = asked.phone.as_ref().or(before.phone.as_ref());
                let details = PersonDetails::parse(
                    asked.name.as_deref().unwrap_or(&before.name),
                    asked.email.as_deref().unwrap_or(before.email.as_str()),
                    asked.zone.as_deref().unwrap_or(before.zone.name()),
                    phone.map_or("", String::as_str),
                )?;
                action::edit(ctx, id, rev.unwrap_or(before.version), &details)?;
                if let Some(roles) = &asked.roles {
                    action::grant(ctx, id, set_of(roles))?;
                }
                if let Some(is_active) = asked.is_active.filter(|it| *it != before.is_active) {
                    action::set_active(ctx, id, is_active)?;
                }
                shown(known(ctx, id)?)
            },
            |_, _| Ok(()),
        )
    })
    .await
}

/// Whose public holidays somebody has.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonHolidays {
    /// The code of a holiday set; null: nobody's.
    #[schema(example = "DE-BY")]
    code: Option<String>,
}

/// Read somebody's holidays
#[utoipa::path(get, path = "/api/v1/people/{id}/holidays", tag = "house", responses((status = 200, description = "Whose they have", body = PersonHolidays)))]
pub async fn holidays(call: Call<Nothing>) -> Reply {
    let id: PersonId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        known(ctx, id)?;
        let code = ctx.read(|conn| store::people::holidays(conn, id))?;
        Answer::ok(&PersonHolidays { code })
    })
    .await
}

/// Set somebody's holidays
///
/// On these days warnings wait for them, and meetings are planned for others.
#[utoipa::path(put, path = "/api/v1/people/{id}/holidays", tag = "house", request_body = PersonHolidays, responses((status = 200, description = "Whose they have now", body = PersonHolidays)))]
pub async fn set_holidays(call: Call<PersonHolidays>) -> Reply {
    let id: PersonId = call.id("id")?;
    call.change(move |ctx, asked| {
        // A token keeps no account of its own: this is done by whoever keeps people.
        actions::allow(&ctx.by, Action::ManagePeople, Target::House)?;
        action::set_holidays(ctx, id, asked.code.as_deref().unwrap_or_default())?;
        let code = ctx.read(|conn| store::people::holidays(conn, id))?;
        Answer::ok(&PersonHolidays { code })
    })
    .await
}

/// Who the token is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    pub token_id: Option<TokenUid>,
    pub name: String,
    /// The person as whom it acts, if a person owns it.
    pub person_id: Option<PersonUid>,
    pub contact_id: Option<ContactUid>,
    pub roles: Vec<RoleWord>,
    pub scopes: Vec<ScopeWord>,
}

/// Read the token's own account
///
/// Who it acts as, and what it may do.
#[utoipa::path(get, path = "/api/v1/me", tag = "account", responses((status = 200, description = "The token", body = Me)))]
pub async fn me(call: Call<Nothing>) -> Reply {
    call.read(|ctx| {
        let (token, roles, scopes) = match &ctx.by {
            Principal::Token {
                id, roles, scopes, ..
            } => (Some(Uid(*id)), *roles, Some(*scopes)),
            Principal::Person { roles, .. } => (None, *roles, None),
            Principal::Contact { .. } | Principal::System(_) => (None, Roles::NONE, None),
        };
        Answer::ok(&Me {
            token_id: token,
            name: ctx.by.name().to_owned(),
            person_id: ctx.by.person().map(Uid),
            contact_id: ctx.by.contact().map(Uid),
            roles: roles.iter().map(Word).collect(),
            scopes: scopes.iter().flat_map(|set| set.iter()).map(Word).collect(),
        })
    })
    .await
}

/// A token; what was handed out is nowhere.
#[derive(Debug, Serialize, ToSchema)]
pub struct Token {
    pub id: TokenUid,
    pub name: String,
    /// Its first letters.
    pub hint: String,
    /// `person`, `service` or `repository`.
    pub owner_kind: &'static str,
    pub person_id: Option<PersonUid>,
    pub roles: Vec<RoleWord>,
    pub scopes: Vec<ScopeWord>,
    pub made_at: At,
    pub expires_at: Option<At>,
    /// To five minutes.
    pub last_used_at: Option<At>,
    pub revoked_at: Option<At>,
}

impl Token {
    fn of(of: StoredToken) -> Self {
        let (owner_kind, person_id) = match of.owner {
            TokenOwner::Person(id) => ("person", Some(Uid(id))),
            TokenOwner::Service => ("service", None),
            TokenOwner::Repository(_) => ("repository", None),
        };
        Self {
            id: Uid(of.id),
            name: of.name,
            hint: of.hint,
            owner_kind,
            person_id,
            roles: of.roles.iter().map(Word).collect(),
            scopes: of.scopes.iter().map(Word).collect(),
            made_at: At(of.made_at),
            expires_at: of.expires_at.map(At),
            last_used_at: of.last_used_at.map(At),
            revoked_at: of.revoked_at.map(At),
        }
    }
}

/// List tokens
///
/// Everybody's, for who keeps people.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "account", params(Paging), responses((status = 200, description = "A page", body = Page<Token>)))]
pub async fn tokens(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ManagePeople, Target::House)?;
        let all = ctx.read(store::token::all)?;
        Answer::ok(&paging.cut(all, |it| it.id.to_string(), Token::of)?)
    })
    .await
}

/// A token for a machine. People make their own on their page.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    name: String,
    /// Its grants.
    roles: Vec<RoleWord>,
    scopes: Vec<ScopeWord>,
    expires_at: Option<At>,
}

/// A new token and its secret, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadeToken {
    pub id: TokenUid,
    /// Null when the call is repeated with its `Idempotency-Key`: it was shown.
    pub secret: Option<String>,
}

/// Make a token for a machine
///
/// It can be no stronger than the token that makes it.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "account", request_body = NewToken, responses((status = 201, description = "Made", body = MadeToken)))]
pub async fn make_token(call: Call<NewToken>) -> Reply {
    call.change(|ctx, new| {
        let wanted = login::NewToken {
            name: new.name.clone(),
            owner: TokenOwner::Service,
            roles: set_of(&new.roles),
            scopes: new.scopes.iter().map(|word| word.0).collect(),
            expires_at: new.expires_at.map(|at| at.0),
        };
        refuse_stronger(ctx, &wanted)?;
        let (id, secret) = login::make_token(ctx, &wanted)?;
        let mut made = MadeToken {
            id: Uid(id),
            secret: Some(secret),
        };
        let answer = Answer::created(format!("/api/v1/tokens/{id}"), &made)?;
        made.secret = None;
        answer.kept_as(&made)
    })
    .await
}

/// A program must not make itself a stronger one.
fn refuse_stronger(ctx: &Ctx<'_>, wanted: &login::NewToken) -> Result<()> {
    let Principal::Token { roles, scopes, .. } = &ctx.by else {
        return Ok(());
    };
    let may: Vec<Scope> = scopes.iter().collect();
    if wanted.scopes.iter().any(|scope| !may.contains(&scope)) {
        return Err(FieldError::new("scopes", "stronger-than-you").into());
    }
    if wanted.roles.iter().any(|role| !roles.has(role)) {
        return Err(FieldError::new("roles", "stronger-than-you").into());
    }
    Ok(())
}

/// Revoke a token
///
/// It stops working at once.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "account", responses((status = 204, description = "Revoked")))]
pub async fn revoke_token(call: Call<Nothing>) -> Reply {
    let id: TokenId = call.id("id")?;
    call.change(move |ctx, _| {
        login::revoke_token(ctx, id)?;
        Ok(Answer::nothing())
    })
    .await
}
