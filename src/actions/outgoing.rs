//! A letter as its recipient gets it, from the house as it stands. The job that sends it and whoever looks at it before it is sent read
//! the same words.

use std::sync::Arc;

use super::{letters, outgoing_files};
use crate::actions;
use crate::app::App;
use crate::domain::delivery::DeliveryKind;
use crate::domain::id::{CustomerId, TicketKey};
use crate::domain::outgoing::{Calendar, OutgoingMail};
use crate::domain::page::Link;
use crate::domain::roster::Roster;
use crate::domain::seal::Seal;
use crate::domain::sla_agreement::Metric;
use crate::domain::text::EmailAddress;
use crate::domain::ticket::Ticket;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::render::letter::{self, About};
use crate::store::outbox::Delivery;
use crate::store::{self, Conn};
use crate::words::Words;

/// The fact that carries the lines of a letter about several things.
pub const LINES: &str = "lines";

/// What all letters have in common.
pub struct House {
    pub roster: Arc<Roster>,
    pub public_url: Option<String>,
    pub host: String,
    from: Option<EmailAddress>,
    pub relay: Option<String>,
    /// Where answers to letters about tickets go, and what stands before a tag of it.
    intake: Option<(EmailAddress, char)>,
    seal: Seal,
}

impl House {
    pub fn load(conn: &mut Conn, app: &App) -> Result<Self> {
        let roster = actions::roster::in_force(app, conn, app.time.now())?;
        let settings = &roster.settings;
        let public_url = app
            .config
            .public_url
            .clone()
            .or_else(|| settings.public_url.clone());
        let first = store::intake_address::all(conn)?
            .into_iter()
            .find(|address| address.is_active);
        let intake = first.map(|rule| (rule.address, rule.separator));
        let configured = app.config.mail_from.clone();
        let from = configured
            .or_else(|| settings.mail_from.clone())
            .or_else(|| intake.clone().map(|(address, _)| address));
        let host = letter::host_of(public_url.as_deref());
        // A sender nobody set still has to be one: the relay may refuse it, visibly.
        let from = from.or_else(|| EmailAddress::parse(&format!("watchkeeper@{host}")).ok());
        Ok(Self {
            relay: app
                .config
                .smtp_relay
                .clone()
                .or_else(|| settings.smtp_relay.clone()),
            intake: intake.or_else(|| from.clone().map(|address| (address, '+'))),
            seal: Seal::new(app.signing_key),
            roster: Arc::clone(&roster),
            public_url,
            host,
            from,
        })
    }
}

/// The letter, from the ticket as it stands now; whoever sends it hangs it in its thread.
pub fn compose(
    conn: &mut Conn,
    app: &App,
    house: &House,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<OutgoingMail> {
    let from = house
        .from
        .clone()
        .ok_or_else(|| Error::internal(Words::english().t("unsendable-no-sender")))?;
    let to = EmailAddress::parse(&delivery.address).map_err(|_| {
        let words = Words::english();
        Error::internal(words.with(
            "unsendable-no-address",
            &[("address", delivery.address.as_str().into())],
        ))
    })?;
    let ticket = match delivery.ticket {
        Some(id) => store::ticket::by_id(conn, id)?,
        None => None,
    };
    let frozen = match delivery.frozen {
        Some(hash) => store::blob::get(conn, hash)?,
        None => None,
    };
    let recipient = recipient(conn, house, delivery)?;
    let text = match actions::freeze_ahead::text(conn, delivery, recipient.zone)? {
        Some(text) => Some(text),
        None => text_of(conn, delivery, ticket.as_ref(), frozen.as_deref())?,
    };
    let key = ticket.as_ref().map(|ticket| ticket.key);
    let answers_to = house
        .intake
        .as_ref()
        .zip(key)
        .map(|((intake, separator), key)| house.seal.reply_address(intake, *separator, key));
    let (files, large) = outgoing_files::of(conn, app, house, delivery, frozen.as_deref())?;
    let told =
        actions::approval_ask::told(conn, ticket.as_ref(), &delivery.facts, recipient.zone, now)?;
    let about = About {
        kind: delivery.kind,
        facts: told.as_ref().unwrap_or(&delivery.facts),
        house: &house.roster.settings.house_name,
        public_url: house.public_url.as_deref(),
        name: &recipient.name,
        zone: recipient.zone,
        is_own_zone: recipient.is_own_zone,
        is_staff: delivery.person.is_some(),
        ticket: ticket.as_ref(),
        text: text.as_deref(),
        link: link(app, house, delivery),
        answers_to: answers_to.as_deref(),
        promised_at: promised(conn, delivery, ticket.as_ref(), recipient.customer, now)?,
        large: &large,
    };
    let words = Words::in_language(&recipient.language);
    let written = written(conn, house, delivery, words, &about, now)?;
    Ok(OutgoingMail {
        message_id: message_id(house, delivery, key),
        from,
        from_name: house.roster.settings.house_name.clone(),
        to,
        to_name: recipient.name,
        bounces_to: house.intake.as_ref().and_then(|(intake, separator)| {
            house
                .seal
                .bounce_address(intake, *separator, delivery.id.uuid())
        }),
        reply_to: answers_to,
        subject: with_their_number(conn, delivery, ticket.as_ref(), written.subject)?,
        text: written.text,
        html: written.html,
        in_reply_to: None,
        references: Vec::new(),
        headers: headers(conn, app, house, delivery, ticket.as_ref())?,
        calendar: calendar(delivery, frozen.as_deref()),
        files,
        dated_at: now,
    })
}

fn headers(
    conn: &mut Conn,
    app: &App,
    house: &House,
    delivery: &Delivery,
    ticket: Option<&Ticket>,
) -> Result<Vec<(&'static str, String)>> {
    let mut lines = letter::headers(delivery.kind, &house.host, &house.seal.loop_mark());
    if let (DeliveryKind::Reply, Some(ticket), Some(contact)) =
        (delivery.kind, ticket, delivery.contact)
        && let Some(path) = actions::leave::path(conn, app, ticket, contact)?
    {
        lines.extend(letter::leaving(house.public_url.as_deref(), &path));
    }
    Ok(lines)
}

/// A page is worded by its own room: short enough for a lock screen, and plain text alone. Anything else is a letter.
fn written(
    conn: &mut Conn,
    house: &House,
    delivery: &Delivery,
    words: &Words,
    about: &About<'_>,
    now: Timestamp,
) -> Result<Forms> {
    let page = match delivery.page {
        Some(id) => store::page_log::page(conn, id)?,
        None => None,
    };
    if let (Some(page), Some(link)) = (page, &about.link) {
        let note = actions::page_note::note_of(conn, &house.roster, &page)?;
        let url = house.public_url.as_deref().unwrap_or_default();
        let text = crate::render::page::text(words, &note, link, url, now);
        return Ok(Forms {
            subject: text.subject,
            text: text.body,
            html: None,
        });
    }
    let written = letter::write(words, about).map_err(Error::internal)?;
    Ok(Forms {
        subject: written.subject,
        text: written.text,
        html: Some(written.html),
    })
}

struct Forms {
    subject: String,
    text: String,
    html: Option<String>,
}

/// One key for all channels and tries: the page's id for a page, the delivery's for anything else.
pub fn message_id(house: &House, delivery: &Delivery, key: Option<TicketKey>) -> String {
    let about = delivery.page.map_or(delivery.id.uuid(), |page| page.uuid());
    house.seal.message_id(about, key, &house.host)
}

struct Recipient {
    name: String,
    /// Whose contact it is.
    customer: Option<CustomerId>,
    zone: chrono_tz::Tz,
    /// It is theirs, not the house's for want of a better one.
    is_own_zone: bool,
    /// Of the customer; "" where nobody said.
    language: String,
}

fn recipient(conn: &mut Conn, house: &House, delivery: &Delivery) -> Result<Recipient> {
    if let Some(person) = delivery.person.and_then(|id| house.roster.person(id)) {
        return Ok(Recipient {
            name: person.name.clone(),
            customer: None,
            zone: person.zone,
            is_own_zone: true,
            language: String::new(),
        });
    }
    if let Some(id) = delivery.contact
        && let Some(contact) = store::people::contact(conn, id)?
    {
        let customer = store::customer::by_id(conn, contact.customer_id)?;
        let zone = contact
            .zone
            .or(customer.as_ref().map(|customer| customer.zone));
        return Ok(Recipient {
            name: contact.name,
            customer: Some(contact.customer_id),
            zone: zone.unwrap_or(house.roster.settings.house_zone),
            is_own_zone: zone.is_some(),
            language: customer.map_or_else(String::new, |customer| customer.language),
        });
    }
    let name = delivery.facts.get("name").unwrap_or_default().to_owned();
    Ok(Recipient {
        name,
        customer: None,
        zone: house.roster.settings.house_zone,
        is_own_zone: false,
        language: String::new(),
    })
}

/// What the letter quotes: the frozen text that somebody previewed, else the entry it is about.
fn text_of(
    conn: &mut Conn,
    delivery: &Delivery,
    ticket: Option<&Ticket>,
    frozen: Option<&[u8]>,
) -> Result<Option<String>> {
    if let Some(lines) = delivery.facts.get(LINES) {
        return Ok(Some(lines.to_owned()));
    }
    if delivery.kind == DeliveryKind::Reply
        && let Some(bytes) = frozen
    {
        return Ok(Some(String::from_utf8_lossy(bytes).into_owned()));
    }
    let (Some(ticket), Some(seq)) = (ticket, delivery.entry_seq) else {
        return Ok(None);
    };
    let entry = store::timeline::by_seq(conn, ticket.id, seq)?;
    Ok(entry
        .map(|entry| entry.body)
        .filter(|body| !body.is_empty()))
}

/// Where the one button of a letter leads, if not to its ticket.
pub fn link(app: &App, house: &House, delivery: &Delivery) -> Option<String> {
    let url = house.public_url.as_deref()?;
    if let (Some(page), Some(person)) = (delivery.page, delivery.person) {
        let token = Link::new(page, person, delivery.queued_at).token(&app.signing_key);
        return Some(format!("{url}/n/{token}"));
    }
    if let Some(mail) = delivery.facts.get("mail") {
        // A request to join is answered where its text is shown.
        return Some(format!("{url}/mail/in/{mail}"));
    }
    let person = delivery.person.and_then(|id| house.roster.person(id));
    let zone = person.map_or(house.roster.settings.house_zone, |person| person.zone);
    if let Some(place) = actions::freeze_ahead::place(&delivery.facts, zone) {
        return Some(format!("{url}{place}"));
    }
    if delivery.kind == DeliveryKind::Account {
        return actions::login::letter_path(app, &delivery.facts)
            .map(|path| format!("{url}{path}"));
    }
    None
}

/// What the clock of a customer's next update guards: when they hear from us at the latest, whether agreed or promised. Nothing while
/// none runs, once it is late, and for staff. `customer`: whose contact reads it; a bare address is of whoever asked.
fn promised(
    conn: &mut Conn,
    delivery: &Delivery,
    ticket: Option<&Ticket>,
    customer: Option<CustomerId>,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let Some(ticket) = ticket else {
        return Ok(None);
    };
    if delivery.person.is_some() || !ticket.is_open() {
        return Ok(None);
    }
    let party = customer.or(ticket.customer);
    let due = store::sla::of_ticket(conn, ticket.id)?
        .into_iter()
        .filter(|row| row.metric == Metric::Update && row.customer_id == party)
        .filter(|row| row.state.is_open())
        .find_map(|row| row.deadline_at);
    Ok(due.filter(|at| *at > now))
}

fn calendar(delivery: &Delivery, frozen: Option<&[u8]>) -> Option<Calendar> {
    if delivery.kind != DeliveryKind::Invitation {
        return None;
    }
    let text = String::from_utf8_lossy(frozen?).into_owned();
    let method = if text.contains("METHOD:CANCEL") {
        "CANCEL"
    } else {
        "REQUEST"
    };
    Some(Calendar {
        method: method.to_owned(),
        text,
    })
}

/// A counterpart's tracker files our answer under its own number, if the subject has it.
fn with_their_number(
    conn: &mut Conn,
    delivery: &Delivery,
    ticket: Option<&Ticket>,
    subject: String,
) -> Result<String> {
    let (DeliveryKind::Reply, Some(ticket)) = (delivery.kind, ticket) else {
        return Ok(subject);
    };
    // Whose number it is isn't known: another customer who was hit isn't shown it.
    if letters::other_reader(conn, ticket, delivery.contact)?.is_some() {
        return Ok(subject);
    }
    let numbers = store::mail_mark::of_ticket(conn, ticket.id, "number:")?;
    Ok(match numbers.first() {
        Some(number) if !subject.contains(number.as_str()) => format!("{subject} [{number}]"),
        _ => subject,
    })
}
