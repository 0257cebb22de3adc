//! What a person decides about a mail against the machine's word: that it is no copy, and in which character set its text is. Both stay
//! with the mail, with who said so and why.

use serde_json::json;
use watchkeeper::actions::intake;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::intake::{MailState, Verdict};
use watchkeeper::store;
use watchkeeper::store::intake::StoredMail;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::Desk;
use crate::mail::{contoso, deliver, mail, read_again, stored, ticket, tickets, timeline, to};
use crate::mail_twice::found;
use crate::program::Program;
use crate::served::Served;
use crate::visitor::Visitor;

const CAROL: &str = "carol@contoso.example";
/// "сервер упал" in KOI8-R.
const KOI8: &[u8] = b"\xd3\xc5\xd2\xd7\xc5\xd2 \xd5\xd0\xc1\xcc";

/// Two alarms of one program with the same words and no id, an hour apart: the second is judged a copy of the first.
fn two_alarms(desk: &Desk) -> (StoredMail, StoredMail) {
    contoso(desk);
    let raw = b"From: carol@contoso.example\r\nSubject: Disk full\r\n\r\n/var is at 100 %.\r\n";
    let first = deliver(desk, Some(CAROL), raw);
    desk.advance(3_600);
    let second = deliver(desk, Some(CAROL), raw);
    assert_eq!(second.verdict, Some(Verdict::Duplicate));
    (first, second)
}

both_databases!(
    a_mail_that_was_taken_for_a_copy_is_taken_in_by_hand_and_the_ledger_says_by_whom_and_why,
    |desk| {
        desk.let_letters_go();
        let (first, second) = two_alarms(&desk);
        let ann = desk.person("Ann", Roles::of(&[Role::Responder]));
        let vera = desk.person("Vera", Roles::of(&[Role::Viewer]));
        let served = Served::new(&desk.app);
        let place = format!("/mail/in/{}", second.id);
        let verb = format!("{place}/take-in");
        let watcher = Visitor::logged_in(&served, &desk.app, Holder::Person(vera.id));
        assert!(!watcher.get(&place).text.contains("It is no copy"));
        assert_eq!(watcher.post(&verb, &[("reason", "x")]).status, 403);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ann.id));
        assert!(browser.get(&place).text.contains("It is no copy"));
        // Why is not left to guess.
        assert_eq!(browser.post(&verb, &[]).status, 422);
        assert_eq!(stored(&desk, second.id), second);
        desk.letters();

        let done = browser.post(&verb, &[("reason", "the disk ran full <again>")]);
        assert_eq!(done.status, 303, "{}", done.text);
        let now = stored(&desk, second.id);
        assert_eq!(
            (now.state, now.verdict, now.duplicate_of),
            (MailState::Settled, Some(Verdict::Opened), None)
        );
        let own = ticket(&desk, "INC-2");
        assert_eq!(
            (now.ticket, own.impact_at),
            (Some(own.id), second.received_at)
        );
        assert_eq!(timeline(&desk, "INC-2")[0].body, "/var is at 100 %.");
        let links = desk
            .app
            .store
            .read(|conn| store::ticket_link::links(conn, own.id));
        assert!(
            links
                .unwrap()
                .iter()
                .any(|link| Some(link.other) == first.ticket)
        );
        assert!(to(&desk.letters(), CAROL).subject.contains("INC-2"));
        let page = browser.get(&place).text;
        for said in [
            "Ann said that it is no copy and had it taken in: the disk ran full &lt;again&gt;",
            "Was taken for a copy of",
            &format!("/mail/in/{}", first.id),
        ] {
            let escaped = said.replace("&lt;", "&#60;").replace("&gt;", "&#62;");
            assert!(
                page.contains(said) || page.contains(&escaped),
                "{said}: {page}"
            );
        }
        assert!(!page.contains("It is no copy: take it in"));
        // Once; and what comes a third time is a copy of the first still.
        assert_eq!(browser.post(&verb, &[("reason", "again")]).status, 422);
        let raw = b"From: carol@contoso.example\r\nSubject: Disk full\r\n\r\n/var is at 100 %.\r\n";
        let third = deliver(&desk, Some(CAROL), raw);
        assert_eq!(third.verdict, Some(Verdict::Duplicate));
        assert_eq!(third.duplicate_of, Some(first.id));
        assert_eq!(tickets(&desk), 2);
    }
);

both_databases!(
    a_copy_by_its_message_id_is_taken_in_over_the_api_with_a_reason_alone,
    |desk| {
        desk.let_letters_go();
        let p = Program::new(desk);
        let desk = &p.desk;
        contoso(desk);
        let head = "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>";
        mail(desk, CAROL, head, "Since noon.");
        let copy = mail(desk, CAROL, head, "Since noon.");
        assert_eq!(copy.verdict, Some(Verdict::Duplicate));
        let path = format!("/api/v1/mail/{}/take-in", copy.id);
        let silent = p.call("POST", &path, &[], None);
        assert_eq!(silent.faults()[0].0, "reason");
        let body = json!({"reason": "their program gives one id to all"}).to_string();
        let done = p.call("POST", &path, &[], Some(&body));
        assert_eq!(
            (done.status, done.text("/verdict").as_str()),
            (200, "opened")
        );
        assert_eq!(
            done.text("/because/taken_in_why"),
            "their program gives one id to all"
        );
        assert_eq!(tickets(desk), 2);
    }
);

fn in_koi8(head: &str) -> Vec<u8> {
    // Says that it is Western: every byte has a place there, so nothing is guessed.
    let mut raw = format!(
        "From: i@x.example\r\nSubject: x\r\n{head}Content-Type: text/plain; charset=iso-8859-1\r\n\r\n"
    )
    .into_bytes();
    raw.extend_from_slice(KOI8);
    raw
}

both_databases!(
    e65_the_character_set_that_a_person_chose_stays_and_the_ticket_shows_the_text_so_with_the_first_reading_below,
    |desk| {
        desk.let_letters_go();
        let taken = deliver(&desk, Some("i@x.example"), &in_koi8(""));
        let first = timeline(&desk, "INC-1")[0].body.clone();
        assert!(!first.contains("сервер"));
        let ann = desk.person("Ann", Roles::of(&[Role::Responder]));
        let vera = desk.person("Vera", Roles::of(&[Role::Viewer]));
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ann.id));
        let place = format!("/mail/in/{}", taken.id);
        let put = browser.post(&format!("{place}/put-right"), &[("charset", "KOI8-R")]);
        assert_eq!(put.status, 303, "{}", put.text);

        let now = stored(&desk, taken.id);
        assert_eq!(now.because.get("charset"), Some("koi8-r"));
        assert_eq!(now.because.get("charset_by"), Some("Ann"));
        // The page reads it so from now on, and says who chose; what it says itself is one click away.
        let page = browser.get(&place).text;
        assert!(page.contains("сервер упал") && page.contains("Ann had its text read as koi8-r"), "{page}");
        assert!(!page.contains("Put this text on the ticket"));
        let own = browser.get(&format!("{place}?charset=")).text;
        assert!(!own.contains("сервер"), "{own}");
        // The entry itself is what it was; the room shows the text as it reads now in its place, to whoever sees the ticket.
        assert_eq!(timeline(&desk, "INC-1")[0].body, first);
        for who in [ann.id, vera.id] {
            let room = Visitor::logged_in(&served, &desk.app, Holder::Person(who));
            let room = room.get("/INC-1").text;
            let entry = room.split("id=\"e1\"").nth(1).unwrap().split("</li>").next().unwrap();
            let (text, below) = entry.split_once("<details").expect("the first reading is folded");
            assert!(text.contains("сервер упал"), "{entry}");
            assert!(below.contains("As it was read first</summary>") && below.contains(&first), "{entry}");
            assert!(entry.contains("read as koi8-r, chosen by Ann"), "{entry}");
        }
        let again = browser.post(&format!("{place}/put-right"), &[("charset", "koi8-r")]);
        assert_eq!(again.status, 422);
        // Another choice replaces it.
        let other = browser.post(&format!("{place}/put-right"), &[("charset", "windows-1251")]);
        assert_eq!(other.status, 303);
        let page = browser.get("/INC-1").text;
        assert!(page.contains("read as windows-1251, chosen by Ann"), "{page}");
    }
);

both_databases!(
    e65_the_choice_is_kept_for_a_mail_on_no_ticket_and_goes_along_when_it_is_taken_in,
    |desk| {
        desk.let_letters_go();
        let automatic = deliver(&desk, Some("i@x.example"), &in_koi8("Precedence: bulk\r\n"));
        assert_eq!(automatic.verdict, Some(Verdict::Automatic));
        let ann = desk.person("Ann", Roles::of(&[Role::Responder]));
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ann.id));
        let place = format!("/mail/in/{}", automatic.id);
        let read = browser.get(&format!("{place}?charset=koi8-r")).text;
        assert!(read.contains("Read it so from now on"), "{read}");
        assert_eq!(found(&desk, "сервер"), 0);
        let put = browser.post(&format!("{place}/put-right"), &[("charset", "koi8-r")]);
        assert_eq!(put.status, 303, "{}", put.text);
        assert!(browser.get(&place).text.contains("сервер упал"));
        assert_eq!(found(&desk, "сервер"), 1);
        assert_eq!(browser.post(&format!("{place}/take-in"), &[]).status, 303);
        assert_eq!(timeline(&desk, "INC-1")[0].body, "сервер упал");
        assert_eq!(
            timeline(&desk, "INC-1")[0].facts.get("read_in"),
            Some("koi8-r")
        );
        assert!(browser.get("/INC-1").text.contains("read again as koi8-r"));
        assert_eq!(found(&desk, "сервер"), 0, "it stands on the ticket");
    }
);

both_databases!(
    e65_the_choice_goes_along_when_a_request_to_join_is_accepted,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        let asked = deliver(
            &desk,
            Some("i@x.example"),
            &in_koi8("In-Reply-To: <c1@contoso.example>\r\n"),
        );
        assert_eq!(asked.verdict, Some(Verdict::JoinRequest));
        let ann = desk.person("Ann", Roles::of(&[Role::Responder]));
        let by = desk.as_person(&ann);
        let raw = in_koi8("In-Reply-To: <c1@contoso.example>\r\n");
        let letter = watchkeeper::intake::mail::read_in(&raw, None, "koi8-r");
        let chosen = intake::put_right(&by, asked.id, &letter, "koi8-r").unwrap();
        assert_eq!(chosen.verdict, Some(Verdict::JoinRequest));
        assert_eq!(chosen.join_due_at, asked.join_due_at);
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ann.id));
        assert!(browser.get("/INC-1").text.contains("сервер упал"));
        let place = format!("/mail/in/{}/accept", asked.id);
        assert_eq!(browser.post(&place, &[]).status, 303);
        let joined = timeline(&desk, "INC-1");
        assert!(joined.iter().any(|it| it.body == "сервер упал"));
        // As the machine read it, it isn't on the ticket.
        assert!(
            joined
                .iter()
                .all(|it| it.body != read_again(&desk, &asked).text)
        );
    }
);
