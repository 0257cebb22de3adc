//! The customer's outage report: drafted from what was marked for it, approved by a second person, frozen, sent.
//!
//! What a draft says follows the record until it is approved; from then on the approved bytes are what is shown and sent.

use super::postmortem::able;
use super::ticket::change;
use super::{allow, allow_ticket, settings};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::correction::Corrections;
use crate::domain::delivery::DeliveryKind;
use crate::domain::id::{ContactId, CustomerId, Id, Kind, PersonId, ReportId, TicketKey};
use crate::domain::outage::{
    Commitment, DataLoss, DiscoveredBy, Edition, Format, MOST_ROWS, Part, Report, ReportState, Row,
    Standing, Texts, document_id, refuse_leaks, release,
};
use crate::domain::people::Customer;
use crate::domain::redaction::{Dictionary, Finding};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::severity::Severity;
use crate::domain::ticket::{State, Ticket};
use crate::domain::timeline::{Audience, Door, Entry, EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::render::report;
use crate::store::outage::Stored;
use crate::store::outbox::{self, NewDelivery};
use crate::store::timeline::Recorded;
use crate::store::{self, Conn, Tx};
use crate::words::Words;

/// A report as a page needs it.
pub struct Prepared {
    pub incident: Ticket,
    pub customer: Customer,
    /// The newest version; `None` before anything was saved.
    pub stored: Option<Stored>,
    pub report: Report,
    pub findings: Vec<Finding>,
}

/// The newest version for one customer, or the first draft as the record would write it.
pub fn prepare(ctx: &Ctx<'_>, key: TicketKey, customer: CustomerId) -> Result<Prepared> {
    ctx.read(|conn| prepare_in(conn, ctx, key, customer))
}

fn prepare_in(
    conn: &mut Conn,
    ctx: &Ctx<'_>,
    key: TicketKey,
    customer: CustomerId,
) -> Result<Prepared> {
    let incident = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
    if !ctx.by.is_staff() || incident.key.kind != Kind::Incident {
        return Err(Error::NotFound);
    }
    allow_ticket(conn, &ctx.by, Action::ExportReport, &incident)?;
    let customer = hit_customer(conn, &incident, customer)?;
    let stored = store::outage::newest(conn, incident.id, customer.id)?;
    let dictionary = dictionary(conn, ctx.app, &customer)?;
    let texts = match &stored {
        Some(stored) => stored.texts.clone(),
        None => first_texts(conn, ctx.app, &incident)?,
    };
    let report =
        assemble(conn, &incident, &customer, stored.as_ref(), texts)?.in_public_words(&dictionary);
    let findings = report.findings(&dictionary);
    Ok(Prepared {
        incident,
        customer,
        stored,
        report,
        findings,
    })
}

/// The customers that an incident hit, whoever asked first: one report each.
pub fn customers(conn: &mut Conn, incident: &Ticket) -> Result<Vec<Customer>> {
    let affected = store::ticket::affected(conn, incident.id)?;
    let mut ids: Vec<CustomerId> = incident.customer.into_iter().collect();
    for hit in affected {
        if !ids.contains(&hit.customer_id) {
            ids.push(hit.customer_id);
        }
    }
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(store::customer::by_id(conn, id)?);
    }
    Ok(found)
}

fn hit_customer(conn: &mut Conn, incident: &Ticket, id: CustomerId) -> Result<Customer> {
    customers(conn, incident)?
        .into_iter()
        .find(|customer| customer.id == id)
        .ok_or(Error::NotFound)
}

/// What the record knows, in the words of the texts. Nothing of the ticket but marked entries and public names comes in here.
fn assemble(
    conn: &mut Conn,
    incident: &Ticket,
    customer: &Customer,
    stored: Option<&Stored>,
    texts: Texts,
) -> Result<Report> {
    let affected = store::ticket::affected(conn, incident.id)?;
    let hit = affected.iter().find(|hit| hit.customer_id == customer.id);
    let mut services = Vec::new();
    for id in store::ticket::services(conn, incident.id)? {
        services.extend(store::house::service(conn, id)?.map(|service| service.public_name));
    }
    let commitments = match store::postmortem::of_incident(conn, incident.id)? {
        Some(pm) => super::postmortem::actions(conn, pm.ticket_id)?
            .into_iter()
            .filter_map(|(item, task)| {
                Some(Commitment {
                    text: item.commitment?,
                    due_at: task.due_at,
                    is_done: task.state == State::Done,
                })
            })
            .collect(),
        None => Vec::new(),
    };
    let standing = match stored {
        Some(Stored {
            approved_at: Some(at),
            is_waived,
            ..
        }) => match is_waived {
            true => Standing::Waived { at: *at },
            false => Standing::Approved { at: *at },
        },
        _ => Standing::Draft,
    };
    Ok(Report {
        document_id: match stored {
            Some(stored) => stored.document_id.clone(),
            None => "OR-0000-0000".to_owned(),
        },
        version: stored.map_or(1, |stored| stored.version),
        customer: customer.name.clone(),
        zone: customer.zone,
        services,
        severity: incident.severity.unwrap_or(Severity::Average),
        impact_at: hit.map_or(incident.impact_at, |hit| hit.impact_at),
        detected_at: Some(incident.logged_at),
        restored_at: hit.and_then(|hit| hit.restored_at).or(incident.restored_at),
        resolved_at: incident.resolved_at,
        texts,
        rows: rows(conn, incident, customer.id)?,
        commitments,
        standing,
    })
}

/// The rows that somebody marked, oldest first. An entry for one customer never shows in another's report, marked or not.
fn rows(conn: &mut Conn, incident: &Ticket, customer: CustomerId) -> Result<Vec<Row>> {
    let words = Words::english();
    let entries = store::timeline::of_ticket(conn, incident.id)?;
    let corrections = Corrections::of(entries.iter().map(Recorded::said));
    let mut rows: Vec<Row> = entries
        .into_iter()
        .filter(|entry| entry.for_report && entry.redacted_at.is_none())
        .filter(|entry| !corrections.strikes(&entry.said()))
        .filter(|entry| match entry.audience {
            Audience::Customer(of) => of == customer,
            Audience::Internal | Audience::AllAffected => true,
        })
        .filter_map(|entry| {
            let written = entry.body.trim().to_owned();
            let label = format!("report-row-{}", entry.kind.as_str());
            let text = match written.is_empty() {
                false => written,
                true if words.has(&label) => words.t(&label).into_owned(),
                true => return None,
            };
            Some(Row {
                at: corrections.at(&entry.said()),
                text,
            })
        })
        .collect();
    rows.sort_by_key(|row| row.at);
    rows.truncate(MOST_ROWS);
    Ok(rows)
}

/// A first draft: what customers were told already, and what always has to be answered.
fn first_texts(conn: &mut Conn, app: &App, incident: &Ticket) -> Result<Texts> {
    let words = Words::english();
    let mut names = Vec::new();
    for id in store::ticket::services(conn, incident.id)? {
        names.extend(store::house::service(conn, id)?.map(|service| service.public_name));
    }
    let title = match names.is_empty() {
        true => words.t("report-title").into_owned(),
        false => words
            .with("report-title-of", &[("services", names.join(", ").into())])
            .into_owned(),
    };
    let told = store::timeline::of_kinds(conn, incident.id, &[EntryKind::Update])?.pop();
    let drafted = match store::postmortem::of_incident(conn, incident.id)? {
        Some(pm) => store::postmortem::sections(conn, pm.ticket_id)?
            .into_iter()
            .find(|(section, _)| *section == crate::domain::postmortem::Section::CustomerMessage)
            .map(|(_, text)| text)
            .filter(|text| !text.trim().is_empty()),
        None => None,
    };
    let summary = drafted.or(told.map(|entry| entry.body)).unwrap_or_default();
    let contact = settings::in_force_with(app, conn)?
        .mail_from
        .map(|address| address.to_string());
    Ok(Texts {
        title,
        edition: Edition::First,
        discovered_by: match incident.door {
            Door::Monitoring => DiscoveredBy::Monitoring,
            Door::Mail | Door::Phone => DiscoveredBy::Customer,
            _ => DiscoveredBy::Engineer,
        },
        data_loss: DataLoss::UnderAnalysis,
        parts: vec![
            (Part::Summary, summary),
            (Part::Apology, words.t("report-apology").into_owned()),
        ],
        next_update_at: None,
        contact: contact.unwrap_or_default(),
    })
}

/// Everything that the record knows by name and a customer shouldn't.
fn dictionary(conn: &mut Conn, app: &App, customer: &Customer) -> Result<Dictionary> {
    let settings = settings::in_force_with(app, conn)?;
    let mut people = Vec::new();
    for person in store::people::persons(conn)? {
        if let Some((local, _)) = person.email.as_str().split_once('@') {
            people.push(local.to_owned());
        }
        people.push(person.name);
    }
    let services: Vec<(String, String)> = store::house::services(conn)?
        .into_iter()
        .map(|service| (service.name, service.public_name))
        .collect();
    let teams = store::house::teams(conn)?
        .into_iter()
        .map(|team| team.name)
        // "Network" or "Operations" is everybody's word.
        .filter(|name| name.contains(char::is_whitespace))
        .collect();
    let other_customers = store::customer::all(conn)?
        .into_iter()
        .filter(|other| other.id != customer.id)
        .map(|other| other.name)
        .collect();
    let host = settings.public_url.as_deref().and_then(|url| {
        let (_, rest) = url.split_once("://")?;
        rest.split(['/', ':']).next().map(str::to_owned)
    });
    let mut allowed = vec![customer.name.clone(), settings.house_name];
    allowed.extend(settings.mail_from.map(|address| address.to_string()));
    Ok(Dictionary {
        people,
        services,
        teams,
        other_customers,
        own_domains: host.into_iter().collect(),
        allowed,
    })
}

fn author(ctx: &Ctx<'_>) -> Result<PersonId> {
    ctx.by
        .person()
        .ok_or_else(|| Error::Forbidden(Refusal::new("not-a-person")))
}

/// Keeps what was written. A version that was approved stays as it is: writing begins the next one.
///
/// `rev` is the row that the form was made from (`None`: there was none); a newer one is [`Error::Stale`].
pub fn save(
    ctx: &Ctx<'_>,
    key: TicketKey,
    customer: CustomerId,
    rev: Option<i64>,
    texts: &Texts,
) -> Result<Stored> {
    allow(&ctx.by, Action::WorkOnTicket, Target::House)?;
    let texts = texts.clone().checked().map_err(Error::Invalid)?;
    let author = author(ctx)?;
    let kept = std::cell::RefCell::new(None);
    change(ctx, key, None, Action::WorkOnTicket, |tx, incident| {
        if incident.key.kind != Kind::Incident {
            return Err(Error::NotFound);
        }
        let customer = hit_customer(tx, incident, customer)?;
        let newest = store::outage::newest(tx, incident.id, customer.id)?;
        if newest.as_ref().map(|newest| newest.rev) != rev {
            return Err(Error::Stale);
        }
        let mut entries = Vec::new();
        let stored = match newest {
            Some(mut draft) if draft.state == ReportState::Draft => {
                draft.texts = texts.clone();
                draft.author = author;
                store::outage::update(tx, &mut draft)?;
                draft
            }
            older => {
                let id: ReportId = Id::new(ctx.now);
                let random = id.uuid().into_bytes();
                let version = older.as_ref().map_or(1, |older| older.version + 1);
                let stored = Stored {
                    id,
                    ticket: incident.id,
                    customer: customer.id,
                    document_id: match older {
                        Some(older) => older.document_id,
                        None => document_id([random[12], random[13], random[14], random[15]]),
                    },
                    version,
                    state: ReportState::Draft,
                    texts: texts.clone(),
                    author,
                    made_at: ctx.now,
                    approver: None,
                    approved_at: None,
                    is_waived: false,
                    content_hash: None,
                    sent_at: None,
                    rev: 1,
                };
                store::outage::insert(tx, &stored)?;
                entries.push(about(EntryKind::ReportDrafted, &stored, &customer));
                stored
            }
        };
        kept.replace(Some(stored));
        Ok(entries)
    })?;
    kept.into_inner().ok_or(Error::NotFound)
}

fn about(kind: EntryKind, stored: &Stored, customer: &Customer) -> Entry {
    Entry::new(kind)
        .fact("document", &stored.document_id)
        .fact("version", stored.version)
        .fact("customer", customer.id)
        .fact("name", &customer.name)
}

/// Releases the newest draft: by somebody who didn't write it, unless nobody else is there. The bytes of every format are frozen.
///
/// `seen` is the hash of what the approver looked at: if the report says something else by now, nothing is approved.
pub fn approve(ctx: &Ctx<'_>, key: TicketKey, customer: CustomerId, seen: &str) -> Result<()> {
    allow(&ctx.by, Action::ApproveReport, Target::House)?;
    let approver = author(ctx)?;
    change(ctx, key, None, Action::ApproveReport, |tx, _| {
        let prepared = prepare_in(tx, ctx, key, customer)?;
        let mut stored = draft_of(&prepared)?;
        let mut report = prepared.report;
        if report.hash() != seen {
            return Err(Error::Stale);
        }
        let others = able(tx)?
            .into_iter()
            .filter(|person| *person != stored.author)
            .count();
        let by_author = stored.author == approver;
        report.standing = release(&report, by_author, others, &prepared.findings, ctx.now)?;
        freeze(tx, ctx, &stored, &report)?;
        stored.state = ReportState::Approved;
        stored.approver = Some(approver);
        stored.approved_at = Some(ctx.now);
        stored.is_waived = matches!(report.standing, Standing::Waived { .. });
        stored.content_hash = Some(report.hash());
        store::outage::update(tx, &mut stored)?;
        Ok(vec![
            about(EntryKind::ReportApproved, &stored, &prepared.customer)
                .fact("sha256", report.hash())
                .fact("waived", stored.is_waived),
        ])
    })?;
    Ok(())
}

fn draft_of(prepared: &Prepared) -> Result<Stored> {
    match &prepared.stored {
        Some(stored) if stored.state == ReportState::Draft => Ok(stored.clone()),
        Some(_) => Err(Refusal::new("report-approved-already").into()),
        None => Err(Refusal::new("report-not-saved").into()),
    }
}

fn freeze(tx: &mut Tx, ctx: &Ctx<'_>, stored: &Stored, report: &Report) -> Result<()> {
    for format in Format::ALL {
        let bytes = written(report, *format)?;
        let hash = store::blob::put_in(tx, &bytes, ctx.now)?;
        store::outage::freeze(tx, stored.id, *format, hash)?;
    }
    Ok(())
}

fn written(report: &Report, format: Format) -> Result<Vec<u8>> {
    report::write(report, format, Words::english())
        .map_err(|error| Error::internal(error.to_string()))
}

/// One report as a file.
pub struct Export {
    pub file_name: String,
    pub bytes: Vec<u8>,
}

/// The approved bytes, or the draft as it stands, marked so. Neither leaves while something in it may not.
pub fn export(
    ctx: &Ctx<'_>,
    key: TicketKey,
    customer: CustomerId,
    format: Format,
) -> Result<Export> {
    ctx.read(|conn| {
        let prepared = prepare_in(conn, ctx, key, customer)?;
        if let Some(stored) = &prepared.stored
            && let Some((_, bytes)) = store::outage::frozen(conn, stored.id, format)?
        {
            return Ok(Export {
                file_name: file_name(&prepared.report, format),
                bytes,
            });
        }
        refuse_leaks(&prepared.findings)?;
        Ok(Export {
            file_name: file_name(&prepared.report, format),
            bytes: written(&prepared.report, format)?,
        })
    })
}

fn file_name(report: &Report, format: Format) -> String {
    let draft = match report.standing {
        Standing::Draft => "-draft",
        Standing::Approved { .. } | Standing::Waived { .. } => "",
    };
    let (document, version) = (&report.document_id, report.version);
    format!("{document}-v{version}{draft}.{}", format.as_str())
}

/// Sends the approved PDF to these contacts of the customer.
pub fn send(
    ctx: &Ctx<'_>,
    key: TicketKey,
    customer: CustomerId,
    contacts: &[ContactId],
) -> Result<()> {
    if !ctx.by.is_staff() {
        return Err(Error::NotFound);
    }
    allow(&ctx.by, Action::Reply, Target::House)?;
    if contacts.is_empty() {
        return Err(FieldError::new("contact", "required").into());
    }
    change(ctx, key, None, Action::Reply, |tx, incident| {
        let customer = hit_customer(tx, incident, customer)?;
        let newest = store::outage::newest(tx, incident.id, customer.id)?;
        let mut stored = newest
            .filter(|stored| stored.approved_at.is_some())
            .ok_or_else(|| Refusal::new("report-not-approved"))?;
        let (hash, _) = store::outage::frozen(tx, stored.id, Format::Pdf)?
            .ok_or_else(|| Refusal::new("report-not-approved"))?;
        let known = store::people::contacts_of(tx, customer.id)?;
        let mut names = Vec::new();
        for id in contacts {
            let contact = known
                .iter()
                .find(|contact| contact.id == *id && contact.is_active)
                .ok_or_else(|| FieldError::new("contact", "unknown-contact"))?;
            let address = contact.email.as_str();
            let dedupe = format!("report/{}/{address}", stored.id);
            let mut delivery = NewDelivery::mail(DeliveryKind::Report, dedupe, address);
            delivery.ticket = Some(incident.id);
            delivery.contact = Some(contact.id);
            delivery.frozen = Some(hash);
            delivery.facts = Facts::new()
                .with("letter", "outage_report")
                .with("report_title", &stored.texts.title)
                .with(
                    "file_name",
                    format!("{}-v{}.pdf", stored.document_id, stored.version),
                )
                .with("media_type", Format::Pdf.media_type());
            outbox::queue(tx, &delivery, ctx.now)?;
            names.push(contact.name.clone());
        }
        stored.state = ReportState::Sent;
        stored.sent_at = Some(stored.sent_at.unwrap_or(ctx.now));
        store::outage::update(tx, &mut stored)?;
        Ok(vec![
            about(EntryKind::ReportSent, &stored, &customer)
                .fact("to", names.join(", "))
                .audience(Audience::Customer(customer.id)),
        ])
    })?;
    Ok(())
}

/// When a form's civil time can't be read, or lies in the past.
pub fn next_report_at(at: Option<Timestamp>, now: Timestamp) -> Result<Option<Timestamp>> {
    match at {
        Some(at) if at <= now => Err(FieldError::new("next_update", "not-in-the-past").into()),
        other => Ok(other),
    }
}
