//! What a change's own facts say of its risk, beside what people call it: its commits, its way back, how long nothing was changed there.

use crate::actions::change;
use crate::actions::commits::OnTicket;
use crate::actions::suspect_scene::{QUIET_SECS, touches_migration};
use crate::domain::change::{Change, Sort};
use crate::domain::severity;
use crate::domain::suspect::Risk;
use crate::domain::ticket::Ticket;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::{self, Conn};
use crate::words::Words;

/// The facts of a change, from those of its commits that are on some branch.
pub fn of(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    commits: &[OnTicket],
    now: Timestamp,
) -> Result<Risk> {
    let glass = change::glass(conn, ticket.id)?;
    let standing = commits.iter().flat_map(|on| &on.commits);
    let mut standing: Vec<_> = standing
        .filter(|(commit, _)| commit.gone_at.is_none())
        .map(|(commit, _)| commit)
        .collect();
    standing.dedup_by_key(|commit| commit.id);
    let mut paths = standing.iter().flat_map(|commit| &commit.paths);
    let is_quiet = match change.ended_at {
        // What was done is no news to itself.
        Some(_) => false,
        None => is_first_in_a_while(conn, ticket, now)?,
    };
    Ok(Risk {
        is_emergency: change.plan.sort == Sort::Emergency || glass.is_some(),
        is_migration: paths.any(|touched| touches_migration(&touched.path)),
        is_irreversible: false,
        has_no_way_back: change.plan.revert.is_empty()
            && commits.iter().all(|on| on.revert.is_empty()),
        files: standing.iter().map(|it| i64::from(it.path_count)).sum(),
        is_first_in_a_while: is_quiet,
    })
}

/// Something was deployed of one of its services once, and nothing for weeks.
fn is_first_in_a_while(conn: &mut Conn, ticket: &Ticket, now: Timestamp) -> Result<bool> {
    let environments = store::house::environments(conn)?;
    let Some(production) = environments.first() else {
        return Ok(false);
    };
    let services = store::ticket::services(conn, ticket.id)?;
    let last = store::deployment::last_of(conn, production, &services)?;
    Ok(last.is_some_and(|at| now.secs_since(at) > QUIET_SECS))
}

/// How risky that is, on the scale that people use.
pub fn level(risk: &Risk) -> severity::Risk {
    match risk.weight() {
        ..0.3 => severity::Risk::Low,
        0.3..0.6 => severity::Risk::Medium,
        _ => severity::Risk::High,
    }
}

/// The facts in words; empty: there are none that make it risky.
pub fn reasons(risk: &Risk, words: &Words) -> String {
    let mut said: Vec<String> = [
        (risk.is_emergency, "suspect-emergency"),
        (risk.is_migration, "suspect-migration"),
        (risk.has_no_way_back, "suspect-no-way-back"),
        (risk.is_first_in_a_while, "suspect-first"),
    ]
    .into_iter()
    .filter(|(is, _)| *is)
    .map(|(_, key)| words.t(key).into_owned())
    .collect();
    if risk.files > 1 {
        let files = [("n", risk.files.into())];
        said.push(words.with("suspect-files", &files).into_owned());
    }
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_add_up_to_a_level_and_are_named() {
        let words = Words::english();
        let mut risk = Risk::default();
        assert_eq!(level(&risk), severity::Risk::Low);
        assert_eq!(reasons(&risk, words), "");
        risk.has_no_way_back = true;
        risk.files = 12;
        assert_eq!(level(&risk), severity::Risk::Medium);
        assert_eq!(reasons(&risk, words), "no way back is known, 12 files");
        risk.is_migration = true;
        assert_eq!(level(&risk), severity::Risk::High);
    }
}
