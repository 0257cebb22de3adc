//! Mail that came in: stored raw before anything can fail, its verdict second. Nothing is dropped: what opens or joins no
//! ticket stands on the intake page with its reason.

use super::{allow, allow_ticket, record};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::delivery::DeliveryKind;
use crate::domain::id::{CustomerId, IntakeAddressId, Kind, MailId, TicketId};
use crate::domain::intake::{self as rules, HeldFor, IntakeAddress, MailState, Verdict, Way};
use crate::domain::letter::{
    self, Bounce, Clue, Landing, Letter, MESSAGE_ID_BYTES, Nature, Remark, Seal, Standing, landing,
    without_tag,
};
use crate::domain::people::Contact;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::text::{self, EmailAddress, Title};
use crate::domain::ticket::{Opening, Relation, State, Ticket};
use crate::domain::timeline::{Actor, Door, Entry, EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result, is_unique_violation};
use crate::store::blob::{self, Hash};
use crate::store::intake::{Blocked, StoredMail, arrived};
use crate::store::outbox::NewDelivery;
use crate::store::people::Holder;
use crate::store::ticket::Watcher;
use crate::store::{self, Tx};
use crate::words::Words;

/// Mails larger than this are written before the transaction that refers to them, so that they never hold the writer.
const SMALL_BYTES: usize = 256 * 1024;
/// Addresses of one mail that become known to its ticket.
const NAMED: usize = 50;

/// Takes a mail in: when this returns, it is durable. The clock of whatever becomes of it starts at this instant.
pub fn accept(
    app: &App,
    way: Way,
    from: Option<&str>,
    to: &[String],
    raw: &[u8],
) -> Result<MailId> {
    let ctx = app.system("mail", Door::Mail);
    // PostgreSQL's text holds no NUL.
    let from = from.map(|text| text.replace('\0', ""));
    let to: Vec<String> = to.iter().map(|text| text.replace('\0', "")).collect();
    let large = match raw.len() > SMALL_BYTES {
        true => Some(blob::put(&app.store, raw, ctx.now)?),
        false => None,
    };
    ctx.write(|tx| {
        let hash = match large {
            Some(hash) => hash,
            None => blob::put_in(tx, raw, ctx.now)?,
        };
        let mail = arrived(way, from.as_deref(), &to, hash, raw.len(), ctx.now);
        store::intake::insert(tx, &mail)?;
        Ok(mail.id)
    })
}

/// A stored mail that was read.
pub struct ReadMail {
    pub mail: StoredMail,
    pub letter: Letter,
    /// It carries our own loop mark.
    pub has_loop_mark: bool,
}

/// What every decision needs to know of the house; read once for a batch.
struct House {
    seal: Seal,
    rules: Vec<IntakeAddress>,
    /// Folded addresses that are ours.
    own: Vec<String>,
}

impl House {
    fn load(tx: &mut Tx, app: &App) -> Result<Self> {
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

    fn is_own(&self, address: &EmailAddress) -> bool {
        self.own.contains(&without_tag(address))
    }

    /// The rule of the address that the mail came to: by envelope, then as a relay wrote, then To and Cc.
    fn rule(&self, mail: &StoredMail, letter: &Letter) -> Option<&IntakeAddress> {
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

fn envelope_addresses(mail: &StoredMail) -> Vec<EmailAddress> {
    mail.envelope_to
        .iter()
        .filter_map(|text| EmailAddress::parse(text).ok())
        .collect()
}

/// Who wrote it, as far as the house knows them. Never verified by what the mail says of itself.
struct Sender {
    address: Option<EmailAddress>,
    shown: String,
    contact: Option<Contact>,
    is_staff: bool,
    /// Their customer, as a contact or by its mail domain.
    customer: Option<CustomerId>,
}

impl Sender {
    fn find(tx: &mut Tx, house: &House, letter: &Letter) -> Result<Self> {
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
    fn author(&self) -> (Actor, String) {
        match &self.contact {
            Some(contact) => (Actor::Contact(contact.id), contact.name.clone()),
            None => (Actor::Stranger, self.shown.clone()),
        }
    }

    fn standing(&self, tx: &mut Tx, ticket: &Ticket) -> Result<Standing> {
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
        if asked || store::intake::is_named(tx, ticket.id, &folded)? {
            return Ok(Standing::Known);
        }
        Ok(match (self.customer, ticket.customer) {
            (Some(theirs), Some(its)) if theirs == its => Standing::SameCustomer,
            (Some(_), _) => Standing::OtherCustomer,
            (None, _) => Standing::Unknown,
        })
    }
}

/// Decides about these mails in one transaction. Fails as a whole; the caller then tries them one by one.
pub fn settle(ctx: &Ctx<'_>, mails: &[ReadMail]) -> Result<()> {
    for read in mails {
        store_large_parts(ctx, &read.letter)?;
    }
    ctx.write(|tx| {
        let house = House::load(tx, ctx.app)?;
        for read in mails {
            if store::intake::claim(tx, read.mail.id, MailState::Waiting)? {
                let mut mail = read.mail.clone();
                Decision {
                    ctx,
                    house: &house,
                    letter: &read.letter,
                    forced: false,
                }
                .decide(tx, &mut mail, read.has_loop_mark)?;
            }
        }
        Ok(())
    })
}

/// Looking at this mail failed: it is looked at again, and after the last time held, visibly.
pub fn note_failure(ctx: &Ctx<'_>, id: MailId, why: &str) -> Result<()> {
    ctx.write(|tx| {
        if !store::intake::claim(tx, id, MailState::Waiting)? {
            return Ok(());
        }
        let mut mail = store::intake::by_id(tx, id)?.ok_or(Error::NotFound)?;
        mail.detail = why.chars().filter(|c| *c != '\0').take(500).collect();
        if mail.attempts >= rules::MOST_LOOKS {
            mail.state = MailState::Held;
            mail.verdict = Some(Verdict::Held);
            mail.held_for = Some(HeldFor::Failed);
            mail.settled_at = Some(ctx.now);
        }
        store::intake::update(tx, &mail)
    })
}

fn store_large_parts(ctx: &Ctx<'_>, letter: &Letter) -> Result<()> {
    for part in letter
        .parts
        .iter()
        .filter(|part| part.bytes.len() > SMALL_BYTES)
    {
        blob::put(&ctx.app.store, &part.bytes, ctx.now)?;
    }
    Ok(())
}

/// A person says that this mail is to be taken in after all: holds and automatic marks no longer count.
pub fn take_in(ctx: &Ctx<'_>, id: MailId, letter: &Letter) -> Result<StoredMail> {
    allow(&ctx.by, Action::HandleMail, Target::House)?;
    store_large_parts(ctx, letter)?;
    let mut ours = ctx.clone();
    ours.door = Door::Mail;
    ctx.write(|tx| {
        let mut mail = store::intake::by_id(tx, id)?.ok_or(Error::NotFound)?;
        let is_done = matches!(
            mail.verdict,
            Some(Verdict::Opened | Verdict::Appended | Verdict::Unreadable | Verdict::JoinRequest)
        );
        if is_done || !store::intake::claim(tx, id, mail.state)? {
            return Err(Refusal::new("mail-already-taken-in").into());
        }
        let house = House::load(tx, ctx.app)?;
        mail.held_for = None;
        Decision {
            ctx: &ours,
            house: &house,
            letter,
            forced: true,
        }
        .decide(tx, &mut mail, false)?;
        Ok(mail)
    })
}

/// A person looked at a held mail and lets it go. It stays in the ledger.
pub fn drop_held(ctx: &Ctx<'_>, id: MailId) -> Result<StoredMail> {
    allow(&ctx.by, Action::HandleMail, Target::House)?;
    ctx.write(|tx| {
        let mut mail = store::intake::by_id(tx, id)?.ok_or(Error::NotFound)?;
        if !store::intake::claim(tx, id, MailState::Held)? {
            return Err(Refusal::new("mail-not-held").into());
        }
        mail.state = MailState::Settled;
        mail.verdict = Some(Verdict::Dropped);
        mail.settled_at = Some(ctx.now);
        store::intake::update(tx, &mail)?;
        Ok(mail)
    })
}

/// Answers a join request: accepted, it is appended with the time of its own receipt; refused, it becomes a ticket of its own.
pub fn answer_join(ctx: &Ctx<'_>, id: MailId, letter: &Letter, accept: bool) -> Result<StoredMail> {
    allow(&ctx.by, Action::HandleMail, Target::House)?;
    store_large_parts(ctx, letter)?;
    let mut ours = ctx.clone();
    ours.door = Door::Mail;
    ctx.write(|tx| {
        let mut mail = store::intake::by_id(tx, id)?.ok_or(Error::NotFound)?;
        if mail.verdict != Some(Verdict::JoinRequest) {
            return Err(Refusal::new("mail-no-join-request").into());
        }
        let house = House::load(tx, ctx.app)?;
        let decision = Decision {
            ctx: &ours,
            house: &house,
            letter,
            forced: true,
        };
        let sender = Sender::find(tx, &house, letter)?;
        let asked = mail
            .ticket
            .ok_or_else(|| Error::internal("a join request without a ticket"))?;
        if accept {
            let ticket = store::ticket::by_id(tx, asked)?.ok_or(Error::NotFound)?;
            allow_ticket(tx, &ctx.by, Action::WorkOnTicket, &ticket)?;
            decision.append(tx, &mut mail, ticket, &sender, true)?;
        } else {
            decision.open(
                tx,
                &mut mail,
                &sender,
                &[(asked, Relation::RelatedTo)],
                "join-refused",
            )?;
        }
        store::intake::update(tx, &mail)?;
        Ok(mail)
    })
}

/// Join requests that nobody answered in time become tickets, by the clock.
pub fn open_stale_join(ctx: &Ctx<'_>, id: MailId, letter: &Letter) -> Result<()> {
    store_large_parts(ctx, letter)?;
    ctx.write(|tx| {
        let mut mail = store::intake::by_id(tx, id)?.ok_or(Error::NotFound)?;
        if mail.verdict != Some(Verdict::JoinRequest) {
            return Ok(());
        }
        let house = House::load(tx, ctx.app)?;
        let sender = Sender::find(tx, &house, letter)?;
        let asked: Vec<(TicketId, Relation)> = mail
            .ticket
            .map(|id| (id, Relation::RelatedTo))
            .into_iter()
            .collect();
        let decision = Decision {
            ctx,
            house: &house,
            letter,
            forced: true,
        };
        decision.open(tx, &mut mail, &sender, &asked, "join-unanswered")?;
        store::intake::update(tx, &mail)
    })
}

struct Decision<'a> {
    ctx: &'a Ctx<'a>,
    house: &'a House,
    letter: &'a Letter,
    /// A person decided that it is a real mail.
    forced: bool,
}

impl Decision<'_> {
    fn decide(&self, tx: &mut Tx, mail: &mut StoredMail, has_loop_mark: bool) -> Result<()> {
        let letter = self.letter;
        mail.subject = letter.subject.chars().take(500).collect();
        mail.from_shown = letter.from.shown.clone();
        mail.from_address = letter.from.address.as_ref().map(EmailAddress::folded);
        mail.message_id = letter
            .message_id
            .as_ref()
            .map(|id| id.chars().take(2_000).collect());
        if mail.dedupe_key.is_none() && self.is_repeat(tx, mail)? {
            return store::intake::update(tx, mail);
        }
        self.judge(tx, mail, has_loop_mark)?;
        store::intake::update(tx, mail)
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
        if let Some(first) = first.filter(|first| *first != mail.id) {
            self.repeat(tx, mail, first)?;
            return Ok(true);
        }
        let Some(key) = key else { return Ok(false) };
        mail.dedupe_key = Some(key.clone());
        // Another node may decide about its twin at this moment: the unique index says who was first.
        let marked = store::savepoint(tx, |tx| store::intake::update(tx, mail));
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

    fn repeat(&self, tx: &mut Tx, mail: &mut StoredMail, first: MailId) -> Result<()> {
        let known = store::intake::by_id(tx, first)?.ok_or(Error::NotFound)?;
        mail.duplicate_of = Some(first);
        mail.ticket = known.ticket;
        mail.entry_seq = known.entry_seq;
        self.conclude(mail, Verdict::Duplicate, "");
        Ok(())
    }

    fn conclude(&self, mail: &mut StoredMail, verdict: Verdict, detail: &str) {
        mail.state = MailState::Settled;
        mail.verdict = Some(verdict);
        mail.detail = detail.to_owned();
        mail.settled_at = Some(self.ctx.now);
    }

    fn hold(&self, mail: &mut StoredMail, why: HeldFor, detail: &str) {
        self.conclude(mail, Verdict::Held, detail);
        mail.state = MailState::Held;
        mail.held_for = Some(why);
    }

    fn judge(&self, tx: &mut Tx, mail: &mut StoredMail, has_loop_mark: bool) -> Result<()> {
        let letter = self.letter;
        let sender = Sender::find(tx, self.house, letter)?;
        if !self.forced {
            let from_ourselves = letter
                .from
                .address
                .as_ref()
                .is_some_and(|from| self.house.is_own(from))
                && sender.address.is_none();
            let is_ours = letter
                .message_id
                .as_deref()
                .is_some_and(|id| self.house.seal.made(id));
            if has_loop_mark || is_ours || from_ourselves {
                self.hold(mail, HeldFor::Loop, "");
                return Ok(());
            }
            if let Some(address) = &sender.address
                && let Some(pattern) = store::intake::find_block(tx, &rules::patterns_for(address))?
            {
                self.hold(mail, HeldFor::Blocked, &pattern);
                return Ok(());
            }
            match &letter.nature {
                Nature::Personal => {}
                Nature::OwnReturned => {
                    self.hold(mail, HeldFor::Loop, "");
                    return Ok(());
                }
                Nature::Bounce(bounce) => return self.bounced(tx, mail, bounce),
                Nature::Automatic(letter::Automatic::Generated)
                    if self
                        .house
                        .rule(mail, letter)
                        .is_some_and(|rule| rule.takes_generated) => {}
                Nature::Automatic(why) => return self.automatic(tx, mail, &sender, why.as_str()),
            }
            if self.is_flood(tx, mail)? {
                self.hold(mail, HeldFor::Flood, "");
                return Ok(());
            }
        }
        self.personal(tx, mail, &sender)
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

    /// The ticket that the mail points to, by the strongest clue that leads to one.
    fn find_ticket(
        &self,
        tx: &mut Tx,
        mail: &StoredMail,
    ) -> Result<(letter::Clues, Option<(Clue, Ticket)>)> {
        let clues = letter::clues(&self.house.seal, self.letter, &envelope_addresses(mail));
        for key in &clues.signed {
            if let Some(ticket) = store::ticket::by_key(tx, *key)? {
                let ticket = survivor(tx, ticket)?;
                return Ok((clues, Some((Clue::Signed, ticket))));
            }
        }
        for id in &clues.foreign {
            if let [only] = store::intake::tickets_of_message(tx, id)?[..]
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

    fn personal(&self, tx: &mut Tx, mail: &mut StoredMail, sender: &Sender) -> Result<()> {
        let (clues, found) = self.find_ticket(tx, mail)?;
        if let Some((clue, ticket)) = found {
            let standing = sender.standing(tx, &ticket)?;
            return match landing(clue, standing) {
                Landing::Appended => self.append(tx, mail, ticket, sender, false),
                Landing::AppendedNewcomer => self.append(tx, mail, ticket, sender, true),
                Landing::JoinRequest => self.ask_to_join(tx, mail, &ticket, sender, standing),
            };
        }
        let mut related = Vec::new();
        // Two tokens of two tickets: a ticket of its own, linked to those that the sender is known to.
        for key in clues.subject.iter().take(5) {
            if let Some(ticket) = store::ticket::by_key(tx, *key)?
                && sender.standing(tx, &ticket)? == Standing::Known
            {
                related.push((ticket.id, Relation::RelatedTo));
            }
        }
        self.open(
            tx,
            mail,
            sender,
            &related,
            if clues.is_forged { "forged" } else { "" },
        )
    }

    fn open(
        &self,
        tx: &mut Tx,
        mail: &mut StoredMail,
        sender: &Sender,
        related: &[(TicketId, Relation)],
        detail: &str,
    ) -> Result<()> {
        let (letter, words) = (self.letter, Words::english());
        let rule = self.house.rule(mail, letter);
        let is_unreadable = letter.remarks.contains(&Remark::Unreadable);
        let title = if is_unreadable {
            Title::from_foreign(&words.t("mail-unreadable-title"), "-")
        } else {
            Title::from_foreign(
                &letter::bare_subject(&letter.subject),
                &words.t("mail-no-subject"),
            )
        };
        let opening = Opening {
            severity: rule.and_then(|rule| rule.severity),
            body: self.text(),
            customer: sender.customer.or(rule.and_then(|rule| rule.customer)),
            requester: sender.contact.as_ref().map(|contact| contact.id),
            requester_address: match &sender.contact {
                Some(_) => None,
                None => sender
                    .address
                    .as_ref()
                    .map(|address| address.as_str().to_owned()),
            },
            team: rule.and_then(|rule| rule.team),
            services: rule.and_then(|rule| rule.service).into_iter().collect(),
            // The clocks start when the mail came, however long it waited here.
            impact_at: Some(mail.received_at),
            reported_at: Some(mail.received_at),
            ..Opening::default()
        };
        let kind = rule.map_or(Kind::Incident, |rule| rule.kind);
        let ticket =
            super::ticket::open_in(tx, self.ctx, kind, title, &opening, Some(sender.author()))?;
        for (other, relation) in related {
            store::ticket::link(tx, ticket.id, *relation, *other, self.ctx.now)?;
        }
        self.attach(tx, mail, &ticket, 1)?;
        self.name_people(tx, &ticket)?;
        self.answer(tx, mail, &ticket, sender)?;
        mail.ticket = Some(ticket.id);
        mail.entry_seq = Some(1);
        let verdict = if is_unreadable {
            Verdict::Unreadable
        } else {
            Verdict::Opened
        };
        self.conclude(mail, verdict, detail);
        Ok(())
    }

    fn text(&self) -> String {
        if self.letter.text.trim().is_empty() {
            Words::english().t("mail-no-text").into_owned()
        } else {
            self.letter.text.clone()
        }
    }

    fn append(
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
        let reopens = matches!(ticket.state, State::Resolved | State::Done) && !sender.is_staff;
        if reopens && !self.forced && self.reopened_lately(tx, &ticket)? >= rules::REOPENS_PER_HOUR
        {
            mail.ticket = Some(ticket.id);
            self.hold(mail, HeldFor::Reopens, "");
            return Ok(());
        }
        let mut entries = if sender.is_staff {
            // An address in From proves nobody: it stays among staff, and says how it came.
            vec![
                Entry::new(EntryKind::Note)
                    .body(self.text())
                    .fact("unverified", "yes"),
            ]
        } else {
            super::ticket::customer_wrote_in(tx, &mut ticket, &self.text(), self.ctx.now)?
        };
        if let Some(first) = entries.first_mut() {
            first.author = Some(sender.author());
            first.effective_at = Some(mail.received_at);
            first.source_id = Some(format!("mail.{}", mail.id));
            if is_newcomer {
                first.facts.set("newcomer", "yes");
            }
        }
        let recorded = record(tx, self.ctx, &mut ticket, entries)?;
        let seq = recorded.first().map_or(0, |entry| entry.seq);
        self.attach(tx, mail, &ticket, seq)?;
        if !is_newcomer {
            self.name_people(tx, &ticket)?;
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

    fn reopened_lately(&self, tx: &mut Tx, ticket: &Ticket) -> Result<usize> {
        let since = self.ctx.now.plus_secs(-3_600);
        let reopened = store::timeline::of_kinds(tx, ticket.id, &[EntryKind::Reopened])?;
        Ok(reopened
            .iter()
            .filter(|entry| entry.recorded_at >= since)
            .count())
    }

    /// The ticket, its state, clocks and watchers stay as they are; its owner hears of it.
    fn ask_to_join(
        &self,
        tx: &mut Tx,
        mail: &mut StoredMail,
        ticket: &Ticket,
        sender: &Sender,
        standing: Standing,
    ) -> Result<()> {
        mail.ticket = Some(ticket.id);
        self.conclude(mail, Verdict::JoinRequest, standing.as_str());
        let facts = Facts::new()
            .with("letter", "join_request")
            .with("from", &sender.shown)
            .with("mail", mail.id);
        super::letters::tell_owner(tx, self.ctx, ticket, &format!("join.{}", mail.id), facts)
    }

    /// Kept on the ticket that it matches, else on the intake page; changes nothing.
    fn automatic(
        &self,
        tx: &mut Tx,
        mail: &mut StoredMail,
        sender: &Sender,
        why: &str,
    ) -> Result<()> {
        let (_, found) = self.find_ticket(tx, mail)?;
        if let Some((clue, ticket)) = found
            && landing(clue, sender.standing(tx, &ticket)?) == Landing::Appended
        {
            let entry = Entry::new(EntryKind::AutomaticMail).fact("why", why);
            self.note_on(tx, mail, ticket, entry.body(self.text()), sender)?;
        }
        self.conclude(mail, Verdict::Automatic, why);
        Ok(())
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
    fn bounced(&self, tx: &mut Tx, mail: &mut StoredMail, bounce: &Bounce) -> Result<()> {
        let ours = bounce.about.iter().filter(|id| self.house.seal.made(id));
        let mut about = None;
        for id in ours {
            if let Some(found) = store::intake::delivery_by_message(tx, id)? {
                about = Some(found);
                break;
            }
        }
        self.conclude(mail, Verdict::Bounce, &bounce.status);
        let Some((_, kind, Some(ticket))) = about else {
            return Ok(());
        };
        let to_customer = matches!(
            kind,
            DeliveryKind::Reply | DeliveryKind::AutoAnswer | DeliveryKind::Report
        );
        let Some(mut ticket) = store::ticket::by_id(tx, ticket)?.filter(|_| to_customer) else {
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
                .fact_some("to", bounce.recipient.as_ref())
                .at(mail.received_at)
                .source(format!("mail.{}", mail.id)),
        ];
        if bounce.is_permanent && kind == DeliveryKind::Reply && ticket.is_open() {
            // The answer that stopped the clock never arrived.
            entries.push(Entry::new(EntryKind::Unsatisfied).fact("cause", "bounce"));
        }
        let recorded = record(tx, self.ctx, &mut ticket, entries)?;
        mail.ticket = Some(ticket.id);
        mail.entry_seq = recorded.first().map(|entry| entry.seq);
        Ok(())
    }

    /// Files hang on the entry; where something was left out, the raw mail hangs there too.
    fn attach(&self, tx: &mut Tx, mail: &StoredMail, ticket: &Ticket, seq: i64) -> Result<()> {
        let now = self.ctx.now;
        for part in &self.letter.parts {
            let hash = match part.bytes.len() > SMALL_BYTES {
                true => Hash::of(&part.bytes),
                false => blob::put_in(tx, &part.bytes, now)?,
            };
            blob::attach(
                tx,
                ticket.id,
                seq,
                hash,
                &part.name,
                &part.media_type,
                part.bytes.len() as i64,
                now,
            )?;
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
            blob::attach(
                tx,
                ticket.id,
                seq,
                mail.raw,
                "mail.eml",
                "message/rfc822",
                mail.size_bytes,
                now,
            )?;
        }
        Ok(())
    }

    fn name_people(&self, tx: &mut Tx, ticket: &Ticket) -> Result<()> {
        let named = self
            .letter
            .to
            .iter()
            .chain(&self.letter.cc)
            .filter(|address| !self.house.is_own(address));
        for address in named.take(NAMED) {
            store::intake::name_on_ticket(tx, ticket.id, &address.folded())?;
        }
        Ok(())
    }

    /// One answer per new ticket to somebody known; a stranger gets at most one a day. Nothing of theirs is repeated.
    fn answer(
        &self,
        tx: &mut Tx,
        mail: &StoredMail,
        ticket: &Ticket,
        sender: &Sender,
    ) -> Result<()> {
        let Some(address) = answer_address(tx, self.letter, sender)? else {
            return Ok(());
        };
        if self.letter.wants_no_answer
            || self.forced && !matches!(self.letter.nature, Nature::Personal)
            || self.house.is_own(&address)
        {
            return Ok(());
        }
        let folded = address.folded();
        let is_known = sender.contact.is_some() || sender.is_staff;
        let key = if is_known {
            let since = self.ctx.now.plus_secs(-3_600);
            if store::intake::answers_since(tx, &folded, since)? >= rules::ANSWERS_PER_HOUR {
                return Ok(());
            }
            format!("answer.{}", ticket.id)
        } else {
            format!(
                "answer.{folded}.{}",
                mail.received_at.utc().format("%Y-%m-%d")
            )
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
}

/// Reply-To where it is of the sender's own domain or a contact of their customer, else the sender.
fn answer_address(tx: &mut Tx, letter: &Letter, sender: &Sender) -> Result<Option<EmailAddress>> {
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

/// The ticket that a merged one lives on in.
fn survivor(tx: &mut Tx, ticket: Ticket) -> Result<Ticket> {
    match ticket.merged_into {
        Some(into) => Ok(store::ticket::by_id(tx, into)?.unwrap_or(ticket)),
        None => Ok(ticket),
    }
}

/// Blocks a sender: a mail address, or `@domain`.
pub fn block(ctx: &Ctx<'_>, pattern: &str, reason: &str) -> Result<()> {
    allow(&ctx.by, Action::HandleMail, Target::House)?;
    let pattern = rules::block_pattern(pattern)?;
    let reason = text::optional_line("reason", reason, text::TITLE_CHARS)?.unwrap_or_default();
    ctx.write(|tx| {
        let own = House::load(tx, ctx.app)?.own;
        if own.contains(&pattern) {
            return Err(Refusal::new("block-own-address")
                .with("pattern", pattern.clone())
                .into());
        }
        let new = Blocked {
            pattern: pattern.clone(),
            reason: reason.clone(),
            blocked_at: ctx.now,
            blocked_by: ctx.by.person(),
        };
        if !store::intake::block(tx, &new)? {
            return Err(Refusal::new("already-blocked")
                .with("pattern", pattern.clone())
                .into());
        }
        Ok(())
    })
}

pub fn unblock(ctx: &Ctx<'_>, pattern: &str) -> Result<()> {
    allow(&ctx.by, Action::HandleMail, Target::House)?;
    ctx.write(|tx| {
        if store::intake::unblock(tx, pattern)? {
            Ok(())
        } else {
            Err(Error::NotFound)
        }
    })
}

/// Adds an address that takes mail, or changes one.
pub fn keep_address(
    ctx: &Ctx<'_>,
    wanted: &IntakeAddress,
    known: Option<IntakeAddressId>,
) -> Result<()> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    if wanted.kind == Kind::PostMortem {
        return Err(FieldError::new("kind", "no-mail-kind").into());
    }
    let written = ctx.write(|tx| match known {
        None => store::intake::insert_address(tx, wanted),
        Some(_) => store::intake::update_address(tx, wanted),
    });
    match written {
        Err(error) if is_unique_violation(&error) => {
            Err(FieldError::new("address", "address-taken")
                .with("value", wanted.address.to_string())
                .into())
        }
        other => other,
    }
}

/// The backlog: how many mails wait to be looked at, and how old the oldest is, in seconds.
pub fn backlog(app: &App, now: Timestamp) -> Result<(i64, i64)> {
    let (count, oldest) = app.store.read(store::intake::backlog)?;
    Ok((count, oldest.map_or(0, |at| now.secs_since(at).max(0))))
}
