//! The same tables in other forms: a line of JSON for each row, and one page to read.

use serde_json::{Map, Value};

use super::Table;
use crate::domain::audit_evidence::dossier::Dossier;
use crate::render::sheet::{self, Block, Sheet};
use crate::words::Words;

/// What the page shows of the population.
const SHOWN: [&str; 9] = [
    "seq",
    "service",
    "version_before",
    "version",
    "started_at",
    "status",
    "changes",
    "approvers",
    "approved_before_deployment",
];

/// A row is an object with the columns' names, all of them texts as in the CSV.
pub(super) fn jsonl(table: &Table) -> Vec<u8> {
    let mut out = Vec::new();
    for row in &table.rows {
        let cells = table.head.iter().zip(row);
        let cells = cells.map(|(name, cell)| ((*name).to_owned(), Value::from(cell.as_str())));
        let line = Value::Object(cells.collect::<Map<String, Value>>());
        out.extend_from_slice(line.to_string().as_bytes());
        out.push(b'\n');
    }
    out
}

/// The whole record to read: how complete it is, what was out of order, every deployment.
pub(super) fn page(
    of: &Dossier,
    completeness: &str,
    exceptions: &Table,
    population: &Table,
    words: &Words,
) -> Vec<u8> {
    let period = &of.asked.period;
    let blocks = vec![
        Block::Text(completeness.to_owned()),
        Block::Heading(words.t("evidence-page-exceptions").into_owned()),
        shown(exceptions, exceptions.head),
        Block::Heading(words.t("evidence-page-population").into_owned()),
        shown(population, &SHOWN),
    ];
    let sheet = Sheet {
        language: words.t("catalogue-language").into_owned(),
        title: words.t("evidence-page-title").into_owned(),
        subtitle: format!("{} – {}", period.from_on, period.to_on),
        watermark: None,
        blocks,
        footer: words.t("evidence-page-files").into_owned(),
        page_label: String::new(),
        dated_at: period.interval().to,
        identity: String::new(),
    };
    sheet::html(&sheet).into_bytes()
}

fn shown(table: &Table, columns: &[&'static str]) -> Block {
    let places: Vec<usize> = columns
        .iter()
        .filter_map(|name| table.head.iter().position(|known| known == name))
        .collect();
    Block::Table {
        head: columns.iter().map(|name| name.replace('_', " ")).collect(),
        rows: table
            .rows
            .iter()
            .map(|row| places.iter().map(|at| row[*at].clone()).collect())
            .collect(),
        shares: vec![1; columns.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_an_object_and_a_page_shows_the_columns_that_it_names() {
        let table = Table {
            head: &["seq", "note"],
            rows: vec![vec!["1".to_owned(), "a \"b\"\n<i>".to_owned()]],
        };
        assert_eq!(
            String::from_utf8(jsonl(&table)).unwrap(),
            "{\"note\":\"a \\\"b\\\"\\n<i>\",\"seq\":\"1\"}\n"
        );
        let Block::Table { head, rows, .. } = shown(&table, &["note"]) else {
            panic!("a table")
        };
        assert_eq!(
            (head, rows),
            (
                vec!["note".to_owned()],
                vec![vec!["a \"b\"\n<i>".to_owned()]]
            )
        );
    }
}
