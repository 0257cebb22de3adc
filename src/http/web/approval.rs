//! The approval of a change on its page: who has to, who did and until when, and what has changed since.

use std::collections::HashMap;

use crate::actions::approval::{self, Scene, value_in_words, voices};
use crate::actions::approval_ask::{Waits, waits};
use crate::app::Ctx;
use crate::domain::access::{self, Action, Target};
use crate::domain::approval::{Difference, Field, Snapshot, Verdict, Worth};
use crate::domain::change::Change;
use crate::domain::id::PersonId;
use crate::domain::ticket::{State, Ticket};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::http::marks::{self, Detail};
use crate::http::page::Page;
use crate::store::{self, Conn};

/// What the room reads for it.
pub struct Known {
    scene: Scene,
    verdict: Verdict,
    /// Who is still needed, in words; of a draft all who will be.
    needs: String,
    /// What changed since each vote, with names for ids.
    changes: HashMap<PersonId, Vec<Difference>>,
    /// In whose name the reader may vote: "" their own.
    voices: Vec<(String, String)>,
    may_approve: bool,
    is_open: bool,
    waits: Option<Waits>,
}

pub fn load(conn: &mut Conn, ctx: &Ctx<'_>, ticket: &Ticket, change: &Change) -> Result<Known> {
    let scene = Scene::load(conn, ticket, change)?;
    let needs = scene.case.needs(ctx.now);
    let mut changes = HashMap::new();
    for vote in &scene.case.votes {
        let mut found = vote.snapshot.differences(&scene.case.snapshot);
        for one in &mut found {
            one.before = value_in_words(conn, one.field, &one.before)?;
            one.after = value_in_words(conn, one.field, &one.after)?;
        }
        changes.insert(vote.by, found);
    }
    let may_approve = access::may(&ctx.by, Action::ApproveChange, Target::House).is_ok();
    let is_open = match ctx.by.person() {
        Some(me) => scene.is_open_to(me, ticket.state, ctx.now),
        None => scene.is_open(ticket.state, ctx.now),
    };
    let whom = match ctx.by.person().filter(|_| may_approve && is_open) {
        Some(me) => {
            let stand_ins = store::approval::stand_ins(conn, ctx.now)?;
            voices(&scene, me, &stand_ins, ctx.now)
        }
        None => Vec::new(),
    };
    let ids: Vec<PersonId> = whom.iter().flatten().copied().collect();
    let names = store::people::person_names(conn, &ids)?;
    let own = |id: &Option<PersonId>| match id {
        Some(id) => (id.to_string(), names.get(id).cloned().unwrap_or_default()),
        None => (String::new(), String::new()),
    };
    Ok(Known {
        waits: waits(ctx, conn, ticket, &scene)?,
        verdict: scene.case.verdict(ctx.now),
        needs: approval::in_words(conn, &needs)?,
        changes,
        voices: whom.iter().map(own).collect(),
        may_approve,
        is_open,
        scene,
    })
}

impl Known {
    /// It was approved, and that holds no more.
    pub fn has_lapsed(&self, state: State) -> bool {
        state == State::Approved && !self.verdict.holds()
    }

    /// It was approved for later.
    pub fn waits(&self, state: State) -> bool {
        state == State::Approved && matches!(self.verdict, Verdict::Waits { .. })
    }
}

/// The part of the page.
pub struct ApprovalView {
    /// `missing`, `standing`, `waits`, `stale`, `expired`; "" where nobody asks any more.
    pub state: &'static str,
    /// Until when it stands, or stood.
    pub until: Option<Timestamp>,
    /// When it may begin, and who said so.
    pub opens: Option<(Timestamp, String)>,
    pub needs: String,
    /// The name of the rule; "": the house's own.
    pub rule: String,
    pub valid_secs: i64,
    /// The first digits.
    pub digest: String,
    /// All of it, for the form.
    pub whole_digest: String,
    pub votes: Vec<VoteLine>,
    pub can_approve: bool,
    /// It was approved before.
    pub is_anew: bool,
    /// It was approved for later, and they may say otherwise.
    pub says_anew: bool,
    /// In whose name, where there is a choice.
    pub voices: Vec<(String, String)>,
    /// For whom it waits.
    pub waits: Option<Waits>,
}

pub struct VoteLine {
    pub who: String,
    pub on_behalf: Option<String>,
    pub at: Timestamp,
    pub not_before: Option<Timestamp>,
    pub until: Timestamp,
    /// How it stands, as its word.
    pub worth: &'static str,
    pub digest: String,
    pub changes: Vec<ChangeLine>,
}

/// A field that is another now.
pub struct ChangeLine {
    pub field: String,
    pub before: String,
    pub after: String,
}

pub fn view(known: &Known, ticket: &Ticket, p: &Page) -> ApprovalView {
    let case = &known.scene.case;
    let is_asked = matches!(
        ticket.state,
        State::Draft | State::AwaitingApproval | State::Approved
    );
    let votes = case.votes.iter().map(|vote| {
        let changes = known.changes.get(&vote.by).map_or(&[][..], Vec::as_slice);
        VoteLine {
            who: vote.by_name.clone(),
            on_behalf: vote.on_behalf.as_ref().map(|(_, name)| name.clone()),
            at: vote.at,
            not_before: vote.not_before,
            until: vote.until,
            worth: match case.worth(vote, p.now) {
                // What has begun outlives its approval.
                Worth::Expired if !is_asked => Worth::Counts.as_str(),
                worth => worth.as_str(),
            },
            digest: Snapshot::short(&vote.digest).to_owned(),
            changes: changes.iter().map(|it| line(it, p)).collect(),
        }
    });
    let votes: Vec<VoteLine> = votes.collect();
    let digest = case.snapshot.digest();
    let own = p.t("approval-own-name").into_owned();
    let voices = known.voices.iter().map(|(id, name)| match id.as_str() {
        "" => (String::new(), own.clone()),
        _ => (
            id.clone(),
            p.t1("approval-for", "name", name.as_str()).into_owned(),
        ),
    });
    ApprovalView {
        state: match ticket.state {
            // Nobody was asked.
            State::Draft => "draft",
            _ if is_asked => known.verdict.as_str(),
            _ => "",
        },
        opens: match &known.verdict {
            Verdict::Waits { opens, by_name, .. } if is_asked => Some((*opens, by_name.clone())),
            _ => None,
        },
        until: match known.verdict {
            Verdict::Standing { until } | Verdict::Waits { until, .. } => {
                Some(until).filter(|_| is_asked)
            }
            Verdict::Expired { at } => Some(at).filter(|_| is_asked),
            Verdict::Missing(_) | Verdict::Stale { .. } => None,
        },
        needs: match is_asked {
            true => known.needs.clone(),
            false => String::new(),
        },
        rule: known
            .scene
            .rule
            .as_ref()
            .map_or_else(String::new, |rule| rule.name.clone()),
        valid_secs: known.scene.valid_secs,
        digest: Snapshot::short(&digest).to_owned(),
        whole_digest: digest,
        votes,
        says_anew: known.waits(ticket.state),
        can_approve: known.may_approve && known.is_open && !known.voices.is_empty(),
        is_anew: known.has_lapsed(ticket.state),
        voices: voices.collect(),
        waits: known.waits.clone(),
    }
}

impl ApprovalView {
    /// There is something in it besides the house's own way.
    pub fn is_worth_showing(&self) -> bool {
        !self.state.is_empty() || !self.votes.is_empty()
    }
}

fn line(difference: &Difference, p: &Page) -> ChangeLine {
    let value = |text: &str| match difference.field {
        _ if text.is_empty() => p.t("approval-nothing").into_owned(),
        Field::StartsAt | Field::EndsAt => match Timestamp::parse_rfc3339(text) {
            Some(at) => marks::time_text(p.words, at, p.now, p.zone, Detail::Full),
            None => text.to_owned(),
        },
        Field::Sort => p.word("change-sort", text),
        Field::Risk => p.word("risk", text),
        _ => text.to_owned(),
    };
    ChangeLine {
        field: approval::field_name(difference.field),
        before: value(&difference.before),
        after: value(&difference.after),
    }
}
