//! One mail to several of our addresses: one message with all its routes, one ticket, one answer. An address whose rule asks for a ticket of
//! its own gets one besides, whichever way the mail came: in one delivery to both, or in two.
//!
//! The tickets are linked. The first is the one that is answered and that the mail's own Message-ID leads to later; each further one hangs
//! on a row of the ledger of its own, which says of which mail it is a copy.

use super::intake_sender::{House, Sender, envelope_addresses};
use super::intake_verdict::Decision;
use crate::domain::id::{Id, IntakeAddressId};
use crate::domain::intake::{IntakeAddress, MailState, Verdict};
use crate::domain::text::EmailAddress;
use crate::domain::ticket::Relation;
use crate::domain::timeline::Facts;
use crate::error::Result;
use crate::store::intake::StoredMail;
use crate::store::{self, Tx};

/// Which addresses share a ticket: one with its own shares with none, all others with each other.
fn share(rule: &IntakeAddress) -> Option<IntakeAddressId> {
    rule.own_ticket.then_some(rule.id)
}

impl House {
    /// The share of the address that a mail's reasons name; a mail by no address of ours has the common one.
    fn share_of(&self, route: Option<&str>) -> Option<IntakeAddressId> {
        let address = EmailAddress::parse(route?).ok()?;
        self.rule_of(&address).and_then(share)
    }
}

impl Decision<'_> {
    /// Where a mail came to: as its envelope says; without one as a relay wrote it down, else as it is addressed.
    fn came_to(&self, mail: &StoredMail) -> Vec<EmailAddress> {
        let envelope = envelope_addresses(mail);
        let written = &self.letter.delivered_to;
        match (envelope.is_empty(), written.is_empty()) {
            (false, _) => envelope,
            (true, false) => written.clone(),
            (true, true) => self
                .letter
                .to
                .iter()
                .chain(&self.letter.cc)
                .cloned()
                .collect(),
        }
    }

    /// The addresses that ask for a ticket besides those that there are: of `first`, which opened one, and of its copies; or of the `copy`
    /// that came just now.
    pub(super) fn unserved(
        &self,
        tx: &mut Tx,
        first: &StoredMail,
        copy: Option<&StoredMail>,
    ) -> Result<Vec<(EmailAddress, &IntakeAddress)>> {
        let opened = matches!(first.verdict, Some(Verdict::Opened | Verdict::Unreadable));
        if !opened || !self.house.rules.iter().any(|rule| rule.own_ticket) {
            return Ok(Vec::new());
        }
        let mut served = vec![self.house.share_of(first.because.get("route"))];
        for twin in store::mail_twin::with_own_tickets(tx, first.id)? {
            served.push(self.house.share_of(twin.because.get("route")));
        }
        let came_to = match copy {
            Some(copy) => self.came_to(copy),
            None => {
                let mut all = self.came_to(first);
                let copies = store::mail_twin::copies_came_to(tx, first.id)?;
                all.extend(copies.iter().filter_map(|at| EmailAddress::parse(at).ok()));
                all
            }
        };
        let mut found = Vec::new();
        for address in came_to {
            if let Some(rule) = self.house.rule_of(&address)
                && !served.contains(&share(rule))
            {
                served.push(share(rule));
                found.push((address, rule));
            }
        }
        Ok(found)
    }

    /// Opens what [`unserved`](Self::unserved) asks for. A copy that came just now becomes the row of the first of them.
    pub(super) fn open_besides(
        &self,
        tx: &mut Tx,
        first: &StoredMail,
        mut copy: Option<&mut StoredMail>,
        sender: &Sender,
    ) -> Result<()> {
        if self.is_rehearsal {
            return Ok(());
        }
        let Some(main) = first.ticket else {
            return Ok(());
        };
        for (address, rule) in self.unserved(tx, first, copy.as_deref())? {
            // As if it had come there alone: then everything that the rule says holds.
            let mut twin = StoredMail {
                id: Id::new(self.ctx.now),
                dedupe_key: None,
                duplicate_of: Some(first.id),
                because: Facts::new(),
                ..first.clone()
            };
            if let Some(copy) = copy.as_deref() {
                twin.clone_from(copy);
            }
            twin.envelope_to = vec![address.to_string()];
            self.note_arrival(&mut twin, sender);
            let (kind, title, opening) = self.opening(tx, &twin, sender)?;
            let author = Some(sender.author());
            let mut ticket = super::ticket::open_in(tx, self.ctx, kind, title, &opening, author)?;
            store::ticket_link::link(tx, ticket.id, Relation::RelatedTo, main, self.ctx.now)?;
            self.attach(tx, &twin, &ticket, 1)?;
            self.mark_alert(tx, &twin, ticket.id)?;
            self.name_people(tx, &ticket)?;
            self.name_sender(tx, &ticket, sender)?;
            self.watch_copies(tx, Some(rule), sender, &mut ticket)?;
            twin.state = MailState::Settled;
            twin.ticket = Some(ticket.id);
            twin.entry_seq = Some(1);
            self.conclude(&mut twin, Verdict::Opened, "own-ticket");
            match copy.take() {
                Some(copy) => {
                    twin.envelope_to.clone_from(&copy.envelope_to);
                    *copy = twin;
                }
                None => store::intake::insert(tx, &twin)?,
            }
        }
        Ok(())
    }
}
