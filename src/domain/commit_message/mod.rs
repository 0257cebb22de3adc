//! What a commit message says about tickets: links, facts, flags and near misses.
//!
//! The parser decides *what was said*; what that does to a ticket is [`consequence`]. The same code runs in the hook
//! (before the commit exists) and in the server, and [`PARSER_VERSION`] is kept with each link, so that history can be
//! read again after an upgrade. Its time is linear in the message. libgit2's trailer functions are deliberately not
//! used: they read below the scissors line, lose folded lines and ignore all but the last paragraph.

pub mod consequence;
mod key;
mod lint;
mod mask;
mod negation;
mod normalise;
mod prefixes;
mod prose;
mod time_note;
mod trailer;
mod trailer_list;
#[cfg(test)]
mod vectors;

use std::collections::HashMap;
use std::ops::Range;

use super::id::{Kind, TicketKey};
use super::word::words;
use prefixes::{Key, Prefixes};
use trailer_list::Taken;

pub use normalise::MESSAGE_BYTES;
pub use prose::could_be_verb;

/// Raised when the same message would give other links or facts.
pub const PARSER_VERSION: i32 = 2;
/// Different keys taken from one message; later ones are not links.
pub const LINKS: usize = 100;
/// Keys that one range in a trailer may stand for.
pub const RANGE_KEYS: i64 = 20;

words! {
    /// How a commit stands to a ticket, weakest first: the strongest one said of a key wins.
    pub enum Relation {
        Mention = "mention",
        Merge = "merge",
        Refs = "refs",
        BackportOf = "backport-of",
        Causes = "causes",
        CausedBy = "caused-by",
        Implements = "implements",
        Reverts = "reverts",
        Reopens = "reopens",
        Closes = "closes",
    }
}

words! {
    /// Where in the message a key stood.
    pub enum Place {
        Subject = "subject",
        Body = "body",
        Trailer = "trailer",
        TrailerUrl = "trailer-url",
        Url = "url",
        MergeSubject = "merge-subject",
        RevertSubject = "revert-subject",
    }
}

words! {
    /// What was probably meant, but isn't a link (or not the one that was meant).
    pub enum LintCode {
        Conflict = "E-CONFLICT",
        Range = "E-RANGE",
        LowerCase = "N-CASE",
        Hyphen = "N-HYPHEN",
        Digits = "N-DIGITS",
        Script = "N-SCRIPT",
        Blank = "N-BLANK",
        Underscore = "N-UNDERSCORE",
        DoubleNumber = "N-DOUBLE-NUMBER",
        UnknownPrefix = "N-PREFIX",
        TokenTypo = "N-TOKEN",
        LineBreak = "N-LINE-BREAK",
        ShortLog = "N-SHORT-LOG",
    }
}

/// One ticket named by the message, with the strongest relation that was said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link<K = TicketKey> {
    pub key: K,
    pub relation: Relation,
    pub place: Place,
    /// Bytes of the normalised message (see [`Message::text`]).
    pub span: Range<usize>,
    /// Line of the normalised message, from 1.
    pub line: u32,
    /// The word that made the relation, as it was written.
    pub verb: Option<String>,
    /// A verb was there, and taken back ("does not fix", "partially fixes").
    pub negated: bool,
}

/// Minutes of work noted for a ticket (or for all that the message names).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeNote<K = TicketKey> {
    pub key: Option<K>,
    pub minutes: u32,
}

/// What the message says besides naming tickets. Commit ids are 7 to 64 lower-case hex digits, as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub reverts: Vec<String>,
    pub cherry_from: Vec<String>,
    pub fixes_commit: Vec<String>,
    pub caused_by: Vec<String>,
    pub causes: Vec<String>,
    pub change_id: Option<String>,
    /// `Change: new`: a change begins with it.
    pub new_change: bool,
    pub purpose: Option<String>,
    pub side_effects: Option<String>,
    pub rollback: Option<String>,
    pub risk: Option<String>,
    pub no_ticket: Option<String>,
    pub break_glass: Option<String>,
    pub time: Vec<TimeNote>,
    /// The addresses of those who wrote it with its author, as written.
    pub co_authors: Vec<String>,
}

/// What kind of commit wrote such a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    pub merge: bool,
    pub revert: bool,
    pub reapply: bool,
    pub autosquash: bool,
}

/// A hint for the author; `span` is in the normalised message, `text` is what stood there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    pub code: LintCode,
    pub span: Range<usize>,
    pub text: String,
    /// What would be read instead, where there is an obvious answer.
    pub instead: Option<String>,
}

/// A message, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The normalised message that the spans point into; its first line is the subject.
    pub text: String,
    /// In order of appearance, one per key, at most [`LINKS`].
    pub links: Vec<Link>,
    pub facts: Facts,
    pub flags: Flags,
    pub lint: Vec<Lint>,
}

/// A message read with prefixes of the asker's own: its keys are what they are called, `CHG-12` or `12`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// As [`Message::text`].
    pub text: String,
    pub links: Vec<Link<String>>,
    /// All but the time.
    pub facts: Facts,
    pub time: Vec<TimeNote<String>>,
    /// Tokens and values, as git lists them, and where we read trailers that git doesn't see, those too.
    pub trailers: Vec<(String, String)>,
    pub flags: Flags,
    pub lint: Vec<Lint>,
}

impl<K> Link<K> {
    fn keyed<L>(self, name: impl FnOnce(K) -> L) -> Link<L> {
        Link {
            key: name(self.key),
            relation: self.relation,
            place: self.place,
            span: self.span,
            line: self.line,
            verb: self.verb,
            negated: self.negated,
        }
    }
}

impl<K> TimeNote<K> {
    fn keyed<L>(self, name: impl FnOnce(K) -> L) -> TimeNote<L> {
        TimeNote {
            key: self.key.map(name),
            minutes: self.minutes,
        }
    }
}

impl Message {
    pub fn subject(&self) -> &str {
        self.text.lines().next().unwrap_or("")
    }
}

/// Who asks: the commit-msg hook sees what git is about to clean up, the server sees what was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    Server,
    Hook {
        /// False when git opened no editor (`GIT_EDITOR` is `:`): lines that look like comments are content then.
        editor: bool,
        /// `core.commentString`, `core.commentChar`, or `#`.
        comment: String,
    },
}

/// What the installation or repository has configured.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The kinds whose prefixes are keys.
    pub kinds: Vec<Kind>,
    /// The installation's own address; links below it are keys, other hosts never.
    pub base_url: Option<String>,
    /// Verbs in lower case, letters of any script.
    pub verbs: HashMap<String, Relation>,
    /// Whether `CHG-12 @2h` notes time.
    pub time_notes: bool,
    /// The kind that a bare `#12` means in this repository.
    pub bare_number: Option<Kind>,
}

const VERBS: [(Relation, &str); 4] = [
    (
        Relation::Closes,
        "close closes closed closing fix fixes fixed fixing resolve resolves resolved resolving \
         complete completes completed completing",
    ),
    (
        Relation::Implements,
        "implement implements implemented implementing",
    ),
    (Relation::Reopens, "reopen reopens reopened reopening"),
    (Relation::Refs, "ref refs references re see addresses"),
];

impl Rules {
    /// The house rules: every kind, English verbs, no time notes, no bare numbers.
    pub fn house(base_url: Option<&str>) -> Self {
        let verbs = VERBS
            .iter()
            .flat_map(|(relation, words)| {
                words
                    .split_whitespace()
                    .map(|word| (word.to_owned(), *relation))
            })
            .collect();
        Self {
            kinds: Kind::ALL.to_vec(),
            base_url: base_url.map(|url| format!("{}/", url.trim_end_matches('/'))),
            verbs,
            time_notes: false,
            bare_number: None,
        }
    }
}

/// Reads a decoded message. Never fails: what can't be understood isn't a link.
pub fn parse(message: &str, mode: &Mode, rules: &Rules) -> Message {
    let text = normalise::normalise(message, mode);
    let (prefixes, kinds) = Prefixes::house(rules);
    let house = |key| prefixes::ticket(&kinds, key);
    let read = read(&text, rules, &prefixes);
    let mut facts = read.facts;
    facts.time = read.time.into_iter().map(|it| it.keyed(house)).collect();
    Message {
        links: read.links.into_iter().map(|it| it.keyed(house)).collect(),
        facts,
        flags: read.flags,
        lint: read.lint,
        text,
    }
}

/// As [`parse`], with `prefixes` (none of them empty) in place of those of the kinds, and with the list of trailers.
pub fn parse_with_prefixes(message: &str, mode: &Mode, rules: &Rules, prefixes: &[String]) -> Said {
    let text = normalise::normalise(message, mode);
    let prefixes = Prefixes::of(prefixes);
    let id = |key| prefixes.id(key);
    let read = read(&text, rules, &prefixes);
    Said {
        links: read.links.into_iter().map(|it| it.keyed(id)).collect(),
        facts: read.facts,
        time: read.time.into_iter().map(|it| it.keyed(id)).collect(),
        trailers: trailer_list::list(&text, mode, &read.listed),
        flags: read.flags,
        lint: read.lint,
        text,
    }
}

fn read(text: &str, rules: &Rules, prefixes: &Prefixes) -> Read {
    let mut reading = Reading::new(text, rules, prefixes);
    reading.peel_autosquash();
    reading.flag_subject();
    mask::blocks(&mut reading);
    mask::code(&mut reading);
    let urls = mask::urls(&mut reading);
    trailer::read(&mut reading, &urls);
    prose::read(&mut reading, &urls);
    lint::read(&mut reading);
    reading.finish()
}

/// What was read, its keys not yet named.
struct Read {
    links: Vec<Link<Key>>,
    facts: Facts,
    time: Vec<TimeNote<Key>>,
    listed: Vec<Taken>,
    flags: Flags,
    lint: Vec<Lint>,
}

/// A key as found, before the strongest relation of each is chosen.
struct Found {
    key: Key,
    relation: Relation,
    place: Place,
    span: Range<usize>,
    verb: Option<String>,
    negated: bool,
}

/// The state of reading one message. `mask` has the length of `text`; what must not be read there is [`mask::HIDDEN`].
struct Reading<'a> {
    text: &'a str,
    mask: Vec<u8>,
    rules: &'a Rules,
    prefixes: &'a Prefixes,
    /// Where the subject begins once `fixup! ` and its kin are peeled off.
    start: usize,
    /// The first byte after the subject line's text.
    subject_end: usize,
    flags: Flags,
    facts: Facts,
    found: Vec<Found>,
    time: Vec<TimeNote<Key>>,
    lint: Vec<Lint>,
    /// What the trailers took, in order.
    trailers: Vec<Range<usize>>,
    /// The same, as they are listed.
    listed: Vec<Taken>,
    /// The lines of a merge's short-log (`* a commit's subject`), in order.
    short_log: Vec<Range<usize>>,
}

impl<'a> Reading<'a> {
    fn new(text: &'a str, rules: &'a Rules, prefixes: &'a Prefixes) -> Self {
        Self {
            text,
            mask: text.as_bytes().to_vec(),
            rules,
            prefixes,
            start: 0,
            subject_end: text.find('\n').unwrap_or(text.len()),
            flags: Flags::default(),
            facts: Facts::default(),
            found: Vec::new(),
            time: Vec::new(),
            lint: Vec::new(),
            trailers: Vec::new(),
            listed: Vec::new(),
            short_log: Vec::new(),
        }
    }

    fn peel_autosquash(&mut self) {
        while let Some(rest) = ["fixup! ", "squash! ", "amend! "]
            .iter()
            .find(|prefix| self.text[self.start..].starts_with(**prefix))
        {
            self.start += rest.len();
            self.flags.autosquash = true;
        }
        mask::hide(&mut self.mask, 0..self.start);
    }

    fn flag_subject(&mut self) {
        let subject = &self.text[self.start..self.subject_end];
        let quoted = subject.trim_end().ends_with('"');
        self.flags.revert = subject.starts_with("Revert \"") && quoted;
        self.flags.reapply = subject.starts_with("Reapply \"") && quoted;
        self.flags.merge = [
            "branch",
            "tag",
            "commit",
            "pull request",
            "remote-tracking branch",
        ]
        .iter()
        .any(|what| {
            subject
                .strip_prefix("Merge ")
                .is_some_and(|rest| rest.starts_with(what))
        });
        if self.flags.merge {
            let starred =
                |line: &Range<usize>| self.text[line.clone()].trim_start().starts_with('*');
            self.short_log = mask::lines(self.text)
                .into_iter()
                .skip(1)
                .filter(starred)
                .collect();
        }
    }

    fn in_short_log(&self, at: usize) -> bool {
        within(&self.short_log, at)
    }

    fn hint(&mut self, code: LintCode, span: Range<usize>, instead: Option<String>) {
        if self.lint.len() < LINKS {
            let text = self.text[span.clone()].to_owned();
            self.lint.push(Lint {
                code,
                span,
                text,
                instead,
            });
        }
    }

    /// One link per key, the strongest relation; `closes` and `reopens` of one key cancel each other.
    fn finish(mut self) -> Read {
        self.found.sort_by_key(|found| found.span.start);
        let mut at: HashMap<Key, usize> = HashMap::new();
        let mut opposed: Vec<(bool, bool)> = Vec::new();
        let mut links: Vec<Link<Key>> = Vec::new();
        let (mut line, mut counted) = (1, 0);
        for found in self.found {
            // Spans come sorted, so that each line feed is counted once.
            let feeds = self.text.as_bytes()[counted..found.span.start].iter();
            line += feeds.filter(|byte| **byte == b'\n').count() as u32;
            counted = found.span.start;
            let link = Link {
                key: found.key,
                relation: found.relation,
                place: found.place,
                span: found.span,
                line,
                verb: found.verb,
                negated: found.negated,
            };
            let index = match at.get(&link.key) {
                Some(&index) => index,
                None if links.len() == LINKS => continue,
                None => {
                    at.insert(link.key, links.len());
                    links.push(link.clone());
                    opposed.push((false, false));
                    links.len() - 1
                }
            };
            opposed[index].0 |= link.relation == Relation::Closes;
            opposed[index].1 |= link.relation == Relation::Reopens;
            if link.relation > links[index].relation {
                links[index] = link;
            }
        }
        for (link, opposed) in links.iter_mut().zip(opposed) {
            if opposed == (true, true) {
                link.relation = Relation::Mention;
                self.lint.push(Lint {
                    code: LintCode::Conflict,
                    span: link.span.clone(),
                    text: self.prefixes.id(link.key),
                    instead: None,
                });
            }
            if self.flags.autosquash {
                link.relation = Relation::Mention;
            }
        }
        self.lint.sort_by_key(|lint| lint.span.start);
        Read {
            links,
            facts: self.facts,
            time: self.time,
            listed: self.listed,
            flags: self.flags,
            lint: self.lint,
        }
    }
}

/// Is `at` in one of these ranges? They are sorted and don't overlap.
fn within(ranges: &[Range<usize>], at: usize) -> bool {
    let after = ranges.partition_point(|range| range.start <= at);
    after > 0 && at < ranges[after - 1].end
}

/// Counts the work of the inner loops, so that tests can show it to be linear without a clock. Costs nothing elsewhere.
#[inline(always)]
fn tick(_steps: usize) {
    #[cfg(test)]
    vectors::WORK.with(|work| work.set(work.get() + _steps));
}
