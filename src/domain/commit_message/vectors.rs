//! The 111 messages of `tests/vectors/commit-messages.json` by number, hostile messages, and what they leave open.

use std::cell::Cell;

use super::*;

thread_local! {
    pub(super) static WORK: Cell<usize> = const { Cell::new(0) };
}

fn rules() -> Rules {
    Rules {
        kinds: vec![Kind::Incident, Kind::Change, Kind::Task],
        ..Rules::house(Some("https://tickets.example.com/"))
    }
}

fn read(message: &str) -> Message {
    parse(message, &Mode::Server, &rules())
}

/// The message in the vectors' own notation: each link, fact and flag, sorted.
fn told(message: &Message) -> Vec<String> {
    let mut told: Vec<String> = message
        .links
        .iter()
        .map(|link| match link.relation {
            Relation::Refs => link.key.to_string(),
            relation => format!("{}:{relation}", link.key),
        })
        .collect();
    let facts = &message.facts;
    let cut = |ids: &[String]| {
        ids.iter()
            .map(|id| id.chars().take(8).collect())
            .collect::<Vec<String>>()
    };
    for (name, values) in [
        ("reverts", cut(&facts.reverts)),
        ("cherry_from", cut(&facts.cherry_from)),
        ("fixes_commit", facts.fixes_commit.clone()),
    ] {
        told.extend(values.iter().map(|value| format!("[{name}={value}]")));
    }
    for (name, here) in [
        ("caused_by", !facts.caused_by.is_empty()),
        ("causes", !facts.causes.is_empty()),
        ("change_id", facts.change_id.is_some()),
        ("purpose", facts.purpose.is_some()),
        ("side_effects", facts.side_effects.is_some()),
        ("rollback", facts.rollback.is_some()),
        ("risk", facts.risk.is_some()),
        ("no_ticket", facts.no_ticket.is_some()),
        ("break_glass", facts.break_glass.is_some()),
        ("time", !facts.time.is_empty()),
    ] {
        told.extend(here.then(|| format!("[{name}]")));
    }
    for (name, here) in [
        ("merge", message.flags.merge),
        ("revert", message.flags.revert),
        ("reapply", message.flags.reapply),
        ("autosquash", message.flags.autosquash),
    ] {
        told.extend(here.then(|| format!("{{{name}}}")));
    }
    told.sort();
    told
}

#[test]
fn all_111_vectors_are_read_as_the_specification_expects() {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/vectors/commit-messages.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 111);
    let mut wrong = Vec::new();
    for (index, vector) in vectors.iter().enumerate() {
        assert_eq!(vector["id"], index + 1);
        let options = &vector["options"];
        let mode = if options["hook"] == true {
            Mode::Hook {
                editor: options["editor"] != false,
                comment: options["comment"].as_str().unwrap_or("#").to_owned(),
            }
        } else {
            Mode::Server
        };
        let rules = Rules {
            time_notes: options["time"] == true,
            ..rules()
        };
        let got = told(&parse(vector["message"].as_str().unwrap(), &mode, &rules));
        let expect = vector["expect"].as_str().unwrap().replace(',', " ");
        let mut expect: Vec<String> = expect.split_whitespace().map(str::to_owned).collect();
        expect.sort();
        if got != expect {
            wrong.push(format!(
                "{}: {} -> {got:?}, not {expect:?}",
                vector["id"], vector["message"]
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// What a hostile message repeats.
const PIECES: [&str; 42] = [
    "fix ",
    "CHG-1",
    "CHG-1 , ",
    "closes CHG-1, CHG-2 and ",
    "`",
    "```\n",
    "`` ` ",
    "https://",
    "a://b ",
    "https://tickets.example.com/CHG-1/",
    "Refs: CHG-1\n",
    "Refs: x\n y\n",
    "not not not fix CHG-1 ",
    "> ",
    "\n    ",
    "- ",
    "CHG-",
    "chg-1 ",
    "(((",
    "This reverts commit ",
    "This reverts commit abcdef1 ",
    "* fixes CHG-3 ",
    "??? ",
    "No-Ticket: x\n",
    "CHG-1 @1h ",
    "#time 1h ",
    "\u{421}HG-1 ",
    "aaaaaaaa",
    "    ",
    "\t",
    "CHG-1..CHG-2 ",
    "Fix: fix: ",
    "Merge branch ",
    "fixup! ",
    "&",
    "+ ",
    ", and ",
    "\u{fe0f}",
    "12345678901234567890",
    "Foo: x\n",
    "#1, ",
    "Refs #1 ",
];

#[test]
fn reading_takes_work_in_proportion_to_the_message() {
    let rules = Rules {
        time_notes: true,
        bare_number: Some(Kind::Task),
        ..rules()
    };
    for head in ["", "Merge branch 'x'\n\n* ", "Revert \"", "Refs: "] {
        for piece in PIECES {
            let work = |chars: usize| {
                let message = head.to_owned() + &piece.repeat(chars / piece.chars().count());
                WORK.with(|work| work.set(0));
                parse(&message, &Mode::Server, &rules);
                WORK.with(Cell::get)
            };
            let (small, large) = (work(5_000), work(40_000));
            assert!(
                large <= small * 10,
                "{head:?} {piece:?}: {small} steps, then {large} for eight times as much"
            );
        }
    }
    // Beyond the cap nothing is read at all.
    let long = |chars: usize| {
        WORK.with(|work| work.set(0));
        read(&"closes CHG-1, ".repeat(chars / 14));
        WORK.with(Cell::get)
    };
    assert_eq!(long(200_000), long(100_000));
}

#[test]
fn other_prefixes_take_work_in_proportion_to_the_message_too() {
    let mut prefixes: Vec<String> = ["#", "T", "ABC-", "fix", "-", "0"]
        .map(str::to_owned)
        .to_vec();
    prefixes.extend((1..=64).map(|length| "a".repeat(length)));
    let rules = Rules {
        time_notes: true,
        ..Rules::house(Some("https://tickets.example.com/"))
    };
    let work = |head: &str, piece: &str, chars: usize| {
        let message = head.to_owned() + &piece.repeat(chars / piece.chars().count());
        WORK.with(|work| work.set(0));
        parse_with_prefixes(&message, &Mode::Server, &rules, &prefixes);
        WORK.with(Cell::get)
    };
    for head in ["", "S\n\n", "Refs #1, "] {
        for piece in PIECES {
            let (small, large) = (work(head, piece, 5_000), work(head, piece, 40_000));
            assert!(
                large <= small * 10,
                "{head:?} {piece:?}: {small} steps, then {large} for eight times as much"
            );
        }
        assert_eq!(
            work(head, "closes #1, ", 200_000),
            work(head, "closes #1, ", 100_000)
        );
    }
}

#[test]
fn hostile_bytes_never_break_a_span() {
    for message in [
        "CHG-1\u{0}x",
        "é`CHG-1`é\nRefs: é",
        "\u{feff}\u{feff}CHG-1",
        "Refs: ",
        "Refs:\t\n x",
        ":",
        "\\CHG-1",
    ] {
        let read = read(message);
        for link in &read.links {
            assert!(read.text.get(link.span.clone()).is_some(), "{message:?}");
        }
    }
    let long = "\u{1f680}".repeat(MESSAGE_BYTES);
    assert!(read(&long).text.len() <= MESSAGE_BYTES);
}

#[test]
fn a_link_names_its_line_and_its_verb() {
    let message = read("Pool\n\nraise it\nThis closes TSK-3, see CHG-4");
    let link = &message.links[0];
    assert_eq!(
        (link.line, link.verb.as_deref(), link.place),
        (4, Some("closes"), Place::Body)
    );
    assert_eq!(&message.text[link.span.clone()], "TSK-3");
    assert!(read("Does not fix CHG-1").links[0].negated);
}

#[test]
fn near_misses_are_hinted_and_never_linked() {
    use LintCode as L;
    for (message, code, instead) in [
        ("see chg-12", L::LowerCase, Some("CHG-12")),
        ("CHG\u{2011}12", L::Hyphen, Some("CHG-12")),
        ("CHG-\u{ff11}\u{ff12}", L::Digits, None),
        ("\u{421}HG-12", L::Script, Some("CHG-12")),
        ("CHG 12 now", L::Blank, Some("CHG-12")),
        ("CHG_12", L::Underscore, Some("CHG-12")),
        ("CHG-10-14", L::DoubleNumber, Some("CHG-10")),
        ("CGH-12", L::UnknownPrefix, Some("CHG-12")),
    ] {
        let message = read(message);
        assert_eq!(told(&message), Vec::<String>::new());
        let lint: Vec<_> = message
            .lint
            .iter()
            .map(|lint| (lint.code, lint.instead.as_deref()))
            .collect();
        assert_eq!(lint, [(code, instead)], "{}", message.text);
    }
    for (message, code) in [
        ("x\n\nRfes: CHG-1", L::TokenTypo),
        ("Fixes\nCHG-12", L::LineBreak),
        ("x\n\nRefs: CHG-1..CHG-500", L::Range),
        ("x\n\nRefs: CHG-9..CHG-2", L::Range),
        ("closes CHG-5\n\nreopens CHG-5", L::Conflict),
        (
            "Merge branch 'a'\n\n* a:\n  closes CHG-3\n  * closes CHG-3",
            L::ShortLog,
        ),
    ] {
        let lint: Vec<_> = read(message).lint.iter().map(|lint| lint.code).collect();
        assert_eq!(lint, [code], "{message}");
    }
    for message in [
        "UTF-8 SHA-256",
        "a chance of 12",
        "src/CHG-12.txt",
        "the change 12",
    ] {
        assert_eq!(read(message).lint, [], "{message}");
    }
}

#[test]
fn own_addresses_count_only_below_the_own_base() {
    for (message, expect) in [
        (
            "(see https://tickets.example.com/CHG-12), then CHG-13",
            "CHG-12 CHG-13",
        ),
        ("HTTPS://Tickets.Example.com/t/chg-12?x=1#y", "CHG-12"),
        ("https://tickets.example.com.evil/CHG-12", ""),
        ("https://tickets.example.com/CHG-12-old", ""),
        (
            "x\n\nCloses: https://tickets.example.com/TSK-1, https://tickets.example.com/TSK-2",
            "TSK-1:closes TSK-2:closes",
        ),
        (
            "x\n\nPurpose: as in https://tickets.example.com/CHG-12",
            "[purpose]",
        ),
        ("fixes https://jira.other.example/x CHG-12", "CHG-12"),
    ] {
        let expect: Vec<&str> = expect.split_whitespace().collect();
        assert_eq!(told(&read(message)), expect, "{message}");
    }
}

#[test]
fn the_number_of_links_is_bounded() {
    let many: String = (1..=150).map(|number| format!("CHG-{number} ")).collect();
    assert_eq!(read(&many).links.len(), LINKS);
}

#[test]
fn facts_keep_their_folded_text() {
    let facts =
        read("x\n\nSide-Effects: pool restarts,\n  short stall\nRisk: low\nChange-Id: I12").facts;
    assert_eq!(
        facts.side_effects.as_deref(),
        Some("pool restarts,\nshort stall")
    );
    assert_eq!(
        (facts.risk.as_deref(), facts.change_id.as_deref()),
        (Some("low"), Some("I12"))
    );
}
