//! An incident's fixes, as its page says them: what is live and may have ended it, and what isn't.

use crate::actions::fix::{Proposal, Shown};
use crate::domain::access::Action;
use crate::domain::plain_sight::plain_sight;
use crate::domain::timestamp::Timestamp;
use crate::http::page::Page;

/// What the room says of fixes.
pub struct FixesView {
    pub live: Option<LiveView>,
    /// Those that aren't.
    pub others: Vec<FixRow>,
    pub may_move: bool,
}

/// The incident may be over.
pub struct LiveView {
    pub page: String,
    /// "web 4.12.1 runs in prod since".
    pub runs: String,
    pub live_at: Timestamp,
    pub missing: Option<String>,
    pub fixes: Vec<FixRow>,
    /// Offered as what fixed it.
    pub how: String,
}

pub struct FixRow {
    pub short: String,
    pub subject: String,
    pub url: Option<String>,
    /// It was live, and isn't any more.
    pub was_live: bool,
}

impl FixRow {
    fn of(it: &Shown) -> Self {
        let repository = it.repository.as_ref();
        Self {
            short: it.commit.short().to_owned(),
            subject: plain_sight(&it.commit.subject).into_owned(),
            url: repository.and_then(|of| of.url_of(&it.commit.oid)),
            was_live: it.fix.gone_at.is_some(),
        }
    }
}

pub fn view((all, proposal): (Vec<Shown>, Option<Proposal>), is_open: bool, p: &Page) -> FixesView {
    let others = all.iter().filter(|it| is_open && !it.fix.is_live());
    FixesView {
        others: others.map(FixRow::of).collect(),
        live: proposal.map(|it| live(it, p)),
        may_move: p.may(Action::MoveTicket),
    }
}

fn live(it: Proposal, p: &Page) -> LiveView {
    let fixes: Vec<FixRow> = it.fixes.iter().map(FixRow::of).collect();
    let how = fixes
        .iter()
        .map(|it| format!("{} ({})", it.subject, it.short));
    LiveView {
        page: format!("/deployments/{}", it.deployment),
        runs: p
            .t2(
                "fix-live-since",
                "what",
                it.what.as_str(),
                "place",
                it.place.as_str(),
            )
            .into_owned(),
        live_at: it.live_at,
        missing: (it.missing > 0).then(|| p.t1("fix-missing", "n", it.missing).into_owned()),
        how: how.collect::<Vec<_>>().join("; "),
        fixes,
    }
}
