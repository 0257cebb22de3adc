//! `watchkeeper demo --tickets N`: three years of tickets before the demo's month, to see how the house is with a million.
//!
//! They are made by `actions::bulk` in the order of time: nineteen of twenty are incidents, the others tasks; of twelve customers
//! and monitoring, by web, mail, phone; most were taken within minutes and resolved within hours, some wait for days, and what
//! isn't over yet is open. The same N gives the same tickets, but for their ids.
//!
//! For measurements of the search: [`COMMON`] stands in the title of every tenth ticket and nowhere else, [`RARE`] in fewer than
//! ten.

use std::sync::mpsc::sync_channel;
use std::time::Instant;

use anyhow::{Context, Result};

use super::house::{Client, House, Member, client};
use super::texts;
use crate::actions::bulk::{self, By, Deed, Done, Maker, Past};
use crate::app::{App, Ctx};
use crate::domain::hold::NewHold;
use crate::domain::id::{ContactId, CustomerId, Kind, PersonId, ServiceId, TicketId};
use crate::domain::severity::{Priority, Severity};
use crate::domain::text::Title;
use crate::domain::ticket::{Opening, WaitingOn};
use crate::domain::timeline::{Actor, Door};
use crate::domain::timestamp::Timestamp;
use crate::store::bulk::Whole;

pub const COMMON: &str = "replica";
pub const RARE: &str = "zephyrine";

/// How long before the end the first ticket was opened.
pub const DAYS: i64 = 3 * 365;
/// Tickets in one transaction.
const BATCH: u64 = 4_000;
/// Tickets whose clocks are recomputed.
const SAMPLE: u64 = 2_000;
/// A resolved incident closes by itself after these days (`jobs::settle`).
const CLOSES_AFTER_DAYS: i64 = 7;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

struct Crowd {
    n: u64,
    until: Timestamp,
    people: Vec<(PersonId, String)>,
    clients: Vec<(CustomerId, ContactId, String)>,
    services: [ServiceId; 5],
}

/// Fills the house's database with `n` tickets whose past ends at `until`.
pub(super) fn fill(app: &App, house: &House, n: u64, until: Timestamp) -> Result<()> {
    let began = Instant::now();
    let crowd = Crowd {
        n,
        until,
        people: [&house.ines, &house.tom, &house.ana]
            .map(|member: &Member| (member.id, member.name.clone()))
            .to_vec(),
        clients: clients(app, house)?,
        services: [
            house.checkout,
            house.orders,
            house.edge,
            house.mail,
            house.billing,
        ],
    };
    let mut ctx = app.system("demo", Door::Import);
    ctx.now = until;
    let sample = crowd.keep_all(&ctx, began)?;
    bulk::settle(&ctx)?;
    let secs = began.elapsed().as_secs_f64();
    let compared = bulk::check(&ctx, &sample).context("a recomputed clock")?;
    println!(
        "{n} tickets in {secs:.1} s, {:.0} per second; the clocks of {compared} were recomputed and are equal.",
        n as f64 / secs
    );
    Ok(())
}

/// The demo's two customers and ten more, for whom the house agreement holds.
fn clients(app: &App, house: &House) -> Result<Vec<(CustomerId, ContactId, String)>> {
    let admin = house.ines.at(app);
    let mut all = vec![
        known(house.northwind, "Maja Falk"),
        known(house.contoso, "Dana Reyes"),
    ];
    for (name, domain, person, phone, zone) in texts::CUSTOMERS {
        let made = client(&admin, name, *zone, domain, person, phone)?;
        all.push(known(made, person));
    }
    Ok(all)
}

fn known(client: Client, person: &str) -> (CustomerId, ContactId, String) {
    (client.id, client.contact, person.to_owned())
}

impl Crowd {
    /// One thread makes, this one keeps; both cores are busy.
    fn keep_all(&self, ctx: &Ctx<'_>, began: Instant) -> Result<Vec<TicketId>> {
        let tasks = (0..self.n).filter(|i| is_task(*i)).count() as i64;
        let counts = [(Kind::Incident, self.n as i64 - tasks), (Kind::Task, tasks)];
        let first = bulk::reserve(ctx, &counts)?;
        let book = ctx.read(|conn| crate::actions::sla::book(ctx.app, conn))?;
        let maker = Maker::new(ctx, &book)?;
        let (send, made) = sync_channel::<crate::error::Result<Vec<Whole>>>(3);
        let every = (self.n / SAMPLE).max(1);
        let mut sample = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut numbers: Vec<i64> = first.iter().map(|(_, first)| *first).collect();
                let mut from = 0;
                while from < self.n {
                    let to = (from + BATCH).min(self.n);
                    let batch: crate::error::Result<Vec<Whole>> = (from..to)
                        .map(|i| {
                            let number = &mut numbers[usize::from(is_task(i))];
                            *number += 1;
                            maker.make(*number - 1, &self.past(i)?)
                        })
                        .collect();
                    let failed = batch.is_err();
                    // Nobody listens any more: keeping failed, and says so.
                    if send.send(batch).is_err() || failed {
                        break;
                    }
                    from = to;
                }
                drop(send);
            });
            let mut kept = 0;
            for batch in made {
                let batch = batch?;
                bulk::keep(ctx, &batch)?;
                for whole in &batch {
                    // Spread over all of time, and what is open besides: its clocks still run.
                    let open = whole.ticket.is_open() && (sample.len() as u64) < 2 * SAMPLE;
                    if kept % every == 0 || open {
                        sample.push(whole.ticket.id);
                    }
                    kept += 1;
                }
                if self.n > 10 * BATCH && (kept / BATCH).is_multiple_of(10) {
                    let rate = kept as f64 / began.elapsed().as_secs_f64();
                    println!("  {kept} of {} tickets, {rate:.0} per second", self.n);
                }
            }
            Ok(sample)
        })
    }

    /// What happened to the `i`th ticket.
    fn past(&self, i: u64) -> crate::error::Result<Past> {
        let mut dice = Dice::new(i);
        let span = DAYS * DAY;
        let after = (i as i128 * i128::from(span) / i128::from(self.n)) as i64;
        let at = self
            .until
            .plus_secs(after - span)
            .plus_micros(dice.below(500_000) as i64);
        if is_task(i) {
            self.task(i, at, &mut dice)
        } else {
            self.incident(i, at, &mut dice)
        }
    }

    fn incident(&self, i: u64, at: Timestamp, dice: &mut Dice) -> crate::error::Result<Past> {
        let severity = match dice.below(1_000) {
            0..15 => Severity::Disaster,
            15..100 => Severity::High,
            100..500 => Severity::Average,
            500..850 => Severity::Warning,
            _ => Severity::Information,
        };
        let (place, what) = texts::incident(i, dice);
        // Two of five come from customers.
        let client = (dice.below(5) < 2).then(|| dice.of(&self.clients));
        let door = match (client, dice.below(10)) {
            (None, _) => Door::Monitoring,
            (Some(_), 0..6) => Door::Mail,
            (Some(_), 6..8) => Door::Phone,
            (Some(_), _) => Door::Web,
        };
        let by = match client {
            Some((_, id, name)) if door == Door::Mail => By {
                actor: Actor::Contact(*id),
                name: name.clone(),
            },
            Some(_) => self.by(dice.below(3) as usize),
            None => By {
                actor: Actor::System,
                name: "monitoring".to_owned(),
            },
        };
        let mut body = dice.of(texts::SEEN).to_string();
        if is_rare(i, self.n) {
            body.push_str(&format!(" The vendor calls it {RARE}."));
        }
        let opening = Opening {
            severity: Some(severity),
            services: vec![self.services[place]],
            body,
            customer: client.map(|(customer, _, _)| *customer),
            requester: client.map(|(_, contact, _)| *contact),
            impact_at: Some(at.plus_secs(-(dice.below(600) as i64))),
            ..Opening::default()
        };
        Ok(Past {
            kind: Kind::Incident,
            title: Title::parse(&what)?,
            opening,
            door,
            at,
            by,
            owner_name: String::new(),
            deeds: self.deeds(at, client.is_some(), severity, dice),
        })
    }

    /// What has happened until now, of all that happens to it.
    fn deeds(&self, at: Timestamp, asked: bool, severity: Severity, dice: &mut Dice) -> Vec<Done> {
        let who = dice.below(3) as usize;
        let person = self.people[who].0;
        let urgent = matches!(severity, Severity::Disaster | Severity::High);
        let taken_at = at.plus_secs(match (urgent, dice.below(20)) {
            (true, _) => MINUTE + dice.below(8 * 60) as i64,
            (false, 0) => 3 * HOUR + dice.below(36_000) as i64,
            (false, _) => MINUTE + dice.below(50 * 60) as i64,
        });
        let lasts = match (urgent, dice.below(100)) {
            (true, 0..90) => 20 * MINUTE + dice.below(3 * 3_600) as i64,
            (true, _) => 4 * HOUR + dice.below(20 * 3_600) as i64,
            (false, 0..70) => HOUR + dice.below(7 * 3_600) as i64,
            (false, 70..90) => 8 * HOUR + dice.below(3 * 86_400) as i64,
            (false, _) => 4 * DAY + dice.below(36 * 86_400) as i64,
        };
        let over_at = taken_at.plus_secs(lasts);
        let mut all = vec![(taken_at, Deed::Take(person))];
        if asked {
            let answer = dice.of(texts::ANSWERS).to_string();
            all.push((
                taken_at.plus_secs(2 * MINUTE + dice.below(600) as i64),
                Deed::Reply(person, answer),
            ));
        } else {
            let note = dice.of(texts::FOUND).to_string();
            all.push((taken_at.plus_secs(9 * MINUTE), Deed::Note(note)));
        }
        if lasts > 4 * DAY {
            let (on, reason) = if asked {
                (WaitingOn::Customer, "an answer to our question")
            } else {
                (WaitingOn::Vendor, "a part, which is ordered")
            };
            let hold = NewHold {
                // Over a little before it would end by itself.
                until: Some(over_at.plus_secs(HOUR)),
                ..NewHold::new(on, reason)
            };
            all.push((taken_at.plus_secs(20 * MINUTE), Deed::Hold(hold)));
        }
        all.push((over_at, Deed::Resolve(dice.of(texts::MENDED).to_string())));
        let closed_at = over_at.plus_secs(CLOSES_AFTER_DAYS * DAY + 1);
        let mut deeds: Vec<Done> = all
            .into_iter()
            .map(|(at, deed)| Done {
                at,
                by: self.by(who),
                deed,
            })
            .collect();
        deeds.push(Done {
            at: closed_at,
            by: By {
                actor: Actor::System,
                name: "settle".to_owned(),
            },
            deed: Deed::Close,
        });
        deeds.retain(|done| done.at < self.until);
        deeds
    }

    fn task(&self, i: u64, at: Timestamp, dice: &mut Dice) -> crate::error::Result<Past> {
        let (place, what) = texts::task(i, dice);
        let who = dice.below(3) as usize;
        let (person, name) = self.people[who].clone();
        let due_at = at.plus_secs((5 + dice.below(40) as i64) * DAY);
        // Done in time, nine of ten.
        let done_at = match dice.below(10) {
            0 => due_at.plus_secs(DAY + dice.below(10 * 86_400) as i64),
            _ => due_at.plus_secs(-HOUR - dice.below(4 * 86_400) as i64),
        };
        let priorities = [
            Priority::High,
            Priority::Normal,
            Priority::Normal,
            Priority::Low,
        ];
        let opening = Opening {
            priority: Some(*dice.of(&priorities)),
            services: vec![self.services[place]],
            body: dice.of(texts::OUTLINES).to_string(),
            owner: Some(person),
            due_at: Some(due_at),
            ..Opening::default()
        };
        let done = Done {
            at: done_at,
            by: self.by(who),
            deed: Deed::Resolve(dice.of(texts::FINISHED).to_string()),
        };
        Ok(Past {
            kind: Kind::Task,
            title: Title::parse(&what)?,
            opening,
            door: Door::Web,
            at,
            by: self.by(who),
            owner_name: name,
            deeds: Some(done)
                .filter(|done| done.at < self.until)
                .into_iter()
                .collect(),
        })
    }

    fn by(&self, who: usize) -> By {
        let (id, name) = &self.people[who];
        By {
            actor: Actor::Person(*id),
            name: name.clone(),
        }
    }
}

fn is_task(i: u64) -> bool {
    i % 20 == 7
}

/// Seven of all, or one of a hundred where there are few.
fn is_rare(i: u64, n: u64) -> bool {
    let every = (n / 7).max(100);
    i % every == every / 2 && !is_task(i)
}

/// Numbers that look like chance and are the same each time (splitmix64).
pub(super) struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 up to, not including, `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }
}
