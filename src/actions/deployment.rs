//! Recording what is deployed: by pipelines, by people, early or late. Telling it again changes nothing.
//!
//! What wants to begin now is asked for first: a freeze or a missing approval may refuse it (`deployment_gate`). What happened is a
//! fact and is always taken; the freeze that it happened in stands on it. Who asks in time may wait for the end of a freeze instead
//! (`deployment_queue`).

use std::collections::{BTreeMap, HashMap};

use super::deployment_gate::{self as gate, Passed};
use super::{
    allow, deployment_queue as queue, deployment_story as story, fix, record as record_ticket,
};
use crate::actions::change::WATCH_SECS;
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::change::Change;
use crate::domain::deploy_queue::{self, Queued};
use crate::domain::deployment::{
    self as domain, Check, Deployment, Lane, Report, Status, Step, Typed,
};
use crate::domain::id::{Id, Kind, TicketId, TicketKey};
use crate::domain::people::Service;
use crate::domain::refusal::FieldError;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Entry, EntryKind};
use crate::error::{Error, Result};
use crate::store::deployment as rows;
use crate::store::{self, Conn, Tx};

/// How often it is tried again after somebody else changed one of its tickets.
const STALE_RETRIES: usize = 5;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub deployment: Deployment,
    /// Nothing was known of it before.
    pub is_first: bool,
    /// False if all of it was told before.
    pub is_news: bool,
    /// The change that was opened because nobody had time to.
    pub emergency: Option<TicketKey>,
    /// The incident that the glass was broken for.
    pub incident: Option<TicketKey>,
}

/// What became of a wish that may wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    Recorded(Recorded),
    /// It waits; `is_first`: nothing was known of it before.
    Waits {
        queued: Queued,
        is_first: bool,
    },
}

/// Asks for a deployment that begins now or not at all, or tells of one. Durable when it returns.
pub fn record(ctx: &Ctx<'_>, typed: Typed) -> Result<Recorded> {
    match ask(
        ctx,
        Typed {
            when_open: false,
            ..typed
        },
    )? {
        Asked::Recorded(recorded) => Ok(recorded),
        Asked::Waits { .. } => Err(Error::internal("nobody asked it to wait")),
    }
}

/// The same, but what a freeze blocks may wait for its end if that is asked for.
pub fn ask(ctx: &Ctx<'_>, typed: Typed) -> Result<Asked> {
    allow(&ctx.by, Action::RecordDeployment, Target::House)?;
    super::trouble::has_room(ctx.app)?;
    let report = typed.check(ctx.now).map_err(Error::Invalid)?;
    let mut tries = 0;
    loop {
        match ctx.write(|tx| record_in(tx, ctx, &report)) {
            Err(Error::Stale) if tries < STALE_RETRIES => tries += 1,
            other => return other,
        }
    }
}

/// Where it goes: all faults at once.
fn place(conn: &mut Conn, report: &Report) -> Result<(Service, Lane, bool)> {
    let environments = store::house::environments(conn)?;
    let mut faults = Vec::new();
    if !environments.contains(&report.environment) {
        let fault = FieldError::new("environment", "unknown-environment");
        let fault = fault.with("value", report.environment.clone());
        faults.push(fault.with("known", environments.join(", ")));
    }
    let found = match store::house::service_by_name(conn, &report.service)? {
        Some(id) => store::house::service(conn, id)?,
        None => None,
    };
    let Some(service) = found.filter(|it| it.is_active) else {
        let fault = FieldError::new("service", "unknown-service-name");
        faults.push(fault.with("value", report.service.clone()));
        return Err(Error::Invalid(faults));
    };
    if !faults.is_empty() {
        return Err(Error::Invalid(faults));
    }
    let lane = Lane {
        environment: report.environment.clone(),
        service: service.id,
        target: report.target.clone(),
    };
    let is_production = environments.first() == Some(&report.environment);
    Ok((service, lane, is_production))
}

/// As [`ask`], in the transaction of whoever found it out; nobody is asked whether they may.
pub(super) fn record_in(tx: &mut Tx, ctx: &Ctx<'_>, report: &Report) -> Result<Asked> {
    let (service, lane, is_production) = place(tx, report)?;
    let named = gate::named(tx, report)?;
    rows::enter(tx, &lane)?;
    let source = report.source.as_deref().unwrap_or(ctx.by.name()).to_owned();
    let known = match &report.source_event_id {
        Some(event) => rows::by_source(tx, &source, event)?,
        // An end without a name belongs to what was begun.
        None if report.status != Status::Started => {
            rows::begun(tx, &lane, &source, &report.version)?
        }
        None => None,
    };
    let mut desk = Desk {
        ctx,
        service: &service,
        is_production,
        tickets: BTreeMap::new(),
    };
    if let Some(mut known) = known {
        let is_news = lane.service == known.lane.service && known.told(report, ctx.now)?;
        if lane.service != known.lane.service {
            return Err(gate::differs(&known).into());
        }
        let check = known.checked(report, ctx.now);
        if is_news {
            desk.ended(tx, &mut known)?;
        } else if let Some(check) = check {
            rows::update(tx, &known)?;
            desk.tell(tx, &known, check_word(check))?;
        }
        desk.record(tx)?;
        return Ok(Asked::Recorded(Recorded {
            deployment: known,
            is_first: false,
            is_news: is_news || check.is_some(),
            emergency: None,
            incident: None,
        }));
    }
    let place = Place {
        service: &service,
        lane,
        is_production,
        source,
    };
    let queued = queue::known(tx, report, &place)?;
    if let Some(queued) = queued.as_ref().filter(|_| gate::is_wish(report)) {
        queued.refuse_over()?;
        if report.when_open && queued.state == deploy_queue::State::Waiting {
            return Ok(Asked::Waits {
                queued: queued.clone(),
                is_first: false,
            });
        }
    }
    let (mut new, passed) = judge(tx, ctx, &place, report, named)?;
    if let Some(wait) = queue::waits(tx, ctx, report, &new, &passed, queued.as_ref())? {
        let is_first = queued.is_none();
        let queued = queue::join(tx, ctx, &service, new, passed.change, wait, queued)?;
        return Ok(Asked::Waits { queued, is_first });
    }
    new.seq = rows::next_seq(tx, &new.lane)?;
    rows::insert(tx, &new)?;
    queue::begun(tx, ctx, &new, queued)?;
    let Passed {
        change,
        emergency,
        incident,
        entries,
        ..
    } = passed;
    if let Some(ticket) = change {
        rows::carry(tx, new.id, &[ticket.id], true)?;
        desk.tickets.insert(ticket.key, (ticket, entries));
    }
    match new.status {
        Status::Started => desk.tell(tx, &new, "started")?,
        _ => desk.ended(tx, &mut new)?,
    }
    desk.record(tx)?;
    Ok(Asked::Recorded(Recorded {
        deployment: new,
        is_first: true,
        is_news: true,
        emergency,
        incident,
    }))
}

/// Where a deployment goes, and who tells of it.
pub(super) struct Place<'a> {
    pub service: &'a Service,
    pub lane: Lane,
    pub is_production: bool,
    pub source: String,
}

/// Judges what is told for the first time: the deployment that it would be, and what came of asking.
pub(super) fn judge(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    place: &Place<'_>,
    report: &Report,
    named: Option<Ticket>,
) -> Result<(Deployment, Passed)> {
    let service = place.service;
    let id = Id::new(ctx.now);
    let (repository, commit) = story::found(tx, service.id, report)?;
    let mut new = Deployment {
        id,
        seq: rows::seq_to_come(tx, &place.lane)?,
        lane: place.lane.clone(),
        source: place.source.clone(),
        source_event_id: match &report.source_event_id {
            Some(event) => event.clone(),
            None => id.to_string(),
        },
        version: report.version.clone(),
        commit,
        repository,
        artefact: report.artefact.clone(),
        revision: report.revision.clone(),
        status: report.status,
        started_at: report.started_at.unwrap_or(ctx.now),
        check: report.check,
        finished_at: match report.status {
            Status::Started => None,
            _ => report
                .finished_at
                .or(Some(report.started_at.unwrap_or(ctx.now))),
        },
        by: ctx.by.person(),
        by_name: ctx.by.name().to_owned(),
        actor: report.actor.clone(),
        url: report.url.clone(),
        freeze: None,
        glass: None,
        previous: None,
        step: Step::First,
        recorded_at: ctx.now,
        updated_at: ctx.now,
    };
    relate(tx, &mut new)?;
    // What it brings, and whether it goes back, says under which change it runs.
    let passed = gate::pass(tx, ctx, service, place.is_production, report, named, &new)?;
    new.freeze.clone_from(&passed.freeze);
    new.glass.clone_from(&passed.glass);
    Ok((new, passed))
}

/// Finds what was live before it, and how it stands to that.
fn relate(tx: &mut Tx, it: &mut Deployment) -> Result<()> {
    let before = rows::before(tx, &it.lane, it.place())?;
    it.previous = before.as_ref().map(|before| before.id);
    it.step = match &before {
        None => Step::First,
        Some(before) => {
            let way = story::between(tx, it, before)?.map(|between| between.way);
            let was_live = rows::was_live(tx, &it.lane, &it.version, before.place())?;
            domain::step(&before.version, &it.version, way, was_live)
        }
    };
    Ok(())
}

/// One deployment being recorded: the tickets that it touches, each written once at the end.
struct Desk<'a> {
    ctx: &'a Ctx<'a>,
    service: &'a Service,
    /// Customers are there: what is deployed there is live.
    is_production: bool,
    tickets: BTreeMap<TicketKey, (Ticket, Vec<Entry>)>,
}

impl Desk<'_> {
    /// It came to its end: what is live is found out anew, and those that follow it in its lane have another predecessor.
    fn ended(&mut self, tx: &mut Tx, it: &mut Deployment) -> Result<()> {
        relate(tx, it)?;
        rows::update(tx, it)?;
        for mut later in rows::after(tx, &it.lane, it.place())? {
            relate(tx, &mut later)?;
            rows::update(tx, &later)?;
        }
        let is_live = rows::settle_live(tx, &it.lane)? == Some(it.id);
        match it.status {
            Status::Started | Status::Failed => self.tell(tx, it, it.status.as_str()),
            Status::RolledBack => {
                let carried = self.carried(tx, it)?;
                let carried: Vec<TicketId> = carried.into_iter().map(|(id, ..)| id).collect();
                let at = it.ended_at().unwrap_or(self.ctx.now);
                let mut fixes = Vec::new();
                for id in &carried {
                    let its = |fix: &store::fix::Fix| fix.deployment_id == Some(it.id);
                    if self.is_production && fix::gone(tx, *id, &it.lane, at, its)? {
                        fixes.push(*id);
                    }
                }
                self.gone(tx, it, &carried, "rolled_back", &fixes)
            }
            Status::Succeeded => {
                let mut inside = story::contents(tx, it)?;
                let turned = story::turned(tx, it)?;
                inside.extend(turned.back);
                inside.retain(|id| !turned.gone.contains(id) && !turned.void.contains(id));
                inside.sort();
                inside.dedup();
                rows::carry(tx, it.id, &inside, false)?;
                let (mut gone, did) = match it.step {
                    Step::Rollback => (story::taken_back(tx, it)?, "gone"),
                    _ => (turned.gone, "reverted"),
                };
                let mut fixes = Vec::new();
                if is_live && self.is_production {
                    fixes = fix::lost(tx, it)?;
                    if did == "reverted" {
                        // Its commits are there still, and so are those that take them back.
                        let at = it.ended_at().unwrap_or(self.ctx.now);
                        for id in &gone {
                            if fix::gone(tx, *id, &it.lane, at, |_| true)? {
                                fixes.push(*id);
                            }
                        }
                    }
                    gone.extend(&fixes);
                    gone.sort();
                    gone.dedup();
                }
                self.gone(tx, it, &gone, did, &fixes)?;
                self.live(tx, it, is_live)
            }
        }
    }

    fn carried(&self, tx: &mut Tx, it: &Deployment) -> Result<Vec<(TicketId, TicketKey, String)>> {
        let mut carried = rows::tickets_of(tx, &[it.id])?;
        Ok(carried.remove(&it.id).unwrap_or_default())
    }

    /// The entry that says so, on every ticket that it carries.
    fn tell(&mut self, tx: &mut Tx, it: &Deployment, did: &str) -> Result<()> {
        let has_begun = it.status == Status::Started;
        for (id, ..) in self.carried(tx, it)? {
            let entry = self.entry(tx, it, did)?;
            let now = self.ctx.now;
            self.touch(tx, id, entry, |change, ticket| {
                change
                    .deploy_began(ticket, now)
                    .filter(|_| has_begun)
                    .into_iter()
                    .collect()
            })?;
        }
        Ok(())
    }

    /// It is live, or was for a while: changes that it brought to production are on watch.
    fn live(&mut self, tx: &mut Tx, it: &Deployment, is_live: bool) -> Result<()> {
        let soak = match rows::rule(tx, self.service.id)? {
            Some(rule) => rule.soak_mins * 60,
            None => WATCH_SECS,
        };
        let now = self.ctx.now;
        let ended_at = it.ended_at().unwrap_or(now);
        let until = ended_at.plus_secs(soak);
        let counts = is_live && self.is_production;
        let mut fixes = match counts {
            true => fix::brought(tx, it)?,
            false => HashMap::new(),
        };
        for (id, key, _) in self.carried(tx, it)? {
            let fixed = fixes.remove(&id).filter(|_| key.kind == Kind::Incident);
            let entry = match &fixed {
                Some(commits) => {
                    let names = fix::live(tx, self.ctx, id, it, commits)?;
                    self.entry(tx, it, "fix_live")?.fact("fix", names)
                }
                None => self.entry(tx, it, "succeeded")?,
            };
            self.touch(tx, id, entry, |change, ticket| match counts {
                true => change.deployed(ticket, ended_at, until, now),
                false => Vec::new(),
            })?;
            if fixed.is_some()
                && let Some((ticket, entries)) = self.tickets.get_mut(&key)
            {
                entries.extend(fix::settle(tx, self.ctx, ticket)?);
            }
        }
        Ok(())
    }

    /// These tickets are no longer live there; of `fixes` it was what mends them.
    fn gone(
        &mut self,
        tx: &mut Tx,
        it: &Deployment,
        tickets: &[TicketId],
        did: &str,
        fixes: &[TicketId],
    ) -> Result<()> {
        let (now, is_production) = (self.ctx.now, self.is_production);
        for id in tickets {
            let did = if fixes.contains(id) { "fix_gone" } else { did };
            let entry = self.entry(tx, it, did)?;
            self.touch(tx, *id, entry, |change, ticket| match is_production {
                true => change.taken_back(ticket, now).into_iter().collect(),
                false => Vec::new(),
            })?;
        }
        Ok(())
    }

    fn entry(&self, tx: &mut Tx, it: &Deployment, did: &str) -> Result<Entry> {
        let before = match it.previous {
            Some(id) => rows::by_id(tx, id)?.map(|before| before.version),
            None => None,
        };
        Ok(Entry::new(EntryKind::Deployed)
            .at(it.ended_at().unwrap_or(it.started_at))
            .fact("did", did)
            .fact("what", format!("{} {}", self.service.name, it.version))
            .fact("environment", it.lane.place())
            .fact("deployment", it.id)
            .fact("step", it.step)
            .fact_some("before", before)
            .fact_some("check", it.check)
            .fact_some("commit", it.commit.as_ref())
            .fact_some("who", it.actor.as_ref()))
    }

    /// Puts an entry on a ticket; if it is a change, `step` moves it.
    fn touch(
        &mut self,
        tx: &mut Tx,
        id: TicketId,
        entry: Entry,
        step: impl FnOnce(&mut crate::domain::change::Change, &mut Ticket) -> Vec<Entry>,
    ) -> Result<()> {
        // One deployment may stand on several tickets: once on each.
        let told = |name| entry.facts.get(name).unwrap_or_default();
        let source = format!("deployment:{}:{}:{id}", told("deployment"), told("did"));
        // A check may say one thing, then the other, and then the first again.
        let is_check = told("did").starts_with("check");
        let entry = match is_check {
            true => entry,
            false => entry.source(source),
        };
        let known = self.tickets.iter().find(|(_, (ticket, _))| ticket.id == id);
        let key = match known {
            Some((key, _)) => *key,
            None => {
                let ticket = store::ticket::by_id(tx, id)?.ok_or(Error::NotFound)?;
                let key = ticket.key;
                self.tickets.insert(key, (ticket, Vec::new()));
                key
            }
        };
        let Some((ticket, entries)) = self.tickets.get_mut(&key) else {
            return Ok(());
        };
        let is_change = key.kind == Kind::Change && ticket.merged_into.is_none();
        let mut change = match is_change {
            true => store::change::of(tx, id)?,
            false => Change::default(),
        };
        // One that stands for many is told by its deployments: a thousand a day are a thousand rows, and no thousand entries.
        if change.is_standing(ticket) {
            return Ok(());
        }
        entries.push(entry);
        if is_change {
            let before = change.clone();
            let steps = step(&mut change, ticket);
            if change != before {
                store::change::put(tx, id, &change)?;
            }
            entries.extend(steps);
        }
        Ok(())
    }

    /// In the order of their keys, so that two deployments never wait for each other crosswise.
    fn record(self, tx: &mut Tx) -> Result<()> {
        for (_, (mut ticket, entries)) in self.tickets {
            if !entries.is_empty() {
                record_ticket(tx, self.ctx, &mut ticket, entries)?;
            }
        }
        Ok(())
    }
}

const fn check_word(check: Check) -> &'static str {
    match check {
        Check::Green => "check_green",
        Check::Red => "check_red",
    }
}
