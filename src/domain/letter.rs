//! A mail that was read, as a value; what sort of mail it is; and which ticket it may mean.
//!
//! Promises: nothing here fails on strange input, and nothing here decides alone: a [`Clue`] says which ticket a mail
//! points to, [`standing`](Standing) says who wrote it, and [`landing`] is the table that joins the two
//! (`email-intake.md`, *Matching*). Whether a foreign Message-ID was ever stored, and who the sender is, only the store knows.
//!
//! Our own ids carry a signature over the ticket they speak of. Without the key nobody can make one, and an id of ours that
//! doesn't verify (guessed, altered, from another installation) is told apart from a foreign one: it is shown as forged.

use super::id::TicketKey;
use super::mail_trace::Traces;
use super::postmortem::Attendance;
use super::quarantine::Danger;
use super::text::EmailAddress;
use super::timestamp::Timestamp;
use super::word::words;

/// A mail's header block and readable text, decoded and tidied. Bytes of parts stay in the raw mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Without `<>`; `None` if missing or blank. Longer than [`MESSAGE_ID_BYTES`]: stored, never echoed.
    pub message_id: Option<String>,
    pub in_reply_to: Vec<String>,
    pub references: Vec<String>,
    pub from: Writer,
    /// Header addresses as far as they could be read.
    pub reply_to: Vec<EmailAddress>,
    pub to: Vec<EmailAddress>,
    pub cc: Vec<EmailAddress>,
    /// `Delivered-To` and `X-Original-To`: where a relay says that it put this mail.
    pub delivered_to: Vec<EmailAddress>,
    /// Unfolded and decoded, as it was sent; may be empty and may be long.
    pub subject: String,
    /// The sender's own date, which is shown and never trusted.
    pub dated_at: Option<Timestamp>,
    /// The whole readable text, tidied, quotes and signature included; may be empty.
    pub text: String,
    /// The HTML form as it was sent: never shown before it is cleaned.
    pub html: Option<String>,
    /// The character sets that the text was read in, `windows-1252`; more than one if its parts differ.
    pub charsets: Vec<String>,
    pub nature: Nature,
    /// What it answers to an invitation.
    pub answer: Option<CalendarAnswer>,
    /// The sender asked that nobody answers automatically, whatever the mail's nature is.
    pub wants_no_answer: bool,
    pub parts: Vec<Part>,
    /// Header lines that only some mails have.
    pub traces: Traces,
    /// What was left out or guessed on the way: `limit-…` and `decoded-…` words, shown beside the mail.
    pub remarks: Vec<Remark>,
    /// Whose certificate signed it, as far as that was looked at; `None` if nobody's.
    pub signer: Option<String>,
}

/// An answer to an invitation, as calendars send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarAnswer {
    /// The invitation's.
    pub uid: String,
    /// Who answers.
    pub attendee: EmailAddress,
    pub attendance: Attendance,
}

/// Who wrote it, as the mail says: never verified by being written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// Display name and address as written, for people to read; "" if nothing could be read.
    pub shown: String,
    /// From's first address, else Sender, else Return-Path.
    pub address: Option<EmailAddress>,
    /// The display name alone, "" if none.
    pub name: String,
}

/// A part that isn't the readable text: kept byte for byte, offered as a download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Safe to show and to export: no path, no control or bidi characters, no device, at most 200 bytes, and no other part has it.
    pub name: String,
    /// The name as the mail has it, decoded and not cleaned; `None` if it has none.
    pub written_name: Option<String>,
    /// Lower-case `type/subtype`, as declared; never believed when served.
    pub media_type: String,
    /// How the HTML form refers to it, without `<>`.
    pub content_id: Option<String>,
    pub bytes: Vec<u8>,
    /// What it would do when opened; such a file is shut away.
    pub danger: Option<Danger>,
}

words! {
    /// What the reader of a mail had to leave out or to guess.
    pub enum Remark {
        /// Nothing in it could be understood: not even a header.
        Unreadable = "unreadable",
        /// The reader itself failed on it: what its header says is known, its text stands as it came.
        ReaderFailed = "reader_failed",
        /// Too many headers or parameters: only the header block was read.
        OverLimits = "over_limits",
        /// More parts, or deeper ones, than are kept one by one; the rest is one raw part.
        PartsLeftOut = "parts_left_out",
        /// The text was longer than an entry may be.
        TextCut = "text_cut",
        /// The declared character set didn't fit the bytes.
        CharsetGuessed = "charset_guessed",
        /// A part's transfer encoding was broken.
        BrokenEncoding = "broken_encoding",
        /// No text part: the text was made from the HTML form.
        TextFromHtml = "text_from_html",
        /// An encrypted part that we have no key for.
        Encrypted = "encrypted",
        /// A file of it would run when opened.
        Executable = "executable",
        /// Signed by PGP or S/MIME, and nobody has checked the signature.
        SignatureUnchecked = "signature_unchecked",
        /// The text is as it was signed, by its sender, whose certificate was good when it came and leads to an authority of ours.
        SignatureValid = "signature_valid",
        /// The text is as it was signed; what else there is to say follows.
        SignatureIntact = "signature_intact",
        /// The text isn't what was signed, or the signature isn't by this certificate.
        SignatureBroken = "signature_broken",
        /// No signature could be made out in what should be one, or it is larger than is looked at.
        SignatureUnreadable = "signature_unreadable",
        /// Signed in a way, or with a key, that proves nothing today, or that isn't known here.
        SignatureAlgorithm = "signature_algorithm",
        /// Only a part of the mail is signed.
        SignaturePartial = "signature_partial",
        /// The certificate is for another address than the mail's sender.
        SignerNotSender = "signer_not_sender",
        /// The signer's certificate isn't in the mail.
        SignerMissing = "signer_missing",
        /// The signer's certificate had ended when the mail came.
        CertificateExpired = "certificate_expired",
        CertificateNotYetValid = "certificate_not_yet_valid",
        /// The certificate isn't made for signing mail.
        CertificateUnfit = "certificate_unfit",
        /// The certificate leads to no authority of ours: one between is missing, or nobody trusts its issuer here.
        ChainUntrusted = "chain_untrusted",
        /// It leads to an authority of ours over a certificate that had ended when the mail came.
        ChainExpired = "chain_expired",
        /// No authority is named in the settings that it could lead to.
        ChainUnchecked = "chain_unchecked",
    }
}

words! {
    /// Why a mail counts as automatic: it opens, reopens and satisfies nothing, and is never answered.
    pub enum Automatic {
        AutoReply = "auto_reply",
        Generated = "generated",
        List = "list",
        Bulk = "bulk",
        /// An out-of-office note that says so in its subject alone.
        Away = "away",
        /// An empty return path.
        NoReturnPath = "no_return_path",
        Receipt = "receipt",
        AbuseReport = "abuse_report",
        CalendarReply = "calendar_reply",
        /// A telephone system recorded a message, or says that somebody called.
        Voicemail = "voicemail",
    }
}

/// What sort of mail it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nature {
    /// Written by a person, for all we can see.
    Personal,
    Automatic(Automatic),
    Bounce(Bounce),
}

/// A report that a mail couldn't be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounce {
    /// 5.x.y; a 4.x.y says "still trying".
    pub is_permanent: bool,
    pub recipient: Option<EmailAddress>,
    /// The status code as written, `5.1.1`; "" if the report has none.
    pub status: String,
    /// Every message id found anywhere in the report.
    pub about: Vec<String>,
}

/// A Message-ID as it is stored and looked up: broken programs write ids that no index takes.
pub fn stored_id(id: &str) -> &str {
    let mut end = id.len().min(2 * MESSAGE_ID_BYTES);
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    &id[..end]
}

/// Longest Message-ID that is echoed in References, in bytes: longer ones break other programs' header lines.
pub const MESSAGE_ID_BYTES: usize = 998;

/// The header lines that say what sort of mail it is.
#[derive(Debug, Clone, Default)]
pub struct Signs<'a> {
    pub auto_submitted: Option<&'a str>,
    pub precedence: Option<&'a str>,
    pub auto_response_suppress: Option<&'a str>,
    pub has_list_headers: bool,
    pub has_auto_reply_header: bool,
    /// A header that only reports of failed delivery have.
    pub has_failed_header: bool,
    /// An envelope sender of `<>`, or a `Return-Path: <>`.
    pub has_empty_return_path: bool,
    /// Lower-case `type/subtype` of the whole mail.
    pub content_type: &'a str,
    pub report_type: &'a str,
    pub has_calendar_reply: bool,
    pub subject: &'a str,
    /// Local part of the sender's address, lower case.
    pub sender_local: &'a str,
}

/// Sorts a mail by its signs. A bounce is told by its report type, or by who sends it when it has no return path.
pub fn nature(signs: &Signs<'_>, bounce: impl FnOnce() -> Bounce) -> Nature {
    // The type alone is a report's; its parts alone may be a report that a person forwards.
    let is_report = signs.content_type == "multipart/report" || signs.has_empty_return_path;
    match signs.report_type {
        "delivery-status" if is_report => return Nature::Bounce(bounce()),
        "disposition-notification" if is_report => return Nature::Automatic(Automatic::Receipt),
        "feedback-report" if is_report => return Nature::Automatic(Automatic::AbuseReport),
        _ => {}
    }
    let is_daemon = is_daemon(signs.sender_local);
    let sounds_undelivered = sounds_undelivered(signs.subject);
    if signs.has_failed_header
        || is_daemon && (signs.has_empty_return_path || sounds_undelivered)
        || signs.has_empty_return_path && sounds_undelivered
    {
        return Nature::Bounce(bounce());
    }
    if signs.has_calendar_reply {
        return Nature::Automatic(Automatic::CalendarReply);
    }
    // Any other value than "no" is automatic; "no" is what a person's program may write.
    if let Some(value) = signs.auto_submitted {
        match value.split([';', ' ', '(']).next().map(str::trim) {
            Some(word) if word.eq_ignore_ascii_case("no") => {}
            Some(word) if word.eq_ignore_ascii_case("auto-generated") => {
                return Nature::Automatic(Automatic::Generated);
            }
            _ => return Nature::Automatic(Automatic::AutoReply),
        }
    }
    if signs.has_auto_reply_header {
        return Nature::Automatic(Automatic::AutoReply);
    }
    if signs.has_empty_return_path {
        return Nature::Automatic(Automatic::NoReturnPath);
    }
    if let Some(word) = signs.precedence.map(str::trim) {
        if word.eq_ignore_ascii_case("list") {
            return Nature::Automatic(Automatic::List);
        }
        if word.eq_ignore_ascii_case("auto_reply") || word.eq_ignore_ascii_case("auto-reply") {
            return Nature::Automatic(Automatic::AutoReply);
        }
        if word.eq_ignore_ascii_case("bulk") || word.eq_ignore_ascii_case("junk") {
            return Nature::Automatic(Automatic::Bulk);
        }
    }
    if signs.has_list_headers {
        return Nature::Automatic(Automatic::List);
    }
    if sounds_away(signs.subject) {
        return Nature::Automatic(Automatic::Away);
    }
    Nature::Personal
}

/// Starts of subjects that out-of-office programs write when they set no header, lower case, in twelve languages.
const AWAY: &[&str] = &[
    "out of office",
    "automatic reply:",
    "auto reply:",
    "autoreply:",
    "auto-reply:",
    "out of the office",
    "automatische antwort:",
    "abwesenheitsnotiz",
    "abwesend:",
    "réponse automatique",
    "absence du bureau",
    "respuesta automática",
    "fuera de la oficina",
    "risposta automatica",
    "fuori sede",
    "resposta automática",
    "ausência temporária",
    "automatisch antwoord",
    "afwezigheid",
    "autosvar",
    "frånvaro",
    "fravær",
    "automaattinen vastaus",
    "poissaoloviesti",
    "automatyczna odpowiedź",
    "odpowiedź automatyczna",
    "automatická odpověď",
    "автоответ",
    "自動応答",
    "自动回复",
    "自動回覆",
];

fn sounds_away(subject: &str) -> bool {
    let folded = subject.trim().to_lowercase();
    // Servers put their own marks in front: `[EXT]`, `[EXTERN]`.
    let mut folded = folded.as_str();
    while let Some((_, rest)) = folded
        .strip_prefix('[')
        .and_then(|text| text.split_once(']'))
    {
        folded = rest.trim_start();
    }
    AWAY.iter().any(|start| folded.starts_with(start))
}

/// Senders of delivery reports, by the local part of their address.
fn is_daemon(local: &str) -> bool {
    matches!(
        local,
        "mailer-daemon" | "mailerdaemon" | "mail-daemon" | "postmaster" | "mdaemon" | "mta-daemon"
    ) || local.starts_with("microsoftexchange")
}

/// Words of reports' subjects, lower case.
const UNDELIVERED: &[&str] = &[
    "undeliver",
    "delivery status",
    "delivery failure",
    "delivery failed",
    "delivery incomplete",
    "delivery delayed",
    "failure notice",
    "returned mail",
    "returned to sender",
    "mail delivery",
    "message delivery",
    "delivery has failed",
    "delivery problem",
    "warning: could not send",
    "unzustellbar",
    "nicht zugestellt",
    "zustellung fehlgeschlagen",
    "non remis",
    "non distribu",
    "échec de la remise",
    "no se puede entregar",
    "no entregado",
    "error de entrega",
    "niet bezorgd",
    "onbestelbaar",
    "mancato recapito",
    "mancata consegna",
    "non recapitabile",
    "não entregue",
    "não é possível entregar",
    "kan inte levereras",
    "kunne ikke leveres",
    "ei voitu toimittaa",
    "niedostarcz",
    "nie można dostarczyć",
    "nedoručiteln",
    "не доставлено",
    "недоставленное",
    "teslim edilemedi",
    "配信不能",
    "配信できませんでした",
    "退信",
    "无法送达",
    "未送達",
];

fn sounds_undelivered(subject: &str) -> bool {
    let folded = subject.to_lowercase();
    UNDELIVERED.iter().any(|sound| folded.contains(sound))
}

/// Reply and forward prefixes of mail programs, lower case, without their colon.
const PREFIXES: &[&str] = &[
    "re",
    "aw",
    "wg",
    "fw",
    "fwd",
    "sv",
    "vs",
    "vb",
    "res",
    "enc",
    "antw",
    "odp",
    "pd",
    "ynt",
    "ilt",
    "rif",
    "i",
    "tr",
    "rv",
    "回复",
    "回覆",
    "答复",
    "转发",
    "轉寄",
    "返信",
    "転送",
    "ответ",
    "на",
    "атп",
    "απ",
    "σχετ",
    "πρθ",
    "bls",
    "trs",
    "vá",
    "továbbítás",
    "nda",
    "atb",
    "ats",
    "ref",
];

/// The subject without reply and forward prefixes and without our own `[INC-12]`, for a title. May be empty.
pub fn bare_subject(subject: &str) -> String {
    let mut rest = subject.trim();
    loop {
        if let Some((head, tail)) = rest.split_once([':', '：']) {
            // "Re[2]" and "Re (3)" are written by some programs.
            let word = head
                .split(['[', '('])
                .next()
                .unwrap_or("")
                .trim()
                .to_lowercase();
            if PREFIXES.contains(&word.as_str()) {
                rest = tail.trim_start();
                continue;
            }
        }
        if let Some((token, tail)) = rest.strip_prefix('[').and_then(|text| text.split_once(']'))
            && token.parse::<TicketKey>().is_ok()
        {
            rest = tail.trim_start();
            continue;
        }
        return rest.to_owned();
    }
}

/// The ticket keys written as `[INC-12]` in a subject, in order, each once. Other systems' `[#4711]` is none of ours.
pub fn subject_keys(subject: &str) -> Vec<TicketKey> {
    let mut keys = Vec::new();
    for piece in subject.split('[').skip(1) {
        let key = piece
            .split_once(']')
            .and_then(|(token, _)| token.trim().parse().ok());
        if let Some(key) = key
            && !keys.contains(&key)
        {
            keys.push(key);
        }
    }
    keys
}

/// The address without `+anything`: the one that a mailbox is configured under.
pub fn without_tag(address: &EmailAddress) -> String {
    let folded = address.folded();
    match folded.rsplit_once('@') {
        Some((local, domain)) => format!("{}@{domain}", local.split('+').next().unwrap_or(local)),
        None => folded,
    }
}

words! {
    /// How a mail found its ticket.
    pub enum Clue {
        /// A signed reply address or Message-ID of ours.
        Signed = "signed",
        /// A foreign Message-ID that a stored mail of the ticket has.
        Foreign = "foreign",
        /// `[INC-12]` in the subject.
        Subject = "subject",
    }
}

words! {
    /// Who the sender is to the ticket that was found.
    pub enum Standing {
        /// Requester, watcher, staff with access now, or named in To or Cc by one of them.
        Known = "known",
        /// A contact of the customer that the ticket belongs to.
        SameCustomer = "same_customer",
        OtherCustomer = "other_customer",
        Unknown = "unknown",
    }
}

words! {
    /// What becomes of a mail that points to a ticket.
    pub enum Landing {
        Appended = "appended",
        /// Appended and marked "new on this ticket"; the sender gains no view of it.
        AppendedNewcomer = "appended_newcomer",
        JoinRequest = "join_request",
    }
}

/// The table of `email-intake.md`: a signed id proves that the mail was seen, not that its bearer may speak.
pub const fn landing(clue: Clue, standing: Standing) -> Landing {
    match (clue, standing) {
        (_, Standing::Known) => Landing::Appended,
        (Clue::Signed, Standing::SameCustomer) => Landing::AppendedNewcomer,
        (Clue::Foreign | Clue::Subject, Standing::SameCustomer) => Landing::JoinRequest,
        (_, Standing::OtherCustomer | Standing::Unknown) => Landing::JoinRequest,
    }
}

/// The Message-IDs in a header value: what stands between `<` and `>`; without any, the value's words without comments.
pub fn message_ids(value: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for piece in value.split('<').skip(1) {
        let Some((id, _)) = piece.split_once('>') else {
            continue;
        };
        let id: String = id
            .chars()
            .filter(|c| !c.is_whitespace() && !c.is_control())
            .collect();
        if !id.is_empty() {
            ids.push(id);
        }
    }
    if ids.is_empty() {
        let plain = without_comments(value);
        ids.extend(
            plain
                .split_whitespace()
                .filter(|word| word.contains('@'))
                .map(str::to_owned),
        );
    }
    if ids.len() > REFERENCES {
        // The root and the nearest: what relays cut is the middle.
        ids.drain(1..=ids.len() - REFERENCES);
    }
    ids
}

/// Ids of one header that are looked at: more than any mail program writes, few enough to look up.
const REFERENCES: usize = 50;

/// One Message-ID: as [`message_ids`], but a value without `@` counts too, since broken programs write such ids.
pub fn message_id(value: &str) -> Option<String> {
    if let Some(id) = message_ids(value).into_iter().next() {
        return Some(id);
    }
    let plain: String = without_comments(value)
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control())
        .collect();
    let plain = plain.trim_matches(['<', '>']).to_owned();
    (!plain.is_empty()).then_some(plain)
}

fn without_comments(value: &str) -> String {
    let mut depth = 0usize;
    value
        .chars()
        .filter(|c| match c {
            '(' => {
                depth += 1;
                false
            }
            ')' if depth > 0 => {
                depth -= 1;
                false
            }
            _ => depth == 0,
        })
        .collect()
}

/// How long the header of a raw mail is: up to the empty line, that included.
pub fn header_bytes(mail: &[u8]) -> usize {
    let end = |mark: &[u8]| memchr::memmem::find(mail, mark).map(|at| at + mark.len());
    match (end(b"\r\n\r\n"), end(b"\n\n")) {
        (Some(one), Some(other)) => one.min(other),
        (one, other) => one.or(other).unwrap_or(mail.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_references_the_root_and_the_nearest_are_kept() {
        let all: Vec<String> = (0..200).map(|n| format!("<{n}@x.example>")).collect();
        let kept = message_ids(&all.join("\r\n "));
        assert_eq!(kept.len(), REFERENCES);
        assert_eq!(
            (kept[0].as_str(), kept[49].as_str()),
            ("0@x.example", "199@x.example")
        );
        assert_eq!(kept[1], "151@x.example");
        assert_eq!(message_ids(&all[..50].join(" ")).len(), 50);
    }

    fn signs() -> Signs<'static> {
        Signs {
            content_type: "text/plain",
            subject: "Uplink down",
            sender_local: "noc",
            ..Signs::default()
        }
    }

    fn sorted(signs: &Signs<'_>) -> Nature {
        nature(signs, || Bounce {
            is_permanent: true,
            recipient: None,
            status: String::new(),
            about: Vec::new(),
        })
    }

    #[test]
    fn only_people_open_tickets() {
        let automatic = |kind| Nature::Automatic(kind);
        let rows: Vec<(&str, Signs<'static>, Nature)> = vec![
            ("nothing special", signs(), Nature::Personal),
            (
                "no is a person",
                Signs {
                    auto_submitted: Some("no"),
                    ..signs()
                },
                Nature::Personal,
            ),
            (
                "auto-replied",
                Signs {
                    auto_submitted: Some("auto-replied; x"),
                    ..signs()
                },
                automatic(Automatic::AutoReply),
            ),
            (
                "any other word",
                Signs {
                    auto_submitted: Some("yes"),
                    ..signs()
                },
                automatic(Automatic::AutoReply),
            ),
            (
                "generated",
                Signs {
                    auto_submitted: Some("auto-generated"),
                    ..signs()
                },
                automatic(Automatic::Generated),
            ),
            (
                "bulk",
                Signs {
                    precedence: Some("Bulk"),
                    ..signs()
                },
                automatic(Automatic::Bulk),
            ),
            (
                "list",
                Signs {
                    precedence: Some("list"),
                    ..signs()
                },
                automatic(Automatic::List),
            ),
            (
                "first-class",
                Signs {
                    precedence: Some("first-class"),
                    ..signs()
                },
                Nature::Personal,
            ),
            (
                "unsubscribe",
                Signs {
                    has_list_headers: true,
                    ..signs()
                },
                automatic(Automatic::List),
            ),
            (
                "null sender",
                Signs {
                    has_empty_return_path: true,
                    ..signs()
                },
                automatic(Automatic::NoReturnPath),
            ),
            (
                "suppress alone",
                Signs {
                    auto_response_suppress: Some("All"),
                    ..signs()
                },
                Nature::Personal,
            ),
            (
                "away",
                Signs {
                    subject: "Automatische Antwort: Ihr Ticket",
                    ..signs()
                },
                automatic(Automatic::Away),
            ),
            (
                "away, told by a person",
                Signs {
                    subject: "Re: out of office printer",
                    ..signs()
                },
                Nature::Personal,
            ),
            (
                "receipt",
                Signs {
                    content_type: "multipart/report",
                    report_type: "disposition-notification",
                    ..signs()
                },
                automatic(Automatic::Receipt),
            ),
            (
                "calendar",
                Signs {
                    has_calendar_reply: true,
                    ..signs()
                },
                automatic(Automatic::CalendarReply),
            ),
        ];
        for (name, signs, expected) in rows {
            assert_eq!(sorted(&signs), expected, "{name}");
        }
        let report = Signs {
            content_type: "multipart/report",
            report_type: "delivery-status",
            ..signs()
        };
        assert!(matches!(sorted(&report), Nature::Bounce(_)));
        let exchange = Signs {
            sender_local: "postmaster",
            subject: "Undeliverable: Re: Uplink",
            ..signs()
        };
        assert!(matches!(sorted(&exchange), Nature::Bounce(_)));
        let person = Signs {
            sender_local: "postmaster",
            subject: "Our mail server moves",
            ..signs()
        };
        assert_eq!(sorted(&person), Nature::Personal);
    }

    #[test]
    fn prefixes_and_our_token_are_not_part_of_the_title() {
        for (subject, bare) in [
            ("Re: AW: WG: [INC-12] Uplink down", "Uplink down"),
            ("回复：[inc-3] Antw: Fwd: x", "x"),
            ("Re[2]: status", "status"),
            ("Re:", ""),
            ("[#4711] invoice", "[#4711] invoice"),
            ("Error: disk full", "Error: disk full"),
        ] {
            assert_eq!(bare_subject(subject), bare, "{subject}");
        }
        assert_eq!(
            subject_keys("Fwd: [INC-12] and [CHG-7] and [INC-12] [#99]").len(),
            2
        );
        assert!(subject_keys("[#4711] [ABC-1] INC-9").is_empty());
    }

    #[test]
    fn the_table_of_landings() {
        use Landing::*;
        for (clue, known, same, other, unknown) in [
            (
                Clue::Signed,
                Appended,
                AppendedNewcomer,
                JoinRequest,
                JoinRequest,
            ),
            (
                Clue::Foreign,
                Appended,
                JoinRequest,
                JoinRequest,
                JoinRequest,
            ),
            (
                Clue::Subject,
                Appended,
                JoinRequest,
                JoinRequest,
                JoinRequest,
            ),
        ] {
            assert_eq!(landing(clue, Standing::Known), known);
            assert_eq!(landing(clue, Standing::SameCustomer), same);
            assert_eq!(landing(clue, Standing::OtherCustomer), other);
            assert_eq!(landing(clue, Standing::Unknown), unknown);
        }
    }

    #[test]
    fn ids_are_read_as_programs_write_them() {
        assert_eq!(message_ids("<a@x>\r\n <b@y> (c) <>"), ["a@x", "b@y"]);
        assert_eq!(message_ids("a@x b@y"), ["a@x", "b@y"]);
        assert_eq!(message_id(" (made by hand) abc 1"), Some("abc1".to_owned()));
        assert_eq!(message_id("  <> "), None);
    }

    #[test]
    fn a_header_ends_at_the_first_empty_line() {
        assert_eq!(header_bytes(b"A: b\r\n\r\nbody\n\n"), 8);
        assert_eq!(header_bytes(b"A: b\n\nbody\r\n\r\n"), 6);
        assert_eq!(header_bytes(b"A: b"), 4);
    }
}
