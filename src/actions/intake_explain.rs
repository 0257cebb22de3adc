//! What would become of a mail, and why, without taking it in: it is decided about by the very rules, and whatever they write is
//! undone. Only a ticket isn't opened, since its number would be gone.

use super::intake_sender::{House, Sender, envelope_addresses};
use super::intake_verdict::{Decision, Marks};
use super::ticket::team_for;
use super::ticket_merge::survivor;
use crate::app::Ctx;
use crate::domain::alert_mail::AlertMail;
use crate::domain::delivery::DeliveryKind;
use crate::domain::id::{CustomerId, ServiceId, TeamId};
use crate::domain::intake::{IntakeAddress, LoopSign, Verdict, Way};
use crate::domain::letter::{Clue, Landing, Letter, Nature, Standing, landing, stored_id};
use crate::domain::mail_clue::{self, FoundBy, Place, Pointer, Says, Who};
use crate::domain::mail_trace::Proof;
use crate::domain::text::EmailAddress;
use crate::domain::ticket::Ticket;
use crate::error::Result;
use crate::store::intake::{StoredMail, arrived};
use crate::store::timeline::Recorded;
use crate::store::{self, Tx, blob};

/// The sender, as far as the house knows them.
#[derive(Debug, Clone)]
pub struct Seen {
    pub shown: String,
    pub address: Option<String>,
    pub who: Who,
    pub customer: Option<String>,
    pub proof: Proof,
    pub forwarded_by: Option<String>,
}

/// The ticket that a mail points to.
#[derive(Debug, Clone)]
pub struct Hit {
    pub by: FoundBy,
    /// Which of the pointers decided.
    pub pointer: Option<usize>,
    pub ticket: Ticket,
    pub standing: Standing,
}

/// The address by which it came, and its rule.
#[derive(Debug, Clone)]
pub struct Route {
    pub place: Place,
    /// As the mail has it, with its tag.
    pub address: EmailAddress,
    pub rule: IntakeAddress,
    pub names: Names,
}

/// Names that people know things by.
#[derive(Debug, Clone, Default)]
pub struct Names {
    pub customer: Option<String>,
    pub team: Option<String>,
    pub service: Option<String>,
}

/// What it comes to.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A new ticket, which has no number yet, and where its automatic answer would go.
    Opens {
        ticket: Box<Ticket>,
        names: Names,
        answer_to: Option<EmailAddress>,
        /// Answered at most once a day.
        is_stranger: bool,
    },
    /// Something on a ticket that is there, and the letters that go out for it.
    Changes {
        ticket: Box<Ticket>,
        entry: Option<Box<Recorded>>,
        letters: Vec<(DeliveryKind, String)>,
    },
    /// No ticket has to do with it.
    Nothing,
}

/// A mail, looked through.
#[derive(Debug, Clone)]
pub struct Explained {
    /// As it would stand in the ledger.
    pub mail: StoredMail,
    pub sender: Seen,
    pub loop_sign: Option<LoopSign>,
    pub by_our_list: bool,
    pub alert: Option<AlertMail>,
    pub pointers: Vec<Pointer<'static>>,
    /// An id or address of ours isn't genuine: the mail is matched with nothing.
    pub is_forged: bool,
    pub hit: Option<Hit>,
    pub route: Option<Route>,
    /// Other addresses that it came to and that ask for a ticket of their own.
    pub besides: Vec<EmailAddress>,
    pub outcome: Outcome,
}

/// Decides about a mail that comes now, and undoes it.
pub fn explain(
    ctx: &Ctx<'_>,
    from: Option<&str>,
    to: &[String],
    raw: &[u8],
    letter: &Letter,
    has_loop_mark: bool,
) -> Result<Explained> {
    let from = from.map(|text| text.replace('\0', ""));
    let to: Vec<String> = to.iter().map(|text| text.replace('\0', "")).collect();
    ctx.undone(|ctx| {
        ctx.write(|tx| {
            let hash = blob::put_in(tx, raw, ctx.now)?;
            for part in &letter.parts {
                blob::put_in(tx, &part.bytes, ctx.now)?;
            }
            let mail = arrived(Way::Pipe, from.as_deref(), &to, hash, raw.len(), ctx.now);
            store::intake::insert(tx, &mail)?;
            let house = House::load(tx, ctx.app)?;
            let decision = Decision {
                ctx,
                house: &house,
                letter,
                forced: false,
                is_rehearsal: true,
            };
            decision.look_through(tx, mail, has_loop_mark)
        })
    })
}

impl Decision<'_> {
    fn look_through(
        &self,
        tx: &mut Tx,
        mut mail: StoredMail,
        has_loop_mark: bool,
    ) -> Result<Explained> {
        let letter = self.letter;
        let sender = Sender::find(tx, self.house, &mail, letter)?;
        let envelope = envelope_addresses(&mail);
        let pointers = mail_clue::pointers(&self.house.seal, letter, &envelope);
        let (is_forged, hit) = self.hit(tx, &mail, &sender, &pointers)?;
        let route = match self.house.way_in(&mail, letter) {
            Some((place, address, rule)) => Some(Route {
                place,
                address,
                names: names(tx, rule.customer, rule.team, rule.service)?,
                rule: rule.clone(),
            }),
            None => None,
        };
        let customer = names(tx, sender.customer, None, None)?.customer;
        let seen = Seen {
            shown: sender.shown.clone(),
            address: sender.address.as_ref().map(EmailAddress::folded),
            who: match (&sender.contact, &sender.person) {
                _ if sender.is_former => Who::Former,
                _ if sender.is_onlooker() => Who::Onlooker,
                (Some(_), _) => Who::Contact,
                (None, Some(_)) => Who::Staff,
                (None, None) => Who::Stranger,
            },
            customer,
            proof: sender.proof,
            forwarded_by: sender.forwarded_by.clone(),
        };
        let loop_sign = self.loop_of(&mail, &sender, has_loop_mark);
        let by_our_list = self.house.is_by_our_list(&mail, letter);
        let alert = self.alert_of(&mail);
        let marks = Marks {
            has_loop_mark,
            is_cut: false,
        };
        self.decide(tx, &mut mail, marks)?;
        let first = match mail.duplicate_of {
            Some(first) => store::intake::by_id(tx, first)?,
            None => None,
        };
        let besides = match &first {
            Some(first) => self.unserved(tx, first, Some(&mail))?,
            None => self.unserved(tx, &mail, None)?,
        };
        let besides = besides.into_iter().map(|(address, _)| address).collect();
        let outcome = self.outcome(tx, &mail, &sender)?;
        Ok(Explained {
            besides,
            mail,
            sender: seen,
            loop_sign,
            by_our_list,
            alert,
            pointers: pointers
                .into_iter()
                .map(|pointer| Pointer {
                    place: pointer.place,
                    text: pointer.text.into_owned().into(),
                    says: pointer.says,
                })
                .collect(),
            is_forged,
            hit,
            route,
            outcome,
        })
    }

    /// Whether something of ours is forged, and the ticket that the mail finds: by the first of its pointers that leads there.
    fn hit(
        &self,
        tx: &mut Tx,
        mail: &StoredMail,
        sender: &Sender,
        pointers: &[Pointer<'_>],
    ) -> Result<(bool, Option<Hit>)> {
        let (clues, found) = self.find_ticket(tx, mail)?;
        let Some((clue, ticket)) = found else {
            if clues.is_forged || self.letter.nature != Nature::Personal {
                return Ok((clues.is_forged, None));
            }
            let numbered = self.by_their_number(tx, sender)?.map(|ticket| Hit {
                by: FoundBy::Number,
                pointer: None,
                ticket,
                standing: Standing::Known,
            });
            return Ok((false, numbered));
        };
        let mut decided = None;
        for (at, pointer) in pointers.iter().enumerate() {
            let led = match (clue, pointer.says) {
                (Clue::Signed, Says::Genuine(key)) | (Clue::Subject, Says::Named(key)) => {
                    store::ticket::by_key(tx, key)?
                }
                (Clue::Foreign, Says::Foreign) => {
                    match store::intake::tickets_of_message(tx, stored_id(&pointer.text))?[..] {
                        [only] => store::ticket::by_id(tx, only)?,
                        _ => None,
                    }
                }
                _ => None,
            };
            if let Some(led) = led
                && survivor(tx, led)?.id == ticket.id
            {
                decided = Some(at);
                break;
            }
        }
        let standing = sender.standing(tx, &ticket, clue)?;
        let hit = Hit {
            by: match clue {
                Clue::Signed => FoundBy::Signed,
                Clue::Foreign => FoundBy::Foreign,
                Clue::Subject => FoundBy::Subject,
            },
            pointer: decided,
            ticket,
            standing,
        };
        Ok((clues.is_forged, Some(hit)))
    }

    fn outcome(&self, tx: &mut Tx, mail: &StoredMail, sender: &Sender) -> Result<Outcome> {
        if matches!(mail.verdict, Some(Verdict::Opened | Verdict::Unreadable)) {
            let (kind, title, opening) = self.opening(tx, mail, sender)?;
            let (mut ticket, _) =
                Ticket::open(kind, 1, title, &opening, self.ctx.door, self.ctx.now)?;
            if ticket.team.is_none() {
                ticket.team = team_for(tx, ticket.service)?;
            }
            return Ok(Outcome::Opens {
                names: names(tx, ticket.customer, ticket.team, ticket.service)?,
                ticket: Box::new(ticket),
                answer_to: self.answered_at(tx, mail, sender)?,
                is_stranger: !sender.is_known(),
            });
        }
        let Some(id) = mail.ticket else {
            return Ok(Outcome::Nothing);
        };
        let Some(ticket) = store::ticket::by_id(tx, id)? else {
            return Ok(Outcome::Nothing);
        };
        let entry = match mail.entry_seq {
            // A copy changes nothing: its entry was there before.
            Some(seq) if mail.duplicate_of.is_none() => store::timeline::by_seq(tx, id, seq)?,
            _ => None,
        };
        let letters = store::outbox::of_ticket(tx, id)?
            .into_iter()
            .filter(|letter| letter.queued_at == self.ctx.now)
            .map(|letter| (letter.kind, letter.address))
            .collect();
        Ok(Outcome::Changes {
            ticket: Box::new(ticket),
            entry: entry.map(Box::new),
            letters,
        })
    }
}

fn names(
    tx: &mut Tx,
    customer: Option<CustomerId>,
    team: Option<TeamId>,
    service: Option<ServiceId>,
) -> Result<Names> {
    let customer = match customer {
        Some(id) => store::customer::by_id(tx, id)?.map(|customer| customer.name),
        None => None,
    };
    let team = match team {
        Some(id) => store::house::team(tx, id)?.map(|team| team.name),
        None => None,
    };
    let service = match service {
        Some(id) => store::house::service(tx, id)?.map(|service| service.name),
        None => None,
    };
    Ok(Names {
        customer,
        team,
        service,
    })
}

impl Hit {
    /// What the table of hits and senders says of it.
    pub fn landing(&self) -> Landing {
        let clue = match self.by {
            FoundBy::Signed => Clue::Signed,
            FoundBy::Foreign => Clue::Foreign,
            FoundBy::Subject | FoundBy::Number => Clue::Subject,
        };
        landing(clue, self.standing)
    }
}
