//! Mail to a relay, into a folder, or into memory for tests.
//!
//! The SMTP dialogue is driven step by step rather than through a transport, because only the step tells what an error means:
//! before the last byte of the text nothing was handed over and trying again is safe; between that byte and the relay's
//! answer the outcome is unknown, and is reported as such. Blocking: it runs on the delivery threads.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::address::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, Message, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};

use super::Signing;
use crate::domain::outgoing::{Handover, OutgoingMail};
use crate::domain::text::EmailAddress;

/// Longest wait for any single answer of the relay.
const PATIENCE: Duration = Duration::from_secs(30);
/// Connections kept open between mails.
const IDLE: usize = 4;

/// Where mail goes.
pub enum Mailer {
    /// No relay is configured: everything waits, and every page of the web says so.
    Nowhere,
    Relay(Relay, Signing),
    /// One file per mail, for development.
    Folder(PathBuf, Signing),
    /// Kept in memory, with the answer to give next; for tests.
    Recorded(Recorder),
}

impl Mailer {
    pub fn send(&self, mail: &OutgoingMail) -> Handover {
        match self {
            Mailer::Nowhere => Handover::Deferred("no relay is configured".to_owned()),
            Mailer::Relay(relay, signing) => handed(mail, signing, |bytes| relay.send(mail, bytes)),
            Mailer::Folder(folder, signing) => {
                handed(mail, signing, |bytes| write_file(folder, mail, bytes))
            }
            Mailer::Recorded(recorder) => recorder.take(mail),
        }
    }

    /// The size of mails that the relay announced when it was last called, 0 for none; `None` as long as it wasn't.
    pub fn announced_size(&self) -> Option<i64> {
        match self {
            Mailer::Nowhere | Mailer::Folder(..) => None,
            Mailer::Relay(relay, _) => relay.announced_size(),
            Mailer::Recorded(recorder) => recorder.announced_size(),
        }
    }

    /// Calls a relay that wasn't called yet, so that it is known what it takes. One that doesn't answer says so when a mail is handed over.
    pub fn get_to_know(&self) {
        if let Mailer::Relay(relay, _) = self
            && relay.announced_size().is_none()
            && let Ok(connection) = relay.connection()
        {
            relay.ask_size(connection);
        }
    }

    /// Whether anything could be sent at all.
    pub const fn is_somewhere(&self) -> bool {
        !matches!(self, Mailer::Nowhere)
    }
}

/// Remembers mails, and fails as told.
#[derive(Default)]
pub struct Recorder {
    sent: Mutex<Vec<OutgoingMail>>,
    answers: Mutex<Vec<Handover>>,
    always: Mutex<Option<Handover>>,
    announced: Mutex<Option<i64>>,
}

impl Recorder {
    /// Everything that was accepted or went missing since the last call, in order.
    pub fn drain(&self) -> Vec<OutgoingMail> {
        std::mem::take(&mut self.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the next mail is answered with; without one it is accepted.
    pub fn answer_next(&self, answer: Handover) {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(answer);
    }

    /// What every mail is answered with that has no answer of its own; `None`: it is accepted.
    pub fn answer_all(&self, answer: Option<Handover>) {
        *self.always.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// The size of mails that it announces, as a relay does.
    pub fn announce(&self, size: i64) {
        *self
            .announced
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(size);
    }

    fn announced_size(&self) -> Option<i64> {
        *self
            .announced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, mail: &OutgoingMail) -> Handover {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = if answers.is_empty() {
            let always = self.always.lock().unwrap_or_else(PoisonError::into_inner);
            let accepted = || Handover::Accepted("250 recorded".to_owned());
            always.clone().unwrap_or_else(accepted)
        } else {
            answers.remove(0)
        };
        if matches!(answer, Handover::Accepted(_) | Handover::Unsure(_)) {
            self.sent
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(mail.clone());
        }
        answer
    }
}

/// Makes the mail's bytes, signed if they are to be, and hands them on.
fn handed(
    mail: &OutgoingMail,
    signing: &Signing,
    hand_on: impl FnOnce(&[u8]) -> Handover,
) -> Handover {
    let mut message = match message(mail) {
        Ok(message) => message,
        Err(why) => return Handover::Refused(why),
    };
    match signing {
        Signing::Off => {}
        // The last thing that is done to it.
        Signing::By(signer) => {
            if let Err(why) = signer.sign(&mut message) {
                return Handover::Deferred(why);
            }
        }
        Signing::Broken(why) => return Handover::Deferred(format!("`dkim_key`: {why}")),
    }
    hand_on(&message.formatted())
}

fn write_file(folder: &Path, mail: &OutgoingMail, bytes: &[u8]) -> Handover {
    let name: String = mail
        .message_id
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || ".-".contains(*c))
        .collect();
    let place = folder.join(format!("{}-{name}.eml", mail.dated_at.micros()));
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&place, bytes));
    match written {
        Ok(()) => Handover::Accepted(format!("written to {}", place.display())),
        Err(error) => Handover::Deferred(format!("{}: {error}", place.display())),
    }
}

/// A mail server that takes our mail.
pub struct Relay {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    hello: ClientId,
    idle: Mutex<Vec<SmtpConnection>>,
    /// The size of mails that it announced last, 0 for none; negative as long as it wasn't called.
    announced: AtomicI64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    /// TLS from the first byte.
    Wrapped,
    /// STARTTLS, and nothing without it: a password would cross the network.
    Required,
    /// STARTTLS where it is offered. Whoever could forge the certificate could as well hide the offer: it isn't looked at.
    Offered,
}

impl Relay {
    /// Reads `smtp://host:25`, `smtp://user:password@host:587`, `smtps://user:password@host`. `hello` is our own host name.
    pub fn parse(url: &str, hello: &str) -> Result<Self, String> {
        let (wrapped, rest) = match url.split_once("://") {
            Some(("smtp", rest)) => (false, rest),
            Some(("smtps", rest)) => (true, rest),
            _ => return Err("a relay begins with smtp:// or smtps://".to_owned()),
        };
        let rest = rest.trim_end_matches('/');
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') && !port.contains(']') => (
                host,
                port.parse().map_err(|_| format!("`{port}` is no port"))?,
            ),
            _ => (place, if wrapped { 465 } else { 25 }),
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err("a relay needs a host".to_owned());
        }
        let credentials = login.map(|login| {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            Credentials::new(user.to_owned(), password.to_owned())
        });
        let is_here = matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1");
        let security = match (wrapped, &credentials) {
            (true, _) => Security::Wrapped,
            (false, Some(_)) if !is_here => Security::Required,
            (false, _) => Security::Offered,
        };
        let hello = ClientId::Domain(hello.to_owned());
        Ok(Self {
            host,
            port,
            security,
            credentials,
            hello,
            idle: Mutex::new(Vec::new()),
            announced: AtomicI64::new(-1),
        })
    }

    fn send(&self, mail: &OutgoingMail, bytes: &[u8]) -> Handover {
        let mut connection = match self.connection() {
            Ok(connection) => connection,
            Err(error) => return Handover::Deferred(error.to_string()),
        };
        let outcome = self.dialogue(&mut connection, mail, bytes);
        if matches!(&outcome, Handover::Refused(why) if why.contains("552")) {
            // Too large, perhaps: what it takes is asked anew.
            self.announced.store(-1, Ordering::Relaxed);
        }
        match outcome {
            Handover::Accepted(_) | Handover::Refused(_) | Handover::Deferred(_)
                if !connection.has_broken() =>
            {
                self.keep(connection);
            }
            _ => connection.abort(),
        }
        outcome
    }

    fn keep(&self, connection: SmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(connection);
        }
    }

    /// Asks what it takes. Of the first greeting the transport keeps less than it says; to greet again is allowed at any time. A relay that
    /// doesn't like it isn't asked again.
    fn ask_size(&self, mut connection: SmtpConnection) {
        let greeting = connection.command(Ehlo::new(self.hello.clone()));
        let size = greeting
            .as_ref()
            .ok()
            .and_then(|it| it.message().find_map(size_in));
        self.announced.store(size.unwrap_or(0), Ordering::Relaxed);
        match greeting {
            Ok(_) => self.keep(connection),
            Err(_) => connection.abort(),
        }
    }

    fn announced_size(&self) -> Option<i64> {
        let size = self.announced.load(Ordering::Relaxed);
        (size >= 0).then_some(size)
    }

    fn dialogue(
        &self,
        connection: &mut SmtpConnection,
        mail: &OutgoingMail,
        bytes: &[u8],
    ) -> Handover {
        let own = mail.bounces_to.as_ref();
        let mut opened = envelope(connection, own.unwrap_or(&mail.from), mail);
        if own.is_some() && matches!(opened, Err(Handover::Refused(_))) {
            // Some relays let nobody send as any other address than the one that they know: a bounce then says less, and the mail
            // leaves.
            opened = envelope(connection, &mail.from, mail);
        }
        if let Err(outcome) = opened {
            return outcome;
        }
        let handed = match in_one_piece(bytes) {
            Some(text) => connection.command(text),
            None => connection.message(bytes),
        };
        match handed {
            Ok(response) => Handover::Accepted(one_line(&format!(
                "{} {}",
                response.code(),
                response.first_line().unwrap_or_default()
            ))),
            Err(error) if error.is_permanent() => Handover::Refused(one_line(&error.to_string())),
            Err(error) if error.is_transient() => Handover::Deferred(one_line(&error.to_string())),
            Err(error) => {
                connection.abort();
                Handover::Unsure(one_line(&error.to_string()))
            }
        }
    }

    fn connection(&self) -> Result<SmtpConnection, lettre::transport::smtp::Error> {
        loop {
            let idle = self
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop();
            match idle {
                // A relay closes idle connections; ask before relying on one.
                Some(mut connection) => {
                    if connection.test_connected() {
                        return Ok(connection);
                    }
                    connection.abort();
                }
                None => return self.connect(),
            }
        }
    }

    fn connect(&self) -> Result<SmtpConnection, lettre::transport::smtp::Error> {
        let takes_any = self.security == Security::Offered;
        let tls = TlsParameters::builder(self.host.clone())
            .dangerous_accept_invalid_certs(takes_any)
            .dangerous_accept_invalid_hostnames(takes_any)
            .build_rustls()?;
        let wrapped = (self.security == Security::Wrapped).then_some(&tls);
        let dial = || {
            let place = (self.host.as_str(), self.port);
            SmtpConnection::connect(place, Some(PATIENCE), &self.hello, wrapped, None)
        };
        let mut connection = dial()?;
        match self.security {
            Security::Wrapped => {}
            Security::Required => connection.starttls(&tls, &self.hello)?,
            // A relay that offers what it can't do gets the mail as one that offers nothing.
            Security::Offered => {
                if connection.can_starttls() && connection.starttls(&tls, &self.hello).is_err() {
                    connection.abort();
                    connection = dial()?;
                }
            }
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials)?;
        }
        Ok(connection)
    }
}

/// The largest mail, in bytes, that a line of a greeting announces (RFC 1870); 0 or no number: no limit of its own.
fn size_in(line: &str) -> Option<i64> {
    let mut words = line.split_whitespace();
    let is_size = words.next()?.eq_ignore_ascii_case("SIZE");
    is_size.then(|| words.next().and_then(|size| size.parse().ok()).unwrap_or(0))
}

/// A letter as it goes over the line, up to the dot that ends it. Written in two pieces, as the transport does it, the dot waits on the
/// line until the other side has acknowledged the rest: 40 ms of nothing for each letter, measured against Linux. `None` for what is no
/// text, which we don't write.
fn in_one_piece(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let first = if text.starts_with('.') { "." } else { "" };
    Some(format!(
        "{first}{}\r\n.\r\n",
        text.replace("\r\n.", "\r\n..")
    ))
}

/// Names the sender and the recipient, up to where the text may begin; or says what became of it. Nothing is handed over yet.
fn envelope(
    connection: &mut SmtpConnection,
    sender: &EmailAddress,
    mail: &OutgoingMail,
) -> Result<(), Handover> {
    let (Ok(from), Ok(to)) = (
        sender.as_str().parse::<Address>(),
        mail.to.as_str().parse::<Address>(),
    ) else {
        return Err(Handover::Refused(format!(
            "`{sender}` or `{}` is no address that SMTP knows",
            mail.to
        )));
    };
    let mut parameters = Vec::new();
    if !sender.as_str().is_ascii() || !mail.to.as_str().is_ascii() {
        if !connection
            .server_info()
            .supports_feature(Extension::SmtpUtfEight)
        {
            return Err(Handover::Refused(format!(
                "the relay doesn't take international addresses such as `{}`",
                mail.to
            )));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    let steps = [
        Mail::new(Some(from), parameters).to_string(),
        Rcpt::new(to, Vec::new()).to_string(),
        Data.to_string(),
    ];
    for step in steps {
        if let Err(error) = connection.command(step) {
            let outcome = before_handover(&error);
            // A refused step leaves the dialogue open; start the next mail afresh, or not at all.
            if error.status().is_none() || connection.command(Rset).is_err() {
                connection.abort();
            }
            return Err(outcome);
        }
    }
    Ok(())
}

/// Nothing was handed over yet: a permanent answer is final, anything else may be tried again.
fn before_handover(error: &lettre::transport::smtp::Error) -> Handover {
    let why = one_line(&error.to_string());
    if error.is_permanent() {
        Handover::Refused(why)
    } else {
        Handover::Deferred(why)
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(500)
        .collect()
}

/// The mail's bytes, not signed.
pub fn bytes(mail: &OutgoingMail) -> Result<Vec<u8>, String> {
    message(mail).map(|message| message.formatted())
}

/// CR and LF in a name or subject become blanks: no header line can be smuggled in.
fn message(mail: &OutgoingMail) -> Result<Message, String> {
    let mailbox = |name: &str, address: &str| {
        let address: Address = address
            .parse()
            .map_err(|error| format!("`{address}`: {error}"))?;
        Ok::<_, String>(Mailbox::new(
            Some(one_line(name)).filter(|name| !name.is_empty()),
            address,
        ))
    };
    let angle = |id: &String| format!("<{}>", one_line(id));
    let dated = std::time::UNIX_EPOCH + Duration::from_micros(mail.dated_at.micros().max(0) as u64);
    let mut builder = Message::builder()
        .from(mailbox(&mail.from_name, mail.from.as_str())?)
        .to(mailbox(&mail.to_name, mail.to.as_str())?)
        .subject(one_line(&mail.subject))
        .message_id(Some(angle(&mail.message_id)))
        .date(dated);
    if let Some(reply_to) = &mail.reply_to {
        builder = builder.reply_to(mailbox(&mail.from_name, reply_to)?);
    }
    if let Some(id) = &mail.in_reply_to {
        builder = builder.in_reply_to(angle(id));
    }
    if !mail.references.is_empty() {
        builder = builder.references(
            mail.references
                .iter()
                .map(angle)
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    for (name, value) in &mail.headers {
        let name =
            HeaderName::new_from_ascii((*name).to_owned()).map_err(|error| error.to_string())?;
        builder = builder.raw_header(HeaderValue::new(name, one_line(value)));
    }
    let message = if mail.html.is_none() && mail.calendar.is_none() && mail.files.is_empty() {
        builder.singlepart(SinglePart::plain(mail.text.clone()))
    } else {
        builder.multipart(parts(mail)?)
    };
    message.map_err(|error| error.to_string())
}

fn parts(mail: &OutgoingMail) -> Result<MultiPart, String> {
    let mut alternatives =
        MultiPart::alternative().singlepart(SinglePart::plain(mail.text.clone()));
    if let Some(html) = &mail.html {
        alternatives = alternatives.singlepart(SinglePart::html(html.clone()));
    }
    if let Some(calendar) = &mail.calendar {
        let kind = format!("text/calendar; charset=utf-8; method={}", calendar.method);
        let kind = ContentType::parse(&kind).map_err(|error| error.to_string())?;
        alternatives = alternatives.singlepart(
            SinglePart::builder()
                .header(kind)
                .body(calendar.text.clone()),
        );
    }
    if mail.files.is_empty() && mail.calendar.is_none() {
        return Ok(alternatives);
    }
    let mut mixed = MultiPart::mixed().multipart(alternatives);
    if let Some(calendar) = &mail.calendar {
        // Some programs only look at attachments.
        let kind = ContentType::parse("application/ics").map_err(|error| error.to_string())?;
        mixed = mixed
            .singlepart(Attachment::new("invite.ics".to_owned()).body(calendar.text.clone(), kind));
    }
    for file in &mail.files {
        let kind = ContentType::parse(&file.media_type)
            .or_else(|_| ContentType::parse("application/octet-stream"))
            .map_err(|error| error.to_string())?;
        mixed =
            mixed.singlepart(Attachment::new(one_line(&file.name)).body(file.bytes.clone(), kind));
    }
    Ok(mixed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::timestamp::Timestamp;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};

    fn mail() -> OutgoingMail {
        OutgoingMail {
            bounces_to: None,
            message_id: "wk1.inc-1.abc@desk.example".to_owned(),
            from: EmailAddress::parse("support@desk.example").unwrap(),
            from_name: "Desk".to_owned(),
            to: EmailAddress::parse("ada@customer.example").unwrap(),
            to_name: "Ada\r\nBcc: evil@x.example".to_owned(),
            reply_to: Some("support+inc-1.abc@desk.example".to_owned()),
            subject: "[INC-1] Uplink döwn\r\nBcc: evil@x.example".to_owned(),
            text: "Hello\n.\nBye".to_owned(),
            html: None,
            in_reply_to: Some("a@customer.example".to_owned()),
            references: vec!["a@customer.example".to_owned()],
            headers: vec![("Auto-Submitted", "auto-replied".to_owned())],
            calendar: None,
            files: Vec::new(),
            dated_at: Timestamp::parse_rfc3339("2026-11-21T03:07:09Z").unwrap(),
        }
    }

    #[test]
    fn a_mail_is_threaded_marked_and_cannot_be_given_further_headers() {
        let text = String::from_utf8(bytes(&mail()).unwrap()).unwrap();
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        for line in [
            "Message-ID: <wk1.inc-1.abc@desk.example>",
            "In-Reply-To: <a@customer.example>",
            "References: <a@customer.example>",
            "Auto-Submitted: auto-replied",
            "Date: Sat, 21 Nov 2026 03:07:09 +0000",
        ] {
            assert!(head.lines().any(|found| found == line), "{line}\n{head}");
        }
        assert!(
            !head
                .lines()
                .any(|line| line.to_lowercase().starts_with("bcc:")),
            "{head}"
        );
    }

    #[test]
    fn an_invitation_carries_its_method() {
        let calendar = crate::domain::outgoing::Calendar {
            method: "REQUEST".to_owned(),
            text: "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n".to_owned(),
        };
        let text = String::from_utf8(
            bytes(&OutgoingMail {
                calendar: Some(calendar),
                ..mail()
            })
            .unwrap(),
        )
        .unwrap();
        assert!(
            text.contains("text/calendar") && text.contains("method=REQUEST"),
            "{text}"
        );
        assert!(text.contains("filename=\"invite.ics\""), "{text}");
    }

    #[test]
    fn relays_are_read_and_passwords_never_cross_in_the_clear() {
        let read = |url| {
            Relay::parse(url, "desk.example")
                .map(|relay| (relay.host.clone(), relay.port, relay.security))
        };
        assert_eq!(
            read("smtp://relay").unwrap(),
            ("relay".to_owned(), 25, Security::Offered)
        );
        assert_eq!(
            read("smtp://u:p@relay:587").unwrap(),
            ("relay".to_owned(), 587, Security::Required)
        );
        assert_eq!(
            read("smtps://u:p@x@relay").unwrap(),
            ("relay".to_owned(), 465, Security::Wrapped)
        );
        assert!(read("relay").is_err() && read("smtp://").is_err() && read("smtp://a:b").is_err());
    }

    /// Says each line of a script and hears what is said to it.
    fn scripted(stream: TcpStream, script: &[&str]) -> (BufReader<TcpStream>, Vec<String>) {
        let mut heard = Vec::new();
        let mut lines = BufReader::new(stream);
        for answer in script {
            write!(lines.get_mut(), "{answer}\r\n").unwrap();
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            heard.push(line.trim_end().to_owned());
        }
        (lines, heard)
    }

    #[test]
    fn what_is_offered_is_taken_also_without_a_password_and_what_fails_costs_no_mail() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let relay = Relay::parse(&format!("smtp://127.0.0.1:{port}"), "desk.example").unwrap();
        let offers = "250-x\r\n250 STARTTLS";
        let far = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let (mut lines, first) = scripted(stream, &["220 x", offers]);
            // What follows the consent is the greeting of TLS: a record of the handshake.
            write!(lines.get_mut(), "220 go\r\n").unwrap();
            let mut record = [0];
            lines.read_exact(&mut record).unwrap();
            drop(lines);
            let (stream, _) = listener.accept().unwrap();
            let (_open, second) = scripted(stream, &["220 x", offers, "250 x", "250 x"]);
            (first, record, second)
        });
        let mail = mail();
        let sent = relay.send(&mail, &bytes(&mail).unwrap());
        let (first, record, second) = far.join().unwrap();
        assert_eq!(first, ["EHLO desk.example", "STARTTLS"]);
        assert_eq!(record, [22]);
        assert!(second[1].starts_with("MAIL FROM:"), "{second:?} {sent:?}");
    }

    /// A relay that answers each command with the next line of a script; an empty line hangs up.
    fn relay(script: &'static [&'static str]) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut stream = stream;
            let mut in_text = false;
            let mut script = script.iter();
            for answer in script.by_ref() {
                if answer.is_empty() {
                    return;
                }
                write!(stream, "{answer}\r\n").unwrap();
                in_text = in_text || answer.starts_with("354");
                for line in lines.by_ref() {
                    let Ok(line) = line else { return };
                    if !in_text || line == "." {
                        break;
                    }
                }
            }
        });
        Relay::parse(&format!("smtp://127.0.0.1:{port}"), "desk.example").unwrap()
    }

    #[test]
    fn a_letter_leaves_in_one_piece_and_no_line_of_it_ends_it() {
        for (text, line) in [
            ("a\r\nb", "a\r\nb\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n\r\n.\r\n"),
            (".a\r\n..b\r\n.", "..a\r\n...b\r\n..\r\n.\r\n"),
            ("a.\r\nb .", "a.\r\nb .\r\n.\r\n"),
            ("\r\n.", "\r\n..\r\n.\r\n"),
        ] {
            assert_eq!(in_one_piece(text.as_bytes()).unwrap(), line, "{text:?}");
        }
        assert_eq!(in_one_piece(b"\xff"), None);
    }

    #[test]
    fn what_a_relay_takes_is_read_from_its_greeting() {
        for (line, size) in [
            ("SIZE 35882577", Some(35_882_577)),
            ("size 1000", Some(1_000)),
            ("SIZE", Some(0)),
            ("SIZE 0", Some(0)),
            ("SIZE many", Some(0)),
            ("PIPELINING", None),
            ("SIZES 5", None),
            ("", None),
        ] {
            assert_eq!(size_in(line), size, "{line}");
        }
    }

    #[test]
    fn the_step_that_failed_says_what_is_known() {
        let send = |script| {
            let mail = mail();
            relay(script).send(&mail, &bytes(&mail).unwrap())
        };
        assert!(
            matches!(send(&["220 x", "250 x", "250 x", "250 x", "354 x", "250 2.0.0 queued as 7"]), Handover::Accepted(why) if why.contains("queued as 7"))
        );
        assert!(matches!(
            send(&["220 x", "250 x", "250 x", "550 5.1.1 who?", "250 x"]),
            Handover::Refused(_)
        ));
        // A relay that lets nobody send as another address gets the plain one.
        let as_another = OutgoingMail {
            bounces_to: Some(EmailAddress::parse("watch+b1.x@desk.example").unwrap()),
            ..mail()
        };
        let script = &[
            "220 x",
            "250 x",
            "250 x",
            "550 5.7.60 not as this one",
            "250 x",
            "250 x",
            "250 x",
            "354 x",
            "250 2.0.0 taken",
        ];
        let sent = relay(script).send(&as_another, &bytes(&as_another).unwrap());
        assert!(matches!(sent, Handover::Accepted(_)), "{sent:?}");
        let script = &[
            "220 x",
            "250 x",
            "250 x",
            "550 5.1.1 who?",
            "250 x",
            "250 x",
            "550 5.1.1 who?",
            "250 x",
        ];
        let sent = relay(script).send(&as_another, &bytes(&as_another).unwrap());
        assert!(matches!(sent, Handover::Refused(_)), "{sent:?}");
        assert!(matches!(
            send(&["220 x", "250 x", "451 later", "250 x"]),
            Handover::Deferred(_)
        ));
        assert!(matches!(
            send(&["220 x", "250 x", "250 x", "250 x", ""]),
            Handover::Deferred(_)
        ));
        assert!(matches!(
            send(&["220 x", "250 x", "250 x", "250 x", "354 x", "552 big"]),
            Handover::Refused(_)
        ));
        assert!(matches!(
            send(&["220 x", "250 x", "250 x", "250 x", "354 x", ""]),
            Handover::Unsure(_)
        ));
        assert!(matches!(send(&["554 no"]), Handover::Deferred(_)));
    }
}
