//! Freezes: the windows in which changes don't begin.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{self, Answer, Tick, id_of, or_form, rev, ticked_ids, with_who};
use crate::actions::freeze as act;
use crate::app::{App, Ctx};
use crate::domain::access::{self, Action, Target};
use crate::domain::change::Sort as ChangeSort;
use crate::domain::duration;
use crate::domain::freeze::{
    Details, Freeze, Level, Scope, Sort, TypeLevel, TypeLevels, Typed, TypedLevels,
};
use crate::domain::id::{FreezeId, ServiceId};
use crate::domain::people::Service;
use crate::domain::refusal::FieldError;
use crate::domain::settings::Settings;
use crate::domain::severity::Risk;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::store;
use crate::words::Words;

#[derive(Template)]
#[template(path = "settings/freezes.html")]
struct FreezesPage {
    p: Page,
    rows: Vec<Row>,
    may_edit: bool,
    form: Form,
    /// Where the form goes: a window's own address while it is edited.
    action: String,
    edited: Option<Freeze>,
    c: Choices,
}

/// What a window may be chosen to be.
pub(super) struct Choices {
    pub zones: Vec<(String, String)>,
    pub sorts: Vec<(String, String)>,
    pub levels: Vec<(String, String)>,
    /// What it says to each type of change: the field, and what it is called.
    pub types: Vec<(&'static str, String)>,
    pub type_levels: Vec<(String, String)>,
    pub risks: Vec<(String, String)>,
    pub services: Vec<Tick>,
    pub environments: Vec<Tick>,
    /// The first environment: where customers are.
    pub production: String,
}

struct Row {
    freeze: Freeze,
    when: String,
    services: String,
    /// In which environments, and from which risk on, where that isn't as usual.
    finer: Vec<String>,
    /// Whether it is open, and its occurrence now or next.
    is_open: bool,
    next: Option<(Timestamp, Timestamp)>,
}

/// The fields of what it says to each type of change.
const NORMAL: &str = "type_levels.normal";
const STANDARD: &str = "type_levels.standard";
const EMERGENCY: &str = "type_levels.emergency";

/// What a window is for, as it was sent.
pub(super) fn scope(posted: &Posted, services: Vec<ServiceId>) -> Result<Scope> {
    let min_risk = match posted.text("min_risk") {
        "" => None,
        word => Some(word.parse::<Risk>().map_err(|()| {
            FieldError::new("min_risk", "unknown-word")
                .with("value", word.to_owned())
                .with("accepted", "low, medium, high")
        })?),
    };
    Ok(Scope {
        services,
        environments: posted.all("environments").map(str::to_owned).collect(),
        min_risk,
        refs: posted
            .text("refs")
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
    })
}

pub(super) fn sort(posted: &Posted) -> &str {
    match posted.text("kind") {
        "" => Sort::Deny.as_str(),
        word => word,
    }
}

pub(super) fn types(posted: &Posted) -> TypedLevels<'_> {
    TypedLevels {
        normal: posted.text(NORMAL),
        standard: posted.text(STANDARD),
        emergency: posted.text(EMERGENCY),
    }
}

/// The form of the windows as it was sent.
fn details(posted: &Posted, services: Vec<ServiceId>) -> Result<Details> {
    let scope = scope(posted, services)?;
    let typed = Typed {
        name: posted.text("name"),
        zone: posted.text("zone"),
        from: posted.text("from"),
        to: posted.text("to"),
        sort: sort(posted),
        level: posted.text("level"),
        types: types(posted),
        announce: posted.text("announce"),
    };
    Details::check(&typed, scope, posted.ticked("active")).map_err(Error::Invalid)
}

pub(super) struct Known {
    freezes: Vec<Freeze>,
    services: Vec<Service>,
    environments: Vec<String>,
    pub set: Settings,
    may_edit: bool,
}

pub(super) fn load(ctx: &Ctx<'_>) -> Result<Known> {
    let freezes = act::list(ctx)?;
    let (services, environments, set) = ctx.read(|conn| {
        Ok((
            store::house::services(conn)?,
            store::house::environments(conn)?,
            store::settings::all(conn)?,
        ))
    })?;
    Ok(Known {
        freezes,
        services,
        environments,
        set,
        may_edit: access::may(&ctx.by, Action::ManageSettings, Target::House).is_ok(),
    })
}

/// To which types of change a window says something else, and what.
pub(super) fn types_in_words(words: &Words, types: &TypeLevels) -> Vec<String> {
    let said = types.all().into_iter().map(|(sort, level)| {
        let sort = words.t(&format!("freeze-of-{sort}")).into_owned();
        let level = words.t(&format!("freeze-level-{level}")).into_owned();
        words
            .with(
                "freeze-type-says",
                &[("type", sort.into()), ("level", level.into())],
            )
            .into_owned()
    });
    said.collect()
}

fn with_types(form: Form, types: &TypeLevels) -> Form {
    let typed = TypedLevels::from(types);
    form.with(NORMAL, typed.normal)
        .with(STANDARD, typed.standard)
        .with(EMERGENCY, typed.emergency)
}

/// `every week, Fri 00:00 to Mon 07:00`.
pub(super) fn when_in_words(freeze: &Freeze, p: &Page) -> String {
    let key = format!("freeze-rhythm-{}", freeze.when.rhythm());
    let (from, to) = (freeze.when.from(), freeze.when.to());
    p.t2(&key, "from", from, "to", to).into_owned()
}

fn row(freeze: Freeze, services: &[Service], p: &Page) -> Row {
    let next = freeze.next(p.now);
    let named = services
        .iter()
        .filter(|it| freeze.scope.services.contains(&it.id));
    let names: Vec<&str> = named.map(|it| it.name.as_str()).collect();
    let when = when_in_words(&freeze, p);
    let environments = &freeze.scope.environments;
    let mut finer = Vec::new();
    finer.extend((!environments.is_empty()).then(|| environments.join(", ")));
    let refs = &freeze.scope.refs;
    finer.extend(
        (!refs.is_empty()).then(|| p.t1("freeze-of-refs", "refs", refs.join(", ")).into_owned()),
    );
    finer.extend(freeze.scope.min_risk.map(|risk| {
        let risk = p.word("risk", risk.as_str());
        p.t1("freeze-risky", "risk", risk).into_owned()
    }));
    finer.extend(freeze.announce_secs.map(|secs| {
        let span = p.words.span(secs);
        p.t1("freeze-announced", "span", span).into_owned()
    }));
    finer.extend(types_in_words(p.words, &freeze.types));
    Row {
        when,
        finer,
        services: match names.is_empty() {
            true => p.t("freeze-everything").into_owned(),
            false => names.join(", "),
        },
        is_open: next.is_some_and(|(from, _)| from <= p.now),
        next,
        freeze,
    }
}

pub(super) fn choices(known: &Known, form: &Form, p: &Page) -> Choices {
    let mut services: Vec<&Service> = known.services.iter().filter(|it| it.is_active).collect();
    services.sort_by_key(|it| it.name.to_lowercase());
    let tick = |name: &str, value: String, text: &str| Tick {
        ticked: form.is_ticked(name, &value),
        value,
        text: text.to_owned(),
        hint: String::new(),
    };
    let pair = |prefix: &str, word: &str| (word.to_owned(), p.word(prefix, word));
    let none = |key: &str| std::iter::once((String::new(), p.t(key).into_owned()));
    let types = [NORMAL, STANDARD, EMERGENCY]
        .into_iter()
        .zip(ChangeSort::ALL);
    let levels = Level::ALL.iter().rev();
    let type_levels = TypeLevel::ALL.iter().rev();
    let risks = Risk::ALL.iter().rev();
    Choices {
        zones: inputs::zones(p.words),
        sorts: Sort::ALL
            .iter()
            .map(|it| pair("freeze-sort", it.as_str()))
            .collect(),
        levels: levels.map(|it| pair("freeze-level", it.as_str())).collect(),
        types: types
            .map(|(field, sort)| {
                let sort = p.word("freeze-of", sort.as_str());
                (field, p.t1("freeze-type", "type", sort).into_owned())
            })
            .collect(),
        type_levels: none("freeze-type-same")
            .chain(type_levels.map(|it| pair("freeze-level", it.as_str())))
            .collect(),
        risks: none("freeze-min-risk-any")
            .chain(risks.map(|it| pair("risk", it.as_str())))
            .collect(),
        services: services
            .into_iter()
            .map(|it| tick("services", it.id.to_string(), &it.name))
            .collect(),
        environments: known
            .environments
            .iter()
            .map(|name| tick("environments", name.clone(), name))
            .collect(),
        production: known.environments.first().cloned().unwrap_or_default(),
    }
}

async fn drawn(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    edited: Option<FreezeId>,
    kept: Option<Form>,
) -> Answer {
    let known = viewer.run(app, load).await?;
    let p = Page::new(req, "freezes-title");
    let edited = match edited {
        Some(id) => {
            let found = known.freezes.iter().find(|it| it.id == id);
            Some(found.cloned().ok_or(Error::NotFound)?)
        }
        None => None,
    };
    let standing = match &edited {
        Some(freeze) => with_types(Form::new(p.words), &freeze.types)
            .with("name", &freeze.name)
            .with("zone", freeze.zone.name())
            .with("from", freeze.when.from())
            .with("to", freeze.when.to())
            .with("kind", freeze.sort)
            .with("level", freeze.level)
            .with_some("announce", freeze.announce_secs.map(duration::typed))
            .with(
                "min_risk",
                freeze.scope.min_risk.map_or("", |risk| risk.as_str()),
            )
            .with_all("environments", &freeze.scope.environments)
            .with("refs", freeze.scope.refs.join("\n"))
            .with("active", if freeze.is_active { "yes" } else { "" })
            .with_all("services", &freeze.scope.services)
            .with("rev", freeze.version),
        None => {
            let form = Form::new(p.words)
                .with("zone", known.set.house_zone.name())
                .with("kind", Sort::Deny)
                .with("level", Level::Block)
                .with("active", "yes");
            match known.freezes.is_empty() {
                true => {
                    let friday = Details::friday(&p.t("freeze-friday"), known.set.house_zone);
                    with_types(form, &friday.types)
                        .with_some("announce", friday.announce_secs.map(duration::typed))
                        .with("name", friday.name)
                        .with("from", friday.when.from())
                        .with("to", friday.when.to())
                }
                false => form,
            }
        }
    };
    let name = edited.as_ref().map_or("", |freeze| freeze.name.as_str());
    let kept = with_who(app, viewer, kept, ("freeze", name)).await?;
    let form = Form::opened(kept, standing);
    let status = form.status();
    let c = choices(&known, &form, &p);
    let page = FreezesPage {
        rows: known
            .freezes
            .into_iter()
            .map(|freeze| row(freeze, &known.services, &p))
            .collect(),
        may_edit: known.may_edit,
        action: match &edited {
            Some(freeze) => format!("/freezes/{}", freeze.id),
            None => "/freezes".to_owned(),
        },
        edited,
        c,
        form,
        p,
    };
    reply::page_with(status, &page)
}

/// `GET /freezes`
pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    drawn(&req, &app, &viewer, None, None).await
}

/// `GET /freezes/{id}`
pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    drawn(&req, &app, &viewer, Some(id_of(&id)?), None).await
}

/// `POST /freezes`
pub async fn add(req: HttpRequest, app: web::Data<App>, viewer: Viewer, posted: Posted) -> Answer {
    let (asked, services) = (posted.clone(), ticked_ids(&posted, "services")?);
    let made = viewer
        .run(&app, move |ctx| {
            act::may_keep(ctx)?;
            act::add(ctx, &details(&asked, services)?)
        })
        .await;
    answered(&req, &app, &viewer, &posted, None, made).await
}

/// `POST /freezes/{id}`
pub async fn edit(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id: FreezeId = id_of(&id)?;
    let rev = rev(&posted)?;
    let (asked, services) = (posted.clone(), ticked_ids(&posted, "services")?);
    let done = viewer
        .run(&app, move |ctx| {
            act::may_keep(ctx)?;
            act::edit(ctx, id, rev, &details(&asked, services)?)
        })
        .await;
    answered(&req, &app, &viewer, &posted, Some(id), done).await
}

async fn answered(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    posted: &Posted,
    edited: Option<FreezeId>,
    done: std::result::Result<Freeze, Failure>,
) -> Answer {
    match or_form(done, posted)? {
        Ok(freeze) => Ok(reply::see_saying("/freezes", "said-changed", &freeze.name)),
        Err(form) => drawn(req, app, viewer, edited, Some(form)).await,
    }
}
