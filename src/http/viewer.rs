//! Who is at the door: a person or contact by their session cookie, a program by its bearer token.
//!
//! [`admit`] runs inside the guard, looks the session up once and leaves [`Viewer`], [`Seat`] and the form token in the request.
//! Handlers take `viewer: Viewer`; without a session that is a detour by the log-in page, and what was typed is kept.
//! Powers are read anew for each request, so that a lost grant or a deactivation counts at once.

use std::future::{Future, Ready, ready};
use std::pin::Pin;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, ResponseError, web};
use tokio::sync::oneshot;

use super::form::{FormToken, Posted, ReadForLogIn};
use super::guard;
use super::page::{Frame, Viewer};
use super::reply::{self, Cause, Failure};
use crate::app::{App, Ctx};
use crate::domain::access::{self, Action, Principal, Role, Target};
use crate::domain::id::{LoginId, SessionId};
use crate::domain::login::SESSION_SECS;
use crate::domain::timeline::Door;
use crate::error::{Error, Result};
use crate::secrets;
use crate::store::people::Holder;
use crate::store::{Conn, login, people, settings};

/// Over HTTPS: the browser keeps it from other hosts, paths and plain HTTP.
const SECURE_COOKIE: &str = "__Host-watchkeeper";
/// Over plain HTTP, where browsers refuse the other; the page warns.
const PLAIN_COOKIE: &str = "watchkeeper";

/// The session behind this request.
#[derive(Debug, Clone)]
pub struct Seat {
    pub session_id: SessionId,
    pub login_id: LoginId,
}

/// Looks up the session and leaves the viewer in the request. Programs' doors and assets have none.
pub async fn admit(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> std::result::Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let path = req.path();
    let needs_none = path.starts_with("/api/") || path.starts_with(super::assets::PREFIX);
    let app = req.app_data::<web::Data<App>>().cloned();
    let cookie = session_token(req.request());
    if let (Some(app), Some(cookie), false) = (app, cookie, needs_none) {
        let in_the_clear = is_in_the_clear(req.request());
        let token = cookie.clone();
        let found = match on_pool(Box::new(move || look_up(&app, &token))).await {
            Ok(Ok(found)) => found,
            // An answer, not an error of the framework's: the guard names it, words it and logs it.
            Ok(Err(error)) | Err(error) => {
                let answer = Failure::from(error).error_response();
                return Ok(req.into_response(answer));
            }
        };
        if let Some((mut viewer, seat)) = found {
            viewer.frame.is_in_the_clear = in_the_clear;
            let mut extensions = req.extensions_mut();
            extensions.insert(viewer);
            extensions.insert(seat);
            extensions.insert(FormToken(secrets::derive(&cookie, "form")));
        }
    }
    let reads = matches!(*req.method(), Method::GET | Method::HEAD);
    let wanted = req
        .uri()
        .path_and_query()
        .map_or_else(|| "/".to_owned(), ToString::to_string);
    let answer = next.call(req).await?.map_into_boxed_body();
    let wants_log_in = answer
        .response()
        .extensions()
        .get::<Cause>()
        .is_some_and(|cause| cause.name == "log-in");
    if reads && wants_log_in && !needs_none {
        let (req, _) = answer.into_parts();
        let place = if wanted == "/" {
            "/log-in".to_owned()
        } else {
            format!("/log-in?then={}", percent(&wanted))
        };
        return Ok(ServiceResponse::new(req, reply::see(&place)));
    }
    Ok(answer)
}

/// A path of ours as a value in an address.
fn percent(text: &str) -> String {
    let coded = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    coded.collect()
}

fn look_up(app: &App, cookie: &str) -> Result<Option<(Viewer, Seat)>> {
    let now = app.time.now();
    let hash = secrets::fingerprint(cookie);
    let found = app.store.read(|conn| {
        let Some(session) = login::session_by_hash(conn, &hash)? else {
            return Ok(None);
        };
        if session.times.is_over(now) {
            return Ok(None);
        }
        let Some(login) = login::login(conn, session.login_id)? else {
            return Ok(None);
        };
        let Some(principal) = login::principal(conn, login.holder)? else {
            return Ok(None);
        };
        let viewer = viewer_of(conn, app, principal, login.holder)?;
        Ok(Some((viewer, session)))
    })?;
    let Some((viewer, session)) = found else {
        return Ok(None);
    };
    if session.times.wants_touch(now) {
        crate::actions::login::touch(&app.system("session", Door::Web), session.id)?;
    }
    let seat = Seat {
        session_id: session.id,
        login_id: session.login_id,
    };
    Ok(Some((viewer, seat)))
}

fn viewer_of(conn: &mut Conn, app: &App, principal: Principal, holder: Holder) -> Result<Viewer> {
    let settings = settings::all(conn)?;
    let zone = match holder {
        Holder::Person(id) => people::person(conn, id)?.map(|person| person.zone),
        Holder::Contact(id) => {
            let contact = people::contact(conn, id)?;
            match contact {
                Some(contact) if contact.zone.is_some() => contact.zone,
                Some(contact) => {
                    crate::store::customer::by_id(conn, contact.customer_id)?.map(|it| it.zone)
                }
                None => None,
            }
        }
    };
    let is_staff = principal.is_staff();
    let is_mute = is_staff && !crate::actions::settings::can_mail(app, &settings);
    let mut frame = Frame {
        house: settings.house_name,
        is_mute,
        is_damaged: is_staff && app.damage.get().is_some(),
        ..Frame::default()
    };
    if is_mute {
        frame.admins = admins(conn)?;
    }
    if let Some(person) = principal.person() {
        let chosen = people::screen_choice(conn, person)?;
        frame.still_clocks = chosen.still_clocks;
        frame.no_keys = chosen.no_keys;
    }
    if is_staff {
        super::frame::fill_trouble(conn, &mut frame)?;
        super::frame::fill(conn, &mut frame, principal.person(), app.time.now())?;
    }
    if access::may(&principal, Action::ReadAudit, Target::House).is_ok() {
        frame.differing = crate::store::sla_check::count(conn)?;
        frame.endless = crate::store::sla_check::count_endless(conn)?;
    }
    if access::may(&principal, Action::ReadMail, Target::House).is_ok() {
        let now = app.time.now();
        frame.silent_secs = crate::actions::mail_health::silent_secs(app, conn, now)?;
        frame.held = crate::store::mail_health::held(conn)?;
        frame.stuck = crate::actions::mail_health::stuck(conn, now)?;
        frame.unread = crate::actions::mailbox::failing(app, conn, now)?.map(|of| of.name);
    }
    if access::may(&principal, Action::ManageSettings, Target::House).is_ok() {
        let silent = crate::actions::self_test::silent(app, conn, app.time.now())?;
        frame.unanswered = silent.join(", ");
    }
    Ok(Viewer {
        principal,
        zone: zone.unwrap_or(settings.house_zone),
        frame,
    })
}

/// Whom to ask about the house's settings.
fn admins(conn: &mut Conn) -> Result<String> {
    let ids = people::holders_of(conn, Role::Admin)?;
    let names = people::person_names(conn, &ids)?;
    let names: Vec<&str> = ids
        .iter()
        .filter_map(|id| names.get(id).map(String::as_str))
        .collect();
    Ok(match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    })
}

impl Viewer {
    /// A unit of work of this viewer through the browser.
    pub fn ctx<'a>(&self, app: &'a App) -> Ctx<'a> {
        app.ctx(self.principal.clone(), Door::Web)
    }

    /// Runs one action or read of this viewer's on the blocking pool.
    pub fn run<T: Send + 'static>(
        &self,
        app: &web::Data<App>,
        work: impl FnOnce(&Ctx<'_>) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = std::result::Result<T, Failure>> {
        run_as(app, self.principal.clone(), Door::Web, work)
    }
}

/// Runs one action or read on the blocking pool.
pub fn run_as<T: Send + 'static>(
    app: &web::Data<App>,
    by: Principal,
    door: Door,
    work: impl FnOnce(&Ctx<'_>) -> Result<T> + Send + 'static,
) -> impl Future<Output = std::result::Result<T, Failure>> {
    let app = app.clone();
    answer_of(Box::new(move || work(&app.ctx(by, door))))
}

async fn answer_of<T: Send + 'static>(
    work: Box<dyn FnOnce() -> Result<T> + Send>,
) -> std::result::Result<T, Failure> {
    on_pool(work).await?.map_err(Failure::from)
}

/// Runs `work` on the blocking pool, inside the request's span: whatever it logs carries the request's id.
///
/// What waits and what the pool is handed are compiled once for an answer's type and not for each of some hundred handlers.
pub async fn on_pool<T: Send + 'static>(work: Box<dyn FnOnce() -> T + Send>) -> Result<T> {
    let (answer, answered) = oneshot::channel();
    on_pool_alone(Box::new(move || {
        // Whoever asked may have hung up.
        let _ = answer.send(work());
    }))
    .await?;
    answered.await.map_err(|_| no_answer())
}

async fn on_pool_alone(work: Box<dyn FnOnce() + Send>) -> Result<()> {
    let span = tracing::Span::current();
    let done = web::block(move || span.in_scope(work)).await;
    done.map_err(|_| no_answer())
}

fn no_answer() -> Error {
    Error::internal("the pool is shut, or the work panicked")
}

impl FromRequest for Viewer {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self, Failure>>>>;

    /// Without a session: the log-in page; a form's texts are read first, so that they can be carried on.
    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if let Some(viewer) = req.extensions().get::<Viewer>().cloned() {
            return Box::pin(ready(Ok(viewer)));
        }
        if *req.method() == Method::GET || *req.method() == Method::HEAD {
            return Box::pin(ready(Err(Failure::LogIn)));
        }
        let posted = Posted::from_request(req, payload);
        req.extensions_mut().insert(ReadForLogIn);
        Box::pin(async move {
            // Whatever is wrong with the form, the first thing to say is that nobody is logged in.
            drop(posted.await);
            Err(Failure::LogIn)
        })
    }
}

impl FromRequest for Seat {
    type Error = Failure;
    type Future = Ready<std::result::Result<Self, Failure>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            req.extensions()
                .get::<Seat>()
                .cloned()
                .ok_or(Failure::LogIn),
        )
    }
}

/// A program with a token: `Authorization: Bearer wk_…`. Cookies count for nothing at its doors.
#[derive(Debug, Clone)]
pub struct Program {
    pub principal: Principal,
}

impl Program {
    /// Runs one action or read of this program's on the blocking pool.
    pub async fn run<T: Send + 'static>(
        &self,
        app: &web::Data<App>,
        work: impl FnOnce(&Ctx<'_>) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, Failure> {
        run_as(app, self.principal.clone(), Door::Api, work).await
    }
}

impl FromRequest for Program {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self, Failure>>>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let app = req.app_data::<web::Data<App>>().cloned();
        let token = bearer(req);
        Box::pin(async move {
            let (Some(app), Some(token)) = (app, token) else {
                return Err(Failure::LogIn);
            };
            let found = on_pool(Box::new(move || {
                crate::actions::login::program(&app, &token)
            }))
            .await?;
            match found? {
                Some(principal) => Ok(Program { principal }),
                None => Err(Failure::LogIn),
            }
        })
    }
}

/// The bearer token of a request, if it carries one of ours.
pub fn bearer(req: &HttpRequest) -> Option<String> {
    let value = req.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    let ours = scheme.eq_ignore_ascii_case("bearer") && token.starts_with("wk_");
    ours.then(|| token.to_owned())
}

/// Whether the browser speaks HTTPS with us, or with a proxy that we trust to say so.
pub fn is_https(req: &HttpRequest) -> bool {
    let Some(app) = req.app_data::<web::Data<App>>() else {
        return false;
    };
    if app.config.tls.is_some() {
        return true;
    }
    let trusted = req
        .peer_addr()
        .is_some_and(|peer| app.config.trusted_proxies.contains(&peer.ip()));
    let said = req
        .headers()
        .get("x-forwarded-proto")
        .and_then(|value| value.to_str().ok());
    trusted && said.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
}

/// Plain HTTP with somebody who isn't on this machine.
fn is_in_the_clear(req: &HttpRequest) -> bool {
    let is_far = guard::address_of(req).is_some_and(|address| !address.is_loopback());
    is_far && !is_https(req)
}

/// The token of the browser's session cookie, whether or not it works.
pub fn session_token(req: &HttpRequest) -> Option<String> {
    let name = if is_https(req) {
        SECURE_COOKIE
    } else {
        PLAIN_COOKIE
    };
    req.cookie(name).map(|cookie| cookie.value().to_owned())
}

/// The cookie that carries a new session.
pub fn cookie_for(req: &HttpRequest, token: String) -> Cookie<'static> {
    let https = is_https(req);
    let name = if https { SECURE_COOKIE } else { PLAIN_COOKIE };
    Cookie::build(name, token)
        .path("/")
        .http_only(true)
        .secure(https)
        // Lax, so that a link in a mail opens its ticket; forms are guarded by Origin and token.
        .same_site(SameSite::Lax)
        .max_age(actix_web::cookie::time::Duration::seconds(SESSION_SECS))
        .finish()
}

/// Makes the browser forget its session.
pub fn no_cookie(req: &HttpRequest) -> Cookie<'static> {
    let mut cookie = cookie_for(req, String::new());
    cookie.make_removal();
    cookie
}
