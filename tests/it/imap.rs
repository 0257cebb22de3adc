//! Mailboxes that are watched, on a real Dovecot: what arrives there is taken in once, in its order and at its time, whatever breaks.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::intake::{HeldFor, MailState, Verdict, Way};
use watchkeeper::domain::mailbox::Mailbox;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::listen::imap;
use watchkeeper::store;
use watchkeeper::store::intake::{LedgerFilter, StoredMail};
use watchkeeper::store::mailbox::Standing;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::browser::PATIENCE;
use crate::desk::{Desk, START};
use crate::mail::{ticket, tickets};
use crate::mail_server::{Hand, Passage, dovecot, new_user};
use crate::served::Served;
use crate::visitor::Visitor;

/// The password as an address carries it.
const CODED: &str = "secret%20with%20%25%2C%20%40%20and%20%22";

/// The program's watch over the desk's mailboxes, until it is dropped.
pub(crate) struct Watching {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Watching {
    pub(crate) fn over(desk: &Desk) -> Self {
        let (stop, stops) = watch::channel(false);
        let app = Arc::clone(&desk.app);
        let tls = watchkeeper::tls::to_servers(app.config.imap_ca.as_deref()).expect("authorities");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let thread = std::thread::spawn(move || {
            runtime.block_on(imap::watch(app, TlsConnector::from(Arc::new(tls)), stops));
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Names the mailboxes that the desk watches.
pub(crate) fn watches(desk: &mut Desk, urls: &[String]) {
    let app = Arc::get_mut(&mut desk.app).expect("nobody else holds it yet");
    app.config.imap = urls
        .iter()
        .map(|url| Mailbox::parse(url).expect("a mailbox"))
        .collect();
}

fn at(user: &str, port: u16, rest: &str) -> String {
    format!("imap://{user}:{CODED}@localhost:{port}/{rest}")
}

/// Every mail of the ledger, newest first.
pub(crate) fn ledger(desk: &Desk) -> Vec<StoredMail> {
    let all = LedgerFilter {
        state: None,
        verdict: None,
        sender: None,
    };
    let read = desk
        .app
        .store
        .read(|conn| store::intake::ledger(conn, &all, None, 1_000));
    read.expect("the ledger")
}

pub(crate) fn standing(desk: &Desk) -> Standing {
    let read = desk.app.store.read(|conn| Ok(standing_in(conn, desk)));
    read.expect("a mailbox")
}

/// What is wrong with the mailbox, once it was looked at.
fn fault(desk: &Desk) -> Option<String> {
    let name = desk.app.config.imap[0].name();
    let found = desk.app.store.read(|conn| store::mailbox::of(conn, &name));
    found.expect("mailboxes").and_then(|of| of.fault)
}

fn standing_in(conn: &mut store::Conn, desk: &Desk) -> Standing {
    let name = desk.app.config.imap[0].name();
    let found = store::mailbox::of(conn, &name).expect("a mailbox");
    found.expect("it was looked at")
}

#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "in vain: {what}");
        crate::waiting::look_again();
    }
}

/// Waits until so many mails are in, and lets the jobs deal with them.
#[track_caller]
pub(crate) fn arrived(desk: &Desk, count: usize) {
    until("mails", || ledger(desk).len() >= count);
    desk.settle();
    assert_eq!(ledger(desk).len(), count);
}

/// From when its clocks count.
pub(crate) fn began(desk: &Desk, key: &str) -> Timestamp {
    ticket(desk, key).impact_at
}

fn mail_of(subject: &str) -> Vec<u8> {
    format!(
        "From: carol@contoso.example\r\nTo: support@watch.example.org\r\nMessage-ID: <{}@contoso.example>\r\nSubject: {subject}\r\n\r\nHello.\r\n",
        subject.chars().filter(char::is_ascii_alphanumeric).collect::<String>()
    )
    .into_bytes()
}

fn watched(desk: &mut Desk, rest: &str) -> (String, Hand) {
    desk.let_letters_go();
    let user = new_user();
    watches(desk, &[at(&user, dovecot().imap, rest)]);
    let hand = Hand::of(&user);
    (user, hand)
}

both_databases!(
    what_lay_there_stays_and_what_arrives_opens_tickets_at_once,
    |mut desk| {
        let (user, mut hand) = watched(&mut desk, "INBOX");
        hand.put("INBOX", "31-May-2026 08:00:00 +0000", &mail_of("Old work"));
        let watching = Watching::over(&desk);
        until("a first look", || {
            let name = desk.app.config.imap[0].name();
            let read = desk.app.store.read(|conn| store::mailbox::of(conn, &name));
            read.unwrap().is_some_and(|of| of.read_at.is_some())
        });
        // IDLE tells of it; asking now and then would take half a minute.
        let began = Instant::now();
        hand.put(
            "INBOX",
            "01-Jun-2026 08:30:00 +0000",
            &mail_of("Database down"),
        );
        arrived(&desk, 1);
        assert!(began.elapsed() < Duration::from_secs(20));
        let opened = ticket(&desk, "INC-1");
        assert_eq!(opened.title.as_str(), "Database down");
        let mail = &ledger(&desk)[0];
        assert_eq!((mail.way, mail.verdict), (Way::Imap, Some(Verdict::Opened)));
        // However old it is, what somebody moves here now is here now.
        hand.put(
            "INBOX",
            "11-Feb-2019 03:04:05 +0100",
            &mail_of("Found again"),
        );
        arrived(&desk, 2);
        assert_eq!(ticket(&desk, "INC-2").title.as_str(), "Found again");
        drop(watching);
        let flags = hand.flags("INBOX");
        assert!(
            !flags[0].contains("\\Seen") && flags[1].contains("\\Seen"),
            "{flags:?}"
        );

        // Who handles mail sees how the mailbox stands.
        let served = Served::new(&desk.app);
        let ada = desk.person("Ada", Roles::all());
        let page = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id)).get("/mail/in");
        assert!(
            page.text.contains(&format!("{user}@localhost:")),
            "{}",
            page.text
        );
        assert!(!page.text.contains("secret"));
    }
);

both_databases!(
    e06_after_days_away_nothing_is_skipped_and_clocks_start_when_the_server_took_it,
    |mut desk| {
        let (_, mut hand) = watched(&mut desk, "INBOX?first=all");
        hand.put(
            "INBOX",
            "27-May-2026 07:00:00 +0000",
            &mail_of("Five days ago"),
        );
        hand.put("INBOX", "01-Jun-2026 10:55:00 +0200", &mail_of("Just now"));
        // Its clock is ahead: it begins nothing in our future.
        hand.put("INBOX", "01-Jun-2026 12:00:00 +0000", &mail_of("Tomorrow"));
        let _watching = Watching::over(&desk);
        arrived(&desk, 3);
        let received = |key: &str| began(&desk, key);
        let hours = |hours: i64| START.plus_secs(hours * 3_600);
        assert_eq!(received("INC-1"), hours(-5 * 24 - 2));
        assert_eq!(received("INC-2"), START.plus_secs(-300));
        assert_eq!(received("INC-3"), START);
    }
);

both_databases!(
    e04_whatever_order_the_server_has_they_are_taken_by_their_time,
    |mut desk| {
        desk.let_letters_go();
        let user = new_user();
        let passage = Passage::cutting("");
        let url = at(&user, passage.port, "INBOX?first=all&after=keep");
        watches(&mut desk, &[url]);
        let mut hand = Hand::of(&user);
        for (minute, subject) in [(50, "Third"), (10, "First"), (30, "Second")] {
            let at = format!("01-Jun-2026 08:{minute}:00 +0000");
            hand.put("INBOX", &at, &mail_of(subject));
        }
        let _watching = Watching::over(&desk);
        arrived(&desk, 3);
        let titles = ["INC-1", "INC-2", "INC-3"].map(|key| ticket(&desk, key).title.to_string());
        assert_eq!(titles, ["First", "Second", "Third"]);
        let said = passage.said();
        assert!(said.contains("UID FETCH 2,3,1 (UID BODY.PEEK[])"), "{said}");
        let flags = hand.flags("INBOX");
        assert!(
            flags.iter().all(|line| !line.contains("\\Seen")),
            "{flags:?}"
        );
    }
);

both_databases!(
    e02_one_above_the_limit_leaves_its_body_there_and_the_next_goes_on,
    |mut desk| {
        let (_, mut hand) = watched(&mut desk, "INBOX?first=all&after=delete");
        Arc::get_mut(&mut desk.app).unwrap().config.mail_limit_bytes = 64 * 1024;
        let mut large = mail_of("A film of it");
        large.extend(
            b"x".repeat(70)
                .iter()
                .chain(b"\r\n")
                .copied()
                .cycle()
                .take(72 * 1_000),
        );
        hand.put("INBOX", "01-Jun-2026 08:00:00 +0000", &large);
        hand.put(
            "INBOX",
            "01-Jun-2026 08:01:00 +0000",
            &mail_of("A line of it"),
        );
        {
            let _watching = Watching::over(&desk);
            arrived(&desk, 2);
            until("good order", || standing(&desk).next_uid == 3);
        }
        // What isn't ours whole isn't deleted, and neither when it is found again as known.
        assert_eq!(hand.flags("INBOX").len(), 1);
        desk.app
            .store
            .write(|tx| {
                let now = standing_in(tx, &desk);
                store::mailbox::set_place(tx, &now.name, now.uid_validity, 1)
            })
            .unwrap();
        {
            let _watching = Watching::over(&desk);
            until("good order", || standing(&desk).next_uid > 1);
        }
        assert_eq!(hand.flags("INBOX").len(), 1);
        let ledger = ledger(&desk);
        let (next, held) = (&ledger[0], &ledger[1]);
        assert_eq!(next.verdict, Some(Verdict::Opened));
        assert_eq!(
            (
                held.state,
                held.held_for,
                held.subject.as_str(),
                held.size_bytes
            ),
            (
                MailState::Held,
                Some(HeldFor::Large),
                "A film of it",
                large.len() as i64
            )
        );
        let raw = desk.app.store.read(|conn| store::blob::get(conn, held.raw));
        assert!(raw.unwrap().unwrap().len() < 300);
        assert_eq!(tickets(&desk), 1);

        // A person may take in what is here.
        let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
        let letter = crate::mail::read_again(&desk, held);
        let ctx = desk.as_person(&bob);
        watchkeeper::actions::intake::take_in(&ctx, held.id, &letter, "").unwrap();
        assert_eq!(ticket(&desk, "INC-2").title.as_str(), "A film of it");
    }
);

both_databases!(
    e05_a_line_that_breaks_between_storing_and_marking_makes_no_second_ticket,
    |mut desk| {
        desk.let_letters_go();
        let user = new_user();
        let passage = Passage::cutting("UID STORE");
        watches(&mut desk, &[at(&user, passage.port, "INBOX?first=all")]);
        let mut hand = Hand::of(&user);
        // Without a Message-ID: nothing but its UID tells that it is the same.
        hand.put(
            "INBOX",
            "01-Jun-2026 08:00:00 +0000",
            b"From: a@b.example\r\nSubject: Once\r\n\r\nx\r\n",
        );
        let _watching = Watching::over(&desk);
        until("a break", || fault(&desk).is_some());
        assert!(
            hand.flags("INBOX")[0].contains("FLAGS ()"),
            "{:?}",
            hand.flags("INBOX")
        );
        until("a mark", || hand.flags("INBOX")[0].contains("\\Seen"));
        until("good order", || standing(&desk).fault.is_none());
        arrived(&desk, 1);
        assert_eq!(passage.said().matches("BODY.PEEK[]").count(), 1);
    }
);

both_databases!(
    e05_uids_that_mean_something_else_are_known_by_their_bytes,
    |mut desk| {
        let (_, mut hand) = watched(&mut desk, "Eingänge?first=all");
        let bare = b"From: a@b.example\r\nSubject: Bare\r\n\r\nx\r\n".to_vec();
        let fill = |hand: &mut Hand| {
            hand.say("CREATE \"Eing&AOQ-nge\"");
            hand.put("\"Eing&AOQ-nge\"", "31-May-2026 08:00:00 +0000", &bare);
            hand.put(
                "\"Eing&AOQ-nge\"",
                "01-Jun-2026 08:01:00 +0000",
                &mail_of("Named"),
            );
        };
        fill(&mut hand);
        {
            let _watching = Watching::over(&desk);
            arrived(&desk, 2);
            until("good order", || standing(&desk).next_uid == 3);
        }
        let before = standing(&desk).uid_validity;
        hand.say("DELETE \"Eing&AOQ-nge\"");
        fill(&mut hand);
        hand.put(
            "\"Eing&AOQ-nge\"",
            "01-Jun-2026 08:02:00 +0000",
            &mail_of("New"),
        );
        let _watching = Watching::over(&desk);
        arrived(&desk, 3);
        until("good order", || standing(&desk).next_uid == 4);
        assert_ne!(standing(&desk).uid_validity, before);
        assert_eq!(tickets(&desk), 3);
        assert!(
            ledger(&desk)
                .iter()
                .all(|mail| mail.verdict == Some(Verdict::Opened))
        );
    }
);

both_databases!(
    e07_no_subject_confuses_the_line_and_nothing_is_searched_for,
    |mut desk| {
        desk.let_letters_go();
        let user = new_user();
        let passage = Passage::cutting("");
        watches(&mut desk, &[at(&user, passage.port, "INBOX?first=all")]);
        let mut hand = Hand::of(&user);
        let odd = [
            "C:\\\\srv\\ is \"full\"",
            "){5}",
            "* 1 EXISTS",
            "ÄÖ \u{1f525} \\",
        ];
        for (minute, subject) in odd.iter().enumerate() {
            let at = format!("01-Jun-2026 08:1{minute}:00 +0000");
            hand.put("INBOX", &at, &mail_of(subject));
        }
        let _watching = Watching::over(&desk);
        arrived(&desk, odd.len());
        for (at, subject) in odd.iter().enumerate() {
            assert_eq!(
                ticket(&desk, &format!("INC-{}", at + 1)).title.as_str(),
                subject.trim()
            );
        }
        let said = passage.said();
        assert!(
            said.contains("UID FETCH") && !said.contains("SEARCH"),
            "{said}"
        );
    }
);

both_databases!(
    e09_what_can_not_be_read_is_fetched_once_and_is_a_ticket,
    |mut desk| {
        desk.let_letters_go();
        let user = new_user();
        let passage = Passage::cutting("");
        watches(&mut desk, &[at(&user, passage.port, "INBOX?first=all")]);
        let mut hand = Hand::of(&user);
        hand.put(
            "INBOX",
            "01-Jun-2026 08:00:00 +0000",
            b"\x00\x01\x02\xff\xfe\r\n",
        );
        {
            let _watching = Watching::over(&desk);
            arrived(&desk, 1);
            until("good order", || standing(&desk).next_uid == 2);
        }
        assert_eq!(ledger(&desk)[0].verdict, Some(Verdict::Unreadable));
        hand.put("INBOX", "01-Jun-2026 08:01:00 +0000", &mail_of("The next"));
        let _watching = Watching::over(&desk);
        arrived(&desk, 2);
        assert_eq!(
            passage
                .said()
                .matches("UID FETCH 1 (UID BODY.PEEK[])")
                .count(),
            1
        );
        assert_eq!(tickets(&desk), 2);
    }
);

both_databases!(
    mail_that_is_ours_is_deleted_or_moved_as_wanted_and_a_refusal_is_seen,
    |mut desk| {
        desk.let_letters_go();
        let (one, other) = (new_user(), new_user());
        let port = dovecot().imap;
        let urls = [
            at(&one, port, "INBOX?first=all&after=delete"),
            at(&other, port, "INBOX?first=all&after=move:Done"),
        ];
        watches(&mut desk, &urls);
        let mut hands = [Hand::of(&one), Hand::of(&other)];
        for (hand, subject) in hands.iter_mut().zip(["Deleted", "Moved"]) {
            hand.put("INBOX", "01-Jun-2026 08:00:00 +0000", &mail_of(subject));
            // Somebody else's mark is nobody's business of ours.
            hand.put(
                "INBOX",
                "01-Jun-2026 08:00:00 +0000",
                &mail_of(&format!("{subject} too")),
            );
        }
        let watching = Watching::over(&desk);
        arrived(&desk, 4);
        until("empty", || hands[0].flags("INBOX").is_empty());
        // There is no such folder yet: what is taken in stays, and the page says why.
        let name = desk.app.config.imap[1].name();
        let fault = || {
            let read = desk.app.store.read(|conn| store::mailbox::of(conn, &name));
            read.unwrap().and_then(|of| of.fault)
        };
        until("a fault", || fault().is_some());
        let said = fault().unwrap();
        assert!(
            said.starts_with("mail is taken in, but can't be moved: "),
            "{said}"
        );
        assert_eq!(hands[1].flags("INBOX").len(), 2);
        drop(watching);
        hands[1].say("CREATE Done");
        hands[1].put("INBOX", "01-Jun-2026 08:05:00 +0000", &mail_of("Third"));
        let _watching = Watching::over(&desk);
        arrived(&desk, 5);
        until("moved", || hands[1].flags("Done").len() == 1);
        until("good order", || fault().is_none());
    }
);

both_databases!(
    a_mailbox_that_stays_shut_is_a_health_mark_and_its_password_is_told_nobody,
    |mut desk| {
        desk.let_letters_go();
        let user = new_user();
        let url = format!(
            "imap://{user}:wrong-secret@localhost:{}/INBOX",
            dovecot().imap
        );
        watches(&mut desk, &[url]);
        let watching = Watching::over(&desk);
        until("a fault", || fault(&desk).is_some());
        drop(watching);
        let fault = standing(&desk).fault.unwrap();
        assert!(fault.starts_with("the mail server refuses: "), "{fault}");
        let served = Served::new(&desk.app);
        let ada = desk.person("Ada", Roles::all());
        let ada = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        let band = format!(
            "The mailbox {user}@localhost:{}/INBOX is in trouble",
            dovecot().imap
        );
        assert!(!ada.get("/").text.contains(&band));
        desk.advance(301);
        let page = ada.get("/mail/in").text;
        assert!(
            page.contains(&band) && page.contains("the mail server refuses"),
            "{page}"
        );
        assert!(!page.contains("wrong-secret"));
    }
);

both_databases!(
    the_line_is_encrypted_and_the_server_has_to_be_who_it_says,
    |mut desk| {
        desk.let_letters_go();
        let user = new_user();
        let url = |port| format!("imaps://{user}:{CODED}@localhost:{port}/INBOX?first=all");
        watches(&mut desk, &[url(dovecot().imaps)]);
        let mut hand = Hand::of(&user);
        hand.put("INBOX", "01-Jun-2026 08:00:00 +0000", &mail_of("Sealed"));
        {
            // Nobody that browsers know has signed it.
            let _watching = Watching::over(&desk);
            until("a fault", || fault(&desk).is_some());
        }
        let fault = standing(&desk).fault.unwrap();
        assert!(fault.contains("certificate"), "{fault}");
        assert_eq!(ledger(&desk).len(), 0);
        let app = Arc::get_mut(&mut desk.app).unwrap();
        app.config.imap_ca = Some(dovecot().folder.join("ca.pem"));
        let _watching = Watching::over(&desk);
        arrived(&desk, 1);
        assert_eq!(ticket(&desk, "INC-1").title.as_str(), "Sealed");
    }
);

#[test]
fn two_that_read_at_once_make_one_ticket_of_one_mail() {
    let mut desk = Desk::new(crate::desk::On::Postgres);
    let (_, mut hand) = watched(&mut desk, "INBOX?first=all");
    for minute in 10..40 {
        let at = format!("01-Jun-2026 08:{minute}:00 +0000");
        hand.put("INBOX", &at, &mail_of(&format!("Mail {minute}")));
    }
    let both = [Watching::over(&desk), Watching::over(&desk)];
    arrived(&desk, 30);
    until("good order", || standing(&desk).next_uid == 31);
    drop(both);
    assert_eq!((tickets(&desk), ledger(&desk).len()), (30, 30));
}

both_databases!(
    one_node_reads_a_mailbox_until_it_is_silent_for_long,
    |desk| {
        let at = |secs: i64| START.plus_secs(secs);
        let hold = |who: &str, secs: i64| {
            let held = desk.app.store.write(|tx| {
                store::mailbox::begin(tx, "box")?;
                store::mailbox::hold(tx, "box", who, at(secs), at(secs + 180))
            });
            held.unwrap()
        };
        assert!(hold("one", 0) && !hold("other", 10) && hold("one", 60));
        assert!(!hold("other", 239) && hold("other", 241) && !hold("one", 242));
        desk.app
            .store
            .write(|tx| store::mailbox::release(tx, "other"))
            .unwrap();
        assert!(hold("one", 243));
    }
);
