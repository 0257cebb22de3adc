//! On call: who serves when, who stands in, who was paged and what became of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{self, Page, Paging};
use super::value::{
    At, Closed, Number, OverrideUid, PageUid, PersonUid, SeverityWord, TicketUid, Uid, Word,
};
use crate::actions::{self, oncall, page as paging_action};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::{OverrideId, PersonId, TeamId};
use crate::domain::oncall::{Because, Change, OverrideKind};
use crate::domain::page::{PageEventKind, PageKind, PageState};
use crate::domain::refusal::FieldError;
use crate::domain::text;
use crate::error::{Error, Result};
use crate::http::web::ledger;
use crate::store;

/// The longest window of one answer.
const MOST_DAYS: i64 = 92;
const DAY_SECS: i64 = 86_400;

impl Closed for OverrideKind {
    const NAME: &'static str = "OverrideKind";
    const WORDS: &'static [Self] = OverrideKind::ALL;
}
impl Closed for PageKind {
    const NAME: &'static str = "PageKind";
    const WORDS: &'static [Self] = PageKind::ALL;
}
impl Closed for PageState {
    const NAME: &'static str = "PageState";
    const WORDS: &'static [Self] = PageState::ALL;
}
impl Closed for PageEventKind {
    const NAME: &'static str = "PageEventKind";
    const WORDS: &'static [Self] = PageEventKind::ALL;
}
pub(super) type OverrideKindWord = Word<OverrideKind>;
type PageKindWord = Word<PageKind>;
type PageStateWord = Word<PageState>;
type PageEventKindWord = Word<PageEventKind>;

/// Which window.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Window {
    /// Now by default.
    #[param(value_type = Option<String>)]
    from: Option<At>,
    /// Four weeks later by default; 92 days at most.
    #[param(value_type = Option<String>)]
    to: Option<At>,
}

/// A piece of the final schedule.
#[derive(Debug, Serialize, ToSchema)]
pub struct Shift {
    /// Null is a gap: nobody is on call.
    pub person_id: Option<PersonUid>,
    pub starts_at: At,
    pub ends_at: At,
    /// The override because of which they serve.
    pub override_id: Option<OverrideUid>,
}

/// A team's shifts.
#[derive(Debug, Serialize, ToSchema)]
pub struct Shifts {
    /// Who is on call at this moment.
    pub on_duty: Vec<PersonUid>,
    pub shifts: Vec<Shift>,
}

/// Read who is on call
///
/// A team's final shifts, overrides included, from now on.
#[utoipa::path(get, path = "/api/v1/teams/{id}/shifts", tag = "on-call", params(Window), responses((status = 200, description = "Who serves when", body = Shifts)))]
pub async fn shifts(call: Call<Nothing>) -> Reply {
    let id: TeamId = call.id("id")?;
    let window: Window = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        let from = window.from.map_or(ctx.now, |at| at.0);
        let to = window.to.map_or(from.plus_secs(28 * DAY_SECS), |at| at.0);
        check_window(from, to)?;
        let (on_duty, shifts) = ctx.read(|conn| {
            store::house::team(conn, id)?.ok_or(Error::NotFound)?;
            let on_duty = oncall::on_duty(conn, id, ctx.now)?;
            Ok((on_duty, oncall::shifts(conn, id, from, to)?))
        })?;
        Answer::ok(&Shifts {
            on_duty: on_duty.into_iter().map(Uid).collect(),
            shifts: shifts
                .into_iter()
                .map(|shift| Shift {
                    person_id: shift.person.map(Uid),
                    starts_at: At(shift.starts_at),
                    ends_at: At(shift.ends_at),
                    override_id: match shift.because {
                        Because::Override(id) => Some(Uid(id)),
                        Because::Turn(_) | Because::NoRotation => None,
                    },
                })
                .collect(),
        })
    })
    .await
}

fn check_window(
    from: crate::domain::timestamp::Timestamp,
    to: crate::domain::timestamp::Timestamp,
) -> Result<()> {
    let days = to.secs_since(from).div_euclid(DAY_SECS);
    if to <= from || days > MOST_DAYS {
        return Err(FieldError::new("to", "out-of-range")
            .with("got", days.to_string())
            .with("min", "1")
            .with("max", MOST_DAYS.to_string())
            .into());
    }
    Ok(())
}

/// A temporary change of who is on call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOverride {
    /// `replace`: `person_id` serves instead of `instead_of_id`, or of whoever serves; `add`: `person_id` serves as well;
    /// `remove`: `person_id`, or everybody, doesn't serve.
    kind: OverrideKindWord,
    person_id: Option<PersonUid>,
    instead_of_id: Option<PersonUid>,
    starts_at: At,
    ends_at: At,
    #[serde(default)]
    note: String,
}

impl NewOverride {
    fn change(&self) -> Result<Change> {
        let needed = || {
            self.person_id
                .map(|id| id.0)
                .ok_or_else(|| Error::from(FieldError::new("person_id", "required")))
        };
        Ok(match self.kind.0 {
            OverrideKind::Replace => Change::Replace {
                of: self.instead_of_id.map(|id| id.0),
                by: needed()?,
            },
            OverrideKind::Add => Change::Add(needed()?),
            OverrideKind::Remove => Change::Remove(self.person_id.map(|id| id.0)),
        })
    }
}

/// The override that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct MadeOverride {
    pub id: OverrideUid,
}

/// Take or give away a shift
///
/// From now at the earliest; what was is on record.
#[utoipa::path(post, path = "/api/v1/teams/{id}/overrides", tag = "on-call", request_body = NewOverride, responses((status = 201, description = "Made", body = MadeOverride)))]
pub async fn add_override(call: Call<NewOverride>) -> Reply {
    let team: TeamId = call.id("id")?;
    call.change(move |ctx, new| {
        let change = new.change()?;
        let (from, to) = (new.starts_at.0, new.ends_at.0);
        let id = oncall::add_override(ctx, team, change, from, to, &new.note)?;
        let place = format!("/api/v1/teams/{team}/overrides/{id}");
        Answer::created(place, &MadeOverride { id: Uid(id) })
    })
    .await
}

/// Take an override back
///
/// One that has begun ends now, and what it did stays on record.
#[utoipa::path(delete, path = "/api/v1/teams/{id}/overrides/{override}", tag = "on-call", responses((status = 204, description = "Taken back")))]
pub async fn withdraw_override(call: Call<Nothing>) -> Reply {
    let (team, id): (TeamId, OverrideId) = (call.id("id")?, call.id("override")?);
    call.change(move |ctx, _| {
        oncall::withdraw_override(ctx, team, id)?;
        Ok(Answer::nothing())
    })
    .await
}

/// A page: somebody was asked to look, by every way to reach them.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageMade {
    pub id: PageUid,
    pub ticket_id: Option<TicketUid>,
    pub kind: PageKindWord,
    pub person_id: PersonUid,
    pub severity: Option<SeverityWord>,
    pub round: i64,
    pub step: i64,
    pub queued_at: At,
    pub state: PageStateWord,
    /// When the relay took it; that is all that mail can know.
    pub accepted_at: Option<At>,
    pub acked_at: Option<At>,
}

impl PageMade {
    fn of(of: store::page_log::Page) -> Self {
        Self {
            id: Uid(of.id),
            ticket_id: of.ticket_id.map(Uid),
            kind: Word(of.kind),
            person_id: Uid(of.person_id),
            severity: of.severity.map(Word),
            round: of.round,
            step: of.step,
            queued_at: At(of.queued_at),
            state: Word(of.state),
            accepted_at: of.accepted_at.map(At),
            acked_at: of.acked_at.map(At),
        }
    }
}

/// List a ticket's pages
#[utoipa::path(get, path = "/api/v1/tickets/{key}/pages", tag = "on-call", params(Paging), responses((status = 200, description = "A page of the list", body = Page<PageMade>)))]
pub async fn pages_of_ticket(call: Call<Nothing>) -> Reply {
    let key = call.ticket("key")?;
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        let ticket = actions::ticket::read(ctx, key)?;
        let all = ctx.read(|conn| store::page_log::pages_of_ticket(conn, ticket.id))?;
        Answer::ok(&paging.cut(all, |it| it.id.to_string(), PageMade::of)?)
    })
    .await
}

/// A fact of the ledger.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageFact {
    pub at: At,
    pub kind: PageEventKindWord,
    /// Null: a page that was not made; `reason` says why.
    pub page_id: Option<PageUid>,
    pub person_id: Option<PersonUid>,
    pub ticket_id: Option<TicketUid>,
    pub reason: Option<String>,
}

/// Which part of the ledger.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LedgerAsked {
    /// Four weeks ago by default.
    #[param(value_type = Option<String>)]
    from: Option<At>,
    /// Now by default; 92 days after `from` at most.
    #[param(value_type = Option<String>)]
    to: Option<At>,
    #[param(value_type = Option<String>)]
    person_id: Option<PersonUid>,
    /// Most facts, 1 to 200; 50 by default.
    #[param(value_type = Option<i64>)]
    limit: Option<Number>,
}

/// What the ledger holds of a window.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ledger {
    /// Oldest first.
    pub facts: Vec<PageFact>,
    /// There are more facts in the window; ask for one that begins later.
    pub is_cut: bool,
}

/// Read the on-call ledger
///
/// Who was paged when, when the relay took it, when it was acknowledged, what was not sent and why. Everybody reads their own;
/// everybody's is for leads and auditors.
#[utoipa::path(get, path = "/api/v1/ledger", tag = "on-call", params(LedgerAsked), responses((status = 200, description = "The facts", body = Ledger)))]
pub async fn ledger(call: Call<Nothing>) -> Reply {
    let asked: LedgerAsked = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadLedger, Target::House)?;
        let person = ledger_of(ctx, asked.person_id.map(|id| id.0))?;
        let to = asked.to.map_or(ctx.now, |at| at.0);
        let from = asked.from.map_or(to.plus_secs(-28 * DAY_SECS), |at| at.0);
        check_window(from, to)?;
        let limit = paging::limit(asked.limit)?;
        let mut facts =
            ctx.read(|conn| store::page_log::events_between(conn, from, to, person, limit + 1))?;
        let is_cut = facts.len() as i64 > limit;
        facts.truncate(limit as usize);
        Answer::ok(&Ledger {
            is_cut,
            facts: facts
                .into_iter()
                .map(|fact| PageFact {
                    at: At(fact.at),
                    kind: Word(fact.kind),
                    page_id: fact.page_id.map(Uid),
                    person_id: fact.person_id.map(Uid),
                    ticket_id: fact.ticket_id.map(Uid),
                    reason: fact.reason.map(|reason| reason.to_string()),
                })
                .collect(),
        })
    })
    .await
}

/// Whose facts: everybody's only for who may review them.
fn ledger_of(ctx: &Ctx<'_>, asked: Option<PersonId>) -> Result<Option<PersonId>> {
    use crate::domain::access::{Principal, Role, Roles};
    let roles = match &ctx.by {
        Principal::Person { roles, .. } | Principal::Token { roles, .. } => *roles,
        Principal::Contact { .. } | Principal::System(_) => Roles::NONE,
    };
    if roles.has_any(Roles::of(&[Role::Lead, Role::Auditor, Role::Admin])) {
        return Ok(asked);
    }
    let own = ctx.by.person().ok_or(Error::NotFound)?;
    match asked {
        Some(other) if other != own => Err(Error::NotFound),
        _ => Ok(Some(own)),
    }
}

/// Which month.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MonthAsked {
    /// The present one by default.
    #[param(example = "2026-06")]
    month: Option<String>,
    #[param(value_type = Option<String>)]
    person_id: Option<PersonUid>,
    /// In which days begin and times are written; the token's owner's by default, or the house's.
    #[param(example = "Europe/Stockholm")]
    zone: Option<String>,
}

/// A month of the ledger as a file.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerFile {
    pub name: String,
    pub media_type: &'static str,
    /// Its bytes in base 64.
    pub content: String,
}

/// Export the on-call ledger
///
/// A month as CSV: shifts, pages, what was not sent and why, work, night minutes. Everybody exports their own.
#[utoipa::path(get, path = "/api/v1/ledger/csv", tag = "on-call", params(MonthAsked), responses((status = 200, description = "The file", body = LedgerFile)))]
pub async fn ledger_csv(call: Call<Nothing>) -> Reply {
    let asked: MonthAsked = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadLedger, Target::House)?;
        let person = ledger_of(ctx, asked.person_id.map(|id| id.0))?;
        let zone = match &asked.zone {
            Some(name) => text::zone("zone", name)?,
            None => own_zone(ctx)?,
        };
        if let Some(month) = &asked.month
            && chrono::NaiveDate::parse_from_str(&format!("{month}-01"), "%Y-%m-%d").is_err()
        {
            let wrong = FieldError::new("month", "not-a-month");
            return Err(wrong.with("value", month.clone()).into());
        }
        let month = ledger::Asked::month(asked.month.clone(), person);
        let (name, bytes) = ledger::file(ctx, &month, zone)?;
        Answer::ok(&LedgerFile {
            name,
            media_type: "text/csv",
            content: STANDARD.encode(bytes),
        })
    })
    .await
}

fn own_zone(ctx: &Ctx<'_>) -> Result<chrono_tz::Tz> {
    ctx.read(|conn| {
        if let Some(id) = ctx.by.person()
            && let Some(person) = store::people::person(conn, id)?
        {
            return Ok(person.zone);
        }
        Ok(store::settings::all(conn)?.house_zone)
    })
}

/// Send yourself a test page
///
/// By every way to reach the token's owner: try it before you need it.
#[utoipa::path(post, path = "/api/v1/me/test-page", tag = "on-call", responses((status = 204, description = "It is queued")))]
pub async fn test_page(call: Call<Nothing>) -> Reply {
    call.change(|ctx, _| {
        paging_action::send_test(ctx)?;
        Ok(Answer::nothing())
    })
    .await
}
