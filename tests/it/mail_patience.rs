//! How long a mail may ask to join a ticket: as long as its agreement gives somebody to take it, in the agreement's hours. Its row of the
//! matching table's last bullet.

use watchkeeper::actions::agreement::{AgreementDetails, add_agreement, change_agreement};
use watchkeeper::actions::oncall::{Plan, add_override, plan_rotation};
use watchkeeper::actions::ticket_merge::merge;
use watchkeeper::actions::{intake, sla, sla_verify, ticket as act, ticket_hold};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::hold::NewHold;
use watchkeeper::domain::id::CustomerId;
use watchkeeper::domain::intake::Verdict;
use watchkeeper::domain::oncall::Change;
use watchkeeper::domain::rotation::TurnUnit;
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::sla_agreement::{
    Anchor, Budget, HoldsFor, Metric, Promisee, Target, Threshold, USUAL_BACKDATE_DAYS,
};
use watchkeeper::domain::sla_policy::Policy;
use watchkeeper::domain::sla_version::Effect;
use watchkeeper::domain::ticket::WaitingOn;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::store;
use watchkeeper::store::intake::StoredMail;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::clock_notices::second_node;
use crate::desk::{Desk, Staff};
use crate::mail::{contoso, key, mail, read_again, stored, takes_mail, ticket, tickets};
use crate::oncall::team;
use crate::served::Served;
use crate::sla::{HOUR, MINUTE, house};
use crate::sla_changes::agreed;
use crate::visitor::Visitor;

const CAROL: &str = "carol@contoso.example";
const DAY: i64 = 24 * HOUR;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// Carol's ticket INC-1; her customer.
fn opened(desk: &Desk) -> CustomerId {
    contoso(desk);
    let head = "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>";
    mail(desk, CAROL, head, "Down.");
    ticket(desk, "INC-1").customer.unwrap()
}

/// A stranger who answers on it.
fn asks(desk: &Desk, n: u8) -> StoredMail {
    let head = format!(
        "Subject: Re: Uplink\r\nMessage-ID: <m{n}@evil.example>\r\nIn-Reply-To: <c1@contoso.example>"
    );
    let asked = mail(desk, "mallory@evil.example", &head, "Me too");
    assert_eq!(asked.verdict, Some(Verdict::JoinRequest));
    asked
}

/// Somebody takes this customer's incidents within so long, counted in this calendar.
fn own_within(desk: &Desk, who: &Staff, of: CustomerId, secs: i64, calendar: &str) {
    let book = desk
        .app
        .store
        .read(|conn| sla::book(&desk.app, conn))
        .unwrap();
    let names: Vec<&str> = book.calendars.iter().map(|it| it.name.as_str()).collect();
    let known = book.calendars.iter().find(|known| known.name == calendar);
    let calendar = known
        .unwrap_or_else(|| panic!("{calendar} in {names:?}"))
        .id;
    let target = Target {
        id: None,
        metric: Metric::Own,
        promisee: Promisee::Internal,
        kind: watchkeeper::domain::id::Kind::Incident,
        severity: None,
        service: None,
        customer: None,
        budget: Budget::Counted { secs },
        calendar,
        also: Vec::new(),
        anchor: Anchor::Logged,
        warn: vec![Threshold::Percent(50), Threshold::Percent(80)],
        stops_on: Vec::new(),
        policy: Policy::default(),
    };
    let details = AgreementDetails {
        holds_for: HoldsFor::Customers(vec![of]),
        name: "Gold".to_owned(),
        targets: vec![target],
        backdate_days: USUAL_BACKDATE_DAYS,
        is_active: true,
    };
    add_agreement(&desk.as_person(who), &details).unwrap();
}

/// The letters that are about the request, as whom they went to and their subjects.
fn told(desk: &Desk) -> Vec<(String, String)> {
    let letters = desk.letters().into_iter();
    letters
        .filter(|letter| {
            letter.subject.contains("Decide about") || letter.subject.contains("Somebody else")
        })
        .map(|letter| (letter.to.to_string(), letter.subject))
        .collect()
}

both_databases!(
    a_request_to_join_waits_as_long_as_the_agreement_gives_somebody_to_take_the_ticket,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let of = opened(&desk);
        own_within(&desk, &ada, of, 2 * HOUR, "Round the clock");
        act::take(&desk.as_person(&ada), key("INC-1"), None).unwrap();
        desk.letters();
        let asked = asks(&desk, 1);
        assert_eq!(
            asked.join_due_at,
            Some(asked.received_at.plus_secs(2 * HOUR))
        );
        let owner = "ada@watch.example.org".to_owned();
        let letters = desk.letters();
        let first = letters
            .iter()
            .find(|it| it.subject.contains("Somebody else"))
            .unwrap();
        assert_eq!(first.to.to_string(), owner);
        assert!(
            first.text.contains("at Mon 1 Jun 2026 13:00 CEST"),
            "{}",
            first.text
        );

        // The ticket's page, the mail's, the ledger and the home page say until when.
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        for place in [
            "/INC-1".to_owned(),
            format!("/mail/in/{}", asked.id),
            "/mail/in?show=join_request".to_owned(),
            "/".to_owned(),
        ] {
            let page = browser.get(&place).text;
            assert!(page.contains("Decide until"), "{place}: {page}");
        }

        desk.advance(59 * MINUTE);
        assert_eq!(told(&desk), []);
        desk.advance(2 * MINUTE);
        let warned = told(&desk);
        assert_eq!(warned.len(), 1, "{warned:?}");
        assert_eq!(warned[0].0, owner);
        desk.advance(50 * MINUTE);
        assert_eq!(told(&desk), [], "once");
        assert_eq!(stored(&desk, asked.id).verdict, Some(Verdict::JoinRequest));
        desk.advance(10 * MINUTE);
        let own = stored(&desk, asked.id);
        assert_eq!(
            (own.verdict, own.detail.as_str()),
            (Some(Verdict::Opened), "join-unanswered")
        );
        assert_eq!((own.join_due_at, own.join_warn_at), (None, None));
        let own_ticket = ticket(&desk, "INC-2");
        assert_eq!(
            (own.ticket, own_ticket.impact_at),
            (Some(own_ticket.id), asked.received_at)
        );
        assert!(!browser.get("/").text.contains("Decide until"));
    }
);

both_databases!(
    a_ticket_that_somebody_asks_to_join_is_due_by_when_that_is_decided,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let of = opened(&desk);
        own_within(&desk, &ada, of, 5 * MINUTE, "Round the clock");
        let head = "Subject: Printer\r\nMessage-ID: <c2@contoso.example>";
        mail(&desk, CAROL, head, "Jams.");
        for (name, secs) in [("INC-1", HOUR), ("INC-2", HOUR / 2)] {
            act::take(&desk.as_person(&ada), key(name), None).unwrap();
            let wait = NewHold {
                until: Some(desk.now().plus_secs(secs)),
                ..NewHold::new(WaitingOn::Vendor, "Asked the vendor")
            };
            ticket_hold::hold(&desk.as_person(&ada), key(name), None, &wait).unwrap();
        }
        let before = ticket(&desk, "INC-1").due;
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        let first_in_queue = || {
            let page = browser.get("/queue").text;
            let place = |key: &str| page.find(&format!(">{key}<")).expect("it is listed");
            (place("INC-1") < place("INC-2"), page)
        };
        // What the queue is told is what it would be told anew.
        let agrees = || {
            for name in ["INC-1", "INC-2"] {
                let ticket = ticket(&desk, name);
                let differs =
                    |conn: &mut _| sla_verify::of_ticket(&desk.app, conn, &ticket, desk.now());
                let mut differs = desk.app.store.read(differs).unwrap();
                differs.retain(|it| it.field.starts_with("next_due"));
                assert_eq!(differs, []);
            }
        };
        let (is_first, page) = first_in_queue();
        assert!(!is_first && !page.contains("Somebody asks to join"));

        let asked = asks(&desk, 1);
        let later = asks(&desk, 2);
        let due = ticket(&desk, "INC-1").due;
        let expected = (asked.join_due_at, Some(asked.received_at), "join_request");
        let found = (Some(due.at), due.from, due.metric.as_deref());
        assert_eq!(found, (expected.0, expected.1, Some(expected.2)));
        assert!(due.at < ticket(&desk, "INC-2").due.at && !due.is_late);
        let (is_first, page) = first_in_queue();
        assert!(is_first, "INC-1 comes before INC-2: {page}");
        assert!(page.contains("Somebody asks to join"), "{page}");
        agrees();

        // What else happens on it makes nobody forget the request.
        let note = "Looked at it.";
        act::note(&desk.as_person(&ada), key("INC-1"), note).unwrap();
        assert_eq!(ticket(&desk, "INC-1").due, due);
        agrees();

        // One is answered: the other is due. It becomes a ticket of its own: the clocks are due again.
        let letter = read_again(&desk, &asked);
        intake::answer_join(&desk.as_person(&ada), asked.id, &letter, false).unwrap();
        assert_eq!(Some(ticket(&desk, "INC-1").due.at), later.join_due_at);
        agrees();
        desk.app.time.set(later.join_due_at.unwrap());
        desk.settle();
        assert_eq!(stored(&desk, later.id).verdict, Some(Verdict::Opened));
        let after = ticket(&desk, "INC-1").due;
        assert_eq!((after.at, after.metric), (before.at, before.metric));
        agrees();
    }
);

both_databases!(
    whoever_asks_to_join_a_ticket_that_goes_on_in_another_asks_to_join_that_one,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        opened(&desk);
        mail(
            &desk,
            CAROL,
            "Subject: Printer\r\nMessage-ID: <c2@contoso.example>",
            "Jams.",
        );
        let asked = asks(&desk, 1);
        let by = desk.as_person(&ada);
        merge(&by, key("INC-1"), None, key("INC-2"), "The same.").unwrap();
        let survivor = ticket(&desk, "INC-2");
        assert_eq!(stored(&desk, asked.id).ticket, Some(survivor.id));
        assert_eq!(Some(survivor.due.at), asked.join_due_at);
        assert_ne!(ticket(&desk, "INC-1").due.metric, survivor.due.metric);
        let letter = read_again(&desk, &asked);
        let done = intake::answer_join(&by, asked.id, &letter, true).unwrap();
        assert_eq!(
            (done.verdict, done.ticket),
            (Some(Verdict::Appended), Some(survivor.id))
        );
        let due = ticket(&desk, "INC-2").due;
        assert_ne!(due.metric.as_deref(), Some("join_request"));
    }
);

both_databases!(
    a_request_that_comes_on_a_weekend_waits_for_the_agreements_hours,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let of = opened(&desk);
        own_within(&desk, &ada, of, HOUR, "Working hours");
        // Saturday noon; Monday is 8 June, the house is in Berlin.
        desk.app.time.set(at("2026-06-06T10:00:00Z"));
        let asked = asks(&desk, 1);
        let opens = office_opens(&desk, at("2026-06-06T10:00:00Z"));
        assert_eq!(asked.join_due_at, Some(opens.plus_secs(HOUR)));
        assert_eq!(asked.join_warn_at, Some(opens.plus_secs(HOUR / 2)));
        desk.app.time.set(opens.plus_secs(HOUR - 1));
        desk.settle();
        assert_eq!(
            (stored(&desk, asked.id).verdict, tickets(&desk)),
            (Some(Verdict::JoinRequest), 1)
        );
        desk.advance(1);
        let own = stored(&desk, asked.id);
        assert_eq!((own.verdict, tickets(&desk)), (Some(Verdict::Opened), 2));
        assert_eq!(ticket(&desk, "INC-2").impact_at, asked.received_at);
    }
);

/// When the office opens next.
fn office_opens(desk: &Desk, from: Timestamp) -> Timestamp {
    let book = desk
        .app
        .store
        .read(|conn| sla::book(&desk.app, conn))
        .unwrap();
    let office = book
        .calendars
        .iter()
        .find(|it| it.name == "Working hours")
        .unwrap();
    let open = office.hours.open_intervals(from, from.plus_secs(4 * DAY));
    assert!(
        open[0].from > from.plus_secs(DAY),
        "it is closed on a Sunday"
    );
    open[0].from
}

both_databases!(
    a_request_keeps_its_time_when_the_agreement_changes_and_when_the_process_is_another,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let of = opened(&desk);
        own_within(&desk, &ada, of, 2 * HOUR, "Round the clock");
        let asked = asks(&desk, 1);
        let (id, version, mut details) = agreed(&desk, of);
        details.targets[0].budget = Budget::Counted { secs: 10 * MINUTE };
        change_agreement(
            &desk.as_person(&ada),
            id,
            version,
            &details,
            &Effect::FromNow,
        )
        .unwrap();
        desk.advance(30 * MINUTE);
        assert_eq!(stored(&desk, asked.id).join_due_at, asked.join_due_at);
        assert_eq!(stored(&desk, asked.id).verdict, Some(Verdict::JoinRequest));
        // One that asks now has the new time.
        let later = asks(&desk, 2);
        assert_eq!(
            later.join_due_at,
            Some(later.received_at.plus_secs(10 * MINUTE))
        );
        desk.app.time.set(asked.join_due_at.unwrap());
        let next = second_node(&desk);
        watchkeeper::jobs::run_until_quiet(&next).unwrap();
        for one in [&asked, &later] {
            assert_eq!(stored(&desk, one.id).verdict, Some(Verdict::Opened));
        }
        assert_eq!(tickets(&desk), 3);
    }
);

both_databases!(
    without_an_agreement_the_houses_setting_says_how_long_a_request_waits,
    |desk| {
        desk.let_letters_go();
        opened(&desk);
        let first = asks(&desk, 1);
        assert_eq!(
            first.join_due_at,
            Some(first.received_at.plus_secs(30 * MINUTE))
        );
        let now = desk.now();
        desk.app
            .store
            .write(|tx| store::settings::put(tx, SettingKey::MailJoinMinutes, "90", now))
            .unwrap();
        let second = asks(&desk, 2);
        assert_eq!(
            second.join_due_at,
            Some(second.received_at.plus_secs(90 * MINUTE))
        );
        assert_eq!(stored(&desk, first.id).join_due_at, first.join_due_at);
        // Answered, nobody is warned of it and it is nowhere due.
        let ada = desk.person("Ada", Roles::of(&[Role::Responder, Role::Lead]));
        let letter = read_again(&desk, &second);
        desk.letters();
        let done = intake::answer_join(&desk.as_person(&ada), second.id, &letter, true).unwrap();
        assert_eq!((done.join_due_at, done.join_warn_at), (None, None));
        desk.advance(23 * MINUTE);
        let warned = told(&desk);
        assert_eq!(warned.len(), 1, "{warned:?}");
        desk.advance(3 * HOUR);
        assert_eq!(told(&desk), []);
    }
);

both_databases!(
    what_nobody_owns_is_warned_of_to_whoever_is_on_call,
    |desk| {
        desk.let_letters_go();
        let lin = desk.person("Lin", Roles::of(&[Role::Responder, Role::Lead]));
        let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
        let tom = desk.person("Tom", Roles::of(&[Role::Responder]));
        let netops = team(&desk, "netops", &[&lin, &bob, &tom]);
        takes_mail(&desk, "support@watch.example.org", |rule| {
            rule.team = Some(netops);
        });
        let nine = chrono::NaiveDate::from_ymd_opt(2026, 6, 1)
            .unwrap()
            .and_hms_opt(9, 0, 0)
            .unwrap();
        let plan = Plan {
            zone: chrono_tz::UTC,
            anchor: nine,
            unit: TurnUnit::Weeks,
            length: 1,
            people: vec![lin.id],
            keep: None,
        };
        plan_rotation(&desk.as_person(&lin), netops, &plan, None).unwrap();
        let (from, to) = (desk.now(), desk.now().plus_secs(DAY));
        add_override(
            &desk.as_person(&lin),
            netops,
            Change::Add(bob.id),
            from,
            to,
            "",
        )
        .unwrap();
        opened(&desk);
        desk.letters();
        asks(&desk, 1);
        desk.letters();
        desk.advance(24 * MINUTE);
        let mut warned: Vec<String> = told(&desk).into_iter().map(|(to, _)| to).collect();
        warned.sort_unstable();
        // Both who are on call, and not who only is of the team.
        assert_eq!(warned, ["bob@watch.example.org", "lin@watch.example.org"]);
    }
);
