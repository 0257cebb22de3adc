//! Deployments that waited and wait on, for a person's word: what came meanwhile, what failed, and what the service always wants.

use watchkeeper::actions::deployment::{self as act, Asked};
use watchkeeper::actions::deployment_queue as queue;
use watchkeeper::actions::deployment_rule::{TypedRule, set_rule};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::change::Plan;
use watchkeeper::domain::deploy_queue::{Reason, State};
use watchkeeper::domain::deployment::Typed;
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::Error;

use crate::both_databases;
use crate::deploy::{a_house, tell, typed};
use crate::deploy_queue::{
    DAY, MIN, approved, ask, begins, go_to_friday, go_to_monday, monday, no_fridays, now, refused,
    stands, told, waits, wish,
};
use crate::mail;
use crate::sla::HOUR;
use crate::web::Browser;

both_databases!(
    what_came_meanwhile_or_went_wrong_waits_for_a_persons_word,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        no_fridays(&desk);
        desk.advance(3 * DAY + 13 * HOUR);
        let key = approved(&desk, &ann, &ben, web, Plan::default());
        desk.advance(14 * HOUR);
        let named = Typed {
            change: key.to_string(),
            ..wish("4.12.0", "1")
        };
        let queued = waits(&desk, named.clone());
        let eu = Typed {
            target: "eu".into(),
            ..wish("4.12.0", "2")
        };
        let eu = waits(&desk, eu);
        // On Saturday somebody breaks the glass for a fix that 4.12.0 doesn't have.
        desk.advance(DAY);
        let fix = Typed {
            break_glass: "the shop takes no cards".into(),
            ..typed("4.11.9", "succeeded")
        };
        act::record(&desk.as_person(&ann), fix).unwrap();
        desk.letters();
        go_to_monday(&desk);
        assert_eq!(stands(&desk, &queued), (State::Waiting, Reason::Overtaken));
        let letters = desk.letters();
        let letter = mail::to(&letters, "ann@watch.example.org");
        assert!(
            letter
                .text
                .contains("something else was deployed there meanwhile"),
            "{}",
            letter.text
        );
        desk.advance(10 * MIN);
        assert!(desk.letters().is_empty(), "once is enough");
        assert_eq!(now(&desk, &eu).state, State::Released, "nothing came there");
        let Asked::Recorded(begun) = ask(
            &desk,
            Typed {
                target: "eu".into(),
                ..wish("4.12.0", "2")
            },
        )
        .unwrap() else {
            panic!("it was let go")
        };
        let failed = Typed {
            status: "failed".into(),
            target: "eu".into(),
            when_open: false,
            ..wish("4.12.0", "2")
        };
        assert_eq!(
            tell(&desk, failed).unwrap().deployment.id,
            begun.deployment.id
        );

        let browser = Browser::of(&desk, &ben);
        let cleo = desk.person("Cleo", Roles::of(&[Role::Auditor]));
        assert_eq!(
            refused(queue::go(&desk.as_person(&cleo), queued.id)),
            "needs-role"
        );
        let go = format!("/deployments/queue/{}/go", queued.id);
        browser.post(&go, &[]).is(303);
        // The word came after both: it counts for both. The gap is over as well.
        assert_eq!(now(&desk, &queued).state, State::Released);
        assert_eq!(now(&desk, &queued).go_name.as_deref(), Some("Ben"));
        assert_eq!(
            refused(queue::go(&desk.as_person(&ben), queued.id)),
            "deploy-not-waiting"
        );
        let withdraw = format!("/deployments/queue/{}/withdraw", queued.id);
        browser.post(&withdraw, &[]).is(303);
        assert_eq!(refused(ask(&desk, named)), "deploy-withdrawn");
        assert_eq!(
            told(&desk, key, EntryKind::DeploymentDropped),
            ["web 4.12.0 withdrawn"]
        );
        assert_eq!(
            refused(queue::withdraw(&desk.as_person(&ben), queued.id)),
            "deploy-not-waiting"
        );
    }
);

both_databases!(
    a_service_may_want_one_go_and_the_one_that_failed_stops_the_next,
    |desk| {
        let (ann, _, web) = a_house(&desk);
        no_fridays(&desk);
        let rule = TypedRule {
            needs_go: true,
            gap_mins: Some(0),
            ..TypedRule::new("", 60)
        };
        set_rule(&desk.as_person(&ann), web, 0, &rule).unwrap();
        let wrong = TypedRule {
            gap_mins: Some(24 * 60 + 1),
            ..TypedRule::new("", 60)
        };
        let Err(Error::Invalid(faults)) = set_rule(&desk.as_person(&ann), web, 1, &wrong) else {
            panic!("it is taken")
        };
        assert_eq!((&*faults[0].field, faults[0].problem), ("gap", "not-a-gap"));
        go_to_friday(&desk);
        let wishes = |target: &str, id: &str| Typed {
            target: target.into(),
            ..wish("4.12.0", id)
        };
        let canary = waits(&desk, wishes("canary", "1"));
        desk.advance(MIN);
        let rest = waits(&desk, wishes("", "2"));
        go_to_monday(&desk);
        for it in [&canary, &rest] {
            assert_eq!(stands(&desk, it), (State::Waiting, Reason::Go));
        }
        queue::go(&desk.as_person(&ann), canary.id).unwrap();
        assert_eq!(now(&desk, &canary).state, State::Released);
        begins(&desk, wishes("canary", "1"));
        desk.advance(MIN);
        let failed = Typed {
            status: "failed".into(),
            when_open: false,
            ..wishes("canary", "1")
        };
        tell(&desk, failed).unwrap();
        desk.advance(MIN);
        assert_eq!(stands(&desk, &rest), (State::Waiting, Reason::BeforeFailed));
        desk.advance(MIN);
        queue::go(&desk.as_person(&ann), rest.id).unwrap();
        assert_eq!(now(&desk, &rest).state, State::Released);
    }
);

both_databases!(
    a_failure_of_last_week_keeps_nothing_and_who_breaks_the_glass_does_not_wait,
    |desk| {
        let (ann, ..) = a_house(&desk);
        no_fridays(&desk);
        go_to_friday(&desk);
        waits(&desk, wish("4.12.0", "1"));
        go_to_monday(&desk);
        begins(&desk, wish("4.12.0", "1"));
        let failed = Typed {
            status: "failed".into(),
            when_open: false,
            ..wish("4.12.0", "1")
        };
        tell(&desk, failed).unwrap();
        desk.advance(4 * DAY + 5 * HOUR);
        let next = waits(&desk, wish("4.12.1", "2"));
        // The shop can't wait: its reason is written down, and what waited has been overtaken.
        let eu = |id: &str, break_glass: &str| Typed {
            target: "eu".into(),
            break_glass: break_glass.into(),
            ..wish("4.12.2", id)
        };
        let by = desk.as_person(&ann);
        let Asked::Recorded(now) = act::ask(&by, eu("3", "the shop takes no cards")).unwrap()
        else {
            panic!("it waits, and its reason is lost")
        };
        assert_eq!(
            now.deployment.glass.as_deref(),
            Some("the shop takes no cards")
        );
        assert_eq!(waits(&desk, eu("4", "")).reason, Reason::Window);
        desk.advance(monday().secs_since(desk.now()) + 7 * DAY);
        assert_eq!(stands(&desk, &next), (State::Released, Reason::Window));
    }
);
