//! Which ticket a mail means, and what it leaves on its ticket by which later ones are found.

use super::intake_sender::{Sender, envelope_addresses};
use super::intake_verdict::Decision;
use super::ticket_merge::survivor;
use crate::domain::delivery::DeliveryKind;
use crate::domain::letter::{Clue, Standing, stored_id};
use crate::domain::mail_clue::{self, Clues};
use crate::domain::mail_trace;
use crate::domain::ticket::{State, Ticket};
use crate::error::Result;
use crate::store::intake::StoredMail;
use crate::store::{self, Tx};

/// Tickets of one counterpart's number that are looked at.
const NUMBERED: i64 = 5;

impl Decision<'_> {
    /// The ticket that the mail points to, by the strongest clue that leads to one. Something forged of ours leads nowhere, and
    /// nothing weaker is asked: the mail belongs to another installation, or to nobody.
    pub(super) fn find_ticket(
        &self,
        tx: &mut Tx,
        mail: &StoredMail,
    ) -> Result<(Clues, Option<(Clue, Ticket)>)> {
        let envelope = envelope_addresses(mail);
        let pointers = mail_clue::pointers(&self.house.seal, self.letter, &envelope);
        let clues = mail_clue::clues(&pointers, |address| self.house.is_own(address));
        for key in &clues.signed {
            if let Some(ticket) = store::ticket::by_key(tx, *key)? {
                let ticket = survivor(tx, ticket)?;
                return Ok((clues, Some((Clue::Signed, ticket))));
            }
        }
        if clues.is_forged {
            return Ok((clues, None));
        }
        for id in &clues.foreign {
            if let [only] = store::intake::tickets_of_message(tx, stored_id(id))?[..]
                && let Some(ticket) = store::ticket::by_id(tx, only)?
            {
                let ticket = survivor(tx, ticket)?;
                return Ok((clues, Some((Clue::Foreign, ticket))));
            }
        }
        if let [only] = clues.subject[..]
            && let Some(ticket) = store::ticket::by_key(tx, only)?
        {
            let ticket = survivor(tx, ticket)?;
            return Ok((clues, Some((Clue::Subject, ticket))));
        }
        Ok((clues, None))
    }

    /// The one living ticket that remembers the counterpart's number in the subject and to which the sender is known.
    pub(super) fn by_their_number(&self, tx: &mut Tx, sender: &Sender) -> Result<Option<Ticket>> {
        for number in mail_trace::foreign_numbers(&self.letter.subject) {
            let mut known: Vec<Ticket> = Vec::new();
            let mark = format!("number:{number}");
            for id in store::mail_mark::tickets_with(tx, &mark, NUMBERED)? {
                let Some(ticket) = store::ticket::by_id(tx, id)? else {
                    continue;
                };
                let ticket = survivor(tx, ticket)?;
                let is_living = ticket.is_open() || ticket.state == State::Resolved;
                if is_living
                    && sender.standing(tx, &ticket, Clue::Subject)? == Standing::Known
                    && !known.iter().any(|it| it.id == ticket.id)
                {
                    known.push(ticket);
                }
            }
            if known.len() == 1 {
                return Ok(known.pop());
            }
        }
        Ok(None)
    }

    /// What later mails of the thread, or of the counterpart's tracker, have in common with this one.
    pub(super) fn mark(&self, tx: &mut Tx, ticket: &Ticket) -> Result<()> {
        for mark in mail_trace::thread_marks(&self.house.seal, self.letter) {
            store::mail_mark::put(tx, ticket.id, &mark)?;
        }
        for number in mail_trace::foreign_numbers(&self.letter.subject) {
            store::mail_mark::put(tx, ticket.id, &format!("number:{number}"))?;
        }
        Ok(())
    }

    /// Whether it answers a letter of ours that was for staff: one of them passed it on, and what it quotes isn't the customer's.
    pub(super) fn answers_staff_letter(&self, tx: &mut Tx) -> Result<bool> {
        let letter = self.letter;
        let ids = letter
            .in_reply_to
            .iter()
            .chain(letter.references.iter().rev());
        for id in ids.filter(|id| self.house.seal.made(id)) {
            if let Some((_, kind, _, _)) = store::intake::delivery_by_message(tx, id)? {
                return Ok(matches!(kind, DeliveryKind::Notice | DeliveryKind::Page));
            }
        }
        Ok(false)
    }
}
