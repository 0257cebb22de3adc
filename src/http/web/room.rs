//! What a ticket's room shows, read in one go.

use std::collections::HashMap;

use super::change;
use super::clock::Clocks;
use super::names::{Names, Wanted};
use super::tape;
use super::ticket_mail::{self, MailSide};
use super::ticket_words::{self, WordsSide};
use crate::actions::{self, allow, letters};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::{Kind, MailId, PersonId, TicketId, TicketKey};
use crate::domain::people::Part;
use crate::domain::ticket::{Role, Ticket};
use crate::domain::timeline::{Audience, EntryKind};
use crate::error::{Error, Result};
use crate::store::blob::Attachment;
use crate::store::mail_found::Behind;
use crate::store::ticket::{Affected, Watcher};
use crate::store::timeline::Recorded;
use crate::store::{self, Conn};
use crate::words::Words;

/// Entries on one page of the tape.
const ENTRIES: i64 = 60;
/// Customers for each of whom it is looked up who gets a letter.
const LOOKED_UP: usize = 12;

/// Which entries the tape shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lens {
    All,
    Key,
    Talk,
}

/// Somebody who can be reached.
pub struct Reachable {
    pub name: String,
    pub phone: String,
}

/// Who gets a letter of what is said here.
pub struct Reached {
    /// Of an answer to whoever asked.
    pub answered: Vec<String>,
    /// Of an update for everybody affected.
    pub updated: Vec<String>,
    /// The other customers who were hit: each can be answered alone.
    pub others: Vec<Other>,
}

/// A customer who was hit and isn't the ticket's own.
pub struct Other {
    pub id: String,
    pub name: String,
    /// Who gets an answer to them; `None` where there are too many customers to look it up for each.
    pub reached: Option<Vec<String>>,
}

/// One of its services, and the people around it.
pub struct ServiceLine {
    pub name: String,
    pub runbook_url: Option<String>,
    pub is_single_point: bool,
    pub experts: Vec<Reachable>,
    pub need_to_know: Vec<Reachable>,
}

/// Everything the page shows, read in one go.
pub struct Room {
    pub ticket: Ticket,
    pub names: Names,
    pub entries: Vec<Recorded>,
    /// Everything that takes an entry back, or says that it was sooner.
    pub corrections: Vec<Recorded>,
    pub files: Vec<Attachment>,
    /// The mails behind entries; for whoever may read mail.
    pub mails: HashMap<i64, MailId>,
    /// By the entry's number, the note that has its text read anew.
    pub rereads: HashMap<i64, Recorded>,
    pub older: Option<i64>,
    pub affected: Vec<Affected>,
    pub links: Vec<(store::ticket_link::Link, Ticket)>,
    pub roles: Vec<(Role, PersonId)>,
    pub watchers: Vec<Watcher>,
    pub watcher_names: Vec<String>,
    pub labels: Vec<String>,
    pub services: Vec<ServiceLine>,
    pub requester: Option<String>,
    pub reached: Reached,
    pub people: Vec<(String, String)>,
    pub customers: Vec<String>,
    pub now_card: Option<Recorded>,
    pub newest_seq: i64,
    pub is_paging: bool,
    pub clocks: Clocks,
    pub change: change::Known,
    /// What changed just before an incident.
    pub suspects: Option<actions::suspect::Answer>,
    /// Its fixes, and what they propose.
    pub fixes: (Vec<actions::fix::Shown>, Option<actions::fix::Proposal>),
    pub mail: MailSide,
    pub words: WordsSide,
    /// Where it goes on, if it was merged.
    pub survivor: Option<Ticket>,
    /// Tickets that go on in this one.
    pub absorbed: Vec<Ticket>,
    pub open_children: Vec<Ticket>,
}

/// Reads it all in one go, if whoever asks may see the ticket.
pub fn load(ctx: &Ctx<'_>, key: TicketKey, lens: Lens, before: Option<i64>) -> Result<Room> {
    ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        // Contacts have a page of their own, which shows them their part.
        if !ctx.by.is_staff() {
            return Err(Error::NotFound);
        }
        actions::allow_ticket(conn, &ctx.by, Action::ReadTickets, &ticket)?;
        let id = ticket.id;
        let (entries, older) = entries(conn, &ticket, lens, before)?;
        let affected = store::ticket::affected(conn, id)?;
        let links = store::ticket_link::links(conn, id)?;
        let others = store::ticket::by_ids(
            conn,
            &links.iter().map(|link| link.other).collect::<Vec<_>>(),
        )?;
        let roles = store::ticket::roles(conn, id)?;
        let watchers = store::ticket::watchers(conn, id)?;
        let survivor = match ticket.merged_into {
            Some(into) => store::ticket::by_id(conn, into)?,
            None => None,
        };
        let absorbed = store::kin::merged_into(conn, id)?;
        let mut open_children = store::kin::children(conn, id)?;
        open_children.retain(Ticket::is_open);
        let mut wanted = Wanted::of_tickets(others.iter().chain(&absorbed).chain([&ticket]));
        wanted
            .people
            .extend(roles.iter().map(|(_, person)| *person));
        wanted
            .customers
            .extend(affected.iter().map(|row| row.customer_id));
        tape::wanted(&entries, &mut wanted);
        let names = Names::load(conn, wanted)?;
        let persons = store::people::persons(conn)?;
        let mut people: Vec<(String, String)> = persons
            .iter()
            .filter(|person| person.is_active)
            .map(|person| (person.id.to_string(), person.name.clone()))
            .collect();
        people.sort_by_key(|(_, name)| name.to_lowercase());
        let services = store::ticket::services(conn, id)?
            .into_iter()
            .filter_map(|service| service_line(conn, service, &persons).transpose())
            .collect::<Result<Vec<_>>>()?;
        let watcher_names = watchers
            .iter()
            .map(|watcher| match watcher {
                Watcher::Person(id) => Ok(persons
                    .iter()
                    .find(|it| it.id == *id)
                    .map_or_else(String::new, |it| it.name.clone())),
                Watcher::Contact(id) => {
                    Ok(store::people::contact(conn, *id)?.map_or_else(String::new, |it| it.name))
                }
            })
            .collect::<Result<Vec<_>>>()?;
        let requester = match ticket.requester {
            Some(id) => {
                let name = store::people::contact(conn, id)?.map(|it| it.name);
                // Shown before anybody answers: where the answer goes, if not to the address that we know.
                match (name, &ticket.requester_address) {
                    (Some(name), Some(address)) => Some(format!("{name} <{address}>")),
                    (name, _) => name,
                }
            }
            None => ticket.requester_address.clone(),
        };
        let asked = ticket
            .customer
            .map_or(Audience::Internal, Audience::Customer);
        let besides = affected
            .iter()
            .map(|row| row.customer_id)
            .filter(|customer| Some(*customer) != ticket.customer);
        let besides = besides.enumerate().map(|(place, customer)| {
            let to = Audience::Customer(customer);
            Ok(Other {
                id: customer.to_string(),
                name: names.customer(customer).to_owned(),
                reached: match place < LOOKED_UP {
                    true => Some(reached(conn, &ticket, to)?),
                    false => None,
                },
            })
        });
        let besides = besides.collect::<Result<Vec<_>>>()?;
        let reached = Reached {
            answered: reached(conn, &ticket, asked)?,
            updated: reached(conn, &ticket, Audience::AllAffected)?,
            others: besides,
        };
        let mut customers: Vec<String> = store::customer::all(conn)?
            .into_iter()
            .filter(|it| it.is_active)
            .take(200)
            .map(|it| it.name)
            .collect();
        customers.sort_by_key(|name| name.to_lowercase());
        let now_card = store::timeline::of_kinds(conn, id, &[EntryKind::Update])?.pop();
        let change = change::load(conn, ctx, &ticket)?;
        let suspects = match ticket.key.kind {
            Kind::Incident => Some(actions::suspect::answer(conn, &ticket, ctx.now)?),
            Kind::Change | Kind::Task | Kind::PostMortem => None,
        };
        let fixes = (
            actions::fix::of(conn, &ticket)?,
            actions::fix::proposal(conn, &ticket)?,
        );
        let asker = ticket.customer.map_or("", |id| names.customer(id));
        let clocks = Clocks::load(ctx, conn, &ticket, asker, Words::english())?;
        let behind = store::mail_found::behind_entries(conn, id)?;
        Ok(Room {
            change,
            suspects,
            fixes,
            mail: ticket_mail::load(conn, ctx, id)?,
            words: ticket_words::load(conn, ctx, id)?,
            corrections: store::timeline::of_kinds(conn, id, tape::CORRECTIONS)?,
            files: store::blob::attachments(conn, id)?,
            mails: match allow(&ctx.by, Action::ReadMail, Target::House) {
                Ok(()) => behind.iter().map(|(seq, it)| (*seq, it.mail)).collect(),
                Err(_) => HashMap::new(),
            },
            rereads: rereads(conn, id, &behind)?,
            clocks,
            labels: store::ticket::labels(conn, id)?,
            links: links
                .into_iter()
                .filter_map(|link| {
                    others
                        .iter()
                        .find(|it| it.id == link.other)
                        .map(|it| (link, it.clone()))
                })
                .collect(),
            is_paging: store::page_log::live_run(conn, id)?
                .is_some_and(|run| run.standing.is_waiting_for_answer()),
            newest_seq: ticket.entry_count,
            ticket,
            names,
            entries,
            older,
            affected,
            roles,
            watchers,
            watcher_names,
            services,
            requester,
            reached,
            people,
            customers,
            now_card,
            survivor,
            absorbed,
            open_children,
        })
    })
}

/// Who gets a letter with what is said to this audience: `Carol <carol@contoso.example>`, and where letters come back from.
fn reached(conn: &mut Conn, ticket: &Ticket, audience: Audience) -> Result<Vec<String>> {
    let recipients = letters::recipients(conn, ticket, audience)?;
    let addresses: Vec<String> = recipients.iter().map(|(_, it)| it.clone()).collect();
    let bouncing = store::bouncing::of(conn, &addresses)?;
    let named = recipients.into_iter().map(|(contact, address)| {
        let contact = match contact {
            Some(id) => store::people::contact(conn, id)?,
            None => None,
        };
        let named = match contact {
            Some(contact) => format!("{} <{address}>", contact.name),
            None => address.clone(),
        };
        Ok(match bouncing.iter().find(|it| it.address == address) {
            Some(it) => {
                let said = [("who", named.into()), ("status", it.shown().into())];
                Words::english().with("goes-back", &said).into_owned()
            }
            None => named,
        })
    });
    named.collect()
}

/// One page of the tape, newest first, and where the older one begins.
fn entries(
    conn: &mut Conn,
    ticket: &Ticket,
    lens: Lens,
    before: Option<i64>,
) -> Result<(Vec<Recorded>, Option<i64>)> {
    if lens == Lens::All {
        let entries = store::timeline::page(conn, ticket.id, before, ENTRIES)?;
        let older = entries.last().map(|entry| entry.seq).filter(|seq| *seq > 1);
        return Ok((entries, older));
    }
    let matches = if lens == Lens::Key {
        tape::is_key
    } else {
        tape::is_talk
    };
    let kinds: Vec<EntryKind> = EntryKind::ALL
        .iter()
        .copied()
        .filter(|kind| matches(*kind))
        .collect();
    let mut entries = store::timeline::of_kinds(conn, ticket.id, &kinds)?;
    entries.reverse();
    entries.truncate(200);
    Ok((entries, None))
}

fn service_line(
    conn: &mut Conn,
    id: crate::domain::id::ServiceId,
    persons: &[crate::domain::people::Person],
) -> Result<Option<ServiceLine>> {
    let Some(service) = store::house::service(conn, id)? else {
        return Ok(None);
    };
    let mut part = |part: Part| -> Result<Vec<Reachable>> {
        let ids = store::house::people_of_service(conn, id, part)?;
        let known = ids
            .iter()
            .filter_map(|id| persons.iter().find(|it| it.id == *id));
        Ok(known
            .map(|it| Reachable {
                name: it.name.clone(),
                phone: it.phone.clone().unwrap_or_default(),
            })
            .collect())
    };
    Ok(Some(ServiceLine {
        experts: part(Part::Expert)?,
        need_to_know: part(Part::NeedToKnow)?,
        is_single_point: service.is_single_point_of_failure(),
        name: service.name,
        runbook_url: service.runbook_url,
    }))
}

impl Room {
    /// Says which mails stand behind entries, and shows their texts as they were read last.
    pub fn show_mails(&self, items: &mut [tape::Item], words: &Words) {
        for item in items {
            item.mail = self.mails.get(&item.seq).copied();
            if let Some(note) = self.rereads.get(&item.seq) {
                item.read_again(note, words);
            }
        }
    }
}

/// The notes that have the texts of mails as they read in a character set that somebody chose, by the entries that they correct.
fn rereads(
    conn: &mut Conn,
    ticket: TicketId,
    behind: &HashMap<i64, Behind>,
) -> Result<HashMap<i64, Recorded>> {
    let mut rereads = HashMap::new();
    for (seq, note) in behind
        .iter()
        .filter_map(|(seq, it)| Some((seq, it.reread_seq?)))
    {
        let note = store::timeline::by_seq(conn, ticket, note)?;
        rereads.extend(
            note.filter(|it| it.redacted_at.is_none())
                .map(|note| (*seq, note)),
        );
    }
    Ok(rereads)
}
