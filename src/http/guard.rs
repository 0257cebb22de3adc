//! What every request passes on its way in and every answer on its way out.
//!
//! In: a request id, which is in the span of everything that is logged on its way; at most so many requests at once per address; forms from other sites are refused; a body that comes too
//! slowly is cut, and with it the connection. Out: failures become pages that name the request and keep what was typed; one
//! line in the log.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use futures_util::future::poll_fn;
use futures_util::stream::unfold;
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use super::form::Kept;
use super::page::{Arrival, Page, SAID_COOKIE};
use super::reply::{self, Cause, Failure, Fault};
use crate::app::App;
use crate::domain::refusal::Refusal;
use crate::error::Error;

/// How fast a body has to come.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// It has this long before its speed counts.
    pub patience: Duration,
    /// One of known size must come at this speed on the whole.
    pub bytes_per_sec: u64,
    /// And none may ever fall below this.
    pub least_bytes_per_sec: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(10),
            bytes_per_sec: 50_000,
            least_bytes_per_sec: 1_000,
        }
    }
}

/// Requests that one address may have under way at once. Loopback is not counted: proxies and our own tools live there.
const AT_ONCE: u32 = 64;

/// Requests under way, per address.
#[derive(Default)]
pub struct Crowd(Mutex<HashMap<IpAddr, u32>>);

impl Crowd {
    /// A place for one request, or `None` when the address has too many. The place is given back when it is dropped.
    fn enter(self: &std::sync::Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut inside = self.0.lock().unwrap_or_else(|poison| poison.into_inner());
        let count = inside.entry(address).or_default();
        if *count >= AT_ONCE {
            return None;
        }
        *count += 1;
        Some(Place {
            crowd: self.clone(),
            address,
        })
    }
}

struct Place {
    crowd: std::sync::Arc<Crowd>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self
            .crowd
            .0
            .lock()
            .unwrap_or_else(|poison| poison.into_inner());
        if let Some(count) = inside.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                inside.remove(&self.address);
            }
        }
    }
}

/// The outermost layer of the web server: `App::new().wrap(middleware::from_fn(guard::watch))`. Needs `web::Data<App>`; with
/// `web::Data<Crowd>` it also counts per address.
pub async fn watch(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let began = Instant::now();
    let now = req.app_data::<web::Data<App>>().map(|app| app.time.now());
    let id = uuid::Uuid::new_v4().simple().to_string()[..12].to_owned();
    // As an error's span it is there whatever the log's filter lets through.
    let span = tracing::error_span!("request", id, method = %req.method());
    if let Some(now) = now {
        req.extensions_mut().insert(Arrival {
            id: id.clone(),
            now,
        });
    }
    let pace = req.app_data::<web::Data<Pace>>().map(|pace| ***pace);
    let coming = hurry(&mut req, pace.unwrap_or_default());
    let crowd = req.app_data::<web::Data<Crowd>>().cloned();
    let _place = match (crowd, client_address(&req)) {
        (Some(crowd), Some(address)) if !address.is_loopback() => {
            match crowd.into_inner().enter(address) {
                Some(place) => Some(place),
                None => {
                    let too_many = Failure::TooMany { retry_secs: 2 };
                    let refused = refused(req, too_many, &id);
                    note(&span, &refused, began, None);
                    return Ok(hang_up(refused, coming));
                }
            }
        }
        _ => None,
    };
    if let Err(refusal) = from_our_own_page(&req) {
        let refused = refused(req, Error::Forbidden(refusal).into(), &id);
        note(&span, &refused, began, None);
        return Ok(hang_up(refused, coming));
    }
    let had_said = req.cookie(SAID_COOKIE).is_some();
    let answer = next.call(req).instrument(span.clone()).await?;
    let is_too_slow = coming
        .as_ref()
        .is_some_and(|body| body.fate.get() == Fate::TooSlow);
    let mut answer = if is_too_slow {
        let (req, _) = answer.into_parts();
        ServiceResponse::new(req, Failure::TooSlow.error_response())
    } else {
        answer.map_into_boxed_body()
    };
    let fault = broken(&mut answer);
    answer = dress(answer);
    let fault = fault.or_else(|| broken(&mut answer));
    note(&span, &answer, began, fault);
    if had_said && answer.status().is_success() && is_html(answer.response()) {
        forget_said(&mut answer);
    }
    seal(&mut answer, &id);
    Ok(hang_up(answer, coming))
}

/// An answer that takes this long is told of in the log.
const SLOW: Duration = Duration::from_secs(1);

/// One line of the log for each request: id and method (in its span), the pattern of its route (an address may hold a token, and
/// is never logged), status, milliseconds. What broke is an error, what took long is for information; all others are for
/// debugging, so that a thousand of them a second cost nothing. `log = info,watchkeeper::http::guard=debug` shows all.
fn note(
    span: &tracing::Span,
    answer: &ServiceResponse<BoxBody>,
    began: Instant,
    fault: Option<Fault>,
) {
    let took = began.elapsed();
    let status = answer.status();
    let ms = took.as_millis() as u64;
    // Looking the pattern up walks the table of routes: only when the line is written.
    let route = || {
        let pattern = answer.request().match_pattern();
        pattern.unwrap_or_else(|| "none".to_owned())
    };
    span.in_scope(|| {
        let status_code = status.as_u16();
        if status.is_server_error() {
            let error = fault.map(|fault| fault.0).unwrap_or_default();
            tracing::error!(
                route = route(),
                status = status_code,
                ms,
                error,
                "a request failed"
            );
        } else if took >= SLOW {
            tracing::info!(route = route(), status = status_code, ms, "a slow request");
        } else {
            tracing::debug!(route = route(), status = status_code, ms, "a request");
        }
    });
}

/// What broke, if the answer carries it.
fn broken(answer: &mut ServiceResponse<BoxBody>) -> Option<Fault> {
    answer.response_mut().extensions_mut().remove::<Fault>()
}

/// The address that a request comes from: the peer's, or what a trusted proxy says.
pub fn client_address(req: &ServiceRequest) -> Option<IpAddr> {
    address_of(req.request())
}

/// As [`client_address`], for handlers. Of a chain of proxies the last address that isn't a trusted proxy's counts.
pub fn address_of(req: &HttpRequest) -> Option<IpAddr> {
    let peer = req.peer_addr()?.ip();
    let trusted = req
        .app_data::<web::Data<App>>()
        .map(|app| app.config.trusted_proxies.clone())
        .unwrap_or_default();
    if !trusted.contains(&peer) {
        return Some(peer);
    }
    let chain = req
        .headers()
        .get_all("x-forwarded-for")
        .filter_map(|value| value.to_str().ok());
    let hops: Vec<IpAddr> = chain
        .flat_map(|value| value.split(','))
        .filter_map(|hop| hop.trim().parse().ok())
        .collect();
    Some(
        hops.into_iter()
            .rev()
            .find(|hop| !trusted.contains(hop))
            .unwrap_or(peer),
    )
}

/// Forms may come from our own pages only. Browsers say where a request comes from in `Sec-Fetch-Site`, older ones in `Origin`;
/// what says neither is no browser, and has no session to abuse. (OWASP CSRF cheat sheet: Fetch Metadata with Origin fallback;
/// the token in each form is the second lock.)
fn from_our_own_page(req: &ServiceRequest) -> Result<(), Refusal> {
    let is_reading = matches!(*req.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // Programs speak here, with tokens of their own and without cookies.
    if is_reading || req.path().starts_with("/api/") {
        return Ok(());
    }
    let head = |name: &str| {
        req.headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let is_ours = match (head("sec-fetch-site"), head("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = head("host").unwrap_or_default();
            origin
                .split_once("://")
                .is_some_and(|(_, place)| place.eq_ignore_ascii_case(host))
        }
        (None, None) => true,
    };
    if is_ours {
        Ok(())
    } else {
        Err(Refusal::new("other-site"))
    }
}

/// How far a body has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Coming,
    Ended,
    TooSlow,
}

/// A body on its way in: what reads it, and how far it has come.
struct Coming {
    payload: Rc<RefCell<Payload>>,
    fate: Rc<Cell<Fate>>,
}

/// Wraps the body so that it ends with an error when it comes too slowly; actix itself waits for ever (stack.md, trap 5).
/// `None` for a request without a body.
fn hurry(req: &mut ServiceRequest, pace: Pace) -> Option<Coming> {
    let payload = req.take_payload();
    if matches!(payload, Payload::None) {
        return None;
    }
    let announced = req
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok())
        .unwrap_or(0);
    let began = Instant::now();
    let whole = (announced > 0)
        .then(|| began + pace.patience + Duration::from_secs(announced / pace.bytes_per_sec));
    let payload = Rc::new(RefCell::new(payload));
    let fate = Rc::new(Cell::new(Fate::Coming));
    let coming = Coming {
        payload: payload.clone(),
        fate: fate.clone(),
    };
    let watched = unfold(0_u64, move |received| {
        let (payload, fate) = (payload.clone(), fate.clone());
        async move {
            if fate.get() != Fate::Coming {
                return None;
            }
            let earned = Duration::from_millis(received * 1_000 / pace.least_bytes_per_sec);
            let at_least = began + pace.patience + earned;
            let until = whole.map_or(at_least, |whole| whole.min(at_least));
            let next = poll_fn(|cx| payload.borrow_mut().poll_next_unpin(cx));
            match timeout_at(until, next).await {
                Ok(Some(Ok(chunk))) => {
                    let received = received + chunk.len() as u64;
                    Some((Ok(chunk), received))
                }
                Ok(Some(Err(error))) => {
                    fate.set(Fate::Ended);
                    Some((Err(error), received))
                }
                Ok(None) => {
                    fate.set(Fate::Ended);
                    None
                }
                Err(_) => {
                    fate.set(Fate::TooSlow);
                    let error = std::io::Error::new(
                        std::io::ErrorKind::TimedOut,
                        "the body came too slowly",
                    );
                    Some((Err(PayloadError::Io(error)), received))
                }
            }
        }
    });
    // The reader of multipart forms asks once more after the end.
    let watched = watched.fuse();
    let watched: Pin<Box<dyn Stream<Item = Result<web::Bytes, PayloadError>>>> = Box::pin(watched);
    req.set_payload(Payload::from(watched));
    Some(coming)
}

/// An answer that is there before the request has ended. Whoever sends on is hung up on.
///
/// actix reads the rest of a chunked body that nobody wants, for as long as somebody sends it; while its reader is still held
/// when the answer has gone out, it closes after `client_disconnect_timeout` instead.
struct LastWord {
    answer: BoxBody,
    _held: Rc<RefCell<Payload>>,
}

impl MessageBody for LastWord {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        Pin::new(&mut self.answer).poll_next(cx)
    }
}

fn hang_up(answer: ServiceResponse<BoxBody>, coming: Option<Coming>) -> ServiceResponse<BoxBody> {
    match coming {
        Some(body) if body.fate.get() != Fate::Ended => answer.map_body(|_, answer| {
            BoxBody::new(LastWord {
                answer,
                _held: body.payload,
            })
        }),
        _ => answer,
    }
}

fn refused(req: ServiceRequest, failure: Failure, id: &str) -> ServiceResponse<BoxBody> {
    let mut answer = dress(req.into_response(failure.error_response()));
    seal(&mut answer, id);
    answer
}

/// What no answer goes without: the request's id, and a policy. A page has its own; what is none (a style sheet, an answer to a program)
/// may do nothing at all, should somebody open it as one.
fn seal(answer: &mut ServiceResponse<BoxBody>, id: &str) {
    let headers = answer.headers_mut();
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let policy = header::HeaderValue::from_static("default-src 'none'; sandbox");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    let no_guessing = header::HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, no_guessing);
    if let Ok(value) = header::HeaderValue::from_str(id) {
        answer
            .headers_mut()
            .insert(header::HeaderName::from_static("x-request-id"), value);
    }
}

fn is_html(answer: &HttpResponse<BoxBody>) -> bool {
    let kind = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

fn forget_said(answer: &mut ServiceResponse<BoxBody>) {
    let cookie = format!("{SAID_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    if let Ok(value) = header::HeaderValue::from_str(&cookie) {
        answer.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// The page of a failure: what happened, what to do, the request's id, and whatever was typed.
#[derive(Template)]
#[template(path = "error/page.html")]
struct ErrorPage {
    p: Page,
    status: u16,
    text: String,
    reason: Option<String>,
    problems: Vec<String>,
    kept: Vec<(String, String)>,
    back: Option<String>,
    /// Where the form went that was sent without a session: logging in carries it on.
    resend: Option<String>,
    carried: Vec<(String, String)>,
}

/// Turns a failed answer into a page, unless it is one already or belongs to a program.
fn dress(answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let status = answer.status();
    let is_failure = status.is_client_error() || status.is_server_error();
    let req = answer.request();
    let is_call = req.path().starts_with("/api/");
    let for_program = req
        .headers()
        .get(header::ACCEPT)
        .is_some_and(|accept| accept == "application/json");
    let (cause, is_empty) = {
        let response = answer.response();
        let extensions = response.extensions();
        (
            extensions.get::<Cause>().cloned(),
            response.headers().get(header::CONTENT_TYPE).is_none(),
        )
    };
    if is_failure && is_call && (cause.is_some() || is_empty) {
        let problem = super::api::problem::of_bare(status, cause.as_ref());
        return carry_on(answer, problem);
    }
    // A page of its own, a download, an asset: left as it is. The framework's own answers (404 of no route, 405) are bare.
    if !is_failure
        || is_call
        || for_program
        || (cause.is_none() && !is_empty)
        || req.path().starts_with(super::assets::PREFIX)
    {
        return answer;
    }
    let cause = cause.unwrap_or(Cause {
        name: match status {
            StatusCode::NOT_FOUND => "missing",
            StatusCode::METHOD_NOT_ALLOWED => "malformed",
            _ if status.is_server_error() => "internal",
            _ => "malformed",
        },
        refusal: None,
        problems: Vec::new(),
    });
    let (req, old) = answer.into_parts();
    let page = Page::new(&req, &format!("error-{}-title", cause.name));
    let words = page.words;
    let kept = req
        .extensions()
        .get::<Kept>()
        .map(|kept| kept.0.clone())
        .unwrap_or_default();
    let back = req
        .headers()
        .get(header::REFERER)
        .and_then(|value| value.to_str().ok())
        .and_then(|from| from.split_once("://"))
        .and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned()))
        .filter(|path| !path.starts_with("//"));
    let is_carried = cause.name == "log-in" && !kept.is_empty();
    let resend = is_carried.then(|| req.path().to_owned());
    let carried = if is_carried { kept.clone() } else { Vec::new() };
    let template = ErrorPage {
        text: words.t(&format!("error-{}-text", cause.name)).into_owned(),
        reason: cause.refusal.as_ref().map(|refusal| words.refusal(refusal)),
        problems: cause
            .problems
            .iter()
            .map(|error| words.problem(error))
            .collect(),
        kept: kept
            .into_iter()
            .filter(|(name, value)| {
                name != "rev" && name != super::form::ONCE && !value.trim().is_empty()
            })
            .collect(),
        status: status.as_u16(),
        back,
        resend,
        carried,
        p: page,
    };
    let fresh =
        reply::page_with(status, &template).unwrap_or_else(|failure| failure.error_response());
    carry_on(ServiceResponse::new(req, old), fresh)
}

/// Puts `fresh` in the place of a failed answer, with the headers that say how to go on.
fn carry_on(
    answer: ServiceResponse<BoxBody>,
    mut fresh: HttpResponse<BoxBody>,
) -> ServiceResponse<BoxBody> {
    let status = answer.status();
    let (req, old) = answer.into_parts();
    if let Some(after) = old.headers().get(header::RETRY_AFTER) {
        fresh
            .headers_mut()
            .insert(header::RETRY_AFTER, after.clone());
    }
    if old.head().upgrade() || status == StatusCode::REQUEST_TIMEOUT {
        fresh
            .head_mut()
            .set_connection_type(actix_web::http::ConnectionType::Close);
    }
    ServiceResponse::new(req, fresh)
}
