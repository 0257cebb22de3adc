//! Who wrote a mail and where it came to, as far as the house knows either. Nothing that a mail says of itself proves anything.

use crate::app::App;
use crate::domain::id::CustomerId;
use crate::domain::intake::IntakeAddress;
use crate::domain::letter::{Letter, Standing, without_tag};
use crate::domain::people::Contact;
use crate::domain::seal::Seal;
use crate::domain::text::EmailAddress;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::Actor;
use crate::error::Result;
use crate::store::intake::StoredMail;
use crate::store::people::Holder;
use crate::store::ticket::Watcher;
use crate::store::{self, Tx};
use crate::words::Words;

/// What every decision needs to know of the house; read once for a batch.
pub(super) struct House {
    pub(super) seal: Seal,
    pub(super) rules: Vec<IntakeAddress>,
    /// Folded addresses that are ours.
    pub(super) own: Vec<String>,
}

impl House {
    pub(super) fn load(tx: &mut Tx, app: &App) -> Result<Self> {
        let rules: Vec<IntakeAddress> = store::intake::addresses(tx)?
            .into_iter()
            .filter(|rule| rule.is_active)
            .collect();
        let from = match &app.config.mail_from {
            Some(text) => EmailAddress::parse(text).ok(),
            None => store::settings::all(tx)?.mail_from,
        };
        let own = rules
            .iter()
            .map(|rule| rule.address.folded())
            .chain(from.map(|address| address.folded()))
            .collect();
        Ok(Self {
            seal: Seal::new(app.signing_key),
            rules,
            own,
        })
    }

    pub(super) fn is_own(&self, address: &EmailAddress) -> bool {
        self.own.contains(&without_tag(address))
    }

    /// The rule of the address that the mail came to: by envelope, then as a relay wrote, then To and Cc.
    pub(super) fn rule(&self, mail: &StoredMail, letter: &Letter) -> Option<&IntakeAddress> {
        let envelope = envelope_addresses(mail);
        let mut addresses = envelope
            .iter()
            .chain(&letter.delivered_to)
            .chain(&letter.to)
            .chain(&letter.cc);
        addresses.find_map(|address| {
            let bare = without_tag(address);
            self.rules.iter().find(|rule| rule.address.folded() == bare)
        })
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
    pub(super) is_staff: bool,
    /// Their customer, as a contact or by its mail domain.
    pub(super) customer: Option<CustomerId>,
}

impl Sender {
    pub(super) fn find(tx: &mut Tx, house: &House, letter: &Letter) -> Result<Self> {
        // A contact form writes as us; who filled it in is in Reply-To.
        let written = letter.from.address.as_ref();
        let address = match written {
            Some(own) if house.is_own(own) => letter
                .reply_to
                .iter()
                .find(|address| !house.is_own(address))
                .cloned(),
            other => other.cloned(),
        };
        let shown = match (&address, letter.from.shown.is_empty()) {
            (Some(address), _) if Some(address) != written => {
                format!("{} ({address})", letter.from.shown)
            }
            (_, true) => Words::english().t("mail-unknown-sender").into_owned(),
            (_, false) => letter.from.shown.clone(),
        };
        let mut sender = Self {
            address,
            shown,
            contact: None,
            is_staff: false,
            customer: None,
        };
        let Some(address) = &sender.address else {
            return Ok(sender);
        };
        match store::people::holder(tx, address)? {
            Some(Holder::Person(id)) => {
                sender.is_staff =
                    store::people::person(tx, id)?.is_some_and(|person| person.is_active);
            }
            Some(Holder::Contact(id)) => {
                let contact = store::people::contact(tx, id)?.filter(|contact| contact.is_active);
                sender.customer = contact.as_ref().map(|contact| contact.customer_id);
                sender.contact = contact;
            }
            None => {
                sender.customer = store::customer::by_domain(tx, &address.domain().to_lowercase())?
            }
        }
        Ok(sender)
    }

    /// As the timeline keeps them. A staff address proves nothing by itself: it is shown as it was written.
    pub(super) fn author(&self) -> (Actor, String) {
        match &self.contact {
            Some(contact) => (Actor::Contact(contact.id), contact.name.clone()),
            None => (Actor::Stranger, self.shown.clone()),
        }
    }

    pub(super) fn standing(&self, tx: &mut Tx, ticket: &Ticket) -> Result<Standing> {
        if self.is_staff {
            return Ok(Standing::Known);
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
            (Some(_), _) => Standing::OtherCustomer,
            (None, _) => Standing::Unknown,
        })
    }
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
    if let Some(reply_to) = letter.reply_to.first() {
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
    let local = from.folded();
    let is_nobody = [
        "noreply",
        "no-reply",
        "donotreply",
        "do-not-reply",
        "mailer-daemon",
        "postmaster",
    ]
    .iter()
    .any(|nobody| local.starts_with(nobody));
    Ok((!is_nobody).then(|| from.clone()))
}
