//! New tickets: the short form, where a title and a severity are enough, and the form for somebody who is on the phone.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{Answer, opened_once};
use super::queue::param;
use super::when;
use crate::actions::{self, evidence, ticket as act, ticket_parts as parts};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::hold::NewHold;
use crate::domain::id::{CustomerId, Id, Kind};
use crate::domain::refusal::FieldError;
use crate::domain::severity::{Priority, Risk, Severity};
use crate::domain::text::{self, Title};
use crate::domain::ticket::{Opening, Ticket, WaitingOn};
use crate::domain::timeline::Door;
use crate::error::{Error, Fields, Result};
use crate::http::form::{Form, Posted, Upload};
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::http::viewer::run_as;
use crate::store::{self, Conn};
use crate::words::Words;

/// Names offered while typing; more would only make the page heavy.
const OFFERED: usize = 200;

/// What the forms offer to choose from.
#[derive(Default)]
struct Choices {
    customers: Vec<String>,
    services: Vec<(String, String)>,
    people: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "new/ticket.html")]
struct NewPage {
    p: Page,
    kind: Kind,
    kinds: Vec<(Kind, String)>,
    form: Form,
    severities: Vec<(Severity, String)>,
    priorities: Vec<(String, String)>,
    risks: Vec<(String, String)>,
    choices: Choices,
    /// What it may wait for from the start.
    waits: Vec<(String, String)>,
    refusal: Option<String>,
    /// Something below the fold was filled in or is wrong: it stays unfolded.
    is_unfolded: bool,
}

impl NewPage {
    fn is_severity(&self, severity: &Severity) -> bool {
        self.form.value("severity") == severity.as_str()
    }
}

#[derive(Template)]
#[template(path = "new/call.html")]
struct CallPage {
    p: Page,
    form: Form,
    severities: Vec<(Severity, String)>,
    choices: Choices,
    refusal: Option<String>,
}

impl CallPage {
    fn is_severity(&self, severity: &Severity) -> bool {
        self.form.value("severity") == severity.as_str()
    }
}

fn choices(conn: &mut Conn, words: &Words) -> Result<Choices> {
    let mut customers: Vec<String> = store::customer::all(conn)?
        .into_iter()
        .filter(|it| it.is_active)
        .map(|it| it.name)
        .take(OFFERED)
        .collect();
    customers.sort_by_key(|name| name.to_lowercase());
    let none = (String::new(), words.t("choose-none").into_owned());
    let mut services: Vec<(String, String)> = store::house::services(conn)?
        .into_iter()
        .filter(|it| it.is_active)
        .map(|it| (it.id.to_string(), it.name))
        .collect();
    services.sort_by_key(|(_, name)| name.to_lowercase());
    services.insert(0, none.clone());
    let mut people: Vec<(String, String)> = store::people::persons(conn)?
        .into_iter()
        .filter(|it| it.is_active)
        .map(|it| (it.id.to_string(), it.name))
        .collect();
    people.sort_by_key(|(_, name)| name.to_lowercase());
    people.insert(0, none);
    Ok(Choices {
        customers,
        services,
        people,
    })
}

async fn choices_for(
    app: &web::Data<App>,
    viewer: &Viewer,
) -> std::result::Result<Choices, Failure> {
    viewer
        .run(app, |ctx| {
            actions::allow(&ctx.by, Action::OpenTicket, Target::House)?;
            ctx.read(|conn| choices(conn, Words::english()))
        })
        .await
}

fn severities(page: &Page) -> Vec<(Severity, String)> {
    Severity::ALL
        .iter()
        .map(|severity| (*severity, page.word("severity", severity.as_str())))
        .collect()
}

fn kind_asked(text: &str) -> Kind {
    match text.parse() {
        Ok(kind @ (Kind::Change | Kind::Task)) => kind,
        // A post-mortem belongs to an incident and is opened from there.
        Ok(Kind::Incident | Kind::PostMortem) | Err(()) => Kind::Incident,
    }
}

/// `GET /new?kind=task`
pub async fn form(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let choices = choices_for(&app, &viewer).await?;
    let page = Page::new(&req, "new-ticket");
    let kind = kind_asked(&param(&req, "kind").unwrap_or_default());
    let form = Form::new(page.words)
        .with("severity", Severity::Average)
        .with("priority", Priority::Normal)
        .with("risk", Risk::Low)
        .with_some("title", param(&req, "title"))
        .with_some("service", param(&req, "service"))
        .with_some("body", param(&req, "body"));
    reply::page(&new_page(page, kind, form, choices, None))
}

fn new_page(p: Page, kind: Kind, form: Form, choices: Choices, refusal: Option<String>) -> NewPage {
    let folded = [
        "customer",
        "service",
        "owner",
        "impact_at",
        "reported_at",
        "labels",
        "due_at",
        "hold_on",
        "hold_reason",
        "hold_until",
    ];
    let is_unfolded = folded
        .iter()
        .any(|name| !form.value(name).is_empty() || form.problem(name).is_some());
    let says = |family: &str, word: &str| (word.to_owned(), p.word(family, word));
    NewPage {
        kinds: [Kind::Incident, Kind::Task, Kind::Change]
            .map(|kind| (kind, p.word("kind", kind.as_str())))
            .to_vec(),
        severities: severities(&p),
        priorities: Priority::ALL
            .iter()
            .map(|priority| says("priority", priority.as_str()))
            .collect(),
        risks: Risk::ALL
            .iter()
            .map(|risk| says("risk", risk.as_str()))
            .collect(),
        waits: std::iter::once((String::new(), p.t("choose-none").into_owned()))
            .chain(WaitingOn::ALL.iter().map(|on| says("waiting", on.as_str())))
            .collect(),
        kind,
        form,
        choices,
        refusal,
        is_unfolded,
        p,
    }
}

/// `POST /new`
pub async fn open(req: HttpRequest, app: web::Data<App>, viewer: Viewer, posted: Posted) -> Answer {
    let (form, zone) = (posted.clone(), viewer.zone);
    let opened = viewer
        .run(&app, move |ctx| {
            // Bytes first: they are written outside the transaction that refers to them.
            let files = files_of(ctx, &form)?;
            opened_once(ctx, &form, |ctx| open_from(ctx, &form, &files, zone))
        })
        .await;
    let (refusal, errors) = match opened {
        Ok(key) => {
            let place = format!("/{key}");
            return Ok(reply::see_saying(&place, "said-opened", &key.to_string()));
        }
        Err(Failure::House(Error::Refused(refusal))) => (Some(refusal), Vec::new()),
        Err(Failure::House(Error::Invalid(errors))) => (None, errors),
        Err(other) => return Err(other),
    };
    let choices = choices_for(&app, &viewer).await?;
    let page = Page::new(&req, "new-ticket");
    let refusal = refusal.map(|refusal| page.words.refusal(&refusal));
    let kept = Form::kept(page.words, &posted, errors);
    reply::page_with(
        StatusCode::UNPROCESSABLE_ENTITY,
        &new_page(
            page,
            kind_asked(posted.text("kind")),
            kept,
            choices,
            refusal,
        ),
    )
}

fn files_of(ctx: &Ctx<'_>, posted: &Posted) -> Result<Vec<parts::Evidence>> {
    // Who may not open a ticket stores nothing.
    actions::allow(&ctx.by, Action::OpenTicket, Target::House)?;
    let keep = |file: &Upload| evidence::keep(ctx, &file.name, &file.media_type, &file.bytes);
    posted.files.iter().map(keep).collect()
}

fn open_from(
    ctx: &Ctx<'_>,
    posted: &Posted,
    files: &[parts::Evidence],
    zone: chrono_tz::Tz,
) -> Result<Ticket> {
    let kind = kind_asked(posted.text("kind"));
    let mut fields = Fields::new();
    let title = fields.take(Title::parse(posted.text("title")));
    let severity = word_of(posted, "severity", &mut fields);
    let priority = word_of(posted, "priority", &mut fields);
    let risk = word_of(posted, "risk", &mut fields);
    let body = fields.take(text::body("body", posted.text("body")));
    let customer = customer(ctx, posted.text("customer"), &mut fields)?;
    let impact_at = fields.take(when::instant(
        "impact_at",
        posted.text("impact_at"),
        zone,
        ctx.now,
    ));
    let reported_at = fields.take(when::instant(
        "reported_at",
        posted.text("reported_at"),
        zone,
        ctx.now,
    ));
    let due_at = fields.take(when::instant(
        "due_at",
        posted.text("due_at"),
        zone,
        ctx.now,
    ));
    let hold_until = fields.take(when::instant(
        "hold_until",
        posted.text("hold_until"),
        zone,
        ctx.now,
    ));
    let hold_on: Option<WaitingOn> = word_of(posted, "hold_on", &mut fields);
    let reason = posted.text("hold_reason");
    let hold_reason = fields.take(text::optional_line("hold_reason", reason, 200));
    let labels = fields.take(labels(posted.text("labels")));
    fields.take(posted.check_files("file"));
    fields.check()?;
    let Some(title) = title else {
        return Err(FieldError::new("title", "required").into());
    };
    let opening = Opening {
        severity: severity.filter(|_| kind == Kind::Incident),
        priority: priority.filter(|_| kind == Kind::Task),
        risk: risk.filter(|_| kind == Kind::Change),
        body: body.unwrap_or_default(),
        customer,
        owner: Id::parse(posted.text("owner")),
        services: Id::parse(posted.text("service")).into_iter().collect(),
        impact_at: impact_at.flatten(),
        reported_at: reported_at.flatten(),
        due_at: due_at.flatten(),
        hold: hold_on.map(|on| NewHold {
            until: hold_until.flatten(),
            ..NewHold::new(on, hold_reason.flatten().unwrap_or_default())
        }),
        labels: labels.unwrap_or_default(),
        ..Opening::default()
    };
    let ticket = act::open(ctx, kind, title, &opening)?;
    if !files.is_empty() {
        parts::attach(ctx, ticket.key, "", files)?;
    }
    Ok(ticket)
}

/// A closed enum's word; empty is none.
fn word_of<T: std::str::FromStr>(
    posted: &Posted,
    field: &'static str,
    fields: &mut Fields,
) -> Option<T> {
    match posted.text(field) {
        "" => None,
        word => fields
            .take(word.parse().map_err(|_| {
                FieldError::new(field, "not-a-choice").with("value", word.to_owned())
            })),
    }
}

/// A customer by the name that was typed; empty is none.
fn customer(ctx: &Ctx<'_>, name: &str, fields: &mut Fields) -> Result<Option<CustomerId>> {
    let name = name.trim();
    if name.is_empty() {
        return Ok(None);
    }
    let found = ctx.read(|conn| store::customer::by_name(conn, name))?;
    Ok(fields.take(found.ok_or_else(|| {
        FieldError::new("customer", "unknown-customer").with("value", name.to_owned())
    })))
}

/// Labels, separated by blanks or commas.
fn labels(typed: &str) -> std::result::Result<Vec<String>, FieldError> {
    let mut labels = typed
        .split([',', ' '])
        .filter(|label| !label.trim().is_empty())
        .map(|label| Ok(text::one_line("labels", label, 40)?.to_lowercase()))
        .collect::<std::result::Result<Vec<_>, FieldError>>()?;
    labels.sort();
    labels.dedup();
    Ok(labels)
}

/// `GET /call`: somebody is on the phone.
pub async fn call_form(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let choices = choices_for(&app, &viewer).await?;
    let page = Page::new(&req, "call-title");
    let form = Form::new(page.words)
        .with("severity", Severity::High)
        .with("in", "30");
    let severities = severities(&page);
    reply::page(&CallPage {
        p: page,
        form,
        severities,
        choices,
        refusal: None,
    })
}

/// `POST /call`
pub async fn call(req: HttpRequest, app: web::Data<App>, viewer: Viewer, posted: Posted) -> Answer {
    let (form, zone) = (posted.clone(), viewer.zone);
    let logged = run_as(&app, viewer.principal.clone(), Door::Phone, move |ctx| {
        opened_once(ctx, &form, |ctx| log_call(ctx, &form, zone))
    })
    .await;
    let (refusal, errors) = match logged {
        Ok(key) => {
            let place = format!("/{key}");
            return Ok(reply::see_saying(&place, "said-call", &key.to_string()));
        }
        Err(Failure::House(Error::Refused(refusal))) => (Some(refusal), Vec::new()),
        Err(Failure::House(Error::Invalid(errors))) => (None, errors),
        Err(other) => return Err(other),
    };
    let choices = choices_for(&app, &viewer).await?;
    let page = Page::new(&req, "call-title");
    let refusal = refusal.map(|refusal| page.words.refusal(&refusal));
    let form = Form::kept(page.words, &posted, errors);
    let severities = severities(&page);
    reply::page_with(
        StatusCode::UNPROCESSABLE_ENTITY,
        &CallPage {
            p: page,
            form,
            severities,
            choices,
            refusal,
        },
    )
}

/// Five facts: what fails, since when, who is hit, what they see, what they have tried.
fn log_call(ctx: &Ctx<'_>, posted: &Posted, zone: chrono_tz::Tz) -> Result<Ticket> {
    let words = Words::english();
    let mut fields = Fields::new();
    let title = fields.take(Title::parse(posted.text("title")));
    let caller = fields.take(text::one_line(
        "caller",
        posted.text("caller"),
        text::NAME_CHARS,
    ));
    let number = fields.take(text::one_line("number", posted.text("number"), 40));
    let severity: Option<Severity> = word_of(posted, "severity", &mut fields);
    let customer = customer(ctx, posted.text("customer"), &mut fields)?;
    let since = fields
        .take(when::instant("since", posted.text("since"), zone, ctx.now))
        .flatten();
    let callback_at = match posted.text("in") {
        "at" => fields
            .take(when::instant("at", posted.text("at"), zone, ctx.now))
            .flatten(),
        "" => None,
        minutes => fields
            .take(
                minutes
                    .parse::<i64>()
                    .ok()
                    .filter(|minutes| (1..=1_440).contains(minutes))
                    .ok_or_else(|| {
                        FieldError::new("in", "not-a-choice").with("value", minutes.to_owned())
                    }),
            )
            .map(|minutes| ctx.now.plus_secs(minutes * 60)),
    };
    fields.check()?;
    let (Some(title), Some(caller), Some(number)) = (title, caller, number) else {
        return Err(FieldError::new("title", "required").into());
    };
    let mut lines = vec![format!("{}: {caller}, {number}", words.t("call-caller"))];
    for (name, label) in [
        ("who", "call-who"),
        ("sees", "call-sees"),
        ("tried", "call-tried"),
    ] {
        let said = text::body(name, posted.text(name))?;
        if !said.trim().is_empty() {
            lines.push(format!("{}: {}", words.t(label), said.trim()));
        }
    }
    let opening = Opening {
        severity,
        body: lines.join("\n"),
        customer,
        services: Id::parse(posted.text("service")).into_iter().collect(),
        impact_at: since.filter(|at| *at <= ctx.now),
        reported_at: Some(ctx.now),
        callback_number: Some(number),
        callback_at,
        spoken_to: true,
        ..Opening::default()
    };
    act::open(ctx, Kind::Incident, title, &opening)
}
