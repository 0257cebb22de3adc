//! A double tap, a page that is loaded again: a form opens one ticket, however often it is sent.

use watchkeeper::domain::access::Reach;
use watchkeeper::store;
use watchkeeper::store::people::Holder;
use watchkeeper::store::queue::Filter;

use crate::accounts::{a_contact, a_customer, as_person, founded};
use crate::both_databases;
use crate::desk::Desk;
use crate::served::Served;
use crate::visitor::{Answer, Visitor};

/// What makes the form on this page one of its kind.
fn form_of(page: &Answer) -> String {
    let (_, rest) = page
        .text
        .split_once("name=\"once\" value=\"")
        .unwrap_or_else(|| panic!("no mark in {}", page.text));
    rest.split('"').next().unwrap().to_owned()
}

fn tickets(desk: &Desk) -> i64 {
    let count = |conn: &mut store::Conn| store::queue::count_up_to(conn, &Filter::default(), 100);
    desk.app.store.read(count).unwrap()
}

both_databases!(a_form_that_is_sent_twice_opens_one_ticket, |desk| {
    let founded = founded(&desk);
    let by = as_person(&desk.app, founded.admin);
    let customer = a_customer(&by, "Contoso");
    let contact = a_contact(&by, customer, "Cleo", Reach::Own);
    desk.let_letters_go();
    let served = Served::new(&desk.app);
    let ada = Visitor::logged_in(&served, &desk.app, Holder::Person(founded.admin));
    let cleo = Visitor::logged_in(&served, &desk.app, Holder::Contact(contact));
    let call = [
        ("title", "No dial tone"),
        ("caller", "Rita"),
        ("number", "+46 70 000"),
        ("severity", "high"),
        ("in", "30"),
    ];
    let new = [("title", "DB master down"), ("severity", "disaster")];
    let ask = [("title", "Where is my mail?"), ("body", "Since noon")];
    for (visitor, page, place, fields) in [
        (&ada, "/new", "/new", &new[..]),
        (&ada, "/call", "/call", &call[..]),
        (&cleo, "/portal/new", "/portal", &ask[..]),
    ] {
        let before = tickets(&desk);
        let form = form_of(&visitor.get(page));
        let mut fields = fields.to_vec();
        fields.push(("once", form.as_str()));
        let first = visitor.post(place, &fields);
        let second = visitor.post(place, &fields);
        assert_eq!(first.status, 303, "{place}: {}", first.text);
        assert_eq!(
            (second.status, &second.place),
            (303, &first.place),
            "{place}"
        );
        assert_eq!(tickets(&desk), before + 1, "{place}");
        // At the same moment, too.
        let form = form_of(&visitor.get(page));
        *fields.last_mut().unwrap() = ("once", form.as_str());
        let places: Vec<String> = std::thread::scope(|scope| {
            let tap = || scope.spawn(|| visitor.post(place, &fields).place);
            let taps: Vec<_> = (0..4).map(|_| tap()).collect();
            taps.into_iter().map(|tap| tap.join().unwrap()).collect()
        });
        assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
        assert_ne!(places[0], first.place);
        assert_eq!(tickets(&desk), before + 2, "{place}");
        // Gone back to and written anew, it is another.
        fields[0] = ("title", "Something else");
        assert_ne!(visitor.post(place, &fields).place, places[0]);
        assert_eq!(tickets(&desk), before + 3, "{place}");
    }
    // One form of one person: the same mark in other hands is nobody's.
    let bob = desk.person("Bob", watchkeeper::domain::access::Roles::all());
    let bob = Visitor::logged_in(&served, &desk.app, Holder::Person(bob.id));
    let form = form_of(&ada.get("/new"));
    let fields = [
        ("title", "Disk full"),
        ("severity", "warning"),
        ("once", form.as_str()),
    ];
    assert_ne!(
        ada.post("/new", &fields).place,
        bob.post("/new", &fields).place
    );
    // What was refused is not held against it.
    let form = form_of(&ada.get("/new"));
    let wrong = ada.post("/new", &[("title", ""), ("once", form.as_str())]);
    assert_eq!(wrong.status, 422);
    let form = form_of(&wrong);
    assert_eq!(
        ada.post("/new", &[("title", "Fine"), ("once", form.as_str())])
            .status,
        303
    );
});
