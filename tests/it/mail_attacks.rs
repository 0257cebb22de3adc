//! What others have been broken by: classes A (identity and threading) and B (hostile content) of the list of attacks, by their numbers.
//! A10 stands in `mail_marks`; what only a browser can show stands with the browser.

use watchkeeper::actions::customer as customers;
use watchkeeper::actions::intake_explain::explain;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::intake::{MailState, Verdict};
use watchkeeper::domain::timeline::{Actor, Audience, Door, EntryKind};
use watchkeeper::store;
use watchkeeper::store::backend::DatabaseUrl;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::Desk;
use crate::mail::{
    contoso, customer, deliver, deliver_all, deliver_to, mail, take, takes_mail, ticket, tickets,
    timeline, to,
};
use crate::mail_senders::{DISOWNED, UNVERIFIED, says, vouched_for};
use crate::served::Served;
use crate::visitor::Visitor;

const CAROL: &str = "carol@contoso.example";
const MALLORY: &str = "mallory@evil.example";

/// Guesses at a ticket's number; every tenth is really delivered, of the others it is asked what would become of them. Who may append is
/// decided by the same code on both databases: the larger number is tried on one.
const GUESSES: [usize; 2] = [10_000, 1_000];

/// Carol's ticket INC-1, and our answer to her.
fn opened(desk: &Desk) -> watchkeeper::domain::outgoing::OutgoingMail {
    contoso(desk);
    mail(
        desk,
        CAROL,
        "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
        "Down.",
    );
    to(&desk.letters(), CAROL).clone()
}

fn browser(desk: &Desk, served: &Served) -> Visitor {
    let eve = desk.person("Eve", Roles::of(&[Role::Responder, Role::Admin]));
    Visitor::logged_in(served, &desk.app, Holder::Person(eve.id))
}

/// How many entries a ticket has.
fn entries(desk: &Desk, of: &str) -> usize {
    timeline(desk, of).len()
}

both_databases!(
    a1_who_writes_as_one_of_ours_with_a_guessed_id_reaches_no_customer_and_is_nobody_of_ours,
    |desk| {
        let desk = vouched_for(desk);
        desk.let_letters_go();
        let answer = opened(&desk);
        let ada = take(&desk, "INC-1");
        for (n, verdict) in [(0, "none"), (1, "fail")] {
            let head = format!(
                "{}\r\nCc: {CAROL}\r\nSubject: Re: Uplink\r\nMessage-ID: <m{n}@evil.example>\r\nIn-Reply-To: <{}>",
                says(verdict),
                answer.message_id
            );
            mail(&desk, "ada@watch.example.org", &head, "Please pay here.");
        }
        assert!(desk.letters().iter().all(|it| it.to.as_str() != CAROL));
        for entry in timeline(&desk, "INC-1")
            .iter()
            .filter(|it| it.body.contains("pay"))
        {
            assert_eq!(
                (entry.kind, entry.audience),
                (EntryKind::Note, Audience::Internal)
            );
            assert_ne!(entry.actor, Actor::Person(ada.id));
        }
    }
);

both_databases!(
    a2_a_signature_that_is_wrong_cut_or_missing_opens_a_ticket_of_its_own,
    |desk| {
        desk.let_letters_go();
        let answer = opened(&desk);
        let address = answer.reply_to.clone().unwrap();
        let (local, domain) = address.split_once('@').unwrap();
        let (about, signature) = local.rsplit_once('.').unwrap();
        let (text, id_signature) = answer
            .message_id
            .split_once('@')
            .unwrap()
            .0
            .rsplit_once('.')
            .unwrap();
        let flipped = |signature: &str| {
            let first = if signature.starts_with('a') { 'b' } else { 'a' };
            format!("{first}{}", &signature[1..])
        };
        let before = entries(&desk, "INC-1");
        let tries = [
            format!("To: {about}.{}@{domain}", flipped(signature)),
            format!("To: {about}.{}@{domain}", &signature[..8]),
            format!("To: {about}.@{domain}"),
            format!("To: {about}@{domain}"),
            format!(
                "In-Reply-To: <{text}.{}@watch.example.org>",
                flipped(id_signature)
            ),
            format!(
                "In-Reply-To: <{text}.{}@watch.example.org>",
                &id_signature[..8]
            ),
            format!("In-Reply-To: <{text}.@watch.example.org>"),
        ];
        for (n, head) in tries.iter().enumerate() {
            let raw = format!(
                "{head}\r\nFrom: {CAROL}\r\nSubject: Re\r\nMessage-ID: <t{n}@contoso.example>\r\n\r\nMore {n}\r\n"
            );
            let taken = deliver(&desk, Some(CAROL), raw.as_bytes());
            assert_eq!(taken.verdict, Some(Verdict::Opened), "{head}");
        }
        assert_eq!(entries(&desk, "INC-1"), before);
        assert_eq!(tickets(&desk), 1 + tries.len());
    }
);

both_databases!(a3_ids_without_a_signature_lead_nowhere, |desk| {
    desk.let_letters_go();
    opened(&desk);
    let before = entries(&desk, "INC-1");
    for (n, id) in [
        "ticket.inc-1@watch.example.org",
        "inc-1@watch.example.org",
        "1@watch.example.org",
    ]
    .iter()
    .enumerate()
    {
        let head = format!(
            "Subject: Re\r\nMessage-ID: <u{n}@contoso.example>\r\nIn-Reply-To: <{id}>\r\nReferences: <{id}>"
        );
        assert_eq!(
            mail(&desk, CAROL, &head, "More").verdict,
            Some(Verdict::Opened),
            "{id}"
        );
    }
    assert_eq!(entries(&desk, "INC-1"), before);
});

both_databases!(
    a4_a_stranger_with_our_own_signed_id_asks_to_join_and_gains_nothing,
    |desk| {
        desk.let_letters_go();
        let answer = opened(&desk);
        take(&desk, "INC-1");
        let before = entries(&desk, "INC-1");
        let head = format!(
            "Cc: friend@evil.example\r\nSubject: Re: [INC-1]\r\nMessage-ID: <m1@evil.example>\r\nIn-Reply-To: <{}>",
            answer.message_id
        );
        let asked = mail(&desk, MALLORY, &head, "Send me everything.");
        assert_eq!(asked.verdict, Some(Verdict::JoinRequest));
        assert_eq!(entries(&desk, "INC-1"), before);
        let watchers = desk
            .app
            .store
            .read(|conn| store::ticket::watchers(conn, ticket(&desk, "INC-1").id));
        assert_eq!(watchers.unwrap().len(), 1, "Carol alone");
        assert!(
            desk.letters()
                .iter()
                .all(|it| it.to.as_str().ends_with("@watch.example.org"))
        );
    }
);

both_databases!(a5_guessing_keys_in_subjects_appends_nothing, |desk| {
    desk.let_letters_go();
    opened(&desk);
    customer(&desk, "Fabrikam", "Frank", "frank@fabrikam.example");
    let before = entries(&desk, "INC-1");
    let [many, fewer] = GUESSES;
    let all = match desk.app.config.database {
        DatabaseUrl::Sqlite(_) => many,
        DatabaseUrl::Postgres(_) => fewer,
    };
    let guesses: Vec<(String, String)> = (0..all)
        .map(|n| {
            let from = if n % 2 == 0 {
                MALLORY
            } else {
                "frank@fabrikam.example"
            };
            // In every third the number is right.
            let key = if n % 3 == 0 { 1 } else { 1_000_000 + n };
            let raw = format!(
                "From: {from}\r\nTo: support@watch.example.org\r\nSubject: Re: [INC-{key}] guess {n}\r\nMessage-ID: <g{n}@evil.example>\r\n\r\nMe too\r\n"
            );
            (from.to_owned(), raw)
        })
        .collect();
    let appended = |verdicts: &[Option<Verdict>]| {
        let joined = verdicts.iter().filter(|it| **it == Some(Verdict::Appended));
        joined.count()
    };
    let ctx = desk.app.system("guesses", Door::Mail);
    let to = ["support@watch.example.org".to_owned()];
    let asked: Vec<Option<Verdict>> = guesses
        .iter()
        .enumerate()
        .filter(|(n, _)| n % 10 != 0)
        .map(|(_, (from, raw))| {
            let letter = watchkeeper::intake::mail::read(raw.as_bytes(), Some(from));
            let found = explain(&ctx, Some(from), &to, raw.as_bytes(), &letter, false);
            found.unwrap().mail.verdict
        })
        .collect();
    assert_eq!((asked.len(), appended(&asked)), (all / 10 * 9, 0));
    let asks = asked.iter().filter(|it| **it == Some(Verdict::JoinRequest));
    assert_eq!(
        asks.count(),
        asked.len() / 3,
        "the right number is found, and is not enough"
    );
    let some: Vec<(String, String)> = guesses.into_iter().step_by(10).collect();
    let taken = deliver_all(&desk, &some);
    let taken: Vec<Option<Verdict>> = taken.iter().map(|it| it.verdict).collect();
    assert_eq!((taken.len(), appended(&taken)), (all / 10, 0));
    assert_eq!(entries(&desk, "INC-1"), before);
});

both_databases!(a6_who_has_no_access_any_more_asks_to_join, |desk| {
    desk.let_letters_go();
    let answer = opened(&desk);
    take(&desk, "INC-1");
    let known = ticket(&desk, "INC-1");
    let (contoso, carol) = (known.customer.unwrap(), known.requester.unwrap());
    let boss = desk.person("Eve", Roles::of(&[Role::Admin, Role::Lead]));
    customers::set_contact_active(&desk.as_person(&boss), contoso, carol, false).unwrap();
    let head = format!(
        "Subject: Re\r\nMessage-ID: <c2@contoso.example>\r\nIn-Reply-To: <{}>",
        answer.message_id
    );
    assert_eq!(
        mail(&desk, CAROL, &head, "More").verdict,
        Some(Verdict::JoinRequest)
    );
});

both_databases!(
    a7_headers_of_our_own_kind_from_outside_steer_nothing,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let names = [
            "X-Watchkeeper-Loop: forged",
            "X-Watchkeeper-Severity: disaster",
            "X-Watchkeeper-Ticket: INC-1",
            "X-Watchkeeper-Owner: ada",
            "X-Watchkeeper-State: closed",
            "RT-Ticket: watch.example.org #1",
            "X-RT-Command: status=resolved",
            "X-RT-Loop-Prevention: watch.example.org",
            "X-Zammad-Ticket-Priority: 3 high",
            "X-OTRS-Queue: Junk",
            "X-OTRS-Ignore: yes",
            "X-Redmine-Issue-Id: 1",
            "X-Priority: 1",
        ];
        let head = format!("{}\r\nSubject: Uplink", names.join("\r\n"));
        let taken = mail(&desk, CAROL, &head, "Down.");
        assert_eq!(
            (taken.verdict, taken.state),
            (Some(Verdict::Opened), MailState::Settled)
        );
        let opened = ticket(&desk, "INC-1");
        assert_eq!(
            opened.severity,
            Some(watchkeeper::domain::severity::Severity::Average)
        );
        assert_eq!((opened.owner, opened.is_open()), (None, true));
    }
);

both_databases!(a8_line_ends_in_names_and_references_add_no_header, |desk| {
    let raw = b"From: =?utf-8?q?M=0D=0ABcc:_evil@x.example?= <m@x.example>\r\nTo: support@watch.example.org\r\nReply-To: =?utf-8?q?M=0ABcc:_evil@x.example?= <r@x.example>\r\nSubject: =?utf-8?q?x=0D=0AX-Evil:_1?=\r\nMessage-ID: <a@x.example>\r\nReferences: <b@x\r\n\tBcc: evil@x.example>\r\n\r\nText\r\n";
    deliver(&desk, Some("m@x.example"), raw);
    for letter in desk.letters() {
        assert_eq!(letter.to.as_str(), "r@x.example");
        let lines = [&letter.subject, &letter.to_name, &letter.from_name];
        assert!(
            lines.iter().all(|line| !line.contains(['\r', '\n'])),
            "{lines:?}"
        );
        assert!(
            letter
                .references
                .iter()
                .all(|id| !id.contains(char::is_whitespace))
        );
    }
});

both_databases!(a9_marked_mail_is_never_answered, |desk| {
    contoso(&desk);
    takes_mail(&desk, "support@watch.example.org", |_| {});
    for (n, mark) in [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated",
        "Precedence: bulk",
        "Precedence: junk",
        "Precedence: list",
        "List-Id: <x.example>",
        "List-Unsubscribe: <mailto:u@x.example>",
        "X-Auto-Response-Suppress: All",
        "X-Autoreply: yes",
    ]
    .iter()
    .enumerate()
    {
        mail(
            &desk,
            CAROL,
            &format!("{mark}\r\nSubject: Case {n}"),
            &format!("Text {n}"),
        );
        assert!(desk.letters().is_empty(), "{mark}");
    }
    deliver(
        &desk,
        Some(""),
        b"From: carol@contoso.example\r\nSubject: x\r\n\r\nText\r\n",
    );
    deliver(
        &desk,
        Some(CAROL),
        b"From: support@watch.example.org\r\nSubject: y\r\n\r\nText\r\n",
    );
    assert!(
        desk.letters()
            .iter()
            .all(|it| it.to.as_str() != "support@watch.example.org")
    );
});

both_databases!(a11_what_the_senders_domain_says_is_shown, |desk| {
    let desk = vouched_for(desk);
    desk.let_letters_go();
    let served = Served::new(&desk.app);
    let eve = browser(&desk, &served);
    for (n, (verdict, shown)) in [
        ("fail", "forged, says the sender"),
        ("none", "not verified"),
    ]
    .iter()
    .enumerate()
    {
        let head = format!("{}\r\nSubject: Case {n}", says(verdict));
        let taken = mail(&desk, "ada@watch.example.org", &head, "severity: disaster");
        let page = eve.get(&format!("/mail/in/{}", taken.id)).text;
        assert!(page.contains(shown), "{verdict}\n{page}");
        // So does the ticket that it opened.
        let room = eve.get(&format!("/INC-{}", n + 1)).text;
        assert!(room.contains(UNVERIFIED), "{verdict}\n{room}");
        assert_eq!(room.contains(DISOWNED), *verdict == "fail", "{room}");
    }
});

both_databases!(
    a12_a_refusal_at_the_door_says_nothing_of_the_house,
    |desk| {
        desk.let_letters_go();
        opened(&desk);
        // Whatever becomes of it, its sender hears of nothing but a number, and of that only if a ticket was opened.
        for (n, raw) in [
            "From: m@evil.example\r\nSubject: Re: [INC-1]\r\n\r\nx\r\n",
            "From: m@evil.example\r\nSubject: Re: [INC-999]\r\n\r\ny\r\n",
        ]
        .iter()
        .enumerate()
        {
            deliver(&desk, Some("m@evil.example"), raw.as_bytes());
            for letter in desk.letters() {
                let all = format!("{}{}", letter.subject, letter.text);
                assert!(
                    !all.contains("Uplink") && !all.contains("Contoso"),
                    "{n} {all}"
                );
            }
        }
    }
);

#[test]
fn a13_nothing_of_a_mail_is_ever_given_to_a_shell() {
    for folder in [
        "src/actions",
        "src/intake",
        "src/listen",
        "src/outbound",
        "src/jobs",
        "src/domain",
        "src/http",
    ] {
        let mut folders = vec![std::path::PathBuf::from(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                // What git is asked for are addresses that an admin typed, and never a mail's.
                if path.is_dir() {
                    if path != std::path::Path::new("src/intake/git") {
                        folders.push(path);
                    }
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(
                    !text.contains("Command::new"),
                    "{} starts a program",
                    path.display()
                );
            }
        }
    }
}

/// An HTML mail, and its page as we show it.
fn shown(desk: &Desk, visitor: &Visitor, n: usize, html: &str) -> (String, String) {
    let raw = format!(
        "From: m@evil.example\r\nSubject: <b>{n}</b>\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n"
    );
    let taken = deliver(desk, Some("m@evil.example"), raw.as_bytes());
    let page = visitor.get(&format!("/mail/in/{}/html", taken.id)).text;
    let key = desk
        .app
        .store
        .read(|conn| store::ticket::by_id(conn, taken.ticket.unwrap()));
    let room = visitor.get(&format!("/{}", key.unwrap().unwrap().key)).text;
    (page.to_lowercase(), room)
}

both_databases!(
    b1_b2_b5_b14_no_mail_runs_anything_styles_anything_or_fetches_anything,
    |desk| {
        desk.let_letters_go();
        let served = Served::new(&desk.app);
        let eve = browser(&desk, &served);
        for (n, html) in [
            "<script>alert(1)</script>seen",
            "<scr<script>ipt>alert(1)</scr</script>ipt>seen",
            "<img src=x onerror=alert(1)>seen",
            "<a href=\"java\tscript:alert(1)\">seen</a>",
            "<a href=\" javascript:alert(1)\">seen</a>",
            "<a href=\"data:text/html,<script>alert(1)</script>\">seen</a>",
            "<svg onload=alert(1)><!-- --!><script>alert(1)</script></svg>seen",
            "<math><annotation-xml encoding=\"text/html\"><style><img src=x onerror=alert(1)></style></annotation-xml></math>seen",
            "<form action=http://track.example><input name=a><button>x</button></form>seen",
            "<iframe src=http://track.example></iframe>seen",
            "<object data=http://track.example/a.pdf></object>seen",
            "<img src=http://track.example/pixel.gif width=1>seen",
            "<div style=\"background:url(http://track.example/a)\">seen</div>",
            "<link rel=stylesheet href=http://track.example/a.css>seen",
            "<base href=http://track.example/><meta http-equiv=refresh content=\"0;url=http://track.example\">seen",
            "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">seen",
            "<table background=http://track.example/a><tr><td>seen</table>",
        ]
        .iter()
        .enumerate()
        {
            let (page, room) = shown(&desk, &eve, n, html);
            assert!(page.contains("seen"), "{html}\n{page}");
            for hidden in ["<script", "onerror=", "onload=", "javascript:", "<svg", "<math", "<form", "<iframe", "<object", "<base", "<meta http", "<link", "style=", "track.example/pixel", "track.example/a"] {
                assert!(!page.contains(hidden), "{hidden} of {html}\n{page}");
            }
            assert!(!room.contains("<script>alert") && !room.contains("onerror=alert(1)>"), "{html}");
        }
    }
);

both_databases!(
    b6_b9_b10_b13_names_sets_and_texts_of_others_are_only_text,
    |desk| {
        desk.let_letters_go();
        let served = Served::new(&desk.app);
        let eve = browser(&desk, &served);
        let long = "n".repeat(4_000);
        let names = [
            ".htaccess".to_owned(),
            "a.pht".to_owned(),
            "../../etc/passwd".to_owned(),
            "gpj.\u{202e}exe.txt".to_owned(),
            "nul\u{0}name.txt".to_owned(),
            "<img src=x onerror=alert(1)>.txt".to_owned(),
            format!("{long}.log"),
        ];
        let mut raw = "From: \"<script>alert(1)</script>\" <m@evil.example>\r\nSubject: <script>alert(1)</script>\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-32\r\n\r\nseen\r\n".to_owned();
        for name in &names {
            raw.push_str(&format!("--x\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\r\n{name}\r\n"));
        }
        raw.push_str("--x--\r\n");
        let taken = deliver(&desk, Some("m@evil.example"), raw.as_bytes());
        assert_eq!(taken.verdict, Some(Verdict::Opened));
        let files = desk
            .app
            .store
            .read(|conn| store::blob::attachments(conn, taken.ticket.unwrap()))
            .unwrap();
        assert_eq!(files.len(), names.len());
        for file in &files {
            let name = &file.name;
            assert!(
                name.len() <= 200 && !name.contains(['/', '\\', '\0', '\u{202e}']),
                "{name}"
            );
        }
        for place in [
            "/INC-1".to_owned(),
            format!("/mail/in/{}", taken.id),
            "/queue".to_owned(),
            "/mail/in".to_owned(),
        ] {
            let page = eve.get(&place).text;
            assert!(
                !page.contains("<script>alert") && !page.contains("<img src=x"),
                "{place}\n{page}"
            );
        }
        // Text that looks like addresses, and burns no time.
        let began = std::time::Instant::now();
        let urls = "http://".repeat(20_000) + &"a@".repeat(20_000) + &"www.".repeat(20_000);
        let taken = mail(&desk, "m@evil.example", "Subject: urls", &urls);
        assert_eq!(taken.verdict, Some(Verdict::Opened));
        assert_eq!(eve.get("/INC-2").status, 200);
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
    }
);

both_databases!(b8_nothing_is_unpacked, |desk| {
    desk.let_letters_go();
    // The beginning of a zip that says it holds four gigabytes.
    let bomb = "UEsDBBQAAAAIAAAAIQAAAAAA/////////wEAAABh";
    let raw = format!(
        "From: m@evil.example\r\nSubject: zip\r\nContent-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n{bomb}\r\n"
    );
    let taken = deliver_to(
        &desk,
        Some("m@evil.example"),
        &["support@watch.example.org"],
        raw.as_bytes(),
    );
    let files = desk
        .app
        .store
        .read(|conn| store::blob::attachments(conn, taken.ticket.unwrap()))
        .unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!((files[0].name.as_str(), files[0].size_bytes), ("a.zip", 30));
});
