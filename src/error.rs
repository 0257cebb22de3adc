//! How things fail: a rule said no, an input is wrong, somebody was faster, or we broke. Never mixed.

use crate::domain::refusal::{FieldError, Refusal};

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Absent, or hidden from this viewer: the two look the same.
    #[error("not found")]
    NotFound,
    /// Known to this viewer, but this action isn't theirs.
    #[error("not allowed: {0}")]
    Forbidden(Refusal),
    /// A rule said no.
    #[error("{0}")]
    Refused(Refusal),
    /// Inputs that can't be taken, all at once.
    #[error("invalid input: {0:?}")]
    Invalid(Vec<FieldError>),
    /// Somebody changed the row since it was read; nothing was written.
    #[error("changed by somebody else meanwhile")]
    Stale,
    /// Not now: the disk is nearly full, and nothing new is taken in.
    #[error("the disk is nearly full")]
    Full,
    /// Not now: the database is away or full. The caller may try again.
    #[error("temporarily unavailable: {0}")]
    Unavailable(String),
    /// We broke. Logged once, at the edge.
    #[error("{0}")]
    Internal(String),
    #[error("database: {0}")]
    Database(diesel::result::Error),
}

impl Error {
    pub fn internal(what: impl std::fmt::Display) -> Self {
        Error::Internal(what.to_string())
    }
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        match error {
            diesel::result::Error::NotFound => Error::NotFound,
            other => Error::Database(other),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::Refused(refusal)
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Self {
        Error::Invalid(vec![error])
    }
}

impl From<Vec<FieldError>> for Error {
    fn from(errors: Vec<FieldError>) -> Self {
        Error::Invalid(errors)
    }
}

/// Gathers field errors, so that a form hears of all of them at once.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    pub fn new() -> Self {
        Self::default()
    }

    /// The value, or `None` after noting what is wrong with it.
    pub fn take<T>(&mut self, result: std::result::Result<T, FieldError>) -> Option<T> {
        result.map_err(|error| self.0.push(error)).ok()
    }

    pub fn push(&mut self, error: FieldError) {
        self.0.push(error);
    }

    /// All that was gathered, as an error; `Ok` if nothing was.
    pub fn check(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(self.0))
        }
    }
}

/// Whether an insert failed because the row is there already: our upsert's answer.
pub fn is_unique_violation(error: &Error) -> bool {
    use diesel::result::{DatabaseErrorKind, Error as Diesel};
    matches!(
        error,
        Error::Database(Diesel::DatabaseError(DatabaseErrorKind::UniqueViolation, _))
    )
}
