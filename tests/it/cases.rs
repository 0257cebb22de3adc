//! Each case of mail that the house promises to get right, and each attack by mail that it promises to withstand, has a test that carries
//! its number: `e12_…` is the twelfth of the intake's cases, `a3_…` and `b4_…` are attacks on identity and by content.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The letter of a list, and how many it has.
const LISTS: &[(char, u32)] = &[('e', 110), ('a', 13), ('b', 16)];

/// The names of all tests below these folders: functions under `#[test]`, and stories for both databases.
fn tests() -> Vec<String> {
    let mut folders = vec![PathBuf::from("src"), PathBuf::from("tests/it")];
    let mut names = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let mut before = "";
                for line in text.lines().map(str::trim) {
                    let story = match before {
                        "both_databases!(" => Some(line),
                        _ => line.strip_prefix("both_databases!("),
                    };
                    let test = line.strip_prefix("fn ").filter(|_| before == "#[test]");
                    if let Some(name) = story.or(test).filter(|name| !name.is_empty()) {
                        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                        names.push(name[..end.unwrap_or(name.len())].to_owned());
                    }
                    before = line;
                }
            }
        }
    }
    names
}

/// The numbers before the words of a name: `e51_e53_what…` has two.
fn numbers(name: &str) -> impl Iterator<Item = (char, u32)> {
    name.split('_').map_while(|word| {
        let list = word.chars().next()?;
        let number = word.get(1..)?.parse().ok()?;
        Some((list, number))
    })
}

#[test]
fn every_case_of_mail_has_a_test_that_carries_its_number() {
    let names = tests();
    assert!(names.len() > 1_000, "{} tests", names.len());
    let mut found: BTreeMap<char, BTreeSet<u32>> = BTreeMap::new();
    for name in &names {
        for (list, number) in numbers(name) {
            found.entry(list).or_default().insert(number);
        }
    }
    for (list, count) in LISTS {
        let all: BTreeSet<u32> = (1..=*count).collect();
        assert_eq!(found.get(list), Some(&all), "list {list}");
    }
}
