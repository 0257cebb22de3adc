//! Stories of the customers' side: what a contact sees, asks and answers, and what they never learn.

use watchkeeper::actions::ticket;
use watchkeeper::domain::access::{Reach, Roles};
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::ticket::State;
use watchkeeper::store::people::Holder;

use crate::accounts::{a_contact, a_customer, as_person, founded};
use crate::both_databases;
use crate::desk::Staff;
use crate::served::Served;
use crate::sla;
use crate::visitor::Visitor;

both_databases!(
    a_contact_sees_their_own_tickets_and_only_what_is_meant_for_them,
    |desk| {
        let ada = founded(&desk).admin;
        let by = as_person(&desk.app, ada);
        let (contoso, fabrikam) = (a_customer(&by, "Contoso"), a_customer(&by, "Fabrikam"));
        let cleo = a_contact(&by, contoso, "Cleo", Reach::Own);
        let carl = a_contact(&by, contoso, "Carl", Reach::Own);
        let chief = a_contact(&by, contoso, "Chief", Reach::Customer);
        let fred = a_contact(&by, fabrikam, "Fred", Reach::Customer);
        let served = Served::new(&desk.app);
        let enter = |id| Visitor::logged_in(&served, &desk.app, Holder::Contact(id));
        let (cleo, carl, chief, fred) = (enter(cleo), enter(carl), enter(chief), enter(fred));

        let opened = cleo.post(
            "/portal",
            &[
                ("title", "Cannot log in"),
                ("body", "since nine"),
                ("customer", "other"),
                ("severity", "disaster"),
            ],
        );
        assert_eq!(opened.place, "/portal/INC-1", "{}", opened.text);
        let key = "INC-1".parse().unwrap();
        ticket::note(&by, key, "they forgot to pay, says finance").unwrap();
        ticket::reply(&by, key, "We are on it.", None, None).unwrap();

        let read = cleo.get("/portal/INC-1").text;
        assert!(read.contains("since nine") && read.contains("We are on it."));
        assert!(
            !read.contains("forgot to pay") && !read.contains("Ada"),
            "nothing internal, no staff names"
        );
        for (who, sees) in [
            (&cleo, true),
            (&chief, true),
            (&carl, false),
            (&fred, false),
        ] {
            assert_eq!(
                who.get("/portal/INC-1").status,
                if sees { 200 } else { 404 }
            );
            assert_eq!(who.get("/portal").text.contains("INC-1"), sees);
            let written = who.post("/portal/INC-1", &[("body", "hello")]);
            assert_eq!(written.status, if sees { 303 } else { 404 });
        }
        // The staff's side isn't there for them, and nothing there is.
        for path in [
            "/INC-1",
            "/queue",
            "/people",
            "/customers",
            "/settings",
            "/audit",
            "/tokens",
            "/services",
        ] {
            assert_eq!(cleo.get(path).status, 404, "{path}");
        }
        assert_eq!(cleo.get("/portal/account").status, 200);
    }
);

both_databases!(
    what_a_contact_writes_is_read_by_their_own_customer_only,
    |desk| {
        let ada = founded(&desk).admin;
        let by = as_person(&desk.app, ada);
        let (contoso, fabrikam) = (a_customer(&by, "Contoso"), a_customer(&by, "Fabrikam"));
        let cleo = a_contact(&by, contoso, "Cleo", Reach::Customer);
        let fred = a_contact(&by, fabrikam, "Fred", Reach::Customer);
        let served = Served::new(&desk.app);
        let enter = |id| Visitor::logged_in(&served, &desk.app, Holder::Contact(id));
        let (cleo, fred) = (enter(cleo), enter(fred));
        cleo.post(
            "/portal",
            &[("title", "Uplink down"), ("body", "all of it")],
        );
        let key = "INC-1".parse().unwrap();
        assert_eq!(fred.get("/portal/INC-1").status, 404);
        watchkeeper::actions::ticket_parts::add_affected(&by, key, fabrikam, None).unwrap();
        assert_eq!(
            fred.post(
                "/portal/INC-1",
                &[("body", "ours too, and our keys leaked")]
            )
            .status,
            303
        );
        assert!(fred.get("/portal/INC-1").text.contains("our keys leaked"));
        assert!(!fred.get("/portal/INC-1").text.contains("all of it"));
        assert!(!cleo.get("/portal/INC-1").text.contains("our keys leaked"));
    }
);

both_databases!(
    a_contact_says_that_it_is_solved_which_answers_itself_and_the_owner_hears,
    |desk| {
        let ada = founded(&desk).admin;
        let by = as_person(&desk.app, ada);
        let contoso = a_customer(&by, "Contoso");
        let cleo = a_contact(&by, contoso, "Cleo", Reach::Own);
        let carl = a_contact(&by, contoso, "Carl", Reach::Own);
        let house = Staff {
            id: ada,
            name: "Ada".to_owned(),
            roles: Roles::all(),
        };
        sla::promise(
            &desk,
            &house,
            contoso,
            &[(Metric::Respond, None, sla::HOUR)],
        );
        let served = Served::new(&desk.app);
        let enter = |id| Visitor::logged_in(&served, &desk.app, Holder::Contact(id));
        let (cleo, carl) = (enter(cleo), enter(carl));
        cleo.post(
            "/portal",
            &[("title", "Cannot log in"), ("body", "since nine")],
        );
        let key = "INC-1".parse().unwrap();
        let taken = ticket::take(&by, key, None).unwrap();
        let respond = || sla::clock(&desk, &taken, Metric::Respond).state;
        assert_eq!(respond(), ClockState::Running);
        assert!(sla::now_of(&desk, &taken).awaits_us);
        desk.letters();
        desk.advance(sla::MINUTE);
        assert!(
            cleo.get("/portal/INC-1")
                .text
                .contains("It is solved, thanks")
        );
        assert_eq!(carl.post("/portal/INC-1/solved", &[]).status, 404);
        assert_eq!(cleo.post("/portal/INC-1/solved", &[]).status, 303);
        assert_eq!(respond(), ClockState::Met);
        let now = sla::now_of(&desk, &taken);
        assert!(now.is_open() && !now.awaits_us, "{now:?}");
        sla::caches_are_true(&desk, &now);
        let sent = desk.letters();
        assert!(
            matches!(sent.as_slice(), [one] if one.subject.contains("Solved, says the customer")),
            "{sent:?}"
        );
        assert_eq!(cleo.post("/portal/INC-1/solved", &[]).status, 303);
        assert!(desk.letters().is_empty(), "a double tap says it once");
        assert!(
            cleo.get("/portal/INC-1")
                .text
                .contains("It is solved, thanks.")
        );
        // Whoever writes again is answered again.
        desk.advance(sla::MINUTE);
        cleo.post("/portal/INC-1", &[("body", "no, it isn't")]);
        assert_eq!(respond(), ClockState::Running);
        ticket::step(&by, key, None, State::Cancelled, "told by phone").unwrap();
        let page = cleo.get("/portal/INC-1").text;
        assert!(!page.contains("/portal/INC-1/solved"), "nothing to solve");
        assert_eq!(cleo.post("/portal/INC-1/solved", &[]).status, 422);
        desk.let_letters_go();
    }
);
