//! What each fuzz target does with its bytes, and what has to hold whatever they are. `tests/it/fuzz_corpus.rs` feeds the same
//! bodies with the kept corpora, so that whatever was found once is found again.

// Each target uses one of them.
#![allow(dead_code)]

use std::collections::HashSet;

use watchkeeper::domain::commit_message::{self, LINKS, Mode, Rules};
use watchkeeper::domain::id::{Kind, TicketKey};
use watchkeeper::domain::intake::dedupe_key;
use watchkeeper::domain::letter::{Letter, Nature, Remark};
use watchkeeper::domain::mail_clue::{Says, clues, pointers};
use watchkeeper::domain::seal::{SEPARATORS, Seal, Sealed};
use watchkeeper::domain::text::{BODY_BYTES, EmailAddress, Title};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::domain::{alert_mail, letter, mail_trace, quote};
use watchkeeper::intake::mail as reading;
use watchkeeper::intake::reading::address::mailboxes;
use watchkeeper::intake::reading::clean::clean;
use watchkeeper::intake::reading::html::text_of_html;
use watchkeeper::intake::smime::Authorities;

/// Nobody who makes input for this knows it.
const KEY: [u8; 32] = [7; 32];

/// Mail → what a ticket is made of.
pub fn mail(bytes: &[u8]) {
    let read = reading::read(bytes, Some("ada@x.example"));
    assert_eq!(
        read,
        reading::read(bytes, Some("ada@x.example")),
        "twice the same"
    );
    let checked = reading::read_checked(
        bytes,
        Some("ada@x.example"),
        &Authorities::default(),
        Timestamp::from_micros(0),
    );
    assert_eq!(
        (&checked.text, &checked.parts),
        (&read.text, &read.parts),
        "a signature hides nothing"
    );
    assert!(
        !checked.remarks.contains(&Remark::SignatureValid),
        "nobody vouches for it"
    );
    readable(&read);
    named_safely(&read);
    let title = Title::from_foreign(&letter::bare_subject(&read.subject), "-");
    assert!(!title.as_str().is_empty() && !title.as_str().contains(['\r', '\n']));
    assert_eq!(dedupe_key(&read).is_some(), read.message_id.is_some());
    let seal = Seal::new(KEY);
    let found = pointers(&seal, &read, &[]);
    let genuine = |says: &Says| matches!(says, Says::Genuine(_) | Says::About);
    assert!(
        !found.iter().any(|pointer| genuine(&pointer.says)),
        "nobody has the key"
    );
    assert!(clues(&found, |_| true).signed.is_empty());
    let marks = mail_trace::thread_marks(&seal, &read);
    assert!(marks.len() <= 8 && mail_trace::foreign_numbers(&read.subject).len() <= 3);
    alert_mail::read(&read.subject);
    mail_trace::forwarded_author(&read.text);
    if let Nature::Automatic(_) | Nature::Bounce(_) = read.nature {
        assert!(read.wants_no_answer, "programs aren't answered");
    }
    if let Some(page) = &read.html {
        harmless(
            clean(page, reading::pictures(&read))
                .as_deref()
                .unwrap_or_default(),
        );
    }
}

/// The text fits an entry, and folding loses nothing of it.
fn readable(letter: &Letter) {
    let text = &letter.text;
    assert!(text.len() <= BODY_BYTES && !text.contains(['\r', '\0']));
    assert!(
        !letter.subject.contains(['\r', '\n', '\0']),
        "{:?}",
        letter.subject
    );
    assert!(!letter.from.shown.contains(['\r', '\n', '\0']));
    let mut at = 0;
    for passage in quote::passages(text) {
        assert_eq!(passage.range.start, at, "a gap");
        at = passage.range.end;
    }
    assert_eq!(at, text.len(), "folding covers all of it");
}

fn named_safely(letter: &Letter) {
    let mut names = HashSet::new();
    for part in &letter.parts {
        let name = &part.name;
        assert!(!name.is_empty() && name.len() <= 200, "{name:?}");
        assert!(
            !name.contains(['/', '\\']) && !name.chars().any(char::is_control),
            "{name:?}"
        );
        assert!(names.insert(name.to_lowercase()), "{name:?} twice");
    }
}

/// Header values with addresses, and the signed reply addresses among them.
pub fn address(bytes: &[u8]) {
    let seal = Seal::new(KEY);
    for mailbox in mailboxes(bytes, None) {
        let Some(address) = mailbox.address else {
            continue;
        };
        assert_eq!(
            EmailAddress::parse(address.as_str()).as_ref(),
            Ok(&address),
            "as it was read"
        );
        let read = seal.read_reply_address(&address);
        assert!(
            !matches!(read, Some(Sealed::Genuine(_))),
            "{address}: nobody has the key"
        );
        // Whatever our own address looks like, what we make of it is read again.
        let key = TicketKey {
            kind: Kind::Incident,
            number: 12,
        };
        for separator in SEPARATORS {
            let ours = seal.reply_address(&address, *separator, key);
            let is_tagged = address.as_str().contains(SEPARATORS);
            if let Ok(ours) = EmailAddress::parse(&ours)
                && !is_tagged
            {
                assert_eq!(
                    seal.read_reply_address(&ours),
                    Some(Sealed::Genuine(key)),
                    "{ours}"
                );
            }
        }
    }
    let text = String::from_utf8_lossy(bytes);
    for id in letter::message_ids(&text) {
        assert!(!seal.made(&id) && !matches!(seal.read_message_id(&id), Some(Sealed::Genuine(_))));
    }
}

/// A page of HTML, shown and read as text.
pub fn html(bytes: &[u8]) {
    let page = String::from_utf8_lossy(bytes);
    text_of_html(&page);
    if let Some(shown) = clean(&page, std::collections::HashMap::new()) {
        harmless(&shown);
    }
}

/// Nothing runs, nothing is fetched. Words may say anything: what counts are tags.
fn harmless(page: &str) {
    for tag in tags(&page.to_ascii_lowercase()) {
        let name = tag.trim_start_matches('/');
        for bad in [
            "script", "style", "iframe", "object", "embed", "form", "input", "meta", "base",
            "link", "svg", "math", "template",
        ] {
            assert!(!name.starts_with(bad), "<{tag}> in {page}");
        }
        for (name, value) in attributes(tag) {
            assert!(!name.starts_with("on"), "{name} in {page}");
            // A description may say anything.
            let is_address = !["alt", "title", "lang"].contains(&name);
            for scheme in ["javascript:", "vbscript:", "data:text"] {
                let runs = is_address && value.trim_start().starts_with(scheme);
                assert!(!runs, "{name}={value} in {page}");
            }
        }
    }
}

/// The attributes of a tag, which all have values in double quotes.
fn attributes(tag: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut parts = tag.split('"');
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        let name = name.trim_end_matches('=').rsplit(' ').next();
        found.push((name.unwrap_or_default(), value));
    }
    found
}

/// What stands between `<` and `>`, as a browser reads a page whose attributes all stand in double quotes.
fn tags(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let mut is_quoted = false;
        let end = rest.find(|c| {
            is_quoted ^= c == '"';
            c == '>' && !is_quoted
        });
        let (tag, after) = rest.split_at(end.unwrap_or(rest.len()));
        found.push(tag);
        rest = after;
    }
    found
}

/// A commit's message, as the hook and the server see it.
pub fn commit(bytes: &[u8]) {
    let message = String::from_utf8_lossy(bytes);
    let hook = Mode::Hook {
        editor: true,
        comment: "#".to_owned(),
    };
    let mut rules = Rules::house(Some("https://tickets.example.com"));
    rules.time_notes = true;
    for mode in [Mode::Server, hook] {
        let read = commit_message::parse(&message, &mode, &rules);
        assert!(read.links.len() <= LINKS);
        let keys: HashSet<_> = read.links.iter().map(|link| link.key).collect();
        assert_eq!(keys.len(), read.links.len(), "one link per key");
        assert_eq!(
            read,
            commit_message::parse(&message, &mode, &rules),
            "twice the same"
        );
    }
}
