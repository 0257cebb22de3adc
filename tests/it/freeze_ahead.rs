//! Windows are announced before they open: once to each of those whom they concern, and not if they were changed meanwhile.

use serde_json::json;
use watchkeeper::actions::{freeze, freeze_ahead, house as houses, people};
use watchkeeper::domain::change::{Plan, Sort as ChangeSort};
use watchkeeper::domain::freeze::{Details, Freeze, Scope, Sort, When};
use watchkeeper::domain::outgoing::{Handover, OutgoingMail};
use watchkeeper::domain::people::{PersonDetails, ServiceDetails};
use watchkeeper::domain::timeline::Door;
use watchkeeper::store;

use crate::agenda::planned;
use crate::approvals::House;
use crate::both_databases;
use crate::desk::Desk;
use crate::program::Program;
use crate::sla::HOUR;
use crate::web::Browser;

const DAY: i64 = 24 * HOUR;
const STOCKHOLM: chrono_tz::Tz = chrono_tz::Europe::Stockholm;
/// Wednesday 22:00 UTC, a day before Friday begins in Stockholm; the desk's time starts on Monday at 09:00.
const A_DAY_BEFORE: i64 = 2 * DAY + 13 * HOUR;

/// The announcements that were sent since the last look, by their recipients.
fn announced(desk: &Desk) -> Vec<OutgoingMail> {
    let mut letters = desk.letters();
    letters.retain(|it| it.subject.contains(" ahead: "));
    letters.sort_by_key(|it| it.to.folded());
    letters
}

fn readers(letters: &[OutgoingMail]) -> Vec<String> {
    letters.iter().map(|it| it.to.folded()).collect()
}

fn friday() -> Details {
    Details::friday("No changes on Friday", STOCKHOLM)
}

fn edit(house: &House, known: &Freeze, details: &Details) -> Freeze {
    freeze::edit(&house.admin(), known.id, known.version, details).unwrap()
}

both_databases!(
    a_window_is_announced_a_day_before_it_once_to_each_member_of_every_team,
    |desk| {
        let house = House::new(desk);
        let desk = &house.desk;
        let cleo = PersonDetails::parse("Cleo", "cleo@watch.example.org", "America/New_York", "");
        people::edit_profile(&desk.as_person(&house.cleo), 1, &cleo.unwrap()).unwrap();
        let at = |days: i64, hours: i64| days * DAY + hours * HOUR;
        let web = [house.web];
        let inside = planned(
            desk,
            &house.ann,
            "Raise pool size",
            at(4, 3),
            at(4, 4),
            &web,
        );
        let before = planned(desk, &house.ann, "Before it", at(3, 10), at(3, 20), &web);
        let urgent = planned(desk, &house.ann, "Can't wait", at(4, 5), at(4, 6), &web);
        let plan = Plan {
            starts_at: Some(crate::desk::START.plus_secs(at(4, 5))),
            sort: ChangeSort::Emergency,
            ..Plan::default()
        };
        let by = desk.as_person(&house.ann);
        watchkeeper::actions::change::edit(&by, urgent, None, plan).unwrap();
        let window = freeze::add(&house.admin(), &friday()).unwrap();
        desk.advance(A_DAY_BEFORE - 1);
        assert_eq!(readers(&announced(desk)), [""; 0]);
        desk.advance(1);
        let letters = announced(desk);
        assert_eq!(
            readers(&letters),
            ["ada@harbour.example", "cleo@watch.example.org"]
        );
        let [ada, cleo] = letters.as_slice() else {
            panic!("{letters:?}")
        };
        assert_eq!(
            ada.subject,
            "Freeze ahead: No changes on Friday, from Fri 5 Jun 2026 00:00 CEST"
        );
        for said in [
            "ends Mon 8 Jun 2026 07:00 CEST",
            "One planned change falls into it:",
            &format!("{inside} Raise pool size, Fri 5 Jun 2026 14:00 CEST"),
            "https://watch.example.org/calendar?from=2026-06-05",
        ] {
            assert!(ada.text.contains(said), "{said}: {}", ada.text);
        }
        assert!(!ada.text.contains(&before.to_string()), "it has begun then");
        assert!(!ada.text.contains(&urgent.to_string()), "it may begin");
        // On her own clock.
        for said in [
            "begins Thu 4 Jun 2026 18:00 EDT",
            "Fri 5 Jun 2026 08:00 EDT",
        ] {
            assert!(cleo.text.contains(said), "{said}: {}", cleo.text);
        }

        desk.advance(HOUR);
        assert_eq!(readers(&announced(desk)), [""; 0]);
        // A node that doesn't know that it was done asks for the same letters, which there are.
        let forget = |tx: &mut store::Tx| store::freeze::forget_announced(tx, window.id);
        desk.app.store.write(forget).unwrap();
        let system = desk.app.system("another node", Door::Clock);
        freeze_ahead::announce(&system).unwrap();
        freeze_ahead::announce(&system).unwrap();
        assert_eq!(readers(&announced(desk)), [""; 0]);
        // Nothing about it is said again when it has only another name.
        let named = Details {
            name: "Quiet Friday".to_owned(),
            ..friday()
        };
        edit(&house, &window, &named);
        desk.advance(2 * HOUR);
        assert_eq!(readers(&announced(desk)), [""; 0]);
        // The next week is another one.
        desk.advance(7 * DAY - 3 * HOUR);
        let letters = announced(desk);
        assert_eq!(letters.len(), 2);
        let ada = &letters[0];
        assert!(ada.subject.contains("Quiet Friday, from Fri 12 Jun"));
        assert!(ada.text.contains("No planned change falls into it."));
    }
);

both_databases!(
    a_window_of_some_services_is_announced_to_their_teams_alone,
    |desk| {
        let house = House::new(desk);
        let desk = &house.desk;
        let details = ServiceDetails {
            name: "db".into(),
            public_name: "Database".into(),
            team_id: house.databases,
            runbook_url: None,
            members_total: 2,
            members_needed: 1,
        };
        let db = houses::add_service(&house.admin(), &details, &Default::default()).unwrap();
        let night = Details {
            when: When::parse("Tue 22:00", "Wed 02:00").unwrap(),
            sort: Sort::Allow,
            scope: Scope {
                services: vec![db.id],
                ..Scope::default()
            },
            announce_secs: Some(2 * HOUR),
            ..friday()
        };
        freeze::add(&house.admin(), &night).unwrap();
        // Tuesday 20:00 in Stockholm.
        desk.advance(DAY + 9 * HOUR);
        let letters = announced(desk);
        assert_eq!(readers(&letters), ["cleo@watch.example.org"]);
        assert!(letters[0].subject.starts_with("Maintenance ahead: "));
        assert!(letters[0].text.contains("until Wed 3 Jun 2026 02:00 CEST"));
    }
);

both_databases!(
    what_was_changed_or_switched_off_before_its_announcement_isnt_announced,
    |desk| {
        let house = House::new(desk);
        let desk = &house.desk;
        let mut off = freeze::add(&house.admin(), &friday()).unwrap();
        let moved = freeze::add(&house.admin(), &friday()).unwrap();
        desk.advance(A_DAY_BEFORE - HOUR);
        let saturday = Details {
            name: "From Saturday".to_owned(),
            when: When::parse("Sat 00:00", "Mon 07:00").unwrap(),
            ..friday()
        };
        let never = Details {
            is_active: false,
            ..friday()
        };
        off = edit(&house, &off, &never);
        let mut moved = edit(&house, &moved, &saturday);
        desk.advance(2 * HOUR);
        assert_eq!(readers(&announced(desk)), [""; 0]);

        // Thursday 22:00 UTC: the relay is busy, and before it takes the letters the window is moved again.
        for _ in 0..2 {
            desk.relay_answers(Handover::Deferred("421 busy".to_owned()));
        }
        desk.advance(23 * HOUR);
        assert_eq!(readers(&announced(desk)), [""; 0]);
        let later = Details {
            when: When::parse("Sat 06:00", "Mon 07:00").unwrap(),
            ..saturday
        };
        moved = edit(&house, &moved, &later);
        desk.advance(5 * HOUR);
        assert_eq!(readers(&announced(desk)), [""; 0], "it isn't due yet");
        desk.advance(HOUR);
        let letters = announced(desk);
        assert_eq!(letters.len(), 2);
        for letter in &letters {
            assert!(letter.subject.ends_with("from Sat 6 Jun 2026 06:00 CEST"));
        }
        // What has begun isn't announced when it is switched on again.
        edit(&house, &moved, &never);
        edit(&house, &off, &friday());
        desk.advance(HOUR);
        assert_eq!(readers(&announced(desk)), [""; 0]);
    }
);

both_databases!(how_long_beforehand_is_kept_by_form_and_program, |desk| {
    desk.let_letters_go();
    let p = Program::new(desk);
    let new = |secs: serde_json::Value| {
        json!({
            "name": "Year end", "zone": "Europe/Stockholm", "from": "20 Dec 00:00", "to": "2 Jan 07:00",
            "level": "block", "announce_secs": secs,
        })
    };
    let long = new(json!(15 * DAY)).to_string();
    let long = p.call("POST", "/api/v1/freezes", &[], Some(&long));
    let fault = ("announce_secs".to_owned(), "not-an-announcement".to_owned());
    assert_eq!(long.faults(), [fault]);
    let made = p.done("POST", "/api/v1/freezes", new(json!(7 * DAY)));
    let place = format!("/api/v1/freezes/{}", made.text("/id"));
    let renamed = p.done("PATCH", &place, json!({"name": "End of the year"}));
    assert_eq!(renamed.body["announce_secs"], json!(7 * DAY));
    let none = p.done("PATCH", &place, json!({"announce_secs": null}));
    assert_eq!(none.body["announce_secs"], json!(null));

    let browser = Browser::of(&p.desk, &p.ada);
    let form = |announce: &'static str| {
        [
            ("name", "End of the year"),
            ("zone", "Europe/Stockholm"),
            ("from", "20 Dec 00:00"),
            ("to", "2 Jan 07:00"),
            ("kind", "deny"),
            ("level", "block"),
            ("announce", announce),
            ("active", "yes"),
            ("rev", "3"),
        ]
    };
    let place = format!("/freezes/{}", made.text("/id"));
    let wrong = browser.post(&place, &form("a day"));
    wrong
        .is(422)
        .says("“a day” is no such length")
        .says("value=\"a day\"");
    browser.post(&place, &form("48 h")).is(303);
    browser.get("/freezes").says("told 48 h beforehand");
    browser.get(&place).says("value=\"48 h\"");
    browser.get("/audit").says("48 h");
});
