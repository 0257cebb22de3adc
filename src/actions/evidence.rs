//! Files that come with a form: their bytes are stored before the entry that will refer to them.
//! Bytes that no entry comes to refer to are swept.

use super::ticket_parts::Evidence;
use crate::app::Ctx;
use crate::domain::refusal::FieldError;
use crate::domain::text;
use crate::error::Result;
use crate::store;

/// Stores the bytes of a file. Those that were redacted don't come back.
pub fn keep(ctx: &Ctx<'_>, name: &str, media_type: &str, bytes: &[u8]) -> Result<Evidence> {
    super::trouble::has_room(ctx.app)?;
    let hash = store::blob::put(&ctx.app.store, bytes, ctx.now)?;
    if ctx.read(|conn| store::blob::is_redacted(conn, hash))? {
        let refused = FieldError::new("file", "file-redacted");
        return Err(refused.with("name", text::file_name(name)).into());
    }
    Ok(Evidence {
        hash,
        name: name.to_owned(),
        media_type: media_type.to_owned(),
        size_bytes: bytes.len() as i64,
    })
}
