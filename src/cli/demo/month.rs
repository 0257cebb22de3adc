//! The demo's month: pages by day and by night, an outage with its post-mortem, a change, tasks, and an incident that burns.

use super::house::{Client, House, Member};
use crate::actions::{change, page, ticket, ticket_parts};
use crate::app::App;
use crate::domain::change::Plan;
use crate::domain::id::{Kind, ServiceId, TicketKey};
use crate::domain::severity::{Priority, Risk, Severity};
use crate::domain::text::Title;
use crate::domain::ticket::{Hold, Opening, Outcome, Relation, Role, WaitingOn};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::jobs;
use crate::store;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// An incident that came and went: days before the end, hour of the day (UTC), what, how bad, minutes to the acknowledgement and
/// to the end, how it was mended.
type Past = (i64, i64, &'static str, Severity, i64, i64, &'static str);

const PAST: &[Past] = &[
    (
        30,
        2,
        "Certificate of the mail relay expired",
        Severity::High,
        4,
        55,
        "Renewed the certificate and reloaded the relay.",
    ),
    (
        28,
        13,
        "Checkout slow for some customers",
        Severity::Average,
        12,
        90,
        "Added a missing index on orders.",
    ),
    (
        26,
        23,
        "orders-db replica 40 s behind",
        Severity::High,
        6,
        35,
        "Restarted the replica's receiver.",
    ),
    (
        24,
        9,
        "Disk of edge-02 above 80 %",
        Severity::Warning,
        30,
        240,
        "Rotated logs; log rotation was off.",
    ),
    (
        21,
        3,
        "Order database read-only",
        Severity::Disaster,
        3,
        48,
        "Failed over to the standby; disk of the primary replaced.",
    ),
    (
        19,
        15,
        "Invoices are sent twice",
        Severity::Average,
        20,
        180,
        "Stopped the second worker.",
    ),
    (
        16,
        1,
        "edge-01 does not answer",
        Severity::High,
        5,
        30,
        "Power cycled; a fan had failed.",
    ),
    (
        13,
        11,
        "Mail queue growing",
        Severity::Average,
        9,
        65,
        "A peer greylisted us; asked them to lift it.",
    ),
    (
        11,
        4,
        "orders-db replica 60 s behind",
        Severity::High,
        7,
        40,
        "Restarted the replica's receiver again.",
    ),
    (
        8,
        18,
        "Login page shows an old logo",
        Severity::Information,
        60,
        600,
        "Purged the cache.",
    ),
    (
        3,
        0,
        "orders-db replica 55 s behind",
        Severity::High,
        5,
        25,
        "Restarted the replica's receiver; raised the buffer.",
    ),
];

struct Life<'a> {
    app: &'a App,
    house: &'a House,
}

/// Lives from the manual clock's start until `until`.
pub(super) fn live(app: &App, house: &House, until: Timestamp) -> Result<()> {
    let life = Life { app, house };
    let midnight = until.plus_secs(-until.micros().div_euclid(1_000_000).rem_euclid(DAY));
    for (days, hour, what, severity, ack, end, how) in PAST {
        life.go_to(midnight.plus_secs(-days * DAY + hour * HOUR + 7 * MINUTE))?;
        life.past_incident(what, *severity, *ack, *end, how)?;
        if *days == 8 {
            life.go_to(midnight.plus_secs(-6 * DAY + 13 * HOUR + 31 * MINUTE))?;
            life.outage()?;
        }
    }
    life.go_to(until.plus_secs(-26 * HOUR))?;
    life.change()?;
    life.tasks(until)?;
    life.go_to(until.plus_secs(-3 * HOUR))?;
    life.waiting()?;
    life.go_to(until.plus_secs(-47 * MINUTE))?;
    life.burning(until)?;
    life.go_to(until)
}

impl Life<'_> {
    fn go_to(&self, at: Timestamp) -> Result<()> {
        // In steps, so that hand-offs, warnings and escalations happen when they are due.
        while self.app.time.now().plus_secs(6 * HOUR) < at {
            self.app.time.set(self.app.time.now().plus_secs(6 * HOUR));
            jobs::run_until_quiet(self.app)?;
        }
        if self.app.time.now() < at {
            self.app.time.set(at);
        }
        jobs::run_until_quiet(self.app)
    }

    fn wait(&self, minutes: i64) -> Result<()> {
        self.go_to(self.app.time.now().plus_secs(minutes * MINUTE))
    }

    /// Whoever is on call now.
    fn on_duty(&self) -> Result<&Member> {
        let now = self.app.time.now();
        let duty = self
            .app
            .store
            .read(|conn| crate::actions::oncall::on_duty(conn, self.house.team, now))?;
        let all = [&self.house.ines, &self.house.tom, &self.house.ana];
        Ok(all
            .into_iter()
            .find(|member| duty.contains(&member.id))
            .unwrap_or(&self.house.ines))
    }

    fn open(&self, by: &Member, kind: Kind, what: &str, opening: &Opening) -> Result<TicketKey> {
        let opened = ticket::open(&by.at(self.app), kind, Title::parse(what)?, opening)?;
        jobs::run_until_quiet(self.app)?;
        Ok(opened.key)
    }

    fn service_of(&self, what: &str) -> ServiceId {
        let words = [
            ("order", self.house.orders),
            ("edge", self.house.edge),
            ("mail", self.house.mail),
            ("Mail", self.house.mail),
            ("Order", self.house.orders),
        ];
        words
            .iter()
            .find(|(word, _)| what.contains(word))
            .map_or(self.house.checkout, |(_, service)| *service)
    }

    fn past_incident(
        &self,
        what: &str,
        severity: Severity,
        ack: i64,
        end: i64,
        how: &str,
    ) -> Result<()> {
        let opening = Opening {
            severity: Some(severity),
            services: vec![self.service_of(what)],
            body: "Reported by monitoring.".to_owned(),
            ..Opening::default()
        };
        let key = self.open(&self.house.ana, Kind::Incident, what, &opening)?;
        self.wait(ack)?;
        let duty = self.on_duty()?;
        page::acknowledge(&duty.at(self.app), key)?;
        self.wait(end - ack)?;
        ticket::resolve(&duty.at(self.app), key, None, how)?;
        jobs::run_until_quiet(self.app)
    }

    /// The outage that has a post-mortem and a report.
    fn outage(&self) -> Result<()> {
        let opening = Opening {
            severity: Some(Severity::Disaster),
            services: vec![self.house.checkout, self.house.orders],
            body: "Since about 13:30 every payment fails with an error page. Nothing changed on our side.".to_owned(),
            ..self.asked_by(self.house.northwind)
        };
        let key = self.open(
            &self.house.ana,
            Kind::Incident,
            "Payments fail for Northwind",
            &opening,
        )?;
        self.wait(3)?;
        let duty = self.on_duty()?.clone();
        let other = if duty.id == self.house.tom.id {
            &self.house.ana
        } else {
            &self.house.tom
        };
        page::acknowledge(&duty.at(self.app), key)?;
        self.wait(2)?;
        let soon = self.app.time.now().plus_secs(30 * MINUTE);
        ticket::reply(
            &other.at(self.app),
            key,
            "We see the failing payments too and are working on it.",
            Some(soon),
            None,
        )?;
        ticket_parts::set_role(
            &self.house.ines.at(self.app),
            key,
            Role::Scribe,
            Some(self.house.ines.id),
        )?;
        self.wait(9)?;
        ticket::note(
            &duty.at(self.app),
            key,
            "Connections to orders-db are exhausted: 400 of 400 in use, most of them idle.",
        )?;
        self.wait(14)?;
        ticket::note(
            &duty.at(self.app),
            key,
            "Lowered the idle time-out and restarted the pool. Payments go through again.",
        )?;
        ticket::step(
            &duty.at(self.app),
            key,
            None,
            crate::domain::ticket::State::Restored,
            "Payments work again.",
        )?;
        let news = "Payments have been working again since a few minutes ago. We keep watching.";
        ticket::reply(&other.at(self.app), key, news, None, None)?;
        self.wait(40)?;
        ticket_parts::add_affected(&duty.at(self.app), key, self.house.contoso.id, None)?;
        let how = "The connection pool had no idle time-out; it has one now.";
        ticket::resolve(&duty.at(self.app), key, None, how)?;
        self.mark_for_report(key, &duty)?;
        self.wait(10)
    }

    /// The customers' report tells the opening and how it was mended.
    fn mark_for_report(&self, key: TicketKey, by: &Member) -> Result<()> {
        use crate::domain::timeline::EntryKind;
        let entries = self.app.store.read(|conn| {
            let ticket = store::ticket::by_key(conn, key)?.ok_or(crate::error::Error::NotFound)?;
            store::timeline::of_kinds(conn, ticket.id, &[EntryKind::Reply, EntryKind::Restored])
        })?;
        for entry in entries {
            ticket_parts::mark_for_report(&by.at(self.app), key, entry.seq, true)?;
        }
        Ok(())
    }

    fn asked_by(&self, client: Client) -> Opening {
        Opening {
            customer: Some(client.id),
            requester: Some(client.contact),
            ..Opening::default()
        }
    }

    fn change(&self) -> Result<()> {
        let tom = self.house.tom.at(self.app);
        let opening = Opening {
            risk: Some(Risk::Medium),
            services: vec![self.house.orders],
            ..Opening::default()
        };
        let plan = Plan {
            purpose: "The pool ran dry on the day of the outage; 600 connections leave room for the sale.".to_owned(),
            starts_at: Some(tom.now.plus_secs(2 * HOUR)),
            ends_at: Some(tom.now.plus_secs(3 * HOUR)),
            side_effects: "Payments may take up to two seconds longer while the pool restarts.".to_owned(),
            version_before: Some("v2.3.0".to_owned()),
            version_after: Some("v2.4.0".to_owned()),
            revert: "git revert --no-edit the commit, deploy, restart the pool (2 min)".to_owned(),
        };
        let opened = change::open(
            &tom,
            Title::parse("Raise the connection pool of orders-db")?,
            &opening,
            plan,
        )?;
        self.wait(15)?;
        change::ask_approval(&self.house.tom.at(self.app), opened.key, None)?;
        self.wait(20)?;
        let seen = ticket::read(&self.house.ana.at(self.app), opened.key)?;
        change::approve(&self.house.ana.at(self.app), opened.key, seen.version)?;
        self.wait(100)?;
        change::start(&self.house.tom.at(self.app), opened.key, None)?;
        self.wait(20)?;
        let until = self.app.time.now().plus_secs(2 * DAY);
        change::watch(&self.house.tom.at(self.app), opened.key, None, Some(until))?;
        let small = change::open(
            &self.house.ines.at(self.app),
            Title::parse("Rotate the logs of the edge daily")?,
            &Opening {
                services: vec![self.house.edge],
                ..Opening::default()
            },
            Plan {
                purpose: "edge-02 filled its disk.".to_owned(),
                ..Plan::default()
            },
        )?;
        change::ask_approval(&self.house.ines.at(self.app), small.key, None)?;
        change::approve(
            &self.house.tom.at(self.app),
            small.key,
            ticket::read(&tom, small.key)?.version,
        )?;
        change::start(&self.house.ines.at(self.app), small.key, None)?;
        self.wait(5)?;
        change::close(
            &self.house.ines.at(self.app),
            small.key,
            None,
            Outcome::Successful,
            "Logs rotated.",
        )?;
        Ok(())
    }

    fn tasks(&self, until: Timestamp) -> Result<()> {
        let task = |what: &str, priority, days: i64, owner: &Member| {
            let opening = Opening {
                priority: Some(priority),
                due_at: Some(until.plus_secs(days * DAY)),
                owner: Some(owner.id),
                ..Opening::default()
            };
            self.open(owner, Kind::Task, what, &opening)
        };
        task(
            "Renew the certificate of pay.northwind.example",
            Priority::High,
            5,
            &self.house.tom,
        )?;
        task(
            "Find out why the replica falls behind every week",
            Priority::Normal,
            20,
            &self.house.ines,
        )?;
        task(
            "Replace the fan of edge-01",
            Priority::Low,
            40,
            &self.house.ana,
        )?;
        Ok(())
    }

    /// A customer's question that waits for the customer.
    fn waiting(&self) -> Result<()> {
        let opening = Opening {
            severity: Some(Severity::Average),
            services: vec![self.house.checkout],
            body: "Some of our stores cannot print receipts since this morning.".to_owned(),
            ..self.asked_by(self.house.contoso)
        };
        let key = self.open(
            &self.house.ana,
            Kind::Incident,
            "Receipts are not printed in some stores",
            &opening,
        )?;
        self.wait(12)?;
        let tom = self.house.tom.at(self.app);
        ticket::take(&tom, key, None)?;
        ticket::reply(
            &tom,
            key,
            "Which stores are these, and what does the printer show?",
            None,
            None,
        )?;
        let hold = Hold {
            reason: "list of the stores".to_owned(),
            on: WaitingOn::Customer,
            until: Some(self.app.time.now().plus_secs(DAY)),
        };
        ticket::hold(&tom, key, None, &hold)?;
        Ok(())
    }

    /// The incident in progress, with a clock that is late by the time somebody logs in.
    fn burning(&self, until: Timestamp) -> Result<()> {
        let opening = Opening {
            severity: Some(Severity::Disaster),
            services: vec![self.house.checkout, self.house.edge],
            body: "A third of our orders fail at payment with error 502.".to_owned(),
            impact_at: Some(self.app.time.now().plus_secs(-6 * MINUTE)),
            ..self.asked_by(self.house.northwind)
        };
        let what = "Checkout returns 502 for a third of requests";
        let key = self.open(&self.house.ana, Kind::Incident, what, &opening)?;
        self.wait(2)?;
        let duty = self.on_duty()?.clone();
        page::acknowledge(&duty.at(self.app), key)?;
        self.wait(9)?;
        ticket::note(
            &duty.at(self.app),
            key,
            "The error rate follows the new upstream pool; two of four backends refuse connections.",
        )?;
        let lag = Opening {
            severity: Some(Severity::High),
            services: vec![self.house.orders],
            ..Opening::default()
        };
        let related = self.open(&duty, Kind::Incident, "orders-db replica 70 s behind", &lag)?;
        page::acknowledge(&duty.at(self.app), related)?;
        ticket_parts::link(&duty.at(self.app), related, Relation::RelatedTo, key)?;
        ticket_parts::label(&duty.at(self.app), key, "payments")?;
        self.go_to(until.plus_secs(-20 * MINUTE))?;
        ticket::note(
            &duty.at(self.app),
            key,
            "Draining the two backends; checking what their last deploy changed.",
        )?;
        Ok(())
    }
}
