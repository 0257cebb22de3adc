//! Forms: what was posted, and fields that show it again with what is wrong.
//!
//! [`Posted`] reads a form of either encoding, texts before files, so that a file above the limit never eats what was typed.
//! It refuses a form that doesn't carry the session's token. [`Form`] prints fields with label, hint, error and kept value; one that was
//! sent after somebody else had changed the same shows both texts.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

use actix_multipart::Multipart;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::TryStreamExt;
use subtle::ConstantTimeEq;

use self::field::Control;
use super::reply::Failure;
use crate::app::App;
use crate::domain::refusal::{FieldError, Refusal};
use crate::error::Error;
use crate::words::Words;

mod clash;
mod field;

pub use clash::Choice;
pub use field::Field;

/// All texts of a form together, in bytes.
pub const TEXT_BYTES: usize = 1024 * 1024;
const FIELDS: usize = 500;

/// The token that every form of this session carries. The session layer puts it into the request's extensions.
#[derive(Clone)]
pub struct FormToken(pub String);

/// What was typed, kept in the request's extensions so that an error page or the log-in page can carry it on.
#[derive(Clone, Default)]
pub struct Kept(pub Vec<(String, String)>);

/// A file that came with a form.
#[derive(Debug, Clone)]
pub struct Upload {
    pub name: String,
    pub media_type: String,
    pub bytes: Vec<u8>,
}

/// A posted form.
#[derive(Debug, Clone, Default)]
pub struct Posted {
    pub texts: Vec<(String, String)>,
    pub files: Vec<Upload>,
    /// The files were together more than this, in MB (`upload_limit_mb`); they were left out, the texts are all here.
    pub files_over_mb: Option<usize>,
}

/// The field of [`Page::once`](super::page::Page::once).
pub const ONCE: &str = "once";

impl Posted {
    /// The first value of `name`, as typed; "" when it isn't there.
    pub fn text(&self, name: &str) -> &str {
        self.texts
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value)
    }

    /// All values of `name`: of ticked boxes and multiple choices.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.texts
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn ticked(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// A field error when the files were too big, for the end of the checks.
    pub fn check_files(&self, field: &'static str) -> Result<(), FieldError> {
        match self.files_over_mb {
            Some(max) => Err(FieldError::new(field, "files-too-big").with("max", max.to_string())),
            None => Ok(()),
        }
    }
}

/// Nobody is logged in, and the form is being read to be carried on: whoever reads it says so once it is read.
#[derive(Debug, Clone, Copy)]
pub struct ReadForLogIn;

impl FromRequest for Posted {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if req.extensions().get::<ReadForLogIn>().is_some() {
            // The body is with that reader, whose answer ends this request. To find nothing here first would lose the texts.
            return Box::pin(std::future::pending());
        }
        let (req, payload) = (req.clone(), payload.take());
        Box::pin(async move {
            let is_multipart = req
                .headers()
                .get(header::CONTENT_TYPE)
                .and_then(|value| value.to_str().ok())
                .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"));
            let posted = if is_multipart {
                read_parts(&req, payload).await?
            } else {
                read_pairs(&req, payload).await?
            };
            let typed = posted
                .texts
                .iter()
                .filter(|(name, _)| name != "csrf" && !name.contains("password"))
                .cloned()
                .collect();
            req.extensions_mut().insert(Kept(typed));
            check_token(&req, posted.text("csrf"))?;
            Ok(posted)
        })
    }
}

/// A form without the session's token was not made by a page of ours. Without a session there is no token to steal, and the
/// guard has checked where the request comes from.
fn check_token(req: &HttpRequest, given: &str) -> Result<(), Failure> {
    let expected = req.extensions().get::<FormToken>().cloned();
    match expected {
        Some(FormToken(expected)) if !bool::from(expected.as_bytes().ct_eq(given.as_bytes())) => {
            Err(Error::Forbidden(Refusal::new("form-token")).into())
        }
        _ => Ok(()),
    }
}

async fn read_pairs(req: &HttpRequest, payload: Payload) -> Result<Posted, Failure> {
    let mut body = web::BytesMut::new();
    let mut payload = payload;
    while let Some(chunk) = payload
        .try_next()
        .await
        .map_err(|error| Failure::from_body(&error))?
    {
        if body.len() + chunk.len() > TEXT_BYTES {
            return Err(Failure::too_big(TEXT_BYTES));
        }
        body.extend_from_slice(&chunk);
    }
    let _ = req;
    let texts = web::Query::<Vec<(String, String)>>::from_query(&String::from_utf8_lossy(&body))
        .map_err(|_| Failure::malformed())?
        .into_inner();
    Ok(Posted {
        texts,
        ..Posted::default()
    })
}

async fn read_parts(req: &HttpRequest, payload: Payload) -> Result<Posted, Failure> {
    let app = req.app_data::<web::Data<App>>();
    let app = app.ok_or_else(|| Error::internal("the server has no app"))?;
    let most_bytes = app.config.upload_limit_bytes;
    let mut parts = Multipart::new(req.headers(), payload);
    let mut posted = Posted::default();
    let (mut text_bytes, mut file_bytes) = (0, 0);
    while let Some(mut part) = parts.try_next().await.map_err(|_| Failure::malformed())? {
        let name = part.name().unwrap_or_default().to_owned();
        let file_name = part
            .content_disposition()
            .and_then(|what| what.get_filename())
            .map(str::to_owned);
        let media_type = part
            .content_type()
            .map(ToString::to_string)
            .unwrap_or_default();
        let is_file = file_name.is_some();
        let mut bytes = Vec::new();
        while let Some(chunk) = part.try_next().await.map_err(|_| Failure::malformed())? {
            let total = if is_file {
                &mut file_bytes
            } else {
                &mut text_bytes
            };
            *total += chunk.len();
            if !is_file && *total > TEXT_BYTES {
                return Err(Failure::too_big(TEXT_BYTES));
            }
            // Too big: read on without keeping, so that texts after the file are still saved; give up far above.
            if is_file && *total > most_bytes {
                posted.files_over_mb = Some(most_bytes / 1024 / 1024);
                bytes.clear();
                if *total > 4 * most_bytes {
                    return Err(Failure::too_big(most_bytes));
                }
                continue;
            }
            bytes.extend_from_slice(&chunk);
        }
        if posted.texts.len() + posted.files.len() >= FIELDS {
            return Err(Failure::malformed());
        }
        match file_name {
            Some(file_name) if !file_name.is_empty() && !bytes.is_empty() => {
                posted.files.push(Upload {
                    name: file_name,
                    media_type,
                    bytes,
                });
            }
            Some(_) => {}
            None => posted
                .texts
                .push((name, String::from_utf8_lossy(&bytes).into_owned())),
        }
    }
    if posted.files_over_mb.is_some() {
        posted.files.clear();
    }
    Ok(posted)
}

/// The fields of a form as they stand: values and what is wrong with them.
#[derive(Clone)]
pub struct Form {
    words: &'static Words,
    values: Vec<(String, String)>,
    errors: Vec<FieldError>,
    prefix: &'static str,
    stand: clash::Stand,
}

impl Form {
    /// An empty form.
    pub fn new(words: &'static Words) -> Self {
        Self {
            words,
            values: Vec::new(),
            errors: Vec::new(),
            prefix: "",
            stand: clash::Stand::Fresh,
        }
    }

    /// What was typed, with what is wrong with it.
    pub fn kept(words: &'static Words, posted: &Posted, errors: Vec<FieldError>) -> Self {
        Self {
            words,
            values: posted.texts.clone(),
            errors,
            prefix: "",
            stand: clash::Stand::Fresh,
        }
    }

    /// A form that isn't posted, with what is wrong with what was asked.
    pub fn failing(words: &'static Words, errors: Vec<FieldError>) -> Self {
        Self {
            errors,
            ..Self::new(words)
        }
    }

    /// Ids begin with `prefix`, when a page has several forms with the same field names.
    pub fn prefixed(mut self, prefix: &'static str) -> Self {
        self.prefix = prefix;
        self
    }

    /// Sets a value that the form opens with.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.values.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn with_some(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Sets each value of a field that may have several.
    pub fn with_all(self, name: &str, values: impl IntoIterator<Item = impl ToString>) -> Self {
        values
            .into_iter()
            .fold(self, |form, value| form.with(name, value))
    }

    pub fn value(&self, name: &str) -> &str {
        self.values
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value)
    }

    /// Each value of a field that may have several.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let values = self.values.iter();
        values.filter_map(move |(known, value)| (known == name).then_some(value.as_str()))
    }

    pub fn is_ticked(&self, name: &str, value: &str) -> bool {
        self.values
            .iter()
            .any(|(known, given)| known == name && given == value)
    }

    /// What is wrong with it.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    pub fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Errors of fields that the page doesn't print, for the top of the form.
    pub fn errors_besides(&self, printed: &[&str]) -> Vec<String> {
        let others = self
            .errors
            .iter()
            .filter(|error| !printed.contains(&&*error.field));
        others
            .map(|error| format!("{}: {}", error.field, self.words.problem(error)))
            .collect()
    }

    /// What is wrong with `name`, in words.
    pub fn problem(&self, name: &str) -> Option<String> {
        self.errors
            .iter()
            .find(|error| error.field == name)
            .map(|error| self.words.problem(error))
    }

    /// One line of text.
    pub fn line<'a>(&'a self, name: &'a str, label: Cow<'a, str>) -> Field<'a> {
        Field::new(self, name, label, Control::Line("text"))
    }

    /// Several lines of text.
    pub fn area<'a>(&'a self, name: &'a str, label: Cow<'a, str>, rows: u8) -> Field<'a> {
        Field::new(self, name, label, Control::Area(rows))
    }

    /// One of `choices` (value, text); put an empty value first where nothing need be chosen.
    pub fn choice<'a>(
        &'a self,
        name: &'a str,
        label: Cow<'a, str>,
        choices: &'a [(String, String)],
    ) -> Field<'a> {
        Field::new(self, name, label, Control::Choice(choices))
    }

    /// A box to tick; its value is `yes`.
    pub fn tick<'a>(&'a self, name: &'a str, label: Cow<'a, str>) -> Field<'a> {
        Field::new(self, name, label, Control::Tick)
    }

    /// Files to send along.
    pub fn files<'a>(&'a self, name: &'a str, label: Cow<'a, str>) -> Field<'a> {
        Field::new(self, name, label, Control::Files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_field_keeps_what_was_typed_and_says_what_would_be_accepted() {
        let posted = Posted {
            texts: vec![("title".into(), "<x>".into())],
            ..Posted::default()
        };
        let errors = vec![
            FieldError::new("title", "too-long")
                .with("max", "200")
                .with("got", "201"),
        ];
        let form = Form::kept(Words::english(), &posted, errors);
        let html = form.line("title", "Title".into()).required().to_string();
        assert!(html.contains(r#"value="&lt;x&gt;""#), "{html}");
        assert!(
            html.contains(r#"aria-describedby="f-title-error""#) && html.contains("aria-invalid"),
            "{html}"
        );
        assert!(html.contains("200") && html.contains("autofocus"), "{html}");
    }

    #[test]
    fn a_password_is_never_printed() {
        let posted = Posted {
            texts: vec![("password".into(), "secret".into())],
            ..Posted::default()
        };
        let form = Form::kept(Words::english(), &posted, Vec::new());
        assert!(
            !form
                .line("password", "Password".into())
                .kind("password")
                .to_string()
                .contains("secret")
        );
    }
}
