//! What the words of a mail set, where the address that it came to says so.

use serde_json::json;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::intake::{IntakeAddress, Verdict, senders};
use watchkeeper::domain::mail_words::{FormFields, Keywords, SeverityWords};
use watchkeeper::domain::severity::{Priority, Severity};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::store;
use watchkeeper::store::people::Holder;
use watchkeeper::store::ticket::Watcher;

use crate::both_databases;
use crate::desk::Desk;
use crate::mail::{colleague, contoso, customer, deliver_to, key, takes_mail, ticket, timeline};
use crate::mail_senders::{CAROL, says, vouched_for};
use crate::program::Program;
use crate::served::Served;
use crate::visitor::Visitor;

const SUPPORT: &str = "support@watch.example.org";

fn with_words(rule: &mut IntakeAddress) {
    let words = "P1, down = disaster\nslow = warning";
    rule.severity_words = SeverityWords::parse("w", words).unwrap();
}

/// A mail to the address of these stories.
fn written(
    desk: &Desk,
    from: &str,
    head: &str,
    text: &str,
) -> watchkeeper::store::intake::StoredMail {
    let raw = format!("{head}\r\nFrom: {from}\r\nTo: {SUPPORT}\r\n\r\n{text}\r\n");
    deliver_to(desk, Some(from), &[SUPPORT], raw.as_bytes())
}

both_databases!(
    words_of_an_address_set_the_severity_and_the_ticket_says_which,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        takes_mail(&desk, SUPPORT, with_words);
        for (place, (subject, text, severity, word)) in [
            ("[P1] uplink", "See below.", Severity::Disaster, Some("P1")),
            (
                "Uplink",
                "It is DOWN since noon.",
                Severity::Disaster,
                Some("down"),
            ),
            (
                "Slow",
                "Pages are slow.\r\n\r\n> is it down?\r\n",
                Severity::Warning,
                Some("slow"),
            ),
            ("Download", "Please send it.", Severity::Average, None),
        ]
        .into_iter()
        .enumerate()
        {
            let head = format!("Subject: {subject}\r\nMessage-ID: <w{place}@contoso.example>");
            written(&desk, CAROL, &head, text);
            let opened = format!("INC-{}", place + 1);
            assert_eq!(ticket(&desk, &opened).severity, Some(severity), "{subject}");
            let first = &timeline(&desk, &opened)[0];
            assert_eq!(first.facts.get("severity_word"), word, "{subject}");
        }
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        let served = Served::new(&desk.app);
        let ada = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        let page = ada.get("/INC-1").text;
        assert!(page.contains("severity by the word &#34;P1&#34;"), "{page}");
    }
);

both_databases!(
    an_answering_services_form_becomes_who_called_and_where_to_call_back,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        customer(&desk, "Voices", "Vera", "vera@voices.example");
        takes_mail(&desk, SUPPORT, |rule| {
            with_words(rule);
            let fields = "caller = Caller\nnumber = Number, Call back\ncustomer = Company\ntitle = Reason\nseverity = How bad";
            rule.form_fields = FormFields::parse("f", fields).unwrap();
        });
        let form = "Call taken at 03:12.\r\n\r\nCaller: Jane Roe\r\nNumber: +49 30 1234\r\nCompany: contoso\r\nReason: No mail since 3\r\nHow bad: P1\r\n";
        written(&desk, "vera@voices.example", "Subject: New call", form);
        let opened = ticket(&desk, "INC-1");
        assert_eq!(opened.title.as_str(), "No mail since 3");
        assert_eq!(opened.callback_number.as_deref(), Some("+49 30 1234"));
        assert_eq!(opened.severity, Some(Severity::Disaster));
        let of = |name: &str| {
            let found = desk
                .app
                .store
                .read(|conn| store::customer::by_name(conn, name));
            found.unwrap()
        };
        assert_eq!(opened.customer, of("Contoso"));
        // Answers go to whoever wrote it down, who is no contact of theirs.
        assert_eq!(opened.requester, None);
        assert_eq!(
            opened.requester_address.as_deref(),
            Some("vera@voices.example")
        );
        let first = &timeline(&desk, "INC-1")[0];
        assert_eq!(first.facts.get("caller"), Some("Jane Roe"));
        assert!(first.body.contains("Call taken at 03:12."));

        // Whoever is on no list of ours speaks for no customer.
        written(&desk, "someone@x.example", "Subject: Call", form);
        assert_eq!(ticket(&desk, "INC-2").customer, None);
        assert_eq!(
            ticket(&desk, "INC-2").callback_number.as_deref(),
            Some("+49 30 1234")
        );
        // Mail that is no form stays what it is.
        written(&desk, CAROL, "Subject: Question", "Reason: none");
        assert_eq!(ticket(&desk, "INC-3").title.as_str(), "Question");
    }
);

both_databases!(
    e52_what_a_named_sender_generates_opens_a_ticket_and_anybody_elses_does_not,
    |desk| {
        takes_mail(&desk, SUPPORT, |rule| {
            rule.generated_from = senders("s", "@mon.example\nbackup@x.example").unwrap();
        });
        for (from, verdict) in [
            ("nagios@mon.example", Verdict::Opened),
            ("probe@eu.mon.example", Verdict::Opened),
            ("Backup@x.example", Verdict::Opened),
            ("cron@x.example", Verdict::Automatic),
        ] {
            let head = format!("Auto-Submitted: auto-generated\r\nSubject: Report of {from}");
            assert_eq!(
                written(&desk, from, &head, "Details").verdict,
                Some(verdict),
                "{from}"
            );
        }
        assert!(desk.letters().is_empty());
    }
);

both_databases!(
    e101_contacts_in_copy_watch_where_the_address_says_so_and_nobody_else_does,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let dave = colleague(&desk, CAROL, "Dave", "dave@contoso.example");
        colleague(&desk, CAROL, "Robot", "no-reply@contoso.example");
        let erin = colleague(&desk, CAROL, "Erin", "erin@contoso.example");
        customer(&desk, "Fabrikam", "Frank", "frank@fabrikam.example");
        takes_mail(&desk, SUPPORT, |rule| rule.takes_copies = true);
        let copies = "Cc: dave@contoso.example, no-reply@contoso.example, frank@fabrikam.example, ops@lists.example";
        let head = format!("{copies}\r\nSubject: Uplink\r\nMessage-ID: <c1@contoso.example>");
        written(&desk, CAROL, &head, "Down.");
        let opened = ticket(&desk, "INC-1");
        let watchers = || {
            let all = desk
                .app
                .store
                .read(|conn| store::ticket::watchers(conn, opened.id));
            all.unwrap()
        };
        let carol = opened.requester.unwrap();
        let (first, carol) = (watchers(), Watcher::Contact(carol));
        assert_eq!(first.len(), 2, "{first:?}");
        assert!(first.contains(&carol) && first.contains(&Watcher::Contact(dave)));
        assert!(
            timeline(&desk, "INC-1")
                .iter()
                .any(|it| it.kind == EntryKind::WatcherAdded)
        );
        let head =
            "Cc: erin@contoso.example\r\nSubject: Re: Uplink\r\nIn-Reply-To: <c1@contoso.example>";
        written(&desk, CAROL, head, "Still.");
        assert!(watchers().contains(&Watcher::Contact(erin)));
        // A stranger who is answered puts nobody on the list.
        let head = "Cc: dave@contoso.example\r\nSubject: Other";
        written(&desk, "dan@x.example", head, "Hello.");
        let other = ticket(&desk, "INC-2").id;
        let all = desk
            .app
            .store
            .read(|conn| store::ticket::watchers(conn, other));
        assert!(all.unwrap().is_empty());
    }
);

both_databases!(
    e106_keywords_count_from_those_of_ours_for_whom_our_relay_vouches_and_as_far_as_is_allowed,
    |desk| {
        let desk = vouched_for(desk);
        desk.let_letters_go();
        contoso(&desk);
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        takes_mail(&desk, SUPPORT, |rule| {
            rule.keywords = Keywords::parse("k", "severity, label, customer").unwrap();
        });
        let text = "Severity: high\r\nlabel: Core\r\ncustomer: contoso\r\npriority: urgent\r\n\r\nUplink is gone.\r\nseverity: disaster";
        let ours = "ada@watch.example.org";
        let proven = says("pass");
        for (place, (from, head, severity)) in [
            (ours, proven.as_str(), Severity::High),
            (ours, "X-None: y", Severity::Average),
            (CAROL, "X-None: y", Severity::Average),
        ]
        .into_iter()
        .enumerate()
        {
            let head =
                format!("{head}\r\nSubject: Case {place}\r\nMessage-ID: <k{place}@x.example>");
            written(&desk, from, &head, text);
            let opened = ticket(&desk, &format!("INC-{}", place + 1));
            assert_eq!(opened.severity, Some(severity), "{from} {head}");
            let labels = desk
                .app
                .store
                .read(|conn| store::ticket::labels(conn, opened.id));
            let is_heeded = severity == Severity::High;
            assert_eq!(labels.unwrap().contains(&"core".to_owned()), is_heeded);
            assert_eq!(opened.customer.is_some(), is_heeded || from == CAROL);
        }
        // On a ticket that is there, too; what isn't allowed there stays text.
        let head = format!("{proven}\r\nSubject: Re: [INC-3] Case 2\r\nMessage-ID: <k9@x.example>");
        let note = written(&desk, ours, &head, "severity: disaster\r\n\r\nAll nodes.");
        assert_eq!(note.verdict, Some(Verdict::Appended));
        assert_eq!(ticket(&desk, "INC-3").severity, Some(Severity::Disaster));
        let changed = timeline(&desk, "INC-3");
        let changed = changed
            .iter()
            .find(|it| it.kind == EntryKind::SeverityChanged)
            .unwrap();
        assert_eq!(changed.actor.person(), Some(ada.id));
        let head = "Subject: Re: [INC-3] Case 2\r\nMessage-ID: <k10@x.example>";
        written(&desk, CAROL, head, "severity: information");
        assert_eq!(ticket(&desk, "INC-3").severity, Some(Severity::Disaster));
    }
);

both_databases!(
    keywords_of_a_task_set_its_priority_and_say_when_a_table_is_wrong,
    |desk| {
        let desk = vouched_for(desk);
        desk.let_letters_go();
        desk.person("Ada", Roles::of(&[Role::Responder]));
        takes_mail(&desk, SUPPORT, |rule| {
            rule.kind = Kind::Task;
            rule.keywords = Keywords::parse("k", "priority").unwrap();
        });
        let head = format!("{}\r\nSubject: Certificates", says("pass"));
        written(
            &desk,
            "ada@watch.example.org",
            &head,
            "priority: urgent\r\n\r\nRenew them.",
        );
        assert_eq!(ticket(&desk, "TSK-1").priority, Some(Priority::Urgent));
        assert_eq!(key("TSK-1").kind, Kind::Task);

        let boss = desk.person("Eve", Roles::of(&[Role::Admin]));
        let served = Served::new(&desk.app);
        let eve = Visitor::logged_in(&served, &desk.app, Holder::Person(boss.id));
        let form = [
            ("address", "calls@watch.example.org"),
            ("kind", "incident"),
            ("separator", "+"),
            ("severity_words", "down = awful"),
            ("form_fields", "fax = Fax"),
            ("keywords", "owner"),
            ("generated_from", "@mon.example, nobody"),
            ("active", "yes"),
        ];
        let wrong = eve.post("/mail/addresses", &form);
        assert_eq!(wrong.status, 422);
        for said in [
            "down = awful",
            "fax = Fax",
            "&quot;owner&quot; is no keyword",
            "&quot;nobody&quot; is neither",
        ] {
            assert!(wrong.text.contains(said), "{said}\n{}", wrong.text);
        }
        let right = [
            ("address", "calls@watch.example.org"),
            ("kind", "incident"),
            ("separator", "+"),
            ("severity_words", "down = high"),
            ("form_fields", "number = Number"),
            ("keywords", "severity"),
            ("generated_from", "@Mon.example"),
            ("takes_copies", "yes"),
            ("own_ticket", "yes"),
            ("active", "yes"),
        ];
        assert_eq!(eve.post("/mail/addresses", &right).status, 303);
        let all = desk.app.store.read(store::intake_address::all).unwrap();
        let calls = all
            .iter()
            .find(|it| it.address.as_str().starts_with("calls@"))
            .unwrap();
        assert_eq!(calls.generated_from, ["@mon.example"]);
        assert!(calls.takes_copies && calls.own_ticket);
        let page = eve.get(&format!("/mail/addresses/{}", calls.id)).text;
        for kept in ["down = high", "number = Number", "severity", "@mon.example"] {
            assert!(page.contains(kept), "{kept}");
        }
    }
);

both_databases!(programs_set_the_words_of_an_address, |desk| {
    let p = Program::new(desk);
    let wanted = json!({
        "address": "calls@watch.example.org",
        "severity_words": ["P1, down = disaster"],
        "form_fields": ["number = Call back"],
        "keywords": ["severity"],
        "generated_from": ["@mon.example"],
        "takes_copies": true,
        "own_ticket": true,
    });
    let made = p.call(
        "POST",
        "/api/v1/intake-addresses",
        &[],
        Some(&wanted.to_string()),
    );
    assert_eq!(made.status, 201, "{}", made.body);
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&made.body[name], value, "{name}");
    }
    let at = format!("/api/v1/intake-addresses/{}", made.text("/id"));
    for (field, wrong) in [
        ("severity_words", json!(["down = awful"])),
        ("form_fields", json!(["fax = Fax"])),
        ("keywords", json!(["owner"])),
        ("generated_from", json!(["nobody"])),
    ] {
        let said = p.call(
            "PATCH",
            &at,
            &[],
            Some(&json!({ field: wrong }).to_string()),
        );
        assert_eq!(said.status, 422, "{}", said.body);
        assert_eq!(said.faults()[0].0, field);
    }
    let none = json!({"severity_words": [], "takes_copies": false});
    let said = p.call("PATCH", &at, &[], Some(&none.to_string()));
    assert_eq!(said.status, 200, "{}", said.body);
    assert_eq!(said.body["severity_words"], json!([]));
    assert_eq!(said.body["form_fields"], json!(["number = Call back"]));
});
