//! Post-mortems, their sections, action items and meetings.

use diesel::prelude::*;

use super::column::text_column;
use super::people::stored_address;
use super::schema::after::{action_item, meeting, meeting_guest, postmortem, postmortem_section};
use super::{Conn, Tx};
use crate::domain::id::{MeetingId, PersonId, TicketId};
use crate::domain::postmortem::{
    Attendance, Guest, Meeting, MeetingState, Section, Slot, SlotRule,
};
use crate::domain::task::ActionType;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

text_column!(Attendance, Section, SlotRule, MeetingState, ActionType);

/// What a post-mortem has besides its ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = postmortem)]
pub struct PostMortem {
    pub ticket_id: TicketId,
    pub incident_id: Option<TicketId>,
    /// Who asked for the review.
    pub author_id: Option<PersonId>,
    pub reviewer_id: Option<PersonId>,
}

/// Fails with a unique violation if the incident has one already.
pub fn insert(tx: &mut Tx, new: &PostMortem) -> Result<()> {
    diesel::insert_into(postmortem::table)
        .values(new)
        .execute(&mut **tx)?;
    Ok(())
}

pub fn by_ticket(conn: &mut Conn, ticket: TicketId) -> Result<Option<PostMortem>> {
    Ok(postmortem::table.find(ticket).get_result(conn).optional()?)
}

/// The post-mortem of an incident.
pub fn of_incident(conn: &mut Conn, incident: TicketId) -> Result<Option<PostMortem>> {
    Ok(postmortem::table
        .filter(postmortem::incident_id.eq(incident))
        .get_result(conn)
        .optional()?)
}

pub fn set_author(tx: &mut Tx, ticket: TicketId, author: Option<PersonId>) -> Result<()> {
    diesel::update(postmortem::table.find(ticket))
        .set((
            postmortem::author_id.eq(author),
            postmortem::reviewer_id.eq(None::<PersonId>),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn set_reviewer(tx: &mut Tx, ticket: TicketId, reviewer: Option<PersonId>) -> Result<()> {
    diesel::update(postmortem::table.find(ticket))
        .set(postmortem::reviewer_id.eq(reviewer))
        .execute(&mut **tx)?;
    Ok(())
}

/// Every section in reading order; what was never written is empty.
pub fn sections(conn: &mut Conn, ticket: TicketId) -> Result<Vec<(Section, String)>> {
    let rows: Vec<(Section, String)> = postmortem_section::table
        .filter(postmortem_section::ticket_id.eq(ticket))
        .select((postmortem_section::section, postmortem_section::body))
        .load(conn)?;
    Ok(Section::ALL
        .iter()
        .map(|section| {
            let body = rows.iter().find(|(known, _)| known == section);
            (
                *section,
                body.map_or_else(String::new, |(_, body)| body.clone()),
            )
        })
        .collect())
}

pub fn set_section(tx: &mut Tx, ticket: TicketId, section: Section, body: &str) -> Result<()> {
    diesel::delete(postmortem_section::table.find((ticket, section))).execute(&mut **tx)?;
    diesel::insert_into(postmortem_section::table)
        .values((
            postmortem_section::ticket_id.eq(ticket),
            postmortem_section::section.eq(section),
            postmortem_section::body.eq(body),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// A task that came out of a post-mortem.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = action_item)]
pub struct ActionItem {
    pub task_id: TicketId,
    pub postmortem_id: TicketId,
    pub action_type: ActionType,
    /// What the customer's report says about it; `None`: nothing.
    pub commitment: Option<String>,
}

pub fn insert_action(tx: &mut Tx, new: &ActionItem) -> Result<()> {
    diesel::insert_into(action_item::table)
        .values(new)
        .execute(&mut **tx)?;
    Ok(())
}

/// The action items of a post-mortem, in the order of their making.
pub fn actions(conn: &mut Conn, postmortem: TicketId) -> Result<Vec<ActionItem>> {
    Ok(action_item::table
        .filter(action_item::postmortem_id.eq(postmortem))
        .order(action_item::task_id)
        .load(conn)?)
}

pub fn action(conn: &mut Conn, task: TicketId) -> Result<Option<ActionItem>> {
    Ok(action_item::table.find(task).get_result(conn).optional()?)
}

pub fn set_commitment(tx: &mut Tx, task: TicketId, text: Option<&str>) -> Result<()> {
    diesel::update(action_item::table.find(task))
        .set(action_item::commitment.eq(text))
        .execute(&mut **tx)?;
    Ok(())
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = meeting, treat_none_as_null = true)]
struct MeetingRow {
    id: MeetingId,
    ticket_id: TicketId,
    uid: String,
    sequence: i32,
    state: MeetingState,
    slot_rule: SlotRule,
    starts_at: Timestamp,
    ends_at: Timestamp,
    deadline_at: Timestamp,
    place: String,
    made_at: Timestamp,
    settled_at: Option<Timestamp>,
}

impl MeetingRow {
    fn of(value: &Meeting) -> Self {
        Self {
            id: value.id,
            ticket_id: value.ticket,
            uid: value.uid.clone(),
            sequence: value.sequence,
            state: value.state,
            slot_rule: value.slot.rule,
            starts_at: value.slot.starts_at,
            ends_at: value.slot.ends_at,
            deadline_at: value.deadline_at,
            place: value.place.clone(),
            made_at: value.made_at,
            settled_at: value.settled_at,
        }
    }

    fn meeting(self) -> Meeting {
        Meeting {
            id: self.id,
            ticket: self.ticket_id,
            uid: self.uid,
            sequence: self.sequence,
            state: self.state,
            slot: Slot {
                starts_at: self.starts_at,
                ends_at: self.ends_at,
                rule: self.slot_rule,
            },
            deadline_at: self.deadline_at,
            place: self.place,
            made_at: self.made_at,
            settled_at: self.settled_at,
        }
    }
}

pub fn insert_meeting(tx: &mut Tx, new: &Meeting) -> Result<()> {
    diesel::insert_into(meeting::table)
        .values(MeetingRow::of(new))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn update_meeting(tx: &mut Tx, changed: &Meeting) -> Result<()> {
    diesel::update(meeting::table.find(changed.id))
        .set(MeetingRow::of(changed))
        .execute(&mut **tx)?;
    Ok(())
}

/// The newest meeting of a post-mortem.
pub fn meeting_of(conn: &mut Conn, ticket: TicketId) -> Result<Option<Meeting>> {
    let row: Option<MeetingRow> = meeting::table
        .filter(meeting::ticket_id.eq(ticket))
        .order((meeting::made_at.desc(), meeting::id.desc()))
        .first(conn)
        .optional()?;
    Ok(row.map(MeetingRow::meeting))
}

/// Everybody who was asked, in the order of their addresses.
pub fn guests(conn: &mut Conn, of: MeetingId) -> Result<Vec<Guest>> {
    let rows: Vec<(String, String, Option<PersonId>, Option<Attendance>)> = meeting_guest::table
        .filter(meeting_guest::meeting_id.eq(of))
        .order(meeting_guest::address)
        .select((
            meeting_guest::address,
            meeting_guest::name,
            meeting_guest::person_id,
            meeting_guest::answer,
        ))
        .load(conn)?;
    rows.into_iter()
        .map(|(address, name, person, answer)| {
            Ok(Guest {
                answer,
                address: stored_address(&address)?,
                name,
                person,
            })
        })
        .collect()
}

/// The meeting of an invitation.
pub fn meeting_by_uid(conn: &mut Conn, uid: &str) -> Result<Option<Meeting>> {
    let row: Option<MeetingRow> = meeting::table
        .filter(meeting::uid.eq(uid))
        .first(conn)
        .optional()?;
    Ok(row.map(MeetingRow::meeting))
}

/// What the guest at that address answers; no if nobody there was asked.
pub fn set_answer(tx: &mut Tx, of: MeetingId, address: &str, answer: Attendance) -> Result<bool> {
    let guest = meeting_guest::table.find((of, address));
    let set = diesel::update(guest).set(meeting_guest::answer.eq(Some(answer)));
    Ok(set.execute(&mut **tx)? == 1)
}

/// It takes place at another time: everybody is asked anew.
pub fn forget_answers(tx: &mut Tx, of: MeetingId) -> Result<()> {
    diesel::update(meeting_guest::table.filter(meeting_guest::meeting_id.eq(of)))
        .set(meeting_guest::answer.eq(None::<Attendance>))
        .execute(&mut **tx)?;
    Ok(())
}

/// Adds a guest; whether they weren't one already.
pub fn add_guest(tx: &mut Tx, of: MeetingId, guest: &Guest) -> Result<bool> {
    let address = guest.address.folded();
    let known: Option<String> = meeting_guest::table
        .find((of, &address))
        .select(meeting_guest::name)
        .get_result(&mut **tx)
        .optional()?;
    if known.is_some() {
        return Ok(false);
    }
    diesel::insert_into(meeting_guest::table)
        .values((
            meeting_guest::meeting_id.eq(of),
            meeting_guest::address.eq(address),
            meeting_guest::name.eq(&guest.name),
            meeting_guest::person_id.eq(guest.person),
        ))
        .execute(&mut **tx)?;
    Ok(true)
}
