//! Which promises a ticket's clocks are derived from: to whom, under which terms, from which entry on.

use super::sla_reading::events;
use crate::domain::id::{CustomerId, ServiceId};
use crate::domain::sla_agreement::{Anchor, Case, HoldsFor, Metric, Promisee};
use crate::domain::sla_book::{Book, TZDB};
use crate::domain::sla_clock::{self, Clock, Event, Happening, Reach, Spell, Terms, Track};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::EntryKind;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::sla::ClockRow;
use crate::store::ticket::Affected;
use crate::store::timeline::Recorded;
use crate::store::{self, Conn};

/// To whom a promise is made, and which: what a change of terms can be about.
pub(super) type Promise = (Option<CustomerId>, Metric);

/// What the change at hand may do to the terms.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    pub first_seq: i64,
    pub retargeted: Option<i64>,
    /// Other terms may hold for these promises alone. `None`: for all.
    pub only: Option<&'a [Promise]>,
    /// An agreement ended: what it promised, the house didn't.
    pub without_house: bool,
}

impl<'a> Change<'a> {
    /// Other terms hold for these promises since the entry `seq`.
    pub fn of_some(seq: i64, only: &'a [Promise], without_house: bool) -> Self {
        Self {
            first_seq: seq,
            retargeted: Some(seq),
            only: Some(only),
            without_house,
        }
    }

    /// The entry from which on other terms may hold for this promise.
    fn retargets(&self, party: Option<CustomerId>, metric: Metric) -> Option<i64> {
        let concerned = self.only.is_none_or(|only| only.contains(&(party, metric)));
        self.retargeted.filter(|_| concerned)
    }
}

/// One ticket, the parties that promises are made to, and the book.
pub(super) struct Scene<'a> {
    book: &'a Book,
    ticket: &'a Ticket,
    parties: Vec<Party>,
    services: Vec<ServiceId>,
    /// The first clocks too are derived from what was agreed, and not from what is stored of them.
    by_the_opening: bool,
}

struct Party {
    customer: Option<CustomerId>,
    impact_at: Timestamp,
    reported_at: Option<Timestamp>,
}

impl<'a> Scene<'a> {
    /// A new ticket without a customer asks the database for nothing.
    pub(super) fn load(conn: &mut Conn, book: &'a Book, ticket: &'a Ticket) -> Result<Self> {
        let hits = if ticket.customer.is_some() || ticket.version > 1 {
            store::ticket::affected(conn, ticket.id)?
        } else {
            Vec::new()
        };
        let services = if book.asks_for_services() {
            store::ticket::services(conn, ticket.id)?
        } else {
            Vec::new()
        };
        Ok(Self::of(book, ticket, &hits, services))
    }

    /// As [`Scene::load`], of what is known already.
    pub(super) fn of(
        book: &'a Book,
        ticket: &'a Ticket,
        hits: &[Affected],
        services: Vec<ServiceId>,
    ) -> Self {
        let mut parties: Vec<Party> = hits
            .iter()
            .map(|row| Party {
                customer: Some(row.customer_id),
                impact_at: row.impact_at,
                reported_at: row.reported_at,
            })
            .collect();
        if !parties
            .iter()
            .any(|party| party.customer == ticket.customer)
            && (ticket.customer.is_some() || parties.is_empty())
        {
            parties.push(Party {
                customer: ticket.customer,
                impact_at: ticket.impact_at,
                reported_at: None,
            });
        }
        Self {
            book,
            ticket,
            parties,
            services,
            by_the_opening: false,
        }
    }

    /// Doesn't take the stored rows' word for it which promises began at the opening, and under which targets: for whoever looks for
    /// rows that are missing or wrong. Costs a look into the book.
    pub(super) fn by_the_opening(mut self, looks: bool) -> Self {
        self.by_the_opening = looks;
        self
    }

    pub(super) fn book(&self) -> &'a Book {
        self.book
    }

    /// Whom promises are made to; `None`: the house.
    pub(super) fn parties(&self) -> impl Iterator<Item = Option<CustomerId>> + '_ {
        self.parties.iter().map(|party| party.customer)
    }

    pub(super) fn services(&self) -> &[ServiceId] {
        &self.services
    }

    pub(super) fn clocks(
        &self,
        entries: &[Recorded],
        rows: &[ClockRow],
        change: Option<Change<'_>>,
        now: Timestamp,
    ) -> Vec<(Option<CustomerId>, Clock)> {
        let mut all = Vec::new();
        let mut gone: Vec<Option<CustomerId>> = rows.iter().map(|row| row.customer_id).collect();
        gone.sort_unstable();
        gone.dedup();
        gone.retain(|customer| !self.parties.iter().any(|party| party.customer == *customer));
        let gone = gone.into_iter().map(|customer| Party {
            customer,
            impact_at: self.ticket.impact_at,
            reported_at: None,
        });
        for (party, is_hit) in self
            .parties
            .iter()
            .map(|party| (party, true))
            .chain(gone.collect::<Vec<_>>().iter().map(|party| (party, false)))
        {
            let events = sla_clock::in_order(events(self.ticket, party.customer, entries));
            let own: Vec<&ClockRow> = rows
                .iter()
                .filter(|row| row.customer_id == party.customer)
                .collect();
            let opened = match self.by_the_opening {
                true => self.promised_at_opening(party.customer, entries),
                false => Vec::new(),
            };
            for mut track in self.tracks(party, is_hit, &events, &own, &opened, change, now) {
                begin_as_promised(&mut track, &opened);
                for mut clock in sla_clock::derive(&track, &events, now) {
                    keep_what_ended(&mut clock, &own);
                    all.push((party.customer, clock));
                }
            }
        }
        all
    }

    /// What was promised to this party when the ticket was opened, by what the house had agreed by then. Nothing where that can't be
    /// told any more: the ticket was another customer's or of other services, or what held then was written afterwards.
    fn promised_at_opening(&self, party: Option<CustomerId>, entries: &[Recorded]) -> Vec<Terms> {
        let Some(opened) = entries.iter().find(|it| it.kind == EntryKind::Opened) else {
            return Vec::new();
        };
        let at = opened.recorded_at;
        let was_other = entries.iter().any(|it| match it.kind {
            EntryKind::CustomerChanged => true,
            EntryKind::ServiceChanged => self.book.asks_for_services(),
            _ => false,
        });
        let concerns = |holds_for: &HoldsFor| match holds_for {
            HoldsFor::House => true,
            HoldsFor::Customers(all) => party.is_some_and(|it| all.contains(&it)),
        };
        let mut layers = self
            .book
            .known_agreements()
            .iter()
            .flat_map(|it| &it.layers);
        let is_rewritten = layers.any(|(layer, version)| {
            layer.made_at > at && layer.covers(at) && concerns(&version.agreement.holds_for)
        });
        if was_other || is_rewritten || party != self.ticket.customer {
            return Vec::new();
        }
        let changes = |it: &&Recorded| it.kind == EntryKind::SeverityChanged;
        let severity = match entries.iter().find(changes) {
            Some(first) => first.facts.get("from").and_then(|word| word.parse().ok()),
            None => self.ticket.severity,
        };
        let case = Case {
            customer: party,
            kind: self.ticket.key.kind,
            severity,
            services: &self.services,
        };
        self.book.terms_for(&case, at, false)
    }

    /// What is promised to one party: by the agreement, and by hand. `opened`: what is known to have been promised at the opening.
    #[allow(clippy::too_many_arguments)]
    fn tracks(
        &self,
        party: &Party,
        is_hit: bool,
        events: &[Event],
        rows: &[&ClockRow],
        opened: &[Terms],
        change: Option<Change<'_>>,
        now: Timestamp,
    ) -> Vec<Track> {
        let key = self.ticket.key;
        let opening = rows.is_empty() && change.is_some_and(|change| change.first_seq == 1);
        let retargeted =
            |metric| change.and_then(|change| change.retargets(party.customer, metric));
        // Terms are looked up only where they may begin to hold; open clocks keep theirs.
        let current: Vec<Terms> = if change.is_some() && is_hit {
            let case = Case {
                customer: party.customer,
                kind: key.kind,
                severity: self.ticket.severity,
                services: &self.services,
            };
            let without_house = change.is_some_and(|change| change.without_house);
            self.book.terms_for(&case, now, without_house)
        } else {
            Vec::new()
        };
        let mut metrics: Vec<Metric> = rows.iter().map(|row| row.metric).collect();
        metrics.extend(opened.iter().map(|terms| terms.target.metric));
        let promised = current.iter().map(|terms| terms.target.metric);
        metrics.extend(promised.filter(|metric| opening || retargeted(*metric).is_some()));
        metrics.extend(events.iter().filter_map(|event| match event.what {
            Happening::Promised { metric, .. } => Some(metric),
            _ => None,
        }));
        metrics.sort_unstable();
        metrics.dedup();
        metrics
            .into_iter()
            .map(|metric| {
                let now_holds = current
                    .iter()
                    .find(|terms| terms.target.metric == metric)
                    .cloned();
                // What was taken back never ran.
                let of_metric: Vec<&ClockRow> = rows
                    .iter()
                    .copied()
                    .filter(|row| row.metric == metric && !row.is_taken_back())
                    .collect();
                let mut spells = self.spells(&of_metric);
                let from = retargeted(metric);
                spells.extend(Self::next_spell(
                    &of_metric, now_holds, opening, is_hit, from, change,
                ));
                let standing = spells.iter().rev().find_map(|spell| spell.terms.as_ref());
                let promisee = standing.map(|terms| terms.target.promisee).unwrap_or(
                    if party.customer.is_some() {
                        Promisee::Customer
                    } else {
                        Promisee::Internal
                    },
                );
                let anchor = standing.map_or(Anchor::Logged, |terms| terms.target.anchor);
                let anchor_at = match anchor {
                    Anchor::Impact => party.impact_at,
                    Anchor::Reported => party.reported_at.unwrap_or(self.ticket.logged_at),
                    Anchor::Logged => self.ticket.logged_at,
                };
                let anchor_at = if metric == Metric::Log {
                    party.impact_at
                } else {
                    anchor_at
                };
                // Of somebody who wasn't hit after all nothing is known any more but what their clocks say.
                let first = of_metric.iter().find(|row| !is_hit && row.cycle == 1);
                let anchor_at = first.map_or(anchor_at, |row| row.anchor_at);
                Track {
                    metric,
                    promisee,
                    kind: key.kind,
                    anchor_at,
                    spells,
                    by_hand: self.book.by_hand(),
                    kept: self.kept(&of_metric),
                }
            })
            .collect()
    }

    /// By which terms those that had ended were counted.
    fn kept(&self, rows: &[&ClockRow]) -> Vec<(i32, i32, Terms)> {
        let ended = rows.iter().filter(|row| row.ended_at.is_some());
        ended
            .filter_map(|row| {
                let mut terms = self.book.terms(row.target_id?)?;
                if let Some(hours) = self.book.hours_then(&terms.target, row.edition) {
                    terms.hours = hours;
                }
                Some((row.cycle, row.revision, terms))
            })
            .collect()
    }

    /// Which terms held from which entry on: what the clocks say that ran under them.
    fn spells(&self, rows: &[&ClockRow]) -> Vec<Spell> {
        let mut spells: Vec<Spell> = Vec::new();
        for row in rows {
            if let Some(terms) = row.target_id.and_then(|id| self.book.terms(id)) {
                spells.push(Spell {
                    from_seq: row.from_seq,
                    terms: Some(terms),
                    reach: match row.revision {
                        0 => Reach::NextCycle,
                        // It did take over, whatever the target before it says of changes.
                        _ => Reach::Gone,
                    },
                });
            }
            if let Some(until) = row.until_seq {
                spells.push(Spell {
                    from_seq: until,
                    terms: None,
                    reach: Reach::Gone,
                });
            }
        }
        // Where one spell ends and the next begins with the same entry, what begins is what counts.
        spells.sort_by_key(|spell| (spell.from_seq, spell.terms.is_some()));
        spells.dedup_by(|next, kept| {
            let same_start = next.from_seq == kept.from_seq;
            if same_start && next.terms.is_some() {
                kept.terms = next.terms.clone();
                kept.reach = next.reach;
            }
            same_start
        });
        spells
    }

    /// What the change at hand brings for one metric, if anything. `retargeted`: the entry from which on other terms may hold.
    fn next_spell(
        rows: &[&ClockRow],
        now_holds: Option<Terms>,
        opening: bool,
        is_hit: bool,
        retargeted: Option<i64>,
        change: Option<Change<'_>>,
    ) -> Option<Spell> {
        let change = change?;
        let spell = |from_seq, reach| Spell {
            from_seq,
            terms: now_holds.clone(),
            reach,
        };
        if opening {
            return Some(spell(0, Reach::NextCycle));
        }
        if let Some(seq) = retargeted {
            let is_its_own_to_say = is_hit && change.only.is_none();
            let reach = match is_its_own_to_say {
                true => Reach::Running,
                false => Reach::Gone,
            };
            return Some(spell(seq, reach));
        }
        // The next cycle begins under the agreement as it is now.
        let may_begin = change.only.is_none() && !rows.is_empty();
        may_begin.then(|| spell(change.first_seq, Reach::NextCycle))
    }
}

/// The first clock of a promise began under what was agreed then, whatever is stored of it.
fn begin_as_promised(track: &mut Track, opened: &[Terms]) {
    let Some(terms) = opened.iter().find(|it| it.target.metric == track.metric) else {
        return;
    };
    let wrong = |known: &Terms| known.target.id != terms.target.id;
    track
        .kept
        .retain(|(cycle, revision, known)| (*cycle, *revision) != (1, 0) || !wrong(known));
    let first = track.spells.first_mut().filter(|spell| spell.from_seq == 0);
    match first {
        Some(first) if first.terms.as_ref().is_none_or(wrong) => first.terms = Some(terms.clone()),
        Some(_) => {}
        None => track.spells.insert(
            0,
            Spell {
                from_seq: 0,
                terms: Some(terms.clone()),
                reach: Reach::NextCycle,
            },
        ),
    }
}

/// New tz data counts open clocks anew and no others: what ended by the data of an older program keeps what it came to then, as long
/// as it is the same promise and ends as it did. Its zones as they were known then are gone, so that nothing else is known of it.
fn keep_what_ended(clock: &mut Clock, rows: &[&ClockRow]) {
    let is_its = |row: &&&ClockRow| {
        row.tzdb != TZDB
            && row.ended_at.is_some()
            && (row.metric, row.cycle, row.revision) == (clock.metric, clock.cycle, clock.revision)
            && (row.ended_at, row.cancelled) == (clock.ended_at, clock.cancelled)
            && (row.anchor_at, row.target_id) == (clock.anchor_at, clock.terms.target.id)
    };
    let Some(row) = rows.iter().find(is_its) else {
        return;
    };
    clock.state = row.state;
    clock.deadline_at = row.deadline_at;
    clock.breached_at = row.breached_at;
    clock.late_by_change = row.late_by_change;
}
