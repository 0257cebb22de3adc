//! What becomes of a mail: held, put on its ticket, beside it, or a ticket of its own. One transaction, one verdict.

use super::intake::SMALL_BYTES;
use super::intake_sender::{House, Sender};
use super::ticket_parts::in_order;
use super::{record, sla};
use crate::app::Ctx;
use crate::domain::alert_mail::{self, AlertMail};
use crate::domain::id::{MailId, TicketId};
use crate::domain::intake::{self as rules, HeldFor, LoopSign, MailState, Verdict, Way};
use crate::domain::letter::{
    Automatic, Clue, Landing, Letter, Nature, Remark, Standing, landing, stored_id,
};
use crate::domain::mail_trace;
use crate::domain::text::EmailAddress;
use crate::domain::ticket::{Relation, State, Ticket};
use crate::domain::timeline::{Audience, Entry, EntryKind};
use crate::error::{Error, Result, is_unique_violation};
use crate::store::blob::{self, Hash, NewFile};
use crate::store::intake::StoredMail;
use crate::store::{self, Tx};

/// Addresses of one mail that become known to its ticket.
const NAMED: usize = 50;
/// Of the mails that one block holds within this time only the first is shown to everybody.
const BLOCK_SHOWN_SECS: i64 = 24 * 3_600;

pub(super) struct Decision<'a> {
    pub(super) ctx: &'a Ctx<'a>,
    pub(super) house: &'a House,
    pub(super) letter: &'a Letter,
    /// A person decided that it is a real mail.
    pub(super) forced: bool,
    /// Somebody only asks what would become of it. All that is written is undone; a ticket's number can't be, so none is opened.
    pub(super) is_rehearsal: bool,
}

/// What the bytes of a mail tell besides its letter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Marks {
    /// It carries our own loop mark.
    pub has_loop_mark: bool,
    /// Only its header is here: the whole was above the limit and stayed in its mailbox.
    pub is_cut: bool,
}

impl Decision<'_> {
    pub(super) fn decide(&self, tx: &mut Tx, mail: &mut StoredMail, marks: Marks) -> Result<()> {
        let letter = self.letter;
        mail.subject = letter.subject.chars().take(500).collect();
        mail.from_shown = letter.from.shown.clone();
        mail.from_address = letter.from.address.as_ref().map(EmailAddress::folded);
        mail.message_id = letter
            .message_id
            .as_ref()
            .map(|id| stored_id(id).to_owned());
        // A person says that it is no copy.
        let is_no_copy = self.forced && mail.verdict == Some(Verdict::Duplicate);
        if mail.dedupe_key.is_none() && !is_no_copy && self.is_repeat(tx, mail)? {
            return store::intake::update(tx, mail);
        }
        self.judge(tx, mail, marks)?;
        self.let_be_found(tx, mail)?;
        store::intake::update(tx, mail)?;
        match mail.ticket.filter(|_| mail.join_due_at.is_some()) {
            Some(asked) => sla::tell_queue(tx, asked),
            None => Ok(()),
        }
    }

    /// A mail that became no entry of a timeline is found by its own words; one that did is found there.
    pub(super) fn let_be_found(&self, tx: &mut Tx, mail: &StoredMail) -> Result<()> {
        if self.forced {
            store::search::forget_mail(tx, mail.id)?;
        }
        if mail.entry_seq.is_some() || mail.verdict == Some(Verdict::Opened) {
            return Ok(());
        }
        store::search::index_mail(tx, mail, &self.letter.text)
    }

    /// The same mail came before: this row says so and points to it.
    fn is_repeat(&self, tx: &mut Tx, mail: &mut StoredMail) -> Result<bool> {
        let key = rules::dedupe_key(self.letter);
        let first = match &key {
            Some(key) => store::intake::by_key(tx, key)?,
            None => store::intake::by_raw(
                tx,
                mail.raw,
                mail.id,
                mail.received_at.plus_secs(-rules::RAW_REPEAT_SECS),
            )?,
        };
        if let Some(first) = first.filter(|first| *first != mail.id)
            && !self.goes_before(tx, mail, first)?
        {
            self.repeat(tx, mail, first)?;
            return Ok(true);
        }
        let Some(key) = key else { return Ok(false) };
        mail.dedupe_key = Some(key.clone());
        // Another node may decide about its twin at this moment: the unique index says who was first.
        let marked = store::statement(tx, |tx| store::intake::update(tx, mail));
        match marked {
            Ok(()) => Ok(false),
            Err(error) if is_unique_violation(&error) => {
                mail.dedupe_key = None;
                let first = store::intake::by_key(tx, &key)?.ok_or(Error::Stale)?;
                self.repeat(tx, mail, first)?;
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// A copy that came to us directly decides what a mail is, also when the list's copy was faster.
    fn goes_before(&self, tx: &mut Tx, mail: &StoredMail, first: MailId) -> Result<bool> {
        let by_list = [Automatic::List.as_str(), Automatic::Bulk.as_str()];
        let mut other = store::intake::by_id(tx, first)?.ok_or(Error::NotFound)?;
        let was_by_list =
            other.verdict == Some(Verdict::Automatic) && by_list.contains(&other.detail.as_str());
        if !was_by_list || self.letter.nature != Nature::Personal {
            return Ok(false);
        }
        other.dedupe_key = None;
        other.duplicate_of = Some(mail.id);
        other.verdict = Some(Verdict::Duplicate);
        store::search::forget_mail(tx, other.id)?;
        store::intake::update(tx, &other)?;
        Ok(true)
    }

    fn repeat(&self, tx: &mut Tx, mail: &mut StoredMail, first: MailId) -> Result<()> {
        let known = store::intake::by_id(tx, first)?.ok_or(Error::NotFound)?;
        mail.duplicate_of = Some(first);
        mail.ticket = known.ticket;
        mail.entry_seq = known.entry_seq;
        self.conclude(mail, Verdict::Duplicate, "");
        let sender = Sender::find(tx, self.house, mail, self.letter)?;
        self.open_besides(tx, &known, Some(mail), &sender)
    }

    pub(super) fn conclude(&self, mail: &mut StoredMail, verdict: Verdict, detail: &str) {
        mail.state = MailState::Settled;
        mail.verdict = Some(verdict);
        mail.detail = detail.to_owned();
        mail.settled_at = Some(self.ctx.now);
        mail.join_due_at = None;
        mail.join_warn_at = None;
        mail.is_quiet = false;
    }

    fn hold(&self, mail: &mut StoredMail, why: HeldFor, detail: &str) {
        self.conclude(mail, Verdict::Held, detail);
        mail.state = MailState::Held;
        mail.held_for = Some(why);
    }

    fn judge(&self, tx: &mut Tx, mail: &mut StoredMail, marks: Marks) -> Result<()> {
        let letter = self.letter;
        let sender = Sender::find(tx, self.house, mail, letter)?;
        if let Some(address) = &sender.address {
            mail.from_address = Some(address.folded());
        }
        self.note_arrival(mail, &sender);
        if let (Some(address), Nature::Personal) = (&sender.address, &letter.nature) {
            store::bouncing::forget(tx, &address.folded())?;
        }
        if !self.forced {
            if let Some(sign) = self.loop_of(mail, &sender, marks.has_loop_mark) {
                match sign {
                    LoopSign::Mark | LoopSign::MessageId if self.is_own_copy(mail) => {
                        self.conclude(mail, Verdict::Automatic, "own-copy");
                    }
                    _ => self.hold(mail, HeldFor::Loop, ""),
                }
                return Ok(());
            }
            if let Some(address) = &sender.address
                && let Some(pattern) = store::intake::find_block(tx, &rules::patterns_for(address))?
            {
                self.hold(mail, HeldFor::Blocked, &pattern);
                let since = mail.received_at.plus_secs(-BLOCK_SHOWN_SECS);
                mail.is_quiet = store::mail_health::was_shown(tx, &pattern, since)?;
                return Ok(());
            }
            if marks.is_cut {
                self.hold(mail, HeldFor::Large, "");
                return Ok(());
            }
            match &letter.nature {
                Nature::Personal => {}
                Nature::Bounce(bounce) => return self.bounced(tx, mail, bounce),
                Nature::Automatic(Automatic::Generated | Automatic::Voicemail)
                    if self.takes_generated(mail) => {}
                Nature::Automatic(_) if self.house.is_by_our_list(mail, letter) => {}
                Nature::Automatic(why) => return self.automatic(tx, mail, &sender, why.as_str()),
            }
            if let Some(alert) = self.alert_of(mail) {
                return self.alert(tx, mail, &sender, &alert);
            }
            if self.is_flood(tx, mail)? {
                self.hold(mail, HeldFor::Flood, "");
                return Ok(());
            }
        }
        self.personal(tx, mail, &sender)
    }

    /// By what it is told that a mail of ours came back.
    pub(super) fn loop_of(
        &self,
        mail: &StoredMail,
        sender: &Sender,
        has_loop_mark: bool,
    ) -> Option<LoopSign> {
        let letter = self.letter;
        let id = letter.message_id.as_deref();
        let from = letter.from.address.as_ref();
        if has_loop_mark {
            return Some(LoopSign::Mark);
        }
        if id.is_some_and(|id| self.house.seal.made(id)) {
            return Some(LoopSign::MessageId);
        }
        let is_from_us = from.is_some_and(|from| self.house.is_own(from));
        (is_from_us && sender.address.is_none() && !self.house.is_by_form(mail, letter))
            .then_some(LoopSign::Address)
    }

    /// A letter of ours as it lies in a mailbox: no server has brought it there, so nothing has come back.
    fn is_own_copy(&self, mail: &StoredMail) -> bool {
        matches!(mail.way, Way::Imap | Way::Maildir) && self.letter.traces.hops == 0
    }

    pub(super) fn takes_generated(&self, mail: &StoredMail) -> bool {
        let rule = self.house.rule(mail, self.letter);
        let sender = self.letter.from.address.as_ref();
        rule.is_some_and(|rule| rule.takes_generated_of(sender))
    }

    pub(super) fn alert_of(&self, mail: &StoredMail) -> Option<AlertMail> {
        self.takes_generated(mail)
            .then(|| alert_mail::read(&self.letter.subject))
            .flatten()
    }

    fn is_flood(&self, tx: &mut Tx, mail: &StoredMail) -> Result<bool> {
        let Some(address) = &mail.from_address else {
            return Ok(false);
        };
        let since = mail.received_at.plus_secs(-3_600);
        Ok(!mail.subject.is_empty()
            && store::intake::same_subject_since(tx, address, &mail.subject, since)?
                >= rules::SAME_SUBJECT_PER_HOUR)
    }

    fn personal(&self, tx: &mut Tx, mail: &mut StoredMail, sender: &Sender) -> Result<()> {
        let (clues, found) = self.find_ticket(tx, mail)?;
        if let Some((clue, ticket)) = found {
            let standing = sender.standing(tx, &ticket, clue)?;
            self.note_clue(mail, clue, &ticket, standing);
            let landing = landing(clue, standing);
            if self.is_unread() {
                // Nobody can say what it means to that ticket: it is its own, and points there if its sender may.
                let may_point = !matches!(landing, Landing::JoinRequest);
                let related = may_point.then_some((ticket.id, Relation::RelatedTo));
                return self.open(tx, mail, sender, related.as_slice(), self.unread_detail());
            }
            return match landing {
                Landing::Appended => self.append(tx, mail, ticket, sender, false),
                Landing::AppendedNewcomer => self.append(tx, mail, ticket, sender, true),
                Landing::JoinRequest => self.ask_to_join(tx, mail, &ticket, sender, standing),
            };
        }
        if clues.is_forged {
            mail.because.set("forged", "yes");
        }
        if !clues.is_forged
            && !self.is_unread()
            && let Some(ticket) = self.by_their_number(tx, sender)?
        {
            mail.because.set("clue", "their_number");
            mail.because.set("key", ticket.key);
            return self.append(tx, mail, ticket, sender, false);
        }
        if !self.forced && self.was_answered_enough(tx, sender)? {
            self.hold(mail, HeldFor::Answers, "");
            return Ok(());
        }
        let mut related = Vec::new();
        // Two tokens of two tickets: a ticket of its own, linked to those that the sender is known to.
        let named = clues.subject.iter().filter(|_| !clues.is_forged);
        for key in named.take(5) {
            if let Some(ticket) = store::ticket::by_key(tx, *key)?
                && sender.standing(tx, &ticket, Clue::Subject)? == Standing::Known
            {
                related.push((ticket.id, Relation::RelatedTo));
            }
        }
        self.open(
            tx,
            mail,
            sender,
            &related,
            match clues.is_forged {
                true => "forged",
                false => self.unread_detail(),
            },
        )
    }

    pub(super) fn open(
        &self,
        tx: &mut Tx,
        mail: &mut StoredMail,
        sender: &Sender,
        related: &[(TicketId, Relation)],
        detail: &str,
    ) -> Result<()> {
        let verdict = match self.is_unread() {
            true => Verdict::Unreadable,
            false => Verdict::Opened,
        };
        if self.is_rehearsal {
            self.conclude(mail, verdict, detail);
            return Ok(());
        }
        let (kind, title, opening) = self.opening(tx, mail, sender)?;
        let mut ticket =
            super::ticket::open_in(tx, self.ctx, kind, title, &opening, Some(sender.author()))?;
        for (other, relation) in related {
            store::ticket_link::link(tx, ticket.id, *relation, *other, self.ctx.now)?;
        }
        self.attach(tx, mail, &ticket, 1)?;
        self.name_people(tx, &ticket)?;
        self.name_sender(tx, &ticket, sender)?;
        self.mark(tx, &ticket)?;
        let rule = self.house.rule(mail, self.letter);
        self.watch_copies(tx, rule, sender, &mut ticket)?;
        self.answer(tx, mail, &ticket, sender)?;
        mail.ticket = Some(ticket.id);
        mail.entry_seq = Some(1);
        self.conclude(mail, verdict, detail);
        self.open_besides(tx, mail, None, sender)
    }

    pub(super) fn append(
        &self,
        tx: &mut Tx,
        mail: &mut StoredMail,
        mut ticket: Ticket,
        sender: &Sender,
        is_newcomer: bool,
    ) -> Result<()> {
        if matches!(
            ticket.state,
            State::Closed | State::Cancelled | State::Skipped | State::WontDo
        ) {
            return self.open(
                tx,
                mail,
                sender,
                &[(ticket.id, Relation::Follows)],
                "after-close",
            );
        }
        let is_staff = sender.is_staff();
        let reopens = matches!(ticket.state, State::Resolved | State::Done) && !is_staff;
        if reopens
            && !self.forced
            && self.reopened_lately(tx, &ticket)? >= self.house.reopens_per_hour
        {
            mail.ticket = Some(ticket.id);
            self.hold(mail, HeldFor::Reopens, "");
            return Ok(());
        }
        let mut entries = if is_staff {
            // What one of ours writes by mail stays among staff.
            vec![Entry::new(EntryKind::Note).body(self.text())]
        } else {
            let of = sender.contact.as_ref().map(|contact| contact.customer_id);
            super::ticket::customer_wrote_in(tx, &mut ticket, &self.text(), of, self.ctx.now)?
        };
        let answers_staff_letter = !is_staff && self.answers_staff_letter(tx)?;
        if let Some(first) = entries.first_mut() {
            if answers_staff_letter || sender.is_onlooker() {
                first.audience = Audience::Internal;
            }
            if answers_staff_letter {
                first.facts.set("answers_staff_letter", "yes");
            }
            for (name, value) in self.form(mail, sender).iter() {
                first.facts.set(name, value);
            }
            if mail_trace::is_new_topic(&self.letter.subject, ticket.title.as_str()) {
                first.facts.set("new_topic", &mail.subject);
            }
            first.author = Some(sender.author());
            first.effective_at = Some(mail.received_at);
            first.source_id = Some(format!("mail.{}", mail.id));
            if is_newcomer {
                first.facts.set("newcomer", "yes");
            }
        }
        let rule = self.house.rule(mail, self.letter);
        entries.extend(self.obey(tx, rule, sender, &mut ticket)?);
        let recorded = record(tx, self.ctx, &mut ticket, entries)?;
        let seq = recorded.first().map_or(0, |entry| entry.seq);
        self.attach(tx, mail, &ticket, seq)?;
        if !is_newcomer {
            self.name_people(tx, &ticket)?;
            self.mark(tx, &ticket)?;
            self.watch_copies(tx, rule, sender, &mut ticket)?;
        }
        mail.ticket = Some(ticket.id);
        mail.entry_seq = Some(seq);
        self.conclude(
            mail,
            Verdict::Appended,
            if is_newcomer { "newcomer" } else { "" },
        );
        Ok(())
    }

    fn reopened_lately(&self, tx: &mut Tx, ticket: &Ticket) -> Result<i64> {
        let since = self.ctx.now.plus_secs(-3_600);
        let reopened = store::timeline::of_kinds(tx, ticket.id, &[EntryKind::Reopened])?;
        Ok(reopened
            .iter()
            .filter(|entry| entry.recorded_at >= since)
            .count() as i64)
    }

    /// Files hang on the entry; where something was left out, the raw mail hangs there too.
    pub(super) fn attach(
        &self,
        tx: &mut Tx,
        mail: &StoredMail,
        ticket: &Ticket,
        seq: i64,
    ) -> Result<()> {
        let now = self.ctx.now;
        for (place, part) in (0..).zip(&self.letter.parts) {
            let hash = match part.bytes.len() > SMALL_BYTES {
                true => Hash::of(&part.bytes),
                false => blob::put_in(tx, &part.bytes, now)?,
            };
            let file = NewFile {
                hash,
                name: &part.name,
                media_type: &part.media_type,
                size_bytes: part.bytes.len() as i64,
                danger: part.danger,
            };
            blob::attach(tx, ticket.id, seq, &file, in_order(now, place))?;
        }
        let left_out = [
            Remark::Unreadable,
            Remark::OverLimits,
            Remark::PartsLeftOut,
            Remark::TextCut,
        ];
        if self
            .letter
            .remarks
            .iter()
            .any(|remark| left_out.contains(remark))
        {
            let file = NewFile {
                hash: mail.raw,
                name: "mail.eml",
                media_type: "message/rfc822",
                size_bytes: mail.size_bytes,
                danger: self.letter.parts.iter().find_map(|part| part.danger),
            };
            blob::attach(
                tx,
                ticket.id,
                seq,
                &file,
                in_order(now, self.letter.parts.len() as i64),
            )?;
        }
        Ok(())
    }

    pub(super) fn name_people(&self, tx: &mut Tx, ticket: &Ticket) -> Result<()> {
        let named = self
            .letter
            .to
            .iter()
            .chain(&self.letter.cc)
            .filter(|address| !self.house.is_own(address));
        for address in named.take(NAMED) {
            store::mail_named::name_on_ticket(tx, ticket.id, &address.folded())?;
        }
        Ok(())
    }

    /// Whoever wrote it is known to it, also where their answers go elsewhere, or where a person let them in.
    pub(super) fn name_sender(&self, tx: &mut Tx, ticket: &Ticket, sender: &Sender) -> Result<()> {
        let Some(address) = &sender.address else {
            return Ok(());
        };
        let is_requester = sender
            .contact
            .as_ref()
            .is_some_and(|contact| ticket.requester == Some(contact.id));
        let folded = address.folded();
        let asked = ticket.requester_address.as_ref();
        if is_requester || asked.is_some_and(|known| known.to_lowercase() == folded) {
            return Ok(());
        }
        store::mail_named::name_on_ticket(tx, ticket.id, &folded)
    }
}
