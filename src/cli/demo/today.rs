//! The demo's last day: a change on watch with its commits, tasks, a conversation by mail, a call that was promised back, work
//! handed over, and an incident that burns.

use anyhow::{Context, Result};
use git2::Oid;

use super::house::Member;
use super::life::{DAY, HOUR, Life, MINUTE, asked_by};
use super::storefront::Work;
use crate::actions::{change, intake, page, ticket, ticket_hold, ticket_parts};
use crate::domain::change::Plan;
use crate::domain::hold::NewHold;
use crate::domain::id::{Kind, TicketKey};
use crate::domain::intake::Way;
use crate::domain::severity::{Priority, Risk, Severity};
use crate::domain::text::Title;
use crate::domain::ticket::{Opening, Outcome, Relation, Role, WaitingOn};
use crate::domain::timeline::Door;
use crate::domain::timestamp::Timestamp;
use crate::error::Error;
use crate::jobs;
use crate::store;

pub(super) fn live(life: &Life<'_>, until: Timestamp) -> Result<()> {
    life.go_to(until.plus_secs(-26 * HOUR))?;
    life.past_deployments(until)?;
    life.pool_change()?;
    life.log_change()?;
    life.tasks(until)?;
    life.go_to(until.plus_secs(-5 * HOUR))?;
    life.conversation()?;
    life.go_to(until.plus_secs(-3 * HOUR))?;
    life.waiting()?;
    life.go_to(until.plus_secs(-100 * MINUTE))?;
    life.call(until)?;
    life.go_to(until.plus_secs(-65 * MINUTE))?;
    life.upstream_release()?;
    life.go_to(until.plus_secs(-47 * MINUTE))?;
    life.burning(until)?;
    life.go_to(until)
}

impl Life<'_> {
    /// From the plan to the watch, with two commits and a release.
    fn pool_change(&self) -> Result<()> {
        let (tom, ana) = (&self.house.tom, &self.house.ana);
        let opening = Opening {
            risk: Some(Risk::Medium),
            services: vec![self.house.checkout, self.house.orders],
            owner: Some(tom.id),
            ..Opening::default()
        };
        let now = self.now();
        let plan = Plan {
            purpose: "The pool ran dry on the day of the outage; 600 connections leave room for the sale.".to_owned(),
            starts_at: Some(now.plus_secs(2 * HOUR)),
            ends_at: Some(now.plus_secs(3 * HOUR)),
            side_effects: "Payments may take up to two seconds longer while the pool restarts.".to_owned(),
            version_before: Some("v2.3.1".to_owned()),
            version_after: Some("v2.4.0".to_owned()),
            revert: "git revert the commits, deploy, restart the pool (2 min)".to_owned(),
            ..Plan::default()
        };
        let title = Title::parse("Raise the connection pool of orders-db").map_err(Error::from)?;
        let key = change::open(&tom.at(self.app), title, &opening, plan)?.key;
        self.wait(15)?;
        change::ask_approval(&tom.at(self.app), key, None)?;
        self.wait(20)?;
        let seen = self.ticket(key)?.version;
        change::approve(&ana.at(self.app), key, seen)?;
        self.wait(100)?;
        change::start(&tom.at(self.app), key, None)?;
        let mut released = Oid::ZERO_SHA1;
        for (minutes, message, files) in [
            (
                -25,
                format!(
                    "Raise pool size to 600\n\nMeasured against last year's sale: 470 at its peak.\n\n\
                     Refs: {key}\nSide-Effects: payments stall for up to two seconds while the pool restarts\n"
                ),
                [(
                    "checkout/pool.toml",
                    "size = 600\nwait_secs = 2\nidle_secs = 30\n",
                )],
            ),
            (
                -8,
                format!(
                    "Say how full the pool is\n\nA gauge per worker, read by the alert.\n\nRefs: {key}\n"
                ),
                [("checkout/metrics.toml", "pool_in_use = true\n")],
            ),
        ] {
            released = self.storefront.commit(&Work {
                by: tom,
                at: self.now().plus_secs(minutes * MINUTE),
                message: &message,
                files: &files,
            })?;
        }
        self.storefront.tag("v2.4.0")?;
        self.storefront.push(self.app, tom)?;
        self.wait(20)?;
        self.deploy("checkout", "v2.4.0", released, tom, Some(key))
    }

    /// A small one, done within the hour.
    fn log_change(&self) -> Result<()> {
        let (ines, tom) = (&self.house.ines, &self.house.tom);
        let opening = Opening {
            services: vec![self.house.edge],
            owner: Some(ines.id),
            ..Opening::default()
        };
        let plan = Plan {
            purpose: "edge-02 filled its disk because nothing rotated its logs.".to_owned(),
            ..Plan::default()
        };
        let title = Title::parse("Rotate the logs of the edge daily").map_err(Error::from)?;
        let key = change::open(&ines.at(self.app), title, &opening, plan)?.key;
        change::ask_approval(&ines.at(self.app), key, None)?;
        self.wait(6)?;
        let seen = self.ticket(key)?.version;
        change::approve(&tom.at(self.app), key, seen)?;
        self.wait(4)?;
        change::start(&ines.at(self.app), key, None)?;
        self.storefront.commit(&Work {
            by: ines,
            at: self.now(),
            message: &format!("Rotate the edge's logs daily, keep 14\n\nRefs: {key}\n"),
            files: &[(
                "edge/logrotate.conf",
                "/var/log/nginx/*.log {\n  daily\n  rotate 14\n}\n",
            )],
        })?;
        // Nobody's ticket: the list of commits without a change shows it.
        let released = self.storefront.commit(&Work {
            by: ines,
            at: self.now(),
            message: "Fix a typo in the README\n",
            files: &[(
                "README.md",
                "# Storefront\n\nCheckout, orders, and the edge in front of them.\n",
            )],
        })?;
        self.storefront.tag("v2.4.1")?;
        self.storefront.push(self.app, ines)?;
        self.deploy("edge", "v2.4.1", released, ines, Some(key))?;
        self.wait(15)?;
        let done = "Logs were rotated on all four machines.";
        change::close(&ines.at(self.app), key, None, Outcome::Successful, done)?;
        Ok(())
    }

    fn tasks(&self, until: Timestamp) -> Result<()> {
        let house = self.house;
        for (what, body, priority, days, owner, service) in [
            (
                "Renew the certificate of pay.northwind.example",
                "Their authority wants a new proof of the domain; Maja Falk sends it.",
                Priority::High,
                5,
                &house.tom,
                house.checkout,
            ),
            (
                "Find out why the replica falls behind every week",
                "It looks like the weekly export. Compare the write rate of the last four weeks with the lag.",
                Priority::Normal,
                20,
                &house.ines,
                house.orders,
            ),
        ] {
            let opening = Opening {
                priority: Some(priority),
                body: body.to_owned(),
                due_at: Some(until.plus_secs(days * DAY)),
                owner: Some(owner.id),
                services: vec![service],
                ..Opening::default()
            };
            self.open(&owner.at(self.app), Kind::Task, what, &opening)?;
        }
        Ok(())
    }

    /// Contoso writes, is asked, answers, and Tom hands the rest over to Ana.
    fn conversation(&self) -> Result<()> {
        let (tom, ana) = (&self.house.tom, &self.house.ana);
        let first = "October's invoices show 19 % VAT for our shops in Austria. It should be 20 %, as it was in September.\n\n\
                     Could you correct them before our accounting closes the month?\n\nDana Reyes\nContoso";
        self.mail(
            "Wrong VAT on the invoices of October",
            "<october-1@contoso.example>",
            None,
            first,
        )?;
        let key = self
            .app
            .store
            .read(|conn| {
                let ids = store::intake::tickets_of_message(conn, "october-1@contoso.example")?;
                store::ticket::by_ids(conn, &ids)
            })?
            .first()
            .map(|ticket| ticket.key)
            .context("the demo's mail opened no ticket")?;
        self.wait(14)?;
        ticket::take(&tom.at(self.app), key, None)?;
        let billing = vec![self.house.billing];
        let edit = crate::actions::ticket_edit::Edit {
            services: Some(billing),
            ..Default::default()
        };
        crate::actions::ticket_edit::edit(&tom.at(self.app), key, None, &edit)?;
        let question = "Hello Dana,\n\nthank you, we can see it. Are all of your Austrian shops concerned, or only those that opened this year?";
        ticket::reply(&tom.at(self.app), key, question, None, None)?;
        self.wait(31)?;
        let second =
            "Only the two that opened in September: Graz and Linz. The others are right.\n\nDana";
        let again = "Re: Wrong VAT on the invoices of October";
        let reference = Some("<october-1@contoso.example>");
        self.mail(again, "<october-2@contoso.example>", reference, second)?;
        self.wait(22)?;
        let found = "That helps: both were created with the rate of another country. The rate is right now, and 46 corrected \
                     invoices go out with tonight's run.";
        ticket::reply(&tom.at(self.app), key, found, None, None)?;
        self.wait(8)?;
        let note = "Everything is prepared; the run starts at 22:00. Look whether all 46 went out, then tell Dana and resolve.";
        ticket::hand_over(&tom.at(self.app), key, None, ana.id, note)?;
        // Mail that opens nothing, and says why on the intake page.
        self.raw_mail(
            "offers@bulk.example",
            "From: Rack World <offers@bulk.example>\r\nTo: watch@northstar.example\r\n\
             Subject: 30 % off all rails\r\nMessage-ID: <n-881@bulk.example>\r\nList-Id: <offers.bulk.example>\r\n\
             List-Unsubscribe: <mailto:off@bulk.example>\r\nPrecedence: bulk\r\n\r\nThis week only.\r\n",
        )
    }

    /// A mail from Dana Reyes of Contoso.
    fn mail(&self, subject: &str, id: &str, answers: Option<&str>, text: &str) -> Result<()> {
        let threaded = answers.map_or_else(String::new, |id| {
            format!("In-Reply-To: {id}\r\nReferences: {id}\r\n")
        });
        let text = text.replace('\n', "\r\n");
        let raw = format!(
            "From: Dana Reyes <dana@contoso.example>\r\nTo: watch@northstar.example\r\nSubject: {subject}\r\n\
             Message-ID: {id}\r\n{threaded}\r\n{text}\r\n"
        );
        self.raw_mail("dana@contoso.example", &raw)
    }

    fn raw_mail(&self, from: &str, raw: &str) -> Result<()> {
        let to = ["watch@northstar.example".to_owned()];
        intake::accept(self.app, Way::Smtp, Some(from), &to, raw.as_bytes())?;
        Ok(jobs::run_until_quiet(self.app)?)
    }

    /// A customer's question that waits for the customer.
    fn waiting(&self) -> Result<()> {
        let opening = Opening {
            severity: Some(Severity::Average),
            services: vec![self.house.checkout],
            body: "Since this morning our shop in Uppsala prints no receipts, and I think neither do others.".to_owned(),
            ..asked_by(self.house.northwind)
        };
        let what = "Receipts are not printed in Uppsala and perhaps elsewhere";
        let key = self.open(&self.house.ana.at(self.app), Kind::Incident, what, &opening)?;
        self.wait(12)?;
        let tom = self.house.tom.at(self.app);
        ticket::take(&tom, key, None)?;
        let question = "Which shops are these, and what does the printer show?";
        ticket::reply(&tom, key, question, None, None)?;
        let hold = NewHold {
            until: Some(self.now().plus_secs(DAY)),
            ..NewHold::new(WaitingOn::Customer, "list of the shops")
        };
        ticket_hold::hold(&tom, key, None, &hold)?;
        Ok(())
    }

    /// Somebody phoned and will be phoned back.
    fn call(&self, until: Timestamp) -> Result<()> {
        let ana = self.house.ana.by(self.app, Door::Phone);
        let opening = Opening {
            severity: Some(Severity::Average),
            services: vec![self.house.orders],
            body: "The scanners in their New Jersey warehouse lose the session every few minutes. Dana is on site until the evening."
                .to_owned(),
            reported_at: Some(self.now()),
            callback_number: Some("+1 212 555 0119".to_owned()),
            callback_at: Some(until.plus_secs(35 * MINUTE)),
            spoken_to: true,
            ..asked_by(self.house.contoso)
        };
        let key = self.open(
            &ana,
            Kind::Incident,
            "Scanners lose their session in the warehouse",
            &opening,
        )?;
        self.wait(4)?;
        let ines = self.house.ines.at(self.app);
        ticket::take(&ines, key, None)?;
        let note = "Sessions end after exactly 300 s. Looking for what changed that limit.";
        ticket::note(&ines, key, note)?;
        Ok(())
    }

    /// The incident in progress. An update was promised, and is late by the time somebody logs in.
    fn burning(&self, until: Timestamp) -> Result<()> {
        let house = self.house;
        let opening = Opening {
            severity: Some(Severity::Disaster),
            services: vec![house.checkout, house.edge],
            body: "A third of our orders fail at payment with error 502.".to_owned(),
            impact_at: Some(self.now().plus_secs(-6 * MINUTE)),
            ..asked_by(house.northwind)
        };
        let what = "Checkout returns 502 for a third of requests";
        let key = self.open(&house.ana.at(self.app), Kind::Incident, what, &opening)?;
        self.wait(2)?;
        let duty = self.on_duty()?;
        let voice = self.other_than(&duty);
        page::acknowledge(&duty.at(self.app), key)?;
        self.wait(4)?;
        let news = "We see it too: two of our four web servers answer with errors. Next news in half an hour.";
        let soon = Some(self.now().plus_secs(30 * MINUTE));
        ticket::reply(&voice.at(self.app), key, news, soon, None)?;
        ticket_parts::set_role(
            &house.ines.at(self.app),
            key,
            Role::Scribe,
            Some(house.ines.id),
        )?;
        self.wait(5)?;
        ticket::note(
            &duty.at(self.app),
            key,
            "The error rate follows the new upstream pool; two of four backends refuse connections.",
        )?;
        self.lag(key, &duty)?;
        ticket_parts::label(&duty.at(self.app), key, "payments")?;
        self.go_to(until.plus_secs(-20 * MINUTE))?;
        ticket::note(
            &duty.at(self.app),
            key,
            "Draining the two backends; checking what v2.4.2 changed on them.",
        )?;
        Ok(jobs::run_until_quiet(self.app)?)
    }

    /// What monitoring says meanwhile, linked to what burns.
    fn lag(&self, burning: TicketKey, duty: &Member) -> Result<()> {
        let opening = Opening {
            severity: Some(Severity::High),
            services: vec![self.house.orders],
            body: "Replication lag of orders-db-2 above 30 s for 5 minutes.".to_owned(),
            ..Opening::default()
        };
        let what = "orders-db replica 70 s behind";
        let lag = self.open(&self.monitoring(), Kind::Incident, what, &opening)?;
        page::acknowledge(&duty.at(self.app), lag)?;
        ticket_parts::link(&duty.at(self.app), lag, Relation::RelatedTo, burning)?;
        Ok(())
    }
}
