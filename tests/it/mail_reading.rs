//! Reading mail: what people see on the ticket and on the mail's own page.

use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::intake::Verdict;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::mail::{deliver, timeline};
use crate::served::Served;
use crate::visitor::{Answer, Visitor};

#[track_caller]
fn says(answer: &Answer, text: &str) {
    assert!(answer.text.contains(text), "no {text:?}: {}", answer.text);
}

both_databases!(
    e65_e76_e92_a_mail_in_a_strange_dress_is_readable_on_its_ticket_and_harmless_on_its_page,
    |desk| {
        desk.let_letters_go();
        let raw = b"From: J\xfcrgen <j@x.example>\r\nTo: support@watch.example.org\r\nSubject: St\xf6rung\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: text/html; charset=x-unknown\r\n\r\n<p>Gr\xfc\xdfe aus M\xfcnchen</p><script>alert(1)</script><img src=http://track.example/a.gif><img src=cid:p>\r\n--m\r\nContent-Type: image/png\r\nContent-ID: <p>\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--m\r\nContent-Type: text/plain; name=\"../a.log\"\r\n\r\n\xff\r\n--m\r\nContent-Type: text/plain; name=\"A.LOG\"\r\n\r\n\xfe\r\n--m--\r\n";
        let stored = deliver(&desk, Some("j@x.example"), raw);
        assert_eq!(stored.verdict, Some(Verdict::Opened));
        let entries = timeline(&desk, "INC-1");
        assert!(
            entries
                .iter()
                .any(|entry| entry.body.contains("Grüße aus München")),
            "the text is readable"
        );
        let root = desk.person("Root", Roles::of(&[Role::Admin, Role::Responder]));
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(root.id));
        let ticket = browser.get("/INC-1");
        for shown in ["Störung", "part-1.png", "a.log", "A (2).LOG"] {
            says(&ticket, shown);
        }
        let page = browser.get(&format!("/mail/in/{}", stored.id));
        for shown in ["Jürgen", "Read as", "windows-1252", "Show the HTML form"] {
            says(&page, shown);
        }
        let html = browser.get(&format!("/mail/in/{}/html", stored.id));
        says(&html, "<p>Grüße aus München</p>");
        says(&html, "src=\"data:image/png;base64,AAEC\"");
        for hidden in ["alert", "track.example"] {
            assert!(!html.text.contains(hidden), "{}", html.text);
        }
    }
);
