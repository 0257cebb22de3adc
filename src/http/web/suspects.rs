//! What changed just before an incident, as its page says it: suspects with reasons and the way back, alibis, and what the feeds can
//! vouch for.

use super::deployments::{FreshView, RevertView};
use crate::actions::allow;
use crate::actions::suspect::{self as act, Answer, Subject, Told};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::{Id, TicketKey};
use crate::domain::plain_sight::plain_sight;
use crate::domain::refusal::FieldError;
use crate::domain::suspect::{Band, Evidence, Suspect, shown};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::http::form::Posted;
use crate::http::page::Page;

pub struct SuspectsView {
    pub onset: Timestamp,
    pub verdict: &'static str,
    /// Suspected: most of all first.
    pub rows: Vec<SuspectRow>,
    /// Listed, and folded away.
    pub folded: Vec<SuspectRow>,
    pub more: usize,
    pub alibis: Vec<(SuspectRow, &'static str)>,
    pub feeds: Vec<FeedRow>,
    /// Services of whose changes nobody tells; "": none.
    pub untold: String,
    pub services: String,
    /// Those that hang together with them.
    pub around: String,
    pub environment: String,
}

pub struct SuspectRow {
    /// `deployment 018f…`: what a mark is about.
    pub subject: String,
    pub what: String,
    pub place: Option<String>,
    pub page: Option<String>,
    pub who: String,
    pub at: Timestamp,
    pub before: Option<String>,
    pub score: i64,
    pub band: &'static str,
    pub reasons: String,
    pub is_live: bool,
    pub tickets: Vec<(TicketKey, String)>,
    pub revert: Option<RevertView>,
    /// Word, who, when.
    pub mark: Option<(&'static str, String, Timestamp)>,
}

pub struct FeedRow {
    pub name: String,
    pub last_at: Timestamp,
    pub is_fresh: bool,
    /// "normally every 4 h"; "" if that isn't known.
    pub rhythm: String,
}

pub fn view(answer: Answer, p: &Page) -> SuspectsView {
    let onset = answer.onset;
    let mut view = SuspectsView {
        onset,
        verdict: answer.verdict.as_str(),
        rows: Vec::new(),
        folded: Vec::new(),
        more: answer.suspect_count - answer.suspects.len(),
        alibis: Vec::new(),
        feeds: Vec::new(),
        untold: answer.untold.join(", "),
        services: answer.services.join(", "),
        around: answer.around.join(", "),
        environment: answer.environment,
    };
    for (told, suspect) in answer.suspects {
        let row = row(told, Some(&suspect), p);
        // What somebody judged stays in sight.
        match suspect.band == Band::Listed && row.mark.is_none() {
            true => view.folded.push(row),
            false => view.rows.push(row),
        }
    }
    view.alibis = answer
        .alibis
        .into_iter()
        .map(|(told, alibi)| (row(told, None, p), alibi.as_str()))
        .collect();
    view.feeds = answer
        .feeds
        .into_iter()
        .map(|feed| FeedRow {
            last_at: feed.last_at,
            is_fresh: feed.is_fresh(p.now),
            rhythm: match feed.rhythm_secs {
                Some(secs) => {
                    let span = p.words.age(secs);
                    p.t1("suspect-rhythm", "span", span).into_owned()
                }
                None => p.t("suspect-no-rhythm").into_owned(),
            },
            name: feed.name,
        })
        .collect();
    view
}

fn row(told: Told, suspect: Option<&Suspect>, p: &Page) -> SuspectRow {
    let subject = told.subject;
    SuspectRow {
        reasons: suspect.map_or_else(String::new, |it| reasons(&told, it, p)),
        subject: format!("{} {}", subject.kind, subject.id),
        page: match (told.deployment, told.tickets.first()) {
            (Some(id), _) => Some(format!("/deployments/{id}")),
            (None, Some((key, _))) => Some(format!("/{key}")),
            (None, None) => None,
        },
        tickets: match told.deployment {
            Some(_) => told.tickets,
            None => Vec::new(),
        },
        what: plain_sight(&told.what).into_owned(),
        place: Some(told.place).filter(|it| !it.is_empty()),
        who: plain_sight(&told.who).into_owned(),
        at: told.started_at,
        before: told.before,
        score: suspect.map_or(0, |it| shown(it.score)),
        band: suspect.map_or("listed", |it| it.band.as_str()),
        is_live: told.is_live,
        revert: told.revert.map(|revert| RevertView {
            freshness: told.freshness.map(FreshView::of),
            ..RevertView::of(revert)
        }),
        mark: told
            .mark
            .map(|it| (it.blame.as_str(), it.by_name, it.marked_at)),
    }
}

/// Every part of the score that counts, in words.
fn reasons(told: &Told, suspect: &Suspect, p: &Page) -> String {
    let mut said: Vec<String> = vec![match suspect.before_secs {
        0 => p.t("suspect-ran").into_owned(),
        secs => p
            .t1("suspect-ended", "span", p.words.age(secs))
            .into_owned(),
    }];
    said.push(p.word("suspect-near", told.near.as_str()));
    if !suspect.words.is_empty() {
        said.push(
            p.t1("suspect-words", "words", suspect.words.join(", "))
                .into_owned(),
        );
    }
    for (is, key) in [
        (told.risk.is_emergency, "suspect-emergency"),
        (told.risk.is_migration, "suspect-migration"),
        (told.risk.has_no_way_back, "suspect-no-way-back"),
        (told.risk.is_first_in_a_while, "suspect-first"),
    ] {
        if is {
            said.push(p.t(key).into_owned());
        }
    }
    if told.risk.is_irreversible {
        let steps = told.freshness.as_ref().map(|it| it.irreversible.join(", "));
        said.push(
            p.t1("suspect-irreversible", "files", steps.unwrap_or_default())
                .into_owned(),
        );
    }
    if told.risk.files > 1 {
        said.push(p.t1("suspect-files", "n", told.risk.files).into_owned());
    }
    if told.history.judged > 0 {
        let (n, of) = (told.history.confirmed, told.history.judged);
        said.push(p.t2("suspect-history", "n", n, "of", of).into_owned());
    }
    let known = told
        .evidence
        .iter()
        .map(|it: &Evidence| p.word("suspect-evidence", it.as_str()));
    said.extend(known);
    said.join(" · ")
}

/// `caused deployment 018f…`: what the button that was pressed says.
pub fn act(ctx: &Ctx<'_>, key: TicketKey, posted: &Posted) -> Result<&'static str> {
    allow(&ctx.by, Action::WorkOnTicket, Target::House)?;
    let unknown = || FieldError::new("mark", "unknown-subject");
    let mut parts = posted.text("mark").split(' ');
    let mut part = || parts.next().unwrap_or_default();
    let (blame, kind, id) = (part(), part(), part());
    let blame = blame.parse().map_err(|()| unknown())?;
    let subject = Subject {
        kind: kind.parse().map_err(|()| unknown())?,
        id: Id::parse(id).ok_or_else(unknown)?,
    };
    act::mark(ctx, key, subject, blame).map(|_| "said-changed")
}
