//! Looks at forges: when a webhook says that refs have moved, and every ten minutes without a word, since every forge loses events
//! by design. What has moved is fetched into a mirror in the data folder, and told as a hook on the server would tell it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Again, Job, UNHURRIED};
use crate::actions::forge_look::{self as action, Seen};
use crate::actions::git::record_push;
use crate::actions::trouble;
use crate::app::App;
use crate::domain::forge::{Delivery, KEPT_SECS, NOTHING_THERE, Tip, next_tip};
use crate::domain::git::{Oid, RefMove};
use crate::domain::id::{PushId, RepositoryId};
use crate::domain::timeline::Door;
use crate::error::{Error, Result};
use crate::intake::git::{Mirror, News, Refs, Remote, Unreached};
use crate::store;

pub(super) const JOB: Job = Job {
    name: "forge",
    run,
    rest: UNHURRIED,
    // A forge that hangs doesn't hold up the others; a lease keeps two looks at one apart.
    hands: 2,
};

pub(super) const SWEEP: Job = Job {
    name: "sweep-forge",
    run: sweep,
    rest: Duration::from_secs(60),
    hands: 1,
};

/// Forges of one round.
const AT_ONCE: i64 = 20;
/// Refs told as one push.
const REFS_AT_ONCE: usize = 5_000;
const SWEPT_AT_ONCE: i64 = 500;
/// So long after its day a delivery may lie about.
const GRACE_SECS: i64 = 3_600;

/// Frees what a process that died on this database had taken. Called once at start, before the jobs run.
pub(super) fn release_leases(app: &App) -> Result<()> {
    // Elsewhere other processes may look; what a dead one had taken runs out.
    match app.store.is_sqlite() {
        true => action::release_all(&app.system("forge", Door::Git)),
        false => Ok(()),
    }
}

fn run(app: &App) -> Result<Again> {
    let now = app.time.now();
    let due = app
        .store
        .read(|conn| store::forge::due(conn, now, AT_ONCE))?;
    if due.is_empty() {
        return Ok(Again::Later);
    }
    // What was accepted waits until there is room for what it brings.
    if trouble::has_room(app).is_err() {
        return Ok(Again::Later);
    }
    let is_full = due.len() as i64 >= AT_ONCE;
    for id in due {
        if is_ending(app) {
            return Ok(Again::Later);
        }
        look(app, id)?;
    }
    metrics::gauge!("watchkeeper_forges_failing")
        .set(app.store.read(store::forge::failing)? as f64);
    Ok(if is_full { Again::AtOnce } else { Again::Later })
}

fn is_ending(app: &App) -> bool {
    app.is_ending.load(Ordering::Relaxed)
}

/// One forge: looked at, and how that went is noted. What is wrong with one is no reason not to look at the others.
fn look(app: &App, id: RepositoryId) -> Result<()> {
    let Some(mut seen) = action::begin(&app.system("forge", Door::Git), id)? else {
        return Ok(());
    };
    let told = take(app, &mut seen);
    // Fetching takes its time: what is noted was found now.
    let ctx = app.system("forge", Door::Git);
    match told {
        Ok(Ok(is_whole)) => action::reached(&ctx, &seen, is_whole),
        Ok(Err(_)) if is_ending(app) => action::give_up(&ctx, id),
        Ok(Err(Unreached(why))) => {
            let faults = seen.forge.standing.look.faults + 1;
            tracing::warn!(repository = %id, faults, "a forge can't be read; its repository's page says why");
            action::unreached(&ctx, &seen, &why)
        }
        // Somebody works on a ticket of it, or it was retired meanwhile, or the disk is full: none of it the forge's fault.
        Err(Error::Stale | Error::Forbidden(_) | Error::NotFound | Error::Full) => {
            action::give_up(&ctx, id)
        }
        Err(error @ Error::Unavailable(_)) => Err(error),
        Err(fault) => {
            tracing::error!(repository = %id, %fault, "what a forge has could not be recorded");
            action::unreached(&ctx, &seen, &fault.to_string())
        }
    }
}

/// Records what has moved. Whether all refs were compared.
fn take(app: &App, seen: &mut Seen) -> Result<std::result::Result<bool, Unreached>> {
    let remote = Remote {
        url: &seen.forge.clone_url,
        login: seen.forge.clone_login.as_ref(),
        ca: app.config.git_ca.as_deref(),
        is_ending: &|| is_ending(app),
    };
    let refs = match remote.refs() {
        Ok(refs) => refs,
        Err(why) => return Ok(Err(why)),
    };
    // Another repository's place, more likely than one whose every branch was deleted.
    if refs.is_empty() && !seen.recorded.is_empty() {
        return Ok(Err(Unreached(NOTHING_THERE.to_owned())));
    }
    let waiting = std::mem::take(&mut seen.waiting);
    let is_whole = seen.is_due || waiting.iter().any(|delivery| delivery.moves.is_empty());
    if is_recorded(seen, &refs) {
        for delivery in &waiting {
            action::settle(&app.system("forge", Door::Git), delivery.id)?;
        }
        return Ok(Ok(is_whole));
    }
    let folder = folder_of(app, seen.repository.id);
    let mirror = Mirror::at(&folder, &refs)?;
    let mut tips = mirror.tips()?;
    if !is_mirrored(&tips, &refs) {
        if let Err(why) = mirror.fetch(&remote) {
            return Ok(Err(why));
        }
        tips = mirror.tips()?;
    }
    let record = Record {
        app,
        mirror: &mirror,
        tips: &tips,
    };
    for (at, delivery) in waiting.iter().enumerate() {
        let moves = record.told_by(seen, delivery, &waiting[at + 1..]);
        if !moves.is_empty() {
            let push_id = format!("forge-{}", delivery.id);
            record.push(seen, push_id, delivery.pusher.clone(), moves)?;
        }
        action::settle(&app.system("forge", Door::Git), delivery.id)?;
    }
    if is_whole {
        let moves = record.untold(seen);
        for some in moves.chunks(REFS_AT_ONCE) {
            let push_id = PushId::new(app.time.now()).to_string();
            record.push(seen, push_id, None, some.to_vec())?;
        }
    }
    Ok(Ok(is_whole))
}

/// Our copy of a forge's repository.
pub(super) fn folder_of(app: &App, id: RepositoryId) -> PathBuf {
    mirrors(app).join(format!("{id}.git"))
}

fn mirrors(app: &App) -> PathBuf {
    app.config.data.join("mirrors")
}

fn is_recorded(seen: &Seen, refs: &Refs) -> bool {
    seen.recorded.len() == refs.len()
        && seen
            .recorded
            .iter()
            .all(|(name, oid)| refs.get(name).is_some_and(|now| now.as_str() == oid))
}

fn is_mirrored(tips: &BTreeMap<String, Tip>, refs: &Refs) -> bool {
    tips.len() == refs.len()
        && tips
            .iter()
            .all(|(name, tip)| refs.get(name) == Some(&tip.oid))
}

/// From the mirror into our record.
struct Record<'a> {
    app: &'a App,
    mirror: &'a Mirror,
    /// Where the refs are by the forge.
    tips: &'a BTreeMap<String, Tip>,
}

impl Record<'_> {
    /// The moves that a delivery tells, as far as the forge bears them out. `later`: those that came after it.
    fn told_by(&self, seen: &Seen, delivery: &Delivery, later: &[Delivery]) -> Vec<RefMove> {
        let mut moves: Vec<RefMove> = Vec::new();
        for told in &delivery.moves {
            if moves.iter().any(|moved| moved.name == told.name) {
                continue;
            }
            let recorded = recorded(seen, &told.name);
            let is_last_word = !later
                .iter()
                .any(|other| other.moves.iter().any(|it| it.name == told.name));
            let has_after = told.after.as_ref().is_some_and(|oid| self.mirror.has(oid));
            let now = self.tips.get(&told.name);
            let to = next_tip(told, recorded.as_ref(), now, has_after, is_last_word);
            if let Some(to) = to {
                moves.extend(moved(&told.name, recorded, to));
            }
        }
        sort(&mut moves, &seen.repository.default_branch);
        moves
    }

    /// Everything that is elsewhere by the forge than by our record.
    fn untold(&self, seen: &Seen) -> Vec<RefMove> {
        let mut moves = Vec::new();
        for (name, tip) in self.tips {
            let recorded = recorded(seen, name);
            if recorded.as_ref() != Some(&tip.oid) {
                moves.extend(moved(name, recorded, Some(tip.oid.clone())));
            }
        }
        for (name, oid) in &seen.recorded {
            if !self.tips.contains_key(name) {
                moves.extend(moved(name, Oid::parse(oid), None));
            }
        }
        sort(&mut moves, &seen.repository.default_branch);
        moves
    }

    /// Tells a push as its hook would.
    fn push(
        &self,
        seen: &mut Seen,
        push_id: String,
        pusher: Option<String>,
        refs: Vec<RefMove>,
    ) -> Result<()> {
        let git = self.mirror.git();
        let news = News {
            sends_paths: true,
            git: &git,
            taken: seen.recorded.clone(),
            base_url: seen.base_url.clone(),
            push_id,
            pusher,
            refs,
        };
        for part in news.parts()? {
            let push = part?.read().map_err(|faults| {
                Error::internal(format!("a push of the forge can't be read: {faults:?}"))
            })?;
            let ctx = self.app.system("forge", Door::Git);
            seen.recorded = record_push(&ctx, seen.repository.id, &push)?.tips;
        }
        Ok(())
    }
}

fn recorded(seen: &Seen, name: &str) -> Option<Oid> {
    let found = seen.recorded.iter().find(|(known, _)| known == name);
    found.and_then(|(_, oid)| Oid::parse(oid))
}

/// A move from where it was to where it is; nothing if it was and is nowhere.
fn moved(name: &str, from: Option<Oid>, to: Option<Oid>) -> Option<RefMove> {
    let digits = from.as_ref().or(to.as_ref())?.as_str().len();
    let zero = Oid::parse(&"0".repeat(digits))?;
    Some(RefMove {
        name: name.to_owned(),
        old: from.unwrap_or_else(|| zero.clone()),
        new: to.unwrap_or(zero),
        dropped: 0,
        version_before: None,
        version_after: None,
        tag: None,
    })
}

/// The default branch first: its versions count. Then other branches, then tags.
fn sort(moves: &mut [RefMove], default_branch: &str) {
    moves.sort_by_key(|moved| {
        let branch = moved.branch();
        let is_default = branch == Some(default_branch);
        (!is_default, branch.is_none(), moved.name.clone())
    });
}

/// Forgets deliveries that had their days, and mirrors of forges that are gone.
fn sweep(app: &App) -> Result<Again> {
    let spent = app.time.now().plus_secs(-KEPT_SECS);
    let oldest = app.store.read(store::forge_delivery::oldest)?;
    if oldest.is_some_and(|at| at < spent.plus_secs(-GRACE_SECS)) {
        let once = |tx: &mut store::Tx| store::forge_delivery::sweep(tx, spent, SWEPT_AT_ONCE);
        while app.store.write(once)? == SWEPT_AT_ONCE as usize {}
    }
    sweep_mirrors(app, &mirrors(app))?;
    Ok(Again::Later)
}

fn sweep_mirrors(app: &App, folder: &Path) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        // There never was a mirror.
        return Ok(());
    };
    let there: Vec<(RepositoryId, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?.strip_suffix(".git")?.to_owned();
            Some((RepositoryId::parse(&name)?, path))
        })
        .collect();
    // After the folder was read: the mirror of a new forge is made when its row is there.
    let wanted = app.store.read(store::forge::all)?;
    for (_, path) in there.iter().filter(|(id, _)| !wanted.contains(id)) {
        if let Err(error) = std::fs::remove_dir_all(path) {
            tracing::warn!(%error, "the mirror of a forge that is gone stays");
        }
    }
    Ok(())
}
