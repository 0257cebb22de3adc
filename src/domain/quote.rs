//! Which passages of a mail's text are quotes and signatures, so that a reader sees what was typed.
//!
//! Nothing is taken away: a [`Passage`] is a range of the text, and the folded ones are one click away, stored and searched.
//! When in doubt a passage is shown: a quote with an answer below it may *be* the conversation.

mod phrases;

use std::ops::Range;

use phrases::{DEVICES, FOOTERS, FORWARDS, HEADER_NAMES, OPENERS, ORIGINAL, WROTE};

/// A stretch of the text, in bytes, whole lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    pub range: Range<usize>,
    pub is_folded: bool,
}

/// The line that our own mail begins with; what stands below its first occurrence in a reply is our text.
pub const REPLY_ABOVE: &str = "##- reply above this line -##";
/// The same in the other languages that our letters are written in. Each is known whatever language a ticket has now: who answers an old
/// letter quotes it. A line that was once sent is never taken from here.
pub const REPLY_ABOVE_IN: &[(&str, &str)] = &[("de", "##- Bitte über dieser Zeile antworten -##")];

/// The line for letters in this language.
pub fn reply_above(language: &str) -> &'static str {
    let known = REPLY_ABOVE_IN.iter().find(|(of, _)| *of == language);
    known.map_or(REPLY_ABOVE, |(_, line)| line)
}

fn is_our_line(line: &str) -> bool {
    let mut others = REPLY_ABOVE_IN.iter();
    line.contains(REPLY_ABOVE) || others.any(|(_, ours)| line.contains(ours))
}

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
        if is_our_line(line) {
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
    for find in [signature, footer, list_footer, device] {
        if let Some(at) = find(lines, &sorts) {
            // Up to the quote below it: what was typed under a quote is an answer.
            let below = sorts[at..].iter_mut();
            for sort in below.take_while(|sort| **sort != Sort::Quote) {
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
    if !visible(lines[end - 1].1).ends_with([':', '：', '-']) {
        return at;
    }
    let candidates = || {
        (1..=3.min(end))
            .map(|length| end - length)
            .take_while(|from| !lines[*from].1.trim().is_empty())
    };
    let joined = |from: usize| {
        let pieces = lines[from..end].iter().map(|(_, line)| line.trim());
        pieces.collect::<Vec<_>>().join(" ")
    };
    let with_date = candidates().find(|from| {
        let line = joined(*from);
        has_date(&line) && is_attribution(&line)
    });
    let Some(from) = with_date.or_else(|| candidates().find(|from| is_attribution(&joined(*from))))
    else {
        return at;
    };
    // The name may stand in a line of its own above the date.
    let begins = visible(&joined(from)).to_lowercase();
    let is_whole = OPENERS.iter().any(|word| begins.starts_with(word));
    let above = from
        .checked_sub(1)
        .map(|above| (above, lines[above].1.trim()));
    match above {
        Some((above, line))
            if !is_whole && line.contains('@') && is_attribution(&joined(above)) =>
        {
            above
        }
        _ => from,
    }
}

/// Digits enough for a day and a year, or a time: not those of an address.
fn has_date(line: &str) -> bool {
    let words = line.split_whitespace().filter(|word| !word.contains('@'));
    let digits = words.flat_map(str::chars).filter(char::is_ascii_digit);
    digits.take(5).count() == 5
}

/// Without blanks around it and without marks of writing direction, which Hebrew and Arabic programs put around names.
fn visible(line: &str) -> String {
    let seen: String = line
        .chars()
        .filter(|c| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .collect();
    seen.trim().to_owned()
}

/// "On … wrote:" above a quote, in whatever language: a verb that we know with a date or an address, or an address with a date.
fn is_attribution(line: &str) -> bool {
    let folded = visible(line).to_lowercase();
    let body = folded.trim_end_matches([':', '：', ' ', '\u{a0}', '-']);
    let body = body.trim_start_matches('-').trim_start();
    if FORWARDS.contains(&body) {
        return true;
    }
    // What a sentence of a person's rarely has: it tells this line from "as my grandmother wrote:".
    let (has_address, has_date) = (body.contains('@'), has_date(body));
    if body.chars().count() > MOST_ATTRIBUTION || !has_address && !has_date {
        return false;
    }
    has_address && has_date
        || WROTE.iter().any(|verb| {
            // A line that begins with the verb is the second half of a wrapped one.
            !body.starts_with(verb)
                && body.rfind(verb).is_some_and(|at| {
                    let after = &body[at + verb.len()..];
                    !after.starts_with(char::is_alphanumeric)
                })
        })
}

/// Characters of the longest attribution.
const MOST_ATTRIBUTION: usize = 250;

/// A divider or a header block at `at` after which the rest of the mail is somebody else's, without `>`.
fn quotes_the_rest(lines: &[(Range<usize>, &str)], at: usize) -> bool {
    let line = lines[at].1.trim();
    let below = lines[at + 1..]
        .iter()
        .position(|(_, text)| !text.trim().is_empty())
        .map(|gap| at + 1 + gap);
    let block_below = below.is_some_and(|from| header_block(lines, from, false));
    let words = line.trim_matches('-').trim().to_lowercase();
    let is_dashed = line.starts_with("--") && line.ends_with("--") && !words.is_empty();
    let is_divider = is_dashed
        && (ORIGINAL.contains(&words.as_str())
            || FORWARDS.contains(&words.as_str())
            // Notes: `-----Ada <ada@x> wrote: -----`
            || words.ends_with(':') && block_below);
    // "-----" and a line of underscores are people's own rulers unless a header block follows.
    let is_ruler =
        line.len() >= 5 && (line.chars().all(|c| c == '_') || line.chars().all(|c| c == '-'));
    let is_forward = FORWARDS.contains(&words.trim_end_matches([':', ' ']));
    is_divider || (is_ruler || is_forward) && block_below || header_block(lines, at, true)
}

/// At least three of From, Sent, To and Subject in the next lines, beginning with one of them, or with
/// From: one alone is a person's text.
fn header_block(lines: &[(Range<usize>, &str)], at: usize, from_first: bool) -> bool {
    let mut seen = [false; 4];
    for (offset, (_, line)) in lines[at..].iter().take(10).enumerate() {
        let line = line.trim().trim_start_matches('*');
        if line.is_empty() {
            break;
        }
        if let Some((name, _)) = line.split_once([':', '：']) {
            let name = name.trim().trim_end_matches('*').trim_end().to_lowercase();
            if let Some(which) = HEADER_NAMES
                .iter()
                .position(|names| names.contains(&name.as_str()))
            {
                seen[which] = true;
            }
        }
        if offset == 0 && (seen == [false; 4] || from_first && !seen[0]) {
            return false;
        }
    }
    seen.iter().filter(|seen| **seen).count() >= 3
}

/// Lines that aren't quoted between `at` and the next quote.
fn own_lines(sorts: &[Sort], at: usize) -> usize {
    sorts[at..]
        .iter()
        .take_while(|sort| **sort != Sort::Quote)
        .count()
}

/// The line `-- ` that begins a signature, if typed text stands above it. `--` whose blank was lost counts when little follows.
fn signature(lines: &[(Range<usize>, &str)], sorts: &[Sort]) -> Option<usize> {
    let at = lines.iter().enumerate().position(|(at, (_, line))| {
        sorts[at] == Sort::Typed
            && (*line == "-- " || (line.trim_end() == "--" && own_lines(sorts, at) <= 12))
    })?;
    let typed_above = sorts[..at].contains(&Sort::Typed);
    typed_above.then_some(at)
}

/// A paragraph that begins like a lawyer's, if typed text stands above it.
fn footer(lines: &[(Range<usize>, &str)], sorts: &[Sort]) -> Option<usize> {
    let at = (1..lines.len()).find(|at| {
        let line = lines[*at].1.trim().trim_start_matches(['*', '_', ' ']);
        let begins = sorts[*at] == Sort::Typed && !matches!(sorts[at - 1], Sort::Typed);
        // Seldom, so that most lines aren't folded to lower case for nothing.
        begins && line.len() > 9 && {
            let start: String = line.chars().take(60).collect::<String>().to_lowercase();
            FOOTERS.iter().any(|words| start.starts_with(words))
        }
    })?;
    let typed_above = sorts[..at].contains(&Sort::Typed);
    typed_above.then_some(at)
}

/// A mailing list's ruler of underscores and the few lines at the very end, which stand even below a quote.
fn list_footer(lines: &[(Range<usize>, &str)], sorts: &[Sort]) -> Option<usize> {
    let at = lines.iter().rposition(|(_, line)| {
        let line = line.trim_end();
        line.len() >= 20 && line.bytes().all(|byte| byte == b'_')
    })?;
    let is_last = sorts[at] == Sort::Typed && lines.len() - at <= 7;
    let is_apart = own_lines(sorts, at) == lines.len() - at;
    (is_last && is_apart && sorts[..at].contains(&Sort::Typed)).then_some(at)
}

/// "Sent from my iPhone", if it is the last thing above a quote or the end, and something was typed above it.
fn device(lines: &[(Range<usize>, &str)], sorts: &[Sort]) -> Option<usize> {
    let end = own_lines(sorts, 0);
    let end = match end {
        // An answer below a quote.
        0 => sorts.len(),
        end => end,
    };
    let at = sorts[..end].iter().rposition(|sort| *sort == Sort::Typed)?;
    let line = lines[at].1.trim().to_lowercase();
    let is_device =
        line.chars().count() < 80 && DEVICES.iter().any(|words| line.starts_with(words));
    (is_device && sorts[..at].contains(&Sort::Typed)).then_some(at)
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
    fn e81_mail_programs_quote_in_their_own_ways() {
        for (program, text) in [
            (
                "Gmail",
                "Done.\n\nOn Mon, Nov 2, 2026 at 10:00 AM Desk <d@x.example> wrote:\n\n> old\n>\n> older\n",
            ),
            (
                "Outlook desktop",
                "Done.\n\nFrom: Desk <d@x.example>\nSent: Monday, November 2, 2026 10:00 AM\nTo: Ada <a@x.example>\nCc: Bob\nSubject: RE: x\n\nold\n",
            ),
            (
                "Outlook web",
                "Done.\n________________________________\nFrom: Desk <d@x.example>\nSent: Monday\nTo: Ada\nSubject: Re: x\n\nold\n",
            ),
            (
                "Outlook mobile",
                "Done.\n\nGet Outlook for iOS<https://aka.example>\n________________________________\nFrom: Desk <d@x.example>\nSent: Monday\nTo: Ada\nSubject: Re: x\n\nold\n",
            ),
            (
                "Outlook, bold names",
                "Done.\n\n*From:* Desk\n*Sent:* Monday\n*To:* Ada\n*Subject:* x\n\nold\n",
            ),
            (
                "Apple Mail",
                "Done.\n\n> On 2 Nov 2026, at 10:00, Desk <d@x.example> wrote:\n> \n> old\n",
            ),
            (
                "iPhone",
                "Done.\n\nSent from my iPhone\n\n> On 2 Nov 2026, at 10:00, Desk <d@x.example> wrote:\n> \n> old\n",
            ),
            (
                "Thunderbird",
                "Done.\n\nAm 02.11.26 um 10:00 schrieb Desk Team:\n> old\n",
            ),
            (
                "Thunderbird, below",
                "On 02.11.26 10:00, Desk wrote:\n> old\n\nDone.\n",
            ),
            (
                "Proton",
                "Done.\n\nSent with Proton Mail secure email.\n\n------- Original Message -------\nOn Monday, November 2nd, 2026 at 10:00, Desk <d@x.example> wrote:\n\n> old\n",
            ),
            (
                "QQ",
                "Done.\n\n------------------ 原始邮件 ------------------\n发件人: \"Desk\" <d@x.example>;\n发送时间: 2026年11月2日(星期一) 上午10:00\n收件人: \"Ada\";\n主题: x\n\nold\n",
            ),
            (
                "Yahoo",
                "Done.\n\n    On Monday, November 2, 2026 at 10:00:00 AM GMT+1, Desk <d@x.example> wrote:  \n \n > old\n",
            ),
            (
                "Notes",
                "Done.\n\n-----Desk <d@x.example> wrote: -----\nTo: Ada\nFrom: Desk\nDate: 11/02/2026 10:00AM\nSubject: x\n\nold\n",
            ),
            (
                "Gmail, forwarded",
                "Done.\n\n---------- Forwarded message ---------\nFrom: Desk <d@x.example>\nDate: Mon, Nov 2, 2026\nSubject: x\nTo: Ada\n\nold\n",
            ),
            (
                "Apple Mail, forwarded",
                "Done.\n\nBegin forwarded message:\n\n> From: Desk\n> Subject: x\n>\n> old\n",
            ),
        ] {
            assert_eq!(typed(text), "Done.", "{program}");
        }
    }

    #[test]
    fn e80_answers_between_quotes_keep_their_quotes() {
        for text in [
            "On 2 Nov 2026, d@x wrote:\n> Is it down?\nYes.\n> Since when?\nNoon.\n",
            "See below.\n\nOn 2 Nov 2026, d@x wrote:\n> Is it down?\n\nYes.\n\n> Since when?\n",
        ] {
            assert_eq!(typed(text), text.trim());
        }
        let signed = "> Is it down?\n\nYes.\n-- \nAda\n";
        assert_eq!(typed(signed), "Yes.");
        let below = "Thanks.\n-- \nAda\n\n> Is it down?\n\nYes, since noon.\n";
        assert!(
            typed(below).contains("Yes, since noon."),
            "an answer below a signature is shown"
        );
    }

    #[test]
    fn e82_attributions_are_known_in_many_languages() {
        let lines = [
            "On Mon, 2 Nov 2026 at 10:00, Desk <d@x.example> wrote:",
            "Am Mo., 2. Nov. 2026 um 10:00 Uhr schrieb Desk <d@x.example>:",
            "Le lun. 2 nov. 2026 à 10:00, Desk <d@x.example> a écrit :",
            "El lun, 2 nov 2026 a las 10:00, Desk (<d@x.example>) escribió:",
            "Il giorno lun 2 nov 2026 alle ore 10:00 Desk <d@x.example> ha scritto:",
            "Em seg., 2 de nov. de 2026 às 10:00, Desk <d@x.example> escreveu:",
            "Op ma 2 nov 2026 om 10:00 schreef Desk <d@x.example>:",
            "Den mån 2 nov. 2026 kl 10:00 skrev Desk <d@x.example>:",
            "Den man. 2. nov. 2026 kl. 10.00 skrev Desk:",
            "ma 2. marrask. 2026 klo 10.00 Desk (d@x.example) kirjoitti:",
            "pon., 2 lis 2026 o 10:00 Desk <d@x.example> napisał(a):",
            "Dne 2. 11. 2026 v 10:00 Desk napsal(a):",
            "po 2. 11. 2026 o 10:00 Desk napísal(a):",
            "пн, 2 нояб. 2026 г. в 10:00, Desk <d@x.example>:",
            "02.11.2026 10:00, Desk пишет:",
            "пн, 2 лист. 2026 р. о 10:00 Desk пише:",
            "Desk <d@x.example> ezt írta (időpont: 2026. nov. 2., H, 10:00):",
            "Desk <d@x.example>, 2 Kas 2026 Pzt, 10:00 tarihinde şunu yazdı:",
            "Στις 2/11/2026 10:00, ο Desk έγραψε:",
            "lun., 2 nov. 2026 la 10:00, Desk a scris:",
            "pon, 2. stu 2026. u 10:00 Desk napisao je:",
            "На 2.11.2026 г. в 10:00 Desk написа:",
            "Missatge de Desk <d@x.example> del dia dl., 2 de nov. 2026 a les 10:00:",
            "Vào Th 2, 2 thg 11, 2026 vào lúc 10:00 Desk đã viết:",
            "Desk <d@x.example> 于2026年11月2日周一 10:00写道：",
            "Desk 於 2026年11月2日 週一 上午10:00 寫道：",
            "2026年11月2日(月) 10:00 Desk <d@x.example>:",
            "2026년 11월 2일 (월) 오전 10:00, Desk님이 작성:",
            "\u{202b}בתאריך 2 בנוב׳ 2026 ב-10:00 מאת \u{202a}Desk\u{202c} <d@x.example>:\u{202c}",
        ];
        for line in lines {
            let text = format!("Text.\n\n{line}\n\n> old\n");
            assert_eq!(typed(&text), "Text.", "{line}");
            // Wrapped after two thirds of its words.
            let words: Vec<&str> = line.split(' ').collect();
            let (one, two) = words.split_at(words.len() * 2 / 3);
            let text = format!("Text.\n\n{}\n{}\n> old\n", one.join(" "), two.join(" "));
            assert_eq!(typed(&text), "Text.", "{line}, wrapped");
            let alone = format!("Text.\n\n{line}\n\nold\n");
            assert_eq!(typed(&alone), alone.trim(), "{line}, without a quote");
        }
    }

    #[test]
    fn e85_signatures_and_footers_are_folded() {
        for (text, expected) in [
            ("Call me.\n-- \nAda\nContoso\n", "Call me."),
            ("Call me.\n--\nAda\n", "Call me."),
            (
                "Call me.\n--\nAda\n\nOn 2 Nov 2026, d@x.example wrote:\n> a\n> b\n> c\n> d\n> e\n> f\n> g\n> h\n> i\n> j\n> k\n> l\n",
                "Call me.",
            ),
            ("Ruf an.\n\nVon meinem iPhone gesendet\n", "Ruf an."),
            (
                "Rappelle.\n\nEnvoyé de mon iPhone\n\n> vieux\n",
                "Rappelle.",
            ),
            (
                "Call me.\n\nRegards,\nAda\n\nThis e-mail and any attachments are confidential and\nmay be privileged.\n\nPlease think of trees.\n",
                "Call me.\n\nRegards,\nAda",
            ),
            (
                "Bitte anrufen.\n\nDiese E-Mail enthält vertrauliche Informationen.\n",
                "Bitte anrufen.",
            ),
            (
                "Done.\n\n> old\n_______________________________________________\nops mailing list\nops@lists.example\n",
                "Done.",
            ),
            // All of it, or in the middle of a sentence: shown.
            ("-- \nAda Lovelace\n+44 1", "-- \nAda Lovelace\n+44 1"),
            ("Sent from my iPhone", "Sent from my iPhone"),
            (
                "It says\nthis e-mail and any attachments are confidential",
                "It says\nthis e-mail and any attachments are confidential",
            ),
            (
                "Sent from my iPhone:\nno picture arrives.",
                "Sent from my iPhone:\nno picture arrives.",
            ),
        ] {
            assert_eq!(typed(text), expected);
        }
    }

    #[test]
    fn e86_our_own_line_ends_a_reply_at_its_first_place() {
        let text = format!("Done\n\n> {REPLY_ABOVE}\n> old\n> {REPLY_ABOVE}\n> older\n");
        assert_eq!(typed(&text), "Done");
        let text = format!("Done\n\nDesk:\n{REPLY_ABOVE}\nold\n\nolder\n{REPLY_ABOVE}\n");
        assert!(!typed(&text).contains("old"));
        // In any language that we write in, also two of them in one mail: at the first.
        let others = REPLY_ABOVE_IN.iter().map(|(_, line)| *line);
        let all: Vec<&str> = [REPLY_ABOVE].into_iter().chain(others).collect();
        for first in &all {
            for second in &all {
                for text in [
                    format!("Done\n\n> {first}\n> old\n> {second}\n> older\n"),
                    format!("Done\n\nDesk:\n{first}\nold\n\nolder\n{second}\nolder\n"),
                    format!("Done\n\nDesk\n  *{first}*\nold\n"),
                ] {
                    let typed = typed(&text);
                    assert!(
                        typed.starts_with("Done") && !typed.contains("old"),
                        "{text}"
                    );
                }
            }
        }
        // What only looks like it is text.
        for text in [
            "Done\n##- reply -##\nold",
            "Done\nBitte über dieser Zeile antworten\nold",
        ] {
            assert_eq!(typed(text), text);
        }
    }

    #[test]
    fn e83_e84_in_doubt_everything_is_shown() {
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
