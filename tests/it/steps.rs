//! What the pages offer in every state of every kind, against what the actions accept there: a button that would be refused
//! isn't shown, and no step is hidden.

use std::collections::BTreeSet;

use watchkeeper::actions::ticket as act;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::change::Change;
use watchkeeper::domain::id::{Kind, TicketKey};
use watchkeeper::domain::postmortem::{Meeting, MeetingState, Section, choose_slot};
use watchkeeper::domain::severity::{Priority, Severity};
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State, Ticket};
use watchkeeper::error::Result;
use watchkeeper::store::people::Holder;
use watchkeeper::store::postmortem::PostMortem;
use watchkeeper::store::{self, Tx};

use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::served::Served;
use crate::visitor::{Answer, Visitor};

/// Every form that moves a ticket, with what it needs besides: where a page offers it, it must be accepted as filled in here.
const FORMS: &[(&str, &[(&str, &str)])] = &[
    ("take", &[]),
    ("put-back", &[]),
    ("pass", &[("person", "ADA")]),
    ("restore", &[]),
    ("resolve", &[("why", "restarted")]),
    ("reopen", &[("why", "it is back")]),
    ("hold", &[("on", "vendor"), ("reason", "a spare part")]),
    ("release", &[]),
    ("severity", &[("severity", "disaster")]),
    ("priority", &[("priority", "urgent")]),
    ("page", &[("person", "ADA")]),
    ("plan", &[("rev", "REV"), ("purpose", "more connections")]),
    ("ask", &[]),
    ("approve", &[("rev", "REV")]),
    ("refuse", &[("why", "not on a Friday")]),
    ("redraft", &[]),
    ("start", &[]),
    ("watch", &[("live", "yes")]),
    ("finish", &[("outcome", "failed"), ("text", "too small")]),
    (
        "post-mortem/write",
        &[("rev", "REV"), ("lucky", "nobody was online")],
    ),
    ("post-mortem/held", &[]),
    ("post-mortem/cancel-meeting", &[("why", "by mail instead")]),
];

/// Where the pages offer less than would be accepted, and why that is right.
const QUIETER: &[(&str, &str)] = &[
    // The page of a task that is done shows its priority as it was.
    ("priority", "accepted in every state"),
    // The button stands where it burns; programs may page about anything that is open.
    ("page", "offered on incidents"),
    // The meeting of a settled post-mortem is history.
    ("post-mortem/held", "settled"),
    ("post-mortem/cancel-meeting", "settled"),
];

/// The room of every kind in every state.
struct House {
    desk: Desk,
    _served: Served,
    browser: Visitor,
    ada: Staff,
    ben: Staff,
}

impl House {
    fn write(&self, work: impl Fn(&mut Tx) -> Result<()>) {
        self.desk.app.store.write(work).expect("it is written");
    }

    fn ticket(&self, key: TicketKey) -> Ticket {
        let found = self
            .desk
            .app
            .store
            .read(|conn| store::ticket::by_key(conn, key));
        found.expect("it is read").expect("it is there")
    }

    fn asked_by_ben(&self) -> Change {
        Change {
            requested_by: Some(self.ben.id),
            asked_by: Some(self.ben.id),
            ..Change::default()
        }
    }

    /// Opens one of a kind, asked for by Ben.
    fn open(&self, kind: Kind) -> TicketKey {
        let opening = Opening {
            severity: Some(Severity::Average),
            ..Opening::default()
        };
        let title = Title::parse("Raise pool size").expect("a title");
        let ticket = act::open(&self.desk.as_person(&self.ben), kind, title, &opening);
        let ticket = ticket.expect("it is opened");
        let change = self.asked_by_ben();
        let known = PostMortem {
            ticket_id: ticket.id,
            incident_id: None,
            author_id: None,
            reviewer_id: None,
        };
        self.write(|tx| match kind {
            Kind::Change => store::change::put(tx, ticket.id, &change),
            Kind::PostMortem => store::postmortem::insert(tx, &known),
            Kind::Incident | Kind::Task => Ok(()),
        });
        ticket.key
    }

    /// Puts it where it is looked at, whatever led there: Ben's, and not waiting for anything.
    fn put(&self, key: TicketKey, state: State) {
        let mut ticket = self.ticket(key);
        ticket.state = state;
        ticket.owner = Some(self.ben.id);
        ticket.holds.clear();
        ticket.severity = Some(Severity::Average).filter(|_| key.kind == Kind::Incident);
        ticket.priority = Some(Priority::Normal).filter(|_| key.kind == Kind::Task);
        ticket.outcome = None;
        let (id, counted) = (ticket.id, ticket.entry_count);
        self.write(|tx| {
            if key.kind == Kind::Change {
                store::change::put(tx, id, &self.asked_by_ben())?;
            }
            store::ticket::update(tx, &mut ticket.clone(), counted)
        });
    }

    /// The forms on its pages, `step to` for each state that a list offers.
    fn offered(&self, key: TicketKey) -> BTreeSet<String> {
        let mut pages = vec![self.browser.get(&format!("/{key}"))];
        if key.kind == Kind::PostMortem {
            pages.push(self.browser.get(&format!("/{key}?show=all")));
        }
        pages.iter().flat_map(|page| forms(page, key)).collect()
    }

    fn accepts(&self, key: TicketKey, verb: &str, fields: &[(&str, &str)]) -> bool {
        let (ada, rev) = (
            self.ada.id.to_string(),
            self.ticket(key).version.to_string(),
        );
        let filled: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| match *value {
                "ADA" => (*name, ada.as_str()),
                "REV" => (*name, rev.as_str()),
                value => (*name, value),
            })
            .collect();
        let answer = self.browser.post(&format!("/{key}/{verb}"), &filled);
        assert!(answer.status < 500, "{key} {verb}: {}", answer.status);
        answer.status == 303
    }

    /// Every difference between what the pages of this one offer in this state and what is accepted. `besides` puts right what
    /// isn't in the ticket.
    fn differences(&self, key: TicketKey, state: State, besides: impl Fn()) -> Vec<String> {
        let put = || {
            besides();
            self.put(key, state);
        };
        put();
        let offered = self.offered(key);
        let mut found = Vec::new();
        let mut tell = |what: &str, how: &str| found.push(format!("{key} {state}: {what} {how}"));
        for (verb, fields) in FORMS {
            put();
            let is_offered = offered.contains(*verb);
            let is_accepted = self.accepts(key, verb, fields);
            let is_quieter = QUIETER.iter().any(|(known, _)| known == verb);
            match (is_offered, is_accepted) {
                (true, false) => tell(verb, "is offered and refused"),
                (false, true) if !is_quieter => tell(verb, "is accepted and not offered"),
                _ => {}
            }
        }
        // Steps by the state that they lead to, whichever button leads there.
        let door = match key.kind {
            Kind::PostMortem => "post-mortem/move",
            Kind::Incident | Kind::Change | Kind::Task => "step",
        };
        let reopened = match key.kind {
            Kind::Incident => State::InProgress,
            Kind::Change | Kind::PostMortem => State::Draft,
            Kind::Task => State::Open,
        };
        for to in State::ALL {
            put();
            let in_list = offered.contains(&format!("{door} {to}"));
            let by_button = match to {
                State::Restored => offered.contains("restore"),
                State::Resolved | State::Done => offered.contains("resolve"),
                to => *to == reopened && offered.contains("reopen"),
            };
            let fields = [("to", to.as_str()), ("why", "for a reason")];
            let is_accepted = self.accepts(key, door, &fields);
            match (in_list || by_button, is_accepted) {
                (true, false) => tell(to.as_str(), "is offered as a step and refused"),
                (false, true) => tell(to.as_str(), "is accepted as a step and not offered"),
                _ => {}
            }
        }
        found
    }
}

/// The forms of a page by their address, and the choices of those that have a list of steps.
fn forms(page: &Answer, key: TicketKey) -> BTreeSet<String> {
    assert_eq!(page.status, 200, "{key}: {}", page.text);
    let opening = format!("action=\"/{key}/");
    let mut found = BTreeSet::new();
    for form in page.text.split(&opening).skip(1) {
        let (verb, rest) = form.split_once('"').expect("an address ends");
        let (body, _) = rest.split_once("</form>").expect("a form ends");
        // Watching a ticket has the same address as putting a change on watch.
        if verb != "watch" || body.contains("name=\"live\"") {
            found.insert(verb.to_owned());
        }
        let Some((_, list)) = body.split_once("name=\"to\"") else {
            continue;
        };
        let (list, _) = list.split_once("</select>").expect("a list ends");
        for choice in list.split("<option value=\"").skip(1) {
            let (state, _) = choice.split_once('"').expect("a value ends");
            found.insert(format!("{verb} {state}"));
        }
    }
    found
}

const STATES: &[(Kind, &[State])] = &[
    (
        Kind::Incident,
        &[
            State::New,
            State::InProgress,
            State::Restored,
            State::Resolved,
            State::Closed,
            State::Cancelled,
        ],
    ),
    (
        Kind::Change,
        &[
            State::Draft,
            State::AwaitingApproval,
            State::Approved,
            State::InProgress,
            State::OnWatch,
            State::Closed,
            State::Cancelled,
        ],
    ),
    (
        Kind::Task,
        &[
            State::Open,
            State::InProgress,
            State::Done,
            State::WontDo,
            State::Cancelled,
        ],
    ),
    (Kind::PostMortem, OF_POST_MORTEM),
];

const OF_POST_MORTEM: &[State] = &[
    State::Draft,
    State::InReview,
    State::Reviewed,
    State::Closed,
    State::Skipped,
    State::Cancelled,
];

fn house(desk: Desk) -> House {
    desk.let_letters_go();
    let all = Roles::of(&[Role::Responder, Role::Lead, Role::ChangeApprover]);
    let (ada, ben) = (desk.person("Ada", all), desk.person("Ben", all));
    let served = Served::new(&desk.app);
    let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
    House {
        desk,
        _served: served,
        browser,
        ada,
        ben,
    }
}

both_databases!(
    every_page_offers_what_is_accepted_and_nothing_else,
    |desk| {
        let house = house(desk);
        let mut found = Vec::new();
        for (kind, states) in STATES {
            let key = house.open(*kind);
            for state in *states {
                found.extend(house.differences(key, *state, || {}));
            }
        }
        assert!(found.is_empty(), "\n{}", found.join("\n"));
    }
);

both_databases!(
    a_post_mortem_offers_the_steps_that_it_is_ready_for,
    |desk| {
        let house = house(desk);
        let key = house.open(Kind::PostMortem);
        let id = house.ticket(key).id;
        house.put(key, State::Draft);
        let lacking = house.browser.get(&format!("/{key}"));
        assert!(
            lacking.text.contains("Not yet: Ask for review"),
            "{}",
            lacking.text
        );
        assert!(!forms(&lacking, key).contains("post-mortem/move in_review"));
        let now = house.desk.now();
        let tomorrow = now.plus_secs(86_400);
        let mut meeting = Meeting::plan(
            id,
            |id| format!("{id}@watch.example.org"),
            choose_slot(tomorrow, 60, now).expect("a slot"),
            tomorrow.plus_secs(3_600),
            String::new(),
            now,
        );
        house.write(|tx| store::postmortem::insert_meeting(tx, &meeting));
        // Written by somebody else and by Ada herself, with its meeting ahead and behind it.
        let mut found = Vec::new();
        for state in [MeetingState::Planned, MeetingState::Held] {
            meeting.state = state;
            for author in [&house.ben, &house.ada] {
                for step in OF_POST_MORTEM {
                    found.extend(house.differences(key, *step, || {
                        house.write(|tx| {
                            for section in Section::NEEDED {
                                store::postmortem::set_section(
                                    tx,
                                    id,
                                    section,
                                    "The pool was small.",
                                )?;
                            }
                            store::postmortem::set_author(tx, id, Some(author.id))?;
                            store::postmortem::update_meeting(tx, &meeting)
                        });
                    }));
                }
            }
        }
        assert!(found.is_empty(), "\n{}", found.join("\n"));
    }
);
