//! Calls that carry files: evidence on its way in as a form's parts, bytes on their way out as they are.
//!
//! A file is counted while it comes, up to `upload_limit_mb`, and its bytes stand before the transaction that refers to them.
//! Before a form's first byte is read the call is asked whether it may: nobody sends 25 MB to hear that they may not.

use std::future::Future;
use std::pin::Pin;

use actix_multipart::{Multipart, MultipartError};
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::TryStreamExt;
use serde::de::DeserializeOwned;

use super::{
    Answer, BODY_BYTES, Call, Nothing, Reply, blocking, gather, idempotency_key, judged, once,
};
use crate::actions::evidence;
use crate::actions::ticket_parts::Evidence;
use crate::app::{App, Ctx};
use crate::domain::access::Principal;
use crate::domain::id::TicketKey;
use crate::domain::refusal::FieldError;
use crate::domain::text;
use crate::domain::timeline::Door;
use crate::error::{Error, Result};
use crate::http::api::problem::Failure;
use crate::http::api::read;
use crate::http::form::{TEXT_BYTES, Upload};
use crate::http::reply::download;
use crate::http::viewer::{bearer, on_pool};
use crate::store::blob::Hash;

/// What a form's parts take besides the bytes of its files: their heads, its texts.
const AROUND_BYTES: usize = 2 * TEXT_BYTES;
/// Files of one call.
const FILES: usize = 50;
/// A name that no file could have; longer ones are cut where they are kept.
const NAME_BYTES: usize = 4_096;

/// A call whose token is judged and whose body waits to be read.
pub struct Bringing {
    app: web::Data<App>,
    req: HttpRequest,
    by: Principal,
    key: Option<String>,
    payload: Payload,
}

impl FromRequest for Bringing {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self, Failure>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (req, payload) = (req.clone(), payload.take());
        Box::pin(async move {
            let app = req.app_data::<web::Data<App>>().cloned();
            let app = app.ok_or_else(|| Error::internal("the server has no app"))?;
            let token = bearer(&req).ok_or(Failure::NoToken)?;
            let by = judged(&app, token).await?;
            let key = idempotency_key(&req)?;
            Ok(Self {
                app,
                req,
                by,
                key,
                payload,
            })
        })
    }
}

/// What a call brought.
pub enum Brought {
    Json(web::Bytes),
    /// The texts of a form by their names, and its files.
    Form(Vec<(String, String)>, Vec<Upload>),
}

/// Finds the value and the files in what was brought.
type Reading<T> = fn(Brought) -> std::result::Result<(T, Vec<Upload>), Failure>;

impl Bringing {
    /// A part of the address as a ticket's key; what is no key names nothing.
    pub fn ticket(&self, name: &str) -> std::result::Result<TicketKey, Failure> {
        let text = self.req.match_info().get(name).unwrap_or_default();
        text.parse().map_err(|()| Failure::NoRoute)
    }

    /// The query as `Q`; parameters that `Q` doesn't know are refused by name.
    pub fn query<Q: DeserializeOwned>(&self) -> std::result::Result<Q, Failure> {
        read::query(self.req.query_string())
    }

    /// Reads the body if `may` says so, keeps its files, then does `work`, which may run again, and is one transaction with the
    /// answer that it returns. `read` finds the value and the files in what was brought.
    pub async fn change<T: Send + 'static>(
        self,
        may: impl Fn(&Ctx<'_>) -> Result<()> + Clone + Send + 'static,
        read: Reading<T>,
        work: impl Fn(&Ctx<'_>, &T, &[Evidence]) -> Result<Answer> + Send + 'static,
    ) -> Reply {
        let asked = format!("{} {}\n", self.req.method(), self.req.uri());
        let (app, by, key) = (self.app.clone(), self.by.clone(), self.key);
        let brought = if is_form(&self.req) {
            let (app, by, may) = (self.app, self.by, may.clone());
            let limit = app.config.upload_limit_bytes;
            refuse_announced(&self.req, limit)?;
            ask(app, by, may).await?;
            form(&self.req, self.payload, limit).await?
        } else {
            let body = gather(&self.req, self.payload, "application/json", BODY_BYTES);
            Brought::Json(body.await?)
        };
        blocking(Box::new(move || {
            let asked = as_one_hash(asked, &brought);
            let (value, files) = read(brought)?;
            let ctx = app.ctx(by, Door::Api);
            // A JSON body was read before anybody was asked.
            may(&ctx)?;
            let kept: Vec<Evidence> = files
                .iter()
                .map(|file| evidence::keep(&ctx, &file.name, &file.media_type, &file.bytes))
                .collect::<Result<_>>()?;
            drop(files);
            let work = |ctx: &Ctx<'_>| work(ctx, &value, &kept);
            Ok(match key {
                Some(key) => once(&ctx, &key, asked, &work),
                None => work(&ctx),
            }?)
        }))
        .await
    }
}

async fn ask(
    app: web::Data<App>,
    by: Principal,
    may: impl Fn(&Ctx<'_>) -> Result<()> + Send + 'static,
) -> std::result::Result<(), Failure> {
    Ok(on_pool(Box::new(move || may(&app.ctx(by, Door::Api)))).await??)
}

fn is_form(req: &HttpRequest) -> bool {
    req.headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"))
}

/// A body that says beforehand that it is too big isn't read at all.
fn refuse_announced(req: &HttpRequest, limit: usize) -> std::result::Result<(), Failure> {
    let announced = req
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    match announced {
        Some(size) if size > limit + AROUND_BYTES => Err(over(limit)),
        _ => Ok(()),
    }
}

fn over(limit: usize) -> Failure {
    Failure::FilesTooBig {
        mb: limit / 1024 / 1024,
    }
}

/// The parts of a form. Files are told from texts by their file name, as browsers and curl write it.
async fn form(
    req: &HttpRequest,
    payload: Payload,
    limit: usize,
) -> std::result::Result<Brought, Failure> {
    let mut parts = Multipart::new(req.headers(), payload);
    let (mut texts, mut files) = (Vec::new(), Vec::<Upload>::new());
    let (mut text_bytes, mut file_bytes) = (0, 0);
    while let Some(mut part) = parts.try_next().await.map_err(of_form)? {
        let name = part.name().unwrap_or_default().to_owned();
        let file_name = part
            .content_disposition()
            .and_then(|what| what.get_filename())
            .map(str::to_owned);
        let media_type = part.content_type().map(ToString::to_string);
        if name.len() > NAME_BYTES
            || files.len() + texts.len() >= FILES
            || file_name.as_ref().is_some_and(|it| it.len() > NAME_BYTES)
        {
            return Err(Failure::TooBig(TEXT_BYTES));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = part.try_next().await.map_err(of_form)? {
            match file_name {
                Some(_) => file_bytes += chunk.len(),
                None => text_bytes += chunk.len(),
            }
            if file_bytes > limit {
                return Err(over(limit));
            }
            if text_bytes > TEXT_BYTES {
                return Err(Failure::TooBig(TEXT_BYTES));
            }
            bytes.extend_from_slice(&chunk);
        }
        match file_name {
            Some(_) if name != "file" => {
                return Err(FieldError::new(name, "unknown-field")
                    .with("known", "file, body")
                    .into());
            }
            Some(file_name) => files.push(Upload {
                name: file_name,
                media_type: media_type.unwrap_or_default(),
                bytes,
            }),
            None => match String::from_utf8(bytes) {
                Ok(text) => texts.push((name, text)),
                Err(_) => return Err(FieldError::new(name, "not-utf8").into()),
            },
        }
    }
    Ok(Brought::Form(texts, files))
}

fn of_form(error: MultipartError) -> Failure {
    match error {
        MultipartError::Payload(PayloadError::Io(error))
            if error.kind() == std::io::ErrorKind::TimedOut =>
        {
            Failure::TooSlow
        }
        other => Failure::Malformed(other.to_string()),
    }
}

/// What was asked, as one hash. The boundary between a form's parts is another each time, so that its parts are hashed.
fn as_one_hash(mut asked: String, brought: &Brought) -> Hash {
    match brought {
        Brought::Json(bytes) => {
            let mut all = asked.into_bytes();
            all.extend_from_slice(bytes);
            Hash::of(&all)
        }
        Brought::Form(texts, files) => {
            for (name, text) in texts {
                asked.push_str(&format!("{name:?} {}\n", Hash::of(text.as_bytes()).hex()));
            }
            for file in files {
                let hash = Hash::of(&file.bytes).hex();
                asked.push_str(&format!("{:?} {:?} {hash}\n", file.name, file.media_type));
            }
            Hash::of(asked.as_bytes())
        }
    }
}

/// The claimed type of a file, if it can be kept; what can't be read is plain bytes.
pub fn media_type(claimed: &str) -> String {
    match text::one_line("media_type", claimed, 100) {
        Ok(kept) => kept,
        Err(_) => "application/octet-stream".to_owned(),
    }
}

/// A file that leaves as it is.
pub struct Download {
    pub name: String,
    pub media_type: &'static str,
    pub bytes: Vec<u8>,
}

impl Call<Nothing> {
    /// Answers with a file's own bytes: always a download, whatever it claims to be.
    pub async fn send(self, work: impl Fn(&Ctx<'_>) -> Result<Download> + Send + 'static) -> Reply {
        let (app, by) = (self.app, self.by);
        let file = on_pool(Box::new(move || work(&app.ctx(by, Door::Api)))).await??;
        Ok(download(&file.name, file.media_type, file.bytes))
    }
}
