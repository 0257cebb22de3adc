//! Approvers are asked by letter, reminded once, and a team hears of it if they stay silent; nobody is asked for nothing.

use std::sync::Arc;

use serde_json::{Value, json};
use watchkeeper::actions::house::{self, TeamDetails};
use watchkeeper::actions::{
    approval_ask as asks, approval_rule, approval_stand_in as away, change, freeze, ticket,
    ticket_edit,
};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::approval::{Details, Needs, Reminders, When};
use watchkeeper::domain::change::Plan;
use watchkeeper::domain::freeze as windows;
use watchkeeper::domain::id::{TeamId, TicketKey};
use watchkeeper::domain::outgoing::OutgoingMail;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::State;
use watchkeeper::domain::timeline::Door;
use watchkeeper::store::backend::DatabaseUrl;
use watchkeeper::store::people::Holder;

use crate::api_walk::Two;
use crate::approvals::House;
use crate::both_databases;
use crate::clock_notices::second_node;
use crate::served::Served;
use crate::sla::HOUR;
use crate::visitor::Visitor;

/// Who was written to, and the subject's first words.
pub fn heard(letters: &[OutgoingMail]) -> Vec<String> {
    let mut heard: Vec<String> = letters
        .iter()
        .map(|mail| {
            let to = mail.to.to_string();
            let name = to.split('@').next().unwrap_or_default().to_owned();
            let said = mail.subject.split_once("] ").map_or("", |(_, rest)| rest);
            format!("{name}: {}", said.split(':').next().unwrap_or_default())
        })
        .collect();
    heard.sort();
    heard
}

fn asked(names: &[&str]) -> Vec<String> {
    said(names, "Please approve or refuse")
}

pub fn said(names: &[&str], what: &str) -> Vec<String> {
    names.iter().map(|name| format!("{name}: {what}")).collect()
}

pub const ANEW: &str = "Changed, please approve or refuse again";
pub const STILL: &str = "Still waits for your decision";

/// A team of people who approve nothing.
pub fn managers(house: &House) -> TeamId {
    let mia = house.desk.person("Mia", Roles::of(&[Role::Viewer]));
    let details = TeamDetails {
        name: "Managers".into(),
        zone: chrono_tz::UTC,
        calendar_id: None,
        members: vec![mia.id, house.ann.id],
    };
    house::add_team(&house.admin(), &details).unwrap().id
}

fn retitle(house: &House, key: TicketKey, title: &str) {
    let edit = ticket_edit::Edit {
        title: Some(Title::parse(title).unwrap()),
        ..ticket_edit::Edit::default()
    };
    ticket_edit::edit(&house.by(&house.ann), key, None, &edit).unwrap();
}

both_databases!(
    whoever_can_approve_is_asked_once_with_what_they_have_to_know,
    |desk| {
        let house = House::new(desk);
        let friday = windows::Details::friday("No changes on Friday", chrono_tz::Europe::Stockholm);
        freeze::add(&house.admin(), &friday).unwrap();
        house.desk.letters();
        let key = house.opened();
        let plan = Plan {
            purpose: "Fewer timeouts".to_owned(),
            starts_at: Some(house.desk.now().plus_secs(8 * HOUR)),
            version_before: Some("1.9".to_owned()),
            version_after: Some("2.0".to_owned()),
            revert: "helm rollback web".to_owned(),
            ..Plan::default()
        };
        change::edit(&house.by(&house.ann), key, None, plan).unwrap();
        assert!(house.desk.letters().is_empty(), "nobody asked yet");
        change::ask_approval(&house.by(&house.ann), key, None).unwrap();
        let letters = house.desk.letters();
        assert_eq!(heard(&letters), asked(&["ada", "ben", "cleo"]), "not Ann");
        let digest = house.scene(key).case.snapshot.digest();
        let text = &letters[0].text;
        for part in [
            "Ann asks for approval of",
            "Raise pool size",
            "one approver",
            "What for: Fewer timeouts",
            "Services: web",
            "Environment: prod",
            "When: ",
            "Version: 1.9 → 2.0",
            "Risk: Low risk",
            "Freeze: none now",
            "How to revert: helm rollback web",
            &format!("Digest: {}", &digest[..8]),
            "Opening it approves nothing",
            &format!("https://watch.example.org/{key}\n"),
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(
            !text.contains(&digest),
            "the whole digest approves something"
        );
        house.desk.advance(3 * HOUR);
        assert!(house.desk.letters().is_empty(), "once");

        // In the freeze it says so; of two who are needed only those are asked who can.
        house.desk.advance(93 * HOUR);
        house.desk.letters();
        house.rule(
            When::default(),
            Needs {
                approvers: 0,
                team: Some(house.databases),
                wants_owner: false,
            },
        );
        house.desk.letters();
        let ends = house.desk.now().plus_secs(24 * HOUR);
        away::add(&house.by(&house.cleo), house.ben.id, None, ends).unwrap();
        let key = house.asked();
        let letters = house.desk.letters();
        assert_eq!(heard(&letters), asked(&["ben"]), "Cleo is away");
        let text = &letters[0].text;
        assert!(text.contains("Frozen: No changes on Friday"), "{text}");
        assert!(text.contains("one approver from Databases"), "{text}");
        assert!(text.contains(&key.to_string()), "{text}");
    }
);

both_databases!(
    silence_is_reminded_of_once_told_to_a_team_once_and_never_approves,
    |desk| {
        let house = House::new(desk);
        let managers = managers(&house);
        let reminders = Reminders {
            remind_secs: HOUR,
            escalate: Some((managers, 3 * HOUR)),
        };
        let two = Needs {
            approvers: 2,
            ..Needs::HOUSE
        };
        house.rule_that(When::default(), two, reminders);
        house.desk.letters();
        let key = house.asked();
        assert_eq!(heard(&house.desk.letters()), asked(&["ada", "ben", "cleo"]));
        house.approve(&house.ben, key).unwrap();
        house.desk.advance(HOUR - 1);
        assert!(house.desk.letters().is_empty());
        house.desk.advance(1);
        let letters = house.desk.letters();
        assert_eq!(heard(&letters), said(&["ada", "cleo"], STILL), "Ben has");
        assert!(
            letters[0].text.contains("one approver"),
            "{}",
            letters[0].text
        );
        house.desk.advance(2 * HOUR);
        let letters = house.desk.letters();
        assert_eq!(heard(&letters), said(&["mia"], "Nobody decides"), "not Ann");
        assert!(letters[0].text.contains("Nobody has answered"));
        house.desk.advance(48 * HOUR);
        assert!(house.desk.letters().is_empty());
        assert_eq!(house.ticket(key).state, State::AwaitingApproval);

        // Approved and begun, refused and withdrawn: nothing.
        let approved = house.asked();
        let refused = house.asked();
        let withdrawn = house.asked();
        let cancelled = house.asked();
        let broken = house.asked();
        house.desk.letters();
        house.approve(&house.ben, approved).unwrap();
        house.approve(&house.cleo, approved).unwrap();
        house.start(approved).unwrap();
        change::refuse(&house.by(&house.ben), refused, None, "on a Friday?").unwrap();
        change::back_to_draft(&house.by(&house.ann), withdrawn, None).unwrap();
        ticket::step(
            &house.by(&house.ann),
            cancelled,
            None,
            State::Cancelled,
            "not needed",
        )
        .unwrap();
        change::break_glass(&house.admin(), broken, None, "the site is down").unwrap();
        house.desk.advance(24 * HOUR);
        let about: Vec<String> = house
            .desk
            .letters()
            .into_iter()
            .filter(|mail| mail.subject.contains(STILL) || mail.subject.contains("Nobody decides"))
            .map(|mail| mail.subject)
            .collect();
        assert_eq!(about, Vec::<String>::new());
        // Asked for again it is asked again, with nothing that changed.
        change::ask_approval(&house.by(&house.ann), withdrawn, None).unwrap();
        assert_eq!(heard(&house.desk.letters()), asked(&["ada", "ben", "cleo"]));
        house.desk.advance(HOUR);
        let mut again = heard(&house.desk.letters());
        again.retain(|it| it.contains(STILL));
        assert_eq!(again, said(&["ada", "ben", "cleo"], STILL));

        // Whoever wants no reminder gets none.
        let all = approval_rule::list(&house.admin()).unwrap();
        let quiet = Details {
            name: all[0].name.clone(),
            when: all[0].when.clone(),
            needs: all[0].needs,
            binds_commits: all[0].binds_commits,
            valid_secs: all[0].valid_secs,
            reminders: Reminders {
                remind_secs: 0,
                escalate: None,
            },
            is_active: true,
        };
        approval_rule::edit(&house.admin(), all[0].id, all[0].version, &quiet).unwrap();
        house.desk.letters();
        house.asked();
        assert_eq!(heard(&house.desk.letters()), asked(&["ada", "ben", "cleo"]));
        house.desk.advance(96 * HOUR);
        let mut later = heard(&house.desk.letters());
        later.retain(|it| it.contains(STILL));
        assert_eq!(later, Vec::<String>::new());
    }
);

both_databases!(
    what_is_changed_is_asked_anew_with_what_changed_and_a_letter_that_is_over_isnt_sent,
    |desk| {
        let house = House::new(desk);
        house.desk.letters();
        let key = house.asked();
        house.desk.letters();
        // While it waits.
        retitle(&house, key, "Halve pool size");
        let letters = house.desk.letters();
        assert_eq!(heard(&letters), said(&["ada", "ben", "cleo"], ANEW));
        let text = &letters[0].text;
        let line = "Title: Raise pool size → Halve pool size";
        assert!(text.contains(line), "{text}");
        // Approved, and then otherwise: nobody had to ask. Who is asked can approve it where it stands.
        house.approve(&house.ben, key).unwrap();
        house.desk.settle();
        retitle(&house, key, "Drop the pool");
        let letters = house.desk.letters();
        assert_eq!(heard(&letters), said(&["ada", "ben", "cleo"], ANEW));
        let text = &letters[0].text;
        assert!(text.contains("Halve pool size → Drop the pool"), "{text}");
        assert_eq!(house.ticket(key).state, State::Approved);
        house.desk.advance(4 * HOUR);
        assert_eq!(
            heard(&house.desk.letters()),
            said(&["ada", "ben", "cleo"], STILL)
        );
        house.approve(&house.ben, key).unwrap();
        house.start(key).unwrap();
        house.desk.advance(24 * HOUR);
        assert!(house.desk.letters().is_empty());

        // The plan: a draft, and nobody is asked before somebody asks.
        let key = house.approved();
        house.desk.letters();
        let plan = Plan {
            revert: "git revert".to_owned(),
            ..Plan::default()
        };
        change::edit(&house.by(&house.ann), key, None, plan).unwrap();
        assert!(house.desk.letters().is_empty());
        change::ask_approval(&house.by(&house.ann), key, None).unwrap();
        let letters = house.desk.letters();
        assert_eq!(heard(&letters), said(&["ada", "ben", "cleo"], ANEW));
        let text = &letters[0].text;
        assert!(
            text.contains("How to revert: helm rollback web → git revert"),
            "{text}"
        );

        // A rule that changes asks those who are needed by it now.
        house.approve(&house.ben, key).unwrap();
        house.desk.settle();
        house.rule(
            When::default(),
            Needs {
                approvers: 0,
                team: Some(house.databases),
                wants_owner: false,
            },
        );
        let letters = house.desk.letters();
        assert_eq!(heard(&letters), said(&["cleo"], ANEW));
        assert!(
            letters[0]
                .text
                .contains("Rule: one approver besides its author → Production"),
            "{}",
            letters[0].text
        );

        // Asked, queued, and answered before a letter left: the queue keeps none of them.
        let key = house.asked();
        asks::look(&house.desk.app.system("approval", Door::Clock), 10).unwrap();
        house.approve(&house.cleo, key).unwrap();
        assert!(house.desk.letters().is_empty());
    }
);

both_databases!(two_nodes_and_a_restart_ask_and_remind_each_once, |desk| {
    let house = House::new(desk);
    house.desk.letters();
    let keys: Vec<TicketKey> = (0..20).map(|_| house.asked()).collect();
    let look = |nodes: &[Arc<watchkeeper::app::App>]| {
        std::thread::scope(|scope| {
            for node in nodes {
                scope.spawn(move || {
                    let ctx = node.system("approval", Door::Clock);
                    while asks::look(&ctx, 3).expect("a look") > 0 {}
                });
            }
        });
    };
    let nodes = || match house.desk.app.config.database {
        DatabaseUrl::Sqlite(_) => {
            vec![Arc::clone(&house.desk.app), Arc::clone(&house.desk.app)]
        }
        DatabaseUrl::Postgres(_) => vec![Arc::clone(&house.desk.app), second_node(&house.desk)],
    };
    look(&nodes());
    assert_eq!(house.desk.letters().len(), keys.len() * 3);
    let later = house.desk.now().plus_secs(4 * HOUR);
    house.desk.app.time.set(later);
    look(&nodes());
    // As after a restart: a process that knows nothing looks again.
    look(&nodes());
    let letters = house.desk.letters();
    assert_eq!(letters.len(), keys.len() * 3);
    assert!(letters.iter().all(|mail| mail.subject.contains(STILL)));
    house.desk.advance(48 * HOUR);
    assert!(house.desk.letters().is_empty());
});

both_databases!(
    the_page_and_the_api_say_for_whom_a_change_waits_and_rules_say_what_happens_then,
    |desk| {
        let house = House::new(desk);
        let managers = managers(&house).to_string();
        let served = Served::new(&house.desk.app);
        let enter = |id| Visitor::logged_in(&served, &house.desk.app, Holder::Person(id));
        let root = enter(house.desk.person("Root", Roles::all()).id);
        let mut form = vec![
            ("name", "Shop"),
            ("approvers", "1"),
            ("valid", "24 h"),
            ("remind", "soon"),
            ("escalate", "1 h"),
            ("escalate_team", managers.as_str()),
            ("active", "yes"),
        ];
        let wrong = root.post("/approvals", &form);
        assert_eq!(wrong.status, 422);
        assert!(wrong.text.contains("5 min at least"), "{}", wrong.text);
        assert!(wrong.text.contains("value=\"soon\""), "{}", wrong.text);
        form[3] = ("remind", "2 h");
        let wrong = root.post("/approvals", &form);
        assert!(wrong.text.contains("Later than the reminder"));
        form[4] = ("escalate", "5 h");
        assert_eq!(root.post("/approvals", &form).status, 303);
        let listed = root.get("/approvals").text;
        for part in ["reminded after 2 h", "Managers told after 5 h"] {
            assert!(listed.contains(part), "{part}: {listed}");
        }
        let (_, id) = listed.split_once("href=\"/approvals/").expect("its page");
        let place = format!("/approvals/{}", id.split('"').next().unwrap());
        let shown = root.get(&place).text;
        for part in ["value=\"2 h\"", "value=\"5 h\"", "selected>Managers"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }

        let key = house.asked();
        let ann = enter(house.ann.id);
        let page = ann.get(&format!("/{key}")).text;
        for part in ["Waits for", "Ben", "Cleo", "works now", "about to be"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        house.desk.settle();
        let page = ann.get(&format!("/{key}")).text;
        for part in [
            "reminded once, if nobody answers",
            "Managers told, if nobody",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        // Monday evening: who works again when.
        house.desk.advance(10 * HOUR);
        let page = ann.get(&format!("/{key}")).text;
        for part in ["works again from", "reminded ", "Managers told "] {
            assert!(page.contains(part), "{part}: {page}");
        }
        house.approve(&house.ben, key).unwrap();
        let page = ann.get(&format!("/{key}")).text;
        assert!(!page.contains("Waits for"), "{page}");
    }
);

both_databases!(reminders_are_kept_and_read_by_the_api, |desk| {
    desk.let_letters_go();
    let two = Two::new(desk);
    let p = &two.p;
    let made = p.done(
        "POST",
        "/api/v1/approval-rules",
        json!({"name": "All", "approvers": 2, "remind_secs": 3_600, "escalate_secs": 7_200, "escalate_team_id": two.team}),
    );
    assert_eq!(
        (
            &made.body["remind_secs"],
            &made.body["escalate_secs"],
            &made.body["escalate_team_id"]
        ),
        (&json!(3_600), &json!(7_200), &json!(two.team))
    );
    let place = format!("/api/v1/approval-rules/{}", made.text("/id"));
    for (body, field, problem) in [
        (json!({"remind_secs": 1}), "remind_secs", "not-a-reminder"),
        (json!({"escalate_secs": null}), "escalate_secs", "required"),
        (
            json!({"escalate_team_id": null}),
            "escalate_team_id",
            "required",
        ),
        (
            json!({"escalate_team_id": "0192aaaa-0000-7000-8000-000000000000"}),
            "escalate_team_id",
            "unknown-team",
        ),
    ] {
        let wrong = p.call("PATCH", &place, &[], Some(&body.to_string()));
        assert_eq!(wrong.faults(), [(field.to_owned(), problem.to_owned())]);
    }
    let edited = p.done(
        "PATCH",
        &place,
        json!({"remind_secs": 0, "escalate_secs": null, "escalate_team_id": null}),
    );
    assert_eq!(
        (&edited.body["remind_secs"], &edited.body["escalate_secs"]),
        (&json!(0), &Value::Null)
    );
    p.done("PATCH", &place, json!({"remind_secs": 3_600}));
    let key = p.opened(json!({"title": "Raise pool size", "kind": "change"}));
    let on = |rest: &str| format!("/api/v1/changes/{key}{rest}");
    let waits = || p.get(&on("")).body["approval"]["waits_for"].clone();
    assert_eq!(waits(), Value::Null, "a draft waits for nobody");
    p.done("POST", &on("/ask-approval"), Value::Null);
    let first = waits();
    assert_eq!(first["asked_at"], Value::Null);
    let people = first["people"].as_array().expect("people").clone();
    assert!(!people.is_empty());
    assert_eq!(people[0]["is_on_call"], json!(true), "first who is awake");
    for person in &people {
        assert_ne!(person["id"], json!(p.ada.id.to_string()), "not her own");
    }
    p.desk.settle();
    let asked = waits();
    assert_eq!(asked["asked_at"], json!("2026-06-01T09:00:00Z"));
    assert_eq!(asked["remind_at"], json!("2026-06-01T10:00:00Z"));
    p.desk.advance(HOUR);
    let reminded = waits();
    assert_eq!(reminded["reminded_at"], json!("2026-06-01T10:00:00Z"));
    assert_eq!(reminded["remind_at"], Value::Null);
});
