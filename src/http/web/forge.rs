//! A repository's forge, as a section of the repository's page: where it is, what to paste into its webhook, and how that goes.

use actix_web::{HttpRequest, web};

use super::inputs::{Answer, id_of, or_form, with_who};
use super::repositories::{Besides, edit_page};
use crate::actions::forge::{self as act, Shown, Typed};
use crate::app::{App, Ctx};
use crate::domain::forge::{Delivery, Forge, ForgeKind, Trouble};
use crate::domain::id::RepositoryId;
use crate::error::{Error, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::Viewer;
use crate::http::reply;
use crate::words::Words;

/// Deliveries that the page shows.
const LAST: i64 = 20;
/// Refs shown of one delivery.
const REFS: usize = 5;

/// What the section shows.
pub(super) struct Section {
    pub forge: Option<Standing>,
    pub form: Form,
    /// The form for a new secret.
    pub renew: Form,
    pub kinds: Vec<(String, String)>,
    pub deliveries: Vec<Row>,
    /// A new secret: shown here and never again.
    pub fresh: Option<String>,
}

/// How a forge stands.
pub(super) struct Standing {
    pub forge: Forge,
    /// In the words of the page, what is probably wrong.
    pub trouble: Option<Trouble>,
    /// Where its webhook calls.
    pub url: String,
}

/// A delivery in a line.
pub(super) struct Row {
    pub delivery: Delivery,
    pub refs: Vec<String>,
    /// Refs that aren't shown.
    pub more: usize,
}

impl Section {
    /// The section of a repository; `base` is the address of this service.
    pub(super) fn of(shown: Shown, base: &str, words: &'static Words, besides: Besides) -> Self {
        let kinds = ForgeKind::ALL.iter().map(|kind| {
            let key = format!("forge-kind-{}", kind.as_str().replace('_', "-"));
            (kind.to_string(), words.t(&key).into_owned())
        });
        let standing = match &shown.forge {
            Some(forge) => Form::new(words)
                .with("kind", forge.kind)
                .with("clone_url", forge.clone_url.as_str())
                .with_some("clone_login", forge.clone_login.as_ref().map(|it| &it.name))
                .with("rev", forge.version),
            None => Form::new(words),
        };
        let deliveries = shown.deliveries.into_iter().map(|delivery| Row {
            refs: delivery
                .moves
                .iter()
                .take(REFS)
                .map(|told| told.name.clone())
                .collect(),
            more: delivery.moves.len().saturating_sub(REFS),
            delivery,
        });
        Self {
            form: Form::opened(besides.forge, standing).prefixed("forge-"),
            renew: besides.renew.unwrap_or_else(|| Form::new(words)),
            kinds: kinds.collect(),
            deliveries: deliveries.collect(),
            fresh: besides.fresh,
            forge: shown.forge.map(|forge| Standing {
                trouble: forge.standing.last_error.as_deref().map(Trouble::of),
                url: format!("{base}/api/v1/forge/{}", forge.repository),
                forge,
            }),
        }
    }
}

/// What the section is read from.
pub(super) fn load(ctx: &Ctx<'_>, id: RepositoryId) -> Result<Shown> {
    act::read(ctx, id, LAST)
}

/// `POST /repositories/{id}/forge`: the answer to the first shows the secret, and nothing else ever does.
pub async fn save(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id: RepositoryId = id_of(&id)?;
    let text = |name: &str| posted.text(name).to_owned();
    let typed = Typed {
        kind: text("kind"),
        clone_url: text("clone_url"),
        clone_login: text("clone_login"),
        clone_password: text("clone_password"),
    };
    // A first form has none.
    let rev = posted.text("rev").parse().ok();
    let done = viewer
        .run(&app, move |ctx| {
            let known = act::read(ctx, id, 0)?;
            if rev.is_none() && known.forge.is_some() {
                return Err(Error::Stale);
            }
            Ok((known.repository.name, act::set(ctx, id, rev, &typed)?))
        })
        .await;
    match or_form(done, &posted)? {
        Ok((_, (_, fresh @ Some(_)))) => {
            let besides = Besides {
                fresh,
                ..Besides::default()
            };
            edit_page(&req, &app, &viewer, id, besides).await
        }
        Ok((name, (_, None))) => Ok(reply::see_saying(
            &format!("/repositories/{id}"),
            "said-changed",
            &name,
        )),
        Err(form) => {
            let name = viewer.run(&app, move |ctx| act::read(ctx, id, 0)).await?;
            let name = name.repository.name;
            let besides = Besides {
                forge: with_who(&app, &viewer, Some(form), ("forge", &name)).await?,
                ..Besides::default()
            };
            edit_page(&req, &app, &viewer, id, besides).await
        }
    }
}

/// `POST /repositories/{id}/forge/{verb}`: `secret`, `drop-old-secret`, `look` or `remove`.
pub async fn act(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    place: web::Path<(String, String)>,
    posted: Posted,
) -> Answer {
    let (id, verb) = place.into_inner();
    let id: RepositoryId = id_of(&id)?;
    let here = format!("/repositories/{id}");
    match verb.as_str() {
        "secret" => {
            let own = posted.text("secret").to_owned();
            let made = viewer
                .run(&app, move |ctx| act::rotate(ctx, id, &own))
                .await;
            let besides = match or_form(made, &posted)? {
                Ok((_, secret)) => Besides {
                    fresh: Some(secret),
                    ..Besides::default()
                },
                Err(form) => Besides {
                    renew: Some(form),
                    ..Besides::default()
                },
            };
            edit_page(&req, &app, &viewer, id, besides).await
        }
        "drop-old-secret" => {
            viewer
                .run(&app, move |ctx| act::drop_old_secret(ctx, id))
                .await?;
            Ok(reply::see_saying(&here, "said-forge-secret-dropped", ""))
        }
        "look" => {
            viewer.run(&app, move |ctx| act::look_now(ctx, id)).await?;
            Ok(reply::see_saying(&here, "said-forge-looked", ""))
        }
        "remove" => {
            viewer.run(&app, move |ctx| act::remove(ctx, id)).await?;
            Ok(reply::see_saying(&here, "said-forge-removed", ""))
        }
        _ => Err(Error::NotFound.into()),
    }
}
