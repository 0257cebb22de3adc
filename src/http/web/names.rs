//! What a page looks up once for all its tickets: the names behind ids, and how far their clocks have burnt down.

use std::collections::HashMap;

use crate::actions::sla_burn::Standing;
use crate::domain::id::{CustomerId, PersonId, ServiceId, TeamId, TicketId};
use crate::domain::ticket::Ticket;
use crate::error::Result;
use crate::store::{self, Conn};

/// Which ids a page needs names for.
#[derive(Default)]
pub struct Wanted {
    pub people: Vec<PersonId>,
    pub customers: Vec<CustomerId>,
    pub services: Vec<ServiceId>,
    pub teams: Vec<TeamId>,
}

/// Their names.
#[derive(Default)]
pub struct Names {
    people: HashMap<PersonId, String>,
    customers: HashMap<CustomerId, String>,
    services: HashMap<ServiceId, String>,
    teams: HashMap<TeamId, String>,
    burns: HashMap<TicketId, Standing>,
}

impl Wanted {
    pub fn of_tickets<'a>(tickets: impl IntoIterator<Item = &'a Ticket>) -> Self {
        let mut wanted = Self::default();
        for ticket in tickets {
            wanted.people.extend(ticket.owner);
            wanted.customers.extend(ticket.customer);
            wanted.services.extend(ticket.service);
            wanted.teams.extend(ticket.team);
        }
        wanted
    }
}

impl Names {
    pub fn load(conn: &mut Conn, mut wanted: Wanted) -> Result<Self> {
        wanted.people.sort_unstable();
        wanted.people.dedup();
        wanted.customers.sort_unstable();
        wanted.customers.dedup();
        wanted.services.sort_unstable();
        wanted.services.dedup();
        wanted.teams.sort_unstable();
        wanted.teams.dedup();
        let mut names = Self::default();
        if !wanted.people.is_empty() {
            names.people = store::people::person_names(conn, &wanted.people)?;
        }
        if !wanted.customers.is_empty() {
            names.customers = store::customer::names(conn, &wanted.customers)?;
        }
        if !wanted.services.is_empty() {
            names.services = store::house::service_names(conn, &wanted.services)?;
        }
        if !wanted.teams.is_empty() {
            names.teams = store::house::team_names(conn, &wanted.teams)?;
        }
        Ok(names)
    }

    /// With the burn lines of the tickets.
    pub fn burning(mut self, burns: HashMap<TicketId, Standing>) -> Self {
        self.burns = burns;
        self
    }

    /// How a ticket's next deadline stands.
    pub fn standing(&self, id: TicketId) -> Standing {
        self.burns.get(&id).copied().unwrap_or_default()
    }

    /// A name, or "" for an id that nobody has.
    pub fn person(&self, id: PersonId) -> &str {
        self.people.get(&id).map_or("", String::as_str)
    }

    pub fn customer(&self, id: CustomerId) -> &str {
        self.customers.get(&id).map_or("", String::as_str)
    }

    pub fn service(&self, id: ServiceId) -> &str {
        self.services.get(&id).map_or("", String::as_str)
    }

    pub fn team(&self, id: TeamId) -> &str {
        self.teams.get(&id).map_or("", String::as_str)
    }

    /// The name of whatever has this id.
    pub fn any(&self, uuid: uuid::Uuid) -> Option<&str> {
        use crate::domain::id::Id;
        self.people
            .get(&Id::from_uuid(uuid))
            .or_else(|| self.customers.get(&Id::from_uuid(uuid)))
            .or_else(|| self.services.get(&Id::from_uuid(uuid)))
            .or_else(|| self.teams.get(&Id::from_uuid(uuid)))
            .map(String::as_str)
    }
}
