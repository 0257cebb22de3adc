//! Where the house wants it, own words to a customer wait for a second person: no letter goes out and no clock is met before.

use serde_json::{Value, json};
use watchkeeper::actions::agreement::found_house;
use watchkeeper::actions::{
    proposal, settings, ticket as act, ticket_answer, ticket_parts, wording,
};
use watchkeeper::domain::access::{Role, Roles, Scopes};
use watchkeeper::domain::refusal::Refusal;
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::ticket::Role as Part;
use watchkeeper::domain::timeline::{Actor, EntryKind};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::error::Error;
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::{Desk, START, Staff};
use crate::mail;
use crate::program::{Program, token_of};
use crate::served::Served;
use crate::sla::{HOUR, MINUTE, caches_are_true, clock, entries, now_of};
use crate::visitor::Visitor;
use crate::wording::{CAROL, Scene, agree_on, is_wrong, led_by, next_due, scene, to};

const BEN: &str = "ben@watch.example.org";
const ADA: &str = "ada@watch.example.org";

fn own_words(desk: &Desk, scene: &Scene, rule: &str) {
    let change = [(SettingKey::OwnWords, rule.to_owned())];
    settings::change(&desk.as_person(&scene.ada), &change).unwrap();
}

fn respond(desk: &Desk, scene: &Scene) -> (ClockState, Option<Timestamp>) {
    let clock = clock(desk, &scene.ticket, Metric::Respond);
    (clock.state, clock.ended_at)
}

/// The number of the newest words that were proposed.
fn proposed(desk: &Desk, scene: &Scene) -> i64 {
    let mut all = entries(desk, &scene.ticket, EntryKind::WordsProposed);
    all.pop().expect("somebody proposed words").seq
}

fn waiting(desk: &Desk, scene: &Scene) -> usize {
    let read = |conn: &mut store::Conn| store::proposal::of_ticket(conn, scene.ticket.id);
    desk.app.store.read(read).unwrap().len()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>, rule: &str) {
    match outcome {
        Err(
            Error::Refused(Refusal { rule: said, .. })
            | Error::Forbidden(Refusal { rule: said, .. }),
        ) => {
            assert_eq!(said, rule);
        }
        other => panic!("{rule}, not {other:?}"),
    }
}

both_databases!(
    unless_the_house_asks_for_it_own_words_go_out_at_once,
    |desk| {
        let scene = scene(&desk);
        let ben = desk.as_person(&scene.ben);
        let text = "It will be fixed by 14:30, we guarantee it.";
        let said = act::reply(&ben, scene.ticket.key, text, None, None).unwrap();
        assert!(!said.waits);
        assert_eq!(respond(&desk, &scene), (ClockState::Met, Some(desk.now())));
        let letters = desk.letters();
        assert!(to(&letters, CAROL)[0].text.contains(text));
        assert_eq!(waiting(&desk, &scene), 0);
    }
);

both_databases!(
    own_words_wait_for_a_second_person_and_count_when_they_are_approved,
    |desk| {
        let scene = scene(&desk);
        own_words(&desk, &scene, "always");
        let (ada, ben) = (|| desk.as_person(&scene.ada), || desk.as_person(&scene.ben));
        let text = "A cable broke.\n\nA crew is there & works — more follows.";
        let next = START.plus_secs(2 * HOUR);
        let said = act::reply(&ben(), scene.ticket.key, text, Some(next), None).unwrap();
        assert!(said.waits);
        let seq = proposed(&desk, &scene);
        // The customer hears nothing, and the clock goes on; who can be the second person hears.
        let letters = desk.letters();
        assert!(to(&letters, CAROL).is_empty());
        let notice = to(&letters, ADA).remove(0);
        assert_eq!(
            notice.subject,
            "[INC-1] To be read before it goes out: Uplink down"
        );
        assert!(
            notice.text.contains("A crew is there & works"),
            "{}",
            notice.text
        );
        assert_eq!(letters.len(), 1);
        assert_eq!(respond(&desk, &scene), (ClockState::Running, None));
        assert!(now_of(&desk, &scene.ticket).awaits_us);
        assert!(entries(&desk, &scene.ticket, EntryKind::UpdatePromised).is_empty());
        let served = Served::new(&desk.app);
        let enter = |holder| Visitor::logged_in(&served, &desk.app, holder);
        let (carol, lead, author) = (
            enter(Holder::Contact(scene.carol)),
            enter(Holder::Person(scene.ada.id)),
            enter(Holder::Person(scene.ben.id)),
        );
        let portal = carol.get("/portal/INC-1").text;
        assert!(portal.contains("Since noon.") && !portal.contains("A cable broke."));
        // Its author sees it wait, and can't let it out; the lead finds it on the first page.
        let room = author.get("/INC-1").text;
        assert!(room.contains("This answer waits for a second person"));
        assert!(room.contains("Own words wait for a lead or an admin."));
        assert!(room.contains("/INC-1/say-withdraw") && !room.contains("/INC-1/say-approve"));
        assert!(
            lead.get("/")
                .text
                .contains("Words that wait for a second person (1)")
        );
        assert!(!author.get("/").text.contains("Words that wait"));
        let form = [("seq", seq.to_string())];
        let form = [(form[0].0, form[0].1.as_str())];
        assert_eq!(author.post("/INC-1/say-approve", &form).status, 403);
        let promoted = Staff {
            roles: Roles::of(&[Role::Responder, Role::Lead]),
            ..scene.ben.clone()
        };
        let by_author = desk.as_person(&promoted);
        refused(
            proposal::approve(&by_author, scene.ticket.key, seq, None),
            "not-your-own",
        );
        refused(
            proposal::send_back(&by_author, scene.ticket.key, seq, "no"),
            "not-your-own",
        );
        // Twenty minutes later the lead lets it out.
        desk.advance(20 * MINUTE);
        assert!(desk.letters().iter().all(|it| it.to.as_str() != CAROL));
        let room = lead.get("/INC-1").text;
        assert!(
            room.contains("A crew is there &#38; works") && room.contains("/INC-1/say-approve")
        );
        assert_eq!(lead.post("/INC-1/say-approve", &form).status, 303);
        assert_eq!(respond(&desk, &scene), (ClockState::Met, Some(desk.now())));
        assert_eq!(next_due(&desk, &scene), Some(next));
        let reply = entries(&desk, &scene.ticket, EntryKind::Reply).remove(0);
        assert_eq!(reply.body, text);
        assert_eq!(reply.actor, Actor::Person(scene.ben.id));
        assert_eq!(reply.facts.get("approved_by"), Some("Ada"));
        let approved = entries(&desk, &scene.ticket, EntryKind::WordsApproved).remove(0);
        assert_eq!(approved.actor, Actor::Person(scene.ada.id));
        let roles = |conn: &mut store::Conn| store::ticket::roles(conn, scene.ticket.id);
        let roles = desk.app.store.read(roles).unwrap();
        assert_eq!(roles, [(Part::CustomerVoice, scene.ben.id)]);
        let letters = desk.letters();
        let letter = to(&letters, CAROL).remove(0);
        for line in ["A cable broke.", "A crew is there & works — more follows."] {
            assert!(letter.text.contains(line), "{}", letter.text);
        }
        assert!(
            letter
                .text
                .contains("Next update promised by Mon 1 Jun 2026 13:00 CEST (your time)")
        );
        assert_eq!(
            to(&letters, BEN)[0].subject,
            "[INC-1] Approved and sent: Uplink down"
        );
        assert!(carol.get("/portal/INC-1").text.contains("A cable broke."));
        // It is decided once.
        refused(
            proposal::approve(&ada(), scene.ticket.key, seq, None),
            "words-settled",
        );
        assert_eq!(entries(&desk, &scene.ticket, EntryKind::Reply).len(), 1);
        // Whoever leads needs nobody.
        let voice = Part::CustomerVoice;
        ticket_parts::set_role(&ada(), scene.ticket.key, voice, None).unwrap();
        assert!(
            !act::reply(&ada(), scene.ticket.key, "It is done.", None, None)
                .unwrap()
                .waits
        );
        caches_are_true(&desk, &scene.ticket);
        desk.let_letters_go();
    }
);

both_databases!(
    words_that_are_sent_back_keep_their_text_and_the_author_hears_why,
    |desk| {
        let scene = scene(&desk);
        own_words(&desk, &scene, "always");
        let (ada, ben) = (|| desk.as_person(&scene.ada), || desk.as_person(&scene.ben));
        let text = "Somebody tripped. You hear from us by {next_update}.";
        act::reply(&ben(), scene.ticket.key, text, None, None).unwrap();
        let seq = proposed(&desk, &scene);
        desk.letters();
        is_wrong(
            proposal::send_back(&ada(), scene.ticket.key, seq, " "),
            "why",
            "required",
        );
        refused(
            proposal::withdraw(&ada(), scene.ticket.key, seq),
            "not-your-words",
        );
        proposal::send_back(&ada(), scene.ticket.key, seq, "Don't blame anybody.").unwrap();
        let letters = desk.letters();
        assert_eq!(letters.len(), 1);
        let told = to(&letters, BEN).remove(0);
        assert_eq!(told.subject, "[INC-1] Sent back: Uplink down");
        assert!(told.text.contains("Don't blame anybody."));
        assert_eq!(respond(&desk, &scene).0, ClockState::Running);
        // The text is back in its form, as it was typed.
        let served = Served::new(&desk.app);
        let author = Visitor::logged_in(&served, &desk.app, Holder::Person(scene.ben.id));
        let again = format!("/INC-1?again={seq}");
        assert!(
            author
                .get("/INC-1")
                .text
                .contains(&format!("{again}#reply"))
        );
        let form = author.get(&again);
        assert_eq!(form.status, 200);
        let (_, textarea) = form.text.split_once("<textarea id=\"reply\"").unwrap();
        assert!(textarea.split("</textarea>").next().unwrap().contains(text));
        assert_eq!(author.get("/INC-1?again=1").status, 404, "no words of ours");
        // A second try, which its author takes back.
        act::reply(&ben(), scene.ticket.key, "A cable came loose.", None, None).unwrap();
        let seq = proposed(&desk, &scene);
        proposal::withdraw(&ben(), scene.ticket.key, seq).unwrap();
        refused(
            proposal::approve(&ada(), scene.ticket.key, seq, None),
            "words-settled",
        );
        // A third, which the customer overtakes.
        act::reply(&ben(), scene.ticket.key, "A cable came loose.", None, None).unwrap();
        let (seq, seen) = (
            proposed(&desk, &scene),
            now_of(&desk, &scene.ticket).entry_count,
        );
        desk.advance(MINUTE);
        let head = "Subject: Re: Uplink down\r\nIn-Reply-To: <c1@contoso.example>";
        mail::mail(&desk, CAROL, head, "It works again.");
        let early = proposal::approve(&ada(), scene.ticket.key, seq, Some(seen));
        refused(early, "customer-wrote-meanwhile");
        assert_eq!(waiting(&desk, &scene), 1);
        assert!(entries(&desk, &scene.ticket, EntryKind::Reply).is_empty());
        assert!(to(&desk.letters(), CAROL).is_empty());
        caches_are_true(&desk, &scene.ticket);
    }
);

both_databases!(
    where_only_promises_wait_a_time_of_ones_own_does_and_a_wording_goes_out,
    |desk| {
        let scene = scene(&desk);
        own_words(&desk, &scene, "promises");
        let id = agree_on(&desk, &scene, "Soon", "Within 2 hours you have it. {me}");
        desk.let_letters_go();
        let (ada, ben) = (|| desk.as_person(&scene.ada), || desk.as_person(&scene.ben));
        let wording = wording::fill(&ben(), scene.ticket.key, id).unwrap();
        for (text, waits) in [
            ("We look into it and get back to you.", None),
            ("You hear from us by {next_update}.", None),
            (wording.as_str(), None),
            ("Within 2 hours you have it. Ben!", Some("2 hours")),
            ("It is back by 14:30.", Some("by 14:30")),
            ("It will be fixed.", Some("will be fixed")),
        ] {
            let said = act::reply(&ben(), scene.ticket.key, text, None, None).unwrap();
            assert_eq!(said.waits, waits.is_some(), "{text}");
            if waits.is_some() {
                let entry = entries(&desk, &scene.ticket, EntryKind::WordsProposed)
                    .pop()
                    .unwrap();
                assert_eq!(entry.facts.get("reason"), waits);
            }
        }
        assert_eq!(entries(&desk, &scene.ticket, EntryKind::Reply).len(), 3);
        let as_agreed = &entries(&desk, &scene.ticket, EntryKind::Reply)[2];
        assert_eq!(as_agreed.facts.get("wording"), Some("Soon"));
        // An update for all, and a note that the customer is to read, are words too.
        let told = act::update(&ben(), scene.ticket.key, "Done by noon.", None).unwrap();
        assert!(told.waits);
        let note = act::note(&ben(), scene.ticket.key, "The vendor says: tomorrow.").unwrap();
        let share = || ticket_answer::share(&ben(), scene.ticket.key, note.entry_count);
        assert!(share().unwrap().waits);
        refused(share(), "already-waits");
        assert!(entries(&desk, &scene.ticket, EntryKind::Shared).is_empty());
        let seq = proposed(&desk, &scene);
        proposal::approve(&ada(), scene.ticket.key, seq, None).unwrap();
        let shared = entries(&desk, &scene.ticket, EntryKind::Shared).remove(0);
        assert_eq!(shared.body, "The vendor says: tomorrow.");
        assert_eq!(shared.actor, Actor::Person(scene.ben.id));
        // What can't go out when it is approved is refused as it is written: a later promise, another's role.
        let late = START.plus_secs(9 * HOUR);
        let later = act::reply(&ben(), scene.ticket.key, "Fixed by noon.", Some(late), None);
        is_wrong(later, "next_update_by", "later-than-agreed");
        let voice = Part::CustomerVoice;
        ticket_parts::set_role(&ada(), scene.ticket.key, voice, Some(scene.ada.id)).unwrap();
        let other = act::reply(&ben(), scene.ticket.key, "Fixed by noon.", None, None);
        refused(other, "not-customer-voice");
        caches_are_true(&desk, &scene.ticket);
    }
);

both_databases!(a_program_does_the_same_with_words, |desk| {
    let p = Program::new(desk);
    let by = p.desk.as_person(&p.ada);
    by.write(|tx| found_house(tx, &by, chrono_tz::Europe::Berlin))
        .expect("the house is founded");
    let scene = led_by(&p.desk, p.ada.clone());
    own_words(&p.desk, &scene, "always");
    let ben = token_of(&p.desk, &scene.ben, Scopes::all());
    p.desk.let_letters_go();
    let as_ben = |method: &str, path: &str, body: Value| {
        let bearer = format!("Bearer {ben}");
        let heads = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        p.send(method, path, &heads, Some(&body.to_string()))
    };
    let wordings = "/api/v1/wordings";
    let wrong = json!({"name": "On it", "body": "Dear {customer}"}).to_string();
    let wrong = p.call("POST", wordings, &[], Some(&wrong));
    assert_eq!(
        wrong.faults(),
        [("body".to_owned(), "unknown-place".to_owned())]
    );
    let made = p.done(
        "POST",
        wordings,
        json!({"name": "On it", "body": "We are on {ticket}."}),
    );
    let (id, place) = (made.text("/id"), format!("{wordings}/{}", made.text("/id")));
    assert_eq!(
        as_ben("POST", wordings, json!({"name": "a", "body": "b"})).status,
        403
    );
    assert_eq!(p.get(wordings).text("/items/0/name"), "On it");
    assert_eq!(p.get(&place).text("/body"), "We are on {ticket}.");
    // A wording is said at once, own words wait.
    let replies = "/api/v1/tickets/INC-1/replies";
    let said = as_ben("POST", replies, json!({"wording_id": id}));
    assert_eq!(said.status, 200, "{}", said.body);
    let said = as_ben("POST", replies, json!({"body": "A cable."}));
    assert_eq!(said.status, 202, "{}", said.body);
    let said = as_ben(
        "POST",
        "/api/v1/tickets/INC-1/updates",
        json!({"body": "All."}),
    );
    assert_eq!(said.status, 202, "{}", said.body);
    for (body, fault) in [
        (json!({}), ("body", "required")),
        (
            json!({"body": "a", "wording_id": id}),
            ("wording_id", "text-and-wording"),
        ),
    ] {
        let said = as_ben("POST", replies, body);
        assert_eq!(said.faults(), [(fault.0.to_owned(), fault.1.to_owned())]);
    }
    let waiting = p.get("/api/v1/proposals");
    assert_eq!(waiting.text("/items/0/body"), "A cable.");
    assert_eq!(waiting.text("/items/0/ticket"), "INC-1");
    assert_eq!(waiting.text("/items/0/what"), "reply");
    assert_eq!(waiting.text("/items/1/what"), "update");
    let on = |at: usize, verb: &str| {
        let seq = waiting.body["items"][at]["seq"].as_i64().unwrap();
        format!("/api/v1/tickets/INC-1/proposals/{seq}/{verb}")
    };
    assert_eq!(as_ben("POST", &on(0, "approve"), json!({})).status, 403);
    p.done("POST", &on(0, "approve"), json!({}));
    p.done("POST", &on(1, "send-back"), json!({"why": "Say more."}));
    let twice = p.call("POST", &on(1, "approve"), &[], Some("{}"));
    assert_eq!(twice.text("/rule"), "words-settled");
    let said = as_ben("POST", replies, json!({"body": "Another cable."}));
    assert_eq!(said.status, 202);
    let seq = proposed(&p.desk, &scene);
    let withdraw = format!("/api/v1/tickets/INC-1/proposals/{seq}/withdraw");
    assert_eq!(as_ben("POST", &withdraw, json!({})).status, 200);
    assert_eq!(p.get("/api/v1/proposals").body["items"], json!([]));
    let replies = entries(&p.desk, &scene.ticket, EntryKind::Reply);
    let bodies: Vec<_> = replies.iter().map(|it| it.body.as_str()).collect();
    assert_eq!(bodies, ["We are on INC-1.", "A cable."]);
    // A retired wording is said no more.
    let retired = p.done("PATCH", &place, json!({"is_active": false}));
    assert_eq!(retired.body["is_active"], json!(false));
    let said = as_ben(
        "POST",
        "/api/v1/tickets/INC-1/replies",
        json!({"wording_id": id}),
    );
    assert_eq!(
        said.faults(),
        [("wording_id".to_owned(), "unknown-wording".to_owned())]
    );
    let set = p.get("/api/v1/settings");
    assert_eq!(set.text("/own_words"), "always");
});
