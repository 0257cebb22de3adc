//! "Next update by half past two, your time": whom such a promise binds, how late it may be, what the letter prints of it, and who
//! hears of it when it isn't kept.

use serde_json::json;
use watchkeeper::actions::agreement::found_house;
use watchkeeper::actions::{outage, ticket as act, ticket_parts};
use watchkeeper::domain::access::{Role, Roles, Scopes};
use watchkeeper::domain::id::{ContactId, CustomerId};
use watchkeeper::domain::outage::{DataLoss, DiscoveredBy, Edition, Part, Texts};
use watchkeeper::domain::outgoing::{Handover, OutgoingMail};
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::ticket::Ticket;
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::error::Error;
use watchkeeper::store;
use watchkeeper::store::sla::ClockRow;

use crate::both_databases;
use crate::desk::{Desk, START, Staff};
use crate::mail::{self, key};
use crate::program::{Program, token_of};
use crate::sla::{
    HOUR, MINUTE, RESPONDER, caches_are_true, clocks, entries, house, now_of, promise,
};
use crate::web::Browser;

/// Whom it hit: Contoso, whose Carol wrote, and Fabrikam.
struct Hit {
    ada: Staff,
    ticket: Ticket,
    contoso: CustomerId,
    carol: ContactId,
    fabrikam: CustomerId,
    finn: ContactId,
}

fn customer_of(desk: &Desk, contact: ContactId) -> CustomerId {
    let found = desk
        .app
        .store
        .read(|conn| store::people::contact(conn, contact));
    found.unwrap().unwrap().customer_id
}

/// Both are promised an update: Contoso every four hours, Fabrikam every eight. START is 11:00 in Berlin, where both are.
fn hit(desk: &Desk, promises: bool) -> Hit {
    hit_under(desk, house(desk), promises)
}

fn hit_under(desk: &Desk, ada: Staff, promises: bool) -> Hit {
    let carol = mail::customer(desk, "Contoso", "Carol", "carol@contoso.example");
    let finn = mail::customer(desk, "Fabrikam", "Finn", "finn@fabrikam.example");
    let (contoso, fabrikam) = (customer_of(desk, carol), customer_of(desk, finn));
    if promises {
        promise(desk, &ada, contoso, &[(Metric::Update, None, 4 * HOUR)]);
        promise(desk, &ada, fabrikam, &[(Metric::Update, None, 8 * HOUR)]);
    }
    let head = "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>";
    mail::mail(desk, "carol@contoso.example", head, "Since noon.");
    let by = desk.as_person(&ada);
    act::take(&by, key("INC-1"), None).unwrap();
    let ticket = ticket_parts::add_affected(&by, key("INC-1"), fabrikam, None).unwrap();
    desk.letters();
    Hit {
        ada,
        ticket,
        contoso,
        carol,
        fabrikam,
        finn,
    }
}

/// The newest update clock of a customer.
fn update_of(desk: &Desk, hit: &Hit, customer: CustomerId) -> ClockRow {
    let mut rows = clocks(desk, &hit.ticket);
    rows.retain(|row| row.metric == Metric::Update && !row.is_taken_back());
    rows.retain(|row| row.customer_id == Some(customer));
    rows.sort_by_key(|row| (row.cycle, row.revision));
    rows.pop().expect("an update clock")
}

fn due(desk: &Desk, hit: &Hit, customer: CustomerId) -> Option<Timestamp> {
    let row = update_of(desk, hit, customer);
    row.deadline_at.filter(|_| row.state.is_open())
}

/// What the letter to this address prints of the next update.
fn footer(letters: &[OutgoingMail], to: &str) -> Option<String> {
    let mut own = letters.iter().filter(|letter| letter.to.as_str() == to);
    let letter = own.next().expect("a letter");
    assert!(own.next().is_none(), "one letter");
    let mut lines = letter.text.lines();
    let line = lines.find(|line| line.starts_with("Next update"));
    line.map(str::to_owned)
}

both_databases!(
    what_is_promised_in_a_reply_binds_us_to_that_customer_alone,
    |desk| {
        let hit = hit(&desk, true);
        let by = || desk.as_person(&hit.ada);
        let untouched = due(&desk, &hit, hit.fabrikam);
        let soon = START.plus_secs(HOUR);
        act::reply(&by(), hit.ticket.key, "We look.", Some(soon), None).unwrap();
        assert_eq!(due(&desk, &hit, hit.contoso), Some(soon));
        assert_eq!(due(&desk, &hit, hit.fabrikam), untouched);
        let said = entries(&desk, &hit.ticket, EntryKind::UpdatePromised).remove(0);
        let reply = entries(&desk, &hit.ticket, EntryKind::Reply).remove(0);
        assert_eq!(said.audience, reply.audience);
        // What is said to all is promised to all.
        let both = START.plus_secs(2 * HOUR);
        act::update(&by(), hit.ticket.key, "A cable.", Some(both)).unwrap();
        assert_eq!(due(&desk, &hit, hit.contoso), Some(both));
        assert_eq!(due(&desk, &hit, hit.fabrikam), Some(both));
        caches_are_true(&desk, &hit.ticket);
        desk.let_letters_go();
    }
);

both_databases!(
    later_than_agreed_is_refused_at_its_field_unless_a_lead_promises_it,
    |desk| {
        let hit = hit(&desk, true);
        let ben = desk.person("Ben", RESPONDER);
        let ticket = &hit.ticket;
        let (agreed, later) = (START.plus_secs(4 * HOUR), START.plus_secs(5 * HOUR));
        let entries_before = now_of(&desk, ticket).entry_count;
        let as_ben = desk.as_person(&ben);
        for outcome in [
            act::reply(&as_ben, ticket.key, "We look.", Some(later), None),
            act::update(&as_ben, ticket.key, "We look.", Some(later)),
        ] {
            let Err(Error::Invalid(errors)) = outcome else {
                panic!("that is later than agreed: {outcome:?}")
            };
            assert_eq!(errors.len(), 1);
            assert_eq!(
                (errors[0].field.as_ref(), errors[0].problem),
                ("next_update_by", "later-than-agreed")
            );
            assert_eq!(errors[0].args[0].1, agreed.rfc3339());
        }
        assert_eq!(now_of(&desk, ticket).entry_count, entries_before);
        let browser = Browser::of(&desk, &ben);
        // 16:00 in Stockholm is five hours away; what was typed stays.
        browser
            .post(
                "/INC-1/reply",
                &[("body", "We look."), ("next_update_by", "16:00")],
            )
            .is(422)
            .says("The next update is agreed for Mon 1 Jun 2026 15:00 CEST at the latest.")
            .says("value=\"16:00\"")
            .says("We look.");
        // At the agreed instant itself it is nobody's favour.
        act::reply(&as_ben, ticket.key, "We look.", Some(agreed), None).unwrap();
        assert_eq!(due(&desk, &hit, hit.contoso), Some(agreed));
        desk.letters();
        // Who leads may, and then it holds.
        let voice = watchkeeper::domain::ticket::Role::CustomerVoice;
        let ada = desk.as_person(&hit.ada);
        ticket_parts::set_role(&ada, ticket.key, voice, Some(hit.ada.id)).unwrap();
        act::reply(&ada, ticket.key, "A part has to come.", Some(later), None).unwrap();
        assert_eq!(due(&desk, &hit, hit.contoso), Some(later));
        let said = entries(&desk, ticket, EntryKind::UpdatePromised)
            .pop()
            .unwrap();
        assert_eq!(said.facts.instant("later_than"), Some(agreed));
        browser
            .get("/INC-1")
            .says("promised the next update by 16:00, later than the 15:00 that was agreed");
        caches_are_true(&desk, ticket);
        let letters = desk.letters();
        assert_eq!(
            footer(&letters, "carol@contoso.example").as_deref(),
            Some("Next update promised by Mon 1 Jun 2026 16:00 CEST (your time)")
        );
        desk.advance(4 * HOUR + MINUTE);
        assert_eq!(update_of(&desk, &hit, hit.contoso).breached_at, None);
        // The next cycle is as agreed again.
        act::reply(
            &desk.as_person(&hit.ada),
            ticket.key,
            "It came.",
            None,
            None,
        )
        .unwrap();
        let expected = desk.now().plus_secs(4 * HOUR);
        assert_eq!(due(&desk, &hit, hit.contoso), Some(expected));
        desk.let_letters_go();
    }
);

both_databases!(
    a_letter_prints_what_the_customers_own_clock_guards_and_nothing_else,
    |desk| {
        let hit = hit(&desk, true);
        let by = || desk.as_person(&hit.ada);
        let watcher = store::ticket::Watcher::Contact(hit.finn);
        ticket_parts::watch(&by(), hit.ticket.key, watcher).unwrap();
        let soon = START.plus_secs(HOUR);
        act::update(&by(), hit.ticket.key, "We look.", Some(soon)).unwrap();
        let letters = desk.letters();
        let one = Some("Next update promised by Mon 1 Jun 2026 12:00 CEST (your time)");
        assert_eq!(footer(&letters, "carol@contoso.example").as_deref(), one);
        assert_eq!(footer(&letters, "finn@fabrikam.example").as_deref(), one);
        // An update without a promise: each is told what was agreed with them, and no longer what was promised before.
        desk.advance(10 * MINUTE);
        act::update(&by(), hit.ticket.key, "A cable.", None).unwrap();
        let letters = desk.letters();
        assert_eq!(
            footer(&letters, "carol@contoso.example").as_deref(),
            Some("Next update promised by Mon 1 Jun 2026 15:10 CEST (your time)")
        );
        assert_eq!(
            footer(&letters, "finn@fabrikam.example").as_deref(),
            Some("Next update promised by Mon 1 Jun 2026 19:10 CEST (your time)")
        );
        act::resolve(&by(), hit.ticket.key, None, "a new cable").unwrap();
        desk.letters();
        act::reply(&by(), hit.ticket.key, "It is done.", None, None).unwrap();
        assert_eq!(footer(&desk.letters(), "carol@contoso.example"), None);
    }
);

both_databases!(
    without_an_agreement_a_promise_by_hand_is_printed_until_the_next_word,
    |desk| {
        let hit = hit(&desk, false);
        let by = || desk.as_person(&hit.ada);
        let soon = START.plus_secs(30 * HOUR);
        act::reply(&by(), hit.ticket.key, "We look.", Some(soon), None).unwrap();
        assert_eq!(
            due(&desk, &hit, hit.contoso),
            Some(soon),
            "as late as wanted"
        );
        assert_eq!(
            footer(&desk.letters(), "carol@contoso.example").as_deref(),
            Some("Next update promised by Tue 2 Jun 2026 17:00 CEST (your time)")
        );
        let theirs = clocks(&desk, &hit.ticket).into_iter();
        let mut theirs = theirs.filter(|row| row.customer_id == Some(hit.fabrikam));
        assert!(!theirs.any(|row| row.metric == Metric::Update));
        desk.advance(MINUTE);
        act::reply(&by(), hit.ticket.key, "A cable.", None, None).unwrap();
        assert_eq!(footer(&desk.letters(), "carol@contoso.example"), None);
        assert_eq!(
            update_of(&desk, &hit, hit.contoso).state,
            ClockState::Met,
            "it was kept, and nothing runs"
        );
    }
);

both_databases!(a_letter_that_arrived_nowhere_promised_nothing, |desk| {
    let hit = hit(&desk, true);
    let by = || desk.as_person(&hit.ada);
    let before = due(&desk, &hit, hit.contoso);
    desk.relay_answers(Handover::Refused("550 5.1.1 no such user".to_owned()));
    let soon = START.plus_secs(HOUR);
    act::reply(&by(), hit.ticket.key, "We look.", Some(soon), None).unwrap();
    desk.advance(MINUTE);
    assert_eq!(entries(&desk, &hit.ticket, EntryKind::Unsatisfied).len(), 1);
    assert_eq!(due(&desk, &hit, hit.contoso), before);
    caches_are_true(&desk, &hit.ticket);
    desk.let_letters_go();
});

both_databases!(
    a_promise_made_in_the_browser_is_printed_runs_out_and_is_told,
    |desk| {
        let hit = hit(&desk, true);
        let lead = Roles::of(&[Role::Lead, Role::Responder]);
        desk.person("Eve", lead);
        let browser = Browser::of(&desk, &hit.ada);
        // 12:30 in Stockholm, where Ada is.
        let form = [("body", "We look."), ("next_update_by", "12:30")];
        browser.post("/INC-1/update", &form).is(303);
        let promised = START.plus_secs(90 * MINUTE);
        assert_eq!(due(&desk, &hit, hit.contoso), Some(promised));
        let letters = desk.letters();
        assert_eq!(
            footer(&letters, "carol@contoso.example").as_deref(),
            Some("Next update promised by Mon 1 Jun 2026 12:30 CEST (your time)")
        );
        desk.advance(90 * MINUTE);
        assert!(entries(&desk, &hit.ticket, EntryKind::ClockBreached).is_empty());
        desk.letters();
        desk.advance(1);
        let row = update_of(&desk, &hit, hit.contoso);
        assert_eq!(row.breached_at, Some(promised));
        assert!(now_of(&desk, &hit.ticket).due.is_late);
        // Nobody gets more than one letter of clocks a minute.
        desk.advance(2 * MINUTE);
        let told = desk.letters();
        let to_ada = |letter: &&OutgoingMail| letter.to.as_str() == "ada@watch.example.org";
        let letter = told.iter().find(to_ada).expect("who has it is told");
        assert!(
            letter.text.contains("INC-1 Uplink down: Customer update"),
            "{letter:?}"
        );
        assert!(
            !told
                .iter()
                .any(|letter| letter.to.as_str().ends_with("contoso.example")),
            "no customer is told of our clocks"
        );
        let late = entries(&desk, &hit.ticket, EntryKind::ClockBreached);
        assert!(
            late.iter()
                .any(|it| it.facts.get("metric") == Some("update"))
        );
    }
);

both_databases!(
    a_promise_made_by_a_program_is_printed_runs_out_and_is_told,
    |desk| {
        let p = Program::new(desk);
        let ctx = p.desk.as_person(&p.ada);
        ctx.write(|tx| found_house(tx, &ctx, chrono_tz::Europe::Berlin))
            .unwrap();
        let hit = hit_under(&p.desk, p.ada.clone(), true);
        let until = START.plus_secs(HOUR);
        let place = "/api/v1/tickets/INC-1";
        let body = json!({"body": "A cable.", "next_update_by": until.rfc3339()});
        p.done("POST", &format!("{place}/updates"), body);
        let all = p.get(&format!("{place}/clocks?limit=50"));
        let all = all.body["items"].as_array().unwrap().clone();
        let own = all.iter().find(|it| {
            it["metric"] == "update"
                && it["state"] == "running"
                && it["customer_id"] == json!(hit.contoso.to_string())
        });
        assert_eq!(own.unwrap()["deadline_at"], json!(until.rfc3339()));
        let said = footer(&p.desk.letters(), "carol@contoso.example");
        assert_eq!(
            said.as_deref(),
            Some("Next update promised by Mon 1 Jun 2026 12:00 CEST (your time)")
        );
        p.desk.advance(HOUR + 1);
        let late = entries(&p.desk, &hit.ticket, EntryKind::ClockBreached);
        assert!(
            late.iter()
                .any(|it| it.facts.get("metric") == Some("update"))
        );
        let told = p.desk.letters();
        let to_ada = |letter: &&OutgoingMail| letter.to.as_str() == "ada@watch.example.org";
        let letter = told.iter().find(to_ada).expect("who has it is told");
        assert!(letter.text.contains("Customer update"), "{letter:?}");
        // A token's owner who doesn't lead is told what would be accepted.
        let ben = p.desk.person("Ben", RESPONDER);
        let voice = watchkeeper::domain::ticket::Role::CustomerVoice;
        let by = p.desk.as_person(&p.ada);
        ticket_parts::set_role(&by, hit.ticket.key, voice, Some(ben.id)).unwrap();
        let token = token_of(&p.desk, &ben, Scopes::all());
        let bearer = format!("Bearer {token}");
        let heads = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let too_late = p.desk.now().plus_secs(5 * HOUR).rfc3339();
        let body = json!({"body": "A cable.", "next_update_by": too_late}).to_string();
        let refused = p.send("POST", &format!("{place}/replies"), &heads, Some(&body));
        assert_eq!(refused.status, 422, "{}", refused.body);
        let agreed = p.desk.now().plus_secs(4 * HOUR).rfc3339();
        assert_eq!(
            refused.faults(),
            [("next_update_by".to_owned(), "later-than-agreed".to_owned())]
        );
        assert!(
            refused.body.to_string().contains(&agreed),
            "{}",
            refused.body
        );
    }
);

fn outage_texts() -> Texts {
    Texts {
        title: "The uplink was down".to_owned(),
        edition: Edition::First,
        discovered_by: DiscoveredBy::Monitoring,
        data_loss: DataLoss::None,
        parts: vec![
            (Part::Summary, "A third of the calls failed.".to_owned()),
            (Part::Resolution, "We moved to the other line.".to_owned()),
            (Part::Cause, "A cable.".to_owned()),
        ],
        next_update_at: None,
        contact: String::new(),
    }
}

both_databases!(
    a_report_that_one_customer_gets_keeps_no_promise_to_another,
    |desk| {
        let hit = hit(&desk, false);
        let ben = desk.person("Ben", RESPONDER);
        for customer in [hit.contoso, hit.fabrikam] {
            promise(
                &desk,
                &hit.ada,
                customer,
                &[(Metric::Report, None, 24 * HOUR)],
            );
        }
        desk.advance(1);
        let by = || desk.as_person(&hit.ada);
        let opening = watchkeeper::domain::ticket::Opening {
            severity: Some(watchkeeper::domain::severity::Severity::High),
            customer: Some(hit.contoso),
            ..Default::default()
        };
        let title = watchkeeper::domain::text::Title::parse("Uplink down again").unwrap();
        let kind = watchkeeper::domain::id::Kind::Incident;
        let ticket = act::open(&by(), kind, title, &opening).unwrap();
        ticket_parts::add_affected(&by(), ticket.key, hit.fabrikam, None).unwrap();
        act::take(&by(), ticket.key, None).unwrap();
        let stands = |customer: CustomerId| {
            let rows = clocks(&desk, &ticket).into_iter();
            let mut own = rows.filter(|row| row.customer_id == Some(customer));
            own.find(|row| row.metric == Metric::Report).unwrap().state
        };
        let sent = |customer: CustomerId, contact: ContactId| {
            outage::save(&by(), ticket.key, customer, None, &outage_texts()).unwrap();
            let hash = outage::prepare(&by(), ticket.key, customer)
                .unwrap()
                .report
                .hash();
            outage::approve(&desk.as_person(&ben), ticket.key, customer, &hash).unwrap();
            outage::send(&by(), ticket.key, customer, &[contact]).unwrap();
        };
        desk.advance(HOUR);
        act::resolve(&by(), ticket.key, None, "another cable").unwrap();
        sent(hit.contoso, hit.carol);
        assert_eq!(
            (stands(hit.contoso), stands(hit.fabrikam)),
            (ClockState::Met, ClockState::Running)
        );
        desk.advance(24 * HOUR);
        sent(hit.fabrikam, hit.finn);
        assert_eq!(stands(hit.fabrikam), ClockState::Missed);
        caches_are_true(&desk, &ticket);
        desk.let_letters_go();
    }
);
