//! One contact, several addresses: mail from each is theirs, and nothing is merged by itself. And the mark of an address that letters come
//! back from, where its contact is kept: seen there, and cleared by hand.

use serde_json::{Value, json};
use watchkeeper::actions::contact_address;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::{ContactId, CustomerId};
use watchkeeper::domain::intake::Verdict;
use watchkeeper::domain::text::EmailAddress;
use watchkeeper::error::Error;
use watchkeeper::store;
use watchkeeper::store::intake::StoredMail;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::mail::{contoso, customer, deliver, mail, takes_mail, ticket, tickets, timeline, to};
use crate::program::Program;
use crate::served::Served;
use crate::visitor::Visitor;

/// Operations of the API that these stories call.
pub const CALLED: &[&str] = &[
    "contact_address :: list",
    "contact_address :: add",
    "contact_address :: remove",
    "contact_address :: bouncing",
    "contact_address :: clear_bouncing",
];

const CAROL: &str = "carol@contoso.example";
const ON_THE_ROAD: &str = "carol+phone@contoso.example";
const LEAD: Roles = Roles::of(&[Role::Responder, Role::Lead]);

/// Carol and her customer.
fn carol(desk: &Desk) -> (CustomerId, ContactId) {
    let email = EmailAddress::parse(CAROL).unwrap();
    desk.app
        .store
        .read(|conn| {
            let Some(Holder::Contact(id)) = store::people::holder(conn, &email)? else {
                panic!("Carol is a contact");
            };
            Ok((store::people::contact(conn, id)?.unwrap().customer_id, id))
        })
        .unwrap()
}

fn add(desk: &Desk, by: &Staff, who: (CustomerId, ContactId), email: &str) -> Result<(), Error> {
    let email = EmailAddress::parse(email).unwrap();
    contact_address::add(&desk.as_person(by), who.0, who.1, &email)
}

fn written(desk: &Desk, from: &str, subject: &str) -> StoredMail {
    let id = format!("{}@x.example", subject.replace(' ', "-"));
    mail(
        desk,
        from,
        &format!("Subject: {subject}\r\nMessage-ID: <{id}>"),
        "Text",
    )
}

#[track_caller]
fn problem(refused: Result<(), Error>) -> (String, String) {
    match refused.unwrap_err() {
        Error::Invalid(fields) => (fields[0].problem.to_string(), format!("{:?}", fields[0])),
        other => panic!("{other:?}"),
    }
}

both_databases!(
    e42_an_address_with_a_tag_is_the_contacts_once_a_person_links_it_and_nothing_is_merged,
    |desk| {
        contoso(&desk);
        let who = carol(&desk);
        let ada = desk.person("Ada", LEAD);

        let before = written(&desk, ON_THE_ROAD, "Before");
        assert_eq!(before.verdict, Some(Verdict::Opened));
        assert_eq!(ticket(&desk, "INC-1").requester, None);
        // An answer by Carol's own address to a stranger's ticket only asks to join.
        let asks = mail(
            &desk,
            CAROL,
            "Subject: Re: [INC-1] Before\r\nMessage-ID: <c9@x.example>",
            "Me too",
        );
        assert_eq!(asks.verdict, Some(Verdict::JoinRequest));
        desk.letters();

        add(&desk, &ada, who, ON_THE_ROAD).unwrap();
        // What was a stranger's stays a stranger's: nobody reads more than before.
        let unchanged = ticket(&desk, "INC-1");
        assert_eq!((unchanged.requester, unchanged.customer), (None, None));

        let after = written(&desk, "Carol+Phone@Contoso.Example", "After");
        assert_eq!(after.verdict, Some(Verdict::Opened));
        let opened = ticket(&desk, "INC-2");
        assert_eq!(
            (opened.requester, opened.customer),
            (Some(who.1), Some(who.0))
        );
        // She is answered where she wrote from.
        let answer = to(&desk.letters(), ON_THE_ROAD).clone();
        // And is the same person from her desk.
        let head = format!(
            "Subject: Re: After\r\nMessage-ID: <c1@x.example>\r\nIn-Reply-To: <{}>",
            answer.message_id
        );
        let reply = mail(&desk, CAROL, &head, "At my desk now");
        assert_eq!(
            (reply.verdict, reply.ticket),
            (Some(Verdict::Appended), Some(opened.id))
        );
        let actors: Vec<_> = timeline(&desk, "INC-2")
            .iter()
            .filter(|entry| entry.source_id.is_some() || entry.seq == 1)
            .map(|entry| entry.actor.clone())
            .collect();
        assert_eq!(actors.len(), 2, "{actors:?}");
        assert_eq!(actors[0], actors[1], "one person wrote both");
        // Another tag is another address.
        written(&desk, "carol+car@contoso.example", "Third");
        assert_eq!(ticket(&desk, "INC-3").requester, None);
        desk.let_letters_go();
        desk.letters();
    }
);

both_databases!(
    e42_an_address_that_is_taken_off_is_a_strangers_again_and_answers_go_to_the_main_one,
    |desk| {
        contoso(&desk);
        let who = carol(&desk);
        let ada = desk.person("Ada", LEAD);
        add(&desk, &ada, who, ON_THE_ROAD).unwrap();
        let first = written(&desk, ON_THE_ROAD, "Uplink");
        let id = to(&desk.letters(), ON_THE_ROAD).message_id.clone();
        let by = desk.as_person(&ada);
        let none = contact_address::remove(&by, who.0, who.1, "dave@contoso.example");
        assert!(matches!(none, Err(Error::NotFound)), "{none:?}");
        let main = contact_address::remove(&by, who.0, who.1, CAROL);
        assert!(matches!(main, Err(Error::Refused(_))), "{main:?}");

        contact_address::remove(&by, who.0, who.1, &ON_THE_ROAD.to_uppercase()).unwrap();
        let opened = ticket(&desk, "INC-1");
        assert_eq!(
            (opened.requester, opened.requester_address),
            (Some(who.1), None)
        );
        let said = timeline(&desk, "INC-1").last().cloned().unwrap();
        assert_eq!(
            (said.facts.get("from"), said.facts.get("to")),
            (Some(ON_THE_ROAD), Some(CAROL))
        );
        let served = Served::new(&desk.app);
        let screen = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        let room = screen.get("/INC-1").text;
        assert!(
            room.contains("answers go to carol@contoso.example now"),
            "{room}"
        );

        // Whoever has that mailbox now holds a genuine id of ours, and still is nobody here.
        let head =
            format!("Subject: Re: Uplink\r\nMessage-ID: <m1@x.example>\r\nIn-Reply-To: <{id}>");
        let later = mail(&desk, ON_THE_ROAD, &head, "Send me the password");
        assert_eq!(
            (later.verdict, later.ticket),
            (Some(Verdict::JoinRequest), first.ticket)
        );
        // The address is free for whoever it belongs to.
        let frank = customer(&desk, "Fabrikam", "Frank", "frank@fabrikam.example");
        let fabrikam = desk
            .app
            .store
            .read(|conn| store::people::contact(conn, frank))
            .unwrap()
            .unwrap()
            .customer_id;
        add(&desk, &ada, (fabrikam, frank), ON_THE_ROAD).unwrap();
        desk.let_letters_go();
        desk.letters();
    }
);

both_databases!(
    e42_e50_an_address_of_somebody_else_or_of_ours_is_refused_and_says_whose_it_is,
    |desk| {
        contoso(&desk);
        let who = carol(&desk);
        let ada = desk.person("Ada", LEAD);
        customer(&desk, "Fabrikam", "Frank", "frank@fabrikam.example");
        takes_mail(&desk, "support@watch.example.org", |_| {});
        for (email, wrong, says) in [
            ("FRANK@fabrikam.example", "address-taken", "\"Frank\""),
            ("ada@watch.example.org", "address-taken", "\"Ada\""),
            (CAROL, "address-taken", "\"Carol\""),
            (
                "support+x@watch.example.org",
                "address-of-ours",
                "support+x@",
            ),
        ] {
            let (problem, told) = problem(add(&desk, &ada, who, email));
            assert_eq!(problem, wrong, "{email}");
            assert!(told.contains(says), "{told}");
        }
        for n in 2..=20 {
            add(&desk, &ada, who, &format!("carol{n}@contoso.example")).unwrap();
        }
        let (problem, _) = problem(add(&desk, &ada, who, "carol21@contoso.example"));
        assert_eq!(problem, "too-many-addresses");
        // A responder reads who they are and changes nothing of it.
        let ben = desk.person("Ben", Roles::of(&[Role::Responder]));
        let refused = add(&desk, &ben, who, ON_THE_ROAD);
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    }
);

both_databases!(
    e42_the_page_of_a_contact_lists_adds_and_takes_off_addresses_and_programs_do_too,
    |desk| {
        let p = Program::new(desk);
        contoso(&p.desk);
        let (customer, id) = carol(&p.desk);
        let place = format!("/customers/{customer}/contacts/{id}");
        let screen = Visitor::logged_in(&p.server, &p.desk.app, Holder::Person(p.ada.id));
        let wrong = screen.post(&format!("{place}/addresses"), &[("email", "carol at home")]);
        assert_eq!(wrong.status, 422);
        // What was typed is there still, beside the form that it was typed in.
        assert!(wrong.text.contains("carol at home"), "{}", wrong.text);
        let added = screen.post(&format!("{place}/addresses"), &[("email", ON_THE_ROAD)]);
        assert_eq!((added.status, added.place.as_str()), (303, place.as_str()));
        let page = screen.get(&place).text;
        assert!(page.contains(&format!("Take {ON_THE_ROAD} away")), "{page}");
        assert!(!page.contains(&format!("Take {CAROL} away")));
        let list = screen.get(&format!("/customers/{customer}")).text;
        assert!(list.contains(ON_THE_ROAD), "{list}");

        let api = format!("/api/v1/customers/{customer}/contacts/{id}/addresses");
        let made = p.done("POST", &api, json!({"email": "c@home.example"}));
        assert_eq!(
            made.body,
            json!({"email": "c@home.example", "is_main": false, "bouncing_since": null, "bounce_status": null})
        );
        let twice = p.call(
            "POST",
            &api,
            &[],
            Some(&json!({"email": "C@home.example"}).to_string()),
        );
        assert_eq!(
            twice.faults(),
            [("email".to_owned(), "address-taken".to_owned())]
        );
        let all = p.get(&api);
        let emails: Vec<_> = all.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["email"].clone())
            .collect();
        assert_eq!(
            emails,
            [json!(CAROL), json!("c@home.example"), json!(ON_THE_ROAD)]
        );
        assert_eq!(all.body["items"][0]["is_main"], true);
        // Most clients write the plus so.
        p.done(
            "DELETE",
            &format!("{api}/{}", ON_THE_ROAD.replace('+', "%2B")),
            Value::Null,
        );
        let again = p.call("DELETE", &format!("{api}/{ON_THE_ROAD}"), &[], None);
        assert_eq!(again.status, 404, "{}", again.body);
        let gone = screen.post(
            &format!("{place}/addresses/remove"),
            &[("email", "c@home.example")],
        );
        assert_eq!(gone.status, 303, "{}", gone.text);
        assert_eq!(p.get(&api).body["items"].as_array().unwrap().len(), 1);
    }
);

/// A letter to Carol came back for good.
fn comes_back(desk: &Desk, letter: &str, n: u8) -> StoredMail {
    let raw = format!(
        "From: MAILER-DAEMON@relay.example\r\nSubject: Undelivered {n}\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n\r\nSorry\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; {CAROL}\r\nAction: failed\r\nStatus: 5.1.{n}\r\n--x\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{letter}>\r\n--x--\r\n"
    );
    deliver(desk, Some(""), raw.as_bytes())
}

both_databases!(
    e58_the_mark_stands_at_the_customer_and_the_contact_and_a_person_clears_it_by_hand,
    |desk| {
        let p = Program::new(desk);
        let desk = &p.desk;
        contoso(desk);
        let (customer, id) = carol(desk);
        written(desk, CAROL, "Uplink");
        let letter = to(&desk.letters(), CAROL).message_id.clone();
        let (list, place) = (
            format!("/customers/{customer}"),
            format!("/customers/{customer}/contacts/{id}"),
        );
        let lead = Visitor::logged_in(&p.server, &desk.app, Holder::Person(p.ada.id));
        let see = |visitor: &Visitor, at: &str| visitor.get(at).text.contains("letters come back");
        assert!(!see(&lead, &list) && !see(&lead, &place));
        assert_eq!(comes_back(desk, &letter, 1).verdict, Some(Verdict::Bounce));
        for at in [&list, &place] {
            let page = lead.get(at).text;
            assert!(page.contains("letters come back (5.1.1)"), "{at}: {page}");
            assert!(
                page.contains("Letters to carol@contoso.example arrive again"),
                "{at}"
            );
        }
        // Who only looks sees the mark and no button; who handles mail clears it from the customer's page.
        let vera = desk.person("Vera", Roles::of(&[Role::Viewer]));
        let vera = Visitor::logged_in(&p.server, &desk.app, Holder::Person(vera.id));
        assert!(see(&vera, &list) && !vera.get(&list).text.contains("arrive again"));
        let clear = format!("{list}/reachable");
        assert_eq!(vera.post(&clear, &[("email", CAROL)]).status, 403);
        assert!(see(&lead, "/INC-1"));
        let ben = desk.person("Ben", Roles::of(&[Role::Responder]));
        let ben = Visitor::logged_in(&p.server, &desk.app, Holder::Person(ben.id));
        let cleared = ben.post(&clear, &[("email", CAROL)]);
        assert_eq!(
            (cleared.status, cleared.place.as_str()),
            (303, list.as_str())
        );
        for at in [list.as_str(), place.as_str(), "/INC-1"] {
            assert!(!see(&lead, at), "{at}");
        }
        // A double tap is no mistake.
        assert_eq!(ben.post(&clear, &[("email", CAROL)]).status, 303);

        // From the contact's page one goes back there; the next bounce marks it again.
        comes_back(desk, &letter, 2);
        let form = [("email", CAROL), ("contact", &*id.to_string())];
        assert_eq!(lead.post(&clear, &form).place, place);
        comes_back(desk, &letter, 3);
        let marked = p.get("/api/v1/bouncing-addresses");
        assert_eq!(marked.text("/items/0/address"), CAROL);
        assert_eq!(marked.text("/items/0/status"), "5.1.3");
        let of = p.get(&format!("/api/v1{place}/addresses"));
        assert_eq!(of.text("/items/0/bounce_status"), "5.1.3");
        p.done(
            "DELETE",
            &format!("/api/v1/bouncing-addresses/{CAROL}"),
            Value::Null,
        );
        let none = p.call(
            "DELETE",
            &format!("/api/v1/bouncing-addresses/{CAROL}"),
            &[],
            None,
        );
        assert_eq!(none.status, 404);
        assert_eq!(p.get("/api/v1/bouncing-addresses").body["items"], json!([]));
        desk.let_letters_go();
        desk.letters();
        assert_eq!(tickets(desk), 1);
    }
);
