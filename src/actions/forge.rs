//! A repository's forge: where it is, the secret that its webhook signs with, and what that webhook brings.
//!
//! A delivery is durable when it is answered; what it means is found out by the job. Of what is refused only that it was is kept.

use super::{allow, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::forge::{
    CloneLogin, CloneUrl, Delivery, Doubt, Forge, ForgeKind, Look, Standing, ToldMove, Verdict,
    own_secret,
};
use crate::domain::git::Repository;
use crate::domain::id::{Id, RepositoryId};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::text::optional_line;
use crate::domain::timeline::Facts;
use crate::error::{Error, Fields, Result, is_unique_violation};
use crate::secrets;
use crate::store::{self, forge as rows, forge_delivery as deliveries};

/// Of refused deliveries one in so many seconds is kept for each reason: anybody can send a thousand.
const REFUSED_SECS: i64 = 60;

/// What is typed about a forge.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    pub kind: String,
    pub clone_url: String,
    /// Of the account that fetches over HTTPS; empty: none is needed.
    pub clone_login: String,
    /// Empty: the one that is known.
    pub clone_password: String,
}

struct Checked {
    kind: ForgeKind,
    url: CloneUrl,
    login: Option<CloneLogin>,
}

impl Typed {
    fn check(&self, known: Option<&Forge>) -> Result<Checked> {
        let mut fields = Fields::new();
        let kind = self.kind.trim().parse::<ForgeKind>().map_err(|()| {
            let words: Vec<_> = ForgeKind::ALL.iter().map(|kind| kind.as_str()).collect();
            FieldError::new("kind", "unknown-word")
                .with("value", self.kind.trim().to_owned())
                .with("accepted", words.join(", "))
        });
        let kind = fields.take(kind);
        let url = fields.take(CloneUrl::parse(&self.clone_url));
        let login = fields.take(self.login(known, url.as_ref()));
        fields.check()?;
        match (kind, url, login) {
            (Some(kind), Some(url), Some(login)) => Ok(Checked { kind, url, login }),
            _ => Err(Error::internal("a field was neither taken nor refused")),
        }
    }

    /// The password stays if nobody types another, but only for the place that it was typed for.
    fn login(
        &self,
        known: Option<&Forge>,
        url: Option<&CloneUrl>,
    ) -> std::result::Result<Option<CloneLogin>, FieldError> {
        let Some(name) = optional_line("clone_login", &self.clone_login, 200)? else {
            return Ok(None);
        };
        if name.contains(':') {
            return Err(FieldError::new("clone_login", "login-with-colon"));
        }
        if url.is_some_and(|url| url.protocol != "https") {
            return Err(FieldError::new("clone_login", "login-without-https"));
        }
        let typed = self.clone_password.trim();
        if typed.chars().count() > 500 || typed.chars().any(char::is_control) {
            return Err(FieldError::new("clone_password", "not-a-clone-password"));
        }
        if !typed.is_empty() {
            let password = typed.to_owned();
            return Ok(Some(CloneLogin { name, password }));
        }
        let stays = known
            .filter(|known| url.is_none_or(|url| url.host == known.clone_url.host))
            .and_then(|known| known.clone_login.clone())
            .filter(|known| known.name == name);
        match stays {
            Some(known) => Ok(Some(known)),
            None => Err(FieldError::new("clone_password", "clone-password-wanted")),
        }
    }
}

/// A repository, its forge if it has one, and what that sent last, newest first.
pub struct Shown {
    pub repository: Repository,
    pub forge: Option<Forge>,
    pub deliveries: Vec<Delivery>,
}

pub fn read(ctx: &Ctx<'_>, id: RepositoryId, most: i64) -> Result<Shown> {
    allow(&ctx.by, Action::ManageRepositories, Target::House)?;
    ctx.read(|conn| {
        Ok(Shown {
            repository: store::repository::repository(conn, id)?.ok_or(Error::NotFound)?,
            forge: rows::of(conn, id)?,
            deliveries: deliveries::latest(conn, id, most)?,
        })
    })
}

/// Connects a repository with its forge, or changes where that is; `rev` is the version that was seen, if it has one. The
/// secret of a new one is returned once.
pub fn set(
    ctx: &Ctx<'_>,
    id: RepositoryId,
    rev: Option<i64>,
    typed: &Typed,
) -> Result<(Forge, Option<String>)> {
    allow(&ctx.by, Action::ManageRepositories, Target::House)?;
    let new_secret = secrets::new_signing_secret()?;
    ctx.write(|tx| {
        let repository = store::repository::repository(tx, id)?.ok_or(Error::NotFound)?;
        let known = rows::of(tx, id)?;
        if rev.is_some_and(|rev| known.as_ref().is_none_or(|known| known.version != rev)) {
            return Err(Error::Stale);
        }
        let checked = typed.check(known.as_ref())?;
        let facts = Facts::new()
            .with("kind", checked.kind)
            .with("clone_url", checked.url.as_str());
        let Some(mut forge) = known else {
            let forge = Forge {
                repository: id,
                kind: checked.kind,
                clone_url: checked.url,
                clone_login: checked.login,
                secret: new_secret.clone(),
                old_secret: None,
                secret_since: ctx.now,
                standing: unseen(ctx),
                made_at: ctx.now,
                version: 1,
            };
            rows::insert(tx, &forge)?;
            audit::note(tx, ctx, "forge-connected", &repository.name, &facts)?;
            return Ok((forge, Some(new_secret.clone())));
        };
        forge.kind = checked.kind;
        forge.clone_url = checked.url;
        forge.clone_login = checked.login;
        rows::update(tx, &mut forge)?;
        // What was wrong may be right now.
        forge.standing = Standing {
            look: Look {
                looked_at: forge.standing.look.looked_at,
                ..unseen(ctx).look
            },
            last_error: None,
        };
        rows::set_standing(tx, &forge)?;
        audit::note(tx, ctx, "forge-changed", &repository.name, &facts)?;
        Ok((forge, None))
    })
}

/// To be looked at now.
fn unseen(ctx: &Ctx<'_>) -> Standing {
    Standing {
        look: Look {
            looked_at: None,
            next_look_at: ctx.now,
            faults: 0,
            failing_since: None,
        },
        last_error: None,
    }
}

/// A new secret, ours or one that the forge has made; the old one holds beside it until it is dropped.
pub fn rotate(ctx: &Ctx<'_>, id: RepositoryId, own: &str) -> Result<(Forge, String)> {
    allow(&ctx.by, Action::ManageRepositories, Target::House)?;
    let secret = match own_secret(own)? {
        Some(own) => own,
        None => secrets::new_signing_secret()?,
    };
    let forge = changed(ctx, id, "forge-secret-renewed", |forge| {
        // One more would end the one that the forge may still sign with.
        if forge.old_secret.is_some() {
            return Err(Refusal::new("forge-old-secret-holds").into());
        }
        let old = std::mem::replace(&mut forge.secret, secret.clone());
        forge.old_secret = Some(old);
        forge.secret_since = ctx.now;
        Ok(())
    })?;
    Ok((forge, secret))
}

/// From now on only the newer secret holds.
pub fn drop_old_secret(ctx: &Ctx<'_>, id: RepositoryId) -> Result<Forge> {
    allow(&ctx.by, Action::ManageRepositories, Target::House)?;
    changed(ctx, id, "forge-secret-dropped", |forge| {
        match forge.old_secret.take() {
            Some(_) => Ok(()),
            None => Err(Refusal::new("forge-no-old-secret").into()),
        }
    })
}

fn changed(
    ctx: &Ctx<'_>,
    id: RepositoryId,
    deed: &'static str,
    change: impl Fn(&mut Forge) -> Result<()>,
) -> Result<Forge> {
    ctx.write(|tx| {
        let repository = store::repository::repository(tx, id)?.ok_or(Error::NotFound)?;
        let mut forge = rows::of(tx, id)?.ok_or(Error::NotFound)?;
        change(&mut forge)?;
        rows::update(tx, &mut forge)?;
        audit::note(tx, ctx, deed, &repository.name, &Facts::new())?;
        Ok(forge)
    })
}

/// Ends the connection: its webhook is turned away, and what it brought is forgotten. What was recorded stays.
pub fn remove(ctx: &Ctx<'_>, id: RepositoryId) -> Result<()> {
    allow(&ctx.by, Action::ManageRepositories, Target::House)?;
    ctx.write(|tx| {
        let repository = store::repository::repository(tx, id)?.ok_or(Error::NotFound)?;
        rows::of(tx, id)?.ok_or(Error::NotFound)?;
        rows::delete(tx, id)?;
        audit::note(tx, ctx, "forge-removed", &repository.name, &Facts::new())
    })
}

/// Looks at the forge as soon as the job comes to it, however often that failed.
pub fn look_now(ctx: &Ctx<'_>, id: RepositoryId) -> Result<()> {
    allow(&ctx.by, Action::ManageRepositories, Target::House)?;
    ctx.write(|tx| {
        rows::of(tx, id)?.ok_or(Error::NotFound)?;
        rows::look_at_once(tx, id, ctx.now)
    })
}

/// For the door: the forge of a repository that is in use.
pub fn expected(ctx: &Ctx<'_>, id: RepositoryId) -> Result<Option<Forge>> {
    ctx.read(|conn| {
        let repository = store::repository::repository(conn, id)?;
        match repository.is_some_and(|it| it.is_active) {
            true => rows::of(conn, id),
            false => Ok(None),
        }
    })
}

/// A genuine delivery.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub delivery_id: String,
    pub event: String,
    pub pusher: Option<String>,
    /// `None`: it isn't about refs. Empty: of which it doesn't say.
    pub moves: Option<Vec<ToldMove>>,
}

/// Keeps a delivery for the job; `Waiting` or `Ignored`, or `Taken` for one that came before. Durable when it returns.
pub fn take(ctx: &Ctx<'_>, id: RepositoryId, arrived: &Arrived) -> Result<Verdict> {
    allow(&ctx.by, Action::SendHookEvents, Target::Repository(id))?;
    super::trouble::has_room(ctx.app)?;
    let verdict = match arrived.moves {
        Some(_) => Verdict::Waiting,
        None => Verdict::Ignored,
    };
    let kept = ctx.write(|tx| {
        if deliveries::is_known(tx, id, &arrived.delivery_id)? {
            return Ok(Verdict::Taken);
        }
        let mut new = delivery(ctx, id, &arrived.event, verdict);
        new.delivery_id = Some(arrived.delivery_id.clone());
        new.pusher = arrived.pusher.clone();
        new.moves = arrived.moves.clone().unwrap_or_default();
        deliveries::insert(tx, &new)?;
        Ok(verdict)
    });
    match kept {
        // It came twice at once, and the other one was faster.
        Err(error) if is_unique_violation(&error) => Ok(Verdict::Taken),
        other => other,
    }
}

/// Notes that a delivery was turned away, and why; of its body nothing. Whether it was noted: some of many are.
pub fn refuse(ctx: &Ctx<'_>, id: RepositoryId, doubt: Doubt) -> Result<bool> {
    let since = ctx.now.plus_secs(-REFUSED_SECS);
    let is_noted = ctx.read(|conn| deliveries::was_refused(conn, id, doubt, since))?;
    if is_noted || super::trouble::has_room(ctx.app).is_err() {
        return Ok(false);
    }
    ctx.write(|tx| {
        // Not even what it calls itself: nobody knows who says so.
        let mut new = delivery(ctx, id, "", Verdict::Refused);
        new.doubt = Some(doubt);
        deliveries::insert(tx, &new)
    })?;
    Ok(true)
}

fn delivery(ctx: &Ctx<'_>, id: RepositoryId, event: &str, verdict: Verdict) -> Delivery {
    Delivery {
        id: Id::new(ctx.now),
        repository: id,
        delivery_id: None,
        event: event.to_owned(),
        verdict,
        doubt: None,
        pusher: None,
        moves: Vec::new(),
        received_at: ctx.now,
        settled_at: (verdict != Verdict::Waiting).then_some(ctx.now),
    }
}
