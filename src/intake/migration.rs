//! Steps of a database's schema in a repository: which of them nobody wrote the way back of.
//!
//! Only SQL files in a folder of migrations are judged, by the conventions of how their way back is written: in a file beside it, or
//! below a line in the same file. Programs in other languages are not read: nothing is claimed of them.

/// Whether a file is a step forward without a way back. `read` gives the text of a path, if there is one.
pub fn is_irreversible(path: &str, read: impl Fn(&str) -> Option<String>) -> bool {
    let Some((folder, name)) = path.rsplit_once('/') else {
        return false;
    };
    let is_migrations = |part: &str| {
        let start = part.get(.."migrat".len());
        start.is_some_and(|it| it.eq_ignore_ascii_case("migrat"))
    };
    if !folder.split('/').any(is_migrations) {
        return false;
    }
    let Some(down) = way_back(name) else {
        return false;
    };
    let beside = read(&format!("{folder}/{down}"));
    let is_back = beside.is_some_and(|text| text.lines().any(is_statement));
    !is_back && !read(path).is_some_and(|text| has_way_back(&text))
}

/// The name of the file that takes a step back; `None` if this is no step forward.
fn way_back(name: &str) -> Option<String> {
    const SQL: &str = ".sql";
    let at = name.len().checked_sub(SQL.len())?;
    let (stem, end) = (name.get(..at)?, name.get(at..)?);
    if !end.eq_ignore_ascii_case(SQL) {
        return None;
    }
    let has_end = |word: &str| {
        let start = stem.len().checked_sub(word.len());
        let found = start.and_then(|at| Some((stem.get(..at)?, stem.get(at..)?)));
        found.filter(|(before, end)| {
            end.eq_ignore_ascii_case(word) && (before.is_empty() || before.ends_with(['.', '_']))
        })
    };
    if has_end("down").is_some() {
        return None;
    }
    if let Some((before, _)) = has_end("up") {
        return Some(format!("{before}down{end}"));
    }
    // V2__pool.sql and its U2__pool.sql; R__views.sql is run again whenever it changes.
    if stem.contains("__") {
        let is_version = |it: &str| it.starts_with(|c: char| c.is_ascii_digit());
        match stem.split_at_checked(1) {
            Some(("V", rest)) if is_version(rest) => return Some(format!("U{rest}{end}")),
            Some(("U", rest)) if is_version(rest) => return None,
            Some(("R", rest)) if rest.starts_with("__") => return None,
            _ => {}
        }
    }
    Some(format!("{stem}.down{end}"))
}

fn is_statement(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && line != ";" && !line.starts_with("--")
}

/// Whether a file says itself how it is taken back.
fn has_way_back(text: &str) -> bool {
    let mut is_back = false;
    for line in text.lines() {
        let Some(said) = line.trim().strip_prefix("--") else {
            if is_back && is_statement(line) {
                return true;
            }
            continue;
        };
        let said = said.trim().to_ascii_lowercase();
        let starts = |words: &[&str]| words.iter().any(|word| said.starts_with(word));
        if starts(&["+goose down", "+migrate down", "migrate:down"]) {
            is_back = true;
        } else if starts(&["+goose up", "+migrate up", "migrate:up"]) {
            is_back = false;
        } else if said.strip_prefix("rollback ").is_some_and(is_statement) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_a_schema_is_taken_back_by_a_file_beside_it_or_by_what_it_says_itself() {
        const DROP: &str = "ALTER TABLE pool DROP COLUMN size;\n";
        const ADD: &str = "ALTER TABLE pool ADD COLUMN size BIGINT;\n";
        for (files, is_final) in [
            (&[("migrations/0042_drop.sql", DROP)][..], true),
            (&[("db/Migrate/42_drop.SQL", DROP)], true),
            (
                &[
                    ("migrations/0042_drop.sql", DROP),
                    ("migrations/0042_drop.down.sql", ADD),
                ],
                false,
            ),
            (&[("migrations/42_drop/up.sql", DROP)], true),
            (
                &[
                    ("migrations/42_drop/up.sql", DROP),
                    ("migrations/42_drop/down.sql", ADD),
                ],
                false,
            ),
            // A way back that does nothing is none.
            (
                &[
                    ("migrations/42_drop/up.sql", DROP),
                    ("migrations/42_drop/down.sql", "-- Gone.\n\n"),
                ],
                true,
            ),
            (
                &[
                    ("a/migrations/42_drop.up.sql", DROP),
                    ("a/migrations/42_drop.down.sql", ADD),
                ],
                false,
            ),
            (&[("a/migrations/42_drop.up.sql", DROP)], true),
            // The end of another word.
            (&[("migrations/42_cleanup.sql", DROP)], true),
            (&[("migrations/V2__drop.sql", DROP)], true),
            (
                &[
                    ("migrations/V2__drop.sql", DROP),
                    ("migrations/U2__drop.sql", ADD),
                ],
                false,
            ),
            (&[("migrations/R__views.sql", DROP)], false),
            (&[("migrations/42_drop/down.sql", ADD)], false),
            (&[("migrations/U2__drop.sql", ADD)], false),
            (
                &[(
                    "migrations/1.sql",
                    "-- +goose Up\nDROP TABLE a;\n-- +goose Down\nCREATE TABLE a (b INT);\n",
                )],
                false,
            ),
            (
                &[(
                    "migrations/1.sql",
                    "-- migrate:up\nDROP TABLE a;\n\n-- migrate:down\n\n",
                )],
                true,
            ),
            (
                &[(
                    "migrations/1.sql",
                    "-- migrate:down\n-- nothing\n-- migrate:up\nDROP TABLE a;\n",
                )],
                true,
            ),
            (
                &[(
                    "migrations/1.sql",
                    "--liquibase formatted sql\nDROP TABLE a;\n--rollback CREATE TABLE a (b INT);\n",
                )],
                false,
            ),
            // No step of a schema, or none that can be judged.
            (&[("sql/report.sql", DROP)], false),
            (&[("migrations.sql", DROP)], false),
            (&[("migrations/0042_drop.py", DROP)], false),
            (&[("migrations/ü.ql", DROP)], false),
            (&[("migrations/.sql", DROP)], true),
        ] {
            let read = |path: &str| {
                let found = files.iter().find(|(known, _)| *known == path);
                found.map(|(_, text)| (*text).to_owned())
            };
            let path = files[0].0;
            assert_eq!(is_irreversible(path, read), is_final, "{files:?}");
        }
    }
}
