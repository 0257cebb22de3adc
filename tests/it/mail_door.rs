//! The listener's socket as a mail server meets it: a database that is away, a mail that is too large, a line that is encrypted midway,
//! addresses and texts beyond ASCII.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use tokio_rustls::TlsAcceptor;
use watchkeeper::domain::intake::{Verdict, Way};
use watchkeeper::domain::outgoing::{Handover, OutgoingMail};
use watchkeeper::domain::text::EmailAddress;
use watchkeeper::listen::session::Dialect;
use watchkeeper::listen::smtp::{self, Listener};
use watchkeeper::outbound::Signing;
use watchkeeper::outbound::mail::{Mailer, Relay};

use crate::both_databases;
use crate::desk::{Desk, On};
use crate::imap::ledger;
use crate::mail::{contoso, ticket, tickets};
use crate::mail_server::dovecot;

/// The desk's listener on a free port, until it is dropped.
pub(crate) struct Listening {
    pub(crate) port: u16,
    stop: tokio::sync::watch::Sender<bool>,
    runtime: Option<tokio::runtime::Runtime>,
    serving: Option<tokio::task::JoinHandle<()>>,
}

impl Listening {
    pub(crate) fn at(desk: &Desk, dialect: Dialect) -> Self {
        Self::with(desk, dialect, None)
    }

    fn with(desk: &Desk, dialect: Dialect, tls: Option<TlsAcceptor>) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let socket = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let socket = socket.expect("a free port");
        let port = socket.local_addr().expect("an address").port();
        let (stop, stops) = tokio::sync::watch::channel(false);
        let serving = runtime.spawn(smtp::serve(
            Arc::clone(&desk.app),
            vec![Listener { socket, dialect }],
            "watch.example.org".to_owned(),
            tls,
            stops,
        ));
        Self {
            port,
            stop,
            runtime: Some(runtime),
            serving: Some(serving),
        }
    }

    /// Says these lines and returns what was answered, until the other side hangs up.
    pub(crate) fn say(&self, lines: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.write_all(lines.as_bytes()).expect("it reads");
        let mut said = Vec::new();
        stream.read_to_end(&mut said).expect("it answers");
        String::from_utf8_lossy(&said).into_owned()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let (Some(runtime), Some(serving)) = (self.runtime.take(), self.serving.take()) {
            let _ = runtime.block_on(serving);
        }
    }
}

/// One mail from Carol, and the end of the talk.
pub(crate) fn one_mail(hello: &str, parameters: &str, raw: &str) -> String {
    format!(
        "{hello} x\r\nMAIL FROM:<carol@contoso.example>{parameters}\r\nRCPT TO:<support@watch.example.org>\r\nDATA\r\n{raw}\r\n.\r\nQUIT\r\n"
    )
}

#[test]
fn e01_while_the_database_is_away_its_sender_keeps_a_mail_and_brings_it_again() {
    let desk = Desk::new(On::Postgres);
    desk.let_letters_go();
    let listening = Listening::at(&desk, Dialect::Lmtp);
    let mail = one_mail(
        "LHLO",
        "",
        "From: carol@contoso.example\r\nSubject: Uplink\r\n\r\nDown.",
    );
    let away = crate::mail_spool::Away::new(&desk);
    let said = listening.say(&mail);
    assert!(said.contains("451 4.3.0 "), "{said}");
    assert!(!said.contains("250 2.0.0 stored"), "{said}");
    drop(away);
    let said = listening.say(&mail);
    assert!(said.contains("250 2.0.0 stored"), "{said}");
    desk.settle();
    assert_eq!((ledger(&desk).len(), tickets(&desk)), (1, 1));
}

both_databases!(
    e02_a_mail_above_the_limit_is_refused_and_the_next_goes_on,
    |mut desk| {
        desk.let_letters_go();
        Arc::get_mut(&mut desk.app).unwrap().config.mail_limit_bytes = 10_000;
        let listening = Listening::at(&desk, Dialect::Smtp);
        let small = "From: carol@contoso.example\r\nSubject: Small\r\n\r\nx";
        // Announced, it is refused before a byte of it is sent.
        let said =
            listening.say("EHLO x\r\nMAIL FROM:<carol@contoso.example> SIZE=10001\r\nQUIT\r\n");
        assert!(
            said.contains("250-SIZE 10000") || said.contains("250 SIZE 10000"),
            "{said}"
        );
        assert!(said.contains("552 5.3.4 "), "{said}");
        // Not announced, it is read to its end and refused; what follows on the line is taken.
        let large = format!(
            "Subject: Large\r\n\r\n{}",
            "x".repeat(70).repeat(2).to_string() + "\r\n" + &"y\r\n".repeat(5_000)
        );
        let first = one_mail("EHLO", "", &large).replace("QUIT\r\n", "");
        let second = one_mail("RSET\r\nNOOP", "", small);
        let said = listening.say(&(first + &second));
        assert!(said.contains("552 5.3.4 "), "{said}");
        assert!(said.contains("250 2.0.0 stored"), "{said}");
        desk.settle();
        assert_eq!(ticket(&desk, "INC-1").title.as_str(), "Small");
        assert_eq!(tickets(&desk), 1);
    }
);

#[test]
fn a_line_that_is_encrypted_midway_carries_mail_and_forgets_what_was_said_in_the_clear() {
    let desk = Desk::new(On::Sqlite);
    desk.let_letters_go();
    let folder = &dovecot().folder;
    let tls = watchkeeper::tls::read(&folder.join("cert.pem"), &folder.join("key.pem")).unwrap();
    let tls = TlsAcceptor::from(Arc::new(tls));
    let listening = Listening::with(&desk, Dialect::Smtp, Some(tls));
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-starttls", "smtp"])
        .args([
            "-connect",
            &format!("localhost:{}", listening.port),
            "-servername",
            "localhost",
        ])
        .arg("-CAfile")
        .arg(folder.join("ca.pem"))
        .args(["-verify_return_error", "-verify_hostname", "localhost"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl runs (Debian's package `openssl`)");
    let mail = one_mail(
        "EHLO",
        "",
        "From: carol@contoso.example\r\nSubject: Sealed\r\n\r\nx",
    );
    let mut stdin = client.stdin.take().unwrap();
    // A line of its own each: `s_client` takes a leading Q or R for itself.
    stdin
        .write_all(
            mail.replace("QUIT\r\n", "quit\r\n")
                .replace("RCPT", "rcpt")
                .as_bytes(),
        )
        .unwrap();
    let mut said = String::new();
    client
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    drop(stdin);
    client.wait().unwrap();
    assert!(said.contains("250 2.0.0 stored"), "{said}");
    // Once encrypted, it isn't offered again.
    assert!(!said.contains("STARTTLS\r\n250"), "{said}");
    desk.settle();
    assert_eq!(ticket(&desk, "INC-1").title.as_str(), "Sealed");

    // What stands behind STARTTLS in the clear would be taken for encrypted: it is forgotten.
    let mut stream = TcpStream::connect(("127.0.0.1", listening.port)).unwrap();
    stream
        .write_all(b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<eve@evil.example>\r\n")
        .unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("220 2.0.0 "), "{said}");
    assert!(
        !said.contains("sender ok") && said.matches("250 2.1.0").count() == 0,
        "{said}"
    );
}

/// A way to this port by another, and what is said that way.
fn overheard(port: u16) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let way = TcpListener::bind("127.0.0.1:0").unwrap();
    let by = way.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    std::thread::spawn(move || {
        let (mut near, _) = way.accept().unwrap();
        let mut far = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (mut from_far, mut to_near) = (far.try_clone().unwrap(), near.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from_far, &mut to_near));
        let mut said = [0; 4_096];
        while let Ok(len @ 1..) = near.read(&mut said) {
            hears.lock().unwrap().extend_from_slice(&said[..len]);
            far.write_all(&said[..len]).unwrap();
        }
        let _ = far.shutdown(std::net::Shutdown::Both);
    });
    (by, heard)
}

#[test]
fn a_letter_of_ours_goes_encrypted_to_a_relay_that_offers_it_also_without_a_password() {
    let desk = Desk::new(On::Sqlite);
    desk.let_letters_go();
    let folder = &dovecot().folder;
    // Signed by nobody whom the world knows, as relays on a network of one's own are.
    let tls = watchkeeper::tls::read(&folder.join("cert.pem"), &folder.join("key.pem")).unwrap();
    let tls = TlsAcceptor::from(Arc::new(tls));
    for (tls, is_sealed) in [(Some(tls), true), (None, false)] {
        let listening = Listening::with(&desk, Dialect::Smtp, tls);
        let (port, heard) = overheard(listening.port);
        let relay = Relay::parse(&format!("smtp://127.0.0.1:{port}"), "desk.example").unwrap();
        let letter = OutgoingMail {
            bounces_to: None,
            message_id: format!("{is_sealed}@desk.example"),
            from: EmailAddress::parse("desk@desk.example").unwrap(),
            from_name: "Desk".to_owned(),
            to: EmailAddress::parse("support@watch.example.org").unwrap(),
            to_name: String::new(),
            reply_to: None,
            subject: format!("Sealed: {is_sealed}"),
            text: "Hello".to_owned(),
            html: None,
            in_reply_to: None,
            references: Vec::new(),
            headers: Vec::new(),
            calendar: None,
            files: Vec::new(),
            dated_at: desk.now(),
        };
        let mailer = Mailer::Relay(relay, Signing::Off);
        // What it takes is asked, and known from then on; the line is used for the mail.
        assert_eq!(mailer.announced_size(), None);
        mailer.get_to_know();
        let limit = i64::try_from(desk.app.config.mail_limit_bytes).unwrap();
        assert_eq!(mailer.announced_size(), Some(limit));
        let sent = mailer.send(&letter);
        assert!(matches!(sent, Handover::Accepted(_)), "{sent:?}");
        desk.settle();
        let taken = ledger(&desk);
        assert!(taken.iter().any(|it| it.subject == letter.subject));
        let heard = String::from_utf8_lossy(&heard.lock().unwrap()).into_owned();
        assert_eq!(heard.contains("STARTTLS\r\n"), is_sealed, "{heard}");
        assert_eq!(heard.contains("MAIL FROM"), !is_sealed, "{heard}");
    }
}

both_databases!(
    addresses_and_texts_beyond_ascii_are_taken_as_they_are,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let listening = Listening::at(&desk, Dialect::Smtp);
        let mail = "EHLO x\r\nMAIL FROM:<jörg@bücher.example> BODY=8BITMIME SMTPUTF8\r\nRCPT TO:<support@watch.example.org>\r\nDATA\r\nFrom: Jörg <jörg@bücher.example>\r\nSubject: Störung äöü 🔥\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nDie Tür klemmt.\r\n.\r\nQUIT\r\n";
        let said = listening.say(mail);
        assert!(
            said.contains("SMTPUTF8") && said.contains("8BITMIME"),
            "{said}"
        );
        assert!(said.contains("250 2.0.0 stored"), "{said}");
        desk.settle();
        let taken = ledger(&desk).remove(0);
        assert_eq!(
            (taken.way, taken.verdict),
            (Way::Smtp, Some(Verdict::Opened))
        );
        assert_eq!(taken.envelope_from.as_deref(), Some("jörg@bücher.example"));
        assert_eq!(ticket(&desk, "INC-1").title.as_str(), "Störung äöü 🔥");
    }
);
