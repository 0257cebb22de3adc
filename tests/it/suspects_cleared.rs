//! What clears a deployment that was live when an incident began.

use serde_json::json;
use watchkeeper::actions::suspect as act;
use watchkeeper::actions::{feed, ticket};
use watchkeeper::domain::deployment::Typed;
use watchkeeper::domain::id::TicketKey;
use watchkeeper::domain::suspect::{Alibi, Verdict};
use watchkeeper::domain::ticket::{Opening, State};
use watchkeeper::domain::timeline::Door;

use crate::both_databases;
use crate::deploy::{a_house, tell, typed};
use crate::desk::{Desk, Staff};
use crate::program::Program;
use crate::suspects::incident;
use crate::web::Browser;

const MINUTE: i64 = 60;

/// Who was cleared, and why.
fn cleared(desk: &Desk, by: &Staff, key: TicketKey) -> Vec<(String, Alibi)> {
    let found = act::read(&desk.as_person(by), key).unwrap();
    let named = |(told, why): (act::Told, Alibi)| (format!("{} {}", told.what, told.place), why);
    let mut all: Vec<_> = found.alibis.into_iter().map(named).collect();
    all.sort();
    all
}

fn suspected(desk: &Desk, by: &Staff, key: TicketKey) -> Vec<String> {
    let found = act::read(&desk.as_person(by), key).unwrap();
    let mut all: Vec<_> = found
        .suspects
        .into_iter()
        .map(|(told, _)| told.what)
        .collect();
    all.sort();
    all
}

fn to(version: &str, target: &str) -> Typed {
    Typed {
        target: target.into(),
        check: "green".into(),
        ..typed(version, "succeeded")
    }
}

both_databases!(
    an_incident_of_one_region_clears_what_went_to_another_and_what_runs_well_there,
    |desk| {
        let (ann, _, web) = a_house(&desk);
        tell(&desk, to("1", "eu")).unwrap();
        tell(&desk, to("1", "us")).unwrap();
        desk.advance(10 * MINUTE);
        // The new one is everywhere, and in America it has carried load for an hour.
        tell(&desk, to("2", "us")).unwrap();
        desk.advance(60 * MINUTE);
        tell(&desk, to("2", "eu")).unwrap();
        desk.advance(5 * MINUTE);
        let of = |labels: &[&str]| Opening {
            services: vec![web],
            labels: labels.iter().map(|it| (*it).to_owned()).collect(),
            ..Opening::default()
        };
        let everywhere = incident(&desk, &ann, of(&[]));
        assert_eq!(cleared(&desk, &ann, everywhere), []);
        let unheard_of = incident(&desk, &ann, of(&["region:mars"]));
        assert_eq!(cleared(&desk, &ann, unheard_of), []);
        let here = incident(&desk, &ann, of(&["region:eu"]));
        assert_eq!(
            cleared(&desk, &ann, here),
            [
                ("web 1 prod (us)".to_owned(), Alibi::OtherTarget),
                ("web 2 prod (eu)".to_owned(), Alibi::WellElsewhere),
                ("web 2 prod (us)".to_owned(), Alibi::OtherTarget),
            ]
        );
        assert_eq!(suspected(&desk, &ann, here), ["web 1"]);
        let browser = Browser::of(&desk, &ann);
        browser
            .get(&format!("/{here}"))
            .says("another target")
            .says("the same version runs well elsewhere");
    }
);

both_databases!(
    what_was_taken_back_in_vain_is_cleared_once_it_would_have_helped,
    |desk| {
        let (ann, _, web) = a_house(&desk);
        tell(&desk, typed("1", "succeeded")).unwrap();
        desk.advance(10 * MINUTE);
        tell(&desk, typed("2", "succeeded")).unwrap();
        desk.advance(5 * MINUTE);
        let opening = || Opening {
            services: vec![web],
            ..Opening::default()
        };
        let (key, other) = (
            incident(&desk, &ann, opening()),
            incident(&desk, &ann, opening()),
        );
        desk.advance(5 * MINUTE);
        tell(&desk, typed("1", "succeeded")).unwrap();
        desk.advance(10 * MINUTE);
        assert!(suspected(&desk, &ann, key).contains(&"web 2".to_owned()));
        // One of them works again soon after: that it was taken back helped.
        ticket::step(&desk.as_person(&ann), other, None, State::Restored, "").unwrap();
        desk.advance(25 * MINUTE);
        let vain = ("web 2 prod".to_owned(), Alibi::TakenBackInVain);
        assert!(cleared(&desk, &ann, key).contains(&vain));
        assert!(!cleared(&desk, &ann, other).contains(&vain));
        assert!(suspected(&desk, &ann, other).contains(&"web 2".to_owned()));
        let browser = Browser::of(&desk, &ann);
        browser
            .get(&format!("/{key}"))
            .says("taken back, and it went on");
    }
);

fn sign(source: &str, every_secs: i64, services: &[&str]) -> feed::Typed {
    feed::Typed {
        source: source.into(),
        environment: "prod".into(),
        every_secs,
        services: services.iter().map(|it| (*it).to_owned()).collect(),
    }
}

/// By the API: a feed says that it is alive.
pub fn by_api(p: &Program) {
    let beat = |every: i64, environment: &str| {
        let said = json!({"source": "terraform", "environment": environment, "every_secs": every});
        p.call("POST", "/api/v1/heartbeats", &[], Some(&said.to_string()))
    };
    assert_eq!(beat(14_400, "prod").status, 200);
    let naming = |name: &str| {
        let said = json!({"source": "terraform", "environment": "prod", "every_secs": 60, "services": [name]});
        p.call("POST", "/api/v1/heartbeats", &[], Some(&said.to_string()))
    };
    assert_eq!(naming("web").status, 200);
    assert_eq!(
        naming("moon").faults(),
        [("services".to_owned(), "unknown-service-name".to_owned())]
    );
    let fault = |field: &str, problem: &str| vec![(field.to_owned(), problem.to_owned())];
    assert_eq!(
        beat(59, "prod").faults(),
        fault("every_secs", "not-a-rhythm")
    );
    assert_eq!(
        beat(60, "moon").faults(),
        fault("environment", "unknown-environment")
    );
}

both_databases!(
    a_feed_that_says_it_is_alive_vouches_for_what_it_told_nothing_of_until_it_falls_silent,
    |desk| {
        let (ann, _, web) = a_house(&desk);
        let long_ago = Typed {
            source: "pipeline".into(),
            started_at: Some(desk.now().plus_secs(-30 * 24 * 60 * MINUTE)),
            ..typed("1", "succeeded")
        };
        tell(&desk, long_ago).unwrap();
        let verdict = || {
            let opening = Opening {
                services: vec![web],
                ..Opening::default()
            };
            let key = incident(&desk, &ann, opening);
            (key, act::read(&desk.as_person(&ann), key).unwrap().verdict)
        };
        assert_eq!(verdict().1, Verdict::Unknown, "it spoke once, a month ago");
        let alive = || {
            let pipeline = desk.app.system("pipeline", Door::Api);
            feed::beat(&pipeline, &sign("pipeline", 4 * 60 * MINUTE, &[])).unwrap()
        };
        alive();
        desk.advance(4 * 60 * MINUTE);
        assert_eq!(verdict().1, Verdict::RuledOut);
        desk.advance(59 * MINUTE);
        assert_eq!(verdict().1, Verdict::RuledOut, "a timer may be late");
        desk.advance(2 * MINUTE);
        let (key, found) = verdict();
        assert_eq!(found, Verdict::Unknown);
        let browser = Browser::of(&desk, &ann);
        browser
            .get(&format!("/{key}"))
            .says("normally every 4 h: <strong>not an alibi</strong>");
        alive();
        assert_eq!(verdict().1, Verdict::RuledOut);
    }
);

both_databases!(
    a_service_that_nobody_tells_of_is_vouched_for_by_a_feed_that_names_it,
    |desk| {
        let (ann, _, web) = a_house(&desk);
        let verdict = || {
            let opening = Opening {
                services: vec![web],
                ..Opening::default()
            };
            let key = incident(&desk, &ann, opening);
            let found = act::read(&desk.as_person(&ann), key).unwrap();
            (found.verdict, found.untold)
        };
        let by_hand = desk.app.system("ansible", Door::Api);
        let beat = |services: &[&str]| {
            feed::beat(&by_hand, &sign("ansible", 60 * MINUTE, services)).unwrap();
        };
        let untold = (Verdict::Unknown, vec!["web".to_owned()]);
        assert_eq!(verdict(), untold);
        beat(&[]);
        assert_eq!(
            verdict(),
            untold,
            "it is alive, and tells of something else"
        );
        beat(&["web", "web"]);
        assert_eq!(verdict(), (Verdict::RuledOut, Vec::new()));
        // What it names takes the place of what it named.
        beat(&[]);
        assert_eq!(verdict(), untold);
        beat(&[&web.to_string()]);
        assert_eq!(verdict().0, Verdict::RuledOut);
        desk.advance(90 * MINUTE);
        assert_eq!(verdict(), (Verdict::Unknown, Vec::new()), "it is silent");
        desk.advance(91 * 24 * 60 * MINUTE);
        assert_eq!(verdict(), untold, "it is no feed any more");
        let refused = feed::beat(&by_hand, &sign("ansible", 60 * MINUTE, &["moon"]));
        assert!(refused.is_err());
    }
);
