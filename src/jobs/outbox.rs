//! Sends what is queued: lease, still wanted?, write, hand over outside any transaction, settle.
//!
//! Two jobs share it. Pages, test pages and account letters have a thread of their own, so that a backlog of notices or a slow
//! relay that is busy with one never holds up a page.

use std::sync::Arc;
use std::time::Duration;

use super::outbox_clocks::{Gathered, LINES, gather};
use super::outbox_digest::{gather_late, late_notice};
use super::outbox_files;
use super::outbox_thread::{thread, with_their_number};
use super::{Again, Job};
use crate::actions;
use crate::actions::outbox as deliveries;
use crate::app::{App, Ctx};
use crate::domain::delivery::{Channel, DeliveryKind};
use crate::domain::id::{CustomerId, TicketKey};
use crate::domain::notify::Unsent;
use crate::domain::outgoing::{Calendar, Handover, OutgoingCall, OutgoingMail};
use crate::domain::page::Link;
use crate::domain::roster::Roster;
use crate::domain::seal::Seal;
use crate::domain::sla_agreement::Metric;
use crate::domain::text::EmailAddress;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::Door;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::render::event;
use crate::render::letter::{self, About};
use crate::store::outbox::Delivery;
use crate::store::{self, Conn};
use crate::words::Words;

pub(super) const PAGES: Job = Job {
    name: "pages",
    run: |app| run(app, 0..2, "pages"),
    rest: Duration::from_millis(5),
    // A relay that thinks for seconds about one page doesn't hold up the next.
    hands: 2,
};
pub(super) const LETTERS: Job = Job {
    name: "letters",
    run: |app| run(app, 2..i16::MAX, "letters"),
    rest: Duration::from_millis(100),
    // Each letter waits for three commits and a relay; side by side they share the commits.
    hands: 4,
};

/// Deliveries leased at a time: few, so that a more urgent one that comes in meanwhile is next.
const BATCH: i64 = 8;

/// What does the leasing: on SQLite one process sends, and its name outlives it, so that a restart finds its own leases.
fn worker(app: &App, lane: &str) -> String {
    if app.store.is_sqlite() {
        format!("{lane}@this")
    } else {
        format!("{lane}@{}", std::process::id())
    }
}

/// Frees what a process that died on this database had leased. Called once at start, before the jobs run.
pub fn release_leases(app: &App) -> Result<()> {
    for lane in ["pages", "letters"] {
        deliveries::release(app, &worker(app, lane))?;
    }
    Ok(())
}

fn run(app: &App, urgencies: std::ops::Range<i16>, lane: &str) -> Result<Again> {
    let ctx = app.system("outbox", Door::Clock);
    let leased = deliveries::lease(&ctx, &worker(app, lane), urgencies, BATCH)?;
    let is_full = leased.len() as i64 == BATCH;
    let house = match leased.is_empty() {
        true => return Ok(Again::Later),
        false => House::load(app)?,
    };
    for delivery in &leased {
        send(app, &house, delivery)?;
    }
    Ok(if is_full { Again::AtOnce } else { Again::Later })
}

/// What all letters have in common.
pub(super) struct House {
    pub(super) roster: Arc<Roster>,
    pub(super) public_url: Option<String>,
    host: String,
    from: Option<EmailAddress>,
    relay: Option<String>,
    /// Where answers to letters about tickets go, and what stands before a tag of it.
    intake: Option<(EmailAddress, char)>,
    seal: Seal,
}

impl House {
    fn load(app: &App) -> Result<Self> {
        app.store.read(|conn| {
            let roster = actions::roster::in_force(app, conn, app.time.now())?;
            let settings = &roster.settings;
            let public_url = app
                .config
                .public_url
                .clone()
                .or_else(|| settings.public_url.clone());
            let first = store::intake::addresses(conn)?
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
        })
    }
}

fn send(app: &App, house: &House, delivery: &Delivery) -> Result<()> {
    let ctx = app.system("outbox", Door::Clock);
    let unwanted = |conn: &mut Conn| unwanted(conn, house, delivery, ctx.now);
    if let Some((why, of_page)) = app.store.read(unwanted)? {
        if delivery.kind == DeliveryKind::Notice {
            deliveries::part(&ctx, &message_id(house, delivery, None))?;
        }
        return deliveries::cancel(&ctx, delivery, &Words::english().t(why), of_page);
    }
    match delivery.channel {
        Channel::Mail => send_mail(app, &ctx, house, delivery),
        Channel::Webhook => send_call(app, &ctx, house, delivery),
    }
}

/// Asked right before sending: a page that was acknowledged, a letter about a ticket that is gone. Why it isn't sent, as a key of
/// the catalogue and as the page log says it.
fn unwanted(
    conn: &mut Conn,
    house: &House,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<Option<(&'static str, Unsent)>> {
    if let Some(page) = delivery.page
        && let Some(why) = actions::page::unwanted(conn, page)?
    {
        let key = match why {
            Unsent::Newer => "unwanted-newer",
            _ => "unwanted-answered",
        };
        return Ok(Some((key, why)));
    }
    if delivery.kind == DeliveryKind::Notice
        && let Some(why) = actions::sla_notice::unwanted(conn, &delivery.facts)?
    {
        return Ok(Some((why, Unsent::Over)));
    }
    if late_notice(delivery, now).is_some()
        && deliveries::is_over(conn, &delivery.facts, delivery.ticket)?
    {
        return Ok(Some(("unwanted-over", Unsent::Over)));
    }
    if let Some(person) = delivery.person
        && delivery.kind != DeliveryKind::Account
        && !house
            .roster
            .person(person)
            .is_some_and(|person| person.is_active)
    {
        return Ok(Some(("unwanted-deactivated", Unsent::Deactivated)));
    }
    if let Some(None) = actions::webhook::of_delivery(conn, &delivery.facts)? {
        return Ok(Some(("unwanted-webhook-off", Unsent::NoAddress)));
    }
    Ok(None)
}

fn send_mail(app: &App, ctx: &Ctx<'_>, house: &House, delivery: &Delivery) -> Result<()> {
    let mailer = app.post.mailer(house.relay.as_deref(), &house.host);
    if !mailer.is_somewhere() {
        return deliveries::wait_for_relay(ctx, delivery);
    }
    let gathered = match late_notice(delivery, ctx.now) {
        Some(person) => gather_late(app, ctx, house, delivery, person)?,
        None => gather(app, ctx, house, delivery)?,
    };
    let gathered = match gathered {
        Gathered::Alone => None,
        Gathered::Together(about) => Some(about),
        Gathered::Later => return Ok(()),
    };
    let mail = match app.store.read(|conn| {
        let written = gathered.as_deref().unwrap_or(delivery);
        compose(conn, app, house, written, ctx.now)
    }) {
        Ok(mail) => mail,
        Err(error @ Error::Unavailable(_)) => return Err(error),
        Err(error) => {
            tracing::error!(%error, delivery = %delivery.id, "a letter could not be written");
            return deliveries::spoil(ctx, delivery, &error.to_string());
        }
    };
    let Some(number) = deliveries::begin(ctx, delivery, &mail.message_id)? else {
        return Ok(());
    };
    let outcome = mailer.send(&mail);
    finish(app, delivery, number, &outcome)
}

fn finish(app: &App, delivery: &Delivery, number: i32, outcome: &Handover) -> Result<()> {
    // The hand-over took its time: what it ended with is noted at its end.
    let ctx = app.system("outbox", Door::Clock);
    let word = match outcome {
        Handover::Accepted(_) => "accepted",
        Handover::Deferred(_) => "deferred",
        Handover::Refused(_) => "refused",
        Handover::Unsure(_) => "unsure",
    };
    metrics::counter!("watchkeeper_deliveries_total", "kind" => delivery.kind.as_str(), "outcome" => word).increment(1);
    if delivery.kind == DeliveryKind::Page && matches!(outcome, Handover::Accepted(_)) {
        let waited = ctx.now.micros_since(delivery.queued_at) as f64 / 1e6;
        metrics::histogram!("watchkeeper_page_handover_seconds").record(waited);
    }
    if !matches!(outcome, Handover::Accepted(_)) {
        tracing::warn!(delivery = %delivery.id, kind = %delivery.kind, number, outcome = word, "a message was not accepted");
    }
    deliveries::settle(&ctx, delivery, number, outcome)
}

/// The letter, from the ticket as it stands now.
pub(super) fn compose(
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
    let text = text_of(conn, delivery, ticket.as_ref(), frozen.as_deref())?;
    let key = ticket.as_ref().map(|ticket| ticket.key);
    let answers_to = house
        .intake
        .as_ref()
        .zip(key)
        .map(|((intake, separator), key)| house.seal.reply_address(intake, *separator, key));
    let (files, large) = outbox_files::of(conn, app, house, delivery, frozen.as_deref())?;
    let about = About {
        kind: delivery.kind,
        facts: &delivery.facts,
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
    let (in_reply_to, references) = thread(conn, delivery, ticket.as_ref(), &house.host)?;
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
        subject: with_their_number(conn, delivery, written.subject)?,
        text: written.text,
        html: written.html,
        in_reply_to,
        references,
        headers: letter::headers(delivery.kind, &house.host, &house.seal.loop_mark()),
        calendar: calendar(delivery, frozen.as_deref()),
        files,
        dated_at: now,
    })
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
pub(super) fn message_id(house: &House, delivery: &Delivery, key: Option<TicketKey>) -> String {
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

fn link(app: &App, house: &House, delivery: &Delivery) -> Option<String> {
    let url = house.public_url.as_deref()?;
    if let (Some(page), Some(person)) = (delivery.page, delivery.person) {
        let token = Link::new(page, person, delivery.queued_at).token(&app.signing_key);
        return Some(format!("{url}/n/{token}"));
    }
    if let Some(mail) = delivery.facts.get("mail") {
        // A request to join is answered where its text is shown.
        return Some(format!("{url}/mail/in/{mail}"));
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

fn send_call(app: &App, ctx: &Ctx<'_>, house: &House, delivery: &Delivery) -> Result<()> {
    let call = app
        .store
        .read(|conn| call(conn, app, house, delivery, ctx.now))?;
    let Some(number) = deliveries::begin(ctx, delivery, &call.id)? else {
        return Ok(());
    };
    let outcome = app.post.caller.send(&call);
    finish(app, delivery, number, &outcome)
}

/// A webhook's body: the frozen one, else the facts of the message.
fn call(
    conn: &mut Conn,
    app: &App,
    house: &House,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<OutgoingCall> {
    let frozen = match delivery.frozen {
        Some(hash) => store::blob::get(conn, hash)?,
        None => None,
    };
    let ticket = match delivery.ticket {
        Some(id) => store::ticket::by_id(conn, id)?,
        None => None,
    };
    let id = delivery.page.map_or(delivery.id.uuid(), |page| page.uuid());
    let hook = actions::webhook::of_delivery(conn, &delivery.facts)?.flatten();
    let told = delivery.facts.get("event").filter(|_| hook.is_some());
    let body = match (frozen, told) {
        (Some(bytes), _) => String::from_utf8_lossy(&bytes).into_owned(),
        (None, Some(event)) => event_body(conn, house, delivery, ticket.as_ref(), event, now)?,
        (None, None) => serde_json::json!({
            "type": letter::word(delivery.kind, &delivery.facts),
            "timestamp": now.rfc3339(),
            "data": {
                "id": id.to_string(),
                "ticket": ticket.as_ref().map(|ticket| ticket.key.to_string()),
                "title": ticket.as_ref().map(|ticket| ticket.title.to_string()),
                "severity": ticket.as_ref().and_then(|ticket| ticket.severity).map(|severity| severity.as_str()),
                "url": house.public_url.as_ref().zip(ticket.as_ref()).map(|(url, ticket)| format!("{url}/{}", ticket.key)),
                "acknowledge_url": link(app, house, delivery),
            },
        })
        .to_string(),
    };
    // A subscriber's call is signed with their secret, a person's with that person's.
    let secret = match (hook, delivery.person) {
        (Some(hook), _) => Some(hook.secret),
        (None, Some(person)) => {
            store::people::signing_secret(conn, person)?.map(|(secret, _)| secret)
        }
        (None, None) => None,
    };
    Ok(OutgoingCall {
        url: delivery.address.clone(),
        id: format!("msg_{}", id.simple()),
        body,
        secret,
        at: now,
    })
}

/// What a webhook's subscriber is told: the entry as it stands on the timeline, redacted if it was meanwhile.
fn event_body(
    conn: &mut Conn,
    house: &House,
    delivery: &Delivery,
    ticket: Option<&Ticket>,
    event: &str,
    now: Timestamp,
) -> Result<String> {
    let entry = match (ticket, delivery.entry_seq) {
        (Some(ticket), Some(seq)) => store::timeline::by_seq(conn, ticket.id, seq)?,
        _ => None,
    };
    let happened = entry.as_ref().map(|entry| event::Happened {
        seq: entry.seq,
        kind: entry.kind,
        at: entry.effective_at,
        actor_name: &entry.actor_name,
        door: entry.door,
        audience: entry.audience,
        body: &entry.body,
        facts: &entry.facts,
    });
    let url = house.public_url.as_deref();
    Ok(event::body(event, now, url, ticket, happened.as_ref()))
}
