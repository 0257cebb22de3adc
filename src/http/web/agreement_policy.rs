//! The settings of a promise that most leave alone, folded away in its row: what becomes of its clock when the ticket changes,
//! waits or is opened again.

use crate::domain::refusal::FieldError;
use crate::domain::sla_policy::{ChangePolicy, Policy, REOPEN_GRACE_SECS, ReopenPolicy};
use crate::domain::ticket::State;
use crate::http::form::{Form, Posted};
use crate::http::page::Page;

type Choices = Vec<(String, String)>;

/// What the row's fold offers.
pub struct PolicyChoices {
    pub changes: Choices,
    pub within: Choices,
    pub later: Choices,
    pub states: Choices,
}

impl PolicyChoices {
    pub fn new(p: &Page) -> Self {
        let usual = Policy::default();
        let reopen = |first: ReopenPolicy| -> Choices {
            let mut words: Vec<ReopenPolicy> = ReopenPolicy::ALL.to_vec();
            // What a new row begins with stands first.
            words.sort_by_key(|word| *word != first);
            words
                .iter()
                .map(|word| (word.as_str().to_owned(), p.word("reopen", word.as_str())))
                .collect()
        };
        Self {
            changes: ChangePolicy::ALL
                .iter()
                .map(|word| (word.as_str().to_owned(), p.word("on-change", word.as_str())))
                .collect(),
            within: reopen(usual.reopen_within),
            later: reopen(usual.reopen_later),
            states: State::ALL
                .iter()
                .filter(|state| state.is_open())
                .map(|state| (state.as_str().to_owned(), p.word("state", state.as_str())))
                .collect(),
        }
    }
}

/// Whether the row says anything that isn't as usual: then it stands open.
pub fn is_unusual(form: &Form, row: &str) -> bool {
    let usual = Policy::default();
    let differs = |field: &str, usual: &str| {
        let value = form.value(&format!("{row}-{field}")).trim();
        !value.is_empty() && value != usual
    };
    differs("on_change", usual.on_change.as_str())
        || differs("within", usual.reopen_within.as_str())
        || differs("later", usual.reopen_later.as_str())
        || differs("grace", &hours(usual.reopen_grace_secs))
        || differs("holds_in", "")
        || differs("once", "")
}

fn hours(secs: i64) -> String {
    (secs / 3600).to_string()
}

/// What of a promise isn't as usual, a line each.
pub fn unusual(p: &Page, policy: &Policy) -> Vec<String> {
    let usual = Policy::default();
    let mut lines = Vec::new();
    let mut say = |label: &str, value: String| lines.push(format!("{}: {value}", p.t(label)));
    if policy.on_change != usual.on_change {
        say(
            "policy-on-change",
            p.word("on-change", policy.on_change.as_str()),
        );
    }
    if policy.reopen_grace_secs != usual.reopen_grace_secs {
        say("policy-grace", hours(policy.reopen_grace_secs));
    }
    for (label, now, usual) in [
        ("policy-within", policy.reopen_within, usual.reopen_within),
        ("policy-later", policy.reopen_later, usual.reopen_later),
    ] {
        if now != usual {
            say(label, p.word("reopen", now.as_str()));
        }
    }
    if !policy.holds_in.is_empty() {
        let states = policy.holds_in.iter();
        let states: Vec<String> = states.map(|it| p.word("state", it.as_str())).collect();
        say("policy-holds-in", states.join(", "));
    }
    if !policy.follows_messages {
        lines.push(p.t("policy-once").into_owned());
    }
    lines
}

pub fn fill(form: Form, row: usize, policy: &Policy) -> Form {
    let name = |field: &str| format!("{row}-{field}");
    let form = form
        .with(&name("on_change"), policy.on_change)
        .with(&name("grace"), hours(policy.reopen_grace_secs))
        .with(&name("within"), policy.reopen_within)
        .with(&name("later"), policy.reopen_later)
        .with_some(&name("once"), (!policy.follows_messages).then_some("yes"));
    policy
        .holds_in
        .iter()
        .fold(form, |form, state| form.with(&name("holds_in"), state))
}

/// What the row says; what it leaves out is as usual.
pub fn read(posted: &Posted, row: usize) -> Result<Policy, FieldError> {
    let usual = Policy::default();
    let text = |field: &str| posted.text(&format!("{row}-{field}")).trim().to_owned();
    let unknown =
        |field: &'static str| FieldError::new(field, "not-a-choice").with("value", text(field));
    let reopen = |field: &'static str, usual: ReopenPolicy| match text(field).as_str() {
        "" => Ok(usual),
        word => word.parse().map_err(|()| unknown(field)),
    };
    let grace = match text("grace").as_str() {
        "" => REOPEN_GRACE_SECS,
        hours => hours
            .parse::<i64>()
            .ok()
            .and_then(|hours| hours.checked_mul(3600))
            .ok_or_else(|| {
                FieldError::new("grace", "not-a-number").with("value", hours.to_owned())
            })?,
    };
    Ok(Policy {
        on_change: match text("on_change").as_str() {
            "" => usual.on_change,
            word => word.parse().map_err(|()| unknown("on_change"))?,
        },
        reopen_grace_secs: grace,
        reopen_within: reopen("within", usual.reopen_within)?,
        reopen_later: reopen("later", usual.reopen_later)?,
        holds_in: posted
            .all(&format!("{row}-holds_in"))
            .map(|word| word.parse().map_err(|()| unknown("holds_in")))
            .collect::<Result<_, _>>()?,
        follows_messages: !posted.ticked(&format!("{row}-once")),
    })
}
