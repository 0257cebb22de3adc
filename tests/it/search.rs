//! The index keeps up with who may read: what was written before is found from then on by whoever may read it since, and by nobody
//! who no longer may.

use watchkeeper::actions::ticket_answer::{Readers, bring};
use watchkeeper::actions::ticket_edit::{self, Edit};
use watchkeeper::actions::{evidence, ticket as act, ticket_merge, ticket_parts as parts};
use watchkeeper::domain::access::{Reach, Role, Roles};
use watchkeeper::domain::id::{Kind, TicketKey};
use watchkeeper::domain::search::Question;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::store;
use watchkeeper::store::search::Eyes;
use watchkeeper::store::ticket::Watcher;

use crate::accounts::{a_contact, a_customer};
use crate::both_databases;
use crate::desk::{Desk, Staff};

fn hits(desk: &Desk, words: &str, eyes: Eyes) -> i64 {
    let question = Question::parse(words);
    desk.app
        .store
        .read(|conn| store::search::find(conn, &question, eyes, 50))
        .unwrap()
        .1
}

/// An incident with something on it that everybody affected may read, and a note for the staff.
fn outage(desk: &Desk, ada: &Staff, opening: &Opening) -> TicketKey {
    let by = desk.as_person(ada);
    let title = Title::parse("Uplink down").unwrap();
    let key = act::open(&by, Kind::Incident, title, opening).unwrap().key;
    let graph = evidence::keep(&by, "graph.txt", "text/plain", b"flat").unwrap();
    let all = Readers::AllAffected;
    bring(&by, key, "See zirconium.", &[graph], None, all).unwrap();
    act::note(&by, key, "Only us: zirconium.").unwrap();
    key
}

fn admin(desk: &Desk) -> Staff {
    desk.person(
        "Ada",
        Roles::of(&[Role::Admin, Role::Lead, Role::Responder]),
    )
}

both_databases!(
    a_customer_who_is_hit_later_finds_what_was_written_before,
    |desk| {
        let ada = admin(&desk);
        let by = desk.as_person(&ada);
        let contoso = a_customer(&by, "Contoso");
        let key = outage(&desk, &ada, &Opening::default());
        let theirs = Eyes::Customer(contoso);
        assert_eq!(hits(&desk, "zirconium", theirs), 0);
        parts::add_affected(&by, key, contoso, None).unwrap();
        assert_eq!(hits(&desk, "zirconium", theirs), 1, "and not the note");
        assert_eq!(hits(&desk, "zirconium", Eyes::Staff), 2, "each once");
        desk.let_letters_go();
    }
);

both_databases!(
    a_contact_finds_a_ticket_for_as_long_as_they_watch_it,
    |desk| {
        let ada = admin(&desk);
        let by = desk.as_person(&ada);
        let contoso = a_customer(&by, "Contoso");
        let carol = a_contact(&by, contoso, "Carol", Reach::Own);
        let dave = a_contact(&by, contoso, "Dave", Reach::Own);
        let opening = Opening {
            customer: Some(contoso),
            requester: Some(dave),
            ..Opening::default()
        };
        let key = outage(&desk, &ada, &opening);
        let eyes = Eyes::Contact(contoso, carol);
        assert_eq!(hits(&desk, "zirconium", eyes), 0);
        parts::watch(&by, key, Watcher::Contact(carol)).unwrap();
        assert_eq!(hits(&desk, "zirconium", eyes), 1);
        parts::unwatch(&by, key, Watcher::Contact(carol)).unwrap();
        assert_eq!(hits(&desk, "zirconium", eyes), 0);
        assert_eq!(hits(&desk, "zirconium", Eyes::Contact(contoso, dave)), 1);
        // Watching what is merged into another leads on to that one.
        let other = outage(&desk, &ada, &opening);
        parts::watch(&by, other, Watcher::Contact(carol)).unwrap();
        assert_eq!(hits(&desk, "zirconium", eyes), 1);
        ticket_merge::merge(&by, other, None, key, "The same").unwrap();
        assert_eq!(hits(&desk, "zirconium", eyes), 2);
        desk.let_letters_go();
    }
);

both_databases!(
    a_ticket_that_goes_to_another_customer_is_found_by_them_alone,
    |desk| {
        let ada = admin(&desk);
        let by = desk.as_person(&ada);
        let contoso = a_customer(&by, "Contoso");
        let fabrikam = a_customer(&by, "Fabrikam");
        let opening = Opening {
            customer: Some(contoso),
            ..Opening::default()
        };
        let key = outage(&desk, &ada, &opening);
        let both = || [contoso, fabrikam].map(|id| hits(&desk, "zirconium", Eyes::Customer(id)));
        assert_eq!(both(), [1, 0]);
        let to = |customer| Edit {
            customer: Some(customer),
            ..Edit::default()
        };
        ticket_edit::edit(&by, key, None, &to(Some(fabrikam))).unwrap();
        assert_eq!(both(), [0, 1]);
        ticket_edit::edit(&by, key, None, &to(None)).unwrap();
        assert_eq!(both(), [0, 0]);
        assert_eq!(hits(&desk, "zirconium", Eyes::Staff), 2);
        desk.let_letters_go();
    }
);
