//! One SMTP or LMTP dialogue as a machine: bytes in, answers and events out. No socket, no clock, no store.
//!
//! It never answers `250` for a text by itself: the listener stores it first and then says how that went, by
//! [`Session::settle`]. LMTP (RFC 2033) answers once per recipient, SMTP once.
//! The text ends at `CRLF . CRLF` and nowhere else, so that a bare LF can't smuggle a second mail in.

use smtp_proto::request::receiver::{
    BdatReceiver, DataReceiver, DummyDataReceiver, RequestReceiver,
};
use smtp_proto::{Error as ProtoError, Request};

/// Which dialect is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Smtp,
    Lmtp,
}

/// What one dialogue may do.
#[derive(Debug, Clone)]
pub struct Rules {
    pub dialect: Dialect,
    /// Our name in greetings.
    pub host: String,
    /// Largest text, in bytes.
    pub limit_bytes: usize,
    pub offers_tls: bool,
}

/// Recipients of one mail: what a person would never reach, a program gone wrong would.
const RECIPIENTS: usize = 1_000;
/// Commands that weren't understood before we hang up.
const MISTAKES: usize = 20;

/// Bytes of `.CRLF` that the receiver holds before it knows that they end the text.
const END_MARK: usize = 3;

/// A mail that was taken in whole, and not yet stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Empty: the null return path.
    pub from: String,
    pub to: Vec<String>,
    pub raw: Vec<u8>,
}

/// What the listener has to do next.
#[derive(Debug)]
pub enum Event {
    /// Store it, then call [`Session::settle`].
    Mail(Taken),
    /// Answer is written; shake hands, then call [`Session::encrypted`].
    StartTls,
    /// Answer is written; close.
    Close,
}

/// How storing went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    Yes,
    /// `451`: the sender keeps it and tries again.
    NotNow,
    /// `452`: no room.
    NoRoom,
}

enum State {
    Command(RequestReceiver),
    Text(DataReceiver),
    Chunk(BdatReceiver),
    /// The text is too big: it is read to its end and dropped, then refused.
    TooBig(DummyDataReceiver, bool),
}

pub struct Session {
    rules: Rules,
    state: State,
    is_encrypted: bool,
    hello: Option<String>,
    from: Option<String>,
    to: Vec<String>,
    text: Vec<u8>,
    /// A BDAT sequence is open, or was too big.
    chunked: bool,
    overflowed: bool,
    /// Recipients of the mail that is being stored.
    unsettled: usize,
    mistakes: usize,
}

impl Session {
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            state: State::Command(RequestReceiver::default()),
            is_encrypted: false,
            hello: None,
            from: None,
            to: Vec::new(),
            text: Vec::new(),
            chunked: false,
            overflowed: false,
            unsettled: 0,
            mistakes: 0,
        }
    }

    pub const fn dialect(&self) -> Dialect {
        self.rules.dialect
    }

    /// The first line that the listener writes.
    pub fn greeting(&self) -> String {
        let name = match self.rules.dialect {
            Dialect::Smtp => "ESMTP",
            Dialect::Lmtp => "LMTP",
        };
        format!("220 {} {name} Watchkeeper\r\n", self.rules.host)
    }

    /// The connection is encrypted now: everything said before counts for nothing (RFC 3207).
    pub fn encrypted(&mut self) {
        self.is_encrypted = true;
        self.hello = None;
        self.reset();
        self.state = State::Command(RequestReceiver::default());
    }

    /// Consumes `bytes` until something has to be done; `None`: all consumed, read more. Answers are appended to `out`.
    pub fn feed(&mut self, bytes: &mut &[u8], out: &mut Vec<u8>) -> Option<Event> {
        while !bytes.is_empty() {
            if let Some(event) = self.step(bytes, out) {
                return Some(event);
            }
        }
        None
    }

    fn step(&mut self, bytes: &mut &[u8], out: &mut Vec<u8>) -> Option<Event> {
        let mut iter = bytes.iter();
        match &mut self.state {
            State::Command(receiver) => {
                let request = receiver.ingest(&mut iter).map(Request::into_owned);
                *bytes = iter.as_slice();
                match request {
                    Ok(request) => return self.obey(request, out),
                    // It keeps what it has seen and has consumed everything.
                    Err(ProtoError::NeedsMoreData { .. }) => *bytes = &[],
                    Err(error) => return self.mistake(&error, out),
                }
            }
            State::Text(receiver) => {
                // The end mark stands in the text for a moment; one byte more is enough to know that it doesn't fit.
                let most = self.rules.limit_bytes + END_MARK;
                let room = most.saturating_sub(self.text.len());
                let piece = &bytes[..bytes.len().min(room + 1)];
                let mut iter = piece.iter();
                let done = receiver.ingest(&mut iter, &mut self.text);
                let consumed = piece.len() - iter.as_slice().len();
                *bytes = &bytes[consumed..];
                if done {
                    self.overflowed = self.text.len() > self.rules.limit_bytes;
                    return self.taken(out);
                }
                if self.text.len() > most {
                    self.text = Vec::new();
                    self.state = State::TooBig(DummyDataReceiver::new_data(receiver), true);
                }
            }
            State::Chunk(receiver) => {
                let done = receiver.ingest(&mut iter, &mut self.text);
                let is_last = receiver.is_last;
                *bytes = iter.as_slice();
                if done {
                    self.state = State::Command(RequestReceiver::default());
                    if is_last {
                        return self.taken(out);
                    }
                    answer(out, "250 2.0.0 go on");
                }
            }
            State::TooBig(receiver, ends) => {
                let done = receiver.ingest(&mut iter);
                let ends = *ends;
                *bytes = iter.as_slice();
                if done {
                    self.state = State::Command(RequestReceiver::default());
                    self.overflowed = true;
                    if ends {
                        self.refuse_size(out);
                    } else {
                        answer(out, "250 2.0.0 go on");
                    }
                }
            }
        }
        None
    }

    fn refuse_size(&mut self, out: &mut Vec<u8>) {
        let times = match self.rules.dialect {
            Dialect::Smtp => 1,
            Dialect::Lmtp => self.to.len().max(1),
        };
        for _ in 0..times {
            answer(
                out,
                &format!("552 5.3.4 message exceeds {} bytes", self.rules.limit_bytes),
            );
        }
        self.reset();
    }

    fn taken(&mut self, out: &mut Vec<u8>) -> Option<Event> {
        self.state = State::Command(RequestReceiver::default());
        if self.overflowed {
            self.refuse_size(out);
            return None;
        }
        let taken = Taken {
            from: self.from.clone().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            raw: std::mem::take(&mut self.text),
        };
        self.unsettled = match self.rules.dialect {
            Dialect::Smtp => 1,
            Dialect::Lmtp => taken.to.len(),
        };
        Some(Event::Mail(taken))
    }

    /// Answers for the mail that was handed out last.
    pub fn settle(&mut self, stored: Stored, out: &mut Vec<u8>) {
        for _ in 0..std::mem::take(&mut self.unsettled) {
            answer(
                out,
                match stored {
                    Stored::Yes => "250 2.0.0 stored",
                    Stored::NotNow => "451 4.3.0 not stored, try again later",
                    Stored::NoRoom => "452 4.3.1 not enough room, try again later",
                },
            );
        }
        self.reset();
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
        self.text = Vec::new();
        self.chunked = false;
        self.overflowed = false;
    }

    fn mistake(&mut self, error: &ProtoError, out: &mut Vec<u8>) -> Option<Event> {
        self.mistakes += 1;
        if self.mistakes > MISTAKES {
            answer(out, "421 4.7.0 too many mistakes, good-bye");
            return Some(Event::Close);
        }
        answer(
            out,
            match error {
                ProtoError::InvalidSenderAddress => "501 5.1.7 that is no sender address",
                ProtoError::InvalidRecipientAddress => "501 5.1.3 that is no recipient address",
                ProtoError::ResponseTooLong => "500 5.5.6 line too long",
                ProtoError::InvalidParameter { .. } | ProtoError::SyntaxError { .. } => {
                    "501 5.5.4 parameters not understood"
                }
                ProtoError::UnsupportedParameter { .. } => "555 5.5.4 parameter not supported",
                ProtoError::UnknownCommand
                | ProtoError::NeedsMoreData { .. }
                | ProtoError::InvalidResponse { .. } => "500 5.5.1 command not understood",
            },
        );
        None
    }

    fn obey(&mut self, request: Request<String>, out: &mut Vec<u8>) -> Option<Event> {
        match request {
            Request::Ehlo { host } if self.rules.dialect == Dialect::Smtp => {
                self.greet(host, true, out)
            }
            Request::Helo { host } if self.rules.dialect == Dialect::Smtp => {
                self.greet(host, false, out)
            }
            Request::Lhlo { host } if self.rules.dialect == Dialect::Lmtp => {
                self.greet(host, true, out)
            }
            Request::Ehlo { .. } | Request::Helo { .. } => {
                answer(out, "500 5.5.1 this is LMTP: say LHLO")
            }
            Request::Lhlo { .. } => answer(out, "500 5.5.1 this is SMTP: say EHLO"),
            Request::Mail { from } => self.mail(from.address, from.size, out),
            Request::Rcpt { to } => self.recipient(to.address, out),
            Request::Data => self.data(out),
            Request::Bdat {
                chunk_size,
                is_last,
            } => return self.chunk(chunk_size, is_last, out),
            Request::Rset => {
                self.reset();
                answer(out, "250 2.0.0 forgotten");
            }
            Request::Noop { .. } => answer(out, "250 2.0.0 still here"),
            Request::Quit => {
                answer(out, "221 2.0.0 good-bye");
                return Some(Event::Close);
            }
            Request::StartTls if self.rules.offers_tls && !self.is_encrypted => {
                answer(out, "220 2.0.0 go ahead");
                return Some(Event::StartTls);
            }
            Request::Vrfy { .. } | Request::Expn { .. } => answer(out, "252 2.1.5 send and see"),
            Request::Help { .. } => answer(out, "214 2.0.0 mail becomes tickets here"),
            Request::StartTls
            | Request::Auth { .. }
            | Request::Etrn { .. }
            | Request::Atrn { .. }
            | Request::Burl { .. } => answer(out, "502 5.5.1 not offered"),
        }
        None
    }

    fn greet(&mut self, host: String, extended: bool, out: &mut Vec<u8>) {
        self.reset();
        self.hello = Some(host);
        if !extended {
            return answer(out, &format!("250 {}", self.rules.host));
        }
        let mut lines = vec![
            self.rules.host.clone(),
            "PIPELINING".to_owned(),
            format!("SIZE {}", self.rules.limit_bytes),
            "8BITMIME".to_owned(),
            "SMTPUTF8".to_owned(),
            "ENHANCEDSTATUSCODES".to_owned(),
            "CHUNKING".to_owned(),
        ];
        if self.rules.offers_tls && !self.is_encrypted {
            lines.push("STARTTLS".to_owned());
        }
        let last = lines.len() - 1;
        for (at, line) in lines.iter().enumerate() {
            answer(
                out,
                &format!("250{}{line}", if at == last { ' ' } else { '-' }),
            );
        }
    }

    fn mail(&mut self, address: String, size: usize, out: &mut Vec<u8>) {
        if self.hello.is_none() {
            return answer(out, "503 5.5.1 greet first");
        }
        if self.from.is_some() {
            return answer(out, "503 5.5.1 one sender at a time");
        }
        if size > self.rules.limit_bytes {
            return answer(
                out,
                &format!("552 5.3.4 message exceeds {} bytes", self.rules.limit_bytes),
            );
        }
        self.from = Some(address);
        answer(out, "250 2.1.0 sender ok");
    }

    fn recipient(&mut self, address: String, out: &mut Vec<u8>) {
        if self.from.is_none() {
            return answer(out, "503 5.5.1 MAIL first");
        }
        if self.to.len() >= RECIPIENTS {
            return answer(
                out,
                "452 4.5.3 too many recipients, send the rest in another mail",
            );
        }
        if address.is_empty() {
            return answer(out, "501 5.1.3 that is no recipient address");
        }
        self.to.push(address);
        answer(out, "250 2.1.5 recipient ok");
    }

    fn data(&mut self, out: &mut Vec<u8>) {
        if self.chunked {
            return answer(out, "503 5.5.1 finish the chunks first");
        }
        if self.to.is_empty() {
            return answer(out, "503 5.5.1 RCPT first");
        }
        let mut receiver = DataReceiver::new();
        // The receiver knows a line's beginning by the line end before it: the command's own.
        let mut unused = Vec::new();
        receiver.ingest(&mut b"\r\n".iter(), &mut unused);
        self.text = Vec::new();
        self.state = State::Text(receiver);
        answer(out, "354 end with <CRLF>.<CRLF>");
    }

    fn chunk(&mut self, size: usize, is_last: bool, out: &mut Vec<u8>) -> Option<Event> {
        // The chunk comes whatever we answer: it has to be read.
        let fits =
            self.text.len().saturating_add(size) <= self.rules.limit_bytes && !self.overflowed;
        if self.to.is_empty() {
            answer(out, "503 5.5.1 RCPT first");
            if size > 0 {
                // Without recipients there is no place for its bytes, and no telling them from commands.
                return Some(Event::Close);
            }
            return None;
        }
        self.chunked = true;
        if !fits {
            self.overflowed = true;
            self.text = Vec::new();
        }
        if size == 0 {
            if is_last {
                return self.taken(out);
            }
            answer(out, "250 2.0.0 go on");
        } else if fits {
            self.state = State::Chunk(BdatReceiver::new(size, is_last));
        } else {
            self.state = State::TooBig(DummyDataReceiver::new_bdat(size), is_last);
        }
        None
    }
}

fn answer(out: &mut Vec<u8>, line: &str) {
    out.extend_from_slice(line.as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(dialect: Dialect) -> Session {
        Session::new(Rules {
            dialect,
            host: "desk.example".to_owned(),
            limit_bytes: 100,
            offers_tls: false,
        })
    }

    /// Speaks `said` in pieces of `piece` bytes; the answers' codes and the mails that were taken.
    fn speak(dialect: Dialect, said: &str, piece: usize, stored: Stored) -> (String, Vec<Taken>) {
        let mut session = session(dialect);
        let (mut out, mut mails) = (Vec::new(), Vec::new());
        'talk: for part in said.as_bytes().chunks(piece) {
            let mut bytes = part;
            while let Some(event) = session.feed(&mut bytes, &mut out) {
                match event {
                    Event::Mail(mail) => {
                        mails.push(mail);
                        session.settle(stored, &mut out);
                    }
                    Event::Close | Event::StartTls => break 'talk,
                }
            }
        }
        let text = String::from_utf8(out).unwrap();
        let codes: Vec<&str> = text
            .lines()
            .filter(|line| line.as_bytes()[3] == b' ')
            .map(|line| &line[..3])
            .collect();
        (codes.join(" "), mails)
    }

    #[test]
    fn a_pipelined_mail_is_taken_however_it_is_cut() {
        let said = "EHLO c\r\nMAIL FROM:<a@b.example> SIZE=20\r\nRCPT TO:<support@desk.example>\r\nRCPT TO:<x@desk.example>\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n";
        for piece in [1, 2, 3, 7, 1_000] {
            let (codes, mails) = speak(Dialect::Smtp, said, piece, Stored::Yes);
            assert_eq!(codes, "250 250 250 250 354 250 221", "{piece}");
            assert_eq!(mails.len(), 1);
            assert_eq!(mails[0].raw, b"Subject: x\r\n\r\n.dot\r\n");
            assert_eq!(
                (mails[0].from.as_str(), mails[0].to.len()),
                ("a@b.example", 2)
            );
        }
    }

    #[test]
    fn lmtp_answers_for_each_recipient_and_never_with_250_before_it_is_stored() {
        let said = "LHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n.\r\nMAIL FROM:<c@d.example>\r\n";
        let (codes, mails) = speak(Dialect::Lmtp, said, 1_000, Stored::NotNow);
        assert_eq!(codes, "250 250 250 250 354 451 451 250");
        assert_eq!(
            (mails[0].from.as_str(), mails[0].raw.as_slice()),
            ("", &b""[..])
        );
        let (codes, _) = speak(Dialect::Lmtp, "EHLO c\r\n", 9, Stored::Yes);
        assert_eq!(codes, "500");
    }

    #[test]
    fn a_big_text_is_read_to_its_end_and_refused() {
        let said = format!(
            "EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<s@d.example>\r\nDATA\r\n{}\r\n.\r\nNOOP\r\nMAIL FROM:<a@b.example> SIZE=101\r\n",
            "x".repeat(500)
        );
        for piece in [1, 64, 10_000] {
            let (codes, mails) = speak(Dialect::Smtp, &said, piece, Stored::Yes);
            assert_eq!(
                (codes.as_str(), mails.len()),
                ("250 250 250 354 552 250 552", 0),
                "{piece}"
            );
        }
        // Exactly the limit fits.
        let said = format!(
            "EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<s@d.example>\r\nDATA\r\n{}\r\n.\r\n",
            "x".repeat(98)
        );
        assert_eq!(speak(Dialect::Smtp, &said, 10_000, Stored::Yes).1.len(), 1);
    }

    #[test]
    fn chunks_make_one_text() {
        let said = "EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<s@d.example>\r\nBDAT 5\r\nab\r\n.BDAT 2 LAST\r\ncdQUIT\r\n";
        let (codes, mails) = speak(Dialect::Smtp, said, 1_000, Stored::Yes);
        assert_eq!(codes, "250 250 250 250 250 221");
        assert_eq!(mails[0].raw, b"ab\r\n.cd");
        let big = format!(
            "EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<s@d.example>\r\nBDAT 200\r\n{}BDAT 1 LAST\r\nxNOOP\r\n",
            "x".repeat(200)
        );
        let (codes, mails) = speak(Dialect::Smtp, &big, 33, Stored::Yes);
        assert_eq!(
            (codes.as_str(), mails.len()),
            ("250 250 250 250 552 250", 0)
        );
    }

    #[test]
    fn a_bare_line_feed_smuggles_nothing_and_order_is_kept() {
        let said = "EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<s@d.example>\r\nDATA\r\nx\n.\nMAIL FROM:<evil@x.example>\r\n.\r\n";
        let (_, mails) = speak(Dialect::Smtp, said, 1_000, Stored::Yes);
        assert_eq!(mails.len(), 1);
        assert!(mails[0].raw.starts_with(b"x\n.\nMAIL FROM"));
        for (said, codes) in [
            ("MAIL FROM:<a@b.example>\r\n", "503"),
            ("EHLO c\r\nRCPT TO:<a@b.example>\r\n", "250 503"),
            ("EHLO c\r\nDATA\r\n", "250 503"),
            ("EHLO c\r\nSTARTTLS\r\nAUTH PLAIN AAAA\r\n", "250 502 502"),
            ("GIBBERISH\r\nNOOP\r\n", "500 250"),
        ] {
            assert_eq!(
                speak(Dialect::Smtp, said, 1_000, Stored::Yes).0,
                codes,
                "{said}"
            );
        }
        let (codes, _) = speak(Dialect::Smtp, &"WHAT\r\n".repeat(100), 1_000, Stored::Yes);
        assert!(codes.ends_with("421"), "{codes}");
    }
}
