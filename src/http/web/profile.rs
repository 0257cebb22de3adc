//! What people keep of themselves: name and zone, ways to be reached, what their screens do, password, sessions.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::account::new_password;
use super::inputs::{Answer, id_of, or_form, rev, zones};
use crate::actions::login;
use crate::actions::people;
use crate::app::{App, Ctx};
use crate::domain::delivery::Channel;
use crate::domain::id::SessionId;
use crate::domain::people::{Person, PersonDetails, ScreenChoice, Way};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::http::viewer::Seat;
use crate::secrets;
use crate::store;
use crate::store::login::Session;
use crate::words::Words;

#[derive(Template)]
#[template(path = "account/profile.html")]
struct ProfilePage {
    p: Page,
    /// `None` for a contact, who has a password and sessions only.
    person: Option<Person>,
    form: Form,
    ways: Form,
    /// Since when calls to their webhooks are signed.
    signed_since: Option<Timestamp>,
    /// What signs them, when it was just made: shown here and never again.
    fresh: Option<String>,
    screen: Form,
    password: Form,
    zones: Vec<(String, String)>,
    sessions: Vec<SessionRow>,
}

struct SessionRow {
    session: Session,
    is_this: bool,
    browser: String,
}

struct Known {
    person: Option<Person>,
    ways: Vec<Way>,
    signed_since: Option<Timestamp>,
    screen: ScreenChoice,
    sessions: Vec<Session>,
}

fn load(ctx: &Ctx<'_>, seat: &Seat) -> Result<Known> {
    ctx.read(|conn| {
        let mut ways = Vec::new();
        let mut screen = ScreenChoice::default();
        let mut signed_since = None;
        let person = match ctx.by.person() {
            Some(id) => {
                screen = store::people::screen_choice(conn, id)?;
                ways = store::people::ways(conn, id)?;
                signed_since = store::people::signing_secret(conn, id)?.map(|(_, since)| since);
                store::people::person(conn, id)?
            }
            None => None,
        };
        let mut sessions = store::login::sessions_of(conn, seat.login_id)?;
        sessions.retain(|session| !session.times.is_over(ctx.now));
        Ok(Known {
            person,
            ways,
            signed_since,
            screen,
            sessions,
        })
    })
}

/// Ways to be reached as their form shows them: one per line.
pub(super) fn ways_form(words: &'static Words, ways: &[Way]) -> Form {
    let lines = |channel| {
        let of_it = ways.iter().filter(|way| way.channel == channel);
        let lines: Vec<&str> = of_it.map(|way| way.address.as_str()).collect();
        lines.join("\n")
    };
    Form::new(words)
        .with("way_mail", lines(Channel::Mail))
        .with("way_webhook", lines(Channel::Webhook))
}

/// The form's lines read.
pub(super) fn ways_in(posted: &Posted) -> Result<Vec<(Channel, String)>> {
    let mails: Vec<&str> = posted.text("way_mail").lines().collect();
    let hooks: Vec<&str> = posted.text("way_webhook").lines().collect();
    people::parse_ways(&mails, &hooks)
}

/// "Firefox on Linux" out of what browsers say of themselves; theirs, cut, if it is none that we know.
fn browser_name(agent: &str) -> String {
    let kinds = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let systems = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "Mac"),
        ("Linux", "Linux"),
    ];
    let find = |list: &[(&str, &'static str)]| {
        list.iter()
            .find(|(mark, _)| agent.contains(mark))
            .map(|(_, name)| *name)
    };
    match (find(&kinds), find(&systems)) {
        (Some(kind), Some(system)) => format!("{kind}, {system}"),
        (Some(kind), None) => kind.to_owned(),
        _ => agent.chars().take(60).collect(),
    }
}

/// The same for a contact, in the customers' frame: a password and sessions are all they keep.
#[derive(Template)]
#[template(path = "portal/account.html")]
struct ContactPage {
    p: Page,
    password: Form,
    sessions: Vec<SessionRow>,
}

/// Where a viewer keeps their account.
fn place(viewer: &Viewer) -> &'static str {
    if viewer.principal.is_staff() {
        "/profile"
    } else {
        "/portal/account"
    }
}

fn answer(status: StatusCode, page: ProfilePage) -> Answer {
    if page.person.is_some() {
        return reply::page_with(status, &page);
    }
    let ProfilePage {
        p,
        password,
        sessions,
        ..
    } = page;
    reply::page_with(
        status,
        &ContactPage {
            p,
            password,
            sessions,
        },
    )
}

fn page_of(req: &HttpRequest, seat: &Seat, known: Known) -> ProfilePage {
    let words = Words::english();
    let mut form = Form::new(words);
    if let Some(person) = &known.person {
        form = form
            .with("name", &person.name)
            .with("zone", person.zone.name())
            .with_some("phone", person.phone.as_ref())
            .with("rev", person.version);
    }
    let ways = ways_form(words, &known.ways);
    let sessions = known.sessions.into_iter().map(|session| SessionRow {
        is_this: session.id == seat.session_id,
        browser: browser_name(&session.browser),
        session,
    });
    let p = Page::new(req, "profile-title");
    ProfilePage {
        zones: zones(p.words),
        person: known.person,
        form,
        ways,
        signed_since: known.signed_since,
        fresh: None,
        screen: Form::new(words)
            .with(
                "still_clocks",
                if known.screen.still_clocks { "yes" } else { "" },
            )
            .with("no_keys", if known.screen.no_keys { "yes" } else { "" }),
        password: Form::new(words),
        sessions: sessions.collect(),
        p,
    }
}

pub async fn show(req: HttpRequest, app: web::Data<App>, viewer: Viewer, seat: Seat) -> Answer {
    let own = seat.clone();
    let known = viewer.run(&app, move |ctx| load(ctx, &own)).await?;
    if req.path() != place(&viewer) {
        return Ok(reply::see(place(&viewer)));
    }
    answer(StatusCode::OK, page_of(&req, &seat, known))
}

/// Shows the page again with one of its forms as it was typed.
async fn again(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    seat: Seat,
    form: Form,
    put: impl FnOnce(&mut ProfilePage, Form),
) -> Answer {
    let status = form.status();
    page_with(req, app, viewer, seat, status, |page| put(page, form)).await
}

/// The page with a secret that was just made. Not a redirect: the secret exists in this answer only.
async fn with_secret(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    seat: Seat,
    secret: String,
) -> Answer {
    let put = |page: &mut ProfilePage| page.fresh = Some(secret);
    page_with(req, app, viewer, seat, StatusCode::OK, put).await
}

async fn page_with(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    seat: Seat,
    status: StatusCode,
    put: impl FnOnce(&mut ProfilePage),
) -> Answer {
    let own = seat.clone();
    let known = viewer.run(app, move |ctx| load(ctx, &own)).await?;
    let mut page = page_of(req, &seat, known);
    put(&mut page);
    answer(status, page)
}

pub async fn save(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    seat: Seat,
    posted: Posted,
) -> Answer {
    // The mail address stands in the form's place but isn't taken from it: an admin changes it.
    let details = PersonDetails::parse(
        posted.text("name"),
        "unchanged@example.org",
        posted.text("zone"),
        posted.text("phone"),
    );
    let rev = rev(&posted)?;
    let saved = match details {
        Ok(details) => {
            viewer
                .run(&app, move |ctx| people::edit_profile(ctx, rev, &details))
                .await
        }
        Err(errors) => Err(Error::Invalid(errors).into()),
    };
    match or_form(saved, &posted)? {
        Ok(_) => Ok(reply::see_saying("/profile", "said-saved", "")),
        Err(form) => {
            again(&req, &app, &viewer, seat, form, |page, form| {
                page.form = Form::opened(Some(form), page.form.clone());
            })
            .await
        }
    }
}

pub async fn save_ways(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    seat: Seat,
    posted: Posted,
) -> Answer {
    let saved = match ways_in(&posted) {
        Ok(ways) => {
            viewer
                .run(&app, move |ctx| people::set_ways(ctx, &ways))
                .await
        }
        Err(error) => Err(error.into()),
    };
    match or_form(saved, &posted)? {
        Ok(None) => Ok(reply::see_saying("/profile", "said-saved", "")),
        Ok(Some(secret)) => with_secret(&req, &app, &viewer, seat, secret).await,
        Err(form) => {
            again(&req, &app, &viewer, seat, form, |page, form| {
                page.ways = form
            })
            .await
        }
    }
}

/// A new secret for the calls to one's webhooks.
pub async fn renew_secret(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    seat: Seat,
    _form: Posted,
) -> Answer {
    let secret = viewer.run(&app, people::renew_signing_secret).await?;
    with_secret(&req, &app, &viewer, seat, secret).await
}

/// Still clocks, no single keys.
pub async fn save_screen(app: web::Data<App>, viewer: Viewer, posted: Posted) -> Answer {
    let choice = ScreenChoice {
        still_clocks: posted.ticked("still_clocks"),
        no_keys: posted.ticked("no_keys"),
    };
    viewer
        .run(&app, move |ctx| people::choose_screen(ctx, choice))
        .await?;
    Ok(reply::see_saying("/profile", "said-saved", ""))
}

pub async fn change_password(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    seat: Seat,
    posted: Posted,
) -> Answer {
    let about = vec![viewer.principal.name().to_owned()];
    let changed = match new_password(&posted, &about) {
        Err(errors) => Err(Error::Invalid(errors).into()),
        Ok(()) => {
            let (old, new) = (
                posted.text("old_password").to_owned(),
                posted.text("password").to_owned(),
            );
            let own = seat.clone();
            let work = move |ctx: &Ctx<'_>| -> Result<()> {
                let login = ctx.read(|conn| store::login::login(conn, own.login_id))?;
                let stored = login.and_then(|login| login.password_hash);
                let fits = secrets::password_fits(&old, stored.as_deref())?;
                let hash = secrets::hash_password(&new)?;
                login::change_password(ctx, own.login_id, own.session_id, fits, &hash)
            };
            viewer.run(&app, work).await
        }
    };
    match or_form(changed, &posted)? {
        Ok(()) => Ok(reply::see_saying(
            place(&viewer),
            "said-password-changed",
            "",
        )),
        Err(form) => {
            again(&req, &app, &viewer, seat, form, |page, form| {
                page.password = form
            })
            .await
        }
    }
}

pub async fn end_session(
    app: web::Data<App>,
    viewer: Viewer,
    seat: Seat,
    id: web::Path<String>,
    _form: Posted,
) -> Answer {
    let id: SessionId = id_of(&id)?;
    viewer
        .run(&app, move |ctx| login::end_session(ctx, seat.login_id, id))
        .await?;
    Ok(reply::see_saying(place(&viewer), "said-session-ended", ""))
}

pub async fn end_other_sessions(
    app: web::Data<App>,
    viewer: Viewer,
    seat: Seat,
    _form: Posted,
) -> Answer {
    viewer
        .run(&app, move |ctx| {
            login::end_other_sessions(ctx, seat.login_id, seat.session_id)
        })
        .await?;
    Ok(reply::see_saying(place(&viewer), "said-sessions-ended", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_named_as_people_would() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        assert_eq!(browser_name(firefox), "Firefox, Linux");
        assert_eq!(browser_name("curl/8.1"), "curl/8.1");
    }
}
