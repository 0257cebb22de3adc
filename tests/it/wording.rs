//! Wordings of the house: who keeps them, how one fills the form, and what it says of the next update.

use watchkeeper::actions::{ticket as act, wording};
use watchkeeper::domain::id::{ContactId, WordingId};
use watchkeeper::domain::outgoing::OutgoingMail;
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::ticket::Ticket;
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::error::Error;
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::{Desk, START, Staff};
use crate::mail::{self, key};
use crate::served::Served;
use crate::sla::{
    HOUR, MINUTE, RESPONDER, caches_are_true, clocks, entries, house, now_of, promise,
};
use crate::visitor::Visitor;

pub const CAROL: &str = "carol@contoso.example";

/// Carol of Contoso wrote and is promised an answer within the hour, and news every four hours. Ada leads, Ben answers.
pub struct Scene {
    pub ada: Staff,
    pub ben: Staff,
    pub carol: ContactId,
    pub ticket: Ticket,
}

pub fn scene(desk: &Desk) -> Scene {
    led_by(desk, house(desk))
}

pub fn led_by(desk: &Desk, ada: Staff) -> Scene {
    let ben = desk.person("Ben", RESPONDER);
    let carol = mail::customer(desk, "Contoso", "Carol", CAROL);
    let read = |conn: &mut store::Conn| store::people::contact(conn, carol);
    let contoso = desk.app.store.read(read).unwrap().unwrap().customer_id;
    let promises = [
        (Metric::Respond, None, HOUR),
        (Metric::Update, None, 4 * HOUR),
    ];
    promise(desk, &ada, contoso, &promises);
    let head = "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>";
    mail::mail(desk, CAROL, head, "Since noon.");
    let ticket = act::read(&desk.as_person(&ada), key("INC-1")).unwrap();
    desk.letters();
    Scene {
        ada,
        ben,
        carol,
        ticket,
    }
}

pub fn agree_on(desk: &Desk, scene: &Scene, name: &str, body: &str) -> WordingId {
    let typed = wording::Typed {
        name: name.to_owned(),
        body: body.to_owned(),
        is_active: true,
    };
    wording::add(&desk.as_person(&scene.ada), &typed)
        .unwrap()
        .id
}

pub fn to<'a>(letters: &'a [OutgoingMail], address: &str) -> Vec<&'a OutgoingMail> {
    let own = letters.iter().filter(|it| it.to.as_str() == address);
    own.collect()
}

/// When they hear next, by the newest cycle.
pub fn next_due(desk: &Desk, scene: &Scene) -> Option<Timestamp> {
    let mut rows = clocks(desk, &scene.ticket);
    rows.retain(|row| row.metric == Metric::Update && row.state.is_open());
    rows.sort_by_key(|row| (row.cycle, row.revision));
    rows.pop().and_then(|row| row.deadline_at)
}

#[track_caller]
pub fn is_wrong<T: std::fmt::Debug>(outcome: Result<T, Error>, field: &str, problem: &str) {
    let Err(Error::Invalid(errors)) = outcome else {
        panic!("{field} {problem}, not {outcome:?}")
    };
    let found: Vec<_> = errors
        .iter()
        .map(|it| (it.field.as_ref(), it.problem))
        .collect();
    assert_eq!(found, [(field, problem)]);
}

both_databases!(
    a_wording_is_kept_by_an_admin_and_a_place_that_there_is_not_is_refused,
    |desk| {
        let scene = scene(&desk);
        let served = Served::new(&desk.app);
        let enter = |id| Visitor::logged_in(&served, &desk.app, Holder::Person(id));
        let (ada, ben) = (enter(scene.ada.id), enter(scene.ben.id));
        assert_eq!(ben.get("/wordings").status, 403);
        let wrong = [("name", "On it"), ("body", "Dear {customer}, we look.")];
        let answer = ada.post("/wordings", &wrong);
        assert_eq!(answer.status, 422);
        assert!(answer.text.contains(
            "There is no {customer}. These places can be filled: {ticket}, {title}, {service}, {next_update}, {me}."
        ));
        assert!(answer.text.contains("Dear {customer}, we look."), "kept");
        // A look saves nothing. It is 11:00 in Stockholm.
        let good = [
            ("name", "On it"),
            ("body", "{me} is on {ticket} until {next_update}."),
        ];
        let mut look = good.to_vec();
        look.push(("preview", "yes"));
        let answer = ada.post("/wordings", &look);
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .text
                .contains("Ada is on INC-12 until Mon 1 Jun 2026 12:00 CEST.")
        );
        assert!(answer.text.contains("There are no wordings yet."));
        assert_eq!(ada.post("/wordings", &good).status, 303);
        assert!(
            ada.post("/wordings", &good)
                .text
                .contains("This name is taken already.")
        );
        let by = desk.as_person(&scene.ada);
        let kept = wording::list(&by).unwrap().remove(0);
        let place = format!("/wordings/{}", kept.id);
        assert!(ada.get(&place).text.contains("Ada is on INC-12 until"));
        // Without its tick it is retired, and nobody is offered it any more.
        assert!(ben.get("/INC-1").text.contains("On it"));
        let retired = [("rev", "1"), good[0], good[1]];
        assert_eq!(ada.post(&place, &retired).status, 303);
        assert_eq!(
            ada.post(&place, &retired).status,
            409,
            "of an older version"
        );
        assert!(ada.get("/wordings").text.contains("retired"));
        assert!(!ben.get("/INC-1").text.contains("On it"));
        is_wrong(
            wording::fill(&desk.as_person(&scene.ben), scene.ticket.key, kept.id),
            "wording",
            "unknown-wording",
        );
        let audit = |conn: &mut store::Conn| store::settings::audit_page(conn, None, 50);
        let audit = desk.app.store.read(audit).unwrap();
        let mut deeds: Vec<_> = audit
            .iter()
            .map(|it| (it.deed.as_str(), it.subject.as_str()))
            .filter(|(deed, _)| deed.starts_with("wording"))
            .collect();
        deeds.sort_unstable();
        assert_eq!(
            deeds,
            [("wording-added", "On it"), ("wording-changed", "On it")]
        );
    }
);

both_databases!(
    a_wording_fills_the_form_without_losing_what_was_typed,
    |desk| {
        let scene = scene(&desk);
        let on_it = agree_on(
            &desk,
            &scene,
            "On it",
            "We are on \"{title}\" ({ticket}).\n{me}",
        );
        let check = agree_on(&desk, &scene, "Check", "Does {service} work?");
        let served = Served::new(&desk.app);
        let ben = Visitor::logged_in(&served, &desk.app, Holder::Person(scene.ben.id));
        let (on_it, check) = (on_it.to_string(), check.to_string());
        let before = now_of(&desk, &scene.ticket).entry_count;
        let asked = |wording: &str, typed: &str| {
            let fields = [("use", "yes"), ("wording", wording), ("body", typed)];
            let answer = ben.post("/INC-1/reply", &fields);
            let (_, form) = answer.text.split_once("action=\"/INC-1/reply\"").unwrap();
            let (_, field) = form.split_once("<textarea").unwrap();
            let (_, text) = field.split_once(">\n").unwrap();
            (
                answer.status,
                text.split("</textarea>").next().unwrap().to_owned(),
            )
        };
        let filled = "We are on &#34;Uplink down&#34; (INC-1).\nBen";
        assert_eq!(asked(&on_it, ""), (200, filled.to_owned()));
        assert_eq!(
            asked(&on_it, "Hello Carol,"),
            (200, format!("Hello Carol,\n\n{filled}"))
        );
        // Another wording that stands there untouched gives way.
        let untouched = "We are on \"Uplink down\" (INC-1).\r\nBen";
        assert_eq!(
            asked(&check, untouched),
            (200, "Does the service work?".to_owned())
        );
        assert_eq!(asked("", "Hello"), (422, "Hello".to_owned()));
        assert_eq!(
            now_of(&desk, &scene.ticket).entry_count,
            before,
            "nothing is sent yet"
        );
    }
);

both_databases!(
    what_a_text_says_of_the_next_update_is_what_the_clock_guards,
    |desk| {
        let scene = scene(&desk);
        let id = agree_on(&desk, &scene, "On it", "You hear from us by {next_update}.");
        let ben = || desk.as_person(&scene.ben);
        let due = || next_due(&desk, &scene);
        // Named: 12:30 in Berlin, where Carol is; the seconds go.
        let named = START.plus_secs(90 * MINUTE);
        let text = wording::fill(&ben(), scene.ticket.key, id).unwrap();
        let seconds = named.plus_secs(17);
        act::reply(&ben(), scene.ticket.key, &text, Some(seconds), None).unwrap();
        assert_eq!(due(), Some(named));
        let letters = desk.letters();
        let letter = to(&letters, CAROL).remove(0);
        let said = "You hear from us by Mon 1 Jun 2026 12:30 CEST.";
        assert!(letter.text.contains(said), "{}", letter.text);
        assert!(
            letter
                .text
                .contains("Next update promised by Mon 1 Jun 2026 12:30 CEST (your time)")
        );
        // Not named: what was agreed, four hours from now, and the promise says so too.
        desk.advance(10 * MINUTE + 23);
        act::reply(&ben(), scene.ticket.key, &text, None, None).unwrap();
        let agreed = START.plus_secs(4 * HOUR + 10 * MINUTE);
        assert_eq!(due(), Some(agreed));
        let promised = entries(&desk, &scene.ticket, EntryKind::UpdatePromised);
        assert_eq!(promised[1].facts.instant("until"), Some(agreed));
        let letters = desk.letters();
        let letter = to(&letters, CAROL).remove(0);
        assert!(
            letter
                .text
                .contains("You hear from us by Mon 1 Jun 2026 15:10 CEST.")
        );
        caches_are_true(&desk, &scene.ticket);
        // Where nothing was agreed a time has to be named.
        let head = "Subject: A question\r\nMessage-ID: <s1@stranger.example>";
        mail::mail(&desk, "sam@stranger.example", head, "How much?");
        desk.let_letters_go();
        let nothing_agreed = act::update(&ben(), key("INC-2"), &text, None);
        is_wrong(nothing_agreed, "next_update_by", "next-update-unsaid");
    }
);
