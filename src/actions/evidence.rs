//! Files that come with a form: their bytes are stored before the entry that will refer to them. And files that leave by a link.
//! Bytes that no entry comes to refer to are swept.

use super::ticket_parts::Evidence;
use crate::app::{App, Ctx};
use crate::domain::access::Principal;
use crate::domain::file_link::FileLink;
use crate::domain::kept_file;
use crate::domain::quarantine;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::text;
use crate::error::{Error, Result};
use crate::store;
use crate::store::blob::Hash;

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
        danger: match ctx.by {
            Principal::Contact { .. } => quarantine::danger(name, media_type, bytes),
            Principal::Person { .. } | Principal::Token { .. } | Principal::System(_) => None,
        },
    })
}

/// What a form that isn't done yet carries for a file that came with it; [`again`] reads it.
pub fn carried(ctx: &Ctx<'_>, file: &Evidence) -> Option<String> {
    let person = ctx.by.person()?;
    Some(kept_file::token(&file.hash.0, person, &ctx.app.signing_key))
}

/// The file that a form carries under this name. Its bytes are kept for a day.
pub fn again(ctx: &Ctx<'_>, token: &str, name: &str, media_type: &str) -> Result<Evidence> {
    let gone =
        || FieldError::new("file", "file-kept-no-longer").with("name", text::file_name(name));
    let person = ctx.by.person().ok_or(Error::NotFound)?;
    let hash = kept_file::hash(token, person, &ctx.app.signing_key).ok_or_else(gone)?;
    let hash = Hash(hash);
    let bytes = ctx.read(|conn| match store::blob::is_redacted(conn, hash)? {
        true => Ok(None),
        false => store::blob::get(conn, hash),
    })?;
    let bytes = bytes.ok_or_else(gone)?;
    Ok(Evidence {
        hash,
        name: name.to_owned(),
        media_type: media_type.to_owned(),
        size_bytes: bytes.len() as i64,
        danger: None,
    })
}

/// A file by the link of a letter: the signature is the permission, for this file and for so long. Its name and its bytes.
pub fn by_link(app: &App, token: &str) -> Result<(String, Vec<u8>)> {
    let link = FileLink::read(token, &app.signing_key).ok_or(Error::NotFound)?;
    if link.expires_at <= app.time.now() {
        return Err(Refusal::new("file-link-expired").into());
    }
    app.store.read(|conn| {
        let file = store::blob::attachment(conn, link.file)?
            .filter(|file| file.quarantined_for().is_none())
            .ok_or(Error::NotFound)?;
        let bytes = store::blob::of_file(conn, &file)?.ok_or(Error::NotFound)?;
        Ok((file.name, bytes))
    })
}
