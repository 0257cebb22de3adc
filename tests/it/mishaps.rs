//! What becomes of pages and letters while nothing gets through, and afterwards: nobody is read the history to, and somebody hears
//! that nobody could be reached.

use watchkeeper::actions::{page, people, ticket as act};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::delivery::{Channel, DeliveryState};
use watchkeeper::domain::escalation::RunState;
use watchkeeper::domain::id::{Kind, PersonId};
use watchkeeper::domain::notify::Unsent;
use watchkeeper::domain::outgoing::{Handover, OutgoingMail};
use watchkeeper::domain::page::PageState;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State, Ticket};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::store::page_log::{Page, PageEvent};
use watchkeeper::store::people::Holder;
use watchkeeper::store::trouble::Trouble;
use watchkeeper::store::{self, page_log};

use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::oncall::team;
use crate::served::Served;
use crate::visitor::Visitor;

const RESPONDER: Roles = Roles::of(&[Role::Responder]);

/// Ada and Bob are the team that is paged; Root runs the house and is in no team.
struct Two {
    desk: Desk,
    ada: Staff,
    bob: Staff,
    root: Staff,
}

impl Two {
    fn new(desk: Desk) -> Self {
        let ada = desk.person("Ada", RESPONDER);
        let bob = desk.person("Bob", RESPONDER);
        let root = desk.person("Root", Roles::of(&[Role::Admin]));
        team(&desk, "netops", &[&ada, &bob]);
        Self {
            desk,
            ada,
            bob,
            root,
        }
    }

    fn relay_says(&self, answer: Option<Handover>) {
        let recorder = self.desk.app.post.recorder();
        recorder
            .expect("deliveries are recorded")
            .answer_all(answer);
    }

    fn relay_goes_away(&self) {
        self.relay_says(Some(Handover::Deferred("connection refused".to_owned())));
    }

    fn relay_is_back(&self) {
        self.relay_says(None);
    }

    fn open(&self, severity: Severity, title: &str, owner: Option<PersonId>) -> Ticket {
        let opening = Opening {
            severity: Some(severity),
            owner,
            ..Opening::default()
        };
        let title = Title::parse(title).unwrap();
        let by = self.desk.as_person(&self.bob);
        let ticket = act::open(&by, Kind::Incident, title, &opening).unwrap();
        self.desk.settle();
        ticket
    }

    fn resolve(&self, ticket: &Ticket) {
        let by = self.desk.as_person(&self.bob);
        act::resolve(&by, ticket.key, None, "Replaced.").unwrap();
    }

    fn pages(&self, ticket: &Ticket, who: &Staff) -> Vec<Page> {
        let pages = |conn: &mut store::Conn| page_log::pages_of_ticket(conn, ticket.id);
        let pages = self.desk.app.store.read(pages).unwrap();
        let theirs = pages.into_iter().filter(|page| page.person_id == who.id);
        theirs.collect()
    }

    /// Why pages about it weren't sent.
    fn unsent(&self, ticket: &Ticket) -> Vec<Unsent> {
        let (from, to) = (Timestamp::from_micros(0), Timestamp::NEVER);
        let all = |conn: &mut store::Conn| page_log::events_between(conn, from, to, None, 1_000);
        let events: Vec<PageEvent> = self.desk.app.store.read(all).unwrap();
        let about = events
            .into_iter()
            .filter(|event| event.ticket_id == Some(ticket.id) && event.page_id.is_some());
        about.filter_map(|event| event.reason).collect()
    }

    fn now_is(&self, ticket: &Ticket) -> Ticket {
        let found = |conn: &mut store::Conn| store::ticket::by_id(conn, ticket.id);
        self.desk.app.store.read(found).unwrap().unwrap()
    }

    fn trouble(&self) -> Option<Trouble> {
        let all = self.desk.app.store.read(store::trouble::all).unwrap();
        all.into_iter().next()
    }

    /// The incident that the house opened about itself.
    fn own_incident(&self) -> Option<Ticket> {
        let id = self.trouble()?.ticket_id?;
        let found = |conn: &mut store::Conn| store::ticket::by_id(conn, id);
        self.desk.app.store.read(found).unwrap()
    }

    fn entries(&self, ticket: &Ticket, kind: EntryKind) -> usize {
        let of_kind = |conn: &mut store::Conn| store::timeline::of_kinds(conn, ticket.id, &[kind]);
        self.desk.app.store.read(of_kind).unwrap().len()
    }
}

fn to<'a>(letters: &'a [OutgoingMail], who: &Staff) -> Vec<&'a OutgoingMail> {
    let address = format!("{}@watch.example.org", who.name.to_lowercase());
    let theirs = letters
        .iter()
        .filter(|letter| letter.to.as_str() == address);
    theirs.collect()
}

fn subjects(letters: &[&OutgoingMail]) -> Vec<String> {
    let mut subjects: Vec<String> = letters
        .iter()
        .map(|letter| letter.subject.clone())
        .collect();
    subjects.sort();
    subjects
}

both_databases!(
    after_an_outage_an_incident_is_one_late_page_for_each_and_what_is_over_is_none,
    |desk| {
        let t = Two::new(desk);
        t.relay_goes_away();
        let master = t.open(Severity::Disaster, "DB master down", None);
        let uplink = t.open(Severity::Disaster, "Uplink down", None);
        let fan = t.open(Severity::Disaster, "Fan broken", None);
        t.desk.advance(130);
        // Ada is called once more about the first, and the third is over before anybody heard of it.
        page::ask(&t.desk.as_person(&t.bob), master.key, t.ada.id).unwrap();
        t.resolve(&fan);
        t.desk.advance(10);
        assert!(t.desk.letters().is_empty());

        t.relay_is_back();
        t.desk.advance(110);
        let letters = t.desk.letters();
        for who in [&t.ada, &t.bob] {
            let theirs = to(&letters, who);
            assert_eq!(
                subjects(&theirs),
                ["INC-1 DB master down", "INC-2 Uplink down"],
                "{}",
                who.name
            );
            // Counted from when they should have heard of it, whichever page got through. Sweden is two hours ahead.
            let says = "4 min 10 s late: this page should have reached you at 2026-06-01 11:00";
            for letter in theirs {
                assert!(letter.text.contains(says), "{}", letter.text);
            }
        }
        assert_eq!(letters.len(), 4);
        // What wasn't sent stands in the log with its reason.
        assert_eq!(t.unsent(&master), [Unsent::Newer]);
        let states: Vec<PageState> = t
            .pages(&master, &t.ada)
            .iter()
            .map(|page| page.state)
            .collect();
        assert_eq!(states, [PageState::Suppressed, PageState::Accepted]);
        assert_eq!(t.unsent(&uplink), []);
        assert_eq!(t.unsent(&fan), [Unsent::Over, Unsent::Over]);
        // In time, a page says nothing of the kind.
        let fresh = t.open(Severity::Disaster, "Fire", None);
        let letters = t.desk.letters();
        let about = format!("{} Fire", fresh.key);
        let fresh: Vec<_> = letters.iter().filter(|it| it.subject == about).collect();
        assert_eq!(fresh.len(), 2);
        assert!(!fresh[0].text.contains("late"), "{}", fresh[0].text);
    }
);

both_databases!(
    after_a_stop_the_step_that_fell_due_takes_the_place_of_the_page_that_never_left,
    |desk| {
        let t = Two::new(desk);
        let opening = Opening {
            severity: Some(Severity::Disaster),
            ..Opening::default()
        };
        let title = Title::parse("DB master down").unwrap();
        let by = t.desk.as_person(&t.bob);
        let master = act::open(&by, Kind::Incident, title, &opening).unwrap();
        // It stops before anything left, and starts two hours later: every job looks once.
        t.desk.app.time.set(t.desk.now().plus_secs(7_200));
        watchkeeper::jobs::start(&t.desk.app).unwrap().stop();
        let letters = t.desk.app.post.recorder().unwrap().drain();
        for who in [&t.ada, &t.bob] {
            let theirs = to(&letters, who);
            assert_eq!(subjects(&theirs), ["INC-1 DB master down"], "{}", who.name);
            assert!(theirs[0].text.contains("2 h late"), "{}", theirs[0].text);
        }
        assert_eq!(t.unsent(&master), [Unsent::Newer, Unsent::Newer]);
    }
);

both_databases!(
    whoever_was_paged_a_moment_ago_hears_of_the_next_incident_when_their_minute_is_over,
    |desk| {
        desk.let_letters_go();
        let ada = desk.person("Ada", RESPONDER);
        let t = Two {
            bob: ada.clone(),
            root: ada.clone(),
            ada,
            desk,
        };
        team(&t.desk, "netops", &[&t.ada]);
        let first = t.open(Severity::Disaster, "DB master down", None);
        let second = t.open(Severity::Disaster, "Uplink down", None);
        let paged = || {
            (
                t.pages(&first, &t.ada).len(),
                t.pages(&second, &t.ada).len(),
            )
        };
        assert_eq!(paged(), (1, 1), "a new disaster always comes through");
        // Both next steps are due at once, and there is nobody but her.
        t.desk.advance(300);
        assert_eq!(paged(), (2, 1));
        t.desk.advance(59);
        assert_eq!(paged(), (2, 1));
        t.desk.advance(1);
        assert_eq!(paged(), (2, 2));
        for ticket in [&first, &second] {
            assert_eq!(t.entries(ticket, EntryKind::DeadEnd), 0);
            let run = |conn: &mut store::Conn| page_log::live_run(conn, ticket.id);
            let run = t.desk.app.store.read(run).unwrap().unwrap();
            assert_eq!(run.standing.state, RunState::Paging);
        }
    }
);

both_databases!(
    notices_that_had_to_wait_leave_as_one_letter_without_what_is_over,
    |desk| {
        let t = Two::new(desk);
        t.relay_goes_away();
        let owner = Some(t.ada.id);
        let titles = ["Disk filling", "Certificate ends", "Fan loud", "Lease ends"];
        let tickets = titles.map(|title| t.open(Severity::Warning, title, owner));
        t.resolve(&tickets[0]);
        t.desk.advance(2_000);
        // By now they are one letter, which has to wait too; meanwhile one more is over.
        t.resolve(&tickets[2]);
        t.relay_is_back();
        t.desk.advance(3_600);
        let letters = t.desk.letters();
        assert_eq!(letters.len(), 1, "{letters:?}");
        let letter = to(&letters, &t.ada)[0];
        assert_eq!(letter.subject, "2 notices that had to wait");
        for line in [
            "the first of them 1 h 33 min ago",
            "Mon 11:00 [INC-2] Yours now: Certificate ends",
            "Mon 11:00 [INC-4] Yours now: Lease ends",
        ] {
            assert!(letter.text.contains(line), "{line} in {}", letter.text);
        }
        assert!(!letter.text.contains("Disk filling") && !letter.text.contains("Fan loud"));
        t.desk.advance(7_200);
        assert!(t.desk.letters().is_empty(), "nothing is told again");
        let count = |state| {
            let count = |conn: &mut store::Conn| store::outbox::count(conn, state);
            t.desk.app.store.read(count).unwrap()
        };
        assert_eq!(count(DeliveryState::Queued), 0);
        assert_eq!(count(DeliveryState::Accepted), 1);

        // One alone stays what it is, however late.
        t.relay_goes_away();
        t.open(Severity::Warning, "Battery old", owner);
        t.desk.advance(2_000);
        t.relay_is_back();
        t.desk.advance(3_600);
        let letters = t.desk.letters();
        assert_eq!(
            subjects(&to(&letters, &t.ada)),
            ["[INC-5] Yours now: Battery old"]
        );
    }
);

both_databases!(
    while_no_page_gets_through_the_house_has_an_incident_of_its_own_that_ends_by_itself,
    |desk| {
        let t = Two::new(desk);
        let served = Served::new(&t.desk.app);
        let ada = Visitor::logged_in(&served, &t.desk.app, Holder::Person(t.ada.id));
        let root = Visitor::logged_in(&served, &t.desk.app, Holder::Person(t.root.id));
        let says = |who: &Visitor, page: &str| who.get(page).text.contains("No page gets through");
        t.relay_goes_away();
        let master = t.open(Severity::Disaster, "DB master down", None);
        t.desk.advance(299);
        assert_eq!(t.trouble(), None, "a relay may be slow for a while");
        assert!(!says(&ada, "/"));

        t.desk.advance(2);
        let own = t.own_incident().expect("an incident of its own");
        assert_eq!(own.title.as_str(), "Pages reach nobody");
        assert_eq!(
            (own.severity, own.state),
            (Some(Severity::High), State::New)
        );
        let opened = t.entries(&own, EntryKind::Opened);
        assert_eq!(opened, 1);
        for page in ["/", "/queue", "/api"] {
            assert!(says(&ada, page), "{page}");
        }
        assert!(
            ada.get("/")
                .text
                .contains(&format!("href=\"/{}\"", own.key))
        );
        assert!(says(&root, "/checks") && root.get("/checks").text.contains(&own.key.to_string()));
        let ready = Visitor::new(&served).get("/readyz");
        assert_eq!(ready.status, 200);
        assert!(ready.text.contains("no page gets through to anybody"));
        // Once: however long it lasts, and though its own pages get through no better.
        for _ in 0..5 {
            t.desk.advance(400);
        }
        assert_eq!(t.own_incident().map(|it| it.key), Some(own.key));
        assert!(t.pages(&own, &t.root).len() > 1, "it is tried anew");
        assert!(t.desk.letters().is_empty());

        t.relay_is_back();
        t.desk.advance(700);
        let letters = t.desk.letters();
        let about = |who, ticket: &Ticket| {
            let subjects = subjects(&to(&letters, who));
            let key = ticket.key.to_string();
            subjects.iter().filter(|it| it.starts_with(&key)).count()
        };
        for who in [&t.ada, &t.bob] {
            assert_eq!(about(who, &master), 1, "{}: {letters:?}", who.name);
        }
        assert_eq!(about(&t.root, &own), 1);
        assert_eq!(t.trouble(), None);
        assert_eq!(t.now_is(&own).state, State::Resolved);
        assert!(!says(&ada, "/"));
        assert_eq!(Visitor::new(&served).get("/readyz").text, "ready\n");
        t.desk.let_letters_go();
    }
);

both_databases!(
    an_escalation_that_ended_unheard_is_taken_up_again_when_delivery_works,
    |desk| {
        let t = Two::new(desk);
        t.relay_says(Some(Handover::Refused("550 no such user".to_owned())));
        let master = t.open(Severity::Disaster, "DB master down", None);
        // Each step that is refused brings the next one forward.
        t.desk.settle();
        assert_eq!(t.entries(&master, EntryKind::DeadEnd), 1);
        assert_eq!(t.own_incident(), None, "the last call gets its time");
        t.desk.advance(60);
        let own = t.own_incident().expect("an incident of its own");
        // Somebody sees it and takes it: then it is theirs to resolve.
        act::take(&t.desk.as_person(&t.bob), own.key, None).unwrap();
        assert!(t.desk.letters().is_empty());

        t.relay_is_back();
        t.desk.advance(600);
        let letters = t.desk.letters();
        let master_is_paged = |who| {
            let subjects = subjects(&to(&letters, who));
            let about = |it: &&String| *it == "INC-1 DB master down";
            subjects.iter().filter(about).count()
        };
        assert_eq!((master_is_paged(&t.ada), master_is_paged(&t.bob)), (1, 1));
        assert_eq!(t.trouble(), None);
        assert_eq!(t.now_is(&own).state, State::InProgress);
        assert_eq!(t.entries(&own, EntryKind::Note), 1);
        t.desk.let_letters_go();
    }
);

both_databases!(
    whoever_can_be_reached_otherwise_than_by_mail_is_called_when_mail_fails,
    |desk| {
        let t = Two::new(desk);
        let zoe = t.desk.person("Zoe", RESPONDER);
        let hook = (Channel::Webhook, "https://phone.example.org/zoe".to_owned());
        people::set_ways(&t.desk.as_person(&zoe), &[hook]).unwrap();
        t.relay_goes_away();
        t.open(Severity::Disaster, "DB master down", None);
        assert!(t.desk.calls().is_empty(), "Zoe is in no team");
        t.desk.advance(301);
        let calls = t.desk.calls();
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].url, "https://phone.example.org/zoe");
        assert!(
            calls[0].body.contains("Pages reach nobody"),
            "{}",
            calls[0].body
        );
        // She has heard of it: something gets through.
        t.desk.advance(1);
        assert_eq!(t.trouble(), None);
        t.desk.let_letters_go();
    }
);
