//! One state change = one function = one transaction: load, allow, decide, record.

pub mod agenda;
pub mod agreement;
pub mod approval;
pub mod approval_ask;
pub mod approval_rule;
pub mod approval_stand_in;
pub mod audit;
pub mod audit_evidence;
pub mod bulk;
pub mod calendar;
pub mod change;
pub mod change_risk;
pub mod commit_revert;
pub mod commits;
pub mod compensation;
pub mod contact_address;
pub mod coverage;
pub mod credit;
pub mod customer;
pub mod deployment;
mod deployment_gate;
pub mod deployment_queue;
pub mod deployment_rule;
pub mod deployment_story;
pub mod dora;
pub mod escalation;
pub mod evidence;
pub mod feed;
pub mod fix;
pub mod forge;
pub mod forge_look;
pub mod freeze;
pub mod freeze_ahead;
pub mod freeze_import;
pub mod git;
mod git_change;
mod git_deed;
pub mod glass_count;
mod glass_incident;
pub mod house;
pub mod intake;
mod intake_alert;
mod intake_answer;
mod intake_auto;
pub mod intake_explain;
mod intake_hand;
mod intake_join;
mod intake_match;
mod intake_opening;
mod intake_routes;
mod intake_sender;
mod intake_verdict;
mod intake_why;
mod intake_words;
pub mod leave;
pub mod letter_look;
pub mod letters;
pub mod live_tag;
pub mod login;
pub mod mail_health;
pub mod mailbox;
pub mod meeting;
pub mod oncall;
pub mod once;
pub mod outage;
pub mod outbox;
pub mod outgoing;
mod outgoing_files;
pub mod page;
pub mod page_note;
mod page_ways;
pub mod people;
pub mod portal;
pub mod postmortem;
pub mod proposal;
mod proposal_news;
mod push_glass;
pub mod push_verdict;
mod push_windows;
pub mod quarantine;
pub mod recount;
mod recount_anew;
pub mod redact;
pub mod repository;
pub mod repository_gap;
pub mod roster;
pub mod self_test;
pub mod settings;
pub mod sla;
pub mod sla_burn;
pub mod sla_custody;
pub mod sla_notice;
pub mod sla_period;
pub mod sla_proof;
pub mod sla_reading;
pub mod sla_report;
mod sla_scene;
pub mod sla_verify;
pub mod soak;
pub mod spool;
pub mod standing;
pub mod suspect;
mod suspect_alibi;
pub mod suspect_figures;
mod suspect_scene;
pub mod terms;
pub mod ticket;
pub mod ticket_answer;
pub mod ticket_edit;
pub mod ticket_hold;
pub mod ticket_merge;
pub mod ticket_parts;
pub mod ticket_restore;
pub mod ticket_settle;
pub mod ticket_take_back;
pub mod ticket_talk;
pub mod ticket_times;
pub mod trouble;
pub mod view;
pub mod webhook;
pub mod what_if;
pub mod wording;

use crate::app::Ctx;
use crate::domain::access::{self, Action, Circle, Denial, Principal, Role, Target};
use crate::domain::id::{Id, PersonId};
use crate::domain::ticket::{Due, Ticket};
use crate::domain::timeline::{Actor, Door, Entry};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::ticket::Watcher;
use crate::store::timeline::Recorded;
use crate::store::{self, Conn, Tx};

/// Whether whoever acts may do this; hidden and absent look the same.
pub fn allow(by: &Principal, action: Action, target: Target<'_>) -> Result<()> {
    access::may(by, action, target).map_err(|denial| match denial {
        Denial::Hidden => Error::NotFound,
        Denial::NotYours(refusal) => Error::Forbidden(refusal),
    })
}

/// As [`allow`] for a ticket. Outsiders need the ticket's circle, which costs two reads; staff don't.
pub fn allow_ticket(
    conn: &mut Conn,
    by: &Principal,
    action: Action,
    ticket: &Ticket,
) -> Result<()> {
    let circle = match by {
        Principal::Contact { .. } => circle(conn, ticket)?,
        Principal::Person { .. } | Principal::Token { .. } | Principal::System(_) => {
            Circle::default()
        }
    };
    allow(by, action, Target::Ticket(&circle))
}

/// Whether anybody else leads here.
fn people_leads_besides(conn: &mut Conn, person: PersonId) -> Result<bool> {
    let all = store::people::persons(conn)?;
    Ok(all
        .iter()
        .any(|other| other.is_active && other.id != person && other.roles.has(Role::Lead)))
}

fn circle(conn: &mut Conn, ticket: &Ticket) -> Result<Circle> {
    let affected = store::ticket::affected(conn, ticket.id)?;
    let watchers = store::ticket::watchers(conn, ticket.id)?;
    Ok(Circle {
        customers: ticket
            .customer
            .into_iter()
            .chain(affected.into_iter().map(|row| row.customer_id))
            .collect(),
        requester: ticket.requester,
        watchers: watchers
            .into_iter()
            .filter_map(|who| match who {
                Watcher::Contact(id) => Some(id),
                Watcher::Person(_) => None,
            })
            .collect(),
    })
}

/// Writes a changed ticket together with the entries that say what changed, and lets everything that follows from them
/// follow: clocks, search, pages, letters. The only way by which a ticket is written.
///
/// [`Error::Stale`] if the ticket was changed by somebody else since it was read; [`Error::Full`] for what people and programs bring
/// in while the disk is nearly full.
pub fn record(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    entries: Vec<Entry>,
) -> Result<Vec<Recorded>> {
    record_with(tx, ctx, ticket, entries, |_, _| Ok(()))
}

/// As [`record`]; `hang_on` writes what hangs on the ticket's row and must stand before anything follows from it.
pub fn record_with(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    entries: Vec<Entry>,
    hang_on: impl FnOnce(&mut Tx, &Ticket) -> Result<()>,
) -> Result<Vec<Recorded>> {
    // What our own jobs have to say is small, and somebody may have to be paged for it.
    if !matches!(ctx.by, Principal::System(_)) && entries.iter().any(|it| it.kind.brings_in()) {
        trouble::has_room(ctx.app)?;
    }
    let counted = ticket.entry_count;
    let recorded = place_all(ctx, ticket, entries);
    ticket.updated_at = ctx.now.max(ticket.updated_at);
    if ticket.version == 0 {
        store::ticket::insert(tx, ticket)?;
    } else {
        store::ticket::update(tx, ticket, counted)?;
    }
    for entry in &recorded {
        store::timeline::append(tx, entry)?;
    }
    hang_on(tx, ticket)?;
    follow(tx, ctx, ticket, recorded)
}

/// Writes entries that the house adds by itself, such as "paged". Nobody changed the ticket, so its version stays, and no form
/// that somebody is filling in goes stale. The caller holds the ticket's lock or has just written it.
fn add(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    entries: Vec<Entry>,
) -> Result<Vec<Recorded>> {
    let added = place_all(ctx, ticket, entries);
    for entry in &added {
        store::timeline::append(tx, entry)?;
    }
    Ok(added)
}

fn place_all(ctx: &Ctx<'_>, ticket: &mut Ticket, entries: Vec<Entry>) -> Vec<Recorded> {
    entries
        .into_iter()
        .map(|entry| place(ctx, ticket, entry))
        .collect()
}

/// Gives an entry its place, its time and its actor.
fn place(ctx: &Ctx<'_>, ticket: &mut Ticket, mut entry: Entry) -> Recorded {
    ticket.entry_count += 1;
    let by = entry
        .author
        .take()
        .unwrap_or_else(|| (ctx.actor(), ctx.by.name().to_owned()));
    // Another node's clock may be ahead of ours: a timeline never runs backwards.
    placed(ticket, entry, by, ctx.door, ctx.now.max(ticket.updated_at))
}

/// The entry as it will stand behind those that the ticket has; the ticket has counted it already.
fn placed(
    ticket: &Ticket,
    entry: Entry,
    (actor, actor_name): (Actor, String),
    door: Door,
    now: Timestamp,
) -> Recorded {
    Recorded {
        id: Id::new(now),
        ticket: ticket.id,
        seq: ticket.entry_count,
        effective_at: entry.effective_at.unwrap_or(now),
        recorded_at: now,
        actor,
        actor_name,
        door,
        kind: entry.kind,
        audience: entry.audience,
        for_report: entry.for_report,
        body: entry.body,
        facts: entry.facts,
        source_id: entry.source_id,
        corrects: entry.corrects,
        redacted_at: None,
    }
}

/// What a change of a ticket brings with it, in this order: clocks first, since letters print deadlines. Each room looks at the
/// entries that concern it and leaves the rest. What stands on the timeline afterwards.
fn follow(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    mut recorded: Vec<Recorded>,
) -> Result<Vec<Recorded>> {
    let mut written = Standing::of(ticket);
    let roster = roster::in_force(ctx.app, tx, ctx.now)?;
    let mut entries = sla::follow(tx, ctx, &roster, ticket, &recorded)?;
    store::search::index(tx, ticket, &recorded)?;
    if written.count != ticket.entry_count {
        // A breach was noted: whoever records on this ticket next must find it counted.
        written = written.bring_up_to(tx, ticket)?;
    }
    entries.extend(escalation::follow(tx, ctx, &roster, ticket, &recorded)?);
    recorded.extend(add(tx, ctx, ticket, entries)?);
    written.bring_up_to(tx, ticket)?;
    webhook::follow(tx, ctx, &roster, ticket, &recorded)?;
    postmortem::follow(tx, ctx, ticket, &recorded)?;
    letters::follow(tx, ctx, ticket, &recorded)?;
    approval_ask::follow(tx, ctx, ticket, &recorded)?;
    Ok(recorded)
}

/// What a ticket's row says of its clocks and entries: both move without anybody changing the ticket.
struct Standing {
    due: Due,
    count: i64,
}

impl Standing {
    fn of(ticket: &Ticket) -> Self {
        Self {
            due: ticket.due.clone(),
            count: ticket.entry_count,
        }
    }

    fn has_moved(&self, ticket: &Ticket) -> bool {
        self.due != ticket.due || self.count != ticket.entry_count
    }

    /// Writes to the row what has moved since.
    fn bring_up_to(&self, tx: &mut Tx, ticket: &Ticket) -> Result<Self> {
        if self.has_moved(ticket) {
            store::ticket::update_due(tx, ticket)?;
        }
        Ok(Self::of(ticket))
    }
}
