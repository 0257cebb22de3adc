//! Which passages of a mail's text are quotes and signatures, so that a reader sees what was typed.
//!
//! Nothing is taken away: a [`Passage`] is a range of the text, and the folded ones are one click away, stored and searched.
//! When in doubt a passage is shown: a quote with an answer below it may *be* the conversation.

use std::ops::Range;

/// A stretch of the text, in bytes, whole lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    pub range: Range<usize>,
    pub is_folded: bool,
}

/// The line that our own mail begins with; what stands below its first occurrence in a reply is our text.
pub const REPLY_ABOVE: &str = "##- reply above this line -##";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Typed,
    Blank,
    Quote,
    Signature,
}

/// Splits `text` (lines end in `\n`) into shown and folded passages, in order, covering it wholly. If nothing would be
/// left to show, nothing is folded.
pub fn passages(text: &str) -> Vec<Passage> {
    let lines = lines(text);
    let mut sorts = sort(&lines);
    keep_conversations(&mut sorts);
    let typed = sorts.contains(&Sort::Typed);
    let mut passages: Vec<Passage> = Vec::new();
    for (at, (range, _)) in lines.iter().enumerate() {
        let is_folded = typed
            && match sorts[at] {
                Sort::Quote | Sort::Signature => true,
                Sort::Typed => false,
                // A blank line goes with what stands before it, so that a fold doesn't begin with a gap.
                Sort::Blank => passages.last().is_some_and(|passage| passage.is_folded),
            };
        match passages.last_mut() {
            Some(last) if last.is_folded == is_folded => last.range.end = range.end,
            _ => passages.push(Passage {
                range: range.clone(),
                is_folded,
            }),
        }
    }
    passages
}

/// The text that was typed: the shown passages, trimmed.
pub fn typed(text: &str) -> String {
    let shown: String = passages(text)
        .iter()
        .filter(|p| !p.is_folded)
        .map(|p| &text[p.range.clone()])
        .collect();
    shown.trim().to_owned()
}

fn lines(text: &str) -> Vec<(Range<usize>, &str)> {
    let mut start = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let range = start..start + line.len();
            start = range.end;
            (range, line.trim_end_matches(['\n', '\r']))
        })
        .collect()
}

fn sort(lines: &[(Range<usize>, &str)]) -> Vec<Sort> {
    let mut sorts: Vec<Sort> = lines
        .iter()
        .map(|(_, line)| match line.trim() {
            "" => Sort::Blank,
            start if start.starts_with('>') => Sort::Quote,
            _ => Sort::Typed,
        })
        .collect();
    for at in 0..lines.len() {
        let line = lines[at].1.trim();
        if line.contains(REPLY_ABOVE) {
            // Its client's "On … wrote:" stands right above our first line.
            let from = attribution_above(lines, at);
            sorts[from..].fill(Sort::Quote);
            break;
        }
        if sorts[at] == Sort::Quote {
            let from = attribution_above(lines, at);
            sorts[from..at].fill(Sort::Quote);
        } else if quotes_the_rest(lines, at) {
            sorts[at..].fill(Sort::Quote);
            break;
        }
    }
    if let Some(at) = signature(lines, &sorts) {
        for sort in &mut sorts[at..] {
            if *sort != Sort::Quote {
                *sort = Sort::Signature;
            }
        }
    }
    sorts
}

/// Where the "On … wrote:" that belongs to the quote at `at` begins; `at` if there is none. It may be wrapped over three lines.
fn attribution_above(lines: &[(Range<usize>, &str)], at: usize) -> usize {
    let mut end = at;
    while end > 0 && lines[end - 1].1.trim().is_empty() {
        end -= 1;
    }
    if end == 0 || at - end > 2 {
        return at;
    }
    let last = lines[end - 1].1.trim();
    if !last.ends_with([':', '：']) {
        return at;
    }
    for length in 1..=3.min(end) {
        let from = end - length;
        if lines[from].1.trim().is_empty() {
            return at;
        }
        let joined = lines[from..end]
            .iter()
            .map(|(_, line)| line.trim())
            .collect::<Vec<_>>()
            .join(" ");
        if is_attribution(&joined) {
            return from;
        }
    }
    at
}

/// "On … wrote:" in twenty languages: first word (or none), last words before the colon, lower case.
const WROTE: &[(&str, &str)] = &[
    ("on ", "wrote"),
    ("am ", "schrieb"),
    ("", "schrieb"),
    ("le ", "a écrit"),
    ("el ", "escribió"),
    ("il ", "ha scritto"),
    ("em ", "escreveu"),
    ("op ", "schreef"),
    ("", "schreef"),
    ("den ", "skrev"),
    ("", "skrev"),
    ("", "kirjoitti"),
    ("dnia ", "napisał"),
    ("", "napisał(a)"),
    ("", "pisze"),
    ("dne ", "napsal"),
    ("", "napsal(a)"),
    ("", "написал"),
    ("", "пишет"),
    ("", "írta"),
    ("", "wrote"),
    ("", "şunu yazdı"),
    ("", "tarihinde yazdı"),
    ("", "έγραψε"),
    ("", "a scris"),
    ("", "写道"),
    ("", "寫道"),
    ("", "のメール"),
    ("", "님이 작성"),
    ("", "napísal"),
    ("", "je napisao"),
];

fn is_attribution(line: &str) -> bool {
    let folded = line.to_lowercase();
    let body = folded.trim_end_matches([':', '：', ' ', '\u{a0}']);
    // A date or an address tells it from "as my grandmother wrote:".
    let has_trace = body.contains('@') || body.chars().any(|c| c.is_ascii_digit());
    has_trace
        && WROTE.iter().any(|(first, last)| {
            // A line that begins with the verb is the second half of a wrapped one.
            body.starts_with(first)
                && !body.starts_with(last)
                && (body.ends_with(last)
                    || body
                        .rfind(last)
                        .is_some_and(|at| body[at + last.len()..].contains('@')))
        })
}

/// A divider or a header block at `at` after which the rest of the mail is somebody else's, without `>`.
fn quotes_the_rest(lines: &[(Range<usize>, &str)], at: usize) -> bool {
    let line = lines[at].1.trim();
    let below = lines[at + 1..]
        .iter()
        .position(|(_, text)| !text.trim().is_empty())
        .map(|gap| at + 1 + gap);
    let block_below = below.is_some_and(|from| header_block(lines, from));
    let is_divider = line.starts_with("--") && line.ends_with("--") && {
        let words = line.trim_matches('-').trim().to_lowercase();
        ORIGINAL.contains(&words.as_str())
    };
    // "-----" and a line of underscores are people's own rulers unless a header block follows.
    let is_ruler =
        line.len() >= 5 && (line.chars().all(|c| c == '_') || line.chars().all(|c| c == '-'));
    is_divider || (is_ruler && block_below) || header_block(lines, at)
}

const ORIGINAL: &[&str] = &[
    "original message",
    "ursprüngliche nachricht",
    "originalnachricht",
    "message d'origine",
    "message original",
    "mensaje original",
    "messaggio originale",
    "mensagem original",
    "oorspronkelijk bericht",
    "ursprungligt meddelande",
    "oprindelig meddelelse",
    "opprinnelig melding",
    "alkuperäinen viesti",
    "oryginalna wiadomość",
    "původní zpráva",
    "исходное сообщение",
    "原始邮件",
    "原始郵件",
    "元のメッセージ",
];

/// Names of From, Sent, To and Subject as Outlook writes them, lower case.
const HEADER_NAMES: [&[&str]; 4] = [
    &[
        "from",
        "von",
        "de",
        "da",
        "van",
        "från",
        "fra",
        "lähettäjä",
        "od",
        "от",
        "发件人",
        "寄件者",
        "差出人",
    ],
    &[
        "sent",
        "date",
        "gesendet",
        "datum",
        "envoyé",
        "enviado",
        "inviato",
        "data",
        "verzonden",
        "skickat",
        "sendt",
        "lähetetty",
        "wysłano",
        "odesláno",
        "отправлено",
        "дата",
        "fecha",
        "发送时间",
        "寄件日期",
        "送信日時",
    ],
    &[
        "to",
        "an",
        "à",
        "para",
        "a",
        "aan",
        "till",
        "til",
        "vastaanottaja",
        "do",
        "komu",
        "кому",
        "收件人",
        "收件者",
        "宛先",
    ],
    &[
        "subject",
        "betreff",
        "objet",
        "asunto",
        "oggetto",
        "assunto",
        "onderwerp",
        "ämne",
        "emne",
        "aihe",
        "temat",
        "předmět",
        "тема",
        "主题",
        "主旨",
        "件名",
    ],
];

/// At least three of From, Sent, To and Subject in the next lines, beginning with From: one of them alone is a person's text.
fn header_block(lines: &[(Range<usize>, &str)], at: usize) -> bool {
    let mut seen = [false; 4];
    for (offset, (_, line)) in lines[at..].iter().take(7).enumerate() {
        let line = line.trim().trim_start_matches('*');
        if line.is_empty() {
            break;
        }
        if let Some((name, _)) = line.split_once([':', '：']) {
            let name = name.trim().trim_end_matches('*').to_lowercase();
            if let Some(which) = HEADER_NAMES
                .iter()
                .position(|names| names.contains(&name.as_str()))
            {
                seen[which] = true;
            }
        }
        if offset == 0 && !seen[0] {
            return false;
        }
    }
    seen.iter().filter(|seen| **seen).count() >= 3
}

/// The line `-- ` that begins a signature, if typed text stands above it. `--` whose blank was lost counts when little follows.
fn signature(lines: &[(Range<usize>, &str)], sorts: &[Sort]) -> Option<usize> {
    let at = lines.iter().enumerate().position(|(at, (_, line))| {
        sorts[at] != Sort::Quote
            && (*line == "-- " || (line.trim_end() == "--" && lines.len() - at <= 12))
    })?;
    let typed_above = sorts[..at].contains(&Sort::Typed);
    typed_above.then_some(at)
}

/// Quotes are folded when they stand wholly below the answer, or when one stands wholly above it. Anything else is a
/// conversation, and all of it is shown.
fn keep_conversations(sorts: &mut [Sort]) {
    let typed: Vec<usize> = positions(sorts, Sort::Typed);
    let quoted: Vec<usize> = positions(sorts, Sort::Quote);
    let (Some(&first_typed), Some(&last_typed)) = (typed.first(), typed.last()) else {
        return;
    };
    let (Some(&first_quote), Some(&last_quote)) = (quoted.first(), quoted.last()) else {
        return;
    };
    let above = last_typed < first_quote;
    let below = last_quote < first_typed;
    if !above && !below {
        for sort in sorts.iter_mut().filter(|sort| **sort == Sort::Quote) {
            *sort = Sort::Typed;
        }
    }
}

fn positions(sorts: &[Sort], wanted: Sort) -> Vec<usize> {
    sorts
        .iter()
        .enumerate()
        .filter(|(_, sort)| **sort == wanted)
        .map(|(at, _)| at)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_shown() {
        let rows = [
            (
                "top, Gmail",
                "It works.\n\nOn Mon, 2 Nov 2026 at 10:00, Desk <d@x.org> wrote:\n> Does it?\n",
                "It works.",
            ),
            (
                "wrapped attribution",
                "Ja.\n\nAm Mo., 2. Nov. 2026 um 10:00 Uhr\nschrieb Desk <d@x.org>:\n\n> Geht es?\n",
                "Ja.",
            ),
            (
                "bottom",
                "> Does it work now?\n\nYes, since noon.\n",
                "Yes, since noon.",
            ),
            (
                "Outlook",
                "Fixed.\n\n________________________________\nFrom: Desk <d@x>\nSent: Monday\nTo: Ada\nSubject: Re: x\n\nOld text\n",
                "Fixed.",
            ),
            (
                "Outlook, German",
                "Danke!\n\nVon: Desk\nGesendet: Montag\nAn: Ada\nBetreff: x\n\nAlter Text",
                "Danke!",
            ),
            (
                "original message",
                "Ok\n-----Original Message-----\nold",
                "Ok",
            ),
            (
                "reply above",
                "Done\n\n##- reply above this line -##\nINC-1\n",
                "Done",
            ),
            (
                "signature",
                "Please call.\n-- \nAda\nContoso\n",
                "Please call.",
            ),
            (
                "signature between",
                "Please call.\n-- \nAda\n\nOn 1 Nov 2026, d@x wrote:\n> x\n",
                "Please call.",
            ),
        ];
        for (name, text, expected) in rows {
            assert_eq!(typed(text), expected, "{name}");
            let whole: String = passages(text)
                .iter()
                .map(|p| &text[p.range.clone()])
                .collect();
            assert_eq!(whole, text, "{name}: nothing is lost");
        }
    }

    #[test]
    fn in_doubt_everything_is_shown() {
        for (name, text) in [
            ("interleaved", "> Is it down?\nYes.\n> Since when?\nNoon."),
            ("only a quote", "> forwarded text\n> more"),
            (
                "forward without own text",
                "-----Original Message-----\nFrom: x\nSent: y\nTo: z\nSubject: s\n\nold",
            ),
            (
                "people's rulers",
                "Part one\n-----\nPart two\nFrom: where? Nobody knows\n",
            ),
            ("all signature", "-- \nAda Lovelace\n+44 1"),
            (
                "grandmother",
                "As my grandmother wrote:\nnever reboot on Friday",
            ),
        ] {
            assert!(passages(text).iter().all(|p| !p.is_folded), "{name}");
        }
        assert!(passages("").is_empty());
    }
}
