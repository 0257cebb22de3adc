//! The three instants of a ticket, and who may correct two of them.

use serde_json::json;
use watchkeeper::actions::agreement::change_agreement;
use watchkeeper::actions::ticket_times::{Times, correct};
use watchkeeper::actions::{sla, ticket as act, ticket_parts};
use watchkeeper::domain::access::{Role, Roles, Scopes};
use watchkeeper::domain::id::{CustomerId, Kind};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::{Anchor, HoldsFor, Metric};
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::sla_version::Effect;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Ticket};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::error::{Error, Result};
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::api_walk::Two;
use crate::both_databases;
use crate::desk::{Desk, START, Staff};
use crate::program::token_of;
use crate::served::Served;
use crate::sla::{
    HOUR, MINUTE, caches_are_true, clock, customer, entries, house, now_of, open, promise,
};
use crate::visitor::{Answer, Visitor};
use crate::web::Browser;

const DAY: i64 = 24 * HOUR;

fn times(impact_at: Option<Timestamp>) -> Times {
    Times {
        impact_at,
        why: "the graphs say so".to_owned(),
        evidence: "https://graphs.example.org/d/7".to_owned(),
        ..Times::default()
    }
}

fn reported(customer: CustomerId, at: Timestamp) -> Times {
    Times {
        reported: vec![(customer, Some(at))],
        ..times(None)
    }
}

#[track_caller]
fn refused(outcome: Result<Ticket>, rule: &str) {
    match outcome {
        Err(Error::Refused(refusal) | Error::Forbidden(refusal)) => assert_eq!(refusal.rule, rule),
        other => panic!("{rule}: {other:?}"),
    }
}

#[track_caller]
fn answers(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(answer.text.contains(text), "{text:?}: {}", answer.text);
}

/// Contoso, to whom an answer within the hour and a solution within four are promised, both from their report.
fn contoso(desk: &Desk, ada: &Staff) -> CustomerId {
    let contoso = customer(desk, "Contoso");
    let promises = [
        (Metric::Respond, None, HOUR),
        (Metric::Resolve, None, 4 * HOUR),
    ];
    promise(desk, ada, contoso, &promises);
    contoso
}

both_databases!(
    t59_setting_a_report_back_moves_the_clocks_and_says_what_is_late_in_one_notice,
    |desk| {
        let ada = house(&desk);
        let ben = desk.person("Ben", Roles::of(&[Role::Responder]));
        let contoso = contoso(&desk, &ada);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        act::take(&desk.as_person(&ben), ticket.key, None).unwrap();
        desk.advance(MINUTE);
        assert!(desk.letters().is_empty());
        let two_hours_back = START.plus_secs(-2 * HOUR);
        correct(
            &desk.as_person(&ada),
            ticket.key,
            None,
            &reported(contoso, two_hours_back),
        )
        .unwrap();
        let respond = clock(&desk, &ticket, Metric::Respond);
        assert_eq!(
            (
                respond.anchor_at,
                respond.breached_at,
                respond.late_by_change
            ),
            (two_hours_back, Some(START.plus_secs(-HOUR)), true)
        );
        let resolve = clock(&desk, &ticket, Metric::Resolve);
        assert_eq!(resolve.deadline_at, Some(START.plus_secs(2 * HOUR)));
        caches_are_true(&desk, &ticket);
        // Late is the answer, half used the solution: one letter says both.
        let letters = desk.letters();
        assert_eq!(letters.len(), 1, "{letters:?}");
        let text = &letters[0].text;
        assert!(
            text.contains("First response") && text.contains("Resolve"),
            "{text}"
        );
        let said = entries(&desk, &ticket, EntryKind::ReportedChanged).remove(0);
        assert_eq!(
            (
                said.facts.get("name"),
                said.facts.get("evidence"),
                said.body.as_str()
            ),
            (
                Some("Contoso"),
                Some("https://graphs.example.org/d/7"),
                "the graphs say so"
            )
        );
        let audit = desk
            .app
            .store
            .read(|conn| store::settings::audit_page(conn, None, 10))
            .unwrap();
        let line = audit
            .iter()
            .find(|line| line.deed == "times-corrected")
            .expect("an audit row");
        assert_eq!(
            (line.subject.as_str(), line.actor_name.as_str()),
            ("INC-1", "Ada")
        );
        // Taken back: what was late is late no longer, and both stand on record.
        correct(
            &desk.as_person(&ada),
            ticket.key,
            None,
            &reported(contoso, START),
        )
        .unwrap();
        assert_eq!(clock(&desk, &ticket, Metric::Respond).breached_at, None);
        assert_eq!(entries(&desk, &ticket, EntryKind::ClockWithdrawn).len(), 1);
        assert!(desk.letters().is_empty());
        caches_are_true(&desk, &ticket);
    }
);

both_databases!(
    t60_only_who_leads_corrects_and_never_far_back_or_ahead,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let ben = desk.person("Ben", Roles::of(&[Role::Responder]));
        let contoso = contoso(&desk, &ada);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        let key = ticket.key;
        let by = || desk.as_person(&ada);
        let back = |secs: i64| Some(START.plus_secs(-secs));
        refused(
            correct(&desk.as_person(&ben), key, None, &times(back(HOUR))),
            "needs-role",
        );
        refused(
            correct(&by(), key, None, &times(back(-1))),
            "impact-in-future",
        );
        refused(
            correct(&by(), key, None, &reported(contoso, START.plus_secs(1))),
            "reported-in-future",
        );
        refused(
            correct(&by(), key, None, &times(back(7 * DAY + 1))),
            "backdate-limit",
        );
        refused(
            correct(
                &by(),
                key,
                None,
                &reported(contoso, START.plus_secs(-7 * DAY - 1)),
            ),
            "backdate-limit",
        );
        refused(correct(&by(), key, None, &times(Some(START))), "unchanged");
        for (evidence, problem) in [
            ("", "required"),
            ("#99", "unknown-entry"),
            ("ask Ben", "not-a-web-address"),
        ] {
            let vague = Times {
                evidence: evidence.to_owned(),
                ..times(back(HOUR))
            };
            let Err(Error::Invalid(errors)) = correct(&by(), key, None, &vague) else {
                panic!("{evidence} proves nothing")
            };
            assert_eq!(
                (errors[0].field.as_ref(), errors[0].problem),
                ("evidence", problem)
            );
        }
        let fabrikam = customer(&desk, "Fabrikam");
        let Err(Error::Invalid(errors)) = correct(&by(), key, None, &reported(fabrikam, START))
        else {
            panic!("they weren't hit")
        };
        assert_eq!(errors[0].problem, "not-affected");
        assert_eq!(
            now_of(&desk, &ticket).impact_at,
            START,
            "nothing was written"
        );
        let in_bounds = Times {
            evidence: "#1".to_owned(),
            ..times(back(7 * DAY))
        };
        correct(&by(), key, None, &in_bounds).unwrap();
        // Whoever answers for a ticket corrects nothing of it, as long as somebody else can.
        act::take(&by(), key, None).unwrap();
        correct(&by(), key, None, &times(back(DAY))).expect("nobody else leads");
        let eve = desk.person("Eve", Roles::of(&[Role::Lead]));
        refused(
            correct(&by(), key, None, &times(back(HOUR))),
            "backdate-own",
        );
        correct(&desk.as_person(&eve), key, None, &times(back(HOUR))).unwrap();
        // The agreement says how far back.
        let book = desk
            .app
            .store
            .read(|conn| sla::book(&desk.app, conn))
            .unwrap();
        let known = book
            .agreements()
            .iter()
            .find(|it| it.holds_for.customers().contains(&contoso))
            .unwrap();
        let mut details = watchkeeper::actions::agreement::AgreementDetails {
            holds_for: HoldsFor::Customers(vec![contoso]),
            name: known.name.clone(),
            targets: known
                .targets
                .iter()
                .map(|target| (**target).clone())
                .collect(),
            backdate_days: 1,
            is_active: true,
        };
        change_agreement(&by(), known.id, known.version, &details, &Effect::FromNow).unwrap();
        refused(
            correct(&desk.as_person(&eve), key, None, &times(back(DAY + 1))),
            "backdate-limit",
        );
        details.backdate_days = 367;
        let Err(Error::Invalid(errors)) = change_agreement(
            &by(),
            known.id,
            known.version + 1,
            &details,
            &Effect::FromNow,
        ) else {
            panic!("that is too far")
        };
        assert_eq!(
            (errors[0].field.as_ref(), errors[0].problem),
            ("backdate_days", "out-of-range")
        );
    }
);

/// What the inputs of a page's forms hold, as a browser would send them; the form's token is the browser's own.
fn drawn(html: &str) -> Vec<(String, String)> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        rest.split('"').next().map(str::to_owned)
    };
    let form = html.split("action=\"/new\"").nth(1).expect("the form");
    let form = form.split("</form>").next().unwrap_or_default();
    form.split("<input")
        .skip(1)
        .filter_map(|rest| {
            let tag = rest.split('>').next()?;
            let name = attribute(tag, "name").filter(|name| name != "csrf")?;
            let is_file = tag.contains("type=\"file\"");
            (!is_file).then(|| (name, attribute(tag, "value").unwrap_or_default()))
        })
        .collect()
}

both_databases!(
    t67_a_clock_begins_when_the_form_is_saved_or_when_it_says,
    |desk| {
        let ada = house(&desk);
        let contoso = contoso(&desk, &ada);
        // The form stood open for forty minutes; then it is sent with whatever it held when it was drawn.
        let browser = Browser::of(&desk, &ada);
        let form = browser.get("/new?kind=incident").is(200).text();
        desk.advance(40 * MINUTE);
        let mut fields = drawn(&form);
        fields.retain(|(name, _)| !["title", "severity", "customer"].contains(&name.as_str()));
        let mut fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        fields.extend([
            ("title", "DB master down"),
            ("severity", "high"),
            ("customer", "Contoso"),
        ]);
        browser.post("/new", &fields).is(303);
        let key = "INC-1".parse().unwrap();
        let ticket = act::read(&desk.as_person(&ada), key).unwrap();
        assert_eq!(ticket.logged_at, START.plus_secs(40 * MINUTE));
        assert_eq!(
            clock(&desk, &ticket, Metric::Respond).anchor_at,
            START.plus_secs(40 * MINUTE)
        );
        let opened = |reported_at: i64| {
            let opening = Opening {
                customer: Some(contoso),
                reported_at: Some(START.plus_secs(reported_at)),
                ..Opening::default()
            };
            let title = Title::parse("Uplink down").unwrap();
            act::open(&desk.as_person(&ada), Kind::Incident, title, &opening)
        };
        let said = opened(10 * MINUTE).unwrap();
        assert_eq!(
            clock(&desk, &said, Metric::Respond).anchor_at,
            START.plus_secs(10 * MINUTE)
        );
        refused(opened(40 * MINUTE - 7 * DAY - 1), "backdate-limit");
        refused(opened(41 * MINUTE), "reported-in-future");
    }
);

both_databases!(
    the_agreement_says_which_of_the_three_instants_counts,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        let mut details = promise(&desk, &ada, contoso, &[(Metric::Respond, None, 8 * HOUR)]);
        let mut with = |metric, anchor| {
            let mut target = details.targets[0].clone();
            (target.metric, target.anchor) = (metric, anchor);
            details.targets.push(target);
        };
        with(Metric::Restore, Anchor::Impact);
        with(Metric::Resolve, Anchor::Logged);
        with(Metric::Log, Anchor::Impact);
        let book = desk
            .app
            .store
            .read(|conn| sla::book(&desk.app, conn))
            .unwrap();
        let known = book
            .agreements()
            .iter()
            .find(|it| it.holds_for.customers().contains(&contoso))
            .unwrap();
        change_agreement(
            &desk.as_person(&ada),
            known.id,
            known.version,
            &details,
            &Effect::FromNow,
        )
        .unwrap();
        desk.advance(2 * HOUR);
        let opening = Opening {
            customer: Some(contoso),
            impact_at: Some(START),
            reported_at: Some(START.plus_secs(HOUR)),
            ..Opening::default()
        };
        let title = Title::parse("Uplink down").unwrap();
        let ticket = act::open(&desk.as_person(&ada), Kind::Incident, title, &opening).unwrap();
        let anchors = || {
            [
                Metric::Restore,
                Metric::Respond,
                Metric::Resolve,
                Metric::Log,
            ]
            .map(|metric| clock(&desk, &ticket, metric).anchor_at.secs_since(START) / HOUR)
        };
        assert_eq!(anchors(), [0, 1, 2, 0]);
        assert_eq!(
            clock(&desk, &ticket, Metric::Log).state,
            ClockState::Met,
            "logged within two hours"
        );
        let moved = Times {
            reported: vec![(contoso, Some(START))],
            ..times(Some(START.plus_secs(-10 * HOUR)))
        };
        correct(&desk.as_person(&ada), ticket.key, None, &moved).unwrap();
        assert_eq!(anchors(), [-10, 0, 2, -10]);
        let log = clock(&desk, &ticket, Metric::Log);
        assert_eq!(
            (log.state, log.breached_at),
            (ClockState::Missed, Some(START.plus_secs(-2 * HOUR))),
            "a ticket had to exist within eight hours"
        );
        caches_are_true(&desk, &ticket);
    }
);

both_databases!(
    t60_that_somebody_who_is_added_told_us_earlier_takes_the_same_right_reason_evidence_and_limit,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let ben = desk.person("Ben", Roles::of(&[Role::Responder]));
        let contoso = contoso(&desk, &ada);
        let (fabrikam, northwind) = (customer(&desk, "Fabrikam"), customer(&desk, "Northwind"));
        promise(&desk, &ada, fabrikam, &[(Metric::Respond, None, HOUR)]);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        let place = "/INC-1/affected";
        let proof = "https://mail.example.org/7";
        let form = |at: &'static str, more: &[(&'static str, &'static str)]| {
            let known = [("customer", "Fabrikam"), ("reported_at", at)];
            [&known[..], more].concat()
        };
        let served = Served::new(&desk.app);
        let visit = |who: &Staff| Visitor::logged_in(&served, &desk.app, Holder::Person(who.id));
        let (lead, responder) = (visit(&ada), visit(&ben));
        // Stockholm's wall clock: it is eleven.
        let backed = [("evidence", proof), ("why", "they wrote to sales")];
        let half_past = "2026-06-01T10:30";
        answers(&responder.post(place, &form(half_past, &backed)), 403, "");
        assert!(!responder.get("/INC-1").text.contains("aff-proof"));
        answers(&lead.get("/INC-1"), 200, "aff-proof");
        let unknown = [("evidence", "#99"), backed[1]];
        for (form, says) in [
            (form(half_past, &[]), half_past),
            (form(half_past, &backed[..1]), proof),
            (form(half_past, &unknown), "#99"),
            (form("2026-05-01T10:30", &backed), "at most 7 days"),
            (form("2026-06-01T11:30", &backed), "2026-06-01T11:30"),
        ] {
            answers(&lead.post(place, &form), 422, says);
        }
        let hits = || {
            let read = desk
                .app
                .store
                .read(|conn| store::ticket::affected(conn, ticket.id));
            read.unwrap()
        };
        assert_eq!(hits().len(), 1, "none of it was done");
        // Nobody sets back the clocks of what they answer for, as long as somebody else could.
        act::take(&desk.as_person(&ada), ticket.key, None).unwrap();
        let eve = desk.person("Eve", Roles::of(&[Role::Lead, Role::Responder]));
        answers(&lead.post(place, &form(half_past, &backed)), 403, "");
        let other = visit(&eve);
        let shown = other.post(place, &form(half_past, &backed));
        answers(&shown, 200, "With this customer");
        answers(&shown, 200, "11:30");
        let rev = now_of(&desk, &ticket).version.to_string();
        let sure = [("confirmed", "yes"), ("rev", rev.as_str())];
        let backed_form = form(half_past, &backed);
        let done = other.post(place, &[&backed_form[..], &sure].concat());
        answers(&done, 303, "");
        let respond = crate::sla::clocks(&desk, &ticket);
        let respond = respond
            .iter()
            .find(|row| row.customer_id == Some(fabrikam))
            .unwrap();
        assert_eq!(respond.anchor_at, START.plus_secs(-30 * MINUTE));
        let said = entries(&desk, &ticket, EntryKind::AffectedAdded).remove(0);
        assert_eq!(
            (said.facts.get("evidence"), said.body.as_str()),
            (Some(proof), "they wrote to sales")
        );
        let audit = desk
            .app
            .store
            .read(|conn| store::settings::audit_page(conn, None, 10));
        let audit = audit.unwrap();
        let line = audit.iter().find(|line| line.deed == "times-corrected");
        assert_eq!(line.expect("an audit row").actor_name, "Eve");
        // Who says nothing of an earlier time needs none of it.
        let by = desk.as_person(&ben);
        ticket_parts::add_affected(&by, ticket.key, northwind, None).unwrap();
        caches_are_true(&desk, &ticket);
    }
);

both_databases!(
    t60_a_program_that_adds_a_customer_is_held_to_the_same,
    |desk| {
        let two = Two::new(desk);
        let p = &two.p;
        p.desk.let_letters_go();
        let (contoso, _) = two.contoso();
        let asked = json!({"name": "Fabrikam", "zone": "UTC"});
        let fabrikam = p.done("POST", "/api/v1/customers", asked).text("/id");
        let key = p.opened(json!({"title": "Slow", "severity": "high", "customer_id": contoso}));
        let place = format!("/api/v1/tickets/{key}/affected");
        let half_past = START.plus_secs(-30 * MINUTE).rfc3339();
        let bare = json!({"customer_id": fabrikam, "reported_at": half_past});
        let full = json!({"customer_id": fabrikam, "reported_at": half_past,
            "why": "they wrote to sales", "evidence": "#1"});
        let ben = p.desk.person("Ben", Roles::of(&[Role::Responder]));
        let bearer = format!("Bearer {}", token_of(&p.desk, &ben, Scopes::all()));
        let heads = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let forbidden = p.send("POST", &place, &heads, Some(&full.to_string()));
        assert_eq!(forbidden.status, 403, "{}", forbidden.body);
        let refused = p.call("POST", &place, &[], Some(&bare.to_string()));
        assert_eq!(
            refused.faults(),
            [("evidence".to_owned(), "required".to_owned())]
        );
        p.done("POST", &place, full);
        let parts = p.get(&format!("/api/v1/tickets/{key}/parts"));
        let hits = parts.body["affected"].as_array().unwrap();
        assert!(
            hits.iter()
                .any(|it| it["reported_at"] == half_past.as_str())
        );
    }
);

both_databases!(
    the_page_shows_the_three_instants_and_what_correcting_them_moves,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let contoso = contoso(&desk, &ada);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        let browser = Browser::of(&desk, &ada);
        let place = format!("/{}", ticket.key);
        // Stockholm's wall clock: 11:00 is when the desk's day begins.
        browser
            .get(&place)
            .says("Correct the times")
            .says("Contoso told us")
            .says("2026-06-01T11:00");
        let field = format!("reported-{contoso}");
        let was = format!("was-{field}");
        let form = [
            ("was-at", "2026-06-01T11:00"),
            ("at", "2026-06-01T11:00"),
            (was.as_str(), ""),
            (field.as_str(), "2026-06-01T10:30"),
            ("evidence", "#1"),
            ("why", "they called the night desk"),
        ];
        let shown = browser.post(&format!("{place}/times"), &form);
        shown
            .is(200)
            .says("With the corrected times")
            .says("12:00")
            .says("11:30");
        assert_eq!(clock(&desk, &ticket, Metric::Respond).anchor_at, START);
        let rev = now_of(&desk, &ticket).version.to_string();
        let mut sure = form.to_vec();
        sure.extend([("confirmed", "yes"), ("rev", &rev)]);
        browser.post(&format!("{place}/times"), &sure).is(303);
        assert_eq!(
            clock(&desk, &ticket, Metric::Respond).anchor_at,
            START.plus_secs(-30 * MINUTE)
        );
        let impact = entries(&desk, &ticket, EntryKind::ImpactChanged);
        assert!(impact.is_empty(), "an untouched field says nothing");
        browser
            .post(
                &format!("{place}/times"),
                &[
                    ("was-at", ""),
                    ("at", "2026-05-01T10:00"),
                    ("evidence", "#1"),
                    ("why", "x"),
                ],
            )
            .is(422)
            .says("at most 7 days");
        ticket_parts::add_affected(
            &desk.as_person(&ada),
            ticket.key,
            customer(&desk, "Fabrikam"),
            None,
        )
        .unwrap();
        browser.get(&place).says("Fabrikam told us");
    }
);
