//! What every form handler reads alike: ids and versions out of addresses and hidden fields, zones to choose from, and the
//! split of an outcome into what worked, what the form must show again, and what is a failure.

use actix_web::{HttpResponse, web};
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::actions::ticket_parts::Evidence;
use crate::actions::{self, evidence};
use crate::app::{App, Ctx};
use crate::domain::access::Principal;
use crate::domain::id::{Id, PersonId, TicketKey};
use crate::domain::people::Person;
use crate::domain::refusal::FieldError;
use crate::domain::ticket::Ticket;
use crate::error::Error;
use crate::http::form::{Choice, Form, ONCE, Posted};
use crate::http::page::Viewer;
use crate::http::reply::{self, Failure};
use crate::store;
use crate::store::blob::Hash;
use crate::store::idempotency::Kept;
use crate::words::Words;

/// What handlers return.
pub type Answer = Result<HttpResponse, Failure>;

/// An id out of an address; anything else isn't there.
pub fn id_of<T>(text: &str) -> Result<Id<T>, Failure> {
    Id::parse(text).ok_or_else(|| Error::NotFound.into())
}

/// The version that a form was made from.
pub fn rev(posted: &Posted) -> Result<i64, Failure> {
    posted.text("rev").parse().map_err(|_| Failure::malformed())
}

/// Inputs that were wrong become the inner error, for the form to show; other failures stay failures.
pub fn invalid<T>(outcome: Result<T, Failure>) -> Result<Result<T, Vec<FieldError>>, Failure> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(Failure::House(Error::Invalid(errors))) => Ok(Err(errors)),
        Err(other) => Err(other),
    }
}

/// Inputs that were wrong, and a row that somebody else has changed since, become the form to show again; other failures stay failures.
pub fn or_form<T>(
    outcome: Result<T, Failure>,
    posted: &Posted,
) -> Result<Result<T, Form>, Failure> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(Failure::House(Error::Invalid(errors))) => {
            Ok(Err(Form::kept(Words::english(), posted, errors)))
        }
        Err(Failure::House(Error::Stale)) => Ok(Err(Form::stale(Words::english(), posted))),
        Err(other) => Err(other),
    }
}

/// A form that came too late says who was faster: whoever did the last deed of this family to what is called `subject` now.
pub async fn with_who(
    app: &web::Data<App>,
    viewer: &Viewer,
    form: Option<Form>,
    (family, subject): (&'static str, &str),
) -> Result<Option<Form>, Failure> {
    match form {
        Some(form) if form.is_stale() => {
            let subject = subject.to_owned();
            let look = move |ctx: &Ctx<'_>| {
                ctx.read(|conn| store::settings::last_doer(conn, family, &subject))
            };
            Ok(Some(form.changed_by(viewer.run(app, look).await?)))
        }
        other => Ok(other),
    }
}

/// Opens a ticket unless this very form has opened one: a double tap, a page that is loaded again. The same page with another text
/// is another form, and so is one without the field that tells forms apart.
pub fn opened_once(
    ctx: &Ctx<'_>,
    posted: &Posted,
    open: impl Fn(&Ctx<'_>) -> crate::error::Result<Ticket>,
) -> crate::error::Result<TicketKey> {
    let form = posted.text(ONCE);
    let who = match &ctx.by {
        Principal::Person { id, .. } => id.to_string(),
        Principal::Contact { id, .. } => id.to_string(),
        Principal::Token { .. } | Principal::System(_) => String::new(),
    };
    if form.is_empty() || who.is_empty() {
        return Ok(open(ctx)?.key);
    }
    let mut sent = Vec::new();
    for (name, value) in posted.texts.iter().filter(|(name, _)| name != "csrf") {
        sent.extend_from_slice(format!("{name} {}\n{value}\n", value.len()).as_bytes());
    }
    for file in &posted.files {
        sent.extend_from_slice(format!("{} {}\n", file.name, file.bytes.len()).as_bytes());
        sent.extend_from_slice(&file.bytes);
    }
    let sent = Hash::of(&sent);
    actions::once::once(
        ctx,
        &format!("form {who}"),
        &format!("{form} {}", sent.hex()),
        |ctx| Ok(open(ctx)?.key),
        |key| Kept {
            asked: sent,
            status: 303,
            response: key.to_string(),
        },
        |kept| {
            let key = kept.response.parse();
            key.map_err(|_| Error::internal("a kept answer names no ticket"))
        },
    )
}

/// Deactivates or takes back what is never deleted, as the form's `active` says, and goes back to its page: the one that
/// `id` has in `list`.
pub async fn switched<M: 'static>(
    app: &web::Data<App>,
    viewer: &Viewer,
    posted: &Posted,
    (list, id): (&str, &str),
    switch: impl FnOnce(&Ctx<'_>, Id<M>, bool) -> crate::error::Result<()> + Send + 'static,
) -> Answer {
    let (id, is_active): (Id<M>, _) = (id_of(id)?, posted.ticked("active"));
    viewer
        .run(app, move |ctx| switch(ctx, id, is_active))
        .await?;
    let said = if is_active {
        "said-reactivated"
    } else {
        "said-deactivated"
    };
    Ok(reply::see_saying(&format!("{list}/{id}"), said, ""))
}

/// One box of a group to tick, or one row of it.
pub struct Tick {
    pub value: String,
    pub text: String,
    pub hint: String,
    pub ticked: bool,
}

impl Choice for Tick {
    fn value(&self) -> &str {
        &self.value
    }

    fn text(&self) -> &str {
        &self.text
    }
}

/// A group of boxes, one per person who is still here, by name.
pub fn people_ticks(people: &[Person], ticked: impl Fn(PersonId) -> bool) -> Vec<Tick> {
    let mut here: Vec<&Person> = people.iter().filter(|person| person.is_active).collect();
    here.sort_by_key(|person| person.name.to_lowercase());
    let tick = |person: &Person| Tick {
        value: person.id.to_string(),
        text: person.name.clone(),
        hint: String::new(),
        ticked: ticked(person.id),
    };
    here.into_iter().map(tick).collect()
}

/// The ids ticked under `name`; what is no id was not made by our form.
pub fn ticked_ids<T>(posted: &Posted, name: &str) -> Result<Vec<Id<T>>, Failure> {
    posted
        .all(name)
        .map(|text| Id::parse(text).ok_or_else(Failure::malformed))
        .collect()
}

/// The zones that people live in, by name; the first choice is none.
pub fn zones(words: &Words) -> Vec<(String, String)> {
    let continents = [
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
    ];
    let lived_in = |zone: &&Tz| {
        let name = zone.name();
        **zone == Tz::UTC
            || name
                .split_once('/')
                .is_some_and(|(area, _)| continents.contains(&area))
    };
    let mut names: Vec<&str> = TZ_VARIANTS
        .iter()
        .filter(lived_in)
        .map(|zone| zone.name())
        .collect();
    names.sort_unstable();
    let none = (String::new(), words.t("zone-choose").into_owned());
    let some = names
        .into_iter()
        .map(|name| (name.to_owned(), name.replace('_', " ")));
    std::iter::once(none).chain(some).collect()
}

/// Stores the form's files; their bytes stand before the entry that refers to them. With them go those that it carries since an
/// earlier look.
pub(super) fn stored(ctx: &Ctx<'_>, posted: &Posted) -> crate::error::Result<Vec<Evidence>> {
    posted.check_files("file")?;
    let carried = posted.all(CARRIED).map(|carried| {
        let (token, media_type, name) = carried_file(carried);
        evidence::again(ctx, token, name, media_type)
    });
    let new = posted
        .files
        .iter()
        .map(|file| evidence::keep(ctx, &file.name, &file.media_type, &file.bytes));
    carried.chain(new).collect()
}

/// The field of a form that carries files which came with it before.
pub(super) const CARRIED: &str = "carried";

/// Stores the form's files, so that the form can be shown again and carries them. What is too large is left for [`stored`] to say.
pub(super) fn carry_files(ctx: &Ctx<'_>, posted: &mut Posted) -> crate::error::Result<()> {
    for file in std::mem::take(&mut posted.files) {
        let kept = evidence::keep(ctx, &file.name, &file.media_type, &file.bytes)?;
        if let Some(token) = evidence::carried(ctx, &kept) {
            let media_type = file.media_type.replace(' ', "");
            let carried = format!("{token} {media_type} {}", file.name);
            posted.texts.push((CARRIED.to_owned(), carried));
        }
    }
    Ok(())
}

/// What a form carries of one file: its token, its type and its name.
pub(super) fn carried_file(carried: &str) -> (&str, &str, &str) {
    let (token, rest) = carried.split_once(' ').unwrap_or((carried, ""));
    let (media_type, name) = rest.split_once(' ').unwrap_or((rest, ""));
    (token, media_type, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_zone_is_chosen_for_anybody_and_every_choice_is_a_zone() {
        let zones = zones(Words::english());
        assert_eq!(zones[0].0, "");
        assert!(
            zones.len() > 300
                && zones
                    .iter()
                    .skip(1)
                    .all(|(name, _)| name.parse::<Tz>().is_ok())
        );
        assert!(zones.iter().any(|(name, _)| name == "Europe/Stockholm"));
    }
}
