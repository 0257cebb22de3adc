//! Raw bytes of a mail → [`Letter`]. Never fails: what can't be read is named in the letter's remarks.
//!
//! A thread can be neither killed nor capped, so the limits are counted before the work begins: a mail with too many
//! headers or parameters keeps its header block, and its body stays undecoded in the raw mail; too many parts or levels stay
//! together as one raw part. The pieces of the work stand in [`reading`](super::reading).

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use base64::Engine;
use mail_parser::MessageParser;

use super::mail_trace;
pub use super::mail_unread::{Reader, failed, guarded, unseen};
use super::reading::address::{Mailbox, mailboxes};
use super::reading::body::{self, Body, tidy};
use super::reading::calendar_reply;
use super::reading::charset::decode;
use super::reading::cms::signed_content;
use super::reading::header::{Block, readable};
use super::reading::html::text_of_html;
use super::reading::limits::PARTS;
use super::reading::name::{distinct, ending, is_bidi, safe_name};
use super::reading::part::{Node, tree};
use super::reading::{signs, tnef};
use super::smime::{self, Authorities};
use crate::domain::letter::{self, Letter, Nature, Part, Remark, Writer};
use crate::domain::mail_trace::Traces;
use crate::domain::quarantine::danger;
use crate::domain::text::{BODY_BYTES, EmailAddress};
use crate::domain::timestamp::Timestamp;

/// Reads a mail. `envelope_from` is the envelope's sender if the door knows it; `Some("")` is the empty return path.
pub fn read(raw: &[u8], envelope_from: Option<&str>) -> Letter {
    let bytes = prepared(raw);
    match Signed::open(&bytes) {
        Some(signed) => {
            let mut letter = read_prepared(raw, &signed.mail, envelope_from, None);
            let names = letter.parts.iter().map(|part| part.name.to_lowercase());
            let mut taken: HashSet<String> = names.collect();
            note(&mut letter.remarks, Remark::SignatureUnchecked);
            letter.parts.push(Part {
                name: distinct("smime.p7m", &mut taken),
                written_name: Some("smime.p7m".to_owned()),
                media_type: "application/pkcs7-mime".to_owned(),
                content_id: None,
                bytes: signed.wrapping,
                danger: None,
            });
            letter
        }
        None => read_prepared(raw, &bytes, envelope_from, None),
    }
}

/// As [`read`], the texts in a character set that a person chose instead of the declared ones. Where the bytes don't fit it they are read
/// as [`read`] would; the letter names the sets that its text is in.
pub fn read_in(raw: &[u8], envelope_from: Option<&str>, set: &str) -> Letter {
    let bytes = prepared(raw);
    let signed = Signed::open(&bytes);
    let inner = signed.as_ref().map_or(&*bytes, |signed| &signed.mail);
    read_prepared(raw, inner, envelope_from, Some(set))
}

/// As [`read`], its S/MIME signature checked: whose it is and whether it holds, for a mail that came at this instant.
pub fn read_checked(
    raw: &[u8],
    envelope_from: Option<&str>,
    authorities: &Authorities,
    came_at: Timestamp,
) -> Letter {
    let mut letter = read(raw, envelope_from);
    let from = letter.from.address.as_ref();
    if let Some(checked) = smime::check(&prepared(raw), from, authorities, came_at) {
        letter
            .remarks
            .retain(|it| *it != Remark::SignatureUnchecked);
        letter.remarks.extend(checked.outcomes);
        letter.signer = Some(checked.signer);
    }
    letter
}

/// A mail inside its own signature: the whole of it can be read by anybody.
struct Signed {
    /// The mail's own header with what was signed.
    mail: Vec<u8>,
    /// The signature as it came.
    wrapping: Vec<u8>,
}

impl Signed {
    fn open(bytes: &[u8]) -> Option<Self> {
        let (block, at) = Block::read(bytes);
        let kind = block.raw("Content-Type")?;
        if block.is_over
            || memchr::memmem::find(&kind.to_ascii_lowercase(), b"pkcs7-mime").is_none()
        {
            return None;
        }
        let mut mail = block.without_content_fields();
        let tree = tree(block, &bytes[at..]);
        if tree.is_over {
            return None;
        }
        let wrapping = tree.root.bytes().bytes;
        mail.append(&mut signed_content(&wrapping)?);
        Some(Self { mail, wrapping })
    }
}

fn read_prepared(
    raw: &[u8],
    bytes: &[u8],
    envelope_from: Option<&str>,
    set: Option<&str>,
) -> Letter {
    let (block, at) = Block::read(bytes);
    if block.is_empty() {
        return unreadable(raw, envelope_from);
    }
    let mut tree = tree(block, &bytes[at..]);
    if let Some(set) = set {
        tree.root.read_in(set);
    }
    let root = &tree.root;
    let mut remarks = Vec::new();
    if root.media == "multipart/signed" {
        remarks.push(Remark::SignatureUnchecked);
    }
    let is_over = root.block.is_over || root.kind.is_over || tree.is_over;
    let (body, parts) = if is_over {
        remarks.push(Remark::OverLimits);
        (Body::default(), Vec::new())
    } else {
        let mut body = body::read(root);
        remarks.append(&mut body.remarks);
        if tree.is_cut {
            note(&mut remarks, Remark::PartsLeftOut);
        }
        let parts = parts(root, &mut body, &mut remarks);
        (body, parts)
    };
    let text = cut(body.text, &mut remarks);
    let fallback = charset_of(root);
    let block = &root.block;
    let header = |name: &str| block.text(name, fallback);
    let addresses = |name: &str| addresses(block, name, fallback);
    let subject = header("Subject").unwrap_or_default();
    let from = writer(block, fallback, envelope_from);
    let nature = match is_over {
        true => signs::nature(block, None, envelope_from, &from, &subject, ""),
        false => signs::nature(block, Some(root), envelope_from, &from, &subject, &text),
    };
    let ids = |name: &str| {
        let value = header(name);
        value
            .as_deref()
            .map(letter::message_ids)
            .unwrap_or_default()
    };
    Letter {
        message_id: header("Message-ID").as_deref().and_then(letter::message_id),
        in_reply_to: ids("In-Reply-To"),
        references: ids("References"),
        from,
        reply_to: addresses("Reply-To"),
        to: addresses("To"),
        cc: addresses("Cc"),
        delivered_to: ["Delivered-To", "X-Original-To"]
            .into_iter()
            .filter_map(header)
            .filter_map(|value| EmailAddress::parse(value.trim_matches(['<', '>', ' '])).ok())
            .collect(),
        subject,
        dated_at: block.raw("Date").and_then(date),
        text,
        html: body.html,
        charsets: body.sets,
        wants_no_answer: signs::suppresses_answers(block) || nature != Nature::Personal,
        nature,
        answer: parts
            .iter()
            .filter(|part| part.media_type == "text/calendar")
            .find_map(|part| calendar_reply::answer(&part.bytes)),
        parts,
        traces: mail_trace::traces(raw),
        remarks,
        signer: None,
    }
}

/// What our own mails' loop header says, if the mail has it.
pub const LOOP_HEADER: &str = "X-Watchkeeper-Loop";

/// The value of a header by name, unfolded, as it was sent; for the few that a [`Letter`] doesn't hold.
pub fn header(raw: &[u8], name: &str) -> Option<String> {
    Block::read(&prepared(raw)).0.text(name, None)
}

/// Without a mark of UTF-8 and blank lines at the beginning; line ends that are bare CRs throughout as line feeds.
fn prepared(raw: &[u8]) -> Cow<'_, [u8]> {
    let raw = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    let start = raw.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    let raw = &raw[start.unwrap_or(0)..];
    if memchr::memchr(b'\n', raw).is_some() || memchr::memchr(b'\r', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let fed = raw
        .iter()
        .map(|byte| if *byte == b'\r' { b'\n' } else { *byte });
    Cow::Owned(fed.collect())
}

/// A mail of which nothing can be understood: its bytes as text.
fn unreadable(raw: &[u8], envelope_from: Option<&str>) -> Letter {
    let some = &raw[..raw.len().min(2 * BODY_BYTES)];
    let read = decode(some, None);
    let mut remarks = vec![Remark::Unreadable];
    let text = cut(tidy(&read.text), &mut remarks);
    bare(envelope_from, text, read.set, remarks)
}

/// A letter of which nothing is known but its envelope and some text.
pub(super) fn bare(
    envelope_from: Option<&str>,
    text: String,
    set: String,
    remarks: Vec<Remark>,
) -> Letter {
    Letter {
        message_id: None,
        in_reply_to: Vec::new(),
        references: Vec::new(),
        from: Writer {
            shown: envelope_from.unwrap_or_default().to_owned(),
            address: envelope_from.and_then(|text| EmailAddress::parse(text).ok()),
            name: String::new(),
        },
        reply_to: Vec::new(),
        to: Vec::new(),
        cc: Vec::new(),
        delivered_to: Vec::new(),
        subject: String::new(),
        dated_at: None,
        text,
        html: None,
        charsets: vec![set],
        answer: None,
        nature: if envelope_from == Some("") {
            Nature::Automatic(letter::Automatic::NoReturnPath)
        } else {
            Nature::Personal
        },
        wants_no_answer: true,
        parts: Vec::new(),
        traces: Traces::default(),
        remarks,
        signer: None,
    }
}

/// The set that the mail's texts are said to be in: the best guess for raw bytes in its headers.
fn charset_of<'t>(root: &'t Node<'_>) -> Option<&'t str> {
    let mut texts = root.leaves().into_iter();
    texts
        .find(|leaf| leaf.media.starts_with("text/") && leaf.charset().is_some())
        .and_then(Node::charset)
}

fn date(value: &[u8]) -> Option<Timestamp> {
    let line = format!("Date: {}\r\n\r\n", readable(value, None));
    let parsed = MessageParser::default().parse_headers(line.as_bytes())?;
    let date = parsed.date().filter(|date| date.is_valid())?;
    Some(Timestamp::from_micros(
        date.to_timestamp().saturating_mul(1_000_000),
    ))
}

fn addresses(block: &Block<'_>, name: &str, fallback: Option<&str>) -> Vec<EmailAddress> {
    let raw = block.raw(name).unwrap_or_default();
    let mut seen = HashSet::new();
    mailboxes(raw, fallback)
        .into_iter()
        .filter_map(|mailbox| mailbox.address)
        .filter(|address| seen.insert(address.clone()))
        .collect()
}

/// From's first address, else Sender, else the envelope; shown as written even where it can't be read.
fn writer(block: &Block<'_>, fallback: Option<&str>, envelope_from: Option<&str>) -> Writer {
    for name in ["From", "Sender"] {
        let mut found = mailboxes(block.raw(name).unwrap_or_default(), fallback);
        if found.is_empty() {
            continue;
        }
        let at = found.iter().position(|mailbox| mailbox.address.is_some());
        // `Lovelace, Ada <ada@x>` without its quotes: the name before the comma belongs to it.
        let before: Vec<String> = found
            .drain(..at.unwrap_or(0))
            .map(|mailbox| mailbox.name)
            .collect();
        let Mailbox {
            name,
            written,
            address,
        } = found.swap_remove(0);
        let address = address.or_else(|| next_address(block, envelope_from));
        let name = before
            .into_iter()
            .chain([name])
            .filter(|name| !name.is_empty());
        let name = one_line(&name.collect::<Vec<_>>().join(", "));
        let written = one_line(&written);
        let shown = match (name.is_empty(), written.is_empty()) {
            (false, false) => format!("{name} <{written}>"),
            (false, true) => name.clone(),
            (true, _) => written,
        };
        return Writer {
            shown,
            address,
            name,
        };
    }
    let envelope = envelope_from.unwrap_or_default();
    Writer {
        shown: one_line(envelope),
        address: EmailAddress::parse(envelope).ok(),
        name: String::new(),
    }
}

/// Sender's address, else the envelope's: where From has none that can be read.
fn next_address(block: &Block<'_>, envelope_from: Option<&str>) -> Option<EmailAddress> {
    addresses(block, "Sender", None)
        .into_iter()
        .next()
        .or_else(|| EmailAddress::parse(envelope_from?).ok())
}

fn one_line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| !is_bidi(*c))
        .take(300)
        .collect();
    line.trim().to_owned()
}

/// Cut to what one entry may hold; the raw mail has the rest.
fn cut(mut text: String, remarks: &mut Vec<Remark>) -> String {
    if text.len() > BODY_BYTES {
        text.truncate(text.floor_char_boundary(BODY_BYTES));
        note(remarks, Remark::TextCut);
    }
    text
}

fn note(remarks: &mut Vec<Remark>, remark: Remark) {
    if !remarks.contains(&remark) {
        remarks.push(remark);
    }
}

/// Everything that isn't the shown text, byte for byte: files, inline pictures, enclosed mails.
fn parts(root: &Node<'_>, body: &mut Body, remarks: &mut Vec<Remark>) -> Vec<Part> {
    let mut kept: Vec<Part> = Vec::new();
    let mut taken = HashSet::new();
    let fallback = charset_of(root);
    for leaf in root.leaves() {
        if body.shown.contains(&leaf.number) {
            continue;
        }
        if is_encrypted(leaf) {
            note(remarks, Remark::Encrypted);
        }
        let carried = leaf.bytes();
        if carried.is_broken {
            note(remarks, Remark::BrokenEncoding);
        }
        let written_name = leaf.file_name(fallback);
        if is_wrapped(leaf, written_name.as_deref())
            && let Some(found) = tnef::unwrap(&carried.bytes)
        {
            unwrapped(found, body, &mut kept);
            continue;
        }
        kept.push(Part {
            name: String::new(),
            written_name,
            media_type: leaf.media.clone(),
            content_id: leaf.content_id(),
            bytes: carried.bytes,
            danger: None,
        });
    }
    let in_text = body.files.drain(..).map(|file| Part {
        name: String::new(),
        written_name: Some(file.name),
        media_type: "application/octet-stream".to_owned(),
        content_id: None,
        bytes: file.bytes,
        danger: None,
    });
    kept.extend(in_text);
    for (part, number) in kept.iter_mut().zip(1..) {
        let safe = part.written_name.as_deref().map(safe_name);
        let name = safe
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| format!("part-{number}{}", ending(&part.media_type)));
        part.name = distinct(&name, &mut taken);
        // The name as it came may have an ending that the shown one lost, and the other way round.
        let written = part.written_name.as_deref().unwrap_or_default();
        part.danger = danger(&part.name, &part.media_type, &part.bytes)
            .or_else(|| danger(written, &part.media_type, &[]));
        if part.danger.is_some() {
            note(remarks, Remark::Executable);
        }
    }
    kept
}

/// The mail's own pictures by their Content-ID, as addresses that hold their bytes: the first of several, and only those that a
/// browser shows without thinking.
pub fn pictures(letter: &Letter) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let mut room = PICTURE_BYTES;
    for part in &letter.parts {
        let Some(id) = &part.content_id else { continue };
        let fits = part.danger.is_none()
            && part.bytes.len() <= room
            && PICTURES.contains(&part.media_type.as_str());
        if fits && !found.contains_key(id) {
            room -= part.bytes.len();
            let data = base64::engine::general_purpose::STANDARD.encode(&part.bytes);
            found.insert(
                id.clone(),
                format!("data:{};base64,{data}", part.media_type),
            );
        }
    }
    found
}

/// SVG may hold anything, so it is a file like others.
const PICTURES: &[&str] = &[
    "image/png",
    "image/jpeg",
    "image/jpg",
    "image/gif",
    "image/webp",
];
/// Bytes of all of them on one page.
const PICTURE_BYTES: usize = 10 * 1024 * 1024;

fn is_wrapped(leaf: &Node<'_>, name: Option<&str>) -> bool {
    matches!(
        leaf.media.as_str(),
        "application/ms-tnef" | "application/vnd.ms-tnef"
    ) || name.is_some_and(|name| name.eq_ignore_ascii_case("winmail.dat"))
}

/// Outlook's wrapping: its files are files of the mail, and its body is the text where there is no other.
fn unwrapped(found: tnef::Unwrapped, body: &mut Body, kept: &mut Vec<Part>) {
    if body.text.trim().is_empty() {
        body.text = match &found.html {
            Some(html) if found.text.trim().is_empty() => tidy(&text_of_html(html)),
            _ => tidy(&found.text),
        };
    }
    body.html = body.html.take().or(found.html);
    for file in found
        .files
        .into_iter()
        .take(PARTS.saturating_sub(kept.len()))
    {
        kept.push(Part {
            name: String::new(),
            written_name: file.name,
            media_type: match file.media_type.as_str() {
                "" => "application/octet-stream".to_owned(),
                _ => file.media_type,
            },
            content_id: file.content_id,
            bytes: file.bytes,
            danger: None,
        });
    }
}

/// PGP's and S/MIME's envelopes; a signature's envelope can be read by anybody.
fn is_encrypted(leaf: &Node<'_>) -> bool {
    let kind = leaf.kind.get("smime-type").unwrap_or_default();
    match leaf.media.as_str() {
        "application/pgp-encrypted" => true,
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => {
            !matches!(kind.to_lowercase().as_str(), "signed-data" | "certs-only")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::letter::Automatic;

    fn read_text(raw: &str) -> Letter {
        read(
            raw.replace('\n', "\r\n").as_bytes(),
            Some("noc@customer.example"),
        )
    }

    #[test]
    fn a_plain_mail_is_read_whole() {
        let letter = read_text(
            "From: Ada <ada@customer.example>\nTo: support@desk.example, x@y.example\nCc: Bob <bob@customer.example>\nSubject: =?utf-8?q?Uplink_d=C3=B6wn?=\n =?utf-8?q?_again?=\nMessage-ID: <a1@customer.example>\nIn-Reply-To: <b@x> <c@x>\nDate: Sat, 21 Nov 2026 04:07:09 +0100\n\nSince noon.\n\n\n\nAda\n",
        );
        assert_eq!(letter.subject, "Uplink döwn again");
        assert_eq!(letter.message_id.as_deref(), Some("a1@customer.example"));
        assert_eq!(letter.in_reply_to, ["b@x", "c@x"]);
        assert_eq!(
            letter.from.address.unwrap().as_str(),
            "ada@customer.example"
        );
        assert_eq!(letter.from.shown, "Ada <ada@customer.example>");
        assert_eq!((letter.to.len(), letter.cc.len()), (2, 1));
        assert_eq!(letter.text, "Since noon.\n\nAda");
        assert_eq!(letter.dated_at.unwrap().rfc3339(), "2026-11-21T03:07:09Z");
        assert_eq!((letter.nature, letter.remarks), (Nature::Personal, vec![]));
    }

    #[test]
    fn html_alone_becomes_text_and_a_stub_is_replaced() {
        let letter = read_text(
            "From: a@b.example\nSubject: x\nContent-Type: text/html\n\n<p>Hello <b>there</b></p><script>bad()</script><p>Bye</p>\n",
        );
        assert!(
            letter.text.contains("Hello there")
                && letter.text.contains("Bye")
                && !letter.text.contains("bad()"),
            "{}",
            letter.text
        );
        let stub = "From: a@b.example\nContent-Type: multipart/alternative; boundary=x\n\n--x\n\nView this mail in your browser.\n--x\nContent-Type: text/html\n\n<p>The uplink in Berlin has been down since noon, all traffic is lost.</p>\n--x--\n";
        assert!(
            read_text(stub).text.starts_with("The uplink in Berlin"),
            "{}",
            read_text(stub).text
        );
    }

    #[test]
    fn wrong_character_sets_stay_readable() {
        let raw = b"From: a@b.example\r\nSubject: St\xf6rung\r\nContent-Type: text/plain; charset=x-unknown\r\n\r\nGr\xfc\xdfe\r\n";
        let letter = read(raw, None);
        assert_eq!(
            (letter.text.as_str(), letter.subject.as_str()),
            ("Grüße", "Störung")
        );
        assert!(letter.remarks.contains(&Remark::CharsetGuessed));
        let raw =
            "From: a@b.example\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nGrüße\r\n"
                .as_bytes();
        assert_eq!(read(raw, None).text, "Grüße");
    }

    #[test]
    fn files_are_kept_byte_for_byte_under_safe_names() {
        let letter = read_text(
            "From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nSee log.\n--x\nContent-Type: application/octet-stream; name=\"../../etc/pass\\\\wd\"\nContent-Transfer-Encoding: base64\n\nAAEC\n--x\nContent-Type: message/rfc822\n\nFrom: c@d.example\nSubject: inner\nMessage-ID: <inner@x>\n\nInner text\n--x--\n",
        );
        assert_eq!(letter.text, "See log.");
        assert_eq!(
            letter.message_id, None,
            "an enclosed mail's headers aren't ours"
        );
        let names: Vec<&str> = letter.parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["wd", "part-2.eml"]);
        assert_eq!(letter.parts[0].bytes, [0, 1, 2]);
        assert!(
            letter.parts[1].bytes.starts_with(b"From: c@d.example")
                && letter.parts[1].bytes.ends_with(b"Inner text"),
            "{:?}",
            String::from_utf8_lossy(&letter.parts[1].bytes)
        );
    }

    #[test]
    fn strange_senders_are_shown_and_refuse_nothing() {
        for (from, shown, address) in [
            ("foo <foo@bar.example", "foo", Some("foo@bar.example")),
            ("", "noc@customer.example", Some("noc@customer.example")),
            ("John Doe", "John Doe", Some("noc@customer.example")),
            (
                "\"a@b.example\" <c@d.example>",
                "a@b.example <c@d.example>",
                Some("c@d.example"),
            ),
            (
                "a@b.example, c@d.example",
                "a@b.example",
                Some("a@b.example"),
            ),
        ] {
            let letter = read_text(&format!("From: {from}\nSubject: x\n\nText\n"));
            assert_eq!(
                letter.from.address.as_ref().map(EmailAddress::as_str),
                address,
                "{from}: {:?}",
                letter.from
            );
            assert!(
                letter.from.shown.contains(shown),
                "{from}: {:?}",
                letter.from
            );
        }
        let letter = read(b"Subject: x\r\n\r\nText", None);
        assert_eq!(
            (letter.from.shown.as_str(), letter.from.address),
            ("", None)
        );
    }

    #[test]
    fn reports_are_bounces() {
        let letter = read_text(
            "From: Mail Delivery <mailer-daemon@relay.example>\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\n\n--x\n\nSorry.\n--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n\nFinal-Recipient: rfc822; gone@customer.example\nAction: failed\nStatus: 5.1.1\n--x\nContent-Type: text/rfc822-headers\n\nMessage-ID: <wk1.inc-1.abc@desk.example>\n--x--\n",
        );
        let Nature::Bounce(bounce) = letter.nature else {
            panic!("{:?}", letter.nature)
        };
        assert_eq!(
            (bounce.is_permanent, bounce.status.as_str()),
            (true, "5.1.1")
        );
        assert_eq!(bounce.recipient.unwrap().as_str(), "gone@customer.example");
        assert!(
            bounce
                .about
                .contains(&"wk1.inc-1.abc@desk.example".to_owned())
        );
        assert_eq!(
            read(b"From: a@b.example\r\n\r\nx", Some("")).nature,
            Nature::Automatic(Automatic::NoReturnPath)
        );
    }

    #[test]
    fn hostile_shapes_end_soon_and_lose_nothing() {
        let many_headers = format!(
            "From: a@b.example\r\nSubject: x\r\n{}\r\nText",
            "X-A: b\r\n".repeat(5_000)
        );
        let deep_mails = format!(
            "From: a@b.example\r\n{}",
            "Content-Type: message/rfc822\r\n\r\n".repeat(50_000)
        );
        let parameters = format!(
            "From: a@b.example\r\nContent-Type: text/plain; {}\r\n\r\nx",
            "a*0=b; ".repeat(100_000)
        );
        for raw in [many_headers, parameters] {
            let letter = read(raw.as_bytes(), None);
            assert_eq!(letter.remarks, [Remark::OverLimits]);
            assert_eq!(
                letter
                    .from
                    .address
                    .map(|a| a.as_str().to_owned())
                    .as_deref(),
                Some("a@b.example")
            );
        }
        let letter = read(deep_mails.as_bytes(), None);
        assert_eq!((letter.parts.len(), letter.remarks), (1, vec![]));
        let mut parts =
            String::from("From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n");
        for _ in 0..1_000 {
            parts.push_str("--x\r\nContent-Type: application/pdf\r\n\r\nx\r\n");
        }
        let letter = read(parts.as_bytes(), None);
        assert_eq!(
            (letter.parts.len(), letter.remarks),
            (PARTS, vec![Remark::PartsLeftOut])
        );
        let deep_html = format!(
            "From: a@b.example\r\nContent-Type: text/html\r\n\r\n{}deep",
            "<div>".repeat(100_000)
        );
        assert_eq!(read(deep_html.as_bytes(), None).text, "deep");
        for raw in [
            &b""[..],
            b"\r\n",
            b"\0\0\0",
            b"no header at all",
            b"From",
            b":\r\n:\r\n\r\n",
        ] {
            read(raw, None);
        }
    }
}
