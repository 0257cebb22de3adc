//! Mail that nobody wrote: it opens, reopens and satisfies nothing. A bounce is the one that takes an answer back.

use super::intake_sender::{Sender, envelope_addresses};
use super::intake_verdict::Decision;
use super::letters;
use super::outbox::unanswered;
use super::record;
use crate::domain::access::Role;
use crate::domain::delivery::DeliveryKind;
use crate::domain::id::Id;
use crate::domain::intake::Verdict;
use crate::domain::letter::{Bounce, Landing, landing};
use crate::domain::mail_trace::Proof;
use crate::domain::postmortem::MeetingState;
use crate::domain::text::EmailAddress;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Entry, EntryKind, Facts};
use crate::error::{Error, Result};
use crate::store::intake::{OwnLetter, StoredMail};
use crate::store::outbox::{Delivery, NewDelivery};
use crate::store::people::Holder;
use crate::store::{self, Tx};

impl Decision<'_> {
    /// Kept on the ticket that it matches, else on the intake page; changes nothing.
    pub(super) fn automatic(
        &self,
        tx: &mut Tx,
        mail: &mut StoredMail,
        sender: &Sender,
        why: &str,
    ) -> Result<()> {
        if self.answers_invitation(tx, mail, sender)? {
            self.conclude(mail, Verdict::Automatic, why);
            return Ok(());
        }
        let (_, found) = self.find_ticket(tx, mail)?;
        if let Some((clue, ticket)) = found
            && landing(clue, sender.standing(tx, &ticket, clue)?) == Landing::Appended
        {
            let entry = Entry::new(EntryKind::AutomaticMail).fact("why", why);
            self.note_on(tx, mail, ticket, entry.body(self.text()), sender)?;
        }
        self.conclude(mail, Verdict::Automatic, why);
        Ok(())
    }

    /// Whether it is a guest's own answer to an invitation of ours: it stands beside their name, and on the ticket.
    fn answers_invitation(
        &self,
        tx: &mut Tx,
        mail: &mut StoredMail,
        sender: &Sender,
    ) -> Result<bool> {
        let Some(answer) = &self.letter.answer else {
            return Ok(false);
        };
        // Nobody answers for somebody else, and nobody whose domain disowns it for themselves.
        let is_own =
            sender.address.as_ref().map(EmailAddress::folded) == Some(answer.attendee.folded());
        let Some(meeting) = store::postmortem::meeting_by_uid(tx, &answer.uid)? else {
            return Ok(false);
        };
        if !is_own
            || sender.proof == Proof::Refuted
            || meeting.state != MeetingState::Planned
            || !store::postmortem::set_answer(
                tx,
                meeting.id,
                &answer.attendee.folded(),
                answer.attendance,
            )?
        {
            return Ok(false);
        }
        let ticket = store::ticket::by_id(tx, meeting.ticket)?.ok_or(Error::NotFound)?;
        let entry = Entry::new(EntryKind::AutomaticMail)
            .fact("why", "calendar_reply")
            .fact("answer", answer.attendance);
        self.note_on(tx, mail, ticket, entry.body(self.text()), sender)?;
        Ok(true)
    }

    fn note_on(
        &self,
        tx: &mut Tx,
        mail: &mut StoredMail,
        mut ticket: Ticket,
        entry: Entry,
        sender: &Sender,
    ) -> Result<()> {
        let (actor, name) = sender.author();
        let entry = entry
            .author(actor, name)
            .at(mail.received_at)
            .source(format!("mail.{}", mail.id));
        let recorded = record(tx, self.ctx, &mut ticket, vec![entry])?;
        let seq = recorded.first().map_or(0, |entry| entry.seq);
        self.attach(tx, mail, &ticket, seq)?;
        mail.ticket = Some(ticket.id);
        mail.entry_seq = Some(seq);
        Ok(())
    }

    /// A bounce of a letter to a customer stands on its ticket; one of a notice to staff is for those who keep the house.
    pub(super) fn bounced(
        &self,
        tx: &mut Tx,
        mail: &mut StoredMail,
        bounce: &Bounce,
    ) -> Result<()> {
        let about = self.came_back(tx, mail, bounce)?;
        self.conclude(mail, Verdict::Bounce, &bounce.status);
        let Some((delivery, kind, ticket, reply)) = about else {
            return Ok(());
        };
        let address = store::outbox::by_id(tx, delivery)?.map(|lost| lost.address);
        if bounce.is_permanent
            && let Some(address) = &address
        {
            store::bouncing::mark(tx, address, &bounce.status, mail.received_at)?;
        }
        let to_customer = matches!(
            kind,
            DeliveryKind::Reply | DeliveryKind::AutoAnswer | DeliveryKind::Report
        );
        if !to_customer {
            let lost = store::outbox::by_id(tx, delivery)?.ok_or(Error::NotFound)?;
            return self.tell_admins(tx, mail, bounce, &lost);
        }
        let Some(ticket) = ticket else {
            return Ok(());
        };
        let Some(mut ticket) = store::ticket::by_id(tx, ticket)? else {
            return Ok(());
        };
        let kind_of_entry = if bounce.is_permanent {
            EntryKind::DeliveryFailed
        } else {
            EntryKind::AutomaticMail
        };
        let mut entries = vec![
            Entry::new(kind_of_entry)
                .fact("status", &bounce.status)
                .fact_some(
                    "to",
                    bounce
                        .recipient
                        .as_ref()
                        .map(ToString::to_string)
                        .or(address),
                )
                .fact("delivery", delivery)
                .at(mail.received_at)
                .source(format!("mail.{}", mail.id)),
        ];
        if bounce.is_permanent
            && kind == DeliveryKind::Reply
            && let Some(reply) = reply
        {
            entries.extend(unanswered(tx, &mut ticket, reply, delivery, "bounce")?);
        }
        let recorded = record(tx, self.ctx, &mut ticket, entries)?;
        mail.ticket = Some(ticket.id);
        mail.entry_seq = recorded.first().map(|entry| entry.seq);
        Ok(())
    }

    /// Which of our letters came back: by the address that it came back to, which no server rewrites; else by our id anywhere in it.
    fn came_back(
        &self,
        tx: &mut Tx,
        mail: &StoredMail,
        bounce: &Bounce,
    ) -> Result<Option<OwnLetter>> {
        let envelope = envelope_addresses(mail);
        let addresses = envelope
            .iter()
            .chain(&self.letter.delivered_to)
            .chain(&self.letter.to);
        for address in addresses {
            if let Some(id) = self.house.seal.read_bounce_address(address)
                && let Some(lost) = store::outbox::by_id(tx, Id::from_uuid(id))?
            {
                return Ok(Some((lost.id, lost.kind, lost.ticket, lost.entry_seq)));
            }
        }
        for id in bounce.about.iter().filter(|id| self.house.seal.made(id)) {
            if let Some(found) = store::intake::delivery_by_message(tx, id)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// One of ours can't be reached: whoever keeps the house hears of it, once a day for an address, and not at that address.
    fn tell_admins(
        &self,
        tx: &mut Tx,
        mail: &StoredMail,
        bounce: &Bounce,
        lost: &Delivery,
    ) -> Result<()> {
        if !bounce.is_permanent {
            return Ok(());
        }
        let day = mail.received_at.utc().format("%Y-%m-%d");
        for admin in store::people::holders_of(tx, Role::Admin)? {
            let addresses = store::people::addresses(tx, Holder::Person(admin))?;
            let Some(address) = addresses.first().map(|address| address.folded()) else {
                continue;
            };
            if lost.person == Some(admin) || address == lost.address {
                continue;
            }
            let key = format!("bounced.{}.{day}.{admin}", lost.address);
            let mut notice = NewDelivery::mail(DeliveryKind::Notice, key, address);
            notice.person = Some(admin);
            notice.facts = Facts::new()
                .with("letter", "staff_bounced")
                .with("from", &lost.address)
                .with("why", letters::or_dash(&bounce.status))
                .with("mail", mail.id);
            store::outbox::queue(tx, &notice, self.ctx.now)?;
        }
        Ok(())
    }
}
