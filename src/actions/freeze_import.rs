//! Windows from a calendar file: what its events would do, and doing it. An event that was taken before changes its window; what it
//! says nothing of, such as whether the window counts, stays. One that is cancelled switches its window off.

use super::allow;
use super::freeze::{change_in, insert_in, may_keep, refuse_unknown};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::freeze::{Details, Event, Fate, Freeze};
use crate::domain::id::{FreezeId, Id};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::blob::Hash;
use crate::store::freeze as rows;

/// An event that is taken.
#[derive(Debug, Clone)]
pub struct Taken {
    pub fate: Fate,
    /// As the window would stand, or stands.
    pub freeze: Freeze,
    /// As it stood.
    known: Option<Freeze>,
}

/// What a file says.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// What its windows ask.
    pub for_all: &'a Details,
    pub events: &'a [Event],
    /// The UIDs of those that are cancelled.
    pub cancelled: &'a [String],
}

/// What these events would do.
pub fn look(ctx: &Ctx<'_>, file: &File<'_>) -> Result<Vec<Taken>> {
    may_keep(ctx)?;
    let known = ctx.read(|conn| {
        refuse_unknown(conn, &file.for_all.scope)?;
        rows::all(conn)
    })?;
    Ok(weighed(&known, file, ctx.now))
}

/// Takes them: all, or none if one can't be.
pub fn take(ctx: &Ctx<'_>, file: &File<'_>) -> Result<Vec<Taken>> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    ctx.write(|tx| {
        refuse_unknown(tx, &file.for_all.scope)?;
        let known = rows::all(tx)?;
        let mut taken = weighed(&known, file, ctx.now);
        for it in &mut taken {
            it.freeze = match (it.fate, &it.known) {
                (Fate::Added, _) => insert_in(tx, ctx, it.freeze.clone())?,
                (Fate::Changed | Fate::SwitchedOff, Some(known)) => {
                    change_in(tx, ctx, known, it.freeze.clone())?
                }
                (Fate::Changed | Fate::SwitchedOff | Fate::Unchanged, _) => continue,
            };
        }
        Ok(taken)
    })
}

/// Whether something comes of an event with this UID.
pub fn has_window(taken: &[Taken], uid: &str) -> bool {
    let mut uids = taken.iter().map(|it| it.freeze.source_uid.as_deref());
    uids.any(|known| known == Some(uid))
}

/// What exactly it would do, as one word: whoever takes it has seen that.
pub fn digest(taken: &[Taken]) -> String {
    let told = taken.iter().map(|it| {
        let freeze = &it.freeze;
        let what = (&freeze.name, freeze.zone, freeze.when, freeze.sort);
        let asks = (freeze.level, freeze.types, &freeze.scope);
        let uid = &freeze.source_uid;
        format!(
            "{} {uid:?} {what:?} {asks:?} {:?}",
            it.fate, freeze.announce_secs
        )
    });
    let told: Vec<String> = told.collect();
    let hash = Hash::of(told.join("\n").as_bytes());
    hash.0
        .iter()
        .take(12)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn weighed(known: &[Freeze], file: &File<'_>, now: Timestamp) -> Vec<Taken> {
    // As they are kept: in another order they are no others.
    let mut for_all = file.for_all.clone();
    for_all.scope.services.sort_unstable();
    for_all.scope.environments.sort_unstable();
    let weigh = |event: &Event| {
        let details = for_all.of_event(event);
        let uid = Some(&event.uid);
        let known = known.iter().find(|it| it.source_uid.as_ref() == uid);
        let freeze = |id: FreezeId, made_at, version, is_active| Freeze {
            source_uid: Some(event.uid.clone()),
            is_active,
            ..details.freeze(id, made_at, version)
        };
        match known {
            None => Taken {
                fate: Fate::Added,
                freeze: freeze(Id::new(now), now, 1, true),
                known: None,
            },
            Some(known) => {
                let freeze = freeze(known.id, known.made_at, known.version, known.is_active);
                Taken {
                    fate: match freeze == *known {
                        true => Fate::Unchanged,
                        false => Fate::Changed,
                    },
                    freeze,
                    known: Some(known.clone()),
                }
            }
        }
    };
    let off = known.iter().filter(|it| {
        let uid = it.source_uid.as_ref();
        uid.is_some_and(|uid| file.cancelled.contains(uid))
    });
    let off = off.map(|known| Taken {
        fate: match known.is_active {
            true => Fate::SwitchedOff,
            false => Fate::Unchanged,
        },
        freeze: Freeze {
            is_active: false,
            ..known.clone()
        },
        known: Some(known.clone()),
    });
    file.events.iter().map(weigh).chain(off).collect()
}
