//! The post-mortem's meeting: planned by rule, moved and cancelled by people, and told to everybody by calendar mail.
//!
//! What is sent is frozen in the transaction that asks for it: the bytes that were queued are the bytes that arrive.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ticket::change;
use super::{record, settings};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::calendar::{Calendar, Range};
use crate::domain::delivery::DeliveryKind;
use crate::domain::holidays;
use crate::domain::id::{Kind, MeetingId, PersonId, TicketKey};
use crate::domain::postmortem::{
    self, Guest, MEETING_WITHIN_SECS, Meeting, MeetingState, Slot, SlotRule,
};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::settings::Settings;
use crate::domain::text;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Actor, Entry, EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Hours;
use crate::error::{Error, Result};
use crate::render::calendar::{self, Invitation, Method, Party};
use crate::store::outbox::{self, NewDelivery};
use crate::store::{self, Tx};
use crate::words::Words;

/// Longest place of a meeting, in characters.
const PLACE_CHARS: usize = 200;

/// Plans the meeting of a post-mortem by the slot rule and invites everybody involved in the incident. Returns the entry that says
/// so; its `until` is the promise that the meeting clock counts down.
pub(super) fn plan(tx: &mut Tx, ctx: &Ctx<'_>, pm: &Ticket, incident: &Ticket) -> Result<Entry> {
    let settings = settings::in_force_with(ctx.app, tx)?;
    let resolved_at = incident.resolved_at.unwrap_or(ctx.now);
    let deadline_at = resolved_at.plus_secs(MEETING_WITHIN_SECS);
    let open = working_intervals(tx, ctx, pm, ctx.now, deadline_at)?;
    let slot = postmortem::find_slot(&open, ctx.now, deadline_at);
    let place = incident.bridge_url.clone().unwrap_or_default();
    let guests = involved(tx, pm, incident)?;
    set(tx, ctx, pm, &settings, slot, deadline_at, place, &guests)
}

#[allow(clippy::too_many_arguments)]
fn set(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    pm: &Ticket,
    settings: &Settings,
    slot: Slot,
    deadline_at: Timestamp,
    place: String,
    guests: &[Guest],
) -> Result<Entry> {
    let public_url = settings.public_url.clone().unwrap_or_default();
    let uid = |id: MeetingId| calendar::uid(&id.to_string(), &public_url);
    let meeting = Meeting::plan(pm.id, uid, slot, deadline_at, place, ctx.now);
    store::postmortem::insert_meeting(tx, &meeting)?;
    for guest in guests {
        store::postmortem::add_guest(tx, meeting.id, guest)?;
    }
    send(tx, ctx, pm, &meeting, settings, None)?;
    let guests = store::postmortem::guests(tx, meeting.id)?;
    Ok(Entry::new(EntryKind::MeetingSet)
        .fact("at", slot.starts_at.rfc3339())
        .fact("ends", slot.ends_at.rfc3339())
        .fact("rule", slot.rule)
        .fact("until", deadline_at.rfc3339())
        .fact("guests", guests.len()))
}

/// When the owner works: their team's calendar; without one Monday to Friday from nine to five where the owner is.
fn working_intervals(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    pm: &Ticket,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<(Timestamp, Timestamp)>> {
    if until <= from {
        return Ok(Vec::new());
    }
    let team = match pm.team {
        Some(team) => store::house::team(tx, team)?,
        None => None,
    };
    let owner = match pm.owner {
        Some(owner) => store::people::person(tx, owner)?,
        None => None,
    };
    let hours = match (&team, &owner) {
        (Some(team), _) if team.calendar_id.is_some() => {
            super::escalation::team_hours(tx, ctx, team)?
        }
        (_, Some(owner)) => {
            let nine_to_five = Range::new(9 * 60, 17 * 60).map_err(Error::from)?;
            let week: Vec<(u8, Range)> = (0..5).map(|day| (day, nine_to_five)).collect();
            let calendar = Calendar::new(owner.zone, &week, Vec::new()).map_err(Error::from)?;
            Arc::new(Hours::of(Arc::new(calendar)))
        }
        (Some(team), None) => super::escalation::team_hours(tx, ctx, team)?,
        (None, None) => return Ok(Vec::new()),
    };
    let free = match &owner {
        Some(owner) => match store::people::holidays(tx, owner.id)? {
            Some(code) => holidays::free_time(&code, owner.zone, from, until),
            None => Vec::new(),
        },
        None => Vec::new(),
    };
    // What lies on a holiday of the owner's is left out, the rest of it stays.
    let mut open = Vec::new();
    for interval in hours.open_intervals(from, until) {
        let mut start = interval.from;
        for day in free
            .iter()
            .filter(|day| day.from < interval.to && interval.from < day.to)
        {
            if start < day.from {
                open.push((start, day.from));
            }
            start = start.max(day.to);
        }
        if start < interval.to {
            open.push((start, interval.to));
        }
    }
    Ok(open)
}

/// Everybody who had a hand in the incident: owner, whoever acted on it, role holders, the team that owns the service. Active
/// people only.
fn involved(tx: &mut Tx, pm: &Ticket, incident: &Ticket) -> Result<Vec<Guest>> {
    let mut people: BTreeSet<PersonId> = pm.owner.into_iter().chain(incident.owner).collect();
    for entry in store::timeline::of_ticket(tx, incident.id)? {
        if let Actor::Person(person) = entry.actor {
            people.insert(person);
        }
    }
    for (_, person) in store::ticket::roles(tx, incident.id)? {
        people.insert(person);
    }
    if let Some(service) = incident.service
        && let Some(service) = store::house::service(tx, service)?
    {
        people.extend(store::house::members(tx, service.team_id)?);
    }
    let mut guests = Vec::new();
    for id in people {
        guests.extend(guest(tx, id)?);
    }
    Ok(guests)
}

fn guest(tx: &mut Tx, id: PersonId) -> Result<Option<Guest>> {
    let person = store::people::person(tx, id)?.filter(|person| person.is_active);
    Ok(person.map(|person| Guest {
        answer: None,
        address: person.email,
        name: person.name,
        person: Some(id),
    }))
}

/// Queues the meeting's present state for everybody, or for one newly asked guest. Without a public address or a sender nothing can
/// leave the house, and the page says so.
fn send(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    pm: &Ticket,
    meeting: &Meeting,
    settings: &Settings,
    only: Option<&Guest>,
) -> Result<()> {
    let (Some(public_url), Some(sender)) = (&settings.public_url, &settings.mail_from) else {
        return Ok(());
    };
    let words = Words::english();
    let guests = store::postmortem::guests(tx, meeting.id)?;
    let method = match meeting.state {
        MeetingState::Cancelled => Method::Cancel,
        MeetingState::Planned | MeetingState::Held => Method::Request,
    };
    let url = format!("{public_url}/{}", pm.key);
    let rule = rule_sentence(words, meeting.slot.rule);
    let description = words.with(
        "meeting-description",
        &[("url", url.as_str().into()), ("rule", rule.as_str().into())],
    );
    let invitation = Invitation {
        method,
        uid: meeting.uid.clone(),
        sequence: meeting.sequence,
        stamp_at: ctx.now,
        starts_at: meeting.slot.starts_at,
        ends_at: meeting.slot.ends_at,
        summary: words
            .with(
                "meeting-summary",
                &[
                    ("key", pm.key.to_string().into()),
                    ("title", pm.title.as_str().into()),
                ],
            )
            .into_owned(),
        description: description.into_owned(),
        url: url.clone(),
        location: Some(meeting.place.clone()).filter(|place| !place.is_empty()),
        organizer: Party {
            name: settings.house_name.clone(),
            address: sender.clone(),
        },
        attendees: guests
            .iter()
            .map(|guest| Party {
                name: guest.name.clone(),
                address: guest.address.clone(),
            })
            .collect(),
    };
    let frozen = store::blob::put_in(tx, calendar::write(&invitation).as_bytes(), ctx.now)?;
    let letter = match (method, meeting.sequence) {
        (Method::Cancel, _) => "meeting_cancelled",
        (Method::Request, 0) => "meeting_invited",
        (Method::Request, _) if only.is_some() => "meeting_invited",
        (Method::Request, _) => "meeting_moved",
    };
    let place = if meeting.place.is_empty() {
        words.t("meeting-no-place").into_owned()
    } else {
        meeting.place.clone()
    };
    let asked: Vec<&Guest> = match only {
        Some(guest) => vec![guest],
        None => guests.iter().collect(),
    };
    for guest in asked {
        let address = guest.address.as_str();
        let key = format!("meeting/{}/{}/{address}", meeting.id, meeting.sequence);
        let mut delivery = NewDelivery::mail(DeliveryKind::Invitation, key, address);
        delivery.ticket = Some(pm.id);
        delivery.person = guest.person;
        delivery.frozen = Some(frozen);
        delivery.facts = Facts::new()
            .with("letter", letter)
            .with("name", &guest.name)
            .with_instant("at", meeting.slot.starts_at)
            .with("minutes", minutes(&meeting.slot))
            .with("place", &place)
            .with("rule", &rule);
        outbox::queue(tx, &delivery, ctx.now)?;
    }
    Ok(())
}

fn minutes(slot: &Slot) -> i64 {
    slot.ends_at.secs_since(slot.starts_at) / 60
}

/// Which rule put the meeting where it is, in a sentence.
pub fn rule_sentence(words: &Words, rule: SlotRule) -> String {
    words.t(&format!("slot-{}", rule.as_str())).into_owned()
}

/// What a person chose for a meeting.
#[derive(Debug, Clone)]
pub struct Choice {
    pub starts_at: Timestamp,
    pub minutes: i64,
    pub place: String,
}

/// Moves the planned meeting, or plans a new one if there is none (any longer).
pub fn choose(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>, choice: &Choice) -> Result<Ticket> {
    let place = text::optional_line("place", &choice.place, PLACE_CHARS)?.unwrap_or_default();
    let slot = postmortem::choose_slot(choice.starts_at, choice.minutes, ctx.now)?;
    change(ctx, key, rev, Action::EditPostMortem, |tx, ticket| {
        refuse_finished(ticket)?;
        let settings = settings::in_force_with(ctx.app, tx)?;
        let planned = store::postmortem::meeting_of(tx, ticket.id)?;
        match planned.filter(|meeting| meeting.state == MeetingState::Planned) {
            Some(mut meeting) => {
                let from = meeting.slot;
                meeting.shift(slot, place.clone())?;
                store::postmortem::update_meeting(tx, &meeting)?;
                store::postmortem::forget_answers(tx, meeting.id)?;
                send(tx, ctx, ticket, &meeting, &settings, None)?;
                Ok(vec![
                    Entry::new(EntryKind::MeetingMoved)
                        .fact("from", from.starts_at.rfc3339())
                        .fact("at", slot.starts_at.rfc3339())
                        .fact("ends", slot.ends_at.rfc3339())
                        .fact("place", &place)
                        .fact("sequence", meeting.sequence),
                ])
            }
            None => {
                let incident = incident_of(tx, ticket)?;
                let since = incident.as_ref().and_then(|incident| incident.resolved_at);
                let deadline_at = since.unwrap_or(ctx.now).plus_secs(MEETING_WITHIN_SECS);
                let guests = match &incident {
                    Some(incident) => involved(tx, ticket, incident)?,
                    None => involved(tx, ticket, ticket)?,
                };
                let entry = set(
                    tx,
                    ctx,
                    ticket,
                    &settings,
                    slot,
                    deadline_at,
                    place.clone(),
                    &guests,
                )?;
                Ok(vec![entry])
            }
        }
    })
}

/// Asks one more person.
pub fn invite(ctx: &Ctx<'_>, key: TicketKey, person: PersonId) -> Result<Ticket> {
    change(ctx, key, None, Action::EditPostMortem, |tx, ticket| {
        let meeting = planned(tx, ticket)?;
        let guest =
            guest(tx, person)?.ok_or_else(|| FieldError::new("person", "unknown-person"))?;
        if !store::postmortem::add_guest(tx, meeting.id, &guest)? {
            return Err(Refusal::new("already-invited")
                .with("name", guest.name)
                .into());
        }
        let settings = settings::in_force_with(ctx.app, tx)?;
        send(tx, ctx, ticket, &meeting, &settings, Some(&guest))?;
        Ok(vec![
            Entry::new(EntryKind::Told)
                .fact("person", person)
                .fact("name", &guest.name)
                .fact("about", "meeting"),
        ])
    })
}

/// The meeting took place: keeps the promise.
pub fn hold(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>) -> Result<Ticket> {
    change(ctx, key, rev, Action::EditPostMortem, |tx, ticket| {
        let mut meeting = planned(tx, ticket)?;
        meeting.hold(ctx.now)?;
        store::postmortem::update_meeting(tx, &meeting)?;
        Ok(vec![
            Entry::new(EntryKind::MeetingHeld).fact("at", ctx.now.rfc3339()),
        ])
    })
}

/// The meeting won't take place: it goes from everybody's calendar.
pub fn cancel(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>, why: &str) -> Result<Ticket> {
    let why = super::ticket::written("why", why)?;
    change(ctx, key, rev, Action::EditPostMortem, |tx, ticket| {
        planned(tx, ticket)?;
        let entry = cancel_in(tx, ctx, ticket)?;
        Ok(entry.into_iter().map(|entry| entry.body(&why)).collect())
    })
}

/// Cancels the planned meeting of a post-mortem, if there is one, and tells everybody.
fn cancel_in(tx: &mut Tx, ctx: &Ctx<'_>, pm: &Ticket) -> Result<Option<Entry>> {
    let meeting = store::postmortem::meeting_of(tx, pm.id)?;
    let Some(mut meeting) = meeting.filter(|meeting| meeting.state == MeetingState::Planned) else {
        return Ok(None);
    };
    meeting.cancel(ctx.now)?;
    store::postmortem::update_meeting(tx, &meeting)?;
    let settings = settings::in_force_with(ctx.app, tx)?;
    send(tx, ctx, pm, &meeting, &settings, None)?;
    Ok(Some(
        Entry::new(EntryKind::MeetingCancelled)
            .fact("at", meeting.slot.starts_at.rfc3339())
            .fact("sequence", meeting.sequence),
    ))
}

/// As [`cancel`] by a rule of ours; `cause` names it.
pub(super) fn cancel_by_rule(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    pm: &mut Ticket,
    cause: &'static str,
) -> Result<()> {
    if let Some(entry) = cancel_in(tx, ctx, pm)? {
        record(tx, ctx, pm, vec![entry.fact("cause", cause)])?;
    }
    Ok(())
}

fn planned(tx: &mut Tx, pm: &Ticket) -> Result<Meeting> {
    refuse_finished(pm)?;
    let meeting = store::postmortem::meeting_of(tx, pm.id)?
        .ok_or_else(|| Refusal::new("no-meeting").with("key", pm.key.to_string()))?;
    meeting.refuse_settled()?;
    Ok(meeting)
}

fn refuse_finished(pm: &Ticket) -> Result<()> {
    if pm.key.kind != Kind::PostMortem {
        return Err(Error::NotFound);
    }
    if !pm.is_open() {
        return Err(Refusal::new("not-open")
            .with("key", pm.key.to_string())
            .with("state", pm.state.as_str())
            .into());
    }
    Ok(())
}

pub(super) fn incident_of(tx: &mut Tx, pm: &Ticket) -> Result<Option<Ticket>> {
    let known = store::postmortem::by_ticket(tx, pm.id)?;
    match known.and_then(|known| known.incident_id) {
        Some(incident) => store::ticket::by_id(tx, incident),
        None => Ok(None),
    }
}
