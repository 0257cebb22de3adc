//! The house rules that can be checked by reading.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Which parts of the crate a floor may import from. `time`, `error` and `config` are open to all but `domain`.
const FLOORS: &[(&str, &[&str])] = &[
    ("domain", &["domain"]),
    ("store", &["domain"]),
    ("intake", &["domain"]),
    ("render", &["domain", "words"]),
    ("outbound", &["domain"]),
    ("calc", &["calc", "domain", "intake", "words"]),
    (
        "actions",
        &[
            "actions", "domain", "store", "app", "secrets", "words", "render",
        ],
    ),
    (
        "jobs",
        &[
            "jobs", "actions", "store", "intake", "render", "outbound", "domain", "app", "words",
        ],
    ),
    ("listen", &["actions", "app", "domain"]),
    (
        "http",
        &[
            "http", "actions", "store", "domain", "intake", "render", "calc", "app", "words",
            "secrets",
        ],
    ),
];

/// Longest file, in lines, its comments included; the tables of its rules, which stand at the foot as tests, don't count.
const MOST_LINES: usize = 600;
/// Files that are still longer. This list may only shrink.
const STILL_LONGER: &[&str] = &["src/domain/calendar.rs", "tests/it/oncall.rs"];

/// Rust files below `folder`, with their text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found.retain(|(path, _)| !is_tests(path));
    found.sort();
    assert!(!found.is_empty());
    found
}

/// A file of tests alone, declared under `#[cfg(test)]` by the module above it.
fn is_tests(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    name == "tests" || name == "vectors" || name.ends_with("_tests")
}

/// Without the tests at its foot, and without comment lines.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or(text);
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn floor_of(path: &Path) -> String {
    let below = path.strip_prefix("src").unwrap();
    let first = below
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Names that follow `crate::` in the code.
fn imports(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        if let Some(inner) = rest.strip_prefix('{') {
            let inner = inner.split(['}', ';']).next().unwrap_or("");
            names.extend(
                inner
                    .split(',')
                    .filter_map(|part| part.trim().split("::").next())
                    .map(str::to_owned),
            );
        } else {
            names.insert(
                rest.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect(),
            );
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn no_findings(findings: Vec<String>) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn floors_import_only_from_below() {
    let allowed: BTreeMap<&str, &[&str]> = FLOORS.iter().copied().collect();
    let mut findings = Vec::new();
    for (path, text) in sources("src") {
        let floor = floor_of(&path);
        let Some(allowed) = allowed.get(floor.as_str()) else {
            continue;
        };
        for name in imports(&code(&text)) {
            let everybody =
                floor != "domain" && ["time", "error", "config"].contains(&name.as_str());
            if !everybody
                && name != floor
                && !allowed.contains(&name.as_str())
                && Path::new(&format!("src/{name}")).exists()
                || floor == "domain"
                    && ["app", "error", "config", "time", "words"].contains(&name.as_str())
            {
                findings.push(format!(
                    "{}: `{floor}` may not use `crate::{name}`",
                    path.display()
                ));
            }
        }
    }
    no_findings(findings);
}

#[test]
fn only_time_reads_a_clock() {
    let mut findings = Vec::new();
    for (path, text) in sources("src") {
        if path == Path::new("src/time.rs") {
            continue;
        }
        for read in [
            "Utc::now",
            "Local::now",
            "SystemTime::now",
            "now_v7",
            "Uuid::now",
        ] {
            if code(&text).contains(read) {
                findings.push(format!("{}: {read}", path.display()));
            }
        }
    }
    no_findings(findings);
}

#[test]
fn only_the_store_speaks_sql() {
    let mut findings = Vec::new();
    for (path, text) in sources("src") {
        let in_store = path.starts_with("src/store");
        // The error type carries diesel's; nothing else outside knows it.
        if !in_store && path != Path::new("src/error.rs") && code(&text).contains("diesel::") {
            findings.push(format!("{}: diesel outside src/store", path.display()));
        }
        let backend =
            in_store && (code(&text).contains("Conn::Sqlite") || code(&text).contains("Conn::Pg"));
        let may = [
            "backend",
            "search",
            "bulk",
            "backup",
            "migrate",
            "writer",
            "ticket",
            "relocate",
            "statistics",
        ];
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        if backend && !may.contains(&stem.as_str()) {
            findings.push(format!("{}: names a backend", path.display()));
        }
    }
    no_findings(findings);
}

/// `first` binds its limit, and SQLite plans a statement with a bound limit anew each time that it runs.
#[test]
fn what_is_found_by_its_key_is_planned_once() {
    let mut findings = Vec::new();
    for (path, text) in sources("src/store") {
        let code = code(&text);
        for statement in code.split(';') {
            let by_key = statement.rfind(".find(");
            let first = statement.rfind(".first(");
            if let (Some(by_key), Some(first)) = (by_key, first)
                && by_key < first
                && !statement[by_key..first].contains('}')
            {
                let line = statement[by_key..].lines().next().unwrap_or_default();
                findings.push(format!("{}: {line}", path.display()));
            }
        }
    }
    no_findings(findings);
}

#[test]
fn the_domain_knows_no_rows_and_no_json() {
    let findings = sources("src/domain")
        .into_iter()
        .filter(|(_, text)| {
            ["serde", "diesel", "actix", "askama", "std::fs"]
                .map(|name| format!("{name}::"))
                .iter()
                .any(|name| code(text).contains(name))
        })
        .map(|(path, _)| path.display().to_string())
        .collect();
    no_findings(findings);
}

#[test]
fn every_file_says_what_it_is_for_and_has_one_subject() {
    let mut findings = Vec::new();
    for folder in ["src", "tests/it"] {
        for (path, text) in sources(folder) {
            if !text.starts_with("//!") {
                findings.push(format!("{}: no `//!`", path.display()));
            }
            let lines = text
                .split("#[cfg(test)]")
                .next()
                .unwrap_or("")
                .lines()
                .count();
            if lines > MOST_LINES && !STILL_LONGER.iter().any(|longer| path == Path::new(longer)) {
                findings.push(format!("{}: {lines} lines", path.display()));
            }
        }
    }
    no_findings(findings);
}

#[test]
fn nothing_unwraps_outside_tests() {
    let mut findings = Vec::new();
    for (path, text) in sources("src") {
        for (at, line) in code(&text).lines().enumerate() {
            if line.contains(".unwrap()")
                || line.contains("todo!(")
                || line.contains("unimplemented!(")
                || line.contains("dbg!(")
            {
                findings.push(format!("{} ({at}): {}", path.display(), line.trim()));
            }
        }
    }
    no_findings(findings);
}

/// The reference of the API calls each shape by the name of its type: of two with one name only the second would stand there.
#[test]
fn no_two_shapes_of_the_api_share_a_name() {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut findings = Vec::new();
    for (path, text) in sources("src") {
        let (mut is_shape, mut called) = (false, None);
        for line in text.lines() {
            is_shape |= line.starts_with("#[derive(") && line.contains("ToSchema");
            let other = line.strip_prefix("#[schema(as = ");
            called = other.and_then(|it| it.strip_suffix(")]")).or(called);
            let rest = line.strip_prefix("pub ").unwrap_or(line);
            let named = ["struct ", "enum "]
                .iter()
                .find_map(|it| rest.strip_prefix(it));
            if let Some(named) = named.filter(|_| is_shape) {
                is_shape = false;
                let end = named.find(|c: char| !c.is_alphanumeric() && c != '_');
                let own = &named[..end.unwrap_or(named.len())];
                let name = called.take().unwrap_or(own);
                let here = path.display().to_string();
                if let Some(there) = known.insert(name.to_owned(), here.clone()) {
                    findings.push(format!("{here}: {name} is a shape of {there} too"));
                }
            }
        }
    }
    assert!(known.len() > 300, "{} shapes", known.len());
    no_findings(findings);
}

#[test]
fn the_readme_has_the_table_of_all_settings() {
    let table: String = watchkeeper::config::KEYS
        .iter()
        .map(|key| {
            let default = if key.default.is_empty() {
                "–".to_owned()
            } else {
                format!("`{}`", key.default)
            };
            format!("| `{}` | {default} | {} |\n", key.name, key.meaning)
        })
        .collect();
    let readme = std::fs::read_to_string("README.md").unwrap();
    let wanted = format!("| key | default | meaning |\n|---|---|---|\n{table}");
    assert!(
        readme.contains(&wanted),
        "the README wants this table:\n{wanted}"
    );
}

/// The first string literal at or after `from`, as far as a call's arguments go.
fn literal(text: &str) -> Option<&str> {
    let start = text.find('"')? + 1;
    let end = start + text[start..].find('"')?;
    Some(&text[start..end])
}

/// Every problem, refusal and text that code or a page names by its key stands in the catalogue.
#[test]
fn every_text_that_is_named_has_its_words() {
    let words = watchkeeper::words::Words::english();
    let mut missing = BTreeSet::new();
    let mut wants = |family: &str, key: &str| {
        let is_key = !key.is_empty()
            && key
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let key = format!("{family}{key}");
        if is_key && !words.has(&key) {
            missing.insert(key);
        }
    };
    for (_, text) in sources("src") {
        let code: String = code(&text).split_whitespace().collect::<Vec<_>>().join(" ");
        for rest in code.split("Refusal::new(").skip(1) {
            if rest.trim_start().starts_with('"') {
                wants("refusal-", literal(rest).unwrap_or_default());
            }
        }
        for rest in code.split("FieldError::new(").skip(1) {
            // The field first, which may be a literal, a name or a call of its own.
            let field = rest.trim_start();
            let after = match field.strip_prefix('"') {
                Some(field) => field.split_once('"').map_or("", |(_, after)| after),
                None => field.split_once(", ").map_or("", |(_, after)| after),
            };
            let after = after.trim_start_matches([',', ' ']);
            if after.starts_with('"') {
                wants("field-", literal(after).unwrap_or_default());
            }
        }
    }
    for path in templates("templates") {
        let text = std::fs::read_to_string(&path).unwrap();
        for call in ["p.t(", "p.t1(", "p.t2("] {
            for rest in text.split(call).skip(1) {
                if rest.starts_with('"') {
                    wants("", literal(rest).unwrap_or_default());
                }
            }
        }
    }
    assert!(missing.is_empty(), "the catalogue lacks {missing:?}");
}

fn templates(folder: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::from(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|ending| ending == "html" || ending == "txt")
            {
                found.push(path);
            }
        }
    }
    found
}
