//! A relay at the other end of a line: a mail server on a port of its own that can be away, and that can hang up where it hurts.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use mail_parser::{Message, MessageParser};
use watchkeeper::outbound::Post;

use crate::desk::Desk;

/// Where the line breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The recipient was named, nothing is handed over yet.
    BeforeText,
    /// In the middle of the text.
    WithinText,
    /// The whole text is here, and taken; its sender never hears so.
    BeforeAnswer,
}

#[derive(Default)]
struct Mood {
    is_away: bool,
    /// For the next letter to this address.
    breaks: Option<(String, Break)>,
    taken: Vec<Taken>,
    calls: usize,
}

/// A letter that came whole.
#[derive(Debug, Clone)]
pub struct Taken {
    pub to: String,
    pub subject: String,
    pub message_id: String,
    pub is_urgent: bool,
    pub text: String,
}

pub struct FarRelay {
    mood: Arc<Mutex<Mood>>,
}

impl FarRelay {
    /// The desk's mail goes there from now on.
    pub fn of(desk: &mut Desk) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let mood = Arc::new(Mutex::new(Mood::default()));
        let shared = Arc::clone(&mood);
        std::thread::spawn(move || {
            for line in listener.incoming().map_while(Result::ok) {
                let mood = Arc::clone(&shared);
                std::thread::spawn(move || answer(line, &mood));
            }
        });
        let app = Arc::get_mut(&mut desk.app).expect("nobody else holds it yet");
        app.config.smtp_relay = Some(format!("smtp://127.0.0.1:{port}"));
        app.post = Post::of(&app.config);
        Self { mood }
    }

    /// Hangs up on everybody, or takes what comes.
    pub fn is_away(&self, is_away: bool) {
        self.mood.lock().unwrap().is_away = is_away;
    }

    /// Hangs up on the next letter to this address, once.
    pub fn breaks(&self, to: &str, at: Break) {
        self.mood.lock().unwrap().breaks = Some((to.to_owned(), at));
    }

    /// What came whole since the last time somebody looked, in its order.
    pub fn taken(&self) -> Vec<Taken> {
        std::mem::take(&mut self.mood.lock().unwrap().taken)
    }

    /// How often somebody called since the last time somebody looked.
    pub fn calls(&self) -> usize {
        std::mem::take(&mut self.mood.lock().unwrap().calls)
    }
}

/// One line, until either side hangs up.
fn answer(mut line: TcpStream, mood: &Mutex<Mood>) {
    let is_away = {
        let mut mood = mood.lock().unwrap();
        mood.calls += 1;
        mood.is_away
    };
    if is_away {
        return;
    }
    let Ok(heard) = line.try_clone() else { return };
    let mut heard = BufReader::new(heard);
    // In one piece: in two, the second waits for the first to be acknowledged.
    let mut say = move |text: &str| line.write_all(format!("{text}\r\n").as_bytes()).is_ok();
    let mut to = String::new();
    let mut command = String::new();
    say("220 relay");
    loop {
        command.clear();
        if heard.read_line(&mut command).unwrap_or(0) == 0 || mood.lock().unwrap().is_away {
            return;
        }
        let breaks = |to: &str, at: Break| {
            let mut mood = mood.lock().unwrap();
            let is_now = mood.breaks.as_ref() == Some(&(to.to_owned(), at));
            if is_now {
                mood.breaks = None;
            }
            is_now
        };
        if let Some(rest) = command.strip_prefix("RCPT TO:<") {
            to = rest.split('>').next().unwrap_or_default().to_owned();
            if breaks(&to, Break::BeforeText) {
                return;
            }
        } else if command.starts_with("DATA") {
            say("354 go on");
            let is_cut = breaks(&to, Break::WithinText);
            let Some(text) = text(&mut heard, is_cut) else {
                return;
            };
            let taken = read(&to, &text);
            let is_unheard = breaks(&to, Break::BeforeAnswer);
            mood.lock().unwrap().taken.push(taken);
            if is_unheard {
                return;
            }
        }
        if !say("250 ok") {
            return;
        }
    }
}

/// The text up to its final dot; `None` if the line breaks before.
fn text(heard: &mut BufReader<TcpStream>, is_cut: bool) -> Option<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if heard.read_line(&mut line).unwrap_or(0) == 0 || is_cut {
            return None;
        }
        if line == ".\r\n" {
            return Some(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

fn read(to: &str, raw: &str) -> Taken {
    let mail: Message<'_> = MessageParser::default()
        .parse(raw.as_bytes())
        .expect("a mail");
    Taken {
        to: to.to_owned(),
        subject: mail.subject().unwrap_or_default().to_owned(),
        message_id: mail.message_id().unwrap_or_default().to_owned(),
        is_urgent: mail.header_raw("X-Priority").is_some(),
        text: mail.body_text(0).unwrap_or_default().into_owned(),
    }
}
