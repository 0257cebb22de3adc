//! Raw bytes of a mail → [`Letter`]. Never fails: what can't be read is named in the letter's remarks.
//!
//! A thread can be neither killed nor capped, so the limits are counted before the work begins: a mail with too many
//! headers, parts or levels keeps its header block, and its body stays undecoded in the raw mail. The danger that was
//! measured is not the parser (a million parts in 0.4 s) but one row per part, and a stack frame per level.

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{
    Address, Encoding, HeaderName, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders,
    PartType,
};

use super::mail_text::{decode, ending, is_bidi, safe_name, text_of_html, tidy};
use crate::domain::letter::{self, Bounce, Letter, Nature, Part, Remark, Signs, Writer};
use crate::domain::text::{BODY_BYTES, EmailAddress};
use crate::domain::timestamp::Timestamp;

/// Header lines and bytes of the outermost header block.
const HEADERS: usize = 1_000;
const HEADER_BYTES: usize = 256 * 1024;
/// `Content-Type` lines in the whole mail, before it is parsed at all: bounds depth and parts together.
const TYPED_PARTS: usize = 2_000;
/// Parameters of one header (`;` in its value).
const PARAMETERS: usize = 64;
/// Parts that are kept one by one; the raw mail has the rest.
const PARTS: usize = 500;
/// Addresses of one header that are read.
const ADDRESSES: usize = 1_000;
/// A text part shorter than this, beside an HTML one, may be no more than "view this in a browser".
const STUB_CHARS: usize = 120;

/// Reads a mail. `envelope_from` is the envelope's sender if the door knows it; `Some("")` is the empty return path.
pub fn read(raw: &[u8], envelope_from: Option<&str>) -> Letter {
    let mut remarks = Vec::new();
    let message = if over_limits(raw) {
        remarks.push(Remark::OverLimits);
        MessageParser::default().parse_headers(&raw[..header_end(raw).min(HEADER_BYTES)])
    } else {
        MessageParser::default().parse(raw)
    };
    let Some(message) = message else {
        return unreadable(raw, envelope_from, remarks);
    };
    let subject = text_header(&message, HeaderName::Subject).unwrap_or_default();
    let from = writer(&message, envelope_from);
    let text = if remarks.contains(&Remark::OverLimits) {
        String::new()
    } else {
        body(&message, &mut remarks)
    };
    let parts = if remarks.contains(&Remark::OverLimits) {
        Vec::new()
    } else {
        parts(&message, &mut remarks)
    };
    let nature = nature(&message, raw, envelope_from, &from, &subject);
    Letter {
        message_id: text_header(&message, HeaderName::MessageId)
            .as_deref()
            .and_then(letter::message_id),
        in_reply_to: text_header(&message, HeaderName::InReplyTo)
            .as_deref()
            .map(letter::message_ids)
            .unwrap_or_default(),
        references: text_header(&message, HeaderName::References)
            .as_deref()
            .map(letter::message_ids)
            .unwrap_or_default(),
        from,
        reply_to: addresses(message.reply_to()),
        to: addresses(message.to()),
        cc: addresses(message.cc()),
        delivered_to: ["Delivered-To", "X-Original-To"]
            .into_iter()
            .filter_map(|name| text_header(&message, HeaderName::Other(name.into())))
            .filter_map(|value| EmailAddress::parse(value.trim_matches(['<', '>', ' '])).ok())
            .collect(),
        subject,
        dated_at: message
            .date()
            .filter(|date| date.is_valid())
            .map(|date| Timestamp::from_micros(date.to_timestamp().saturating_mul(1_000_000))),
        text,
        wants_no_answer: text_header(
            &message,
            HeaderName::Other("X-Auto-Response-Suppress".into()),
        )
        .is_some()
            || !matches!(nature, Nature::Personal),
        nature,
        parts,
        remarks,
    }
}

/// What our own mails' loop header says, if the mail has it.
pub const LOOP_HEADER: &str = "X-Watchkeeper-Loop";

/// The value of a header by name, unfolded, as it was sent; for the few that a [`Letter`] doesn't hold.
pub fn header(raw: &[u8], name: &str) -> Option<String> {
    let block = &raw[..header_end(raw).min(HEADER_BYTES)];
    let message = MessageParser::default().parse_headers(block)?;
    text_header(&message, HeaderName::parse(name.to_owned())?)
}

fn unreadable(raw: &[u8], envelope_from: Option<&str>, mut remarks: Vec<Remark>) -> Letter {
    note(&mut remarks, Remark::Unreadable);
    let address = envelope_from.and_then(|text| EmailAddress::parse(text).ok());
    let (text, _) = decode(raw, None);
    Letter {
        message_id: None,
        in_reply_to: Vec::new(),
        references: Vec::new(),
        from: Writer {
            shown: envelope_from.unwrap_or_default().to_owned(),
            address,
            name: String::new(),
        },
        reply_to: Vec::new(),
        to: Vec::new(),
        cc: Vec::new(),
        delivered_to: Vec::new(),
        subject: String::new(),
        dated_at: None,
        text: cut(tidy(&text), &mut Vec::new()),
        nature: if envelope_from == Some("") {
            Nature::Automatic(letter::Automatic::NoReturnPath)
        } else {
            Nature::Personal
        },
        wants_no_answer: true,
        parts: Vec::new(),
        remarks,
    }
}

/// Where the outermost header block ends (after its blank line), or the mail's length.
fn header_end(raw: &[u8]) -> usize {
    let mut start = 0;
    while start < raw.len() {
        let end = raw[start..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(raw.len(), |at| start + at + 1);
        if matches!(&raw[start..end], b"\n" | b"\r\n") {
            return end;
        }
        start = end;
    }
    raw.len()
}

fn over_limits(raw: &[u8]) -> bool {
    let block = &raw[..header_end(raw)];
    if block.len() > HEADER_BYTES || block.iter().filter(|byte| **byte == b'\n').count() > HEADERS {
        return true;
    }
    let mut typed = 0;
    let mut parameters = 0;
    let mut in_typed_header = false;
    for line in raw.split(|byte| *byte == b'\n') {
        let starts_typed = line.len() >= 12 && line[..8].eq_ignore_ascii_case(b"content-");
        if starts_typed {
            typed += usize::from(line[8..].len() >= 4 && line[8..12].eq_ignore_ascii_case(b"type"));
            parameters = 0;
            in_typed_header = true;
        } else if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            in_typed_header = false;
        }
        if in_typed_header {
            parameters += line.iter().filter(|byte| **byte == b';').count();
        }
        if typed > TYPED_PARTS || parameters > PARAMETERS {
            return true;
        }
    }
    false
}

/// A header's raw value, unfolded, with its encoded words decoded. The first one with that name.
fn text_header(message: &Message<'_>, name: HeaderName<'_>) -> Option<String> {
    let part = message.parts.first()?;
    let header = part
        .headers
        .iter()
        .find(|header| header.name.as_str().eq_ignore_ascii_case(name.as_str()))?;
    let raw = message
        .raw_message
        .get(header.offset_start as usize..header.offset_end as usize)?;
    // Subjects and the like come decoded from the parser unless they hold raw 8-bit bytes in an unknown set.
    if let HeaderValue::Text(text) = &header.value
        && !text.contains('\u{fffd}')
    {
        return Some(unfold(text));
    }
    let (text, _) = decode(raw, None);
    Some(unfold(&text))
}

fn unfold(text: &str) -> String {
    text.replace("\r\n", "")
        .replace(['\r', '\n'], "")
        .replace('\0', "")
        .trim()
        .to_owned()
}

fn addresses(value: Option<&Address<'_>>) -> Vec<EmailAddress> {
    let Some(value) = value else {
        return Vec::new();
    };
    let mut found: Vec<EmailAddress> = Vec::new();
    for addr in value.iter().take(ADDRESSES) {
        if let Some(address) = addr
            .address
            .as_deref()
            .and_then(|text| EmailAddress::parse(text).ok())
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// From's first address, else Sender, else the envelope; shown as written even where it can't be read.
fn writer(message: &Message<'_>, envelope_from: Option<&str>) -> Writer {
    for value in [message.from(), message.sender()] {
        let Some(first) = value.and_then(|value| {
            value
                .iter()
                .find(|addr| addr.address.is_some() || addr.name.is_some())
        }) else {
            continue;
        };
        let name = first.name.as_deref().map(one_line).unwrap_or_default();
        let written = first.address.as_deref().map(one_line).unwrap_or_default();
        let address = EmailAddress::parse(&written).ok();
        // A misplaced quote or bracket leaves the address in the name.
        let address = address.or_else(|| {
            name.split([' ', '<', '>', '"', ','])
                .find_map(|word| EmailAddress::parse(word).ok())
        });
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

fn one_line(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| !is_bidi(*c))
        .take(300)
        .collect();
    line.trim().to_owned()
}

fn nature(
    message: &Message<'_>,
    raw: &[u8],
    envelope_from: Option<&str>,
    from: &Writer,
    subject: &str,
) -> Nature {
    let other = |name: &'static str| text_header(message, HeaderName::Other(name.into()));
    let (auto_submitted, precedence, suppress) = (
        other("Auto-Submitted"),
        other("Precedence"),
        other("X-Auto-Response-Suppress"),
    );
    let root = message.parts.first();
    let content_type = root.and_then(|part| part.content_type());
    let typed = content_type.map(media_type).unwrap_or_default();
    let report_type = content_type
        .and_then(|ct| ct.attribute("report-type"))
        .map(str::to_lowercase)
        .unwrap_or_default();
    let return_path = text_header(message, HeaderName::ReturnPath);
    let sender_local = from
        .address
        .as_ref()
        .map(EmailAddress::folded)
        .unwrap_or_default();
    let has_calendar_reply = message
        .parts
        .iter()
        .filter_map(|part| part.content_type())
        .any(|ct| {
            media_type(ct) == "text/calendar"
                && ct
                    .attribute("method")
                    .is_some_and(|method| method.eq_ignore_ascii_case("reply"))
        });
    let signs = Signs {
        auto_submitted: auto_submitted.as_deref(),
        precedence: precedence.as_deref(),
        auto_response_suppress: suppress.as_deref(),
        has_list_headers: ["List-Id", "List-Unsubscribe", "List-Post"]
            .into_iter()
            .any(|name| {
                root.is_some_and(|part| {
                    part.headers
                        .iter()
                        .any(|h| h.name.as_str().eq_ignore_ascii_case(name))
                })
            }),
        has_auto_reply_header: [
            "X-Autoreply",
            "X-Autorespond",
            "X-Autoresponder",
            "X-Auto-Reply",
        ]
        .into_iter()
        .any(|name| other(name).is_some()),
        has_empty_return_path: envelope_from == Some("")
            || return_path.is_some_and(|path| path.trim() == "<>"),
        content_type: &typed,
        report_type: &report_type,
        has_calendar_reply,
        subject,
        sender_local: sender_local.split('@').next().unwrap_or_default(),
    };
    letter::nature(&signs, || bounce(raw))
}

/// What a delivery report says, read as text: reports come in too many shapes for a stricter reading.
fn bounce(raw: &[u8]) -> Bounce {
    let text = String::from_utf8_lossy(&raw[..raw.len().min(1024 * 1024)]);
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (head, value) = line.split_once(':')?;
            head.trim()
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    let status = field("Status")
        .filter(|status| status.starts_with(['2', '4', '5']))
        .or_else(|| enhanced_code(&text))
        .unwrap_or_default();
    let delayed = field("Action").is_some_and(|action| action.eq_ignore_ascii_case("delayed"));
    let recipient = field("Final-Recipient")
        .or_else(|| field("Original-Recipient"))
        .or_else(|| field("X-Failed-Recipients"))
        .and_then(|value| EmailAddress::parse(value.rsplit(';').next().unwrap_or(&value)).ok());
    let mut about: Vec<String> = Vec::new();
    for id in letter::message_ids(&text) {
        if id.contains('@') && !about.contains(&id) {
            about.push(id);
        }
    }
    Bounce {
        is_permanent: !delayed && !status.starts_with('4') && !status.starts_with('2'),
        recipient,
        status,
        about,
    }
}

/// The first `5.1.1`-like code in a text.
fn enhanced_code(text: &str) -> Option<String> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.')
        .find_map(|word| {
            let pieces: Vec<&str> = word.split('.').collect();
            let is_code = pieces.len() == 3
                && matches!(pieces[0], "4" | "5")
                && pieces[1..]
                    .iter()
                    .all(|piece| (1..=3).contains(&piece.len()));
            is_code.then(|| word.to_owned())
        })
}

fn media_type(content_type: &mail_parser::ContentType<'_>) -> String {
    format!(
        "{}/{}",
        content_type.ctype(),
        content_type.subtype().unwrap_or("plain")
    )
    .to_lowercase()
}

/// The readable text: the text parts in order; made from the HTML where they are missing or a stub.
fn body(message: &Message<'_>, remarks: &mut Vec<Remark>) -> String {
    let mut texts = Vec::new();
    for part in message
        .text_body
        .iter()
        .filter_map(|at| message.parts.get(*at as usize))
    {
        match &part.body {
            PartType::Text(text) => texts.push(part_text(message, part, text, remarks)),
            PartType::Html(html) => {
                let html = part_text(message, part, html, remarks);
                texts.push(text_of_html(&html));
                note(remarks, Remark::TextFromHtml);
            }
            PartType::Binary(_)
            | PartType::InlineBinary(_)
            | PartType::Message(_)
            | PartType::Multipart(_) => {}
        }
    }
    let mut text = tidy(&texts.join("\n\n"));
    if is_stub(&text) && !remarks.contains(&Remark::TextFromHtml) {
        let html: Vec<String> = message
            .html_body
            .iter()
            .filter_map(|at| message.parts.get(*at as usize))
            .filter_map(|part| match &part.body {
                PartType::Html(html) => {
                    Some(text_of_html(&part_text(message, part, html, remarks)))
                }
                _ => None,
            })
            .collect();
        let from_html = tidy(&html.join("\n\n"));
        if from_html.len() > text.len() {
            note(remarks, Remark::TextFromHtml);
            text = from_html;
        }
    }
    cut(text, remarks)
}

/// Empty, or a short pointer to the other form of the mail.
fn is_stub(text: &str) -> bool {
    let folded = text.to_lowercase();
    text.is_empty()
        || (text.chars().count() < STUB_CHARS
            && ["browser", "html", "online"]
                .iter()
                .any(|word| folded.contains(word)))
}

/// The part's text as the parser decoded it, or, where the declared set didn't fit, decoded again by what the bytes are.
fn part_text(
    message: &Message<'_>,
    part: &MessagePart<'_>,
    decoded: &str,
    remarks: &mut Vec<Remark>,
) -> String {
    if part.is_encoding_problem {
        note(remarks, Remark::BrokenEncoding);
    }
    let declared = part.content_type().and_then(|ct| ct.attribute("charset"));
    // Programs call anything us-ascii; eight-bit bytes in it are some other set.
    let declared = declared.filter(|name| !name.eq_ignore_ascii_case("us-ascii"));
    if !decoded.contains('\u{fffd}') && (declared.is_some() || decoded.is_ascii()) {
        return decoded.to_owned();
    }
    let Some(raw) = message
        .raw_message
        .get(part.offset_body as usize..part.offset_end as usize)
    else {
        return decoded.to_owned();
    };
    let bytes = match part.encoding {
        Encoding::None => Some(raw.to_vec()),
        Encoding::Base64 => base64_decode(raw),
        Encoding::QuotedPrintable => quoted_printable_decode(raw),
    };
    let Some(bytes) = bytes else {
        return decoded.to_owned();
    };
    let (text, guessed) = decode(&bytes, declared);
    if guessed {
        note(remarks, Remark::CharsetGuessed);
    }
    text
}

/// Cut to what one entry may hold; the raw mail has the rest.
fn cut(mut text: String, remarks: &mut Vec<Remark>) -> String {
    if text.len() > BODY_BYTES {
        let mut end = BODY_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
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
fn parts(message: &Message<'_>, remarks: &mut Vec<Remark>) -> Vec<Part> {
    let mut kept = Vec::new();
    let shown = |at: &u32| message.text_body.contains(at) || message.html_body.contains(at);
    let ids = message.attachments.iter().filter(|at| !shown(at));
    for at in ids {
        let Some(part) = message.parts.get(*at as usize) else {
            continue;
        };
        if kept.len() == PARTS {
            note(remarks, Remark::PartsLeftOut);
            break;
        }
        let media = part
            .content_type()
            .map(media_type)
            .unwrap_or_else(|| "text/plain".to_owned());
        if media.starts_with("application/pgp-encrypted") || media == "application/pkcs7-mime" {
            note(remarks, Remark::Encrypted);
        }
        let name = part
            .attachment_name()
            .map(safe_name)
            .filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| format!("part-{}{}", kept.len() + 1, ending(&media)));
        kept.push(Part {
            name,
            media_type: media,
            bytes: part_bytes(message, part),
        });
    }
    kept
}

fn part_bytes(message: &Message<'_>, part: &MessagePart<'_>) -> Vec<u8> {
    let raw = message
        .raw_message
        .get(part.offset_body as usize..part.offset_end as usize)
        .unwrap_or_default();
    match (&part.body, part.encoding) {
        (PartType::Binary(bytes) | PartType::InlineBinary(bytes), _) => bytes.to_vec(),
        // Text that is an attachment keeps its own character set, byte for byte.
        (PartType::Text(_) | PartType::Html(_) | PartType::Message(_), Encoding::None) => {
            raw.to_vec()
        }
        (PartType::Text(text) | PartType::Html(text), Encoding::Base64) => {
            base64_decode(raw).unwrap_or_else(|| text.as_bytes().to_vec())
        }
        (PartType::Text(text) | PartType::Html(text), Encoding::QuotedPrintable) => {
            quoted_printable_decode(raw).unwrap_or_else(|| text.as_bytes().to_vec())
        }
        (PartType::Message(inner), Encoding::Base64 | Encoding::QuotedPrintable) => {
            inner.raw_message.to_vec()
        }
        (PartType::Multipart(_), _) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::mail_text::NAME_BYTES;
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
        assert_eq!(safe_name("a\u{202e}gpj.exe"), "agpj.exe");
        assert!(safe_name(&format!("{}.pdf", "ü".repeat(300))).len() <= NAME_BYTES);
    }

    #[test]
    fn strange_senders_are_shown_and_refuse_nothing() {
        for (from, shown, address) in [
            ("foo <foo@bar.example", "foo", Some("foo@bar.example")),
            ("", "noc@customer.example", Some("noc@customer.example")),
            ("John Doe", "John Doe", None),
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
        for raw in [many_headers, deep_mails, parameters] {
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
