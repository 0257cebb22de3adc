//! The addresses that take mail, and what mail to each becomes.

use diesel::prelude::*;

use super::backend::{Conn, Tx, direct};
use super::schema::mail::intake_address;
use crate::domain::id::{CustomerId, IntakeAddressId, Kind, ServiceId, TeamId};
use crate::domain::intake::IntakeAddress;
use crate::domain::mail_words::{FormFields, Keywords, SeverityWords};
use crate::domain::severity::Severity;
use crate::domain::text::EmailAddress;
use crate::error::{Error, Result};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = intake_address, treat_none_as_default_value = false)]
struct Row {
    id: IntakeAddressId,
    address: String,
    kind: Kind,
    severity: Option<Severity>,
    team_id: Option<TeamId>,
    service_id: Option<ServiceId>,
    customer_id: Option<CustomerId>,
    takes_generated: bool,
    is_active: bool,
    version: i64,
    separator: String,
    takes_list: bool,
    severity_words: String,
    form_fields: String,
    keywords: String,
    generated_from: String,
    takes_copies: bool,
    own_ticket: bool,
}

impl Row {
    fn of(it: &IntakeAddress, version: i64) -> Self {
        Self {
            id: it.id,
            address: it.address.folded(),
            kind: it.kind,
            severity: it.severity,
            team_id: it.team,
            service_id: it.service,
            customer_id: it.customer,
            takes_generated: it.takes_generated,
            is_active: it.is_active,
            version,
            separator: it.separator.to_string(),
            takes_list: it.takes_list,
            severity_words: it.severity_words.to_string(),
            form_fields: it.form_fields.to_string(),
            keywords: it.keywords.to_string(),
            generated_from: it.generated_from.join("\n"),
            takes_copies: it.takes_copies,
            own_ticket: it.own_ticket,
        }
    }

    fn address(self) -> Result<IntakeAddress> {
        let id = self.id;
        let broken = |what| Error::internal(format!("stored {what} of intake address {id}"));
        Ok(IntakeAddress {
            id,
            address: EmailAddress::parse(&self.address).map_err(|_| broken("address"))?,
            kind: self.kind,
            severity: self.severity,
            team: self.team_id,
            service: self.service_id,
            customer: self.customer_id,
            takes_generated: self.takes_generated,
            takes_list: self.takes_list,
            separator: self.separator.chars().next().unwrap_or('+'),
            severity_words: SeverityWords::parse("severity_words", &self.severity_words)
                .map_err(|_| broken("severity words"))?,
            form_fields: FormFields::parse("form_fields", &self.form_fields)
                .map_err(|_| broken("form fields"))?,
            keywords: Keywords::parse("keywords", &self.keywords)
                .map_err(|_| broken("keywords"))?,
            generated_from: self.generated_from.lines().map(str::to_owned).collect(),
            takes_copies: self.takes_copies,
            own_ticket: self.own_ticket,
            is_active: self.is_active,
            version: self.version,
        })
    }
}

/// All addresses, in the order in which they were made; inactive ones too.
pub fn all(conn: &mut Conn) -> Result<Vec<IntakeAddress>> {
    let rows: Vec<Row> = direct!(conn, |own| intake_address::table
        .order(intake_address::id)
        .select(Row::as_select())
        .load(own))?;
    rows.into_iter().map(Row::address).collect()
}

pub fn by_id(conn: &mut Conn, id: IntakeAddressId) -> Result<Option<IntakeAddress>> {
    let row: Option<Row> = intake_address::table
        .find(id)
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    row.map(Row::address).transpose()
}

/// Fails with a unique violation if the address is there already.
pub fn insert(tx: &mut Tx, new: &IntakeAddress) -> Result<()> {
    diesel::insert_into(intake_address::table)
        .values(Row::of(new, 1))
        .execute(&mut **tx)?;
    Ok(())
}

/// `Stale` if somebody else changed it since.
pub fn update(tx: &mut Tx, known: &IntakeAddress) -> Result<()> {
    let row = Row::of(known, known.version + 1);
    let unchanged = intake_address::table
        .filter(intake_address::id.eq(known.id))
        .filter(intake_address::version.eq(known.version));
    let changed = diesel::update(unchanged)
        .set((
            intake_address::address.eq(row.address),
            intake_address::kind.eq(row.kind),
            intake_address::severity.eq(row.severity),
            intake_address::team_id.eq(row.team_id),
            intake_address::service_id.eq(row.service_id),
            intake_address::customer_id.eq(row.customer_id),
            intake_address::takes_generated.eq(row.takes_generated),
            intake_address::is_active.eq(row.is_active),
            intake_address::separator.eq(row.separator),
            intake_address::takes_list.eq(row.takes_list),
            intake_address::severity_words.eq(row.severity_words),
            intake_address::form_fields.eq(row.form_fields),
            intake_address::keywords.eq(row.keywords),
            intake_address::generated_from.eq(row.generated_from),
            intake_address::takes_copies.eq(row.takes_copies),
            intake_address::own_ticket.eq(row.own_ticket),
            intake_address::version.eq(row.version),
        ))
        .execute(&mut **tx)?;
    if changed == 1 {
        Ok(())
    } else {
        Err(Error::Stale)
    }
}
