//! `?dry_run=1` where something is said to customers: each letter as its reader would get it. It is said, looked at and undone; nothing
//! is written.

use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Answer, Call, Reply};
use super::ticket::{Ticket, changed};
use super::value::{ContactUid, Uid};
use super::what_if::DryRun;
use crate::actions::letter_look::{self, Letter};
use crate::actions::proposal::Said;
use crate::app::Ctx;
use crate::domain::id::TicketKey;
use crate::error::Result;

/// What saying something leaves, or would send.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub enum TicketOrLetters {
    Ticket(Box<Ticket>),
    Letters(Box<Letters>),
}

/// What would be sent. Nothing was written, and nobody was told.
#[derive(Debug, Serialize, ToSchema)]
pub struct Letters {
    /// Always true.
    pub dry_run: bool,
    /// Somebody else would read it first; the letters leave once they approve.
    pub waits: bool,
    /// As it would stand.
    pub ticket: Ticket,
    /// One for each reader: nobody sees who else gets one.
    pub letters: Vec<LetterLook>,
}

/// A letter as its reader would get it now.
#[derive(Debug, Serialize, ToSchema)]
pub struct LetterLook {
    #[schema(example = "carol@contoso.example")]
    pub to: String,
    /// Empty for somebody who is known by their address alone.
    pub name: String,
    pub contact_id: Option<ContactUid>,
    /// Null beyond the twentieth letter.
    pub subject: Option<String>,
    /// Null beyond the twentieth letter.
    pub text: Option<String>,
    pub files: Vec<LetterFile>,
}

/// A file that goes with a letter.
#[derive(Debug, Serialize, ToSchema)]
pub struct LetterFile {
    pub name: String,
    pub size_bytes: usize,
}

impl LetterLook {
    fn of(letter: Letter) -> Self {
        let (subject, text) = letter.words.unzip();
        let files = letter.files.into_iter();
        Self {
            to: letter.to.to_string(),
            name: letter.name,
            contact_id: letter.contact.map(Uid),
            subject,
            text,
            files: files
                .map(|(name, size_bytes)| LetterFile { name, size_bytes })
                .collect(),
        }
    }
}

/// Says something to customers, or looks at what that would send. 202 while it waits for a second person.
pub async fn said_or_looked<T>(
    call: Call<T>,
    key: TicketKey,
    say: impl Fn(&Ctx<'_>, &T) -> Result<Said> + Send + 'static,
) -> Reply
where
    T: serde::de::DeserializeOwned + 'static,
{
    let asked: DryRun = call.query()?;
    call.change(move |ctx, body| told(ctx, key, &asked, |ctx| say(ctx, body)))
        .await
}

/// What the caller hears of it.
pub fn told(
    ctx: &Ctx<'_>,
    key: TicketKey,
    asked: &DryRun,
    say: impl Fn(&Ctx<'_>) -> Result<Said>,
) -> Result<Answer> {
    if !asked.is_dry() {
        let said = say(ctx)?;
        let answer = changed(ctx.app, &said.ticket)?;
        return Ok(match said.waits {
            true => answer.not_yet(),
            false => answer,
        });
    }
    let look = letter_look::at(ctx, key, say)?;
    Answer::ok(&Letters {
        dry_run: true,
        waits: look.waits,
        ticket: Ticket::of(ctx.app, &look.ticket),
        letters: look.letters.into_iter().map(LetterLook::of).collect(),
    })
}
