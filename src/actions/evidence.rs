//! Files that come with a form: their bytes are stored before the entry that will refer to them.
//! Bytes that no entry comes to refer to are swept.

use super::ticket_parts::Evidence;
use crate::app::Ctx;
use crate::error::Result;
use crate::store;

/// Stores the bytes of a file.
pub fn keep(ctx: &Ctx<'_>, name: &str, media_type: &str, bytes: &[u8]) -> Result<Evidence> {
    Ok(Evidence {
        hash: store::blob::put(&ctx.app.store, bytes, ctx.now)?,
        name: name.to_owned(),
        media_type: media_type.to_owned(),
        size_bytes: bytes.len() as i64,
    })
}
