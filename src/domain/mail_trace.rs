//! What a mail's lesser traces tell: whether a relay of ours vouches for its sender, which thread it hangs in, whose number it
//! carries, and whom an enclosed mail is from. None of them joins a mail to a ticket by itself.

use super::id::TicketKey;
use super::letter::{Letter, MESSAGE_ID_BYTES, bare_subject, subject_keys};
use super::seal::Seal;
use super::text::EmailAddress;

/// Header lines that only some mails have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traces {
    /// `Authentication-Results`, as written, topmost first.
    pub authentication: Vec<String>,
    /// Outlook's `Thread-Index`.
    pub thread_index: Option<String>,
    /// `X-Original-From`: the author, where a list wrote itself into From.
    pub original_from: Option<EmailAddress>,
    /// `Return-Path`, without `<>`: the envelope's sender, where whoever delivered it wrote that down.
    pub return_path: Option<String>,
    /// How many servers wrote `Received`.
    pub hops: usize,
}

/// What our own relay says of the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// An aligned DMARC pass: whoever wrote it may write as this address.
    Proven,
    /// Nobody looked, or nothing could be said.
    Unproven,
    /// DMARC failed.
    Refuted,
}

/// Reads the topmost result of `relay` and no other: a sender can write any header, but not above what our relay puts there.
pub fn proof(traces: &Traces, relay: Option<&str>, from: Option<&EmailAddress>) -> Proof {
    let (Some(relay), Some(from)) = (relay, from) else {
        return Proof::Unproven;
    };
    let plain = |value: &String| without_comments(value);
    let own = traces.authentication.iter().map(plain).find(|value| {
        let authority = value.split([';', ' ', '\t']).next().unwrap_or_default();
        authority.eq_ignore_ascii_case(relay)
    });
    let Some(own) = own else {
        return Proof::Unproven;
    };
    for result in own.split(';').skip(1) {
        let mut words = result.split_whitespace();
        let verdict = match words.next().and_then(|word| word.split_once('=')) {
            Some((method, verdict)) if method.eq_ignore_ascii_case("dmarc") => verdict,
            _ => continue,
        };
        let domain = words
            .filter_map(|word| word.split_once('='))
            .find(|(name, _)| name.eq_ignore_ascii_case("header.from"))
            .map(|(_, domain)| domain.trim_matches('"'));
        let is_theirs = domain.is_some_and(|domain| domain.eq_ignore_ascii_case(from.domain()));
        return match verdict.to_ascii_lowercase().as_str() {
            "pass" if is_theirs => Proof::Proven,
            "fail" => Proof::Refuted,
            _ => Proof::Unproven,
        };
    }
    Proof::Unproven
}

fn without_comments(value: &str) -> String {
    let mut depth = 0usize;
    let mut plain = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            _ if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain.trim().to_owned()
}

/// Bytes of a `Thread-Index` that all mails of one conversation have in common.
const CONVERSATION_BYTES: usize = 22;

/// What other mails of the same thread would have in common with this one, besides ids of ours: the ids it answers, the thread's
/// root and its last one, and Outlook's conversation.
pub fn thread_marks(seal: &Seal, letter: &Letter) -> Vec<String> {
    let ids = letter
        .in_reply_to
        .iter()
        .take(3)
        .chain(letter.references.first())
        .chain(letter.references.last());
    let mut marks: Vec<String> = Vec::new();
    for id in ids {
        let is_ours = seal.made(id) || seal.read_message_id(id).is_some();
        let mark = format!("id:{id}");
        if !is_ours && id.len() <= MESSAGE_ID_BYTES && !marks.contains(&mark) {
            marks.push(mark);
        }
    }
    // In base 64 that is 29 characters and a third: the next one also holds bits of what follows.
    let conversation = letter
        .traces
        .thread_index
        .as_deref()
        .filter(|index| index.is_ascii())
        .and_then(|index| index.get(..CONVERSATION_BYTES * 8 / 6));
    marks.extend(conversation.map(|text| format!("conversation:{text}")));
    marks
}

/// Numbers of another system's tickets in a subject: `[ABC-12]` and `(ABC-12)` as trackers write them, and `CS0012345`. A bare
/// `ABC-12` may be an order or a machine, and `[#4711]` anything.
pub fn foreign_numbers(subject: &str) -> Vec<String> {
    let mut numbers = Vec::new();
    for word in subject.split_whitespace() {
        let bare = word.trim_matches(['[', ']', '(', ')', ':', ',', '.', ';']);
        let is_enclosed = word.starts_with(['[', '(']) && word.contains([']', ')']);
        let is_number = (is_enclosed && is_tracker_number(bare)) || is_long_number(bare);
        if is_number && bare.parse::<TicketKey>().is_err() && !numbers.iter().any(|n| n == bare) {
            numbers.push(bare.to_owned());
        }
    }
    numbers.truncate(3);
    numbers
}

fn is_tracker_number(word: &str) -> bool {
    word.split_once('-').is_some_and(|(project, digits)| {
        (2..=10).contains(&project.len())
            && project.starts_with(|c: char| c.is_ascii_uppercase())
            && project
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
            && (1..=9).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

fn is_long_number(word: &str) -> bool {
    let letters = word.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = &word[letters..];
    (2..=8).contains(&letters)
        && (7..=10).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
}

/// A reply under a subject of its own: neither a reply prefix nor a key of ours, and not what the ticket is called.
pub fn is_new_topic(subject: &str, title: &str) -> bool {
    let bare = bare_subject(subject);
    let has_prefix = bare.len() != subject.trim().len();
    let (bare, title) = (bare.to_lowercase(), title.to_lowercase());
    !has_prefix
        && !bare.is_empty()
        && subject_keys(subject).is_empty()
        && !bare.contains(&title)
        && !title.contains(&bare)
}

/// Whether the subject says that the mail was forwarded.
pub fn is_forward(subject: &str) -> bool {
    let head = subject
        .split_once([':', '：'])
        .map(|(head, _)| head.trim().to_lowercase());
    head.is_some_and(|head| FORWARDS.contains(&head.as_str()))
}

const FORWARDS: &[&str] = &[
    "fwd", "fw", "wg", "tr", "rv", "enc", "vs", "vb", "i", "pd", "转发", "轉寄", "転送",
];

/// Names of the From line above a forwarded mail, as mail programs write them.
const FROM_LINES: &[&str] = &[
    "from",
    "von",
    "de",
    "da",
    "van",
    "från",
    "fra",
    "od",
    "lähettäjä",
    "от",
    "发件人",
    "寄件者",
    "差出人",
];
/// Names of its subject line, which tell such a block from a sentence with a colon.
const SUBJECT_LINES: &[&str] = &[
    "subject",
    "betreff",
    "objet",
    "asunto",
    "oggetto",
    "onderwerp",
    "assunto",
    "ämne",
    "emne",
    "temat",
    "předmět",
    "aihe",
    "тема",
    "主题",
    "主旨",
    "件名",
];

/// Who wrote the mail that this text forwards: as written, and the address.
pub fn forwarded_author(text: &str) -> Option<(String, EmailAddress)> {
    const BLOCK: usize = 8;
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.trim_start_matches(['>', ' ', '*']).trim())
        .collect();
    let value_of = |line: &str, names: &[&str]| {
        let (name, value) = line.split_once([':', '：'])?;
        let name = name.trim_matches(['*', ' ']).to_lowercase();
        names
            .contains(&name.as_str())
            .then(|| value.trim_matches(['*', ' ']).to_owned())
    };
    for (at, line) in lines.iter().enumerate() {
        let Some(author) = value_of(line, FROM_LINES) else {
            continue;
        };
        let has_subject = lines[at + 1..]
            .iter()
            .take(BLOCK)
            .any(|line| value_of(line, SUBJECT_LINES).is_some());
        let address = author
            .split(['<', '>', '[', ']', ' ', '(', ')', '"'])
            .map(|word| word.trim_start_matches("mailto:"))
            .find_map(|word| EmailAddress::parse(word).ok());
        if has_subject && let Some(address) = address {
            return Some((author, address));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(lines: &[&str]) -> Traces {
        Traces {
            authentication: lines.iter().map(|line| (*line).to_owned()).collect(),
            ..Traces::default()
        }
    }

    #[test]
    fn e44_only_the_topmost_result_of_our_own_relay_counts() {
        let ada = EmailAddress::parse("ada@watch.example.org").unwrap();
        let pass = "mx.example.org; spf=pass smtp.mailfrom=x.example; dmarc=pass (p=reject) header.from=watch.example.org";
        let fail = "mx.example.org; dmarc=fail (p=none) header.from=watch.example.org";
        for (lines, proved) in [
            (vec![pass], Proof::Proven),
            (vec![fail, pass], Proof::Refuted),
            (
                vec![
                    "elsewhere.example; dmarc=fail header.from=watch.example.org",
                    pass,
                ],
                Proof::Proven,
            ),
            (
                vec!["elsewhere.example; dmarc=pass header.from=watch.example.org"],
                Proof::Unproven,
            ),
            (
                vec!["mx.example.org; dmarc=pass header.from=evil.example"],
                Proof::Unproven,
            ),
            (
                vec!["mx.example.org (dmarc=pass header.from=watch.example.org); none"],
                Proof::Unproven,
            ),
            (
                vec!["mx.example.org; dkim=pass header.d=watch.example.org"],
                Proof::Unproven,
            ),
            (vec![], Proof::Unproven),
        ] {
            let found = proof(&traces(&lines), Some("MX.example.org"), Some(&ada));
            assert_eq!(found, proved, "{lines:?}");
        }
        assert_eq!(proof(&traces(&[pass]), None, Some(&ada)), Proof::Unproven);
    }

    #[test]
    fn e36_a_tracker_s_number_is_told_from_an_invoice() {
        for (subject, numbers) in [
            ("Re: [OPS-412] Uplink down", vec!["OPS-412"]),
            ("(NET-7) status", vec!["NET-7"]),
            ("CS0012345: uplink", vec!["CS0012345"]),
            ("[#4711] invoice RE-2026", vec![]),
            ("Order PO-4711", vec![]),
            ("[INC-12] ours", vec![]),
            ("[ops-412] small letters", vec![]),
        ] {
            assert_eq!(foreign_numbers(subject), numbers, "{subject}");
        }
    }

    #[test]
    fn e31_a_new_topic_is_a_subject_that_says_neither_re_nor_the_title() {
        assert!(is_new_topic("Printer on floor 3", "Uplink down"));
        for same in [
            "Re: Something else",
            "[INC-1] something",
            "uplink down",
            "Uplink down again",
            "",
        ] {
            assert!(!is_new_topic(same, "Uplink down"), "{same}");
        }
    }

    #[test]
    fn e47_the_block_above_a_forwarded_mail_names_its_author() {
        for (text, author) in [
            (
                "FYI\n\n---------- Forwarded message ---------\nFrom: Carol <carol@contoso.example>\nDate: Mon\nSubject: Uplink\nTo: ada@x.example\n\nIt is down.",
                Some("carol@contoso.example"),
            ),
            (
                "> Von: Carol [mailto:carol@contoso.example]\n> Gesendet: Montag\n> Betreff: Uplink",
                Some("carol@contoso.example"),
            ),
            ("From: the roof it looks bad\n\nSubject to change", None),
            ("From: carol@contoso.example\n\nno block", None),
        ] {
            let found = forwarded_author(text).map(|(_, address)| address.as_str().to_owned());
            assert_eq!(found.as_deref(), author, "{text}");
        }
        assert!(is_forward("WG: Uplink") && is_forward("Fwd: x") && !is_forward("Re: Fwd: x"));
    }
}
