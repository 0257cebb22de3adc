//! Logging in and out, forgotten passwords, invitations.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::inputs::Answer;
use crate::actions::login::{self, From};
use crate::app::{App, Ctx};
use crate::domain::access::Principal;
use crate::domain::login::{PASSWORD_BYTES, Purpose, check_password};
use crate::domain::refusal::FieldError;
use crate::domain::timeline::Door;
use crate::error::{Error, Result};
use crate::http::form::{Form, Posted};
use crate::http::guard;
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::http::viewer::{Seat, cookie_for, no_cookie, run_as, session_token};
use crate::secrets;
use crate::store;
use crate::words::Words;

#[derive(Template)]
#[template(path = "account/log_in.html")]
struct LogInPage {
    p: Page,
    form: Form,
    /// Where to go afterwards, a path of ours.
    then: String,
    problem: Option<String>,
    is_founded: bool,
    kept: Vec<(String, String)>,
}

#[derive(Deserialize)]
pub struct Then {
    #[serde(default)]
    then: String,
}

/// A place of ours to go to, or the start: never another site's, however it is written.
fn safe(then: &str) -> &str {
    let ours = then.starts_with('/')
        && !then.starts_with("//")
        && !then.contains('\\')
        && !then.chars().any(char::is_control);
    if ours { then } else { "/" }
}

/// From where this request comes, as the session list will show it.
pub(super) fn from(req: &HttpRequest) -> From {
    let browser = req
        .headers()
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    From {
        browser: browser.unwrap_or_default().to_owned(),
        network: guard::address_of(req)
            .map(|address| address.to_string())
            .unwrap_or_default(),
    }
}

/// Somebody who isn't logged in: our own rules act for them.
async fn at_the_door<T: Send + 'static>(
    app: &web::Data<App>,
    work: impl FnOnce(&Ctx<'_>) -> Result<T> + Send + 'static,
) -> std::result::Result<T, Failure> {
    run_as(app, Principal::System("door"), Door::Web, work).await
}

pub async fn log_in_form(
    req: HttpRequest,
    app: web::Data<App>,
    query: web::Query<Then>,
    viewer: Option<Viewer>,
) -> Answer {
    let then = safe(&query.then).to_owned();
    if viewer.is_some() {
        return Ok(reply::see(&then));
    }
    let is_founded = at_the_door(&app, |ctx| ctx.read(store::login::is_founded)).await?;
    reply::page(&LogInPage {
        p: Page::new(&req, "log-in-title"),
        form: Form::new(Words::english()),
        then,
        problem: None,
        kept: Vec::new(),
        is_founded,
    })
}

pub async fn log_in(req: HttpRequest, app: web::Data<App>, posted: Posted) -> Answer {
    let from = from(&req);
    let email = posted.text("email").to_owned();
    let password = posted.text("password").to_owned();
    let old = session_token(&req);
    let entered = at_the_door(&app, move |ctx| {
        let knock = login::knock(ctx, &email, &from)?;
        // What nobody can have as a password isn't worth hashing at its full length.
        let tried = if password.len() > PASSWORD_BYTES {
            ""
        } else {
            &password
        };
        let fits = secrets::password_fits(tried, knock.password_hash.as_deref())?;
        login::enter(ctx, &knock, fits, &from, old.as_deref())
    })
    .await;
    let words = Words::english();
    let (status, problem) = match entered {
        Ok(Some(token)) => {
            let mut answer = match carried(&req, &posted, &token)? {
                Some(page) => page,
                None => reply::see(safe(posted.text("then"))),
            };
            add_cookie(&mut answer, cookie_for(&req, token))?;
            return Ok(answer);
        }
        Ok(None) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            words.t("log-in-wrong").into_owned(),
        ),
        Err(Failure::House(Error::Refused(refusal))) => {
            (StatusCode::TOO_MANY_REQUESTS, words.refusal(&refusal))
        }
        Err(other) => return Err(other),
    };
    let page = LogInPage {
        p: Page::new(&req, "log-in-title"),
        form: Form::kept(words, &posted, Vec::new()),
        then: safe(posted.text("then")).to_owned(),
        problem: Some(problem),
        kept: kept(&posted),
        is_founded: true,
    };
    reply::page_with(status, &page)
}

/// What somebody was writing when their session ended, as hidden fields: `kept-to` and `kept.<name>`.
fn kept(posted: &Posted) -> Vec<(String, String)> {
    let is_kept = |name: &str| name == "kept-to" || name.starts_with("kept.");
    posted
        .texts
        .iter()
        .filter(|(name, _)| is_kept(name))
        .cloned()
        .collect()
}

#[derive(Template)]
#[template(path = "account/carried.html")]
struct CarriedPage {
    p: Page,
    place: String,
    token: String,
    texts: Vec<(String, String)>,
}

/// Back in after a session ended while writing: the form as it was sent, one press away from being sent again.
fn carried(
    req: &HttpRequest,
    posted: &Posted,
    session: &str,
) -> std::result::Result<Option<HttpResponse>, Failure> {
    let place = posted.text("kept-to");
    if place.is_empty() || safe(place) != place {
        return Ok(None);
    }
    let texts = posted.texts.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix("kept.")?;
        Some((name.to_owned(), value.clone()))
    });
    let page = CarriedPage {
        p: Page::new(req, "carried-title"),
        place: place.to_owned(),
        token: secrets::derive(session, "form"),
        texts: texts.collect(),
    };
    reply::page(&page).map(Some)
}

pub(super) fn add_cookie(
    answer: &mut HttpResponse,
    cookie: actix_web::cookie::Cookie<'static>,
) -> std::result::Result<(), Failure> {
    answer
        .add_cookie(&cookie)
        .map_err(|error| Error::internal(error).into())
}

pub async fn log_out(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    seat: Seat,
    _form: Posted,
) -> Answer {
    let ended = viewer
        .run(&app, move |ctx| {
            login::end_session(ctx, seat.login_id, seat.session_id)
        })
        .await;
    match ended {
        Ok(()) | Err(Failure::House(Error::NotFound)) => {}
        Err(other) => return Err(other),
    }
    let mut answer = reply::see_saying("/log-in", "said-logged-out", "");
    // What this browser keeps of our pages goes with the session (ASVS 14.3.1).
    answer.headers_mut().insert(
        header::HeaderName::from_static("clear-site-data"),
        header::HeaderValue::from_static("\"cache\", \"storage\""),
    );
    add_cookie(&mut answer, no_cookie(&req))?;
    Ok(answer)
}

#[derive(Template)]
#[template(path = "account/forgotten.html")]
struct ForgottenPage {
    p: Page,
    form: Form,
    problem: Option<String>,
    is_sent: bool,
}

pub async fn forgotten_form(req: HttpRequest) -> Answer {
    reply::page(&ForgottenPage {
        p: Page::new(&req, "forgotten-title"),
        form: Form::new(Words::english()),
        problem: None,
        is_sent: false,
    })
}

/// The answer is the same whether the address is known or not.
pub async fn forgotten(req: HttpRequest, app: web::Data<App>, posted: Posted) -> Answer {
    let from = from(&req);
    let email = posted.text("email").to_owned();
    let asked = at_the_door(&app, move |ctx| login::ask_reset(ctx, &email, &from)).await;
    let words = Words::english();
    let (status, problem, errors, is_sent) = match asked {
        Ok(()) => (StatusCode::OK, None, Vec::new(), true),
        Err(Failure::House(Error::Refused(refusal))) => (
            StatusCode::TOO_MANY_REQUESTS,
            Some(words.refusal(&refusal)),
            Vec::new(),
            false,
        ),
        Err(Failure::House(Error::Invalid(errors))) => {
            (StatusCode::UNPROCESSABLE_ENTITY, None, errors, false)
        }
        Err(other) => return Err(other),
    };
    let page = ForgottenPage {
        p: Page::new(&req, "forgotten-title"),
        form: Form::kept(words, &posted, errors),
        problem,
        is_sent,
    };
    reply::page_with(status, &page)
}

#[derive(Template)]
#[template(path = "account/choose_password.html")]
struct ChoosePage {
    p: Page,
    form: Form,
    action: String,
    lead: &'static str,
    name: String,
}

pub async fn reset_form(req: HttpRequest, app: web::Data<App>, token: web::Path<String>) -> Answer {
    choose_form(req, app, token.into_inner(), Purpose::Reset).await
}

pub async fn reset(
    req: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
    posted: Posted,
) -> Answer {
    choose(req, app, token.into_inner(), Purpose::Reset, posted).await
}

pub async fn invitation_form(
    req: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
) -> Answer {
    choose_form(req, app, token.into_inner(), Purpose::Invite).await
}

pub async fn invitation(
    req: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
    posted: Posted,
) -> Answer {
    choose(req, app, token.into_inner(), Purpose::Invite, posted).await
}

async fn choose_form(
    req: HttpRequest,
    app: web::Data<App>,
    token: String,
    purpose: Purpose,
) -> Answer {
    let about = holder(&app, token, purpose).await?;
    let form = Form::new(Words::english());
    reply::page(&choose_page(&req, form, purpose, about))
}

async fn holder(
    app: &web::Data<App>,
    token: String,
    purpose: Purpose,
) -> std::result::Result<Vec<String>, Failure> {
    at_the_door(app, move |ctx| {
        let found = ctx.read(|conn| login::link_holder(conn, &token, purpose, ctx.now))?;
        Ok(found.1)
    })
    .await
}

fn choose_page(req: &HttpRequest, form: Form, purpose: Purpose, about: Vec<String>) -> ChoosePage {
    let (title, lead) = match purpose {
        Purpose::Invite | Purpose::SetUp => ("invitation-title", "invitation-lead"),
        Purpose::Reset => ("reset-title", "reset-lead"),
    };
    ChoosePage {
        p: Page::new(req, title),
        form,
        action: req.path().to_owned(),
        lead,
        name: about.into_iter().next().unwrap_or_default(),
    }
}

async fn choose(
    req: HttpRequest,
    app: web::Data<App>,
    token: String,
    purpose: Purpose,
    posted: Posted,
) -> Answer {
    let about = holder(&app, token.clone(), purpose).await?;
    if let Err(errors) = new_password(&posted, &about) {
        let form = Form::kept(Words::english(), &posted, errors);
        let page = choose_page(&req, form, purpose, about);
        return reply::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let password = posted.text("password").to_owned();
    at_the_door(&app, move |ctx| {
        let hash = secrets::hash_password(&password)?;
        login::choose_password(ctx, &token, purpose, &hash)
    })
    .await?;
    Ok(reply::see_saying("/log-in", "said-password-set", ""))
}

/// The password of a form that asks for it twice.
pub(super) fn new_password(
    posted: &Posted,
    about: &[String],
) -> std::result::Result<(), Vec<FieldError>> {
    let about: Vec<&str> = about.iter().map(String::as_str).collect();
    let password = posted.text("password");
    check_password(password, &about).map_err(|error| vec![error])?;
    if posted.text("password_again") != password {
        return Err(vec![FieldError::new("password_again", "passwords-differ")]);
    }
    Ok(())
}
