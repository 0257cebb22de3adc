//! A bare repository beside the database, whose pushes are told to this process: what its hook would send over HTTP once the
//! service is up. The demo lives through a month of pushes before it listens.

use std::path::PathBuf;

use super::place::Place;
use super::{install, post_receive};
use crate::actions::git::{Settled, record_push};
use crate::actions::login;
use crate::app::App;
use crate::domain::id::PushId;
use crate::domain::timeline::Door;
use crate::intake::git::Git;

pub struct Bare {
    folder: PathBuf,
    token: String,
}

impl Bare {
    /// Puts the server's hook into the repository, as `watchkeeper hook install` does: later pushes tell themselves.
    pub fn set_up(folder: PathBuf, url: &str, token: String) -> anyhow::Result<Self> {
        install::put_in_bare(&folder, url, &token)?;
        Ok(Self { folder, token })
    }

    /// Tells what the hook would tell; `input` is what git feeds it: `old new ref` lines.
    pub fn pushed(&self, app: &App, by: &str, input: &str) -> anyhow::Result<Settled> {
        let git = Git::in_folder(Some(&self.folder));
        let place = Place::of(&git)?;
        let push_id = PushId::new(app.time.now()).to_string();
        let moves = post_receive::moves(&git, input);
        let pusher = Some(by.to_owned());
        let mut settled = Settled::default();
        let news = post_receive::news(&git, &place, push_id, pusher, moves)?;
        for part in news.parts()? {
            let push = part?
                .read()
                .map_err(|faults| anyhow::anyhow!("the push can't be read: {faults:?}"))?;
            let Some(principal) = login::program(app, &self.token)? else {
                anyhow::bail!("the repository's token doesn't work");
            };
            let ctx = app.ctx(principal.clone(), Door::Git);
            let from = match principal {
                crate::domain::access::Principal::Token {
                    owner: crate::domain::access::TokenOwner::Repository(id),
                    ..
                } => id,
                _ => anyhow::bail!("the token is no repository's"),
            };
            settled = record_push(&ctx, from, &push)?;
        }
        place.set_recorded(&settled.tips)?;
        Ok(settled)
    }
}
