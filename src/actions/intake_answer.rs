//! The answer that a new ticket sends by itself: that it is here, and under which number.

use super::intake_sender::{Sender, answer_address};
use super::intake_verdict::Decision;
use crate::domain::delivery::DeliveryKind;
use crate::domain::letter::{MESSAGE_ID_BYTES, Nature};
use crate::domain::text::EmailAddress;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::Facts;
use crate::error::Result;
use crate::store::intake::StoredMail;
use crate::store::outbox::NewDelivery;
use crate::store::{self, Tx};

impl Decision<'_> {
    /// One answer per new ticket to somebody known; a stranger gets at most one a day. Nothing of theirs is repeated.
    pub(super) fn answer(
        &self,
        tx: &mut Tx,
        mail: &StoredMail,
        ticket: &Ticket,
        sender: &Sender,
    ) -> Result<()> {
        let Some(address) = self.answered_at(tx, mail, sender)? else {
            return Ok(());
        };
        let folded = address.folded();
        let key = match sender.is_known() {
            true => format!("answer.{}", ticket.id),
            false => format!(
                "answer.{folded}.{}",
                mail.received_at.utc().format("%Y-%m-%d")
            ),
        };
        let echoed = |id: &&String| id.len() <= MESSAGE_ID_BYTES;
        let thread: Vec<&str> = self
            .letter
            .references
            .iter()
            .filter(echoed)
            .map(String::as_str)
            .collect();
        let mut delivery = NewDelivery::mail(DeliveryKind::AutoAnswer, key, folded);
        delivery.ticket = Some(ticket.id);
        delivery.entry_seq = Some(1);
        delivery.contact = sender.contact.as_ref().map(|contact| contact.id);
        delivery.facts = Facts::new()
            .with("letter", "received")
            .with_some(
                "in_reply_to",
                self.letter.message_id.as_ref().filter(echoed),
            )
            .with("references", thread.join(" "));
        store::outbox::queue(tx, &delivery, self.ctx.now)?;
        Ok(())
    }

    /// Where its answer goes, if it gets one; a stranger's may have been sent today already.
    pub(super) fn answered_at(
        &self,
        tx: &mut Tx,
        mail: &StoredMail,
        sender: &Sender,
    ) -> Result<Option<EmailAddress>> {
        let Some(address) = answer_address(tx, self.letter, sender)? else {
            return Ok(None);
        };
        if self.letter.wants_no_answer
            || self.forced && !matches!(self.letter.nature, Nature::Personal)
            || self.house.is_own(&address)
            || self.takes_generated(mail)
            || sender.is_ours && !self.is_to_one_of_ours()
        {
            return Ok(None);
        }
        let since = self.ctx.now.plus_secs(-3_600);
        let (answers, most) = match sender.is_known() {
            true => (
                store::intake::answers_since(tx, &address.folded(), since)?,
                self.house.answers_per_hour,
            ),
            false => (
                store::bouncing::strangers_answered_since(tx, since)?,
                self.house.strangers_per_hour,
            ),
        };
        Ok((answers < most).then_some(address))
    }

    /// Two programs that answer each other: after so many answers to an address, its next mails wait for a person.
    pub(super) fn was_answered_enough(&self, tx: &mut Tx, sender: &Sender) -> Result<bool> {
        // Of our own clock: what lay in a mailbox for days was received then, and is answered now.
        let since = self.ctx.now.plus_secs(-3_600);
        Ok(match answer_address(tx, self.letter, sender)? {
            Some(address) => {
                store::intake::answers_since(tx, &address.folded(), since)?
                    >= self.house.answers_per_hour
            }
            None => false,
        })
    }

    /// Written to one address of ours. One of ours who has us in Cc, or two of our boxes at once, talks to somebody else.
    fn is_to_one_of_ours(&self) -> bool {
        let own = |list: &[EmailAddress]| list.iter().filter(|it| self.house.is_own(it)).count();
        own(&self.letter.to) <= 1 && own(&self.letter.cc) == 0
    }
}
