//! The outbox: what is to be sent, in the same transaction as the change that asks for it.

use diesel::prelude::*;

use super::backend::Tx;
pub(super) use super::backend::savepoint as tx_savepoint;
use super::blob::Hash;
use super::column::text_column;
use super::schema::core::delivery;
use super::timeline::facts_json;
use crate::domain::delivery::{AttemptOutcome, Channel, DeliveryKind, DeliveryState};
use crate::domain::id::{ContactId, DeliveryId, Id, PageId, PersonId, TicketId};
use crate::domain::timeline::Facts;
use crate::domain::timestamp::Timestamp;
use crate::error::{Result, is_unique_violation};

text_column!(DeliveryKind, Channel, DeliveryState, AttemptOutcome);

/// A message to be sent. Its text is rendered when it is sent, unless `frozen` names bytes that somebody previewed.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    pub kind: DeliveryKind,
    pub channel: Channel,
    /// Asking twice with the same key sends once.
    pub dedupe_key: String,
    pub ticket: Option<TicketId>,
    pub entry_seq: Option<i64>,
    pub page: Option<PageId>,
    pub person: Option<PersonId>,
    pub contact: Option<ContactId>,
    /// A mail address or a URL.
    pub address: String,
    /// What the letter needs to know.
    pub facts: Facts,
    pub frozen: Option<Hash>,
    /// Not before this instant: a reply waits so that it can still be withdrawn.
    pub not_before: Option<Timestamp>,
}

impl NewDelivery {
    pub fn mail(
        kind: DeliveryKind,
        dedupe_key: impl Into<String>,
        address: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            channel: Channel::Mail,
            dedupe_key: dedupe_key.into(),
            ticket: None,
            entry_seq: None,
            page: None,
            person: None,
            contact: None,
            address: address.into(),
            facts: Facts::new(),
            frozen: None,
            not_before: None,
        }
    }
}

/// Queues it; `None` if a delivery with this key exists already.
pub fn queue(tx: &mut Tx, new: &NewDelivery, now: Timestamp) -> Result<Option<DeliveryId>> {
    let id: DeliveryId = Id::new(now);
    let inserted = tx_savepoint(tx, |tx| {
        diesel::insert_into(delivery::table)
            .values((
                (
                    delivery::id.eq(id),
                    delivery::kind.eq(new.kind),
                    delivery::channel.eq(new.channel),
                    delivery::dedupe_key.eq(&new.dedupe_key),
                    delivery::ticket_id.eq(new.ticket),
                    delivery::entry_seq.eq(new.entry_seq),
                    delivery::page_id.eq(new.page),
                    delivery::person_id.eq(new.person),
                    delivery::contact_id.eq(new.contact),
                    delivery::address.eq(&new.address),
                    delivery::facts.eq(facts_json(&new.facts)),
                ),
                (
                    delivery::frozen_hash.eq(new.frozen.map(|hash| hash.0.to_vec())),
                    delivery::urgency.eq(new.kind.urgency()),
                    delivery::state.eq(DeliveryState::Queued),
                    delivery::queued_at.eq(now),
                    delivery::next_attempt_at.eq(new.not_before.unwrap_or(now)),
                    delivery::attempts.eq(0),
                    delivery::message_id.eq(None::<String>),
                ),
            ))
            .execute(&mut **tx)?;
        Ok(())
    });
    match inserted {
        Ok(()) => Ok(Some(id)),
        Err(error) if is_unique_violation(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
