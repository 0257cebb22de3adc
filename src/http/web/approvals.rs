//! Who has to approve which changes, and who stands in for whom.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{Answer, Tick, id_of, or_form, rev, ticked_ids, with_who};
use super::when;
use crate::actions::{approval_rule as act, approval_stand_in as away};
use crate::app::{App, Ctx};
use crate::domain::access::{self, Action, Target};
use crate::domain::approval::{
    Details, HOUSE_SECS, REMIND_SECS, Reminders, Rule, StandIn, Typed, When,
};
use crate::domain::change::Sort;
use crate::domain::duration;
use crate::domain::id::{ApprovalRuleId, Id, PersonId, ServiceId, StandInId, TeamId};
use crate::domain::people::{Service, Team};
use crate::domain::refusal::FieldError;
use crate::domain::severity::Risk;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::store;

#[derive(Template)]
#[template(path = "settings/approvals.html")]
struct ApprovalsPage {
    p: Page,
    rows: Vec<Row>,
    house_secs: i64,
    may_edit: bool,
    form: Form,
    /// Where the form goes: a rule's own address while it is edited.
    action: String,
    edited: Option<Rule>,
    risks: Vec<(String, String)>,
    sorts: Vec<(String, String)>,
    teams: Vec<(String, String)>,
    /// As `teams`, for whom it is told to.
    hearers: Vec<(String, String)>,
    services: Vec<Tick>,
    environments: Vec<Tick>,
    stand_ins: Vec<StandInLine>,
    may_name: bool,
    away: Form,
    people: Vec<(String, String)>,
}

struct Row {
    rule: Rule,
    /// What it is for, one condition a line.
    when: Vec<String>,
    needs: Vec<String>,
    /// What happens while nobody answers.
    silence: Vec<String>,
}

struct StandInLine {
    it: StandIn,
    from: String,
    to: String,
    is_open: bool,
    can_end: bool,
}

fn team_of(posted: &Posted, field: &'static str) -> Result<Option<TeamId>> {
    match posted.text(field) {
        "" => Ok(None),
        id => match Id::parse(id) {
            Some(id) => Ok(Some(id)),
            None => Err(FieldError::new(field, "unknown-team")
                .with("value", id.to_owned())
                .into()),
        },
    }
}

/// The form of a rule as it was sent.
fn details(posted: &Posted, services: Vec<ServiceId>) -> Result<Details> {
    let unknown = |field: &'static str, word: &str, accepted: &'static str| {
        FieldError::new(field, "unknown-word")
            .with("value", word.to_owned())
            .with("accepted", accepted)
    };
    let min_risk = match posted.text("min_risk") {
        "" => None,
        word => Some(
            word.parse::<Risk>()
                .map_err(|()| unknown("min_risk", word, "low, medium, high"))?,
        ),
    };
    let sort = match posted.text("kind") {
        "" => None,
        word => Some(
            word.parse::<Sort>()
                .map_err(|()| unknown("kind", word, "normal, standard, emergency"))?,
        ),
    };
    let escalate_team = team_of(posted, "escalate_team")?;
    let typed = Typed {
        name: posted.text("name"),
        approvers: posted.text("approvers"),
        valid: posted.text("valid"),
        team: team_of(posted, "team")?,
        wants_owner: posted.ticked("owner"),
        binds_commits: posted.ticked("binds_commits"),
        remind: posted.text("remind"),
        escalate: posted.text("escalate"),
        escalate_team,
    };
    let when = When {
        environments: posted.all("environments").map(str::to_owned).collect(),
        services,
        min_risk,
        sort,
    };
    Details::check(&typed, when, posted.ticked("active")).map_err(Error::Invalid)
}

struct Known {
    rules: Vec<Rule>,
    services: Vec<Service>,
    environments: Vec<String>,
    teams: Vec<Team>,
    stand_ins: Vec<StandIn>,
    names: std::collections::HashMap<PersonId, String>,
    people: Vec<(PersonId, String)>,
    me: Option<PersonId>,
    may_edit: bool,
    may_name: bool,
    keeps_people: bool,
}

fn load(ctx: &Ctx<'_>) -> Result<Known> {
    let rules = act::list(ctx)?;
    let stand_ins = away::list(ctx)?;
    let may = |action| access::may(&ctx.by, action, Target::House).is_ok();
    let me = ctx.by.person();
    ctx.read(|conn| {
        let ids: Vec<PersonId> = stand_ins.iter().flat_map(|it| [it.from, it.to]).collect();
        let mut people = away::eligible(conn)?;
        people.retain(|(id, _)| Some(*id) != me);
        Ok(Known {
            services: store::house::services(conn)?,
            environments: store::house::environments(conn)?,
            teams: store::house::teams(conn)?,
            names: store::people::person_names(conn, &ids)?,
            people,
            rules: rules.clone(),
            stand_ins: stand_ins.clone(),
            me,
            may_edit: may(Action::ManageSettings),
            may_name: may(Action::ApproveChange),
            keeps_people: may(Action::ManagePeople),
        })
    })
}

fn team_name(teams: &[Team], id: TeamId) -> &str {
    let found = teams.iter().find(|team| team.id == id);
    found.map_or("", |team| team.name.as_str())
}

fn row(rule: Rule, known: &Known, p: &Page) -> Row {
    let mut when = Vec::new();
    if !rule.when.environments.is_empty() {
        when.push(rule.when.environments.join(", "));
    }
    let named = known.services.iter();
    let named = named.filter(|it| rule.when.services.contains(&it.id));
    let names: Vec<&str> = named.map(|it| it.name.as_str()).collect();
    if !names.is_empty() {
        when.push(names.join(", "));
    }
    when.extend(rule.when.min_risk.map(|risk| {
        let risk = p.word("risk", risk.as_str());
        p.t1("approval-risky", "risk", risk).into_owned()
    }));
    when.extend(
        rule.when
            .sort
            .map(|sort| p.word("change-sort", sort.as_str())),
    );
    if when.is_empty() {
        when.push(p.t("approval-everything").into_owned());
    }
    let mut needs = Vec::new();
    if rule.needs.approvers > 0 {
        let n = i64::from(rule.needs.approvers);
        needs.push(p.t1("approval-need-approvers", "n", n).into_owned());
    }
    needs.extend(rule.needs.team.map(|id| {
        let name = team_name(&known.teams, id);
        p.t1("approval-need-team", "name", name).into_owned()
    }));
    if rule.needs.wants_owner {
        needs.push(p.t("approval-need-owner").into_owned());
    }
    if rule.binds_commits {
        needs.push(p.t("approval-need-commits").into_owned());
    }
    let mut silence = Vec::new();
    let Reminders {
        remind_secs,
        escalate,
    } = rule.reminders;
    if remind_secs > 0 {
        let span = p.span(&remind_secs);
        silence.push(p.t1("approval-reminds", "span", span).into_owned());
    }
    silence.extend(escalate.map(|(team, secs)| {
        let name = team_name(&known.teams, team);
        p.t2("approval-escalates", "name", name, "span", p.span(&secs))
            .into_owned()
    }));
    if silence.is_empty() {
        silence.push(p.t("approval-silent").into_owned());
    }
    Row {
        when,
        needs,
        silence,
        rule,
    }
}

/// Which of the page's forms is shown again.
enum Kept {
    Neither,
    Rule(Form),
    Away(Form),
}

fn standing(edited: Option<&Rule>, p: &Page) -> Form {
    let form = Form::new(p.words);
    let Some(rule) = edited else {
        return form
            .with("approvers", 1)
            .with("valid", duration::typed(HOUSE_SECS))
            .with("remind", duration::typed(REMIND_SECS))
            .with("active", "yes");
    };
    form.with("name", &rule.name)
        .with("approvers", rule.needs.approvers)
        .with("valid", duration::typed(rule.valid_secs))
        .with_some("team", rule.needs.team)
        .with("remind", duration::typed(rule.reminders.remind_secs))
        .with_some(
            "escalate",
            rule.reminders
                .escalate
                .map(|(_, secs)| duration::typed(secs)),
        )
        .with_some(
            "escalate_team",
            rule.reminders.escalate.map(|(team, _)| team),
        )
        .with("owner", if rule.needs.wants_owner { "yes" } else { "" })
        .with("binds_commits", if rule.binds_commits { "yes" } else { "" })
        .with(
            "min_risk",
            rule.when.min_risk.map_or("", |risk| risk.as_str()),
        )
        .with("kind", rule.when.sort.map_or("", |sort| sort.as_str()))
        .with_all("environments", &rule.when.environments)
        .with_all("services", &rule.when.services)
        .with("active", if rule.is_active { "yes" } else { "" })
        .with("rev", rule.version)
}

async fn drawn(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    edited: Option<ApprovalRuleId>,
    kept: Kept,
) -> Answer {
    let known = viewer.run(app, load).await?;
    let p = Page::new(req, "approvals-title");
    let edited = match edited {
        Some(id) => {
            let found = known.rules.iter().find(|it| it.id == id);
            Some(found.cloned().ok_or(Error::NotFound)?)
        }
        None => None,
    };
    let (kept, kept_away) = match kept {
        Kept::Neither => (None, None),
        Kept::Rule(form) => (Some(form), None),
        Kept::Away(form) => (None, Some(form)),
    };
    let name = edited.as_ref().map_or("", |rule| rule.name.as_str());
    let kept = with_who(app, viewer, kept, ("approval-rule", name)).await?;
    let form = Form::opened(kept, standing(edited.as_ref(), &p));
    let away = Form::opened(kept_away, Form::new(p.words)).prefixed("away-");
    let status = match away.has_errors() {
        true => away.status(),
        false => form.status(),
    };
    let choice = |none: &str, all: Vec<(String, String)>| -> Vec<(String, String)> {
        let none = (String::new(), p.t(none).into_owned());
        std::iter::once(none).chain(all).collect()
    };
    let tick = |field: &str, value: String, text: &str| Tick {
        ticked: form.is_ticked(field, &value),
        value,
        text: text.to_owned(),
        hint: String::new(),
    };
    let mut services: Vec<&Service> = known.services.iter().filter(|it| it.is_active).collect();
    services.sort_by_key(|it| it.name.to_lowercase());
    let services = services
        .into_iter()
        .map(|it| tick("services", it.id.to_string(), &it.name));
    let environments = known.environments.iter();
    let environments = environments.map(|it| tick("environments", it.clone(), it));
    let mut teams: Vec<&Team> = known.teams.iter().filter(|it| it.is_active).collect();
    teams.sort_by_key(|it| it.name.to_lowercase());
    let teams = teams.into_iter();
    let teams: Vec<(String, String)> = teams
        .map(|it| (it.id.to_string(), it.name.clone()))
        .collect();
    let risks = Risk::ALL.iter().rev();
    let name_of = |id: PersonId| known.names.get(&id).cloned().unwrap_or_default();
    let lines = known.stand_ins.iter().map(|it| StandInLine {
        from: name_of(it.from),
        to: name_of(it.to),
        is_open: it.is_open(p.now),
        can_end: known.keeps_people || known.may_name && known.me == Some(it.from),
        it: it.clone(),
    });
    let rows = known.rules.iter().cloned();
    let page = ApprovalsPage {
        rows: rows.map(|rule| row(rule, &known, &p)).collect(),
        house_secs: HOUSE_SECS,
        may_edit: known.may_edit,
        action: match &edited {
            Some(rule) => format!("/approvals/{}", rule.id),
            None => "/approvals".to_owned(),
        },
        risks: choice(
            "freeze-min-risk-any",
            risks
                .map(|it| (it.to_string(), p.word("risk", it.as_str())))
                .collect(),
        ),
        sorts: choice(
            "approval-any-kind",
            Sort::ALL
                .iter()
                .map(|it| (it.to_string(), p.word("change-sort", it.as_str())))
                .collect(),
        ),
        hearers: choice("approval-nobody-hears", teams.clone()),
        teams: choice("approval-no-team", teams),
        services: services.collect(),
        environments: environments.collect(),
        stand_ins: lines.collect(),
        may_name: known.may_name && known.me.is_some(),
        people: choice(
            "approval-choose",
            known
                .people
                .iter()
                .map(|(id, name)| (id.to_string(), name.clone()))
                .collect(),
        ),
        edited,
        away,
        form,
        p,
    };
    reply::page_with(status, &page)
}

/// `GET /approvals`
pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    drawn(&req, &app, &viewer, None, Kept::Neither).await
}

/// `GET /approvals/{id}`
pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    drawn(&req, &app, &viewer, Some(id_of(&id)?), Kept::Neither).await
}

/// `POST /approvals`
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

/// `POST /approvals/{id}`
pub async fn edit(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id: ApprovalRuleId = id_of(&id)?;
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
    edited: Option<ApprovalRuleId>,
    done: std::result::Result<Rule, Failure>,
) -> Answer {
    match or_form(done, posted)? {
        Ok(rule) => Ok(reply::see_saying("/approvals", "said-changed", &rule.name)),
        Err(form) => drawn(req, app, viewer, edited, Kept::Rule(form)).await,
    }
}

/// Whom, from when and until when, as the form was sent.
fn named(
    posted: &Posted,
    zone: chrono_tz::Tz,
    now: Timestamp,
) -> Result<(PersonId, Option<Timestamp>, Timestamp)> {
    let required = |field: &'static str| FieldError::new(field, "required");
    let mut fields = crate::error::Fields::new();
    let to = fields.take(Id::parse(posted.text("to")).ok_or(required("to")));
    let starts_at = posted.text("starts_at");
    let starts_at = fields.take(when::instant("starts_at", starts_at, zone, now));
    let ends_at = when::instant("ends_at", posted.text("ends_at"), zone, now);
    let ends_at = fields.take(ends_at.and_then(|at| at.ok_or(required("ends_at"))));
    match (to, starts_at, ends_at) {
        (Some(to), Some(starts_at), Some(ends_at)) => Ok((to, starts_at, ends_at)),
        _ => Err(fields.check().err().unwrap_or(Error::NotFound)),
    }
}

/// `POST /approvals/away`
pub async fn name_somebody(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    posted: Posted,
) -> Answer {
    let asked = posted.clone();
    let zone = Page::new(&req, "approvals-title").zone;
    let done = viewer
        .run(&app, move |ctx| {
            away::may_name(ctx)?;
            let (to, starts_at, ends_at) = named(&asked, zone, ctx.now)?;
            away::add(ctx, to, starts_at, ends_at)
        })
        .await;
    match or_form(done, &posted)? {
        Ok(_) => Ok(reply::see_saying("/approvals", "said-stands-in", "")),
        Err(form) => drawn(&req, &app, &viewer, None, Kept::Away(form)).await,
    }
}

/// `POST /approvals/away/{id}/end`
pub async fn end(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    _form: Posted,
) -> Answer {
    let id: StandInId = id_of(&id)?;
    viewer.run(&app, move |ctx| away::end(ctx, id)).await?;
    Ok(reply::see_saying("/approvals", "said-stand-in-ended", ""))
}
