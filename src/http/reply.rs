//! Answers: pages with the headers that keep hostile input harmless, redirects after a form, and the page for every failure.
//!
//! A handler returns `Result<HttpResponse, Failure>`. A failure becomes a plain answer that carries its cause; the guard then
//! dresses it as a page that names the request, and keeps whatever was typed (`http/guard.rs`).

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use askama::Template;

use crate::domain::refusal::Refusal;
use crate::error::Error;

/// Scripts, styles, fonts and requests from ourselves only; nothing inline; no framing; forms go nowhere else.
pub const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
trusted-types 'none'";

/// How a handler fails.
#[derive(Debug)]
pub enum Failure {
    House(Error),
    /// Nobody is logged in; the log-in page carries on what was typed.
    LogIn,
    /// The body is bigger than allowed.
    TooBig {
        max_bytes: usize,
    },
    /// The body came too slowly.
    TooSlow,
    /// Not the form it claims to be.
    Malformed,
    /// Too many tries from this address; come back in so many seconds.
    TooMany {
        retry_secs: u64,
    },
}

impl Failure {
    pub fn too_big(max_bytes: usize) -> Self {
        Failure::TooBig { max_bytes }
    }

    pub fn malformed() -> Self {
        Failure::Malformed
    }

    /// What a broken body stream means: cut by our deadline, or by the sender.
    pub fn from_body(error: &actix_web::error::PayloadError) -> Self {
        match error {
            actix_web::error::PayloadError::Io(error)
                if error.kind() == std::io::ErrorKind::TimedOut =>
            {
                Failure::TooSlow
            }
            _ => Failure::Malformed,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::House(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::House(Error::Refused(refusal))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::House(error) => error.fmt(f),
            other => write!(f, "{other:?}"),
        }
    }
}

/// What a failed answer carries for the page that explains it.
#[derive(Debug, Clone)]
pub struct Cause {
    /// Catalogue keys `error-<name>-title` and `error-<name>-text`.
    pub name: &'static str,
    pub refusal: Option<Refusal>,
    pub problems: Vec<crate::domain::refusal::FieldError>,
}

/// What broke behind an answer of 5xx, for the log only: the guard writes it there once, beside the request's id.
pub struct Fault(pub String);

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        match self {
            Failure::House(error) => match error {
                Error::NotFound => StatusCode::NOT_FOUND,
                Error::Forbidden(_) => StatusCode::FORBIDDEN,
                Error::Refused(_) | Error::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
                Error::Stale => StatusCode::CONFLICT,
                Error::Full => StatusCode::INSUFFICIENT_STORAGE,
                Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
                Error::Internal(_) | Error::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Failure::LogIn => StatusCode::UNAUTHORIZED,
            Failure::TooBig { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Failure::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Failure::Malformed => StatusCode::BAD_REQUEST,
            Failure::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let status = self.status_code();
        let (name, refusal, problems) = match self {
            Failure::House(error) => match error {
                Error::NotFound => ("missing", None, Vec::new()),
                Error::Forbidden(refusal) => ("forbidden", Some(refusal.clone()), Vec::new()),
                Error::Refused(refusal) => ("refused", Some(refusal.clone()), Vec::new()),
                Error::Invalid(problems) => ("refused", None, problems.clone()),
                Error::Stale => ("stale", None, Vec::new()),
                Error::Full => ("full", None, Vec::new()),
                Error::Unavailable(_) => ("unavailable", None, Vec::new()),
                Error::Internal(_) | Error::Database(_) => ("internal", None, Vec::new()),
            },
            Failure::LogIn => ("log-in", None, Vec::new()),
            Failure::TooBig { max_bytes } => (
                "too-big",
                Some(Refusal::new("too-big").with("max", (max_bytes / 1024).to_string())),
                Vec::new(),
            ),
            Failure::TooSlow => ("too-slow", None, Vec::new()),
            Failure::Malformed => ("malformed", None, Vec::new()),
            Failure::TooMany { retry_secs } => (
                "too-many",
                Some(Refusal::new("too-many").with("secs", retry_secs.to_string())),
                Vec::new(),
            ),
        };
        let mut answer = bare(status);
        if let Failure::TooMany { retry_secs } = self {
            answer.insert_header((header::RETRY_AFTER, retry_secs.to_string()));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            answer.insert_header((header::RETRY_AFTER, "2"));
        }
        let mut answer = answer
            .content_type("text/plain; charset=utf-8")
            .body(format!("{status}\n"));
        answer.extensions_mut().insert(Cause {
            name,
            refusal,
            problems,
        });
        if status.is_server_error() {
            answer.extensions_mut().insert(Fault(self.to_string()));
        }
        answer
    }
}

/// An answer's headers: what every page of ours carries.
pub fn bare(status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header((header::CONTENT_SECURITY_POLICY, CSP))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header(("Cross-Origin-Opener-Policy", "same-origin"))
        .insert_header(("Cross-Origin-Resource-Policy", "same-origin"))
        .insert_header((
            "Permissions-Policy",
            "camera=(), geolocation=(), microphone=()",
        ));
    answer
}

/// A page.
pub fn page(template: &impl Template) -> Result<HttpResponse, Failure> {
    page_with(StatusCode::OK, template)
}

/// A page with another status: a form that was not accepted is 422.
pub fn page_with(status: StatusCode, template: &impl Template) -> Result<HttpResponse, Failure> {
    let html = template
        .render()
        .map_err(|error| Error::internal(format!("a page can't be rendered: {error}")))?;
    Ok(bare(status)
        .content_type("text/html; charset=utf-8")
        .body(html))
}

/// After a form: go and look. `place` is a path of ours.
pub fn see(place: &str) -> HttpResponse {
    debug_assert!(place.starts_with('/') && !place.starts_with("//"));
    bare(StatusCode::SEE_OTHER)
        .insert_header((header::LOCATION, place))
        .finish()
}

/// As [`see`], and the page that follows says the text `key` (which begins with `said-`), perhaps of `what`.
pub fn see_saying(place: &str, key: &'static str, what: &str) -> HttpResponse {
    debug_assert!(key.starts_with("said-"));
    let short: String = what.chars().take(80).collect();
    let coded: String = short
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let mut answer = see(place);
    let cookie = format!(
        "{}={key}%7C{coded}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax",
        super::page::SAID_COOKIE
    );
    if let Ok(value) = header::HeaderValue::from_str(&cookie) {
        answer.headers_mut().append(header::SET_COOKIE, value);
    }
    answer
}

/// A page of somebody else's, shown as in a cage: no script, no form, nothing fetched, no word of where a link was found.
pub fn shut_in(html: String) -> HttpResponse {
    bare(StatusCode::OK)
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; img-src data:; form-action 'none'; base-uri 'none'; \
             frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox",
        ))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .content_type("text/html; charset=utf-8")
        .body(html)
}

/// Bytes to be saved by the browser, never shown by it: whatever they claim to be, they can't run here.
pub fn download(name: &str, media_type: &str, bytes: Vec<u8>) -> HttpResponse {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || ".-_ ".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let coded: String = name
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b".-_".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    bare(StatusCode::OK)
        .insert_header((header::CONTENT_TYPE, media_type))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ))
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{coded}"),
        ))
        .body(bytes)
}

/// The answer for an address that leads nowhere.
pub async fn absent() -> Result<HttpResponse, Failure> {
    Err(Error::NotFound.into())
}

/// A value as it stands in an address.
pub fn coded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
