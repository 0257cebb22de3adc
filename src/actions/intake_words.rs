//! What the words of a mail set, by the address that it came to: its severity, what an answering service wrote down, what one of ours
//! put above their text; and who in copy watches from then on.

use super::intake_sender::{Sender, is_nobody};
use super::intake_verdict::Decision;
use super::record;
use crate::domain::id::{CustomerId, Kind};
use crate::domain::intake::IntakeAddress;
use crate::domain::mail_words::{Form, Keyword};
use crate::domain::quote;
use crate::domain::severity::Severity;
use crate::domain::text::{self, Title};
use crate::domain::ticket::{Opening, Ticket};
use crate::domain::timeline::{Entry, EntryKind};
use crate::error::Result;
use crate::store::people::Holder;
use crate::store::ticket::Watcher;
use crate::store::{self, Tx};

/// Addresses in copy that are looked at.
const COPIES: usize = 50;

impl Decision<'_> {
    /// Puts into an opening what the mail's words set. Later ones weigh more: a word, the form, a keyword of one of ours.
    pub(super) fn heed(
        &self,
        tx: &mut Tx,
        rule: &IntakeAddress,
        sender: &Sender,
        kind: Kind,
        title: &mut Title,
        opening: &mut Opening,
    ) -> Result<()> {
        let letter = self.letter;
        if kind == Kind::Incident
            && let Some((severity, word)) = rule.severity_words.find(&letter.subject, &letter.text)
        {
            opening.severity = Some(severity);
            opening.facts.set("severity_word", word);
        }
        if let Some(form) = rule.form_fields.read(&letter.text) {
            self.heed_form(tx, rule, sender, kind, title, opening, form)?;
        }
        if !sender.is_proven_staff() {
            return Ok(());
        }
        for (keyword, value) in rule.keywords.read(&quote::typed(&letter.text)) {
            let folded = value.to_lowercase();
            match keyword {
                Keyword::Severity if kind == Kind::Incident => {
                    opening.severity = folded.parse().ok().or(opening.severity);
                }
                Keyword::Priority if kind == Kind::Task => {
                    opening.priority = folded.parse().ok().or(opening.priority);
                }
                Keyword::Severity | Keyword::Priority => {}
                Keyword::Service => {
                    let found = store::house::services(tx)?
                        .into_iter()
                        .find(|service| service.is_active && service.name.to_lowercase() == folded);
                    if let Some(service) = found {
                        opening.services = vec![service.id];
                        opening.team = Some(service.team_id);
                    }
                }
                Keyword::Customer => {
                    if let Some(customer) = store::customer::by_name(tx, value)? {
                        asks_for(opening, sender, customer);
                    }
                }
                Keyword::Label => opening.labels.extend(label(value)),
            }
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn heed_form(
        &self,
        tx: &mut Tx,
        rule: &IntakeAddress,
        sender: &Sender,
        kind: Kind,
        title: &mut Title,
        opening: &mut Opening,
        form: Form,
    ) -> Result<()> {
        if let Some(wanted) = &form.title {
            *title = Title::from_foreign(wanted, title.as_str());
        }
        if let Some(said) = form.severity.filter(|_| kind == Kind::Incident) {
            let named = said.to_lowercase().parse::<Severity>().ok();
            let by_word = || Some(rule.severity_words.find(&said, "")?.0);
            opening.severity = named.or_else(by_word).or(opening.severity);
        }
        opening.callback_number = form.number;
        if let Some(caller) = form.caller {
            opening.facts.set("caller", caller);
        }
        // Whoever is on no list of ours speaks for no customer.
        if let Some(name) = form.customer.filter(|_| sender.is_known())
            && let Some(customer) = store::customer::by_name(tx, &name)?
        {
            asks_for(opening, sender, customer);
        }
        Ok(())
    }

    /// What one of ours put above a text that came to a ticket, done; the entries that say so.
    pub(super) fn obey(
        &self,
        tx: &mut Tx,
        rule: Option<&IntakeAddress>,
        sender: &Sender,
        ticket: &mut Ticket,
    ) -> Result<Vec<Entry>> {
        let Some(rule) = rule.filter(|_| sender.is_proven_staff()) else {
            return Ok(Vec::new());
        };
        let mut entries = Vec::new();
        for (keyword, value) in rule.keywords.read(&quote::typed(&self.letter.text)) {
            let folded = value.to_lowercase();
            // What a ticket refuses, such as the severity that it has, changes nothing; the text says what was wanted.
            let done = match keyword {
                Keyword::Severity => folded
                    .parse()
                    .ok()
                    .and_then(|to| ticket.change_severity(to, "").ok()),
                Keyword::Priority => folded
                    .parse()
                    .ok()
                    .and_then(|to| ticket.change_priority(to).ok()),
                Keyword::Label => match label(value) {
                    Some(label) if store::ticket::label(tx, ticket.id, &label)? => {
                        Some(Entry::new(EntryKind::Labelled).fact("label", label))
                    }
                    _ => None,
                },
                Keyword::Service | Keyword::Customer => None,
            };
            let (actor, name) = sender.author();
            entries.extend(done.map(|entry| entry.author(actor, name)));
        }
        Ok(entries)
    }

    /// Contacts of the ticket's customer who are named in To or Cc by one of theirs watch it from now on, where the address says so.
    pub(super) fn watch_copies(
        &self,
        tx: &mut Tx,
        rule: Option<&IntakeAddress>,
        sender: &Sender,
        ticket: &mut Ticket,
    ) -> Result<()> {
        let takes_copies = rule.is_some_and(|rule| rule.takes_copies);
        let is_theirs = sender.customer.is_some() && sender.customer == ticket.customer;
        if !takes_copies || !is_theirs || sender.contact.is_none() {
            return Ok(());
        }
        let named = self.letter.to.iter().chain(&self.letter.cc);
        let mut entries = Vec::new();
        for address in named.take(COPIES) {
            if self.house.is_own(address) || is_nobody(address) {
                continue;
            }
            let Some(Holder::Contact(id)) = store::people::holder(tx, address)? else {
                continue;
            };
            let contact = store::people::contact(tx, id)?.filter(|contact| {
                contact.is_active && Some(contact.customer_id) == ticket.customer
            });
            if let Some(contact) = contact
                && store::ticket::watch(tx, ticket.id, Watcher::Contact(id), self.ctx.now)?
            {
                entries.push(Entry::new(EntryKind::WatcherAdded).fact("name", contact.name));
            }
        }
        if !entries.is_empty() {
            store::search::reindex(tx, ticket)?;
            record(tx, self.ctx, ticket, entries)?;
        }
        Ok(())
    }
}

/// The ticket is this customer's; a contact of another one stays whom we answer.
fn asks_for(opening: &mut Opening, sender: &Sender, customer: CustomerId) {
    if sender.customer != Some(customer) {
        opening.requester = None;
        let address = sender.address.as_ref().map(ToString::to_string);
        opening.requester_address = opening.requester_address.take().or(address);
    }
    opening.customer = Some(customer);
}

fn label(text: &str) -> Option<String> {
    let label = text::one_line("label", text, 40).ok()?;
    Some(label.to_lowercase())
}
