//! Agreements and calendars: the list, and an agreement to look at with every version there was.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::agreement_view::{Promises, line, promises};
use super::inputs::{Answer, id_of};
use super::names::{Names, Wanted};
use super::terms::{VersionLine, differences, version_lines};
use crate::actions::agreement as action;
use crate::actions::{self, allow};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target as Of};
use crate::domain::id::AgreementId;
use crate::domain::recount::Recount;
use crate::domain::sla_agreement::Target;
use crate::domain::sla_book::{AgreementVersion, Book, KnownAgreement};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::http::form::Posted;
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store;
use crate::words::Words;

/// Recounts that the list shows.
const RECOUNTS: i64 = 10;

#[derive(Template)]
#[template(path = "agreement/list.html")]
struct ListPage {
    p: Page,
    agreements: Vec<AgreementLine>,
    calendars: Vec<CalendarLine>,
    recounts: Vec<RecountLine>,
    may_edit: bool,
}

struct AgreementLine {
    id: String,
    name: String,
    customers: String,
    promises: usize,
    version: i64,
    is_house: bool,
    ends_at: Option<Timestamp>,
    begins_at: Option<Timestamp>,
}

struct CalendarLine {
    id: String,
    name: String,
    zone: String,
    is_open: bool,
    is_active: bool,
    version: i64,
}

struct RecountLine {
    what: String,
    made_at: Timestamp,
    made_by: String,
    reason: String,
    looked_at: i64,
    moved: i64,
    is_done: bool,
}

/// `GET /agreements`
pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let loaded = viewer.run(&app, load_list).await?;
    let p = Page::new(&req, "agreements-title");
    let house = p.t("clock-house").into_owned();
    let mut agreements: Vec<AgreementLine> = loaded
        .agreements
        .into_iter()
        .filter_map(|known| agreement_line(&known, &loaded.names, &house, p.now))
        .collect();
    // It is asked last, whatever its place.
    agreements.sort_by_key(|line| line.is_house);
    // The first data of a new house met no clock.
    let met_some = |it: &Recount| it.done_at.is_none() || it.looked_at > 0 || it.moved > 0;
    let recounts = loaded
        .recounts
        .into_iter()
        .filter(met_some)
        .map(|it| recount_line(it, p.words))
        .collect();
    let may_edit = p.may(Action::ManageAgreements);
    reply::page(&ListPage {
        p,
        agreements,
        calendars: loaded.calendars,
        recounts,
        may_edit,
    })
}

/// What has ended isn't shown any more.
fn agreement_line(
    known: &KnownAgreement,
    names: &Names,
    house: &str,
    now: Timestamp,
) -> Option<AgreementLine> {
    let (layer, newest) = known.newest()?;
    let holds = known.at(now);
    let agreement = holds.unwrap_or(&newest.agreement);
    if holds.is_none() && !newest.is_active {
        return None;
    }
    let mut customers: Vec<&str> = agreement
        .holds_for
        .customers()
        .iter()
        .map(|id| names.customer(*id))
        .collect();
    customers.sort_by_key(|name| name.to_lowercase());
    Some(AgreementLine {
        id: known.id.to_string(),
        name: agreement.name.clone(),
        customers: if agreement.holds_for.is_house() {
            house.to_owned()
        } else {
            customers.join(", ")
        },
        promises: agreement.targets.len(),
        version: agreement.version,
        is_house: agreement.holds_for.is_house(),
        ends_at: (!newest.is_active).then_some(layer.from),
        begins_at: (layer.is_planned(now) && newest.is_active).then_some(layer.from),
    })
}

fn recount_line(of: Recount, words: &Words) -> RecountLine {
    let key = format!("recount-{}", of.cause.as_str().replace('_', "-"));
    let what = words.with(
        &key,
        &[
            ("subject", of.subject.as_str().into()),
            ("number", of.number.into()),
        ],
    );
    RecountLine {
        what: what.into_owned(),
        made_at: of.made_at,
        made_by: of.made_by,
        reason: of.reason,
        looked_at: of.looked_at,
        moved: of.moved,
        is_done: of.done_at.is_some(),
    }
}

struct Listed {
    agreements: Vec<KnownAgreement>,
    calendars: Vec<CalendarLine>,
    recounts: Vec<Recount>,
    names: Names,
}

fn load_list(ctx: &Ctx<'_>) -> Result<Listed> {
    allow(&ctx.by, Action::ReadHouse, Of::House)?;
    ctx.read(|conn| {
        let book = actions::sla::book(ctx.app, conn)?;
        let mut wanted = Wanted::default();
        for (_, version) in book.known_agreements().iter().flat_map(|it| &it.layers) {
            let customers = version.agreement.holds_for.customers();
            wanted.customers.extend_from_slice(customers);
        }
        let calendars = book
            .calendars
            .iter()
            .map(|known| CalendarLine {
                id: known.id.to_string(),
                name: known.name.clone(),
                zone: known.hours.zone(ctx.now).name().to_owned(),
                is_open: known.hours.is_open(ctx.now),
                is_active: known.is_active,
                version: known
                    .at(ctx.now)
                    .map_or(known.version, |(layer, _)| layer.number),
            })
            .collect();
        Ok(Listed {
            agreements: book.known_agreements().to_vec(),
            calendars,
            recounts: store::recount::recent(conn, RECOUNTS)?,
            names: Names::load(conn, wanted)?,
        })
    })
}

#[derive(Template)]
#[template(path = "agreement/show.html")]
struct ShowPage {
    p: Page,
    id: String,
    is_house: bool,
    customers: Vec<(String, String)>,
    /// Nothing is promised under it now.
    is_over: bool,
    backdate_days: i32,
    look: Promises,
    /// Other agreements that hold for one of its customers, in the order in which they are asked, and whether before it.
    others: Vec<(String, String, bool)>,
    versions: Vec<VersionLine>,
    may_edit: bool,
}

/// `GET /agreements/{id}`
pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    let id: AgreementId = id_of(&id)?;
    let (book, names) = viewer.run(&app, move |ctx| load(ctx, id)).await?;
    let known = book.agreement(id).ok_or(Error::NotFound)?;
    let (_, newest) = known.newest().ok_or(Error::NotFound)?;
    let p = Page::titled(&req, newest.agreement.name.clone());
    let holds = known.at(p.now);
    let agreement = holds.unwrap_or(&newest.agreement);
    let targets: Vec<&Target> = agreement.targets.iter().map(|it| &**it).collect();
    let look = promises(&p, &book, &names, &targets);
    let versions = version_lines(&known.layers, p.now, |before, after| {
        changes(&p, &book, &names, before, after)
    });
    let customers = agreement.holds_for.customers();
    let mut customers: Vec<(String, String)> = customers
        .iter()
        .map(|id| (id.to_string(), names.customer(*id).to_owned()))
        .collect();
    customers.sort_by_key(|(_, name)| name.to_lowercase());
    let may_edit = p.may(Action::ManageAgreements);
    reply::page(&ShowPage {
        id: id.to_string(),
        is_house: agreement.holds_for.is_house(),
        customers,
        is_over: holds.is_none(),
        backdate_days: agreement.backdate_days,
        look,
        others: others(&book, known, p.now),
        versions,
        may_edit,
        p,
    })
}

fn others(book: &Book, known: &KnownAgreement, now: Timestamp) -> Vec<(String, String, bool)> {
    let Some(own) = known.at(now) else {
        return Vec::new();
    };
    let mut is_before = true;
    let mut others = Vec::new();
    for other in book.known_agreements() {
        if other.id == known.id {
            is_before = false;
            continue;
        }
        let Some(agreement) = other.at(now) else {
            continue;
        };
        let shares = |customer| own.holds_for.customers().contains(customer);
        if agreement.holds_for.customers().iter().any(shares) {
            others.push((other.id.to_string(), agreement.name.clone(), is_before));
        }
    }
    others
}

fn load(ctx: &Ctx<'_>, id: AgreementId) -> Result<(std::sync::Arc<Book>, Names)> {
    allow(&ctx.by, Action::ReadHouse, Of::House)?;
    ctx.read(|conn| {
        let book = actions::sla::book(ctx.app, conn)?;
        let known = book.agreement(id).ok_or(Error::NotFound)?;
        let mut wanted = Wanted::default();
        for (_, version) in &known.layers {
            let agreement = &version.agreement;
            wanted.customers.extend(agreement.holds_for.customers());
            wanted
                .customers
                .extend(agreement.targets.iter().filter_map(|it| it.customer));
            wanted
                .services
                .extend(agreement.targets.iter().filter_map(|it| it.service));
        }
        let names = Names::load(conn, wanted)?;
        Ok((book, names))
    })
}

fn changes(
    p: &Page,
    book: &Book,
    names: &Names,
    before: &AgreementVersion,
    after: &AgreementVersion,
) -> Vec<String> {
    let mut changes = Vec::new();
    let (old, new) = (&before.agreement, &after.agreement);
    if old.name != new.name {
        changes.push(format!("{}: {} → {}", p.t("name"), old.name, new.name));
    }
    if before.is_active && !after.is_active {
        changes.push(p.t("agreement-ends").into_owned());
    }
    if old.backdate_days != new.backdate_days {
        let label = p.t("agreement-backdate");
        let (old, new) = (old.backdate_days, new.backdate_days);
        changes.push(format!("{label}: {old} → {new}"));
    }
    let whom = |version: &AgreementVersion| -> Vec<String> {
        let customers = version.agreement.holds_for.customers();
        customers
            .iter()
            .map(|id| names.customer(*id).to_owned())
            .collect()
    };
    changes.extend(differences(&whom(before), &whom(after)));
    let lines = |version: &AgreementVersion| -> Vec<String> {
        let targets = &version.agreement.targets;
        targets.iter().map(|it| line(p, book, names, it)).collect()
    };
    changes.extend(differences(&lines(before), &lines(after)));
    changes
}

/// `POST /agreements/{id}/move`
pub async fn reorder(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id: AgreementId = id_of(&id)?;
    let earlier = posted.text("to") == "earlier";
    viewer
        .run(&app, move |ctx| action::move_agreement(ctx, id, earlier))
        .await?;
    Ok(reply::see_saying("/agreements", "said-saved", ""))
}

/// `POST /agreements/{id}/delete`
pub async fn delete(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    _posted: Posted,
) -> Answer {
    let id: AgreementId = id_of(&id)?;
    viewer
        .run(&app, move |ctx| action::delete_agreement(ctx, id))
        .await?;
    Ok(reply::see_saying("/agreements", "said-deleted", ""))
}
