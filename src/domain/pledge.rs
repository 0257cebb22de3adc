//! What in a text a customer may hold us to: times of day, dates, durations, and words of guarantee. English.
//!
//! In doubt it is one: a text that is read by a second person in vain costs a minute, one that promises what nobody guaranteed
//! costs a customer. What merely says that somebody looks at it, writes again or asks is none. It reads words, not meaning: a time
//! in the past counts like one to come.

/// The first passage that reads like a promise.
pub fn find(text: &str) -> Option<&str> {
    let words = words(text);
    let (first, count) = (0..words.len()).find_map(|at| {
        let here = Here { words: &words, at };
        here.count().map(|count| (at, count))
    })?;
    let last = words.get(first + count - 1)?;
    text.get(words[first].from..last.to)
}

/// A word in small letters, and where it stands.
struct Word {
    text: String,
    from: usize,
    to: usize,
    /// A sentence ends before it.
    begins: bool,
}

/// Letters and digits, and what joins them: `14:30`, `2026-06-01`, `we'll`.
fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut begins = true;
    let mut chars = text.char_indices().peekable();
    while let Some((from, first)) = chars.next() {
        if !first.is_alphanumeric() {
            begins |= matches!(first, '.' | '!' | '?' | ';' | '\n');
            continue;
        }
        let mut word: String = first.to_lowercase().collect();
        let mut to = from + first.len_utf8();
        while let Some((at, next)) = chars.peek().copied() {
            let after = text[at + next.len_utf8()..].chars().next();
            let joins = ":./-'’".contains(next) && after.is_some_and(char::is_alphanumeric);
            if !next.is_alphanumeric() && !joins {
                break;
            }
            match next {
                '’' => word.push('\''),
                _ => word.extend(next.to_lowercase()),
            }
            to = at + next.len_utf8();
            chars.next();
        }
        words.push(Word {
            text: word,
            from,
            to,
            begins,
        });
        begins = false;
    }
    words
}

const BEFORE_TIMES: &[&str] = &["by", "at", "until", "till", "before", "around", "about"];
const BEFORE_DAYS: &[&str] = &["by", "on", "until", "till", "before", "next", "this"];
const MONTHS: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
];
const WEEKDAYS: &[&str] = &[
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];
const SHORT_WEEKDAYS: &[&str] = &[
    "mon", "tue", "tues", "wed", "thu", "thurs", "fri", "sat", "sun",
];
const DAYS: &[&str] = &[
    "today", "tonight", "tomorrow", "noon", "midday", "midnight", "eod", "cob",
];
const SPANS: &[&str] = &[
    "morning",
    "afternoon",
    "evening",
    "night",
    "day",
    "week",
    "weekend",
    "month",
    "hour",
    "shift",
    "quarter",
    "year",
];
const UNITS: &[&str] = &[
    "second",
    "seconds",
    "sec",
    "secs",
    "minute",
    "minutes",
    "min",
    "mins",
    "hour",
    "hours",
    "hr",
    "hrs",
    "h",
    "day",
    "days",
    "week",
    "weeks",
    "weekend",
    "month",
    "months",
    "fortnight",
];
/// Units that are written to their number: `15min`. Not `5m`, which may be metres or millions.
const JOINED: &[&str] = &[
    "h", "hr", "hrs", "hour", "hours", "min", "mins", "minutes", "sec", "secs", "days",
];
const NUMBERS: &[&str] = &[
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "fifteen",
    "twenty",
    "thirty",
    "forty",
    "forty-five",
    "sixty",
    "ninety",
];
/// Between a number and its unit.
const KINDS: &[&str] = &[
    "working", "business", "calendar", "more", "further", "full", "or", "to",
];
/// Between "within" and a unit without a number.
const VAGUE: &[&str] = &[
    "a", "an", "the", "few", "couple", "of", "several", "some", "next", "coming", "matter",
    "short", "working", "business", "half", "less", "than", "this",
];
const GUARANTEES: &[&str] = &[
    "promise",
    "promises",
    "promised",
    "assure",
    "assures",
    "assured",
    "pledge",
    "commitment",
    "definitely",
    "certainly",
    "undoubtedly",
];
/// Several words that are a guarantee, or money.
const PHRASES: &[&[&str]] = &[
    &["without", "fail"],
    &["for", "sure"],
    &["for", "certain"],
    &["at", "the", "latest"],
    &["no", "later", "than"],
    &["count", "on"],
    &["no", "matter", "what"],
    &["never", "again"],
    &["won't", "happen", "again"],
    &["not", "happen", "again"],
    &["never", "happen", "again"],
    &["won't", "occur", "again"],
    &["not", "occur", "again"],
    &["free", "of", "charge"],
    &["credit", "you"],
    &["credit", "note"],
];
/// What will be, after "will".
const OUTCOMES: &[&str] = &[
    "fix",
    "fixed",
    "resolve",
    "resolved",
    "solve",
    "solved",
    "restore",
    "restored",
    "repair",
    "repaired",
    "complete",
    "completed",
    "finish",
    "finished",
    "replace",
    "replaced",
    "deliver",
    "delivered",
    "recover",
    "recovered",
    "prevent",
    "prevented",
    "ensure",
    "ensured",
];
/// The same, after "will be".
const STATES: &[&str] = &[
    "back",
    "up",
    "online",
    "available",
    "ready",
    "done",
    "working",
    "running",
    "over",
    "stable",
];
/// After these "will" says nothing of an outcome.
const ELSE: &[&str] = &[
    "not", "never", "if", "when", "whether", "once", "until", "let", "tell", "know",
];

/// The words from one on.
struct Here<'a> {
    words: &'a [Word],
    at: usize,
}

impl Here<'_> {
    /// The word so many further on, in the same sentence; "" beyond it.
    fn word(&self, further: usize) -> &str {
        let mut between = self.words.iter().skip(self.at + 1).take(further);
        if between.any(|word| word.begins) {
            return "";
        }
        let word = self.words.get(self.at + further);
        word.map_or("", |word| word.text.as_str())
    }

    fn is(&self, further: usize, among: &[&str]) -> bool {
        among.contains(&self.word(further))
    }

    /// How many words from here on are a promise; `None` if this is none.
    fn count(&self) -> Option<usize> {
        self.guarantee()
            .or_else(|| self.outcome())
            .or_else(|| self.time())
            .or_else(|| self.date())
            .or_else(|| self.duration())
    }

    fn guarantee(&self) -> Option<usize> {
        let word = self.word(0);
        let begins = ["guarant", "refund", "compensat", "waive"];
        if GUARANTEES.contains(&word) || begins.iter().any(|it| word.starts_with(it)) {
            return Some(1);
        }
        let phrase = PHRASES.iter().find(|phrase| {
            let mut words = phrase.iter().enumerate();
            words.all(|(at, word)| self.word(at) == *word)
        });
        phrase.map(|phrase| phrase.len())
    }

    /// "will be fixed", "we'll have it resolved", "is going to be back".
    fn outcome(&self) -> Option<usize> {
        let word = self.word(0);
        let after = match word {
            "will" | "shall" => 1,
            "going" if self.word(1) == "to" => 2,
            word if word.ends_with("'ll") => 1,
            _ => return None,
        };
        for at in after..after + 5 {
            if self.word(at).is_empty() || self.is(at, ELSE) {
                return None;
            }
            if self.is(at, OUTCOMES) {
                return Some(at + 1);
            }
            // "We will be back to you" is no outcome.
            let to_you = self.word(at + 1) == "to" || self.word(at + 1) == "with";
            if self.is(at, STATES) && self.word(at - 1) == "be" && !to_you {
                return Some(at + 1);
            }
        }
        None
    }

    fn time(&self) -> Option<usize> {
        let word = self.word(0);
        if is_clock(word, ':') {
            return Some(1);
        }
        let halves = ["am", "pm", "a.m", "p.m", "o'clock"];
        if number(word).is_some_and(|it| it <= 12) && self.is(1, &halves) {
            return Some(2);
        }
        if BEFORE_TIMES.contains(&word) && is_clock(self.word(1), '.') {
            return Some(2);
        }
        let zones = [
            "utc", "gmt", "cet", "cest", "bst", "est", "edt", "hrs", "hours",
        ];
        let is_four = word.len() == 4 && is_clock(&spread(word), ':');
        (is_four && self.is(1, &zones)).then_some(2)
    }

    fn date(&self) -> Option<usize> {
        let word = self.word(0);
        if DAYS.contains(&word) || WEEKDAYS.contains(&word) || is_date(word) {
            return Some(1);
        }
        let day = |further: usize| {
            let digits = self
                .word(further)
                .trim_end_matches(|c: char| c.is_ascii_alphabetic());
            let ending = &self.word(further)[digits.len()..];
            let is_ordinal = ["st", "nd", "rd", "th"].contains(&ending);
            let is_day = number(digits).is_some_and(|it| (1..=31).contains(&it));
            (is_day && (ending.is_empty() || is_ordinal)).then_some(is_ordinal)
        };
        if MONTHS.contains(&word) && day(1).is_some() {
            return Some(2);
        }
        if day(0).is_some() {
            if self.is(1, MONTHS) {
                return Some(2);
            }
            if self.word(1) == "of" && self.is(2, MONTHS) {
                return Some(3);
            }
        }
        if BEFORE_DAYS.contains(&word) {
            let after = if self.word(1) == "the" { 2 } else { 1 };
            if day(after) == Some(true) || self.is(after, SHORT_WEEKDAYS) {
                return Some(after + 1);
            }
        }
        if matches!(word, "next" | "this" | "coming") && self.is(1, SPANS) {
            return Some(2);
        }
        if word == "end" && self.word(1) == "of" {
            let after = if self.is(2, &["the", "this"]) { 3 } else { 2 };
            return (self.is(after, SPANS) || self.is(after, &["business"])).then_some(after + 1);
        }
        None
    }

    fn duration(&self) -> Option<usize> {
        let word = self.word(0);
        let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        if is_amount(digits) && JOINED.contains(&&word[digits.len()..]) {
            return Some(1);
        }
        if is_amount(word) || NUMBERS.contains(&word) {
            let most = self.unit(1, KINDS, 2);
            if most.is_some() {
                return most;
            }
        }
        if word == "half" && self.is(1, &["a", "an"]) && self.is(2, UNITS) {
            return Some(3);
        }
        matches!(word, "within" | "in" | "inside" | "under")
            .then(|| self.unit(1, VAGUE, 5))
            .flatten()
    }

    /// How many words it is to a unit, with at most so many of `between` before it.
    fn unit(&self, from: usize, between: &[&str], most: usize) -> Option<usize> {
        for at in from..=from + most {
            if self.is(at, UNITS) {
                return Some(at + 1);
            }
            if !self.is(at, between) {
                return None;
            }
        }
        None
    }
}

fn number(text: &str) -> Option<u32> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

/// `2`, `1.5`, `30-60`.
fn is_amount(text: &str) -> bool {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".-/".contains(&byte));
    plain && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// `1430` as `14:30`.
fn spread(text: &str) -> String {
    match (text.get(..2), text.get(2..)) {
        (Some(hours), Some(minutes)) => format!("{hours}:{minutes}"),
        _ => String::new(),
    }
}

/// `9:30`, `14:30:00`, `14:30z`, `3pm`, `3.30pm`, `14h30`; with `.` for a joint `14.30` too, which may as well be a version.
fn is_clock(word: &str, joint: char) -> bool {
    let (plain, is_half) = match word.strip_suffix("am").or_else(|| word.strip_suffix("pm")) {
        Some(plain) => (plain, true),
        None => (word.trim_end_matches(['z', 'h']), false),
    };
    if is_half && number(plain).is_some_and(|it| (1..=12).contains(&it)) {
        return true;
    }
    let joints: &[char] = match is_half || joint == '.' {
        true => &['.', ':', 'h'],
        false => &[':', 'h'],
    };
    let parts: Vec<&str> = plain.split(joints).collect();
    let (Some(hours), true) = (parts.first(), matches!(parts.len(), 2 | 3)) else {
        return false;
    };
    let in_day = hours.len() <= 2 && number(hours).is_some_and(|it| it <= 24);
    let mut rest = parts.iter().skip(1);
    in_day && rest.all(|it| it.len() == 2 && number(it).is_some_and(|it| it < 60))
}

/// `2026-06-01`, also with a time behind it, `1.6.2026`, `01/06/26`.
fn is_date(word: &str) -> bool {
    let parts = |text: &str, joint: char| -> Vec<(usize, u32)> {
        let parts = text.split(joint);
        parts
            .map_while(|part| number(part).map(|it| (part.len(), it)))
            .collect()
    };
    let is_day = |it: u32| (1..=31).contains(&it);
    let day = word.split('t').next().unwrap_or_default();
    if let [(4, _), (_, month), (_, last)] = parts(day, '-')[..] {
        return is_day(month) && is_day(last);
    }
    ['.', '/', '-'].iter().any(|joint| {
        let all = parts(word, *joint);
        word.split(*joint).count() == 3
            && matches!(all[..], [(1..=2, one), (1..=2, other), (2 | 4, _)] if is_day(one) && is_day(other))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_customer_may_hold_us_to_is_found() {
        for (text, passage) in [
            // Times of day.
            ("You have it by 14:30.", "by 14:30"),
            ("At 9:05:00 we switch.", "At 9:05:00"),
            ("Back at 3pm", "at 3pm"),
            ("Back at 3 p.m.", "3 p.m"),
            ("from 11.15pm on", "11.15pm"),
            ("at 11.15 then", "at 11.15"),
            ("by 14h30", "by 14h30"),
            ("At 1430 UTC", "1430 UTC"),
            ("six or 6 o’clock", "6 o’clock"),
            ("by noon", "noon"),
            // Dates.
            ("On 2026-06-01.", "2026-06-01"),
            ("2026-06-01T10:00:00Z", "2026-06-01T10:00:00Z"),
            ("on 1.6.2026", "1.6.2026"),
            ("01/06/26", "01/06/26"),
            ("on 3 June", "3 June"),
            ("June 3rd it is", "June 3rd"),
            ("the 1st of may", "1st of may"),
            ("by the 5th", "by the 5th"),
            ("We come Tuesday", "Tuesday"),
            ("by Fri", "by Fri"),
            ("Tomorrow!", "Tomorrow"),
            ("still today", "today"),
            ("next week", "next week"),
            ("this afternoon", "this afternoon"),
            ("by end of day", "end of day"),
            ("the end of the month", "end of the month"),
            // Durations.
            ("within 2 hours", "2 hours"),
            ("until 14:30", "until 14:30"),
            ("it was 14:30", "14:30"),
            ("in 15min", "15min"),
            ("it takes 2–3 more days", "3 more days"),
            ("two business days", "two business days"),
            ("1.5 h", "1.5 h"),
            ("in an hour", "in an hour"),
            ("within the hour", "within the hour"),
            ("in a few minutes", "in a few minutes"),
            ("in a matter of hours", "in a matter of hours"),
            ("half an hour", "half an hour"),
            ("in half an hour", "in half an hour"),
            // Guarantees.
            ("We guarantee it.", "guarantee"),
            ("That is guaranteed", "guaranteed"),
            ("I promise", "promise"),
            ("It won’t happen again", "won’t happen again"),
            ("never again", "never again"),
            ("You get a refund", "refund"),
            ("compensation", "compensation"),
            ("at the latest", "at the latest"),
            ("It will be fixed.", "will be fixed"),
            ("This will all be resolved", "will all be resolved"),
            ("We'll fix it", "We'll fix"),
            ("We’ll have it restored", "We’ll have it restored"),
            ("it is going to be back", "going to be back"),
            ("It will be up again", "will be up"),
            // The first of several.
            ("It will be fixed by 14:30", "will be fixed"),
            ("Tomorrow it will be fixed", "Tomorrow"),
        ] {
            assert_eq!(find(text), Some(passage), "{text}");
        }
    }

    #[test]
    fn what_holds_us_to_nothing_is_left_alone() {
        for text in [
            "",
            "We look into it.",
            "We will look into it and get back to you.",
            "We will be back to you.",
            "We'll let you know when it is fixed.",
            "We will tell you once it is restored.",
            "It will not be fixed.",
            "It is fixed. Can you confirm?",
            "Will you check? Resolved tickets close.",
            "Version 14.30 is out, 10.2.0.1 answers.",
            "The host fe80::20 and 00:11:22:33:44:55",
            "port 8080, 99:99, 3:4",
            "We may have found it; in May as in March.",
            "A second look, the third node of 12.",
            "Two nodes, 5m of cable, 10 users",
            "What did you see, and in which order?",
            "Promising results",
            "I am at the site",
            "The 2nd attempt",
            "This time it stays on node 3.",
        ] {
            assert_eq!(find(text), None, "{text}");
        }
    }

    #[test]
    fn every_passage_is_found_within_other_words_too() {
        for passage in [
            "by 14:30",
            "within 2 hours",
            "tomorrow",
            "guarantee",
            "will be fixed",
        ] {
            let text = format!("Thank you for writing. We see {passage}, and go on – 😀.");
            assert!(find(&text).is_some(), "{passage}");
            assert!(find(&text.to_uppercase()).is_some(), "{passage}");
        }
    }
}
