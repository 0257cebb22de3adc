//! One of several customers who were hit is answered alone: who gets it, whose promise it keeps, and that the others never know.

use serde_json::json;
use watchkeeper::actions::agreement::found_house;
use watchkeeper::actions::ticket_parts::{self, ToldUs};
use watchkeeper::actions::{proposal, settings, ticket as act};
use watchkeeper::domain::access::{Reach, Scopes};
use watchkeeper::domain::id::{ContactId, CustomerId};
use watchkeeper::domain::search::Question;
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::timeline::{Audience, EntryKind};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::store;
use watchkeeper::store::people::Holder;
use watchkeeper::store::search::Eyes;
use watchkeeper::store::ticket::Watcher;

use crate::accounts::a_contact;
use crate::both_databases;
use crate::desk::Desk;
use crate::mail::{self, key};
use crate::program::{Program, token_of};
use crate::served::Served;
use crate::sla::{
    HOUR, MINUTE, caches_are_true, clocks, customer, entries, house, now_of, promise,
};
use crate::visitor::Visitor;
use crate::wording::{CAROL, Scene, is_wrong, led_by, to};

pub const FRANK: &str = "frank@fabrikam.example";

/// Carol's INC-1, which hit Fabrikam too: Frank of theirs watches, and they are promised what Contoso is.
pub struct Hit {
    pub scene: Scene,
    pub fabrikam: CustomerId,
    pub frank: ContactId,
}

pub fn hit(desk: &Desk) -> Hit {
    hit_of(desk, led_by(desk, house(desk)))
}

/// The same in the house of a program.
pub fn hit_by_program(program: &Program) -> Hit {
    let desk = &program.desk;
    let ctx = desk.as_person(&program.ada);
    ctx.write(|tx| found_house(tx, &ctx, chrono_tz::Europe::Berlin))
        .unwrap();
    hit_of(desk, led_by(desk, program.ada.clone()))
}

fn hit_of(desk: &Desk, scene: Scene) -> Hit {
    let frank = mail::customer(desk, "Fabrikam", "Frank", FRANK);
    let read = |conn: &mut store::Conn| store::people::contact(conn, frank);
    let fabrikam = desk.app.store.read(read).unwrap().unwrap().customer_id;
    let promises = [
        (Metric::Respond, None, HOUR),
        (Metric::Update, None, 4 * HOUR),
    ];
    promise(desk, &scene.ada, fabrikam, &promises);
    let by = desk.as_person(&scene.ada);
    let told = ToldUs {
        at: desk.now(),
        why: "",
        evidence: "",
    };
    ticket_parts::add_affected(&by, key("INC-1"), fabrikam, Some(told)).unwrap();
    ticket_parts::watch(&by, key("INC-1"), Watcher::Contact(frank)).unwrap();
    desk.letters();
    Hit {
        scene,
        fabrikam,
        frank,
    }
}

impl Hit {
    /// How their answer stands.
    pub fn respond(&self, desk: &Desk, customer: CustomerId) -> (ClockState, Option<Timestamp>) {
        let rows = clocks(desk, &self.scene.ticket);
        let is_it = |row: &store::sla::ClockRow| {
            row.metric == Metric::Respond && row.customer_id == Some(customer)
        };
        let row = rows.into_iter().rfind(is_it).expect("it was promised");
        (row.state, row.ended_at)
    }

    pub fn contoso(&self) -> CustomerId {
        self.scene.ticket.customer.expect("it is Contoso's")
    }
}

/// The part of the room in which somebody is chosen.
fn choice(room: &str) -> &str {
    let rest = room.split("To whom</legend>").nth(1).expect("a choice");
    rest.split("</fieldset>").next().unwrap_or_default()
}

both_databases!(
    one_of_several_customers_is_answered_alone_and_the_others_never_know,
    |desk| {
        let hit = hit(&desk);
        let served = Served::new(&desk.app);
        let enter = |holder| Visitor::logged_in(&served, &desk.app, holder);
        let ben = enter(Holder::Person(hit.scene.ben.id));
        let carol = enter(Holder::Contact(hit.scene.carol));
        let frank = enter(Holder::Contact(hit.frank));
        let fabrikam = hit.fabrikam.to_string();
        // The form says who would get what; whoever asked stands first.
        let room = ben.get("/INC-1").text;
        let other = format!("value=\"{fabrikam}\"");
        let (own, other) = choice(&room).split_once(&other).unwrap();
        assert!(own.contains(CAROL) && own.contains("checked"), "{own}");
        assert!(!own.contains("abrikam"), "{own}");
        assert!(
            other.contains("Fabrikam") && other.contains(FRANK),
            "{other}"
        );
        assert!(!other.contains(CAROL) && !other.contains("checked"));

        desk.advance(MINUTE);
        let form = [
            ("seen", "999"),
            ("customer", fabrikam.as_str()),
            ("body", "Your lines are the next that we mend."),
            ("next_update_by", "13:00"),
        ];
        let sent = ben.post("/INC-1/reply", &form);
        assert_eq!(sent.status, 303, "{}", sent.text);
        let letters = desk.letters();
        assert_eq!(letters.len(), 1, "{letters:?}");
        let letter = to(&letters, FRANK)[0];
        assert!(letter.text.contains("Your lines are the next"));
        assert!(letter.text.contains("Next update promised by"));
        // Not even by the id of the mail that Contoso wrote.
        assert_eq!(letter.in_reply_to, None);
        assert!(letter.references.is_empty(), "{:?}", letter.references);
        for kind in [EntryKind::Reply, EntryKind::UpdatePromised] {
            let said = entries(&desk, &hit.scene.ticket, kind).remove(0);
            assert_eq!(said.audience, Audience::Customer(hit.fabrikam));
        }
        let now = Some(desk.now());
        assert_eq!(hit.respond(&desk, hit.fabrikam), (ClockState::Met, now));
        let theirs = hit.respond(&desk, hit.contoso());
        assert_eq!(theirs, (ClockState::Running, None));
        // Carol still waits for us, and doesn't learn that somebody else was answered.
        assert!(now_of(&desk, &hit.scene.ticket).awaits_us);
        assert!(
            frank
                .get("/portal/INC-1")
                .text
                .contains("the next that we mend")
        );
        assert!(
            !carol
                .get("/portal/INC-1")
                .text
                .contains("the next that we mend")
        );
        let found = carol.get("/portal/INC-1").text;
        assert!(found.contains("Since noon.") && !found.contains("abrikam"));
        assert!(ben.get("/INC-1").text.contains("answered Fabrikam alone"));
        let found = |eyes| {
            let question = Question::parse("mend");
            let find = |conn: &mut store::Conn| store::search::find(conn, &question, eyes, 10);
            desk.app.store.read(find).unwrap().1
        };
        assert_eq!(found(Eyes::Contact(hit.fabrikam, hit.frank)), 1);
        assert_eq!(found(Eyes::Customer(hit.contoso())), 0);
        assert_eq!(found(Eyes::Contact(hit.contoso(), hit.scene.carol)), 0);

        // The other way round, by the same form.
        let form = [("customer", ""), ("body", "A cable broke in your street.")];
        assert_eq!(ben.post("/INC-1/reply", &form).status, 303);
        let letters = desk.letters();
        assert_eq!(letters.len(), 1, "{letters:?}");
        let letter = to(&letters, CAROL)[0];
        assert_eq!(letter.in_reply_to.as_deref(), Some("c1@contoso.example"));
        assert_eq!(hit.respond(&desk, hit.contoso()).0, ClockState::Met);
        assert!(!now_of(&desk, &hit.scene.ticket).awaits_us);
        assert!(!frank.get("/portal/INC-1").text.contains("in your street"));
        caches_are_true(&desk, &hit.scene.ticket);
    }
);

both_databases!(a_customer_who_was_not_hit_is_refused_at_the_field, |desk| {
    let hit = hit(&desk);
    let stranger = customer(&desk, "Tailspin");
    let ben = desk.as_person(&hit.scene.ben);
    let said = act::reply_to(&ben, key("INC-1"), Some(stranger), "Hm.", None, None, &[]);
    is_wrong(said, "customer", "not-affected");
    let served = Served::new(&desk.app);
    let page = Visitor::logged_in(&served, &desk.app, Holder::Person(hit.scene.ben.id));
    for (chosen, wrong) in [
        (stranger.to_string(), "That customer isn&#39;t among those"),
        ("nobody".to_owned(), "class=\"err\""),
    ] {
        let form = [("customer", chosen.as_str()), ("body", "My words.")];
        let refused = page.post("/INC-1/reply", &form);
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains(wrong), "{}", refused.text);
        assert!(refused.text.contains("My words."), "nothing typed is lost");
    }
    assert!(entries(&desk, &hit.scene.ticket, EntryKind::Reply).is_empty());
    assert!(desk.letters().is_empty());
    // Naming the ticket's own customer is the same as naming nobody.
    act::reply_to(
        &ben,
        key("INC-1"),
        Some(hit.contoso()),
        "We look.",
        None,
        None,
        &[],
    )
    .unwrap();
    assert_eq!(to(&desk.letters(), CAROL).len(), 1);
});

both_databases!(
    where_nobody_of_theirs_watches_those_who_read_everything_of_theirs_get_it,
    |desk| {
        let ada = house(&desk);
        let by = desk.as_person(&ada);
        // Nobody knows who wrote: they are no customer's.
        mail::mail(
            &desk,
            "noc@elsewhere.example",
            "Subject: All slow",
            "Since noon.",
        );
        desk.letters();
        let fabrikam = customer(&desk, "Fabrikam");
        let fiona = a_contact(&by, fabrikam, "Fiona", Reach::Customer);
        a_contact(&by, fabrikam, "Fritz", Reach::Own);
        ticket_parts::add_affected(&by, key("INC-1"), fabrikam, None).unwrap();
        desk.letters();
        let reply = |text: &str| {
            act::reply_to(&by, key("INC-1"), Some(fabrikam), text, None, None, &[]).unwrap();
            let letters = desk.letters();
            let read_by = letters.iter().map(|it| it.to_name.clone());
            read_by.collect::<Vec<_>>()
        };
        assert_eq!(reply("We look."), ["Fiona"]);
        // Whoever watches is who follows it.
        let fay = a_contact(&by, fabrikam, "Fay", Reach::Own);
        ticket_parts::watch(&by, key("INC-1"), Watcher::Contact(fay)).unwrap();
        assert_eq!(reply("We look on."), ["Fay"]);
        let served = Served::new(&desk.app);
        for who in [fiona, fay] {
            let portal = Visitor::logged_in(&served, &desk.app, Holder::Contact(who));
            let read = portal.get("/portal/INC-1").text;
            assert!(
                read.contains("We look.") && read.contains("We look on."),
                "{read}"
            );
        }
        // Whoever asked is answered as ever.
        act::reply(&by, key("INC-1"), "Who are you?", None, None).unwrap();
        let letters = desk.letters();
        assert_eq!(letters.len(), 1, "{letters:?}");
        assert_eq!(letters[0].to.as_str(), "noc@elsewhere.example");
    }
);

both_databases!(
    an_answer_to_one_of_several_is_looked_at_waits_and_goes_to_that_one,
    |desk| {
        let hit = hit(&desk);
        let rule = [(SettingKey::OwnWords, "always".to_owned())];
        settings::change(&desk.as_person(&hit.scene.ada), &rule).unwrap();
        let served = Served::new(&desk.app);
        let enter = |holder| Visitor::logged_in(&served, &desk.app, holder);
        let ben = enter(Holder::Person(hit.scene.ben.id));
        let fabrikam = hit.fabrikam.to_string();
        let chosen = format!("value=\"{fabrikam}\" required checked");
        let text = "You hear from us by {next_update}.";
        let form = [("customer", fabrikam.as_str()), ("body", text)];
        // The look shows Frank's letter and no other, and keeps the choice.
        let looked = ben.post("/INC-1/reply", &[&form[..], &[("look", "yes")]].concat());
        assert_eq!(looked.status, 200, "{}", looked.text);
        let look = looked.text.split("id=\"reply-look\"").nth(1).unwrap();
        let look = look.split("</section>").next().unwrap();
        assert!(look.contains(FRANK) && !look.contains(CAROL), "{look}");
        assert!(look.contains("Somebody else reads it first"), "{look}");
        assert!(choice(&looked.text).contains(&chosen), "{}", looked.text);
        assert!(entries(&desk, &hit.scene.ticket, EntryKind::WordsProposed).is_empty());

        let propose = || {
            assert_eq!(ben.post("/INC-1/reply", &form).status, 303);
            let letters = desk.letters();
            assert!(letters.iter().all(|it| it.to.as_str() != FRANK));
            let mut all = entries(&desk, &hit.scene.ticket, EntryKind::WordsProposed);
            all.pop().unwrap().seq
        };
        let seq = propose();
        assert_eq!(hit.respond(&desk, hit.fabrikam).0, ClockState::Running);
        let room = ben.get("/INC-1").text;
        assert!(
            room.contains("This answer to Fabrikam alone waits"),
            "{room}"
        );
        // Sent back, it is tried again for the same customer.
        let ada = desk.as_person(&hit.scene.ada);
        proposal::send_back(&ada, key("INC-1"), seq, "Say why.").unwrap();
        let again = ben.get(&format!("/INC-1?again={seq}")).text;
        assert!(choice(&again).contains(&chosen), "{again}");
        desk.letters();
        let seq = propose();
        desk.advance(20 * MINUTE);
        let ada = desk.as_person(&hit.scene.ada);
        proposal::approve(&ada, key("INC-1"), seq, None).unwrap();
        let letters = desk.letters();
        assert_eq!(to(&letters, FRANK).len(), 1);
        assert!(to(&letters, CAROL).is_empty());
        let said = entries(&desk, &hit.scene.ticket, EntryKind::Reply).remove(0);
        assert_eq!(said.audience, Audience::Customer(hit.fabrikam));
        let now = Some(desk.now());
        assert_eq!(hit.respond(&desk, hit.fabrikam), (ClockState::Met, now));
        assert_eq!(hit.respond(&desk, hit.contoso()).0, ClockState::Running);
        caches_are_true(&desk, &hit.scene.ticket);
    }
);

both_databases!(
    what_one_of_several_customers_answers_by_mail_is_theirs_and_ours_alone,
    |desk| {
        let hit = hit(&desk);
        let ben = desk.as_person(&hit.scene.ben);
        let fabrikam = Some(hit.fabrikam);
        act::reply_to(&ben, key("INC-1"), fabrikam, "We look.", None, None, &[]).unwrap();
        act::reply(&ben, key("INC-1"), "We look too.", None, None).unwrap();
        let letters = desk.letters();
        let sent = to(&letters, FRANK)[0];
        let head = format!(
            "Subject: Re: {}\r\nIn-Reply-To: <{}>\r\nMessage-ID: <f1@fabrikam.example>",
            sent.subject, sent.message_id
        );
        desk.advance(MINUTE);
        mail::mail(&desk, FRANK, &head, "Our till is broken too.");
        let wrote = entries(&desk, &hit.scene.ticket, EntryKind::CustomerMessage).remove(0);
        assert_eq!(wrote.audience, Audience::Customer(hit.fabrikam));
        let served = Served::new(&desk.app);
        let enter = |id| Visitor::logged_in(&served, &desk.app, Holder::Contact(id));
        let (carol, frank) = (enter(hit.scene.carol), enter(hit.frank));
        assert!(
            frank
                .get("/portal/INC-1")
                .text
                .contains("Our till is broken")
        );
        assert!(
            !carol
                .get("/portal/INC-1")
                .text
                .contains("Our till is broken")
        );
        // Carol's thread is Carol's, Frank's is Frank's; and he waits until he is answered.
        desk.letters();
        act::reply(&ben, key("INC-1"), "A cable broke.", None, None).unwrap();
        let letters = desk.letters();
        let hers = to(&letters, CAROL)[0];
        assert_eq!(hers.in_reply_to.as_deref(), Some("c1@contoso.example"));
        assert!(hers.references.iter().all(|id| !id.contains("fabrikam")));
        assert!(now_of(&desk, &hit.scene.ticket).awaits_us);
        act::reply_to(&ben, key("INC-1"), fabrikam, "It comes.", None, None, &[]).unwrap();
        let letters = desk.letters();
        let his = to(&letters, FRANK)[0];
        assert_eq!(his.in_reply_to.as_deref(), Some("f1@fabrikam.example"));
        assert!(his.references.iter().all(|id| !id.contains("contoso")));
        assert!(!now_of(&desk, &hit.scene.ticket).awaits_us);
        caches_are_true(&desk, &hit.scene.ticket);
    }
);

both_databases!(a_program_answers_one_of_several_customers, |desk| {
    let program = Program::new(desk);
    let (desk, hit) = (&program.desk, hit_by_program(&program));
    let token = token_of(desk, &hit.scene.ben, Scopes::all());
    let (fabrikam, contoso) = (hit.fabrikam, hit.contoso());
    let rule = [(SettingKey::OwnWords, "always".to_owned())];
    settings::change(&desk.as_person(&hit.scene.ada), &rule).unwrap();
    let stranger = customer(desk, "Tailspin");
    let bearer = format!("Bearer {token}");
    let call = |path: &str, body: serde_json::Value| {
        let heads = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let path = format!("/api/v1/tickets/INC-1/{path}");
        program.send("POST", &path, &heads, Some(&body.to_string()))
    };
    let words = json!({"body": "Your lines are next.", "customer_id": fabrikam.to_string()});
    let looked = call("replies?dry_run=1", words.clone());
    assert_eq!(looked.status, 200, "{}", looked.body);
    assert_eq!(looked.body["waits"], true);
    assert_eq!(looked.body["letters"].as_array().unwrap().len(), 1);
    assert_eq!(looked.body["letters"][0]["to"], FRANK);
    let waits = call("replies", words);
    assert_eq!(waits.status, 202, "{}", waits.body);
    let all = program.get("/api/v1/proposals").body;
    assert_eq!(all["items"][0]["customer_id"], fabrikam.to_string());
    let seq = all["items"][0]["seq"].as_i64().unwrap();
    proposal::approve(&desk.as_person(&hit.scene.ada), key("INC-1"), seq, None).unwrap();
    let letters = desk.letters();
    assert_eq!(to(&letters, FRANK).len(), 1);
    assert!(to(&letters, CAROL).is_empty());
    let entry = program.get("/api/v1/tickets/INC-1/entries").body;
    let entry = entry["items"].as_array().unwrap();
    let reply = entry.iter().find(|it| it["kind"] == "reply").unwrap();
    assert_eq!(reply["audience"], "customer");
    assert_eq!(reply["audience_customer_id"], fabrikam.to_string());
    assert_eq!(hit.respond(desk, contoso).0, ClockState::Running);
    let refused = call(
        "replies",
        json!({"body": "Hm.", "customer_id": stranger.to_string()}),
    );
    assert_eq!(refused.status, 422, "{}", refused.body);
    let fault = ("customer_id".to_owned(), "not-affected".to_owned());
    assert_eq!(refused.faults(), [fault]);
});
