//! The demo's outage: payments fail for half an hour, two customers notice, the cause is a pool that ran dry. Its post-mortem has
//! been held and closed, and Northwind has its report, written by one and released by another.

use anyhow::Result;

use super::house::Member;
use super::life::{DAY, Life, MINUTE, asked_by};
use super::storefront::Work;
use crate::actions::postmortem::NewAction;
use crate::actions::{outage, page, ticket, ticket_parts};
use crate::domain::id::{Kind, TicketKey};
use crate::domain::outage::{DataLoss, DiscoveredBy, Edition, Part, Texts};
use crate::domain::postmortem::Section;
use crate::domain::severity::Severity;
use crate::domain::task::ActionType;
use crate::domain::text::Title;
use crate::domain::ticket::{Opening, Role, State};
use crate::domain::timeline::EntryKind;
use crate::error::Error;

const IDLE: &str = "Close idle connections after 30 s";
const SIZE: &str = "Make room for the sale: 600 connections";

impl Life<'_> {
    pub fn outage(&self) -> Result<()> {
        let house = self.house;
        let opening = Opening {
            severity: Some(Severity::Disaster),
            services: vec![house.checkout, house.orders],
            body: "Since about half past two (our time) every payment fails with an error page. Nothing changed on our side."
                .to_owned(),
            ..asked_by(house.northwind)
        };
        let what = "Payments fail for Northwind";
        let key = self.open(&house.ana.at(self.app), Kind::Incident, what, &opening)?;
        self.wait(3)?;
        let lead = self.on_duty()?;
        let voice = self.other_than(&lead);
        page::acknowledge(&lead.at(self.app), key)?;
        self.wait(2)?;
        let soon = self.now().plus_secs(30 * MINUTE);
        let seen = "We see the failing payments too and are working on it. You hear from us again within half an hour.";
        ticket::reply(&voice.at(self.app), key, seen, Some(soon), None)?;
        let scribe = Some(house.ines.id);
        ticket_parts::set_role(&house.ines.at(self.app), key, Role::Scribe, scribe)?;
        self.wait(9)?;
        ticket::note(
            &lead.at(self.app),
            key,
            "Connections to orders-db are exhausted: 400 of 400 in use, most of them idle for minutes.",
        )?;
        self.mend(key, &lead)?;
        self.wait(14)?;
        ticket::note(
            &lead.at(self.app),
            key,
            "v2.3.1 is out: idle connections go after 30 s. 90 of 400 in use, payments go through again.",
        )?;
        let works = "Payments work again.";
        ticket::step(&lead.at(self.app), key, None, State::Restored, works)?;
        let news = "Payments have been working again since a few minutes ago. We keep watching.";
        ticket::reply(&voice.at(self.app), key, news, None, None)?;
        self.wait(25)?;
        ticket_parts::add_affected(&lead.at(self.app), key, house.contoso.id, None)?;
        let told =
            "Payments failed for half an hour and have been working again since. A report follows.";
        ticket::update(&voice.at(self.app), key, told, None)?;
        self.wait(15)?;
        let how = "The connection pool had no idle time-out; it has one now.";
        ticket::resolve(&lead.at(self.app), key, None, how)?;
        self.mark_for_report(key, &lead, &[EntryKind::Reply, EntryKind::Restored])?;
        self.wait(10)?;
        self.learn_from_the_outage(key, &lead, &voice)
    }

    /// The fix, pushed while the outage lasts.
    fn mend(&self, key: TicketKey, by: &Member) -> Result<()> {
        self.storefront.commit(&Work {
            by,
            at: self.now(),
            message: &format!(
                "{IDLE}\n\nPayments fail because 400 of 400 connections are held, most of them by nobody.\n\n\
                 Refs: {key}\n"
            ),
            files: &[(
                "checkout/pool.toml",
                "size = 400\nwait_secs = 2\nidle_secs = 30\n",
            )],
        })?;
        self.storefront.tag("v2.3.1")?;
        self.storefront.push(self.app, by)
    }

    fn learn_from_the_outage(
        &self,
        incident: TicketKey,
        lead: &Member,
        voice: &Member,
    ) -> Result<()> {
        let pm = self.post_mortem_of(incident)?.key;
        self.meet(pm, lead)?;
        let action = |title: &str, outline: &str, kind, owner: &Member, days, commitment: &str| {
            anyhow::Ok(NewAction {
                title: Title::parse(title).map_err(Error::from)?,
                outline: outline.to_owned(),
                action_type: kind,
                owner: owner.id,
                due_at: Some(self.now().plus_secs(days * DAY)),
                commitment: commitment.to_owned(),
            })
        };
        let alarm = "Page when nine tenths of the pool are in use";
        for new in [
            action(
                alarm,
                "An alert with a link to the runbook, tried by filling the pool on staging.",
                ActionType::Detect,
                lead,
                2,
                "We are alerted before connections run out.",
            )?,
            action(
                SIZE,
                "600 connections, measured against the load of last year's sale.",
                ActionType::Prevent,
                &self.house.tom,
                9,
                "Half as many connections again are available for peak hours.",
            )?,
            action(
                "Show customers an honest page when payments fail",
                "A page that says that nothing was charged, shown for every 5xx of the payment step.",
                ActionType::Mitigate,
                voice,
                20,
                "",
            )?,
        ] {
            self.add_action(pm, lead, &new)?;
        }
        let texts = [
            (
                Section::Factors,
                "The pool of checkout to orders-db had a size but no idle time-out. A slow export held connections open; \
                 each of them stayed with a worker that no longer needed it. Nothing watched how full the pool was: we \
                 learned it from Northwind.",
            ),
            (
                Section::WentWell,
                "Customer voice and lead were two people from the first minute; Northwind heard from us five minutes after they wrote.",
            ),
            (
                Section::WentBadly,
                "A customer told us. Nine minutes passed before anybody looked at the pool, since the database itself was idle.",
            ),
            (Section::Lucky, "It was not the evening of a sale."),
        ];
        self.write(pm, lead, &texts)?;
        self.wait(95)?;
        self.review(pm, voice)?;
        self.done(
            pm,
            alarm,
            lead,
            "Fires at 360 of 400; tried on staging twice.",
        )?;
        self.report(incident, lead)
    }

    /// Northwind's report: written by the lead, released by somebody else, sent.
    fn report(&self, incident: TicketKey, author: &Member) -> Result<()> {
        let house = self.house;
        let customer = house.northwind.id;
        let part = |part, text: &str| (part, text.to_owned());
        let texts = Texts {
            title: "Payments failed in the web shop".to_owned(),
            edition: Edition::Final,
            discovered_by: DiscoveredBy::Customer,
            data_loss: DataLoss::None,
            parts: vec![
                part(
                    Part::Summary,
                    "For about half an hour every payment in your web shop ended with an error page. Orders that could not be paid \
                     were kept and could be paid afterwards; nothing was charged twice.",
                ),
                part(
                    Part::Scope,
                    "All payments, by every method, in all of your shops.",
                ),
                part(
                    Part::NotAffected,
                    "Browsing, baskets, order history and invoices worked throughout.",
                ),
                part(
                    Part::Resolution,
                    "We closed the connections that nobody used and released a version that closes them by itself after 30 seconds.",
                ),
                part(
                    Part::Cause,
                    "The payment step keeps connections to a database. Connections that were no longer needed stayed open, until \
                     none was left for new payments.",
                ),
                part(
                    Part::Future,
                    "Unused connections are closed after 30 seconds since the day of the outage. What else we do stands below, with its dates.",
                ),
                part(
                    Part::Apology,
                    "Your customers could not pay for half an hour, and you had to tell us. We are sorry for both.",
                ),
            ],
            next_update_at: None,
            contact: "watch@northstar.example".to_owned(),
        };
        outage::save(&author.at(self.app), incident, customer, None, &texts)?;
        self.wait(35)?;
        // Only who has the right may release, and never the author: here that is Ines or Ana.
        let approver = if author.id == house.ana.id {
            &house.ines
        } else {
            &house.ana
        };
        let approver = approver.at(self.app);
        let seen = outage::prepare(&approver, incident, customer)?
            .report
            .hash();
        outage::approve(&approver, incident, customer, &seen)?;
        let to = [house.northwind.contact];
        outage::send(&author.at(self.app), incident, customer, &to)?;
        self.wait(5)
    }
}
