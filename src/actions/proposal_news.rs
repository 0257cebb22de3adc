//! Who hears of words that wait for a second person: those who can be it, and then whoever wrote them.

use super::{letters, roster};
use crate::app::Ctx;
use crate::domain::access::{Action, suffices};
use crate::domain::id::PersonId;
use crate::domain::people::Person;
use crate::domain::roster::Roster;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{EntryKind, Facts};
use crate::error::Result;
use crate::store::timeline::Recorded;
use crate::store::{self, Tx};

/// Tells of one entry.
pub fn tell(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &Ticket, entry: &Recorded) -> Result<()> {
    let (letter, people) = match entry.kind {
        EntryKind::WordsProposed => {
            let roster = roster::in_force(ctx.app, tx, ctx.now)?;
            let people = second_people(&roster, ticket, entry.actor.person());
            ("words_proposed", people)
        }
        EntryKind::WordsApproved => ("words_approved", author(tx, ticket, entry)?),
        EntryKind::WordsSentBack => ("words_sent_back", author(tx, ticket, entry)?),
        _ => return Ok(()),
    };
    let facts = Facts::new()
        .with("letter", letter)
        .with("from", &entry.actor_name);
    let key = format!("words.{}.{}", ticket.id, entry.seq);
    for person in people {
        letters::notice(
            tx,
            ctx,
            ticket,
            Some(entry.seq),
            person,
            &key,
            facts.clone(),
        )?;
    }
    Ok(())
}

/// Those of the ticket's team who can approve it, and its owner. Where the team has nobody who can, everybody who can.
fn second_people(roster: &Roster, ticket: &Ticket, author: Option<PersonId>) -> Vec<PersonId> {
    let can = |person: &Person| {
        person.is_active && Some(person.id) != author && suffices(person.roles, Action::SpeakFreely)
    };
    let team = ticket.team.map_or(&[][..], |team| roster.members(team));
    let members = team.iter().filter_map(|id| roster.person(*id));
    let mut people: Vec<PersonId> = members.filter(|it| can(it)).map(|it| it.id).collect();
    if people.is_empty() {
        people = roster
            .people
            .values()
            .filter(|it| can(it))
            .map(|it| it.id)
            .collect();
        people.sort_unstable();
    }
    let owner = ticket.owner.filter(|owner| Some(*owner) != author);
    people.extend(owner.filter(|owner| !people.contains(owner)));
    people
}

/// Who wrote what `entry` decides on.
fn author(tx: &mut Tx, ticket: &Ticket, entry: &Recorded) -> Result<Vec<PersonId>> {
    let seq = entry.facts.get("entry").and_then(|seq| seq.parse().ok());
    let proposed = match seq {
        Some(seq) => store::timeline::by_seq(tx, ticket.id, seq)?,
        None => None,
    };
    Ok(proposed
        .and_then(|entry| entry.actor.person())
        .into_iter()
        .collect())
}
