//! What goes to customers, looked at before it goes: the room is shown again with what was typed, and with each letter as its reader
//! gets it. Works without script, and nothing is lost: the form carries its files.

use actix_web::web;
use chrono_tz::Tz;

use super::inputs::carry_files;
use super::ticket::Refused;
use super::ticket_do::{self, say};
use crate::actions::letter_look::{self, Look};
use crate::app::{App, Ctx};
use crate::domain::id::TicketKey;
use crate::error::{Error, Result};
use crate::http::form::Posted;
use crate::http::page::Viewer;
use crate::http::reply::Failure;

/// The forms whose words go to customers.
fn goes_out(verb: &str) -> bool {
    matches!(verb, "reply" | "update" | "share")
}

/// Whether a form asks for a look at its letters, and is not to be sent yet.
pub fn is_asked(verb: &str, posted: &Posted) -> bool {
    // What stands in the note's form and is for customers goes out only from under its letters, and to those who stood there.
    let is_seen = posted.text("sure") == posted.text("audience");
    let is_unseen = verb == "note" && ticket_do::goes_out(posted) && !is_seen;
    goes_out(verb) && posted.ticked("look") || is_unseen
}

/// The form as it was typed, and what it would send; or why it can't be sent.
pub async fn looked(
    app: &web::Data<App>,
    viewer: &Viewer,
    key: TicketKey,
    verb: String,
    posted: Posted,
) -> std::result::Result<Refused, Failure> {
    let zone = viewer.zone;
    let asked = verb.clone();
    let (posted, outcome) = viewer
        .run(app, move |ctx| {
            let mut posted = posted;
            carry_files(ctx, &mut posted)?;
            let outcome = look(ctx, key, &asked, &posted, zone);
            Ok((posted, outcome))
        })
        .await?;
    let mut shown = Refused {
        verb,
        posted,
        refusal: None,
        errors: Vec::new(),
        is_stale: false,
        look: None,
    };
    match outcome {
        Ok(look) => shown.look = Some(look),
        Err(Error::Refused(refusal)) => shown.refusal = Some(refusal),
        Err(Error::Invalid(errors)) => shown.errors = errors,
        Err(other) => return Err(other.into()),
    }
    Ok(shown)
}

fn look(ctx: &Ctx<'_>, key: TicketKey, verb: &str, posted: &Posted, zone: Tz) -> Result<Look> {
    letter_look::at(ctx, key, |ctx| say(ctx, key, verb, posted, zone))
}

/// A form that was refused is shown again with its files.
pub async fn with_files(
    app: &web::Data<App>,
    viewer: &Viewer,
    verb: &str,
    posted: Posted,
) -> std::result::Result<Posted, Failure> {
    if posted.files.is_empty() || !(goes_out(verb) || verb == "note") {
        return Ok(posted);
    }
    viewer
        .run(app, move |ctx| {
            let mut carried = posted.clone();
            match carry_files(ctx, &mut carried) {
                Ok(()) => Ok(carried),
                // What was refused for its files has to bring others.
                Err(Error::Invalid(_)) => Ok(posted),
                Err(other) => Err(other),
            }
        })
        .await
}
