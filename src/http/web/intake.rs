//! The addresses that take mail, and the senders whose mail is held unread.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{Answer, id_of, or_form};
use crate::actions::{allow, intake as act};
use crate::app::App;
use crate::domain::access::{Action, Target};
use crate::domain::id::{CustomerId, Id, IntakeAddressId, Kind, ServiceId, TeamId};
use crate::domain::intake::{self as rules, IntakeAddress};
use crate::domain::mail_words::{FormFields, Keywords, SeverityWords};
use crate::domain::refusal::FieldError;
use crate::domain::severity::Severity;
use crate::domain::text::EmailAddress;
use crate::error::{Error, Fields, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::store;
use crate::store::intake::Blocked;

/// What mail may become.
const KINDS: [Kind; 3] = [Kind::Incident, Kind::Task, Kind::Change];

#[derive(Template)]
#[template(path = "mail/addresses.html")]
struct AddressesPage {
    p: Page,
    addresses: Vec<IntakeAddress>,
    /// The one that the form changes; `None`: a new one.
    known: Option<IntakeAddress>,
    form: Form,
    block_form: Form,
    kinds: Vec<(String, String)>,
    severities: Vec<(String, String)>,
    teams: Vec<(String, String)>,
    services: Vec<(String, String)>,
    customers: Vec<(String, String)>,
    blocked: Vec<Blocked>,
}

impl AddressesPage {
    /// Something is set in the part of the form that is folded otherwise.
    fn has_words(&self) -> bool {
        ["severity_words", "form_fields", "keywords"]
            .iter()
            .any(|name| !self.form.value(name).is_empty() || self.form.problem(name).is_some())
    }
}

struct Known {
    addresses: Vec<IntakeAddress>,
    blocked: Vec<Blocked>,
    teams: Vec<(String, String)>,
    services: Vec<(String, String)>,
    customers: Vec<(String, String)>,
}

async fn load(app: &web::Data<App>, viewer: &Viewer) -> std::result::Result<Known, Failure> {
    viewer
        .run(app, |ctx| {
            allow(&ctx.by, Action::ReadMail, Target::House)?;
            ctx.read(|conn| {
                Ok(Known {
                    addresses: store::intake_address::all(conn)?,
                    blocked: store::intake::blocked(conn)?,
                    teams: store::house::teams(conn)?
                        .into_iter()
                        .filter(|it| it.is_active)
                        .map(|it| (it.id.to_string(), it.name))
                        .collect(),
                    services: store::house::services(conn)?
                        .into_iter()
                        .filter(|it| it.is_active)
                        .map(|it| (it.id.to_string(), it.name))
                        .collect(),
                    customers: store::customer::all(conn)?
                        .into_iter()
                        .filter(|it| it.is_active)
                        .map(|it| (it.id.to_string(), it.name))
                        .collect(),
                })
            })
        })
        .await
}

fn page_of(
    req: &HttpRequest,
    known: Known,
    chosen: Option<IntakeAddressId>,
    kept: Option<Form>,
    block: Option<Form>,
) -> AddressesPage {
    let p = Page::new(req, "intake-title");
    let chosen = chosen.and_then(|id| {
        known
            .addresses
            .iter()
            .find(|address| address.id == id)
            .cloned()
    });
    let none = |key: &str| vec![(String::new(), p.t(key).into_owned())];
    let with_none = |key: &str, rest: Vec<(String, String)>| {
        none(key).into_iter().chain(rest).collect::<Vec<_>>()
    };
    let standing = match &chosen {
        Some(address) => Form::new(p.words)
            .with("address", &address.address)
            .with("kind", address.kind)
            .with_some("severity", address.severity)
            .with_some("team", address.team)
            .with_some("service", address.service)
            .with_some("customer", address.customer)
            .with(
                "takes_generated",
                if address.takes_generated { "yes" } else { "" },
            )
            .with("takes_list", if address.takes_list { "yes" } else { "" })
            .with("separator", address.separator)
            .with("severity_words", &address.severity_words)
            .with("form_fields", &address.form_fields)
            .with("keywords", &address.keywords)
            .with("generated_from", address.generated_from.join("\n"))
            .with("own_ticket", if address.own_ticket { "yes" } else { "" })
            .with(
                "takes_copies",
                if address.takes_copies { "yes" } else { "" },
            )
            .with("active", if address.is_active { "yes" } else { "" })
            .with("rev", address.version),
        None => Form::new(p.words)
            .with("kind", Kind::Incident)
            .with("separator", "+")
            .with("active", "yes"),
    };
    AddressesPage {
        kinds: KINDS
            .iter()
            .map(|kind| (kind.to_string(), p.word("kind", kind.as_str())))
            .collect(),
        severities: with_none(
            "intake-severity-default",
            Severity::ALL
                .iter()
                .map(|it| (it.to_string(), p.word("severity", it.as_str())))
                .collect(),
        ),
        teams: with_none("intake-none", known.teams),
        services: with_none("intake-none", known.services),
        customers: with_none("intake-none", known.customers),
        addresses: known.addresses,
        blocked: known.blocked,
        block_form: block.unwrap_or_else(|| Form::new(p.words)),
        known: chosen,
        form: Form::opened(kept, standing),
        p,
    }
}

pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let known = load(&app, &viewer).await?;
    reply::page(&page_of(&req, known, None, None, None))
}

pub async fn edit_form(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    let id: IntakeAddressId = id_of(&id)?;
    let known = load(&app, &viewer).await?;
    if !known.addresses.iter().any(|address| address.id == id) {
        return Err(Error::NotFound.into());
    }
    reply::page(&page_of(&req, known, Some(id), None, None))
}

fn chosen<T>(fields: &mut Fields, posted: &Posted, field: &'static str) -> Option<Id<T>> {
    match posted.text(field) {
        "" => None,
        text => {
            let id = Id::parse(text);
            if id.is_none() {
                fields.push(FieldError::new(field, "not-a-choice").with("value", text.to_owned()));
            }
            id
        }
    }
}

fn read(posted: &Posted, id: IntakeAddressId, version: i64) -> Result<IntakeAddress> {
    let mut fields = Fields::new();
    let address = fields.take(
        EmailAddress::parse(posted.text("address")).map_err(|error| FieldError {
            field: "address".into(),
            ..error
        }),
    );
    let kind = fields.take(posted.text("kind").parse::<Kind>().map_err(|()| {
        FieldError::new("kind", "not-a-choice").with("value", posted.text("kind").to_owned())
    }));
    let severity = match posted.text("severity") {
        "" => None,
        text => fields.take(text.parse::<Severity>().map_err(|()| {
            FieldError::new("severity", "not-a-choice").with("value", text.to_owned())
        })),
    };
    let team: Option<TeamId> = chosen(&mut fields, posted, "team");
    let service: Option<ServiceId> = chosen(&mut fields, posted, "service");
    let customer: Option<CustomerId> = chosen(&mut fields, posted, "customer");
    let separator = fields.take(rules::separator(posted.text("separator")));
    let text = |field| posted.text(field);
    let severity_words = SeverityWords::parse("severity_words", text("severity_words"));
    let severity_words = fields.take(severity_words);
    let form_fields = fields.take(FormFields::parse("form_fields", text("form_fields")));
    let keywords = fields.take(Keywords::parse("keywords", text("keywords")));
    let generated_from = fields.take(rules::senders("generated_from", text("generated_from")));
    fields.check()?;
    let (Some(address), Some(kind), Some(separator)) = (address, kind, separator) else {
        return Err(Error::internal("a field that passed its check is missing"));
    };
    Ok(IntakeAddress {
        id,
        address,
        kind,
        severity,
        team,
        service,
        customer,
        takes_generated: posted.ticked("takes_generated"),
        takes_list: posted.ticked("takes_list"),
        separator,
        severity_words: severity_words.unwrap_or_default(),
        form_fields: form_fields.unwrap_or_default(),
        keywords: keywords.unwrap_or_default(),
        generated_from: generated_from.unwrap_or_default(),
        takes_copies: posted.ticked("takes_copies"),
        own_ticket: posted.ticked("own_ticket"),
        is_active: posted.ticked("active"),
        version,
    })
}

pub async fn add(req: HttpRequest, app: web::Data<App>, viewer: Viewer, posted: Posted) -> Answer {
    save(req, app, viewer, None, posted).await
}

pub async fn edit(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id = id_of(&id)?;
    save(req, app, viewer, Some(id), posted).await
}

async fn save(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: Option<IntakeAddressId>,
    posted: Posted,
) -> Answer {
    let version = match id {
        Some(_) => super::inputs::rev(&posted)?,
        None => 1,
    };
    let new_id = id.unwrap_or_else(|| Id::new(app.time.now()));
    let saved = match read(&posted, new_id, version) {
        Err(error) => Err(Failure::from(error)),
        Ok(wanted) => {
            viewer
                .run(&app, move |ctx| act::keep_address(ctx, &wanted, id))
                .await
        }
    };
    match or_form(saved, &posted)? {
        Ok(()) => Ok(reply::see_saying("/mail/addresses", "said-saved", "")),
        Err(form) => {
            let known = load(&app, &viewer).await?;
            let page = page_of(&req, known, id, Some(form), None);
            reply::page_with(page.form.status(), &page)
        }
    }
}

pub async fn block(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    posted: Posted,
) -> Answer {
    let (pattern, reason) = (
        posted.text("pattern").to_owned(),
        posted.text("reason").to_owned(),
    );
    let done = viewer
        .run(&app, move |ctx| act::block(ctx, &pattern, &reason))
        .await;
    match or_form(done, &posted)? {
        Ok(()) => Ok(reply::see_saying("/mail/addresses", "said-done", "")),
        Err(form) => {
            let known = load(&app, &viewer).await?;
            let page = page_of(&req, known, None, None, Some(form));
            reply::page_with(page.block_form.status(), &page)
        }
    }
}

pub async fn unblock(app: web::Data<App>, viewer: Viewer, posted: Posted) -> Answer {
    let pattern = posted.text("pattern").to_owned();
    viewer
        .run(&app, move |ctx| act::unblock(ctx, &pattern))
        .await?;
    Ok(reply::see_saying("/mail/addresses", "said-done", ""))
}
