//! Mails that ask to join a ticket: how long they may, who is told and warned, and what the answer, or none, makes of them.
//!
//! Until when somebody decides is kept with the request: agreements and settings that change later move no request that stands.

use super::intake::store_large_parts;
use super::intake_sender::{House, Sender};
use super::intake_verdict::Decision;
use super::{allow, allow_ticket, letters, roster, sla};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::{Id, MailId, TicketId};
use crate::domain::intake::Verdict;
use crate::domain::letter::{Letter, Standing};
use crate::domain::mail_join::{self, Patience};
use crate::domain::refusal::Refusal;
use crate::domain::sla_agreement::Case;
use crate::domain::ticket::{Relation, Ticket};
use crate::domain::timeline::{Door, Facts};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::intake::StoredMail;
use crate::store::{self, Conn, Tx};

impl Decision<'_> {
    /// The ticket, its state, clocks and watchers stay as they are; its owner hears of it, and until when to decide.
    pub(super) fn ask_to_join(
        &self,
        tx: &mut Tx,
        mail: &mut StoredMail,
        ticket: &Ticket,
        sender: &Sender,
        standing: Standing,
    ) -> Result<()> {
        let patience = patience(tx, self.ctx, ticket, mail.received_at, self.house)?;
        mail.ticket = Some(ticket.id);
        self.conclude(mail, Verdict::JoinRequest, standing.as_str());
        mail.join_due_at = Some(patience.due_at);
        mail.join_warn_at = patience.warn_at;
        let facts = facts("join_request", &sender.shown, mail.id, patience.due_at);
        letters::tell_in_charge(tx, self.ctx, ticket, &format!("join.{}", mail.id), &facts)
    }
}

/// How long a mail received at `from` may ask to join this ticket, by the agreement that holds for the ticket now.
fn patience(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    from: Timestamp,
    house: &House,
) -> Result<Patience> {
    let book = sla::book(ctx.app, tx)?;
    let services = match book.asks_for_services() {
        true => store::ticket::services(tx, ticket.id)?,
        false => Vec::new(),
    };
    let case = Case {
        customer: ticket.customer,
        kind: ticket.key.kind,
        severity: ticket.severity,
        services: &services,
    };
    let terms = book.terms_for(&case, from, false);
    Ok(mail_join::patience(&terms, from, house.join_minutes * 60))
}

fn facts(letter: &str, from: &str, mail: MailId, until: Timestamp) -> Facts {
    Facts::new()
        .with("letter", letter)
        .with("from", from)
        .with("mail", mail)
        .with("until", until.rfc3339())
}

/// Nobody has answered, and the time for it runs out: whoever has the ticket is told once; where nobody has it, whoever is on call.
pub fn warn_of_join(ctx: &Ctx<'_>, id: MailId) -> Result<()> {
    ctx.write(|tx| {
        let mut mail = store::intake::by_id(tx, id)?.ok_or(Error::NotFound)?;
        let is_due = mail.join_warn_at.is_some_and(|at| at <= ctx.now);
        let (Some(until), Some(asked), true) = (mail.join_due_at, mail.ticket, is_due) else {
            return Ok(());
        };
        mail.join_warn_at = None;
        store::intake::update(tx, &mail)?;
        if until <= ctx.now {
            return Ok(());
        }
        let ticket = store::ticket::by_id(tx, asked)?.ok_or(Error::NotFound)?;
        let facts = facts("join_soon", &mail.from_shown, id, until);
        let key = format!("join-soon.{id}");
        let on_duty = match (ticket.owner, ticket.team) {
            (None, Some(team)) => roster::in_force(ctx.app, tx, ctx.now)?.on_duty(team, ctx.now),
            _ => Vec::new(),
        };
        if on_duty.is_empty() {
            return letters::tell_in_charge(tx, ctx, &ticket, &key, &facts);
        }
        for person in on_duty {
            letters::notice(tx, ctx, &ticket, None, person, &key, facts.clone())?;
        }
        Ok(())
    })
}

/// Why a letter about a request says nothing to anybody any more, as a key of the catalogue: somebody has answered it.
pub fn unwanted(conn: &mut Conn, facts: &Facts) -> Result<Option<&'static str>> {
    let is_about_one = matches!(facts.get("letter"), Some("join_request" | "join_soon"));
    let id = facts.get("mail").and_then(Id::parse);
    let Some(id) = id.filter(|_| is_about_one) else {
        return Ok(None);
    };
    let mail = store::intake::by_id(conn, id)?;
    let still_asks = mail.is_some_and(|mail| mail.verdict == Some(Verdict::JoinRequest));
    Ok((!still_asks).then_some("unwanted-join-answered"))
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
            is_rehearsal: false,
        };
        let sender = Sender::find(tx, &house, &mail, letter)?;
        let asked = mail
            .ticket
            .ok_or_else(|| Error::internal("a join request without a ticket"))?;
        if accept {
            let ticket = store::ticket::by_id(tx, asked)?.ok_or(Error::NotFound)?;
            allow_ticket(tx, &ctx.by, Action::WorkOnTicket, &ticket)?;
            decision.append(tx, &mut mail, ticket, &sender, true)?;
            let joined = store::ticket::by_id(tx, asked)?.ok_or(Error::NotFound)?;
            decision.name_sender(tx, &joined, &sender)?;
        } else {
            decision.open(
                tx,
                &mut mail,
                &sender,
                &[(asked, Relation::RelatedTo)],
                "join-refused",
            )?;
        }
        decision.let_be_found(tx, &mail)?;
        store::intake::update(tx, &mail)?;
        sla::tell_queue(tx, asked)?;
        Ok(mail)
    })
}

/// Join requests that nobody answered in time become tickets, by the clock.
pub fn open_stale_join(ctx: &Ctx<'_>, id: MailId, letter: &Letter) -> Result<()> {
    store_large_parts(ctx, letter)?;
    ctx.write(|tx| {
        let mut mail = store::intake::by_id(tx, id)?.ok_or(Error::NotFound)?;
        let is_due = mail.join_due_at.is_some_and(|at| at <= ctx.now);
        if mail.verdict != Some(Verdict::JoinRequest) || !is_due {
            return Ok(());
        }
        let house = House::load(tx, ctx.app)?;
        let sender = Sender::find(tx, &house, &mail, letter)?;
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
            is_rehearsal: false,
        };
        decision.open(tx, &mut mail, &sender, &asked, "join-unanswered")?;
        decision.let_be_found(tx, &mail)?;
        store::intake::update(tx, &mail)?;
        let mut asked = asked.iter();
        asked.try_for_each(|(ticket, _)| sla::tell_queue(tx, *ticket))
    })
}
