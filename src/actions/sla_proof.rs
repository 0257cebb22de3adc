//! One clock's proof: loaded, derived anew and explained, for whoever asks why something is due then.

use super::{allow_ticket, sla, sla_custody};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::id::{ClockId, TargetId, TicketKey};
use crate::domain::sla_agreement::Case;
use crate::domain::sla_book::Book;
use crate::domain::sla_explain::explain;
use crate::domain::sla_holder::{Holder, shares};
use crate::domain::sla_proof::{Home, Proof, Sibling, Told, Withdrawn};
use crate::domain::timeline::EntryKind;
use crate::error::{Error, Result};
use crate::store;
use crate::store::sla::ClockRow;

/// A clock as it is stored, and its proof as of now. Contacts see neither.
pub fn load(ctx: &Ctx<'_>, key: TicketKey, id: ClockId) -> Result<(ClockRow, Proof)> {
    if !ctx.by.is_staff() {
        return Err(Error::NotFound);
    }
    ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        allow_ticket(conn, &ctx.by, Action::ReadTickets, &ticket)?;
        let derived = sla::derived(ctx.app, conn, &ticket, ctx.now)?;
        let (row, clock) = derived
            .iter()
            .find(|(row, _)| row.id == id)
            .cloned()
            .ok_or(Error::NotFound)?;
        let entries = store::timeline::of_kinds(conn, ticket.id, &sla_custody::kinds())?;
        let events = sla_custody::told(&ticket, row.customer_id, &entries);
        let custody = sla_custody::custody(&ticket, &entries, &events);
        let explanation = explain(&clock, &events, &custody, ctx.now);
        let shares = shares(&clock, &custody, ctx.now);
        let holders = explanation
            .steps
            .iter()
            .map(|step| step.holder)
            .chain(shares.iter().map(|share| share.holder));
        let (mut people, mut teams) = (Vec::new(), Vec::new());
        for holder in holders {
            match holder {
                Holder::Person(person, team) => {
                    people.push(person);
                    teams.extend(team);
                }
                Holder::Team(team) => teams.push(team),
                Holder::Customer | Holder::Vendor | Holder::Freeze | Holder::Nobody => {}
            }
        }
        let told = entries
            .iter()
            .filter(|entry| {
                let mut causes = explanation.steps.iter().filter_map(|step| step.cause.seq());
                let is_promise = clock.by_hand.is_some_and(|it| it.seq == entry.seq);
                is_promise || causes.any(|seq| seq == entry.seq)
            })
            .map(|entry| Told {
                seq: entry.seq,
                kind: entry.kind,
                actor: entry.actor_name.clone(),
                door: entry.door,
                effective_at: entry.effective_at,
                recorded_at: entry.recorded_at,
            })
            .collect();
        let customers: Vec<_> = row.customer_id.into_iter().chain(ticket.customer).collect();
        let customers = store::customer::names(conn, &customers)?;
        let customer = |id: Option<_>| id.and_then(|id| customers.get(&id).cloned());
        let book = sla::book(ctx.app, conn)?;
        let target = &clock.terms.target;
        let home = target.id.and_then(|id| home(&book, id));
        let calendars = target.calendars().filter_map(|id| book.calendar(id));
        let calendars: Vec<&str> = calendars.map(|known| known.name.as_str()).collect();
        let services = store::ticket::services(conn, ticket.id)?;
        let case = Case {
            customer: row.customer_id,
            kind: key.kind,
            severity: ticket.severity,
            services: &services,
        };
        let also_fit = book
            .agreements_for(&case, ctx.now)
            .filter(|known| home.as_ref().is_none_or(|home| home.agreement != known.id))
            .map(|known| known.name.clone())
            .collect();
        let said = store::timeline::of_kinds(conn, ticket.id, &[EntryKind::ClockWithdrawn])?;
        let own = id.to_string();
        let withdrawn = said
            .iter()
            .filter(|entry| entry.facts.get("clock") == Some(own.as_str()))
            .map(|entry| Withdrawn {
                deadline: entry.facts.instant("deadline"),
                at: entry.effective_at,
                name: entry.facts.get("name").unwrap_or_default().to_owned(),
                cause: entry.facts.get("cause").unwrap_or_default().to_owned(),
                subject: entry.facts.get("subject").unwrap_or_default().to_owned(),
            })
            .collect();
        let proof = Proof {
            key,
            title: ticket.title.to_string(),
            customer: customer(row.customer_id),
            asker: customer(row.customer_id.or(ticket.customer)),
            home,
            calendar: (!calendars.is_empty()).then(|| calendars.join(" + ")),
            explanation,
            shares,
            told,
            people: store::people::person_names(conn, &people)?,
            teams: store::house::team_names(conn, &teams)?,
            siblings: derived
                .iter()
                .map(|(other, _)| other)
                .filter(|other| {
                    other.id != row.id
                        && other.metric == row.metric
                        && other.customer_id == row.customer_id
                })
                .map(|other| Sibling {
                    id: other.id,
                    cycle: other.cycle,
                    revision: other.revision,
                    state: other.state,
                    breached_at: other.breached_at,
                })
                .collect(),
            also_fit,
            withdrawn,
            held_since: ticket.first_hold().map(|hold| hold.since),
            clock,
            now: ctx.now,
        };
        Ok((row, proof))
    })
}

/// The agreement that a target stands in, by the name that it had in that version.
fn home(book: &Book, target: TargetId) -> Option<Home> {
    let (agreement, version) = book.source(target)?;
    let mut layers = book.agreement(agreement)?.layers.iter();
    let (_, written) = layers.find(|(layer, _)| layer.number == version)?;
    Some(Home {
        agreement,
        name: written.agreement.name.clone(),
        version,
    })
}
