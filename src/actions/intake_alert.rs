//! What monitoring writes to an address that takes it: one ticket per check, however often the problem is repeated.

use super::intake_sender::Sender;
use super::intake_verdict::Decision;
use super::ticket_merge::survivor;
use super::{page, record};
use crate::domain::alert_mail::{AlertMail, Happened};
use crate::domain::id::TicketId;
use crate::domain::intake::Verdict;
use crate::domain::letter::{Clue, Standing};
use crate::domain::ticket::{State, Ticket};
use crate::domain::timeline::{Entry, EntryKind};
use crate::error::Result;
use crate::store::intake::StoredMail;
use crate::store::{self, Tx};

/// Tickets of one check that are looked at, the newest.
const LOOKED_AT: i64 = 20;

impl Decision<'_> {
    /// A problem opens a ticket or stands on the one that is open; its end resolves it, and an acknowledgement ends the calling.
    /// Either needs the sender who opened it: what ends an alarm must not be guessed. Nothing of it is answered.
    pub(super) fn alert(
        &self,
        tx: &mut Tx,
        mail: &mut StoredMail,
        sender: &Sender,
        alert: &AlertMail,
    ) -> Result<()> {
        let open = self.open_for(tx, &mark(alert), sender)?;
        if open.is_empty() && alert.happened != Happened::Problem {
            self.conclude(mail, Verdict::Automatic, "alert-over");
            return Ok(());
        }
        if open.is_empty() {
            self.open(tx, mail, sender, &[], "")?;
            return match mail.ticket {
                Some(ticket) => self.mark_alert(tx, mail, ticket),
                None => Ok(()),
            };
        }
        for (nth, ticket) in open.into_iter().enumerate() {
            self.stand_on(tx, mail, sender, ticket, alert.happened, nth == 0)?;
        }
        Ok(())
    }

    /// What is told of this check later finds the ticket by it.
    pub(super) fn mark_alert(
        &self,
        tx: &mut Tx,
        mail: &StoredMail,
        ticket: TicketId,
    ) -> Result<()> {
        match self.alert_of(mail) {
            Some(alert) => store::mail_mark::put(tx, ticket, &mark(&alert)),
            None => Ok(()),
        }
    }

    /// The open tickets of a check, the one that was opened first in front. There are several where addresses have one each.
    fn open_for(&self, tx: &mut Tx, mark: &str, sender: &Sender) -> Result<Vec<Ticket>> {
        let mut open: Vec<Ticket> = Vec::new();
        for id in store::mail_mark::tickets_with(tx, mark, LOOKED_AT)? {
            let Some(ticket) = store::ticket::by_id(tx, id)? else {
                continue;
            };
            let ticket = survivor(tx, ticket)?;
            let is_new = open.iter().all(|other| other.id != ticket.id);
            if is_new
                && ticket.is_open()
                && sender.standing(tx, &ticket, Clue::Subject)? == Standing::Known
            {
                open.push(ticket);
            }
        }
        open.reverse();
        Ok(open)
    }

    fn stand_on(
        &self,
        tx: &mut Tx,
        mail: &mut StoredMail,
        sender: &Sender,
        mut ticket: Ticket,
        happened: Happened,
        is_first: bool,
    ) -> Result<()> {
        let (actor, name) = sender.author();
        // One mail may stand on several tickets, and names the first.
        let source = match is_first {
            true => format!("mail.{}", mail.id),
            false => format!("mail.{}.{}", mail.id, ticket.id),
        };
        let note = Entry::new(EntryKind::AutomaticMail)
            .fact("why", "alert")
            .body(self.text())
            .author(actor, name)
            .at(mail.received_at)
            .source(source);
        let mut entries = vec![note];
        match happened {
            Happened::Problem => {}
            Happened::Recovery => {
                // One that may not be resolved now (merged, or of a kind that ends otherwise) just has the note.
                if let Ok(resolved) = ticket.resolve(&self.letter.subject, self.ctx.now) {
                    store::ticket::restore_affected(tx, ticket.id, Some(mail.received_at))?;
                    entries.push(resolved.fact("cause", "recovery"));
                }
            }
            Happened::Acknowledged => {
                page::acknowledged_elsewhere(tx, self.ctx, &ticket)?;
                if ticket.state == State::New
                    && let Ok(begun) = ticket.step(State::InProgress, self.ctx.now)
                {
                    entries.push(begun.fact("cause", "acknowledged"));
                }
            }
        }
        let recorded = record(tx, self.ctx, &mut ticket, entries)?;
        if is_first {
            mail.ticket = Some(ticket.id);
            mail.entry_seq = recorded.first().map(|entry| entry.seq);
        }
        self.conclude(mail, Verdict::Appended, "");
        Ok(())
    }
}

fn mark(alert: &AlertMail) -> String {
    format!("alert:{}", alert.fingerprint)
}
