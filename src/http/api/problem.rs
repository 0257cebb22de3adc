//! Failures as RFC 9457 problem details. `rule`, and `problem` of a field, are stable: programs may match on them; the texts
//! come from the catalogue and may change.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::refusal::{FieldError, Refusal};
use crate::error::Error;
use crate::http::reply::{Cause, Fault};
use crate::words::Words;

pub const MEDIA_TYPE: &str = "application/problem+json";

/// How a call fails.
#[derive(Debug)]
pub enum Failure {
    House(Error),
    /// No token, or one that doesn't work (any more).
    NoToken,
    /// Not signed with the secret of the repository in the address, or there is none.
    NotSigned,
    /// `If-Match` names another version than the current one.
    NotMatched,
    /// The body isn't of this type, by what it says.
    NotJson(&'static str),
    /// The body can't be read as JSON at all.
    Malformed(String),
    /// More than so many bytes.
    TooBig(usize),
    /// The files of a form are more than this together.
    FilesTooBig {
        mb: usize,
    },
    TooSlow,
    /// A header can't be read.
    BadHeader(&'static str),
    /// No such address, or not with this method.
    NoRoute,
    NoMethod(&'static [&'static str]),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::House(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::House(refusal.into())
    }
}

impl From<FieldError> for Failure {
    fn from(error: FieldError) -> Self {
        Failure::House(error.into())
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

/// What went wrong, as RFC 9457 has it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem; stable.
    #[serde(rename = "type")]
    #[schema(example = "urn:watchkeeper:problem:refused")]
    pub kind: String,
    /// What happened, in words.
    pub title: String,
    pub status: u16,
    /// Why, and what to do.
    pub detail: String,
    /// The rule that said no; stable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "no-such-step")]
    pub rule: Option<String>,
    /// Every input that can't be taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldProblem>,
}

/// An input that can't be taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldProblem {
    #[schema(example = "severity")]
    pub field: String,
    /// What is wrong with it; stable.
    #[schema(example = "unknown-word")]
    pub problem: String,
    /// In words, with what would be accepted.
    pub detail: String,
}

impl Failure {
    fn name(&self) -> &'static str {
        match self {
            Failure::House(error) => match error {
                Error::NotFound => "missing",
                Error::Forbidden(_) => "forbidden",
                Error::Refused(_) => "refused",
                Error::Invalid(_) => "invalid",
                Error::Stale => "stale",
                Error::Full => "full",
                Error::Unavailable(_) => "unavailable",
                Error::Internal(_) | Error::Database(_) => "internal",
            },
            Failure::NoToken => "no-token",
            Failure::NotSigned => "not-signed",
            Failure::NotMatched => "not-matched",
            Failure::NotJson(_) => "not-json",
            Failure::Malformed(_) => "malformed",
            Failure::TooBig(_) | Failure::FilesTooBig { .. } => "too-big",
            Failure::TooSlow => "too-slow",
            Failure::BadHeader(_) => "bad-header",
            Failure::NoRoute => "missing",
            Failure::NoMethod(_) => "no-method",
        }
    }
}

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
            Failure::NoToken | Failure::NotSigned => StatusCode::UNAUTHORIZED,
            Failure::NotMatched => StatusCode::PRECONDITION_FAILED,
            Failure::NotJson(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Failure::Malformed(_) | Failure::BadHeader(_) => StatusCode::BAD_REQUEST,
            Failure::TooBig(_) | Failure::FilesTooBig { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Failure::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Failure::NoRoute => StatusCode::NOT_FOUND,
            Failure::NoMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let status = self.status_code();
        let (refusal, fields) = match self {
            Failure::House(Error::Forbidden(refusal) | Error::Refused(refusal)) => {
                (Some(refusal), [].as_slice())
            }
            Failure::House(Error::Invalid(fields)) => (None, fields.as_slice()),
            _ => (None, [].as_slice()),
        };
        let said = match self {
            Failure::Malformed(why) => Some(why.clone()),
            Failure::BadHeader(name) => Some(
                Words::english()
                    .with("problem-bad-header-detail", &[("name", (*name).into())])
                    .into_owned(),
            ),
            Failure::FilesTooBig { mb } => Some(
                Words::english()
                    .with("problem-files-too-big-detail", &[("max", (*mb).into())])
                    .into_owned(),
            ),
            Failure::NotJson(wanted) => Some(
                Words::english()
                    .with("problem-not-json-wanted", &[("wanted", (*wanted).into())])
                    .into_owned(),
            ),
            Failure::TooBig(most) => Some(
                Words::english()
                    .with(
                        "problem-too-big-most",
                        &[("mb", (most / (1024 * 1024)).into())],
                    )
                    .into_owned(),
            ),
            _ => None,
        };
        let mut answer = details(status, self.name(), said, refusal, fields);
        let headers = answer.headers_mut();
        let mut put = |name, value: &str| {
            if let Ok(value) = header::HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        match self {
            Failure::NoToken => put(header::WWW_AUTHENTICATE, "Bearer realm=\"watchkeeper\""),
            Failure::House(Error::Unavailable(_)) => put(header::RETRY_AFTER, "2"),
            Failure::NoMethod(allowed) => put(header::ALLOW, &allowed.join(", ")),
            _ => {}
        }
        if status.is_server_error() {
            answer.extensions_mut().insert(Fault(self.to_string()));
        }
        answer
    }
}

/// A problem document: `said` instead of the catalogue's detail where there is one.
fn details(
    status: StatusCode,
    name: &str,
    said: Option<String>,
    refusal: Option<&Refusal>,
    fields: &[FieldError],
) -> HttpResponse<BoxBody> {
    let words = Words::english();
    let detail = match (said, refusal) {
        (Some(said), _) => said,
        (None, Some(refusal)) => words.refusal(refusal),
        (None, None) => words.t(&format!("problem-{name}-detail")).into_owned(),
    };
    let problem = Problem {
        kind: format!("urn:watchkeeper:problem:{name}"),
        title: words.t(&format!("problem-{name}-title")).into_owned(),
        status: status.as_u16(),
        detail,
        rule: refusal.map(|refusal| refusal.rule.to_owned()),
        fields: fields
            .iter()
            .map(|error| FieldProblem {
                field: error.field.clone().into_owned(),
                problem: error.problem.to_owned(),
                detail: words.problem(error),
            })
            .collect(),
    };
    let body = serde_json::to_string(&problem).unwrap_or_default();
    HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, MEDIA_TYPE))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(body)
}

/// What the guard or the framework refused before a call was reached.
pub fn of_bare(status: StatusCode, cause: Option<&Cause>) -> HttpResponse<BoxBody> {
    let name = match status {
        StatusCode::NOT_FOUND => "missing",
        StatusCode::METHOD_NOT_ALLOWED => "no-method",
        StatusCode::PAYLOAD_TOO_LARGE => "too-big",
        StatusCode::REQUEST_TIMEOUT => "too-slow",
        StatusCode::TOO_MANY_REQUESTS => "too-many",
        StatusCode::UNAUTHORIZED => "no-token",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::CONFLICT => "stale",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        StatusCode::INSUFFICIENT_STORAGE => "full",
        StatusCode::UNPROCESSABLE_ENTITY => "refused",
        _ if status.is_server_error() => "internal",
        _ => "malformed",
    };
    let refusal = cause.and_then(|cause| cause.refusal.as_ref());
    let fields = cause.map_or([].as_slice(), |cause| cause.problems.as_slice());
    details(status, name, None, refusal, fields)
}
