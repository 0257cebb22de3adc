//! Coming in and going out: passwords, sessions, one-time links, tokens.
//!
//! Logging in takes three steps, so that no transaction is open while a password is hashed: [`knock`] counts the try and says
//! what to compare with, `secrets::password_fits` compares, [`enter`] opens the session. All three do the same work for
//! somebody unknown, so that neither answer nor time says who has an account.

use crate::actions::{allow, audit};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Principal, Roles, Scopes, Target, TokenOwner};
use crate::domain::delivery::DeliveryKind;
use crate::domain::id::{Id, LoginId, PersonId, SessionId, TokenId};
use crate::domain::login::{
    ACCOUNT, ADDRESS, Limit, Purpose, RESET, SEEN_SECS, SESSION_IDLE_SECS, SessionTimes, Tries,
};
use crate::domain::refusal::FieldError;
use crate::domain::text::{EmailAddress, NAME_CHARS, one_line};
use crate::domain::timeline::{Door, Facts};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::secrets;
use crate::store::login::{self as rows, Login, OneTimeLink, Session};
use crate::store::outbox::{NewDelivery, queue};
use crate::store::people::{self, Holder};
use crate::store::token::{self, Token};
use crate::store::{Conn, Tx};

/// Where a browser speaks from, as the session list shows it.
#[derive(Debug, Clone, Default)]
pub struct From {
    pub browser: String,
    pub network: String,
}

/// Somebody at the door, before their password was looked at.
#[derive(Debug)]
pub struct Knock {
    login: Option<LoginId>,
    /// What the password must fit; nothing fits `None`.
    pub password_hash: Option<String>,
    account: Vec<u8>,
    network: Vec<u8>,
}

/// Counts a try to log in. Refused with `too-many-tries` while this account or this network has to wait.
pub fn knock(ctx: &Ctx<'_>, typed: &str, from: &From) -> Result<Knock> {
    let email = EmailAddress::parse(typed).ok();
    let name = email
        .as_ref()
        .map_or_else(|| typed.trim().to_lowercase(), EmailAddress::folded);
    let account = account_key(&name);
    let network = secrets::fingerprint(&format!("network {}", from.network));
    ctx.write(|tx| {
        count(tx, &account, ACCOUNT, ctx.now)?;
        count(tx, &network, ADDRESS, ctx.now)?;
        let login = match &email {
            Some(email) => rows::login_by_address(tx, email)?,
            None => None,
        };
        Ok(Knock {
            login: login.as_ref().map(|login| login.id),
            password_hash: login.and_then(|login| login.password_hash),
            account: account.clone(),
            network: network.clone(),
        })
    })
}

fn account_key(folded: &str) -> Vec<u8> {
    secrets::fingerprint(&format!("account {folded}"))
}

fn count(tx: &mut Tx, key: &[u8], limit: Limit, now: Timestamp) -> Result<()> {
    let before = rows::tries(tx, key)?;
    let tries = limit.try_at(before, now)?;
    rows::put_tries(tx, key, tries)
}

/// Opens a session if the password fitted; the token for the cookie. `replaces`: the session that the browser had.
pub fn enter(
    ctx: &Ctx<'_>,
    knock: &Knock,
    fits: bool,
    from: &From,
    replaces: Option<&str>,
) -> Result<Option<String>> {
    let token = secrets::new_token("")?;
    ctx.write(|tx| {
        let Some(login) = knock.login.filter(|_| fits) else {
            // Whether the account exists isn't noted: people type passwords into the wrong field.
            audit::note(tx, ctx, "log-in-failed", &from.network, &Facts::new())?;
            return Ok(None);
        };
        rows::forget_tries(tx, &knock.account)?;
        if let Some(tries) = rows::tries(tx, &knock.network)? {
            rows::put_tries(
                tx,
                &knock.network,
                Tries {
                    count: (tries.count - 1).max(0),
                    ..tries
                },
            )?;
        }
        if let Some(old) = replaces
            && let Some(old) = rows::session_by_hash(tx, &secrets::fingerprint(old))?
        {
            rows::end_session(tx, old.login_id, old.id)?;
        }
        // The house is swept by who comes in: dead sessions, old links, old tries.
        let day = 24 * 3600;
        rows::sweep(
            tx,
            ctx.now.plus_secs(-SESSION_IDLE_SECS),
            ctx.now.plus_secs(-30 * day),
            ctx.now.plus_secs(-2 * day),
        )?;
        rows::touch_login(tx, login, ctx.now)?;
        open_session(tx, ctx, login, from, &token)?;
        note_of(tx, ctx, "logged-in", login, &Facts::new())?;
        Ok(Some(token.clone()))
    })
}

fn open_session(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    login: LoginId,
    from: &From,
    token: &str,
) -> Result<()> {
    let session = Session {
        id: Id::new(ctx.now),
        login_id: login,
        times: SessionTimes {
            made_at: ctx.now,
            seen_at: ctx.now,
        },
        browser: from.browser.chars().take(200).collect(),
        network: from.network.clone(),
    };
    rows::insert_session(tx, &session, &secrets::fingerprint(token))
}

fn holder_name(conn: &mut Conn, login: LoginId) -> Result<String> {
    let holder = rows::login(conn, login)?.map(|login| login.holder);
    Ok(match holder {
        Some(Holder::Person(id)) => people::person(conn, id)?.map(|person| person.name),
        Some(Holder::Contact(id)) => people::contact(conn, id)?.map(|contact| contact.name),
        None => None,
    }
    .unwrap_or_default())
}

fn note_of(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    deed: &'static str,
    login: LoginId,
    facts: &Facts,
) -> Result<()> {
    let name = holder_name(tx, login)?;
    audit::note(tx, ctx, deed, &name, facts)
}

/// Notes that a session is in use.
pub fn touch(ctx: &Ctx<'_>, id: SessionId) -> Result<()> {
    ctx.app
        .store
        .write(|tx| rows::touch_session(tx, id, ctx.now))
}

/// Ends one of one's own sessions; hidden if it is somebody else's.
pub fn end_session(ctx: &Ctx<'_>, owner: LoginId, id: SessionId) -> Result<()> {
    allow(&ctx.by, Action::KeepOwnAccount, Target::House)?;
    ctx.write(|tx| {
        own_login(tx, ctx, owner)?;
        if rows::end_session(tx, owner, id)? {
            Ok(())
        } else {
            Err(Error::NotFound)
        }
    })
}

/// Ends every session of one's own but the one in use.
pub fn end_other_sessions(ctx: &Ctx<'_>, owner: LoginId, keep: SessionId) -> Result<usize> {
    allow(&ctx.by, Action::KeepOwnAccount, Target::House)?;
    ctx.write(|tx| {
        own_login(tx, ctx, owner)?;
        rows::end_sessions(tx, owner, Some(keep))
    })
}

fn own_login(conn: &mut Conn, ctx: &Ctx<'_>, id: LoginId) -> Result<Login> {
    let login = rows::login(conn, id)?.ok_or(Error::NotFound)?;
    let own = match login.holder {
        Holder::Person(id) => ctx.by.person() == Some(id),
        Holder::Contact(id) => ctx.by.contact() == Some(id),
    };
    if own { Ok(login) } else { Err(Error::NotFound) }
}

/// Asks for a letter with a link that sets a new password. Says nothing of whether there is such an account.
pub fn ask_reset(ctx: &Ctx<'_>, typed: &str, from: &From) -> Result<()> {
    let email = EmailAddress::parse(typed)?;
    let network = secrets::fingerprint(&format!("network {}", from.network));
    let recipient = secrets::fingerprint(&format!("reset {}", email.folded()));
    ctx.write(|tx| {
        count(tx, &network, ADDRESS, ctx.now)?;
        count(tx, &recipient, RESET, ctx.now)?;
        let Some(login) = rows::login_by_address(tx, &email)? else {
            return Ok(());
        };
        send_link(tx, ctx, &login, Purpose::Reset).map(|_| ())
    })
}

/// Makes a one-time link for a login, spending earlier ones of its purpose, and queues the letter that carries it. The path of
/// the link is returned for an admin to hand over in another way.
pub fn send_link(tx: &mut Tx, ctx: &Ctx<'_>, login: &Login, purpose: Purpose) -> Result<String> {
    rows::spend_links(tx, purpose, Some(login.id), ctx.now)?;
    let link: Id<OneTimeLink> = Id::new(ctx.now);
    let token = link_token(ctx.app, &link.to_string());
    let row = OneTimeLink {
        purpose,
        login_id: Some(login.id),
        expires_at: ctx.now.plus_secs(purpose.lasts_secs()),
        used_at: None,
    };
    rows::insert_link(tx, &secrets::fingerprint(&token), &row, ctx.now)?;
    let address = people::addresses(tx, login.holder)?;
    if let Some(address) = address.first() {
        let mut letter = NewDelivery::mail(
            DeliveryKind::Account,
            format!("account.{link}"),
            address.as_str(),
        );
        match login.holder {
            Holder::Person(id) => letter.person = Some(id),
            Holder::Contact(id) => letter.contact = Some(id),
        }
        // The link itself isn't kept: staff may look at what goes out. The letter is given it when it is written.
        letter.facts = Facts::new()
            .with("letter", purpose)
            .with("link_id", link)
            .with("name", holder_name(tx, login.id)?)
            .with_instant("expires_at", row.expires_at);
        queue(tx, &letter, ctx.now)?;
    }
    Ok(link_path(purpose, &token))
}

/// The secret of the link `link_id`. Derived, so that the letter can be written without it ever being stored.
fn link_token(app: &App, link_id: &str) -> String {
    use base64::Engine;
    let bytes = secrets::sign(
        &app.signing_key,
        format!("one-time-link {link_id}").as_bytes(),
    );
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn link_path(purpose: Purpose, token: &str) -> String {
    match purpose {
        Purpose::SetUp => format!("/set-up/{token}"),
        Purpose::Invite => format!("/invitation/{token}"),
        Purpose::Reset => format!("/reset/{token}"),
    }
}

/// The path for the letter of an `account` delivery, from its facts; `None` for a letter without a link.
pub fn letter_path(app: &App, facts: &Facts) -> Option<String> {
    let purpose = facts.get("letter")?.parse().ok()?;
    Some(link_path(purpose, &link_token(app, facts.get("link_id")?)))
}

/// Whose password the link of `token` sets, if it still works: their login, and what a new password may not be like.
pub fn link_holder(
    conn: &mut Conn,
    token: &str,
    purpose: Purpose,
    now: Timestamp,
) -> Result<(LoginId, Vec<String>)> {
    let link = rows::link(conn, &secrets::fingerprint(token))?;
    let link = link
        .filter(|link| link.works(purpose, now))
        .ok_or(Error::NotFound)?;
    let login = link.login_id.ok_or(Error::NotFound)?;
    let login = rows::login(conn, login)?.ok_or(Error::NotFound)?;
    if !rows::is_active(conn, login.holder)? {
        return Err(Error::NotFound);
    }
    let mut about = vec![holder_name(conn, login.id)?];
    about.extend(
        people::addresses(conn, login.holder)?
            .iter()
            .map(ToString::to_string),
    );
    Ok((login.id, about))
}

/// Sets the password by a link, once: all sessions end, and every other link of theirs is spent.
pub fn choose_password(ctx: &Ctx<'_>, token: &str, purpose: Purpose, hash: &str) -> Result<()> {
    ctx.write(|tx| {
        let (login, _) = link_holder(tx, token, purpose, ctx.now)?;
        if !rows::use_link(tx, &secrets::fingerprint(token), ctx.now)? {
            return Err(Error::NotFound);
        }
        for purpose in [Purpose::Invite, Purpose::Reset] {
            rows::spend_links(tx, purpose, Some(login), ctx.now)?;
        }
        rows::set_password(tx, login, hash, ctx.now)?;
        rows::end_sessions(tx, login, None)?;
        note_of(
            tx,
            ctx,
            "password-set",
            login,
            &Facts::new().with("by", purpose),
        )
    })
}

/// Changes one's own password; `old_fits` is the caller's comparison with the one in force. Other sessions end.
pub fn change_password(
    ctx: &Ctx<'_>,
    owner: LoginId,
    keep: SessionId,
    old_fits: bool,
    hash: &str,
) -> Result<()> {
    allow(&ctx.by, Action::KeepOwnAccount, Target::House)?;
    if !old_fits {
        return Err(FieldError::new("old_password", "wrong-password").into());
    }
    ctx.write(|tx| {
        own_login(tx, ctx, owner)?;
        rows::set_password(tx, owner, hash, ctx.now)?;
        rows::spend_links(tx, Purpose::Reset, Some(owner), ctx.now)?;
        rows::end_sessions(tx, owner, Some(keep))?;
        audit::note(tx, ctx, "password-set", ctx.by.name(), &Facts::new())
    })
}

/// The path of a fresh set-up link while nobody has set the house up; earlier ones stop working. Printed at start.
pub fn set_up_path(ctx: &Ctx<'_>) -> Result<Option<String>> {
    let token = secrets::new_token("")?;
    ctx.write(|tx| {
        if rows::is_founded(tx)? {
            return Ok(None);
        }
        rows::spend_links(tx, Purpose::SetUp, None, ctx.now)?;
        let link = OneTimeLink {
            purpose: Purpose::SetUp,
            login_id: None,
            expires_at: ctx.now.plus_secs(Purpose::SetUp.lasts_secs()),
            used_at: None,
        };
        rows::insert_link(tx, &secrets::fingerprint(&token), &link, ctx.now)?;
        Ok(Some(link_path(Purpose::SetUp, &token)))
    })
}

/// Opens a session for somebody who proved themselves in another way (set-up just finished).
pub(super) fn open_for(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    login: LoginId,
    from: &From,
    token: &str,
) -> Result<()> {
    rows::touch_login(tx, login, ctx.now)?;
    open_session(tx, ctx, login, from, token)
}

/// Who acts with this bearer token, if it was used a moment ago: nothing is read for it.
pub fn recalled(app: &App, token: &str) -> Option<Principal> {
    let hash = secrets::fingerprint(token);
    app.programs.recall(&hash, app.time.now())
}

/// Who acts with this bearer token; `None` if it doesn't work (any more). Its last use is kept to five minutes.
pub fn program(app: &App, token: &str) -> Result<Option<Principal>> {
    let now = app.time.now();
    let hash = secrets::fingerprint(token);
    if let Some(principal) = app.programs.recall(&hash, now) {
        return Ok(Some(principal));
    }
    let found = app.store.read(|conn| {
        let Some(token) = token::by_hash(conn, &hash)?.filter(|token| token.works(now)) else {
            return Ok(None);
        };
        let principal = token::principal(conn, &token)?;
        Ok(principal.map(|principal| (principal, token)))
    })?;
    let Some((principal, token)) = found else {
        return Ok(None);
    };
    if token
        .last_used_at
        .is_none_or(|at| now.secs_since(at) >= SEEN_SECS)
    {
        app.store.write(|tx| token::touch(tx, token.id, now))?;
    }
    app.programs.remember(hash, &principal, now);
    Ok(Some(principal))
}

/// What somebody wants a token for.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub name: String,
    pub owner: TokenOwner,
    /// Grants of a machine's token; ignored where the owner is a person.
    pub roles: Roles,
    pub scopes: Scopes,
    pub expires_at: Option<Timestamp>,
}

/// Makes a token; the secret is returned once and stored nowhere. One's own need no grant, a machine's and a repository's do.
pub fn make_token(ctx: &Ctx<'_>, new: &NewToken) -> Result<(TokenId, String)> {
    let secret = secrets::new_token("wk_")?;
    ctx.write(|tx| make_token_in(tx, ctx, new, &secret).map(|id| (id, secret.clone())))
}

/// As [`make_token`], inside a larger unit of work, for a secret from `secrets::new_token("wk_")`.
pub fn make_token_in(tx: &mut Tx, ctx: &Ctx<'_>, new: &NewToken, secret: &str) -> Result<TokenId> {
    match new.owner {
        TokenOwner::Person(id) => allow(&ctx.by, Action::KeepOwnAccount, Target::Of(id))?,
        TokenOwner::Service => allow(&ctx.by, Action::ManagePeople, Target::House)?,
        TokenOwner::Repository(_) => allow(&ctx.by, Action::ManageRepositories, Target::House)?,
    }
    let name = one_line("name", &new.name, NAME_CHARS)?;
    if new.scopes.is_empty() {
        return Err(FieldError::new("scopes", "required").into());
    }
    if new.expires_at.is_some_and(|at| at <= ctx.now) {
        return Err(FieldError::new("expires", "in-the-past").into());
    }
    let token = Token {
        id: Id::new(ctx.now),
        name,
        hint: secret.chars().take(9).collect(),
        owner: new.owner,
        roles: match new.owner {
            TokenOwner::Service => new.roles,
            TokenOwner::Person(_) | TokenOwner::Repository(_) => Roles::NONE,
        },
        scopes: new.scopes,
        made_at: ctx.now,
        expires_at: new.expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    token::insert(tx, &token, &secrets::fingerprint(secret))?;
    let scopes: Vec<_> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    let facts = Facts::new().with("scopes", scopes.join(" "));
    audit::note(tx, ctx, "token-made", &token.name, &facts)?;
    Ok(token.id)
}

/// Ends a token: one's own, or any by who keeps people.
pub fn revoke_token(ctx: &Ctx<'_>, id: TokenId) -> Result<()> {
    ctx.write(|tx| {
        let token = token::by_id(tx, id)?.ok_or(Error::NotFound)?;
        let own =
            matches!(token.owner, TokenOwner::Person(owner) if ctx.by.person() == Some(owner));
        if own {
            allow(&ctx.by, Action::KeepOwnAccount, Target::House)?;
        } else {
            allow(&ctx.by, Action::ManagePeople, Target::House)?;
        }
        token::revoke(tx, id, ctx.now)?;
        audit::note(tx, ctx, "token-revoked", &token.name, &Facts::new())
    })
}

/// Everything of a person's that opens a door is shut: sessions, links, and with `tokens` their tokens.
pub(super) fn shut_out(tx: &mut Tx, ctx: &Ctx<'_>, holder: Holder, tokens: bool) -> Result<()> {
    if let Some(login) = rows::login_of_holder(tx, holder)? {
        rows::end_sessions(tx, login.id, None)?;
        if tokens {
            for purpose in [Purpose::Invite, Purpose::Reset] {
                rows::spend_links(tx, purpose, Some(login.id), ctx.now)?;
            }
        }
    }
    match holder {
        Holder::Person(id) if tokens => token::revoke_all_of(tx, id, ctx.now),
        Holder::Person(_) | Holder::Contact(_) => Ok(()),
    }
}

/// Sets a password from the command line, where nobody is logged in: the machine's keeper may.
pub fn rescue_password(ctx: &Ctx<'_>, email: &EmailAddress, hash: &str) -> Result<()> {
    ctx.write(|tx| {
        let holder = people::holder(tx, email)?.ok_or(Error::NotFound)?;
        let login = ensure_login(tx, ctx, holder)?;
        rows::set_password(tx, login.id, hash, ctx.now)?;
        rows::end_sessions(tx, login.id, None)?;
        rows::forget_tries(tx, &account_key(&email.folded()))?;
        note_of(
            tx,
            ctx,
            "password-set",
            login.id,
            &Facts::new().with("by", Door::Cli),
        )
    })
}

/// A fresh link to set a password, for the command line to print.
pub fn rescue_path(ctx: &Ctx<'_>, person: PersonId) -> Result<String> {
    ctx.write(|tx| {
        let login = ensure_login(tx, ctx, Holder::Person(person))?;
        for email in people::addresses(tx, login.holder)? {
            rows::forget_tries(tx, &account_key(&email.folded()))?;
        }
        send_link(tx, ctx, &login, Purpose::Reset)
    })
}

/// The login of somebody, made if they had none.
pub(super) fn ensure_login(tx: &mut Tx, ctx: &Ctx<'_>, holder: Holder) -> Result<Login> {
    if let Some(login) = rows::login_of_holder(tx, holder)? {
        return Ok(login);
    }
    rows::insert_login(tx, Id::new(ctx.now), holder)?;
    rows::login_of_holder(tx, holder)?.ok_or_else(|| Error::internal("the login was not kept"))
}

/// What is wrong with a token's expiry or a missing one: days from now as people choose it, empty for never.
pub fn expiry(text: &str, now: Timestamp) -> std::result::Result<Option<Timestamp>, FieldError> {
    match text.trim() {
        "" => Ok(None),
        text => match text.parse::<i64>() {
            Ok(days @ 1..=3650) => Ok(Some(now.plus_secs(days * 86_400))),
            _ => Err(FieldError::new("expires", "not-days")
                .with("value", text.to_owned())
                .with("max", "3650")),
        },
    }
}
