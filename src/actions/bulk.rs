//! Tickets with their whole past, made at once and by the thousand: for the demo's million.
//!
//! Each is opened, taken, answered, resolved and closed by the same verbs of the domain as anybody's, its entries are placed by
//! the same hand, and its clocks, search documents and queue columns are derived by the same code; only the database hears of it
//! once, at the end, in few statements (`store::bulk`). Nobody is told of the past: no pages, no letters, no warnings that nobody
//! could have read, and no post-mortems. A promise that was missed is on the timeline as a fact, where it fell.

use super::sla::{self, first_rows};
use super::sla_notice::{facts_of, noted};
use super::sla_reading::KINDS;
use super::sla_scene::Scene;
use super::ticket::{first_entries, first_hit, replied};
use super::ticket_parts::role_taken;
use super::{allow, placed};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::hold::NewHold;
use crate::domain::id::{Kind, PersonId, TicketId};
use crate::domain::sla_book::Book;
use crate::domain::sla_clock;
use crate::domain::sla_notice::Hearers;
use crate::domain::text::Title;
use crate::domain::ticket::{Opening, Role, State, Ticket};
use crate::domain::timeline::{Actor, Door, Entry, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store;
use crate::store::bulk::Whole;
use crate::store::sla::ClockRow;
use crate::store::ticket::Watcher;
use crate::store::timeline::Recorded;

/// Somebody, with the name that stands on timelines.
#[derive(Debug, Clone)]
pub struct By {
    pub actor: Actor,
    pub name: String,
}

/// What happened to one ticket, oldest deed first.
#[derive(Debug, Clone)]
pub struct Past {
    pub kind: Kind,
    pub title: Title,
    pub opening: Opening,
    pub door: Door,
    pub at: Timestamp,
    pub by: By,
    /// The owner's name, if the opening names one.
    pub owner_name: String,
    pub deeds: Vec<Done>,
}

#[derive(Debug, Clone)]
pub struct Done {
    pub at: Timestamp,
    pub by: By,
    pub deed: Deed,
}

#[derive(Debug, Clone)]
pub enum Deed {
    /// Whoever does it takes the ticket.
    Take(PersonId),
    Note(String),
    /// To the customer; the first to answer becomes their voice.
    Reply(PersonId, String),
    Hold(NewHold),
    Release,
    Resolve(String),
    /// By itself, after the days in which the customer may object.
    Close,
}

/// The house as it is while tickets are made.
pub struct Maker<'a> {
    book: &'a Book,
    teams: Vec<(crate::domain::id::ServiceId, crate::domain::id::TeamId)>,
    first_team: Option<crate::domain::id::TeamId>,
    /// Who hears of clocks that stay late.
    after: Hearers,
    /// Until when the past goes.
    now: Timestamp,
}

impl<'a> Maker<'a> {
    pub fn new(ctx: &Ctx<'_>, book: &'a Book) -> Result<Self> {
        allow(&ctx.by, Action::OpenTicket, Target::House)?;
        ctx.read(|conn| {
            let services = store::house::services(conn)?;
            Ok(Self {
                book,
                teams: services.iter().map(|it| (it.id, it.team_id)).collect(),
                first_team: store::house::teams(conn)?.first().map(|team| team.id),
                after: store::settings::all(conn)?.clock_after,
                now: ctx.now,
            })
        })
    }

    /// The ticket as all of this leaves it.
    pub fn make(&self, number: i64, past: &Past) -> Result<Whole> {
        let opening = &past.opening;
        let title = past.title.clone();
        let (mut ticket, opened) =
            Ticket::open(past.kind, number, title, opening, past.door, past.at)?;
        ticket.team = opening.team.or_else(|| {
            let owned = self
                .teams
                .iter()
                .find(|(service, _)| Some(*service) == ticket.service);
            owned.map(|(_, team)| *team).or(self.first_team)
        });
        let owner = opening.owner.map(|id| (id, past.owner_name.clone()));
        let mut whole = Whole {
            affected: first_hit(&ticket, opening, past.at).into_iter().collect(),
            services: opening.services.clone(),
            labels: opening.labels.clone(),
            watchers: opening
                .requester
                .into_iter()
                .map(Watcher::Contact)
                .collect(),
            roles: Vec::new(),
            clocks: Vec::new(),
            entries: Vec::new(),
            ticket,
        };
        let first = first_entries(opened, opening, owner);
        record(&mut whole, first, &past.by, past.door, past.at);
        for done in &past.deeds {
            let entries = act(&mut whole, done)?;
            let door = match done.deed {
                Deed::Close => Door::Clock,
                _ => Door::Web,
            };
            record(&mut whole, entries, &done.by, door, done.at);
        }
        self.wind(&mut whole);
        Ok(whole)
    }

    /// Derives the clocks, notes what they missed where it fell, and tells the queue.
    fn wind(&self, whole: &mut Whole) {
        let driving: Vec<Recorded> = whole
            .entries
            .iter()
            .filter(|entry| KINDS.contains(&entry.kind))
            .cloned()
            .collect();
        let scene = Scene::of(
            self.book,
            &whole.ticket,
            &whole.affected,
            whole.services.clone(),
        );
        whole.clocks = first_rows(&scene, &whole.ticket, &driving, &self.after, self.now);
        if whole.clocks.iter().any(|row| row.breached_at.is_some()) {
            note_breaches(whole);
        }
        let clocks = whole.clocks.iter().map(ClockRow::standing);
        whole.ticket.due = sla_clock::due_of(clocks, None, whole.ticket.held_until());
    }
}

/// What `actions::record` does, without the database.
fn record(whole: &mut Whole, entries: Vec<Entry>, by: &By, door: Door, at: Timestamp) {
    for mut entry in entries {
        whole.ticket.entry_count += 1;
        let by = entry
            .author
            .take()
            .unwrap_or_else(|| (by.actor.clone(), by.name.clone()));
        let placed = placed(&whole.ticket, entry, by, door, at);
        whole.entries.push(placed);
    }
    whole.ticket.updated_at = at;
    whole.ticket.version += 1;
}

fn act(whole: &mut Whole, done: &Done) -> Result<Vec<Entry>> {
    let ticket = &mut whole.ticket;
    Ok(match &done.deed {
        Deed::Take(person) => ticket.assign(*person, &done.by.name, done.at)?,
        Deed::Note(text) => vec![Entry::new(EntryKind::Note).body(text)],
        Deed::Reply(person, text) => {
            let mut entries = vec![replied(ticket, text)];
            let role = Role::CustomerVoice;
            let has_voice = whole.roles.iter().any(|(taken, _, _)| *taken == role);
            if ticket.key.kind == Kind::Incident && !has_voice {
                whole.roles.push((role, *person, done.at));
                entries.push(role_taken(role, *person, &done.by.name));
            }
            entries
        }
        Deed::Hold(hold) => vec![ticket.hold(hold, &done.by.name, done.at)?],
        Deed::Release => ticket.release(None)?,
        Deed::Resolve(how) => {
            let entry = ticket.resolve(how, done.at)?;
            for hit in &mut whole.affected {
                hit.restored_at = hit.restored_at.or(Some(done.at));
            }
            vec![entry]
        }
        Deed::Close => vec![
            ticket
                .step(State::Closed, done.at)?
                .fact("cause", "no_objection"),
        ],
    })
}

/// Puts an entry for each missed promise between the others, a moment after its deadline, and gives every entry its place anew.
fn note_breaches(whole: &mut Whole) {
    for row in &whole.clocks {
        let Some(deadline) = row.breached_at else {
            continue;
        };
        let seen_at = deadline.plus_secs(1);
        let facts =
            facts_of(row).with_some("cause", row.late_by_change.then_some("late_by_change"));
        let entry = noted(&whole.ticket, EntryKind::ClockBreached, facts, seen_at);
        let place = whole
            .entries
            .partition_point(|other| other.recorded_at <= seen_at);
        whole.entries.insert(place, entry);
        whole.ticket.entry_count += 1;
    }
    // Where each of the driving entries stands now; what the clocks missed drives none.
    let mut moved = vec![0];
    for (index, entry) in whole.entries.iter_mut().enumerate() {
        let place = index as i64 + 1;
        if entry.kind != EntryKind::ClockBreached {
            moved.push(place);
        }
        entry.seq = place;
    }
    let at = |seq: i64| moved.get(seq as usize).copied().unwrap_or(seq);
    for row in &mut whole.clocks {
        row.from_seq = at(row.from_seq);
        row.until_seq = row.until_seq.map(at);
    }
}

/// Takes numbers for what will be made: the first of each kind.
pub fn reserve(ctx: &Ctx<'_>, counts: &[(Kind, i64)]) -> Result<Vec<(Kind, i64)>> {
    ctx.write(|tx| {
        store::bulk::gather(tx)?;
        counts
            .iter()
            .map(|(kind, count)| Ok((*kind, store::bulk::reserve(tx, *kind, *count)?)))
            .collect()
    })
}

/// Keeps them, all or none. Durable when it returns.
pub fn keep(ctx: &Ctx<'_>, wholes: &[Whole]) -> Result<()> {
    ctx.write(|tx| store::bulk::insert(tx, wholes))
}

/// After the last of them.
pub fn settle(ctx: &Ctx<'_>) -> Result<()> {
    ctx.write(store::bulk::settle)
}

/// Reads these tickets back, derives their clocks from their timelines anew and compares everything that is stored of them.
/// How many there were; an error names the first that is different.
pub fn check(ctx: &Ctx<'_>, sample: &[TicketId]) -> Result<usize> {
    for id in sample {
        let (key, same) = ctx.read(|conn| {
            let ticket = store::ticket::by_id(conn, *id)?.ok_or(Error::NotFound)?;
            Ok((
                ticket.key,
                sla::is_as_derived(ctx.app, conn, &ticket, ctx.now)?,
            ))
        })?;
        if !same {
            return Err(Error::internal(format!(
                "the clocks of {key} are not what its timeline says"
            )));
        }
    }
    Ok(sample.len())
}
