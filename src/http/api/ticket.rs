//! Tickets: opening, reading, listing, editing. What is done to them is in `step`, what hangs on them in `part`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::hold::{Hold, NewHold};
use super::paging::{self, Page};
use super::value::{
    At, ContactUid, CustomerUid, DoorWord, Flag, Key, KindWord, Number, OutcomeWord, PersonUid,
    PriorityWord, RiskWord, ServiceUid, SeverityWord, StateWord, TeamUid, TicketUid, Uid, Word,
    Words, given, sometime,
};
use super::what_if::{DryRun, TicketOrPreview, changed_or_tried};
use crate::actions::{self, ticket_edit::Edit};
use crate::app::App;
use crate::domain::access::{Action, Target};
use crate::domain::change::Plan;
use crate::domain::id::{Id, Kind};
use crate::domain::query::{Openness, Sort};
use crate::domain::refusal::FieldError;
use crate::domain::severity::{Priority, Severity};
use crate::domain::text::{self, Title};
use crate::domain::ticket::{self as domain, Opening, State};
use crate::domain::timeline::Facts;
use crate::error::{Error, Fields, Result};
use crate::store;
use crate::store::queue::{Cursor, Filter};

/// A ticket as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ticket {
    pub key: Key,
    pub id: TicketUid,
    pub kind: KindWord,
    pub title: String,
    pub state: StateWord,
    pub is_open: bool,
    /// How a closed change ended.
    pub outcome: Option<OutcomeWord>,
    pub severity: Option<SeverityWord>,
    pub priority: Option<PriorityWord>,
    pub risk: Option<RiskWord>,
    /// Who asked.
    pub customer_id: Option<CustomerUid>,
    pub requester_id: Option<ContactUid>,
    pub requester_address: Option<String>,
    pub owner_id: Option<PersonUid>,
    pub team_id: Option<TeamUid>,
    /// The primary service.
    pub service_id: Option<ServiceUid>,
    pub parent_id: Option<TicketUid>,
    pub merged_into: Option<TicketUid>,
    pub external_ref: Option<String>,
    pub door: DoorWord,
    pub logged_at: At,
    pub impact_at: At,
    pub restored_at: Option<At>,
    pub resolved_at: Option<At>,
    pub closed_at: Option<At>,
    pub due_at: Option<At>,
    pub callback_number: Option<String>,
    pub callback_at: Option<At>,
    /// Everything it waits for; empty if it isn't held.
    pub holds: Vec<Hold>,
    /// The next deadline of any open clock, or of a mail that asks to join; null without one.
    pub next_due_at: Option<At>,
    /// Where that clock's time began to count; when that mail came.
    pub next_due_from: Option<At>,
    /// What the clock counts; `join_request`: until then somebody decides about a mail that asks to join.
    pub next_due_metric: Option<String>,
    /// Some open clock is past its deadline.
    pub is_late: bool,
    /// The customer wrote last and nobody has answered.
    pub awaits_us: bool,
    pub bridge_url: Option<String>,
    pub chat_url: Option<String>,
    /// `seq` of its newest entry.
    pub entry_count: i64,
    pub updated_at: At,
    /// For `If-Match` of the next change.
    pub version: i64,
    /// Its page for people.
    pub url: String,
}

impl Ticket {
    pub fn of(app: &App, of: &domain::Ticket) -> Self {
        let base = app.config.public_url.as_deref().unwrap_or_default();
        Self {
            key: Key(of.key),
            id: Uid(of.id),
            kind: Word(of.key.kind),
            title: of.title.as_str().to_owned(),
            state: Word(of.state),
            is_open: of.is_open(),
            outcome: of.outcome.map(Word),
            severity: of.severity.map(Word),
            priority: of.priority.map(Word),
            risk: of.risk.map(Word),
            customer_id: of.customer.map(Uid),
            requester_id: of.requester.map(Uid),
            requester_address: of.requester_address.clone(),
            owner_id: of.owner.map(Uid),
            team_id: of.team.map(Uid),
            service_id: of.service.map(Uid),
            parent_id: of.parent.map(Uid),
            merged_into: of.merged_into.map(Uid),
            external_ref: of.external_ref.clone(),
            door: Word(of.door),
            logged_at: At(of.logged_at),
            impact_at: At(of.impact_at),
            restored_at: of.restored_at.map(At),
            resolved_at: of.resolved_at.map(At),
            closed_at: of.closed_at.map(At),
            due_at: of.due_at.map(At),
            callback_number: of.callback_number.clone(),
            callback_at: of.callback_at.map(At),
            holds: of.holds.iter().map(Hold::of).collect(),
            next_due_at: sometime(of.due.at),
            next_due_from: of.due.from.map(At),
            next_due_metric: of.due.metric.clone(),
            is_late: of.due.is_late,
            awaits_us: of.awaits_us,
            bridge_url: of.bridge_url.clone(),
            chat_url: of.chat_url.clone(),
            entry_count: of.entry_count,
            updated_at: At(of.updated_at),
            version: of.version,
            url: format!("{base}/{}", of.key),
        }
    }
}

/// The answer of every call that changes one ticket.
pub fn changed(app: &App, ticket: &domain::Ticket) -> Result<Answer> {
    Ok(Answer::ok(&Ticket::of(app, ticket))?.version(ticket.version))
}

/// The version that the caller saw: a newer one refuses the change with 412.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code)]
pub struct IfMatch {
    /// The `ETag` of the answer that the change is based on. Without it the change applies to whatever stands.
    #[param(rename = "If-Match", example = "\"7\"")]
    if_match: Option<String>,
}

/// What is known when a ticket is opened. A title is enough.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTicket {
    #[schema(example = "DB master down")]
    title: String,
    /// `incident` by default.
    kind: Option<KindWord>,
    /// An incident's; `average` by default.
    severity: Option<SeverityWord>,
    /// A task's; `normal` by default.
    priority: Option<PriorityWord>,
    /// A change's; `low` by default.
    risk: Option<RiskWord>,
    #[serde(default)]
    body: String,
    customer_id: Option<CustomerUid>,
    requester_id: Option<ContactUid>,
    owner_id: Option<PersonUid>,
    /// By default the team of the primary service, else the first team.
    team_id: Option<TeamUid>,
    /// The first one is the primary service.
    #[serde(default)]
    service_ids: Vec<ServiceUid>,
    parent: Option<Key>,
    /// Your own reference; unique.
    external_ref: Option<String>,
    /// When the impact began; now by default, never in the future.
    impact_at: Option<At>,
    /// When the customer told us.
    reported_at: Option<At>,
    due_at: Option<At>,
    callback_number: Option<String>,
    callback_at: Option<At>,
    /// Somebody has already spoken with the customer: meets `respond`.
    #[serde(default)]
    spoken_to: bool,
    /// It waits from the first moment on.
    hold: Option<NewHold>,
    #[serde(default)]
    labels: Vec<String>,
}

impl NewTicket {
    fn opening(&self, ctx: &crate::app::Ctx<'_>) -> Result<(Kind, Title, Opening)> {
        let mut fields = Fields::new();
        let title = fields.take(Title::parse(&self.title));
        let body = fields.take(text::body("body", &self.body));
        let external_ref = fields.take(line("external_ref", self.external_ref.as_deref(), 200));
        let number = fields.take(line("callback_number", self.callback_number.as_deref(), 40));
        let mut labels = Vec::new();
        for label in &self.labels {
            if let Some(label) = fields.take(text::one_line("labels", label, 40)) {
                let label = label.to_lowercase();
                if label.is_empty() {
                    fields.push(FieldError::new("labels", "required"));
                } else if !labels.contains(&label) {
                    labels.push(label);
                }
            }
        }
        let mut services: Vec<Id<_>> = Vec::new();
        for service in &self.service_ids {
            if !services.contains(&service.0) {
                services.push(service.0);
            }
        }
        let parent = match self.parent {
            Some(Key(key)) => match ctx.read(|conn| store::ticket::by_key(conn, key))? {
                Some(parent) => Some(parent.id),
                None => {
                    fields.push(
                        FieldError::new("parent", "unknown-ticket").with("value", key.to_string()),
                    );
                    None
                }
            },
            None => None,
        };
        fields.check()?;
        let hold = self.hold.as_ref().map(NewHold::read).transpose()?;
        let opening = Opening {
            severity: self.severity.map(|word| word.0),
            priority: self.priority.map(|word| word.0),
            risk: self.risk.map(|word| word.0),
            body: body.unwrap_or_default(),
            customer: self.customer_id.map(|id| id.0),
            requester: self.requester_id.map(|id| id.0),
            requester_address: None,
            owner: self.owner_id.map(|id| id.0),
            team: self.team_id.map(|id| id.0),
            services,
            parent,
            external_ref: external_ref.flatten(),
            impact_at: self.impact_at.map(|at| at.0),
            reported_at: self.reported_at.map(|at| at.0),
            due_at: self.due_at.map(|at| at.0),
            callback_number: number.flatten(),
            callback_at: self.callback_at.map(|at| at.0),
            spoken_to: self.spoken_to,
            hold,
            labels,
            facts: Facts::new(),
        };
        let title = title.ok_or_else(|| Error::internal("a title without a fault"))?;
        let kind = self.kind.map_or(Kind::Incident, |word| word.0);
        Ok((kind, title, opening))
    }
}

fn line(
    field: &'static str,
    text: Option<&str>,
    max: usize,
) -> std::result::Result<Option<String>, FieldError> {
    text.map(|text| text::one_line(field, text, max))
        .transpose()
        .map(|line| line.filter(|line| !line.is_empty()))
}

/// Open a ticket
///
/// Its clocks start, and whoever must know is told. With an `Idempotency-Key` the same call opens one ticket however often it
/// is repeated within 24 hours.
#[utoipa::path(post, path = "/api/v1/tickets", tag = "tickets", request_body = NewTicket, responses((status = 201, description = "It is open", body = Ticket)))]
pub async fn open(call: Call<NewTicket>) -> Reply {
    call.change(|ctx, new| {
        actions::allow(&ctx.by, Action::OpenTicket, Target::House)?;
        let (kind, title, opening) = new.opening(ctx)?;
        let ticket = match kind {
            // A change knows whose idea it was, so that they can't approve it.
            Kind::Change => actions::change::open(ctx, title, &opening, Plan::default())?,
            Kind::Incident | Kind::Task | Kind::PostMortem => {
                actions::ticket::open(ctx, kind, title, &opening)?
            }
        };
        let place = format!("/api/v1/tickets/{}", ticket.key);
        Ok(Answer::created(place, &Ticket::of(ctx.app, &ticket))?.version(ticket.version))
    })
    .await
}

/// Read a ticket
#[utoipa::path(get, path = "/api/v1/tickets/{key}", tag = "tickets", responses((status = 200, description = "As it stands", body = Ticket)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let key = call.ticket("key")?;
    call.read(move |ctx| changed(ctx.app, &actions::ticket::read(ctx, key)?))
        .await
}

/// Which tickets, and in which order. Several words of one parameter are separated by commas; parameters narrow each other.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// `open` (the default), `closed` or `any`.
    is: Option<String>,
    #[param(value_type = Option<String>, example = "incident,task")]
    kind: Option<Words<Kind>>,
    #[param(value_type = Option<String>, example = "new,in_progress")]
    state: Option<Words<State>>,
    #[param(value_type = Option<String>, example = "disaster,high")]
    severity: Option<Words<Severity>>,
    #[param(value_type = Option<String>)]
    priority: Option<Words<Priority>>,
    #[param(value_type = Option<String>)]
    owner_id: Option<PersonUid>,
    /// `true`: only what nobody has.
    #[param(value_type = Option<bool>)]
    unowned: Option<Flag>,
    #[param(value_type = Option<String>)]
    customer_id: Option<CustomerUid>,
    #[param(value_type = Option<String>)]
    service_id: Option<ServiceUid>,
    #[param(value_type = Option<String>)]
    team_id: Option<TeamUid>,
    label: Option<String>,
    #[param(value_type = Option<String>)]
    due_before: Option<At>,
    #[param(value_type = Option<bool>)]
    late: Option<Flag>,
    #[param(value_type = Option<bool>)]
    held: Option<Flag>,
    #[param(value_type = Option<bool>)]
    awaits_us: Option<Flag>,
    /// The ticket with this reference of yours.
    external_ref: Option<String>,
    /// `due` (the default): soonest deadline first; `new`: logged last first; `updated`: changed last first.
    sort: Option<String>,
    /// Items of the page, 1 to 200; 50 by default.
    #[param(value_type = Option<i64>)]
    limit: Option<Number>,
    /// `next` of the page before.
    after: Option<String>,
}

impl Asked {
    fn filter(&self) -> Result<(Filter, Sort)> {
        let openness = match self.is.as_deref() {
            None | Some("open") => Openness::Open,
            Some("closed") => Openness::Closed,
            Some("any") => Openness::Any,
            Some(other) => return Err(wrong_word("is", other, "open, closed, any")),
        };
        let sort = match self.sort.as_deref() {
            None => Sort::Due,
            Some(text) => text
                .parse()
                .map_err(|()| wrong_word("sort", text, "due, new, updated"))?,
        };
        let filter = Filter {
            openness,
            kinds: all(&self.kind),
            states: all(&self.state),
            severities: all(&self.severity),
            priorities: all(&self.priority),
            owners: self.owner_id.iter().map(|id| id.0).collect(),
            unowned: self.unowned.map(|flag| flag.0),
            customers: self.customer_id.iter().map(|id| id.0).collect(),
            services: self.service_id.iter().map(|id| id.0).collect(),
            teams: self.team_id.iter().map(|id| id.0).collect(),
            labels: self.label.iter().map(|text| text.to_lowercase()).collect(),
            due_before: self.due_before.map(|at| at.0),
            late: self.late.map(|flag| flag.0),
            held: self.held.map(|flag| flag.0),
            awaits_us: self.awaits_us.map(|flag| flag.0),
            ..Filter::default()
        };
        Ok((filter, sort))
    }
}

fn all<T: Copy>(words: &Option<Words<T>>) -> Vec<T> {
    words
        .as_ref()
        .map(|words| words.0.clone())
        .unwrap_or_default()
}

pub fn wrong_word(field: &'static str, value: &str, accepted: &'static str) -> Error {
    FieldError::new(field, "unknown-word")
        .with("value", value.to_owned())
        .with("accepted", accepted)
        .into()
}

/// List tickets
///
/// Open ones, the soonest deadline first, unless asked otherwise.
#[utoipa::path(get, path = "/api/v1/tickets", tag = "tickets", params(Asked), responses((status = 200, description = "A page", body = Page<Ticket>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let asked: Asked = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadTickets, Target::House)?;
        let (mut filter, sort) = asked.filter()?;
        let limit = paging::limit(asked.limit)?;
        let from = match &asked.after {
            Some(text) => Some(Cursor::parse(text).ok_or_else(paging::bad_cursor)?),
            None => None,
        };
        let slice = ctx.read(|conn| {
            if let Some(reference) = &asked.external_ref {
                let found = store::ticket::by_external_ref(conn, reference)?;
                filter.ids = Some(found.into_iter().map(|ticket| ticket.id).collect());
            }
            store::queue::slice(conn, &filter, sort, from, limit)
        })?;
        Answer::ok(&Page {
            items: slice
                .tickets
                .iter()
                .map(|ticket| Ticket::of(ctx.app, ticket))
                .collect(),
            next: slice.next.map(|cursor| cursor.text()),
        })
    })
    .await
}

/// What may be changed at once. What is left out stays; null empties.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketEdit {
    title: Option<String>,
    #[serde(default, deserialize_with = "given")]
    customer_id: Option<Option<CustomerUid>>,
    #[serde(default, deserialize_with = "given")]
    team_id: Option<Option<TeamUid>>,
    /// All its services, the primary one first.
    service_ids: Option<Vec<ServiceUid>>,
    #[serde(default, deserialize_with = "given")]
    due_at: Option<Option<At>>,
    #[serde(default, deserialize_with = "given")]
    bridge_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    chat_url: Option<Option<String>>,
}

/// Edit a ticket
///
/// Title, customer, team, services, due date and links. Steps of its life are calls of their own.
#[utoipa::path(patch, path = "/api/v1/tickets/{key}", tag = "tickets", params(IfMatch, DryRun), request_body = TicketEdit, responses((status = 200, description = "As it stands now", body = TicketOrPreview)))]
pub async fn edit(call: Call<TicketEdit>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, asked: &TicketEdit| {
        let link = |field: &'static str, text: &Option<Option<String>>| match text {
            Some(Some(text)) => crate::domain::people::web_address(field, text).map(Some),
            Some(None) => Ok(Some(None)),
            None => Ok(None),
        };
        let mut fields = Fields::new();
        let title = fields.take(asked.title.as_deref().map(Title::parse).transpose());
        let bridge_url = fields.take(link("bridge_url", &asked.bridge_url));
        let chat_url = fields.take(link("chat_url", &asked.chat_url));
        fields.check()?;
        let mut services: Option<Vec<Id<_>>> = None;
        for service in asked.service_ids.iter().flatten() {
            let services = services.get_or_insert_with(Vec::new);
            if !services.contains(&service.0) {
                services.push(service.0);
            }
        }
        if asked.service_ids.is_some() && services.is_none() {
            services = Some(Vec::new());
        }
        let edit = Edit {
            title: title.flatten(),
            customer: asked.customer_id.map(|id| id.map(|id| id.0)),
            team: asked.team_id.map(|id| id.map(|id| id.0)),
            services,
            due_at: asked.due_at.map(|at| at.map(|at| at.0)),
            bridge_url: bridge_url.flatten(),
            chat_url: chat_url.flatten(),
        };
        actions::ticket_edit::edit(ctx, key, rev, &edit)
    })
    .await
}
