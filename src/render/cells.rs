//! Rows as CSV, whatever they tell of. No cell is a formula.

use crate::domain::compensation::formula_safe;

/// A head and its rows. Lines end with a line feed: the same rows are the same bytes everywhere.
pub fn csv(
    head: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(head)?;
    for row in rows {
        out.write_record(row.iter().map(|cell| formula_safe(cell)))?;
    }
    out.into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}
