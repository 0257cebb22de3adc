//! By which ways a page reaches somebody, and whether any of them leads out of the house.

use super::settings;
use crate::app::Ctx;
use crate::domain::delivery::Channel;
use crate::domain::id::PersonId;
use crate::domain::people::Person;
use crate::domain::roster::Roster;

/// By which a page tries to reach somebody: the ways that they set, else their mail address.
pub(super) fn ways_to(roster: &Roster, person: &Person) -> Vec<(Channel, String)> {
    let mut ways: Vec<(Channel, String)> = roster
        .ways(person.id)
        .iter()
        .map(|way| (way.channel, way.address.clone()))
        .collect();
    if ways.is_empty() {
        ways.push((Channel::Mail, person.email.to_string()));
    }
    ways
}

/// Whether a page to somebody who is here could leave now.
pub(super) fn can_reach(ctx: &Ctx<'_>, roster: &Roster, id: PersonId) -> bool {
    let person = roster.person(id).filter(|person| person.is_active);
    person.is_some_and(|person| can_leave(ctx, roster, &ways_to(roster, person)))
}

/// Whether one of these ways leads anywhere: mail needs a relay.
pub(super) fn can_leave(ctx: &Ctx<'_>, roster: &Roster, ways: &[(Channel, String)]) -> bool {
    let needs_relay = ways.iter().all(|(channel, _)| *channel == Channel::Mail);
    !needs_relay || settings::can_mail(ctx.app, &roster.settings)
}
