//! Holds: several at once, each with its own end, and nobody forgets them.

use diesel::connection::SimpleConnection;
use watchkeeper::actions::{agreement, sla, ticket as act, ticket_hold};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::hold::NewHold;
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::sla_version::Effect;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State, WaitingOn};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::Error;
use watchkeeper::store::backend::Conn;

use crate::both_databases;
use crate::desk::START;
use crate::sla::{
    HOUR, MINUTE, caches_are_true, clock, customer, entries, house, now_of, open, promise,
};
use crate::web::Browser;

fn wait(on: WaitingOn, whom: &str, until: Option<i64>) -> NewHold {
    NewHold {
        whom: whom.to_owned(),
        until: until.map(|secs| START.plus_secs(secs)),
        ..NewHold::new(on, "an answer")
    }
}

both_databases!(
    t21_t24_t25_a_ticket_waits_for_several_things_and_runs_when_the_last_of_them_ends,
    |desk| {
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        let promises = [
            (Metric::Resolve, Some(Severity::High), 4 * HOUR),
            (Metric::Resolve, Some(Severity::Disaster), 2 * HOUR),
        ];
        promise(&desk, &ada, contoso, &promises);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        let by = || desk.as_person(&ada);
        let until = Some(3 * HOUR);
        desk.advance(HOUR);
        ticket_hold::hold(
            &by(),
            ticket.key,
            None,
            &wait(WaitingOn::Customer, "", None),
        )
        .unwrap();
        ticket_hold::hold(
            &by(),
            ticket.key,
            None,
            &wait(WaitingOn::Vendor, "Metro Fibre", until),
        )
        .unwrap();
        let held = now_of(&desk, &ticket);
        let whom: Vec<&str> = held.holds.iter().map(|hold| hold.whom.as_str()).collect();
        assert_eq!(whom, ["Contoso", "Metro Fibre"], "the customer by name");
        assert!(held.holds.iter().all(|hold| hold.by == "Ada"));
        // A change of severity keeps both.
        act::change_severity(&by(), ticket.key, None, Severity::Disaster, "worse").unwrap();
        assert_eq!(now_of(&desk, &ticket).holds.len(), 2);
        assert_eq!(
            clock(&desk, &ticket, Metric::Resolve).state,
            ClockState::Held
        );
        desk.advance(HOUR);
        ticket_hold::release(&by(), ticket.key, None, Some(held.holds[0].id)).unwrap();
        assert_eq!(
            clock(&desk, &ticket, Metric::Resolve).state,
            ClockState::Held
        );
        // The queue sorts it by the end of what is left.
        assert_eq!(now_of(&desk, &ticket).due.at, START.plus_secs(3 * HOUR));
        let again = ticket_hold::release(&by(), ticket.key, None, Some(held.holds[0].id));
        assert!(matches!(again, Err(Error::Refused(refusal)) if refusal.rule == "not-held"));
        // Nobody releases the other: it ends by itself, to the second.
        desk.advance(90 * MINUTE);
        assert!(!now_of(&desk, &ticket).is_held());
        let resolve = clock(&desk, &ticket, Metric::Resolve);
        assert_eq!(
            (resolve.state, resolve.deadline_at),
            (ClockState::Running, Some(START.plus_secs(4 * HOUR)))
        );
        caches_are_true(&desk, &ticket);
        // Held and resolved at once: the hold ends with the resolve.
        ticket_hold::hold(&by(), ticket.key, None, &wait(WaitingOn::Vendor, "", None)).unwrap();
        desk.advance(42 * 24 * HOUR);
        act::resolve(&by(), ticket.key, None, "spliced").unwrap();
        let resolve = clock(&desk, &ticket, Metric::Resolve);
        assert_eq!(
            (resolve.state, resolve.breached_at),
            (ClockState::Met, None)
        );
        assert!(!now_of(&desk, &ticket).is_held());
        caches_are_true(&desk, &ticket);
    }
);

both_databases!(the_owner_is_reminded_before_a_hold_ends, |desk| {
    let ada = house(&desk);
    let ticket = open(&desk, &ada, Severity::Information, None);
    let by = desk.as_person(&ada);
    act::take(&by, ticket.key, None).unwrap();
    let hold = wait(WaitingOn::Vendor, "Metro Fibre", Some(10 * HOUR));
    ticket_hold::hold(&by, ticket.key, None, &hold).unwrap();
    let sooner = NewHold {
        nudge_at: Some(START.plus_secs(2 * HOUR)),
        ..wait(WaitingOn::Customer, "", None)
    };
    ticket_hold::hold(&by, ticket.key, None, &sooner).unwrap();
    desk.advance(2 * HOUR);
    let letters = desk.letters();
    assert_eq!(letters.len(), 1);
    assert!(
        letters[0]
            .text
            .contains("waits for the customer: an answer"),
        "{}",
        letters[0].text
    );
    desk.advance(7 * HOUR - 1);
    assert!(desk.letters().is_empty());
    desk.advance(1);
    let letters = desk.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].to.as_str(), "ada@watch.example.org");
    assert!(
        letters[0].text.contains("waits for Metro Fibre: an answer"),
        "{}",
        letters[0].text
    );
    desk.advance(HOUR);
    assert!(desk.letters().is_empty(), "once");
    let left: Vec<WaitingOn> = now_of(&desk, &ticket)
        .holds
        .iter()
        .map(|hold| hold.on)
        .collect();
    assert_eq!(left, [WaitingOn::Customer]);
    assert_eq!(entries(&desk, &ticket, EntryKind::HoldNudged).len(), 2);
});

both_databases!(
    a_ticket_that_waits_from_its_first_moment_on_counts_nothing,
    |desk| {
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        promise(&desk, &ada, contoso, &[(Metric::Resolve, None, 4 * HOUR)]);
        let opening = Opening {
            customer: Some(contoso),
            hold: Some(NewHold::new(WaitingOn::Customer, "a date")),
            ..Opening::default()
        };
        let title = Title::parse("Move the racks").unwrap();
        let ticket = act::open(&desk.as_person(&ada), Kind::Incident, title, &opening).unwrap();
        desk.advance(30 * HOUR);
        assert_eq!(clock(&desk, &ticket, Metric::Resolve).breached_at, None);
        ticket_hold::release(&desk.as_person(&ada), ticket.key, None, None).unwrap();
        assert_eq!(
            clock(&desk, &ticket, Metric::Resolve).deadline_at,
            Some(START.plus_secs(34 * HOUR))
        );
        caches_are_true(&desk, &ticket);
    }
);

both_databases!(
    t26_a_state_that_holds_a_promise_lets_it_go_when_the_ticket_leaves_it,
    |desk| {
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        let mut details = promise(&desk, &ada, contoso, &[(Metric::Resolve, None, 4 * HOUR)]);
        details.targets[0].policy.holds_in = vec![State::Restored];
        let book = desk
            .app
            .store
            .read(|conn| sla::book(&desk.app, conn))
            .unwrap();
        let known = book
            .agreements()
            .iter()
            .find(|known| known.holds_for.customers().contains(&contoso))
            .unwrap();
        let by = || desk.as_person(&ada);
        agreement::change_agreement(&by(), known.id, known.version, &details, &Effect::FromNow)
            .unwrap();
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        act::take(&by(), ticket.key, None).unwrap();
        desk.advance(HOUR);
        act::step(&by(), ticket.key, None, State::Restored, "").unwrap();
        assert_eq!(
            clock(&desk, &ticket, Metric::Resolve).state,
            ClockState::Held
        );
        desk.advance(HOUR);
        ticket_hold::hold(&by(), ticket.key, None, &wait(WaitingOn::Vendor, "", None)).unwrap();
        desk.advance(HOUR);
        act::step(&by(), ticket.key, None, State::InProgress, "").unwrap();
        assert_eq!(
            clock(&desk, &ticket, Metric::Resolve).state,
            ClockState::Held,
            "a person's hold stays"
        );
        ticket_hold::release(&by(), ticket.key, None, None).unwrap();
        assert_eq!(
            clock(&desk, &ticket, Metric::Resolve).deadline_at,
            Some(START.plus_secs(6 * HOUR))
        );
        caches_are_true(&desk, &ticket);
        details.targets[0].policy.holds_in = vec![State::AwaitingApproval];
        let refused = agreement::change_agreement(
            &by(),
            known.id,
            known.version + 1,
            &details,
            &Effect::FromNow,
        );
        let Err(Error::Invalid(errors)) = refused else {
            panic!("an incident never awaits approval")
        };
        assert_eq!(
            (errors[0].field.as_ref(), errors[0].problem),
            ("holds_in", "not-its-state")
        );
    }
);

both_databases!(
    a_wait_that_nobody_wrote_down_is_entered_by_whoever_leads,
    |desk| {
        let ada = house(&desk);
        let ines = desk.person("Ines", Roles::of(&[Role::Responder]));
        let contoso = customer(&desk, "Contoso");
        promise(&desk, &ada, contoso, &[(Metric::Resolve, None, 4 * HOUR)]);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        desk.advance(5 * HOUR);
        assert_eq!(
            clock(&desk, &ticket, Metric::Resolve).breached_at,
            Some(START.plus_secs(4 * HOUR))
        );
        let past = NewHold {
            since: Some(START.plus_secs(HOUR)),
            until: Some(START.plus_secs(3 * HOUR)),
            evidence: "https://chat.example.org/away".to_owned(),
            ..NewHold::new(WaitingOn::Customer, "they were away")
        };
        let refused = ticket_hold::hold(&desk.as_person(&ines), ticket.key, None, &past);
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
        // It takes a breach back: not on somebody's word alone.
        for (evidence, problem) in [("", "required"), ("#99", "unknown-entry")] {
            let unproven = NewHold {
                evidence: evidence.to_owned(),
                ..past.clone()
            };
            let refused = ticket_hold::hold(&desk.as_person(&ada), ticket.key, None, &unproven);
            assert!(
                matches!(&refused, Err(Error::Invalid(faults)) if faults[0].field == "evidence"
                    && faults[0].problem == problem),
                "{refused:?}"
            );
        }
        ticket_hold::hold(&desk.as_person(&ada), ticket.key, None, &past).unwrap();
        let held = entries(&desk, &ticket, EntryKind::Held);
        assert_eq!(
            held[0].facts.get("evidence"),
            Some("https://chat.example.org/away")
        );
        let resolve = clock(&desk, &ticket, Metric::Resolve);
        assert_eq!(
            (resolve.deadline_at, resolve.breached_at),
            (Some(START.plus_secs(6 * HOUR)), None)
        );
        let withdrawn = entries(&desk, &ticket, EntryKind::ClockWithdrawn);
        assert_eq!(
            (
                withdrawn[0].facts.get("name"),
                withdrawn[0].facts.get("cause")
            ),
            (Some("Ada"), Some("held"))
        );
        assert!(!now_of(&desk, &ticket).is_held(), "it was over already");
        caches_are_true(&desk, &ticket);
        let ahead = NewHold {
            since: Some(desk.now().plus_secs(1)),
            ..NewHold::new(WaitingOn::Date, "the maintenance")
        };
        let refused = ticket_hold::hold(&desk.as_person(&ada), ticket.key, None, &ahead);
        assert!(
            matches!(refused, Err(Error::Refused(refusal)) if refusal.rule == "hold-in-future")
        );
    }
);

both_databases!(
    the_page_says_since_when_and_for_whom_a_ticket_waits,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        promise(&desk, &ada, contoso, &[(Metric::Resolve, None, 4 * HOUR)]);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        let browser = Browser::of(&desk, &ada);
        let place = format!("/{}", ticket.key);
        let form = [("on", "customer"), ("reason", "logs"), ("whom", "")];
        // The resolve clock would stop: that is shown before it is saved.
        let shown = browser.post(&format!("{place}/hold"), &form);
        shown
            .is(200)
            .says("Before it is saved")
            .says("held, without an end")
            .says("Save it");
        assert!(!now_of(&desk, &ticket).is_held());
        let rev = now_of(&desk, &ticket).version.to_string();
        let mut sure = form.to_vec();
        sure.extend([("confirmed", "yes"), ("rev", &rev)]);
        browser.post(&format!("{place}/hold"), &sure).is(303);
        // Nothing moves any more: saved at once.
        let vendor = [
            ("on", "vendor"),
            ("reason", "splice"),
            ("whom", "Metro Fibre"),
        ];
        browser.post(&format!("{place}/hold"), &vendor).is(303);
        desk.advance(2 * HOUR);
        browser
            .get(&place)
            .says("held 2 h, waiting for Contoso")
            .says("held 2 h, waiting for Metro Fibre")
            .says("End all of them");
        browser.get("/queue").says("Waiting for Contoso and 1 more");
        let one = now_of(&desk, &ticket).holds[0].id.to_string();
        let released = browser.post(&format!("{place}/release"), &[("hold", &one)]);
        released.is(303);
        assert_eq!(now_of(&desk, &ticket).holds[0].whom, "Metro Fibre");
        browser
            .post(
                &format!("{place}/hold"),
                &[
                    ("on", "date"),
                    ("reason", "later"),
                    ("since", "2031-01-01T10:00"),
                ],
            )
            .is(422)
            .says("A hold can&#39;t begin in the future")
            .says("give the hold an expected end");
    }
);

both_databases!(
    a_hold_from_before_there_were_several_is_one_of_them,
    |desk| {
        let ada = house(&desk);
        let ticket = open(&desk, &ada, Severity::High, None);
        desk.advance(MINUTE);
        let by = desk.as_person(&ada);
        let hold = wait(WaitingOn::Vendor, "", Some(3 * HOUR));
        ticket_hold::hold(&by, ticket.key, None, &hold).unwrap();
        let held = entries(&desk, &ticket, EntryKind::Held).remove(0);
        desk.app
            .store
            .write(|tx| {
                let tree = match &**tx {
                    Conn::Sqlite(_) => "sqlite",
                    Conn::Pg(_) => "postgres",
                };
                for step in ["down", "up"] {
                    let path = format!("migrations/{tree}/2026-11-28-001500_holds/{step}.sql");
                    tx.batch_execute(&std::fs::read_to_string(path).unwrap())?;
                }
                Ok(())
            })
            .unwrap();
        let known = now_of(&desk, &ticket).holds;
        assert_eq!(known.len(), 1);
        assert_eq!(
            (
                known[0].id.uuid(),
                known[0].on,
                known[0].since,
                known[0].until
            ),
            (
                held.id.uuid(),
                WaitingOn::Vendor,
                held.effective_at,
                hold.until
            )
        );
        assert_eq!(known[0].by, "Ada");
        desk.advance(3 * HOUR);
        assert!(!now_of(&desk, &ticket).is_held(), "it ends by itself");
        caches_are_true(&desk, &ticket);
    }
);
