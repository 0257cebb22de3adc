//! API tokens: one's own, and by who keeps people those of machines, which have grants of their own.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{Answer, Tick, id_of, invalid};
use crate::actions::login::{self, NewToken};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Role, Roles, Scope, Scopes, TokenOwner};
use crate::domain::id::TokenId;
use crate::domain::refusal::FieldError;
use crate::error::{Error, Fields, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store;
use crate::store::token::Token;
use crate::words::Words;

#[derive(Template)]
#[template(path = "account/tokens.html")]
struct TokensPage {
    p: Page,
    tokens: Vec<TokenRow>,
    form: Form,
    /// For who keeps people: a machine's token.
    machine: Form,
    may_keep_machines: bool,
    /// Roles that a machine can be given.
    roles: Vec<Tick>,
    /// The secret of a token that was just made: shown here and never again.
    fresh: Option<String>,
    /// A repository's hooks get theirs on the repository's page.
    offered: &'static [Scope],
}

struct TokenRow {
    token: Token,
    owner: String,
    scopes: String,
    /// Of a machine: its grants.
    roles: String,
    works: bool,
}

const OFFERED: &[Scope] = &[
    Scope::Read,
    Scope::Tickets,
    Scope::Changes,
    Scope::Deploy,
    Scope::Oncall,
    Scope::Admin,
];

/// One's own tokens; whoever keeps people sees all.
fn tokens(ctx: &Ctx<'_>, words: &Words) -> Result<Vec<TokenRow>> {
    let own = ctx.by.person().ok_or(Error::NotFound)?;
    let sees_all = crate::actions::allow(
        &ctx.by,
        Action::ManagePeople,
        crate::domain::access::Target::House,
    )
    .is_ok();
    ctx.read(|conn| {
        let mut tokens = store::token::all(conn)?;
        tokens.retain(|token| sees_all || token.owner == TokenOwner::Person(own));
        let owners: Vec<_> = tokens
            .iter()
            .filter_map(|token| match token.owner {
                TokenOwner::Person(id) => Some(id),
                TokenOwner::Service | TokenOwner::Repository(_) => None,
            })
            .collect();
        let names = store::people::person_names(conn, &owners)?;
        let rows = tokens.into_iter().map(|token| {
            let scopes: Vec<_> = token.scopes.iter().map(Scope::as_str).collect();
            let roles: Vec<_> = token
                .roles
                .iter()
                .map(|role| {
                    let key = format!("role-{}", role.as_str().replace('_', "-"));
                    words.t(&key).into_owned()
                })
                .collect();
            TokenRow {
                owner: match token.owner {
                    TokenOwner::Person(id) => names.get(&id).cloned().unwrap_or_default(),
                    TokenOwner::Service => words.t("token-of-machine").into_owned(),
                    TokenOwner::Repository(_) => words.t("token-of-repository").into_owned(),
                },
                scopes: scopes.join(", "),
                roles: roles.join(", "),
                works: token.works(ctx.now),
                token,
            }
        });
        Ok(rows.collect())
    })
}

/// What the page's two forms open with.
fn fresh_form(words: &'static Words) -> Form {
    Form::new(words)
        .with("expires", "365")
        .with("scopes", "read")
}

pub async fn show(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let words = Words::english();
    let rows = viewer.run(&app, |ctx| tokens(ctx, words)).await?;
    reply::page(&page_of(
        &req,
        rows,
        fresh_form(words),
        fresh_form(words),
        None,
    ))
}

fn page_of(
    req: &HttpRequest,
    tokens: Vec<TokenRow>,
    form: Form,
    machine: Form,
    fresh: Option<String>,
) -> TokensPage {
    let p = Page::new(req, "tokens-title");
    let roles = Role::ALL
        .iter()
        .map(|role| Tick {
            value: role.to_string(),
            text: p.word("role", role.as_str()),
            hint: p
                .t(&format!("role-{}-hint", role.as_str().replace('_', "-")))
                .into_owned(),
            ticked: machine.is_ticked("roles", role.as_str()),
        })
        .collect();
    TokensPage {
        may_keep_machines: p.may(Action::ManagePeople),
        roles,
        tokens,
        form,
        machine: machine.prefixed("machine"),
        fresh,
        offered: OFFERED,
        p,
    }
}

/// What was asked for, for this owner.
fn wanted(posted: &Posted, owner: TokenOwner, ctx: &Ctx<'_>) -> Result<NewToken> {
    let mut fields = Fields::new();
    let scopes: std::result::Result<Scopes, ()> =
        posted.all("scopes").map(str::parse::<Scope>).collect();
    let scopes = fields.take(scopes.map_err(|()| FieldError::new("scopes", "required")));
    let roles: std::result::Result<Roles, ()> =
        posted.all("roles").map(str::parse::<Role>).collect();
    let roles = fields.take(roles.map_err(|()| FieldError::new("roles", "required")));
    if owner == TokenOwner::Service && roles.is_some_and(|roles| roles.is_empty()) {
        fields.push(FieldError::new("roles", "required"));
    }
    let expires_at = fields.take(login::expiry(posted.text("expires"), ctx.now));
    fields.check()?;
    match (scopes, roles, expires_at) {
        (Some(scopes), Some(roles), Some(expires_at)) => Ok(NewToken {
            name: posted.text("name").to_owned(),
            owner,
            roles,
            scopes,
            expires_at,
        }),
        _ => Err(Error::internal("checked fields have values")),
    }
}

/// `POST /tokens`: for oneself, or with `owner=machine` for a program that belongs to nobody.
pub async fn make(req: HttpRequest, app: web::Data<App>, viewer: Viewer, posted: Posted) -> Answer {
    let words = Words::english();
    let is_machine = posted.text("owner") == "machine";
    let own = viewer.principal.person().ok_or(Error::NotFound)?;
    let owner = if is_machine {
        TokenOwner::Service
    } else {
        TokenOwner::Person(own)
    };
    let asked = posted.clone();
    let work = move |ctx: &Ctx<'_>| {
        let new = wanted(&asked, owner, ctx)?;
        Ok(login::make_token(ctx, &new)?.1)
    };
    let outcome = invalid(viewer.run(&app, work).await)?;
    let rows = viewer.run(&app, |ctx| tokens(ctx, words)).await?;
    let (own_form, machine) = (fresh_form(words), fresh_form(words));
    match outcome {
        // Not a redirect: the secret exists in this answer only.
        Ok(secret) => reply::page(&page_of(&req, rows, own_form, machine, Some(secret))),
        Err(errors) => {
            let kept = Form::kept(words, &posted, errors);
            let (own_form, machine) = if is_machine {
                (own_form, kept)
            } else {
                (kept, machine)
            };
            let page = page_of(&req, rows, own_form, machine, None);
            reply::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

pub async fn revoke(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    _form: Posted,
) -> Answer {
    let id: TokenId = id_of(&id)?;
    viewer
        .run(&app, move |ctx| login::revoke_token(ctx, id))
        .await?;
    Ok(reply::see_saying("/tokens", "said-token-revoked", ""))
}
