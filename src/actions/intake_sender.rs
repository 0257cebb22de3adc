//! Who wrote a mail and where it came to, as far as the house knows either. Nothing that a mail says of itself proves anything;
//! what our own relay says of it may.

use super::letters::is_hit_besides;
use crate::app::App;
use crate::domain::access::{Action, Principal, Target, may};
use crate::domain::id::{CustomerId, PersonId};
use crate::domain::intake::IntakeAddress;
use crate::domain::letter::{Automatic, Clue, Letter, Nature, Standing, without_tag};
use crate::domain::mail_clue::{Place, Who};
use crate::domain::mail_trace::{self, Proof};
use crate::domain::people::{Contact, Person};
use crate::domain::seal::Seal;
use crate::domain::text::EmailAddress;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Actor, Facts};
use crate::error::Result;
use crate::store::intake::StoredMail;
use crate::store::people::Holder;
use crate::store::ticket::Watcher;
use crate::store::{self, Tx};
use crate::words::{Value, Words};

/// What every decision needs to know of the house; read once for a batch.
pub(super) struct House {
    pub(super) seal: Seal,
    pub(super) rules: Vec<IntakeAddress>,
    /// Folded addresses that are ours besides those of the rules.
    sends_as: Option<String>,
    /// The relay whose word on senders counts.
    auth_relay: Option<String>,
    /// How often within an hour: automatic answers to one address, replies that reopen one ticket, answers to strangers.
    pub(super) answers_per_hour: i64,
    pub(super) reopens_per_hour: i64,
    pub(super) strangers_per_hour: i64,
    /// How long a mail may ask to join a ticket where no agreement says it.
    pub(super) join_minutes: i64,
}

impl House {
    pub(super) fn load(tx: &mut Tx, app: &App) -> Result<Self> {
        let rules: Vec<IntakeAddress> = store::intake_address::all(tx)?
            .into_iter()
            .filter(|rule| rule.is_active)
            .collect();
        let settings = store::settings::all(tx)?;
        let from = app.config.mail_from.clone().or(settings.mail_from);
        Ok(Self {
            seal: Seal::new(app.signing_key),
            rules,
            sends_as: from.map(|address| address.folded()),
            auth_relay: app.config.mail_auth_relay.clone(),
            answers_per_hour: settings.mail_answers_per_hour,
            reopens_per_hour: settings.mail_reopens_per_hour,
            strangers_per_hour: settings.mail_strangers_per_hour,
            join_minutes: settings.mail_join_minutes,
        })
    }

    pub(super) fn is_own(&self, address: &EmailAddress) -> bool {
        self.rules.iter().any(|rule| rule.takes(address))
            || self
                .sends_as
                .as_ref()
                .is_some_and(|own| *own == without_tag(address))
    }

    /// The rule of the address that the mail came to.
    pub(super) fn rule(&self, mail: &StoredMail, letter: &Letter) -> Option<&IntakeAddress> {
        self.way_in(mail, letter).map(|(_, _, rule)| rule)
    }

    /// The address that the mail came to and its rule: by envelope, then as a relay wrote, then To and Cc.
    pub(super) fn way_in(
        &self,
        mail: &StoredMail,
        letter: &Letter,
    ) -> Option<(Place, EmailAddress, &IntakeAddress)> {
        let envelope = envelope_addresses(mail);
        let places = [
            (Place::Envelope, &envelope),
            (Place::DeliveredTo, &letter.delivered_to),
            (Place::To, &letter.to),
            (Place::Cc, &letter.cc),
        ];
        places.into_iter().find_map(|(place, addresses)| {
            addresses
                .iter()
                .find_map(|address| Some((place, address.clone(), self.rule_of(address)?)))
        })
    }

    /// An address of its own goes before one that it is a tag of, a longer one before a shorter one.
    pub(super) fn rule_of(&self, address: &EmailAddress) -> Option<&IntakeAddress> {
        self.rules
            .iter()
            .filter(|rule| rule.takes(address))
            .max_by_key(|rule| (rule.is(address), rule.address.as_str().len()))
    }

    /// Whether this is list mail by a list that is a way in to us: then it counts as a person's.
    pub(super) fn is_by_our_list(&self, mail: &StoredMail, letter: &Letter) -> bool {
        let by_list = matches!(
            letter.nature,
            Nature::Automatic(Automatic::List | Automatic::Bulk)
        );
        let envelope = envelope_addresses(mail);
        by_list
            && envelope
                .iter()
                .chain(&letter.delivered_to)
                .chain(&letter.to)
                .chain(&letter.cc)
                .filter_map(|address| self.rule_of(address))
                .any(|rule| rule.takes_list)
    }

    /// A form on a web page writes as us, by a server that isn't ours; our own mail that comes back has our own envelope.
    pub(super) fn is_by_form(&self, mail: &StoredMail, letter: &Letter) -> bool {
        // Where no envelope is handed over, a relay of ours wrote it down.
        let written = letter.traces.return_path.as_deref();
        let envelope = mail.envelope_from.as_deref().or(written);
        let envelope = envelope.unwrap_or_default();
        EmailAddress::parse(envelope).is_ok_and(|address| !self.is_own(&address))
    }
}

pub(super) fn envelope_addresses(mail: &StoredMail) -> Vec<EmailAddress> {
    mail.envelope_to
        .iter()
        .filter_map(|text| EmailAddress::parse(text).ok())
        .collect()
}

/// Who wrote it, as far as the house knows them. Never verified by what the mail says of itself.
pub(super) struct Sender {
    pub(super) address: Option<EmailAddress>,
    pub(super) shown: String,
    pub(super) contact: Option<Contact>,
    /// The address is that of somebody of ours who may do by hand what a mail does.
    pub(super) person: Option<(PersonId, String)>,
    /// The address is that of somebody of ours, whatever they may do.
    pub(super) is_ours: bool,
    /// It isn't the one that the mail is from: a form, a list or one of ours says that they wrote it.
    is_told: bool,
    /// What our relay says of the address in From.
    pub(super) proof: Proof,
    /// Somebody on our lists who has no access now: whatever they were known by doesn't count.
    pub(super) is_former: bool,
    /// Who of ours passed it on.
    pub(super) forwarded_by: Option<String>,
    /// Their customer, as a contact or by its mail domain.
    pub(super) customer: Option<CustomerId>,
}

impl Sender {
    pub(super) fn find(
        tx: &mut Tx,
        house: &House,
        mail: &StoredMail,
        letter: &Letter,
    ) -> Result<Self> {
        let written = letter.from.address.as_ref();
        let not_ours = |address: &&EmailAddress| !house.is_own(address);
        let answered_to = || {
            let to = &letter.to;
            let other = |address: &&EmailAddress| !house.is_own(address) && !to.contains(address);
            letter.reply_to.iter().find(other).cloned()
        };
        let address = match written {
            _ if house.is_by_our_list(mail, letter) => letter
                .traces
                .original_from
                .clone()
                .or_else(answered_to)
                .or_else(|| written.filter(not_ours).cloned()),
            // A contact form writes as us; who filled it in is in Reply-To.
            Some(own) if house.is_own(own) => letter.reply_to.iter().find(not_ours).cloned(),
            other => other.cloned(),
        };
        let shown = match (&address, letter.from.shown.is_empty()) {
            (Some(address), _) if Some(address) != written => {
                format!("{} ({address})", letter.from.shown)
            }
            (_, true) => Words::english().t("mail-unknown-sender").into_owned(),
            (_, false) => letter.from.shown.clone(),
        };
        let is_told = address.as_ref() != written;
        let mut sender = Self::known_as(tx, address, shown)?;
        sender.is_told = is_told;
        let relay = house.auth_relay.as_deref();
        sender.forwarding(tx, house, letter, relay)
    }

    /// Whose address it is.
    fn known_as(tx: &mut Tx, address: Option<EmailAddress>, shown: String) -> Result<Self> {
        let mut sender = Self {
            address,
            shown,
            contact: None,
            person: None,
            is_ours: false,
            is_told: false,
            proof: Proof::Unproven,
            is_former: false,
            forwarded_by: None,
            customer: None,
        };
        let Some(address) = &sender.address else {
            return Ok(sender);
        };
        match store::people::holder(tx, address)? {
            Some(Holder::Person(id)) => {
                let person = store::people::person(tx, id)?.filter(|person| person.is_active);
                sender.is_ours = true;
                sender.is_former = person.as_ref().is_none_or(|person| person.roles.is_empty());
                let person = person.filter(works_on_tickets);
                sender.person = person.map(|person| (person.id, person.name));
            }
            Some(Holder::Contact(id)) => {
                let contact = store::people::contact(tx, id)?.filter(|contact| contact.is_active);
                sender.is_former = contact.is_none();
                sender.customer = contact.as_ref().map(|contact| contact.customer_id);
                sender.contact = contact;
            }
            None => {
                sender.customer = store::customer::by_domain(tx, &address.domain().to_lowercase())?
            }
        }
        Ok(sender)
    }

    /// What our relay says of them; and if one of ours who is proven passes a customer's mail on, the customer wrote it.
    fn forwarding(
        mut self,
        tx: &mut Tx,
        house: &House,
        letter: &Letter,
        relay: Option<&str>,
    ) -> Result<Self> {
        if self.address == letter.from.address {
            self.proof = mail_trace::proof(&letter.traces, relay, self.address.as_ref());
        }
        let Some((_, agent)) = self.person.clone().filter(|_| self.proof == Proof::Proven) else {
            return Ok(self);
        };
        let forwarded = mail_trace::is_forward(&letter.subject)
            .then(|| mail_trace::forwarded_author(&letter.text))
            .flatten();
        match forwarded {
            Some((shown, author)) if !house.is_own(&author) => {
                let mut customer = Self::known_as(tx, Some(author), shown)?;
                // One of ours quoted one of ours: that is their own mail.
                if customer.is_ours {
                    return Ok(self);
                }
                customer.is_told = true;
                customer.forwarded_by = Some(agent);
                Ok(customer)
            }
            _ => Ok(self),
        }
    }

    /// Somebody whom the house has on its lists.
    pub(super) const fn is_known(&self) -> bool {
        self.contact.is_some() || self.person.is_some()
    }

    pub(super) const fn is_staff(&self) -> bool {
        self.person.is_some()
    }

    /// One of ours who may not work on tickets, or has no access at all: no more than a stranger who asks for help.
    pub(super) const fn is_onlooker(&self) -> bool {
        self.is_ours && self.person.is_none()
    }

    /// What the reader of their words should know: whether they are surely theirs.
    pub(super) fn marks(&self) -> Facts {
        let is_unproven = self.is_told || self.is_staff() && self.proof != Proof::Proven;
        let is_refuted = self.proof == Proof::Refuted;
        // It is surely theirs, and still no more than a stranger's word.
        let is_powerless = self.is_onlooker() && !self.is_told && self.proof == Proof::Proven;
        let powerless = match self.is_former {
            true => Who::Former,
            false => Who::Onlooker,
        };
        Facts::new()
            .with_some("powerless", is_powerless.then_some(powerless))
            .with_some("unverified", is_unproven.then_some("yes"))
            .with_some("refuted", is_refuted.then_some("yes"))
    }

    /// One of ours, and our relay vouches for it.
    pub(super) fn is_proven_staff(&self) -> bool {
        self.is_staff() && self.proof == Proof::Proven
    }

    /// As the timeline keeps them. A staff address proves nothing by itself: it is shown as it was written.
    pub(super) fn author(&self) -> (Actor, String) {
        match (&self.contact, &self.person) {
            (Some(contact), _) => (Actor::Contact(contact.id), self.passed_on(&contact.name)),
            (None, Some((id, name))) if self.proof == Proof::Proven => {
                (Actor::Person(*id), name.clone())
            }
            _ => (Actor::Stranger, self.passed_on(&self.shown)),
        }
    }

    fn passed_on(&self, name: &str) -> String {
        let Some(agent) = &self.forwarded_by else {
            return name.to_owned();
        };
        let values = [
            ("name", Value::from(name)),
            ("agent", Value::from(agent.as_str())),
        ];
        let words = Words::english();
        words.with("mail-passed-on", &values).into_owned()
    }

    /// Who they are to a ticket that `clue` led to. An address of one of ours that nobody vouches for opens no ticket that it
    /// couldn't prove to have seen.
    pub(super) fn standing(&self, tx: &mut Tx, ticket: &Ticket, clue: Clue) -> Result<Standing> {
        if self.is_former {
            return Ok(Standing::Unknown);
        }
        if self.is_staff() {
            match (self.proof, clue) {
                (Proof::Proven, _) | (Proof::Unproven, Clue::Signed) => {
                    return Ok(Standing::Known);
                }
                (Proof::Refuted, _) => return Ok(Standing::Unknown),
                (Proof::Unproven, Clue::Foreign | Clue::Subject) => {}
            }
        }
        // Their own domain says that it isn't from them; a signed address they may have been given.
        if self.proof == Proof::Refuted && clue != Clue::Signed {
            return Ok(Standing::Unknown);
        }
        let Some(address) = &self.address else {
            return Ok(Standing::Unknown);
        };
        let folded = address.folded();
        if let Some(contact) = &self.contact {
            let watches =
                store::ticket::watchers(tx, ticket.id)?.contains(&Watcher::Contact(contact.id));
            if ticket.requester == Some(contact.id) || watches {
                return Ok(Standing::Known);
            }
        }
        let asked = ticket
            .requester_address
            .as_ref()
            .is_some_and(|known| known.to_lowercase() == folded);
        if asked || store::mail_named::is_named(tx, ticket.id, &folded)? {
            return Ok(Standing::Known);
        }
        Ok(match (self.customer, ticket.customer) {
            (Some(theirs), Some(its)) if theirs == its => Standing::SameCustomer,
            (Some(_), _) if self.is_hit_besides(tx, ticket)? => Standing::SameCustomer,
            (Some(_), _) => Standing::OtherCustomer,
            (None, _) => Standing::Unknown,
        })
    }

    /// Whether their customer isn't the ticket's own, but was hit too.
    fn is_hit_besides(&self, tx: &mut Tx, ticket: &Ticket) -> Result<bool> {
        match &self.contact {
            Some(contact) => is_hit_besides(tx, ticket, contact.customer_id),
            None => Ok(false),
        }
    }
}

/// Whether they may do in the browser what a mail of theirs does: open tickets, and note, label and rank there.
fn works_on_tickets(person: &Person) -> bool {
    let by = Principal::Person {
        id: person.id,
        name: person.name.clone(),
        roles: person.roles,
    };
    let deeds = [Action::OpenTicket, Action::WorkOnTicket];
    let may_do = |deed: &Action| may(&by, *deed, Target::House).is_ok();
    deeds.iter().all(may_do)
}

/// Reply-To where it is of the sender's own domain or a contact of their customer, else the sender.
pub(super) fn answer_address(
    tx: &mut Tx,
    letter: &Letter,
    sender: &Sender,
) -> Result<Option<EmailAddress>> {
    let Some(from) = &sender.address else {
        return Ok(None);
    };
    // Who passed a mail on has another's answers in mind.
    let reply_to = letter
        .reply_to
        .first()
        .filter(|_| sender.forwarded_by.is_none());
    if let Some(reply_to) = reply_to {
        if reply_to.domain().eq_ignore_ascii_case(from.domain()) {
            return Ok(Some(reply_to.clone()));
        }
        if let (Some(Holder::Contact(id)), Some(customer)) =
            (store::people::holder(tx, reply_to)?, sender.customer)
            && store::people::contact(tx, id)?
                .is_some_and(|contact| contact.customer_id == customer)
        {
            return Ok(Some(reply_to.clone()));
        }
    }
    Ok((!is_nobody(from)).then(|| from.clone()))
}

/// An address that says of itself that nobody reads it.
pub(super) fn is_nobody(address: &EmailAddress) -> bool {
    let local = address.folded();
    [
        "noreply",
        "no-reply",
        "donotreply",
        "do-not-reply",
        "mailer-daemon",
        "postmaster",
    ]
    .iter()
    .any(|nobody| local.starts_with(nobody))
}
