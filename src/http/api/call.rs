//! One call of the API from its bytes to its answer: who, what, at which version, and whether it was asked before.
//!
//! The token is judged before anything else of a call is looked at: who has none learns nothing, not even that an address
//! or a body is wrong. Then the call crosses to the blocking pool, where its body is read and its action runs. With an
//! `Idempotency-Key` the answer is kept in the transaction of the change, so that a repetition, even after a crash, gets the
//! same answer and changes nothing. Only what succeeded is kept: what was refused changed nothing and may be tried again.

pub mod files;

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::problem::Failure;
use super::read;
use crate::actions;
use crate::app::{App, Ctx};
use crate::domain::access::Principal;
use crate::domain::id::{Id, TicketKey};
use crate::domain::refusal::Refusal;
use crate::domain::timeline::Door;
use crate::error::{Error, Result};
use crate::http::viewer::{bearer, on_pool};
use crate::store::blob::Hash;
use crate::store::idempotency::Kept;

/// The largest body of a call.
pub const BODY_BYTES: usize = 1024 * 1024;
const KEY_CHARS: usize = 200;

pub type Reply = std::result::Result<HttpResponse, Failure>;

/// A body without any field.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A call on its way in. `T` is what its body says.
pub struct Call<T = Nothing> {
    app: web::Data<App>,
    req: HttpRequest,
    by: Principal,
    bytes: web::Bytes,
    /// The version that the caller saw, from `If-Match`.
    pub rev: Option<i64>,
    key: Option<String>,
    reads_as: std::marker::PhantomData<fn() -> T>,
}

impl<T: 'static> FromRequest for Call<T> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self, Failure>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let req = req.clone();
        let payload = payload.take();
        Box::pin(async move {
            let (app, by) = caller(&req).await?;
            let has_body = !matches!(*req.method(), Method::GET | Method::HEAD);
            let bytes = if has_body {
                gather(&req, payload, "application/json", BODY_BYTES).await?
            } else {
                web::Bytes::new()
            };
            Ok(Self {
                rev: if_match(&req)?,
                key: idempotency_key(&req)?.filter(|_| has_body),
                app,
                req,
                by,
                bytes,
                reads_as: std::marker::PhantomData,
            })
        })
    }
}

/// A call whose body is lines, each of them JSON. It only asks: nothing may be written.
pub struct Lines {
    app: web::Data<App>,
    by: Principal,
    bytes: web::Bytes,
}

/// The largest body of lines.
pub const LINES_BYTES: usize = 16 * 1024 * 1024;
pub const LINES_TYPE: &str = "application/x-ndjson";

impl FromRequest for Lines {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self, Failure>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let req = req.clone();
        let payload = payload.take();
        Box::pin(async move {
            let (app, by) = caller(&req).await?;
            let bytes = gather(&req, payload, LINES_TYPE, LINES_BYTES).await?;
            Ok(Self { app, by, bytes })
        })
    }
}

impl Lines {
    /// Answers with lines.
    pub async fn answer(
        self,
        work: impl FnOnce(&Ctx<'_>, &[u8]) -> Result<Vec<u8>> + Send + 'static,
    ) -> Reply {
        let Self { app, by, bytes } = self;
        let lines = on_pool(Box::new(move || work(&app.ctx(by, Door::Api), &bytes))).await?;
        Ok(HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::CONTENT_TYPE, LINES_TYPE))
            .body(lines?))
    }
}

async fn caller(req: &HttpRequest) -> std::result::Result<(web::Data<App>, Principal), Failure> {
    let app = req.app_data::<web::Data<App>>().cloned();
    let app = app.ok_or_else(|| Error::internal("the server has no app"))?;
    let token = bearer(req).ok_or(Failure::NoToken)?;
    let by = judged(&app, token).await?;
    Ok((app, by))
}

/// The whole body, which must be of this type, and of at most so many bytes.
async fn gather(
    req: &HttpRequest,
    payload: Payload,
    media_type: &'static str,
    most: usize,
) -> std::result::Result<web::Bytes, Failure> {
    let bytes = gather_any(payload, most).await?;
    let is_wanted = req
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case(media_type));
    if !bytes.is_empty() && !is_wanted {
        return Err(Failure::NotJson(media_type));
    }
    Ok(bytes)
}

/// The whole body, whatever it is, of at most so many bytes.
pub(super) async fn gather_any(
    mut payload: Payload,
    most: usize,
) -> std::result::Result<web::Bytes, Failure> {
    let mut bytes = web::BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| match error {
            PayloadError::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                Failure::TooSlow
            }
            PayloadError::Overflow => Failure::TooBig(most),
            other => Failure::Malformed(other.to_string()),
        })?;
        if bytes.len() + chunk.len() > most {
            return Err(Failure::TooBig(most));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// `If-Match: "7"`: the version from an `ETag`. `*` matches any.
fn if_match(req: &HttpRequest) -> std::result::Result<Option<i64>, Failure> {
    let Some(value) = req.headers().get(header::IF_MATCH) else {
        return Ok(None);
    };
    let wrong = || Failure::BadHeader("If-Match");
    let text = value.to_str().map_err(|_| wrong())?.trim();
    if text == "*" {
        return Ok(None);
    }
    let text = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    text.parse().map(Some).map_err(|_| wrong())
}

fn idempotency_key(req: &HttpRequest) -> std::result::Result<Option<String>, Failure> {
    let Some(value) = req.headers().get("idempotency-key") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    // PostgreSQL takes no NUL in texts, and logs no control characters: a header can't hold them once it is visible ASCII.
    if text.is_empty() || text.len() > KEY_CHARS {
        return Err(Failure::BadHeader("Idempotency-Key"));
    }
    Ok(Some(text.to_owned()))
}

impl<T> Call<T> {
    /// A part of the address as a ticket's key; what is no key names nothing.
    pub fn ticket(&self, name: &str) -> std::result::Result<TicketKey, Failure> {
        self.part(name).parse().map_err(|()| Failure::NoRoute)
    }

    /// A part of the address as an id.
    pub fn id<M>(&self, name: &str) -> std::result::Result<Id<M>, Failure> {
        Id::parse(self.part(name)).ok_or(Failure::NoRoute)
    }

    pub fn number(&self, name: &str) -> std::result::Result<i64, Failure> {
        self.part(name).parse().map_err(|_| Failure::NoRoute)
    }

    /// A part of the address as a text.
    pub fn text(&self, name: &str) -> String {
        // The router decodes all but these three. Many clients write a plus so: `carol%2Bphone@…`.
        let part = self.part(name);
        let part = part.replace("%2B", "+").replace("%2b", "+");
        let part = part.replace("%2F", "/").replace("%2f", "/");
        part.replace("%25", "%")
    }

    fn part(&self, name: &str) -> &str {
        self.req.match_info().get(name).unwrap_or_default()
    }

    /// The query as `Q`; parameters that `Q` doesn't know are refused by name.
    pub fn query<Q: DeserializeOwned>(&self) -> std::result::Result<Q, Failure> {
        read::query(self.req.query_string())
    }
}

impl<T: DeserializeOwned + 'static> Call<T> {
    /// Something that the body says, before it is judged; `None` if it can't be read.
    pub fn peek<R>(&self, look: impl FnOnce(T) -> R) -> Option<R> {
        read::body(&self.bytes).ok().map(look)
    }

    /// Answers from what is there. Nothing may be written.
    pub fn read(
        self,
        work: impl Fn(&Ctx<'_>) -> Result<Answer> + Send + 'static,
    ) -> impl Future<Output = Reply> {
        let (app, by) = (self.app, self.by);
        blocking(Box::new(move || Ok(work(&app.ctx(by, Door::Api))?)))
    }

    /// Does something. `work` may run again, and is one transaction with the answer that it returns.
    pub fn change(
        self,
        work: impl Fn(&Ctx<'_>, &T) -> Result<Answer> + Send + 'static,
    ) -> impl Future<Output = Reply> {
        self.changed(Box::new(work))
    }

    fn changed(self, work: Change<T>) -> impl Future<Output = Reply> {
        let asked = self.key.as_ref().map(|_| self.asked());
        let is_conditional = self.rev.is_some();
        let (app, by, key, bytes) = (self.app, self.by, self.key, self.bytes);
        blocking(Box::new(move || {
            let body: T = read::body(&bytes)?;
            let ctx = app.ctx(by, Door::Api);
            let outcome = match (key, asked) {
                (Some(key), Some(asked)) => once(&ctx, &key, asked, &|ctx| work(ctx, &body)),
                _ => work(&ctx, &body),
            };
            outcome.map_err(|error| match error {
                Error::Stale if is_conditional => Failure::NotMatched,
                other => other.into(),
            })
        }))
    }

    /// What was asked, as one hash: the same key with anything else is a mistake.
    fn asked(&self) -> Hash {
        let mut asked = format!("{} {}\n", self.req.method(), self.req.uri()).into_bytes();
        asked.extend_from_slice(&self.bytes);
        Hash::of(&asked)
    }
}

/// What changes something; boxed, so that what surrounds it is compiled once for each body and not for each operation.
type Change<T> = Box<dyn Fn(&Ctx<'_>, &T) -> Result<Answer> + Send>;

async fn blocking(work: Box<dyn FnOnce() -> std::result::Result<Answer, Failure> + Send>) -> Reply {
    on_pool(work).await?.map(Answer::respond)
}

/// Who acts with this token. One that was used a moment ago costs no trip to the blocking pool.
async fn judged(app: &web::Data<App>, token: String) -> std::result::Result<Principal, Failure> {
    if let Some(by) = actions::login::recalled(app, &token) {
        return Ok(by);
    }
    let app = app.clone();
    let found = on_pool(Box::new(move || actions::login::program(&app, &token))).await?;
    found?.ok_or(Failure::NoToken)
}

/// Runs `work` unless it was asked before under this key; then its kept answer.
fn once(
    ctx: &Ctx<'_>,
    key: &str,
    asked: Hash,
    work: &dyn Fn(&Ctx<'_>) -> Result<Answer>,
) -> Result<Answer> {
    let Principal::Token { id, .. } = &ctx.by else {
        return Err(Error::internal("a call without a token"));
    };
    let scope = id.uuid().simple().to_string();
    let kept = |answer: &Answer| answer.kept(asked);
    actions::once::once(ctx, &scope, key, work, kept, |kept| replay(kept, asked))
}

fn replay(kept: Kept, asked: Hash) -> Result<Answer> {
    if kept.asked != asked {
        return Err(Refusal::new("idempotency-key-reused").into());
    }
    Answer::of_kept(&kept)
}

/// A call's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    location: Option<String>,
    version: Option<i64>,
    body: String,
    /// What is kept of the body, if not all of it: a secret is shown once.
    kept_body: Option<String>,
    is_replay: bool,
}

impl Answer {
    pub fn ok(value: &impl Serialize) -> Result<Self> {
        Ok(Self {
            status: 200,
            location: None,
            version: None,
            body: json(value)?,
            kept_body: None,
            is_replay: false,
        })
    }

    pub fn created(location: String, value: &impl Serialize) -> Result<Self> {
        Ok(Self {
            status: 201,
            location: Some(location),
            ..Self::ok(value)?
        })
    }

    /// Taken, but not done yet.
    pub fn not_yet(mut self) -> Self {
        self.status = 202;
        self
    }

    pub fn nothing() -> Self {
        Self {
            status: 204,
            location: None,
            version: None,
            body: String::new(),
            kept_body: None,
            is_replay: false,
        }
    }

    /// The `ETag`, for `If-Match` of the next change.
    pub fn version(mut self, version: i64) -> Self {
        self.version = Some(version);
        self
    }

    /// A repetition gets `value` instead.
    pub fn kept_as(mut self, value: &impl Serialize) -> Result<Self> {
        self.kept_body = Some(json(value)?);
        Ok(self)
    }

    /// Headers in the first two lines, then the body.
    fn kept(&self, asked: Hash) -> Kept {
        let location = self.location.as_deref().unwrap_or_default();
        let version = self.version.map(|version| version.to_string());
        let version = version.unwrap_or_default();
        let body = self.kept_body.as_ref().unwrap_or(&self.body);
        Kept {
            asked,
            status: self.status as i16,
            response: format!("{location}\n{version}\n{body}"),
        }
    }

    fn of_kept(kept: &Kept) -> Result<Self> {
        let mut parts = kept.response.splitn(3, '\n');
        let mut part = || {
            parts
                .next()
                .ok_or_else(|| Error::internal("a kept answer is incomplete"))
        };
        let (location, version, body) = (part()?, part()?, part()?);
        Ok(Self {
            status: kept.status as u16,
            location: (!location.is_empty()).then(|| location.to_owned()),
            version: version.parse().ok(),
            body: body.to_owned(),
            kept_body: None,
            is_replay: true,
        })
    }

    fn respond(self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut answer = HttpResponse::build(status);
        answer
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
        if let Some(location) = self.location {
            answer.insert_header((header::LOCATION, location));
        }
        if let Some(version) = self.version {
            answer.insert_header((header::ETAG, format!("\"{version}\"")));
        }
        if self.is_replay {
            answer.insert_header(("Idempotency-Replayed", "true"));
        }
        if self.body.is_empty() {
            answer.finish()
        } else {
            answer
                .insert_header((header::CONTENT_TYPE, "application/json"))
                .body(self.body)
        }
    }
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_answer_comes_back_with_its_headers_and_without_its_secret() {
        let answer = Answer::created("/api/v1/tokens/1".to_owned(), &"wk_secret\nline")
            .unwrap()
            .version(3)
            .kept_as(&"wk_…")
            .unwrap();
        let back = Answer::of_kept(&answer.kept(Hash::of(b"x"))).unwrap();
        assert_eq!((back.status, back.version), (201, Some(3)));
        assert_eq!(back.location.as_deref(), Some("/api/v1/tokens/1"));
        assert_eq!(back.body, "\"wk_…\"");
        assert!(back.is_replay);
    }
}
