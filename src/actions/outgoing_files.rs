//! The files that go with a letter; and those that are too large for one, by a link that works for a while.

use super::outgoing::House;
use crate::app::App;
use crate::domain::delivery::DeliveryKind;
use crate::domain::file_link::{FileLink, room};
use crate::domain::outgoing::File;
use crate::error::Result;
use crate::render::letter::{Large, word};
use crate::store::blob::Attachment;
use crate::store::outbox::Delivery;
use crate::store::{self, Conn};

/// What is attached, and what is linked to.
pub(super) fn of(
    conn: &mut Conn,
    app: &App,
    house: &House,
    delivery: &Delivery,
    frozen: Option<&[u8]>,
) -> Result<(Vec<File>, Vec<Large>)> {
    if let (DeliveryKind::Report, Some(bytes)) = (delivery.kind, frozen) {
        return Ok((vec![report(delivery, bytes)], Vec::new()));
    }
    let is_said_to_outsiders = delivery.person.is_none()
        && matches!(word(delivery.kind, &delivery.facts), "reply" | "update");
    let (Some(ticket), Some(seq), true) =
        (delivery.ticket, delivery.entry_seq, is_said_to_outsiders)
    else {
        return Ok(Default::default());
    };
    let mut attached = Vec::new();
    let mut linked = Vec::new();
    let mut bytes_so_far = 0;
    let room = room(app.post.announced_size());
    for file in store::blob::attachments(conn, ticket)? {
        let is_kept_back = file.redacted_at.is_some() || file.quarantined_for().is_some();
        if file.entry_seq != seq || is_kept_back {
            continue;
        }
        bytes_so_far += file.size_bytes;
        match &house.public_url {
            Some(url) if bytes_so_far > room => {
                bytes_so_far -= file.size_bytes;
                linked.push(link(app, url, delivery, &file));
            }
            // Without an address of our own there is nothing to link to: the relay may refuse it, visibly.
            _ => attached.extend(attachment(conn, file)?),
        }
    }
    Ok((attached, linked))
}

fn attachment(conn: &mut Conn, file: Attachment) -> Result<Option<File>> {
    let bytes = store::blob::of_file(conn, &file)?;
    Ok(bytes.map(|bytes| File {
        name: file.name,
        media_type: file.media_type,
        bytes,
    }))
}

fn link(app: &App, url: &str, delivery: &Delivery, file: &Attachment) -> Large {
    let link = FileLink::new(file.id, delivery.queued_at);
    Large {
        name: file.name.clone(),
        size_bytes: file.size_bytes,
        url: format!("{url}/file/{}", link.token(&app.signing_key)),
        until: link.expires_at,
    }
}

/// A report goes out as the very bytes that were approved.
fn report(delivery: &Delivery, bytes: &[u8]) -> File {
    let fact = |name, otherwise: &str| delivery.facts.get(name).unwrap_or(otherwise).to_owned();
    File {
        name: fact("file_name", "report.pdf"),
        media_type: fact("media_type", "application/pdf"),
        bytes: bytes.to_vec(),
    }
}
