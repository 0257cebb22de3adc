//! Customers' outage reports: drafts that change, versions that were approved and never change again.

use diesel::prelude::*;

use super::blob::{self, Hash};
use super::column::text_column;
use super::schema::after::{outage_file, outage_report};
use super::{Conn, Tx};
use crate::domain::id::{CustomerId, PersonId, ReportId, TicketId};
use crate::domain::outage::{DataLoss, DiscoveredBy, Edition, Format, Part, ReportState, Texts};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

text_column!(ReportState, Edition, DiscoveredBy, DataLoss, Format);

/// One version of one customer's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub id: ReportId,
    pub ticket: TicketId,
    pub customer: CustomerId,
    pub document_id: String,
    pub version: i64,
    pub state: ReportState,
    pub texts: Texts,
    pub author: PersonId,
    pub made_at: Timestamp,
    pub approver: Option<PersonId>,
    pub approved_at: Option<Timestamp>,
    pub is_waived: bool,
    pub content_hash: Option<String>,
    pub sent_at: Option<Timestamp>,
    /// Rises with every change of the row; a form made from an older one is stale.
    pub rev: i64,
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = outage_report, treat_none_as_null = true)]
struct Row {
    id: ReportId,
    ticket_id: TicketId,
    customer_id: CustomerId,
    document_id: String,
    version: i64,
    state: ReportState,
    title: String,
    edition: Edition,
    discovered_by: DiscoveredBy,
    data_loss: DataLoss,
    parts: String,
    next_update_at: Option<Timestamp>,
    contact: String,
    author_id: PersonId,
    made_at: Timestamp,
    approver_id: Option<PersonId>,
    approved_at: Option<Timestamp>,
    is_waived: bool,
    content_hash: Option<String>,
    sent_at: Option<Timestamp>,
    rev: i64,
}

impl Row {
    fn of(value: &Stored) -> Self {
        Self {
            id: value.id,
            ticket_id: value.ticket,
            customer_id: value.customer,
            document_id: value.document_id.clone(),
            version: value.version,
            state: value.state,
            title: value.texts.title.clone(),
            edition: value.texts.edition,
            discovered_by: value.texts.discovered_by,
            data_loss: value.texts.data_loss,
            parts: parts_json(&value.texts),
            next_update_at: value.texts.next_update_at,
            contact: value.texts.contact.clone(),
            author_id: value.author,
            made_at: value.made_at,
            approver_id: value.approver,
            approved_at: value.approved_at,
            is_waived: value.is_waived,
            content_hash: value.content_hash.clone(),
            sent_at: value.sent_at,
            rev: value.rev,
        }
    }

    fn stored(self) -> Result<Stored> {
        Ok(Stored {
            id: self.id,
            ticket: self.ticket_id,
            customer: self.customer_id,
            document_id: self.document_id,
            version: self.version,
            state: self.state,
            texts: Texts {
                title: self.title,
                edition: self.edition,
                discovered_by: self.discovered_by,
                data_loss: self.data_loss,
                parts: parts_of(&self.parts)?,
                next_update_at: self.next_update_at,
                contact: self.contact,
            },
            author: self.author_id,
            made_at: self.made_at,
            approver: self.approver_id,
            approved_at: self.approved_at,
            is_waived: self.is_waived,
            content_hash: self.content_hash,
            sent_at: self.sent_at,
            rev: self.rev,
        })
    }
}

fn parts_json(texts: &Texts) -> String {
    let object: serde_json::Map<String, serde_json::Value> = Part::ALL
        .iter()
        .map(|part| (part.as_str().to_owned(), texts.part(*part).into()))
        .collect();
    serde_json::Value::Object(object).to_string()
}

fn parts_of(text: &str) -> Result<Vec<(Part, String)>> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text)
        .map_err(|_| Error::internal("the parts of a stored report are malformed"))?;
    Ok(Part::ALL
        .iter()
        .map(|part| {
            let text = object.get(part.as_str()).and_then(|text| text.as_str());
            (*part, text.unwrap_or_default().to_owned())
        })
        .collect())
}

/// Fails with a unique violation if this version exists already.
pub fn insert(tx: &mut Tx, new: &Stored) -> Result<()> {
    diesel::insert_into(outage_report::table)
        .values(Row::of(new))
        .execute(&mut **tx)?;
    Ok(())
}

/// `Stale` if somebody else was faster.
pub fn update(tx: &mut Tx, known: &mut Stored) -> Result<()> {
    let seen = known.rev;
    known.rev += 1;
    let row = outage_report::table
        .filter(outage_report::id.eq(known.id))
        .filter(outage_report::rev.eq(seen));
    let changed = diesel::update(row).set(Row::of(known)).execute(&mut **tx)?;
    if changed == 0 {
        return Err(Error::Stale);
    }
    Ok(())
}

pub fn by_id(conn: &mut Conn, id: ReportId) -> Result<Option<Stored>> {
    let row: Option<Row> = outage_report::table.find(id).get_result(conn).optional()?;
    row.map(Row::stored).transpose()
}

/// Every version for every customer, newest version first.
pub fn of_ticket(conn: &mut Conn, ticket: TicketId) -> Result<Vec<Stored>> {
    let rows: Vec<Row> = outage_report::table
        .filter(outage_report::ticket_id.eq(ticket))
        .order((outage_report::customer_id, outage_report::version.desc()))
        .load(conn)?;
    rows.into_iter().map(Row::stored).collect()
}

/// The newest version for one customer.
pub fn newest(conn: &mut Conn, ticket: TicketId, customer: CustomerId) -> Result<Option<Stored>> {
    let row: Option<Row> = outage_report::table
        .filter(outage_report::ticket_id.eq(ticket))
        .filter(outage_report::customer_id.eq(customer))
        .order(outage_report::version.desc())
        .first(conn)
        .optional()?;
    row.map(Row::stored).transpose()
}

/// Keeps the bytes that were approved.
pub fn freeze(tx: &mut Tx, of: ReportId, format: Format, hash: Hash) -> Result<()> {
    diesel::insert_into(outage_file::table)
        .values((
            outage_file::report_id.eq(of),
            outage_file::format.eq(format),
            outage_file::hash.eq(hash.0.to_vec()),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// The bytes that were approved in this format; `None` for a draft.
pub fn frozen(conn: &mut Conn, of: ReportId, format: Format) -> Result<Option<(Hash, Vec<u8>)>> {
    let hash: Option<Vec<u8>> = outage_file::table
        .find((of, format))
        .select(outage_file::hash)
        .get_result(conn)
        .optional()?;
    let Some(hash) = hash else { return Ok(None) };
    let hash = Hash::from_column(hash)?;
    let bytes = blob::get(conn, hash)?
        .ok_or_else(|| Error::internal("the bytes of an approved report are gone"))?;
    Ok(Some((hash, bytes)))
}
