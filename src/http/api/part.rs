//! What hangs on a ticket: labels, watchers, links, who was hit, roles, evidence.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::files::{Bringing, Brought, Download, media_type};
use super::call::{Answer, Call, Nothing, Reply};
use super::entry::renamed;
use super::letter_look::{TicketOrLetters, told};
use super::problem::Failure;
use super::ticket::{Ticket, changed};
use super::value::{
    At, AttachmentUid, Bytes, ContactUid, CustomerUid, IncidentRoleWord, Key, PersonUid,
    RelationWord, ServiceUid, Uid, Word,
};
use super::what_if::{DryRun, TicketOrPreview, changed_or_tried};
use crate::actions::ticket_answer::{self, Readers};
use crate::actions::{allow_ticket, quarantine, ticket, ticket_parts as parts};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::id::{AttachmentId, CustomerId, Id, PersonId};
use crate::domain::quarantine::Danger;
use crate::domain::refusal::FieldError;
use crate::domain::text;
use crate::domain::ticket::{self as domain, Relation, Role};
use crate::error::{Error, Fields};
use crate::http::form::Upload;
use crate::store;
use crate::store::blob::Attachment as File;
use crate::store::ticket::Watcher;

/// What hangs on a ticket.
#[derive(Debug, Serialize, ToSchema)]
pub struct Parts {
    pub labels: Vec<String>,
    /// The primary one first.
    pub service_ids: Vec<ServiceUid>,
    pub affected: Vec<Affected>,
    pub links: Vec<Link>,
    /// Tickets that are part of this one.
    pub children: Vec<Key>,
    /// Where it goes on, if it was merged.
    pub merged_into: Option<Key>,
    /// Tickets that go on in this one.
    pub absorbed: Vec<Key>,
    pub roles: Vec<RoleHolder>,
    pub watcher_person_ids: Vec<PersonUid>,
    pub watcher_contact_ids: Vec<ContactUid>,
    pub attachments: Vec<Attachment>,
}

/// A customer who was hit.
#[derive(Debug, Serialize, ToSchema)]
pub struct Affected {
    pub customer_id: CustomerUid,
    pub service_id: Option<ServiceUid>,
    pub impact_at: At,
    /// When they told us.
    pub reported_at: Option<At>,
    pub restored_at: Option<At>,
}

/// A link to another ticket.
#[derive(Debug, Serialize, ToSchema)]
pub struct Link {
    /// "from *relation* to".
    pub relation: RelationWord,
    /// This ticket is the `from` of the relation.
    pub outgoing: bool,
    pub key: Key,
}

/// Who plays a role on an incident. The lead is its owner.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoleHolder {
    pub role: IncidentRoleWord,
    pub person_id: PersonUid,
}

/// A file of a ticket.
#[derive(Debug, Serialize, ToSchema)]
pub struct Attachment {
    pub id: AttachmentUid,
    /// The entry that it came with.
    pub entry_seq: i64,
    pub name: String,
    /// As its sender claimed it.
    pub media_type: String,
    pub size_bytes: i64,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// Its name and its bytes are gone.
    pub redacted_at: Option<At>,
    /// It is in quarantine, since it came by mail and would do something when opened: `program`, `script`, `shortcut`, `macros` or
    /// `volume`.
    pub danger: Option<&'static str>,
}

/// Read what hangs on a ticket
///
/// Labels, services, affected customers, links, roles, watchers and attachments.
#[utoipa::path(get, path = "/api/v1/tickets/{key}/parts", tag = "parts", responses((status = 200, description = "Everything that hangs on it", body = Parts)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let key = call.ticket("key")?;
    call.read(move |ctx| {
        let ticket = ticket::read(ctx, key)?;
        let parts = ctx.read(|conn| {
            let id = ticket.id;
            let links = store::ticket_link::links(conn, id)?;
            let others: Vec<_> = links.iter().map(|link| link.other).collect();
            let others = store::ticket::by_ids(conn, &others)?;
            let mut persons = Vec::new();
            let mut contacts = Vec::new();
            for watcher in store::ticket::watchers(conn, id)? {
                match watcher {
                    Watcher::Person(id) => persons.push(Uid(id)),
                    Watcher::Contact(id) => contacts.push(Uid(id)),
                }
            }
            let affected = store::ticket::affected(conn, id)?;
            let roles = store::ticket::roles(conn, id)?;
            let attachments = store::blob::attachments(conn, id)?;
            let survivor = match ticket.merged_into {
                Some(id) => store::ticket::by_id(conn, id)?,
                None => None,
            };
            let keys = |tickets: Vec<domain::Ticket>| {
                tickets.iter().map(|ticket| Key(ticket.key)).collect()
            };
            Ok(Parts {
                children: keys(store::kin::children(conn, id)?),
                merged_into: survivor.map(|ticket| Key(ticket.key)),
                absorbed: keys(store::kin::merged_into(conn, id)?),
                labels: store::ticket::labels(conn, id)?,
                service_ids: store::ticket::services(conn, id)?
                    .into_iter()
                    .map(Uid)
                    .collect(),
                affected: affected
                    .into_iter()
                    .map(|row| Affected {
                        customer_id: Uid(row.customer_id),
                        service_id: row.service_id.map(Uid),
                        impact_at: At(row.impact_at),
                        reported_at: row.reported_at.map(At),
                        restored_at: row.restored_at.map(At),
                    })
                    .collect(),
                links: links
                    .into_iter()
                    .filter_map(|link| {
                        let other = others.iter().find(|other| other.id == link.other)?;
                        Some(Link {
                            relation: Word(link.relation),
                            outgoing: link.outgoing,
                            key: Key(other.key),
                        })
                    })
                    .collect(),
                roles: roles
                    .into_iter()
                    .map(|(role, person)| RoleHolder {
                        role: Word(role),
                        person_id: Uid(person),
                    })
                    .collect(),
                watcher_person_ids: persons,
                watcher_contact_ids: contacts,
                attachments: attachments
                    .into_iter()
                    .map(|file| Attachment {
                        id: Uid(file.id),
                        entry_seq: file.entry_seq,
                        danger: file.quarantined_for().map(Danger::as_str),
                        name: file.name,
                        media_type: file.media_type,
                        size_bytes: file.size_bytes,
                        sha256: file.hash.hex(),
                        redacted_at: file.redacted_at.map(At),
                    })
                    .collect(),
            })
        })?;
        Answer::ok(&parts)
    })
    .await
}

/// Put a label on a ticket
#[utoipa::path(put, path = "/api/v1/tickets/{key}/labels/{label}", tag = "parts", responses((status = 200, description = "It is on", body = Ticket)))]
pub async fn label(call: Call<Nothing>) -> Reply {
    let (key, label) = (call.ticket("key")?, call.text("label"));
    call.change(move |ctx, _| changed(ctx.app, &parts::label(ctx, key, &label)?))
        .await
}

/// Take a label off a ticket
#[utoipa::path(delete, path = "/api/v1/tickets/{key}/labels/{label}", tag = "parts", responses((status = 200, description = "It is off", body = Ticket)))]
pub async fn unlabel(call: Call<Nothing>) -> Reply {
    let (key, label) = (call.ticket("key")?, call.text("label"));
    call.change(move |ctx, _| changed(ctx.app, &parts::unlabel(ctx, key, &label)?))
        .await
}

/// Who watches: one of the two; without either the token's owner.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WatcherChoice {
    person_id: Option<PersonUid>,
    contact_id: Option<ContactUid>,
}

impl WatcherChoice {
    fn watcher(&self, own: Option<PersonId>) -> Result<Watcher, Error> {
        match (self.person_id, self.contact_id) {
            (Some(_), Some(_)) => Err(FieldError::new("contact_id", "one-of-two").into()),
            (Some(Uid(id)), None) => Ok(Watcher::Person(id)),
            (None, Some(Uid(id))) => Ok(Watcher::Contact(id)),
            (None, None) => match own {
                Some(id) => Ok(Watcher::Person(id)),
                None => Err(FieldError::new("person_id", "required").into()),
            },
        }
    }
}

/// Watch a ticket
#[utoipa::path(post, path = "/api/v1/tickets/{key}/watch", tag = "parts", request_body = WatcherChoice, responses((status = 200, description = "They watch", body = Ticket)))]
pub async fn watch(call: Call<WatcherChoice>) -> Reply {
    let key = call.ticket("key")?;
    call.change(move |ctx, who| {
        changed(
            ctx.app,
            &parts::watch(ctx, key, who.watcher(ctx.by.person())?)?,
        )
    })
    .await
}

/// Stop watching a ticket
#[utoipa::path(post, path = "/api/v1/tickets/{key}/unwatch", tag = "parts", request_body = WatcherChoice, responses((status = 200, description = "They don't watch", body = Ticket)))]
pub async fn unwatch(call: Call<WatcherChoice>) -> Reply {
    let key = call.ticket("key")?;
    call.change(move |ctx, who| {
        changed(
            ctx.app,
            &parts::unwatch(ctx, key, who.watcher(ctx.by.person())?)?,
        )
    })
    .await
}

/// How this ticket stands to another.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    relation: RelationWord,
    to: Key,
}

/// Link two tickets
///
/// Both timelines say so.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/links", tag = "parts", request_body = NewLink, responses((status = 200, description = "Linked", body = Ticket)))]
pub async fn link(call: Call<NewLink>) -> Reply {
    let key = call.ticket("key")?;
    call.change(move |ctx, new| changed(ctx.app, &parts::link(ctx, key, new.relation.0, new.to.0)?))
        .await
}

/// Take a link away
#[utoipa::path(delete, path = "/api/v1/tickets/{key}/links/{relation}/{to}", tag = "parts", responses((status = 200, description = "No longer linked", body = Ticket)))]
pub async fn unlink(call: Call<Nothing>) -> Reply {
    let (key, to) = (call.ticket("key")?, call.ticket("to")?);
    let relation: Relation = call
        .text("relation")
        .parse()
        .map_err(|()| super::problem::Failure::NoRoute)?;
    call.change(move |ctx, _| changed(ctx.app, &parts::unlink(ctx, key, relation, to)?))
        .await
}

/// One more customer who was hit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAffected {
    customer_id: CustomerUid,
    /// When they told us; empty if they didn't. A time before now sets their clocks back.
    reported_at: Option<At>,
    /// Why it was before now.
    #[serde(default)]
    why: String,
    /// What proves that: a web address, or `#12` for an entry of the ticket's timeline.
    #[serde(default)]
    #[schema(example = "https://graphs.example.org/d/7")]
    evidence: String,
}

/// Add an affected customer
///
/// Their clocks start with their report, or with the impact. That they told us before now takes the right, the reason and the evidence
/// of a correction (`/times`), and goes no further back.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/affected", tag = "parts", params(DryRun), request_body = NewAffected, responses((status = 200, description = "Added", body = TicketOrPreview)))]
pub async fn add_affected(call: Call<NewAffected>) -> Reply {
    let key = call.ticket("key")?;
    changed_or_tried(call, vec![key], move |ctx, new: &NewAffected| {
        let told = new.reported_at.map(|at| parts::ToldUs {
            at: at.0,
            why: &new.why,
            evidence: &new.evidence,
        });
        parts::add_affected(ctx, key, new.customer_id.0, told)
    })
    .await
}

/// Who plays the role; null: nobody.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleChoice {
    person_id: Option<PersonUid>,
}

/// Give or take a role on an incident
#[utoipa::path(put, path = "/api/v1/tickets/{key}/roles/{role}", tag = "parts", request_body = RoleChoice, responses((status = 200, description = "Given", body = Ticket)))]
pub async fn set_role(call: Call<RoleChoice>) -> Reply {
    let key = call.ticket("key")?;
    let role: Role = call
        .text("role")
        .parse()
        .map_err(|()| super::problem::Failure::NoRoute)?;
    call.change(move |ctx, who| {
        let person = who.person_id.map(|id| id.0);
        changed(ctx.app, &parts::set_role(ctx, key, role, person)?)
    })
    .await
}

/// A file in JSON; 1 MB of it at most. Bigger ones come as a form.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEvidence {
    name: String,
    #[schema(example = "text/plain")]
    media_type: Option<String>,
    /// Its bytes in base 64.
    content: String,
    #[serde(default)]
    body: String,
    /// Who may read it: `internal` (the default), `customer` or `all_affected`. What a customer may read is an answer or an update, with
    /// its letters and clocks; it takes a `body`.
    audience: Option<String>,
    /// Which customer, with `customer`: one of those who were hit. Without it whoever asked.
    customer_id: Option<CustomerUid>,
}

/// Files as a form's parts, as `curl -F file=@df.log -F body="Full at 03:00"` sends them.
#[derive(ToSchema)]
#[allow(dead_code)] // read part by part; this is what the document says of it
pub struct EvidenceForm {
    /// One or more, each with its file name. Together at most `upload_limit_mb`, 25 MB unless set otherwise.
    #[schema(value_type = Vec<String>, format = Binary)]
    file: Vec<Vec<u8>>,
    /// What they show.
    body: Option<String>,
    /// Who may read it: `internal` (the default), `customer` or `all_affected`.
    audience: Option<String>,
    /// Which customer, with `customer`.
    customer_id: Option<CustomerUid>,
}

/// Attach evidence
///
/// Graphs, logs, screenshots: as a form, or a small one in JSON. What it is served as later is always a download. For the team, unless
/// `audience` lets customers read it: then it goes to them as an answer or an update does, and own words may wait for a second person.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/evidence", tag = "parts", params(DryRun), request_body(content((NewEvidence = "application/json"), (EvidenceForm = "multipart/form-data"))), responses((status = 200, description = "Attached", body = TicketOrLetters), (status = 202, description = "It waits for a second person", body = Ticket)))]
pub async fn attach(call: Bringing) -> Reply {
    let key = call.ticket("key")?;
    let may = move |ctx: &Ctx<'_>| {
        ctx.read(|conn| {
            let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
            allow_ticket(conn, &ctx.by, Action::WorkOnTicket, &ticket)
        })
    };
    let asked: DryRun = call.query()?;
    call.change(may, evidence, move |ctx, (body, readers), files| {
        told(ctx, key, &asked, |ctx| {
            ticket_answer::bring(ctx, key, body, files, None, *readers)
                .map_err(|error| renamed(error, "customer", "customer_id"))
        })
    })
    .await
}

/// Who may read it, of what was said of that.
fn readers(audience: Option<&str>, customer: Option<CustomerId>) -> Result<Readers, FieldError> {
    let unnamed = |readers| match customer {
        Some(_) => Err(FieldError::new("customer_id", "audience-no-customer")),
        None => Ok(readers),
    };
    match audience.unwrap_or("internal") {
        "internal" => unnamed(Readers::Team),
        "customer" => Ok(Readers::Customer(customer)),
        "all_affected" => unnamed(Readers::AllAffected),
        other => Err(FieldError::new("audience", "unknown-word")
            .with("value", other.to_owned())
            .with("accepted", "internal, customer, all_affected")),
    }
}

/// The text of new evidence with who may read it, and its files.
fn evidence(brought: Brought) -> Result<((String, Readers), Vec<Upload>), Failure> {
    match brought {
        Brought::Json(bytes) => {
            let new: NewEvidence = super::read::body(&bytes)?;
            let name = text::one_line("name", &new.name, 200)?;
            let media_type = new.media_type.as_deref();
            let media_type = media_type.unwrap_or("application/octet-stream");
            let media_type = text::one_line("media_type", media_type, 100)?;
            let bytes = STANDARD
                .decode(new.content.as_bytes())
                .map_err(|_| FieldError::new("content", "not-base64"))?;
            let file = Upload {
                name,
                media_type,
                bytes,
            };
            let customer = new.customer_id.map(|id| id.0);
            let readers = readers(new.audience.as_deref(), customer)?;
            Ok(((new.body, readers), vec![file]))
        }
        Brought::Form(texts, mut files) => {
            let mut faults = Fields::new();
            let (mut body, mut audience, mut customer) = (None, None, None);
            for (name, text) in texts {
                let place = match name.as_str() {
                    "body" => &mut body,
                    "audience" => &mut audience,
                    "customer_id" => &mut customer,
                    // A part without a file name is a text to whoever reads forms.
                    "file" => {
                        faults.push(FieldError::new("file", "no-file-name"));
                        continue;
                    }
                    _ => {
                        let known = "file, body, audience, customer_id";
                        faults.push(FieldError::new(name, "unknown-field").with("known", known));
                        continue;
                    }
                };
                if place.replace(text).is_some() {
                    faults.push(FieldError::new(name, "given-twice"));
                }
            }
            let unknown = |text: &str| {
                FieldError::new("customer_id", "not-an-id").with("value", text.to_owned())
            };
            let customer = customer
                .as_deref()
                .map(|text| Id::parse(text).ok_or_else(|| unknown(text)));
            let customer = faults.take(customer.transpose()).flatten();
            let readers = faults.take(readers(audience.as_deref(), customer));
            if files.is_empty() {
                faults.push(FieldError::new("file", "required"));
            }
            faults.check()?;
            for file in &mut files {
                file.media_type = media_type(&file.media_type);
            }
            let readers = readers.unwrap_or(Readers::Team);
            Ok(((body.unwrap_or_default(), readers), files))
        }
    }
}

/// A file with its bytes.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttachmentContent {
    pub name: String,
    pub media_type: String,
    pub size_bytes: i64,
    pub sha256: String,
    /// Its bytes in base 64.
    pub content: String,
}

impl AttachmentContent {
    fn of(file: File, bytes: &[u8]) -> Self {
        Self {
            sha256: file.hash.hex(),
            name: file.name,
            media_type: file.media_type,
            size_bytes: file.size_bytes,
            content: STANDARD.encode(bytes),
        }
    }
}

/// Read an attachment
///
/// With its bytes in base 64; `…/content` has them as they are. One in quarantine is refused as `file-in-quarantine`.
#[utoipa::path(get, path = "/api/v1/tickets/{key}/attachments/{id}", tag = "parts", responses((status = 200, description = "The file", body = AttachmentContent)))]
pub async fn attachment(call: Call<Nothing>) -> Reply {
    let key = call.ticket("key")?;
    let id: AttachmentId = call.id("id")?;
    call.read(move |ctx| {
        let (file, bytes) = quarantine::ask_unwarned(ctx, key, id)?;
        Answer::ok(&AttachmentContent::of(file, &bytes))
    })
    .await
}

/// Download an attachment
///
/// Its bytes as they are. Which type they were said to be stands with the attachment; it is never believed. One in quarantine is
/// refused as `file-in-quarantine`.
#[utoipa::path(get, path = "/api/v1/tickets/{key}/attachments/{id}/content", tag = "parts", responses((status = 200, description = "The file's bytes", body = Bytes, content_type = "application/octet-stream")))]
pub async fn content(call: Call<Nothing>) -> Reply {
    let key = call.ticket("key")?;
    let id: AttachmentId = call.id("id")?;
    call.send(move |ctx| {
        let (file, bytes) = quarantine::ask_unwarned(ctx, key, id)?;
        Ok(Download {
            name: file.name,
            media_type: "application/octet-stream",
            bytes,
        })
    })
    .await
}

/// Take an attachment out of quarantine
///
/// It came by mail and would do something when opened: `danger` says what. Whoever takes it stands on the timeline. A repetition
/// under the same `Idempotency-Key` has everything but the content.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/attachments/{id}/take-out", tag = "parts", responses((status = 200, description = "The file", body = AttachmentContent)))]
pub async fn take_out(call: Call<Nothing>) -> Reply {
    let key = call.ticket("key")?;
    let id: AttachmentId = call.id("id")?;
    call.change(move |ctx, _| {
        let (file, bytes) = quarantine::take_out(ctx, key, id)?;
        let mut content = AttachmentContent::of(file, &bytes);
        let answer = Answer::ok(&content)?;
        content.content.clear();
        answer.kept_as(&content)
    })
    .await
}
