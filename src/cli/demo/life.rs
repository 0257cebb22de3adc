//! Living through the demo's month: the clock moved by hand, the jobs run at every stop, and who does what.

use anyhow::{Context, Result};

use super::house::{Client, House, Member};
use crate::actions::ticket;
use crate::app::{App, Ctx};
use crate::cli::demo::storefront::Storefront;
use crate::domain::id::{Kind, TicketKey};
use crate::domain::text::Title;
use crate::domain::ticket::{Opening, Ticket};
use crate::domain::timeline::{Door, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::jobs;
use crate::store;

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 3_600;
pub(super) const DAY: i64 = 86_400;

pub(super) struct Life<'a> {
    pub app: &'a App,
    pub house: &'a House,
    pub storefront: &'a Storefront,
}

impl Life<'_> {
    pub fn now(&self) -> Timestamp {
        self.app.time.now()
    }

    /// Lets time pass until `at`, in steps, so that hand-offs, warnings and escalations happen when they are due. A time that has
    /// passed already only lets the jobs look.
    pub fn go_to(&self, at: Timestamp) -> Result<()> {
        while self.now().plus_secs(6 * HOUR) < at {
            self.app.time.set(self.now().plus_secs(6 * HOUR));
            jobs::run_until_quiet(self.app)?;
        }
        if self.now() < at {
            self.app.time.set(at);
        }
        Ok(jobs::run_until_quiet(self.app)?)
    }

    pub fn wait(&self, minutes: i64) -> Result<()> {
        self.go_to(self.now().plus_secs(minutes * MINUTE))
    }

    /// Whoever is on call now.
    pub fn on_duty(&self) -> Result<Member> {
        let now = self.now();
        let duty = self
            .app
            .store
            .read(|conn| crate::actions::oncall::on_duty(conn, self.house.team, now))?;
        let found = self.all().into_iter().find(|it| duty.contains(&it.id));
        Ok(found.unwrap_or(&self.house.ines).clone())
    }

    fn all(&self) -> [&Member; 3] {
        [&self.house.ines, &self.house.tom, &self.house.ana]
    }

    /// Somebody else, always the same one.
    pub fn other_than(&self, one: &Member) -> Member {
        let others = [&self.house.ana, &self.house.tom];
        let found = others.into_iter().find(|it| it.id != one.id);
        found.unwrap_or(&self.house.ana).clone()
    }

    /// Whose the ticket is; whoever is on duty if it is nobody's.
    pub fn owner_of(&self, key: TicketKey) -> Result<Member> {
        let owner = self.ticket(key)?.owner;
        match self.all().into_iter().find(|it| Some(it.id) == owner) {
            Some(owner) => Ok(owner.clone()),
            None => self.on_duty(),
        }
    }

    /// Our monitoring, which opens tickets by itself.
    pub fn monitoring(&self) -> Ctx<'_> {
        self.app.system("monitoring", Door::Monitoring)
    }

    pub fn open(
        &self,
        ctx: &Ctx<'_>,
        kind: Kind,
        what: &str,
        opening: &Opening,
    ) -> Result<TicketKey> {
        let opened = ticket::open(
            ctx,
            kind,
            Title::parse(what).map_err(crate::error::Error::from)?,
            opening,
        )
        .with_context(|| format!("opening \"{what}\""))?;
        jobs::run_until_quiet(self.app)?;
        Ok(opened.key)
    }

    pub fn ticket(&self, key: TicketKey) -> Result<Ticket> {
        let found = self
            .app
            .store
            .read(|conn| store::ticket::by_key(conn, key))?;
        found.with_context(|| format!("no {key}"))
    }

    /// Marks these entries for the customers' report.
    pub fn mark_for_report(&self, key: TicketKey, by: &Member, kinds: &[EntryKind]) -> Result<()> {
        let id = self.ticket(key)?.id;
        let entries = self
            .app
            .store
            .read(|conn| store::timeline::of_kinds(conn, id, kinds))?;
        for entry in entries {
            crate::actions::ticket_parts::mark_for_report(&by.at(self.app), key, entry.seq, true)?;
        }
        Ok(())
    }
}

/// What is known when a customer asks.
pub(super) fn asked_by(client: Client) -> Opening {
    Opening {
        customer: Some(client.id),
        requester: Some(client.contact),
        ..Opening::default()
    }
}
