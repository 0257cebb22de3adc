//! Files between us and customers: an answer takes them along, by mail and in the portal; what is too large for a mail leaves by a
//! link that ends; and a customer's own are theirs to read.

use watchkeeper::actions::{
    evidence, proposal, settings, ticket as act, ticket_answer, ticket_parts,
};
use watchkeeper::domain::access::{Reach, Role, Roles};
use watchkeeper::domain::file_link::{LINK_SECS, MAIL_BYTES};
use watchkeeper::domain::id::{ContactId, CustomerId, Kind};
use watchkeeper::domain::outgoing::OutgoingMail;
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::store::people::Holder;
use watchkeeper::{intake, store};

use crate::accounts::{a_contact, a_customer};
use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::mail::{deliver, key};
use crate::served::Served;
use crate::visitor::Visitor;

/// INC-1 of Contoso, asked for by its contact; and a lead and a responder.
fn asked(desk: &Desk) -> (Staff, Staff, CustomerId, ContactId) {
    let lead = desk.person("Lena", Roles::all());
    let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
    let by = desk.as_person(&lead);
    let customer = a_customer(&by, "Contoso");
    let contact = a_contact(&by, customer, "Cleo", Reach::Own);
    let opening = Opening {
        customer: Some(customer),
        requester: Some(contact),
        ..Opening::default()
    };
    act::open(
        &by,
        Kind::Incident,
        Title::parse("Uplink down").unwrap(),
        &opening,
    )
    .unwrap();
    desk.letters();
    (lead, bob, customer, contact)
}

fn cleo(desk: &Desk, served: &Served, contact: ContactId) -> Visitor {
    Visitor::logged_in(served, &desk.app, Holder::Contact(contact))
}

/// The letter to Cleo among these.
fn to_cleo(letters: &[OutgoingMail]) -> &OutgoingMail {
    let mut theirs = letters
        .iter()
        .filter(|letter| letter.to.as_str().starts_with("cleo@"));
    let letter = theirs.next().expect("a letter to Cleo");
    assert!(theirs.next().is_none(), "one letter");
    letter
}

/// Names and bytes of the files that whoever gets the letter sees.
fn files_in(letter: &OutgoingMail) -> Vec<(String, Vec<u8>)> {
    let raw = watchkeeper::outbound::mail::bytes(letter).unwrap();
    let read = intake::mail::read(&raw, None);
    read.parts
        .into_iter()
        .map(|part| (part.name, part.bytes))
        .collect()
}

/// The addresses of the files that Cleo's page shows.
fn shown(visitor: &Visitor) -> Vec<String> {
    let page = visitor.get("/portal/INC-1").text;
    page.split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|place| place.contains("/files/"))
        .map(str::to_owned)
        .collect()
}

both_databases!(
    an_answer_takes_files_along_by_mail_and_in_the_portal,
    |desk| {
        let (lead, _, _, contact) = asked(&desk);
        let served = Served::new(&desk.app);
        let lena = Visitor::logged_in(&served, &desk.app, Holder::Person(lead.id));
        let answer = lena.upload(
            "/INC-1/reply",
            &[("body", "See the graph."), ("next_update_by", "")],
            &[("graph.txt", b"flat"), ("log.txt", b"line")],
        );
        assert_eq!(answer.status, 303, "{}", answer.text);
        let letters = desk.letters();
        let sent = files_in(to_cleo(&letters));
        assert_eq!(
            sent,
            [
                ("graph.txt".to_owned(), b"flat".to_vec()),
                ("log.txt".to_owned(), b"line".to_vec())
            ]
        );
        let cleo = cleo(&desk, &served, contact);
        let places = shown(&cleo);
        assert_eq!(places.len(), 2);
        assert_eq!(cleo.get(&places[0]).text, "flat");

        // An update to everybody affected takes its own.
        let ctx = desk.as_person(&lead);
        let file = evidence::keep(&ctx, "plan.txt", "text/plain", b"by noon").unwrap();
        act::update_with(&ctx, key("INC-1"), "The plan.", None, &[file]).unwrap();
        let letters = desk.letters();
        assert_eq!(
            files_in(to_cleo(&letters)),
            [("plan.txt".to_owned(), b"by noon".to_vec())]
        );
        assert_eq!(shown(&cleo).len(), 3);
    }
);

both_databases!(
    files_of_words_that_wait_go_out_with_them_and_not_before,
    |desk| {
        let (lead, bob, _, contact) = asked(&desk);
        let served = Served::new(&desk.app);
        let cleo = cleo(&desk, &served, contact);
        let rule = [(SettingKey::OwnWords, "always".to_owned())];
        settings::change(&desk.as_person(&lead), &rule).unwrap();
        let ctx = desk.as_person(&bob);
        let file = evidence::keep(&ctx, "graph.txt", "text/plain", b"flat").unwrap();
        let said =
            act::reply_with(&ctx, key("INC-1"), "See the graph.", None, None, &[file]).unwrap();
        assert!(said.waits);
        let letters = desk.letters();
        assert!(
            letters
                .iter()
                .all(|letter| !letter.to.as_str().starts_with("cleo@"))
        );
        assert!(shown(&cleo).is_empty());
        let seq = said.ticket.entry_count;
        proposal::approve(&desk.as_person(&lead), key("INC-1"), seq, None).unwrap();
        let letters = desk.letters();
        assert_eq!(
            files_in(to_cleo(&letters)),
            [("graph.txt".to_owned(), b"flat".to_vec())]
        );
        assert_eq!(shown(&cleo).len(), 1);
    }
);

both_databases!(a_note_that_is_shared_takes_its_files_along, |desk| {
    let (lead, _, _, contact) = asked(&desk);
    let served = Served::new(&desk.app);
    let cleo = cleo(&desk, &served, contact);
    let ctx = desk.as_person(&lead);
    for text in ["Look at this.", ""] {
        let file = evidence::keep(&ctx, "graph.txt", "text/plain", b"flat").unwrap();
        let noted = ticket_parts::attach(&ctx, key("INC-1"), text, &[file]).unwrap();
        let before = shown(&cleo).len();
        ticket_answer::share(&ctx, key("INC-1"), noted.entry_count).unwrap();
        let letters = desk.letters();
        assert_eq!(
            files_in(to_cleo(&letters)),
            [("graph.txt".to_owned(), b"flat".to_vec())]
        );
        assert_eq!(shown(&cleo).len(), before + 1);
    }
});

both_databases!(
    e97_what_is_too_large_for_a_mail_leaves_by_a_link_that_ends,
    |desk| {
        let (lead, _, _, _) = asked(&desk);
        let ctx = desk.as_person(&lead);
        let film = vec![b'f'; usize::try_from(MAIL_BYTES).unwrap()];
        let large = evidence::keep(&ctx, "film.bin", "video/mp4", &film).unwrap();
        let small = evidence::keep(&ctx, "graph.txt", "text/plain", b"flat").unwrap();
        act::reply_with(
            &ctx,
            key("INC-1"),
            "All of it.",
            None,
            None,
            &[small, large],
        )
        .unwrap();
        let letters = desk.letters();
        let letter = to_cleo(&letters);
        assert_eq!(
            files_in(letter),
            [("graph.txt".to_owned(), b"flat".to_vec())]
        );
        let at = letter
            .text
            .find("https://watch.example.org/file/")
            .expect("a link");
        let url = letter.text[at..].split_whitespace().next().unwrap();
        assert!(letter.html.as_ref().unwrap().contains(url));
        assert!(letter.text.contains("film.bin, 7 MB"), "{}", letter.text);
        let path = url.trim_start_matches("https://watch.example.org");
        let served = Served::new(&desk.app);
        let guest = Visitor::new(&served);
        let got = guest.get(path);
        assert_eq!((got.status, got.text.len()), (200, film.len()));
        assert_eq!(guest.get(&path[..path.len() - 1]).status, 404);
        desk.let_letters_go();
        desk.app.time.set(desk.now().plus_secs(LINK_SECS + 1));
        let late = guest.get(path);
        assert_eq!(late.status, 422);
        assert!(late.text.contains("This link has expired"), "{}", late.text);
    }
);

both_databases!(
    e97_what_the_relay_would_refuse_by_its_size_leaves_by_a_link,
    |desk| {
        let (lead, _, _, _) = asked(&desk);
        let ctx = desk.as_person(&lead);
        // A mail of one megabyte at most: half a one goes along, the next doesn't any more.
        desk.app.post.recorder().unwrap().announce(1 << 20);
        let half = vec![b'h'; 500_000];
        let first = evidence::keep(&ctx, "first.bin", "application/octet-stream", &half).unwrap();
        let second = evidence::keep(&ctx, "second.bin", "video/mp4", &half).unwrap();
        act::reply_with(&ctx, key("INC-1"), "Both.", None, None, &[first, second]).unwrap();
        let letters = desk.letters();
        let letter = to_cleo(&letters);
        assert_eq!(files_in(letter), [("first.bin".to_owned(), half)]);
        assert!(
            letter.text.contains("second.bin") && letter.text.contains("/file/"),
            "{}",
            letter.text
        );
        let size = watchkeeper::outbound::mail::bytes(letter).unwrap().len();
        assert!(size <= 1 << 20, "{size}");
    }
);

both_databases!(what_a_customer_sends_is_theirs_to_read, |desk| {
    let (_, _, _, contact) = asked(&desk);
    let served = Served::new(&desk.app);
    let cleo = cleo(&desk, &served, contact);
    // In the portal: words with a file, and a file without words.
    for (body, name) in [("A picture of it", "a.txt"), ("", "b.txt")] {
        let answer = cleo.upload("/portal/INC-1", &[("body", body)], &[(name, b"seen")]);
        assert_eq!(answer.status, 303, "{}", answer.text);
    }
    assert_eq!(
        cleo.upload("/portal/INC-1", &[("body", " ")], &[]).status,
        422
    );
    let opened = cleo.upload(
        "/portal",
        &[
            ("title", "Slow again"),
            ("body", "Since noon"),
            ("once", "one"),
        ],
        &[("c.txt", b"slow")],
    );
    assert_eq!(opened.status, 303, "{}", opened.text);
    let page = cleo.get("/portal/INC-2").text;
    assert!(page.contains("c.txt"), "{page}");
    // What would run when opened is kept and given to nobody by itself.
    let bad = cleo.upload(
        "/portal/INC-2",
        &[("body", "Run this")],
        &[("fix.exe", b"MZ\x90\x00")],
    );
    assert_eq!(bad.status, 303, "{}", bad.text);
    let page = cleo.get("/portal/INC-2").text;
    assert!(page.contains("fix.exe"), "{page}");
    let linked = page
        .split("href=\"")
        .filter(|rest| rest.contains("fix.exe"));
    let linked: Vec<&str> = linked
        .filter(|rest| rest.starts_with("/portal/INC-2/files/"))
        .collect();
    assert!(
        linked
            .iter()
            .all(|rest| !rest.split("</a>").next().unwrap().contains("fix.exe")),
        "{page}"
    );
    // By mail, with nothing but the file.
    let address = desk
        .app
        .store
        .read(|conn| store::people::contact(conn, contact))
        .unwrap()
        .unwrap()
        .email;
    let raw = format!(
        "From: {address}\r\nTo: support@watch.example.org\r\nSubject: Re: [INC-1] Uplink down\r\nMessage-ID: <p@contoso.example>\r\nMIME-Version: 1.0\r\nContent-Type: application/pdf; name=d.pdf\r\nContent-Disposition: attachment; filename=d.pdf\r\n\r\nbytes\r\n"
    );
    deliver(&desk, Some(address.as_str()), raw.as_bytes());
    desk.let_letters_go();
    let places = shown(&cleo);
    assert_eq!(places.len(), 3, "{places:?}");
    let texts: Vec<String> = places.iter().map(|place| cleo.get(place).text).collect();
    assert_eq!(texts[..2], ["seen", "seen"]);
    assert!(texts[2].starts_with("bytes"));
});
