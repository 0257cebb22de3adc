//! A customer's outage report: its draft, what keeps it from leaving, its text, its file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::ticket::IfMatch;
use super::value::{At, Closed, ContactUid, CustomerUid, Key, PersonUid, Uid, Word, given};
use crate::actions::outage as action;
use crate::app::Ctx;
use crate::domain::id::{ContactId, CustomerId, TicketKey};
use crate::domain::outage::{DataLoss, DiscoveredBy, Edition, Format, Part, ReportState};
use crate::error::Result;

macro_rules! closed {
    ($($type:ident = $name:literal, $word:ident);+ $(;)?) => {$(
        impl Closed for $type {
            const NAME: &'static str = $name;
            const WORDS: &'static [Self] = $type::ALL;
        }
        type $word = Word<$type>;
    )+};
}
closed! {
    ReportState = "ReportState", ReportStateWord;
    Edition = "ReportEdition", EditionWord;
    DiscoveredBy = "DiscoveredBy", DiscoveredByWord;
    DataLoss = "DataLoss", DataLossWord;
    Part = "ReportPart", PartWord;
}

/// An outage report for one customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutageReport {
    pub incident: Key,
    pub customer_id: CustomerUid,
    pub customer: String,
    pub document_id: String,
    pub version: i64,
    /// Null before anything was saved: the text is then what the record would write.
    pub state: Option<ReportStateWord>,
    pub author_id: Option<PersonUid>,
    pub approver_id: Option<PersonUid>,
    pub approved_at: Option<At>,
    pub sent_at: Option<At>,
    pub title: String,
    pub edition: EditionWord,
    pub discovered_by: DiscoveredByWord,
    pub data_loss: DataLossWord,
    /// When the customer hears again.
    pub next_update_at: Option<At>,
    /// Where to ask.
    pub contact: String,
    pub parts: Vec<ReportText>,
    /// What the text says, as one hash: an approval names it.
    pub sha256: String,
    /// What the customer shouldn't read; while there is any, the report doesn't leave.
    pub findings: Vec<Finding>,
}

/// One part's text.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportText {
    pub part: PartWord,
    pub body: String,
}

/// Something internal in a report.
#[derive(Debug, Serialize, ToSchema)]
pub struct Finding {
    pub text: String,
    /// The part that holds it.
    pub place: String,
}

fn shown(ctx: &Ctx<'_>, key: TicketKey, customer: CustomerId) -> Result<Answer> {
    let prepared = action::prepare(ctx, key, customer)?;
    let stored = prepared.stored.as_ref();
    let texts = &prepared.report.texts;
    let answer = Answer::ok(&OutageReport {
        incident: Key(prepared.incident.key),
        customer_id: Uid(prepared.customer.id),
        customer: prepared.customer.name.clone(),
        document_id: prepared.report.document_id.clone(),
        version: prepared.report.version,
        state: stored.map(|stored| Word(stored.state)),
        author_id: stored.map(|stored| Uid(stored.author)),
        approver_id: stored.and_then(|stored| stored.approver).map(Uid),
        approved_at: stored.and_then(|stored| stored.approved_at).map(At),
        sent_at: stored.and_then(|stored| stored.sent_at).map(At),
        title: texts.title.clone(),
        edition: Word(texts.edition),
        discovered_by: Word(texts.discovered_by),
        data_loss: Word(texts.data_loss),
        next_update_at: texts.next_update_at.map(At),
        contact: texts.contact.clone(),
        parts: texts
            .parts
            .iter()
            .map(|(part, body)| ReportText {
                part: Word(*part),
                body: body.clone(),
            })
            .collect(),
        sha256: prepared.report.hash(),
        findings: prepared
            .findings
            .into_iter()
            .map(|finding| Finding {
                text: finding.text,
                place: finding.place,
            })
            .collect(),
    })?;
    Ok(match stored {
        Some(stored) => answer.version(stored.rev),
        None => answer,
    })
}

/// Read an outage report
///
/// The newest version for one customer who was hit, or the first draft as the record would write it.
#[utoipa::path(get, path = "/api/v1/tickets/{key}/reports/{customer}", tag = "post-mortems", responses((status = 200, description = "The report", body = OutageReport)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let key = call.ticket("key")?;
    let customer: CustomerId = call.id("customer")?;
    call.read(move |ctx| shown(ctx, key, customer)).await
}

/// The text; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportEdit {
    title: Option<String>,
    edition: Option<EditionWord>,
    discovered_by: Option<DiscoveredByWord>,
    data_loss: Option<DataLossWord>,
    #[serde(default, deserialize_with = "given")]
    next_update_at: Option<Option<At>>,
    contact: Option<String>,
    #[serde(default)]
    parts: Vec<ReportText>,
}

/// Write an outage report
///
/// The first save makes a draft; writing after an approval makes the next version.
#[utoipa::path(patch, path = "/api/v1/tickets/{key}/reports/{customer}", tag = "post-mortems", params(IfMatch), request_body = ReportEdit, responses((status = 200, description = "As it stands now", body = OutageReport)))]
pub async fn write(call: Call<ReportEdit>) -> Reply {
    let key = call.ticket("key")?;
    let customer: CustomerId = call.id("customer")?;
    let rev = call.rev;
    call.change(move |ctx, asked| {
        ctx.as_one(
            |ctx| {
                let prepared = action::prepare(ctx, key, customer)?;
                let mut texts = prepared.report.texts;
                if let Some(title) = &asked.title {
                    texts.title.clone_from(title);
                }
                if let Some(contact) = &asked.contact {
                    texts.contact.clone_from(contact);
                }
                texts.edition = asked.edition.map_or(texts.edition, |word| word.0);
                texts.discovered_by = asked
                    .discovered_by
                    .map_or(texts.discovered_by, |word| word.0);
                texts.data_loss = asked.data_loss.map_or(texts.data_loss, |word| word.0);
                if let Some(at) = asked.next_update_at {
                    texts.next_update_at = action::next_report_at(at.map(|at| at.0), ctx.now)?;
                }
                for ReportText { part, body } in &asked.parts {
                    texts.parts.retain(|(known, _)| *known != part.0);
                    texts.parts.push((part.0, body.clone()));
                }
                texts.parts.sort_by_key(|(part, _)| *part);
                let rev = rev.or(prepared.stored.map(|stored| stored.rev));
                action::save(ctx, key, customer, rev, &texts)?;
                shown(ctx, key, customer)
            },
            |_, _| Ok(()),
        )
    })
    .await
}

/// A report as a file.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReportFile {
    pub name: String,
    pub media_type: &'static str,
    /// Its bytes in base 64.
    pub content: String,
}

/// Export an outage report
///
/// As `html`, `pdf`, `md` or `txt`: the approved bytes, or the draft, marked so.
#[utoipa::path(get, path = "/api/v1/tickets/{key}/reports/{customer}/{format}", tag = "post-mortems", responses((status = 200, description = "The file", body = ReportFile)))]
pub async fn export(call: Call<Nothing>) -> Reply {
    let key = call.ticket("key")?;
    let customer: CustomerId = call.id("customer")?;
    let format: Format = call
        .text("format")
        .parse()
        .map_err(|()| super::problem::Failure::NoRoute)?;
    call.read(move |ctx| {
        let file = action::export(ctx, key, customer, format)?;
        Answer::ok(&ReportFile {
            name: file.file_name,
            media_type: format.media_type(),
            content: STANDARD.encode(file.bytes),
        })
    })
    .await
}

/// What was looked at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// `sha256` of the report that is approved; if it says something else by now, nothing is.
    sha256: String,
}

/// Approve an outage report
///
/// By somebody who didn't write it: a token stands for its owner. Its text and every format are frozen.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/reports/{customer}/approve", tag = "post-mortems", request_body = Approval, responses((status = 200, description = "Approved; the report", body = OutageReport)))]
pub async fn approve(call: Call<Approval>) -> Reply {
    let key = call.ticket("key")?;
    let customer: CustomerId = call.id("customer")?;
    call.change(move |ctx, asked| {
        action::approve(ctx, key, customer, &asked.sha256)?;
        shown(ctx, key, customer)
    })
    .await
}

/// To whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipients {
    contact_ids: Vec<ContactUid>,
}

/// Send an approved outage report
///
/// The approved PDF, to contacts of the customer.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/reports/{customer}/send", tag = "post-mortems", request_body = Recipients, responses((status = 200, description = "Queued; the report", body = OutageReport)))]
pub async fn send(call: Call<Recipients>) -> Reply {
    let key = call.ticket("key")?;
    let customer: CustomerId = call.id("customer")?;
    call.change(move |ctx, to| {
        let contacts: Vec<ContactId> = to.contact_ids.iter().map(|id| id.0).collect();
        action::send(ctx, key, customer, &contacts)?;
        shown(ctx, key, customer)
    })
    .await
}
