//! A push that goes through because the glass was broken: the emergency change that it stands on, and the incident that it is for.

use std::collections::BTreeMap;

use super::change::{self, break_glass_alone};
use super::push_verdict::{REFS_KEPT, commit_lines, ref_lines};
use crate::app::Ctx;
use crate::domain::change::Plan;
use crate::domain::commit_message::Relation;
use crate::domain::git::Repository;
use crate::domain::id::{Kind, TicketKey};
use crate::domain::people::Person;
use crate::domain::push_rule::{AskedPush, Known};
use crate::domain::text::Title;
use crate::domain::ticket::Opening;
use crate::error::{Error, Result};
use crate::store;

/// A push that failed for another reason is the same emergency when it comes again, for so long.
const AGAIN_SECS: i64 = 24 * 3_600;
/// Emergencies of one person in one repository that are looked through for it.
const LOOKED_AT: i64 = 20;

/// Who pushes what past which rules.
pub(super) struct Emergency<'a> {
    pub repository: &'a Repository,
    /// What is known of the tickets that the push names.
    pub tickets: &'a BTreeMap<TicketKey, Known>,
    pub push: &'a AskedPush,
    pub person: &'a Person,
}

/// What it stands on.
pub(super) struct Made {
    pub change: TicketKey,
    pub incident: Option<TicketKey>,
}

impl Emergency<'_> {
    /// Breaks the glass of the open change that the push names, or else of one that is opened for it, and links it to the incident
    /// that it is for.
    pub(super) fn through_glass(&self, ctx: &Ctx<'_>) -> Result<Made> {
        let change = match self.before(ctx)? {
            Some(known) => known,
            None => self.change(ctx)?,
        };
        let services = self.repository.services();
        let named: Vec<TicketKey> = self.named().collect();
        let incident = change::stand_with_incident(ctx, change, self.reason(), &named, &services)?;
        Ok(Made { change, incident })
    }

    fn reason(&self) -> &str {
        self.push.options.break_glass.as_deref().unwrap_or_default()
    }

    /// What the push stands for, by its own word and its commits'.
    fn named(&self) -> impl Iterator<Item = TicketKey> + '_ {
        let own = self.push.options.ticket.into_iter();
        let links = self.push.commits.iter().flat_map(|commit| &commit.links);
        let strong = links.filter(|link| link.relation >= Relation::Refs);
        own.chain(strong.map(|link| link.key))
    }

    /// The change of the same push, if it came before and nobody has looked at that one yet: then another hook turned it away, or the
    /// line broke, and it is tried again.
    fn before(&self, ctx: &Ctx<'_>) -> Result<Option<TicketKey>> {
        let commits = commit_lines(self.push);
        if commits.is_empty() {
            return Ok(None);
        }
        let refs = ref_lines(self.push);
        let since = ctx.now.plus_secs(-AGAIN_SECS);
        ctx.read(|conn| {
            let of = (self.repository.id, self.person.id);
            let all = store::push_decision::through_glass(conn, of.0, of.1, since, LOOKED_AT)?;
            for known in all {
                let Some(id) = known.ticket_id else { continue };
                if known.refs != refs || known.commits != commits {
                    continue;
                }
                let ticket = store::ticket::by_id(conn, id)?;
                let glass = change::glass(conn, id)?;
                let waits = glass.is_some_and(|glass| glass.review.is_none());
                if let Some(ticket) = ticket.filter(|it| it.is_open() && waits) {
                    return Ok(Some(ticket.key));
                }
            }
            Ok(None)
        })
    }

    fn change(&self, ctx: &Ctx<'_>) -> Result<TicketKey> {
        let reason = self.reason();
        let named = self.named().find(|key| {
            let known = self.tickets.get(key);
            known.is_some_and(|it| it.kind == Kind::Change && it.is_open)
        });
        if let Some(key) = named {
            match break_glass_alone(ctx, key, reason) {
                Ok(ticket) => return Ok(ticket.key),
                // Its glass lies broken and waits for somebody to look: this is another emergency.
                Err(Error::Refused(_)) => {}
                Err(other) => return Err(other),
            }
        }
        let (push, repository) = (self.push, &self.repository.name);
        let names = push.refs.iter().take(REFS_KEPT);
        let names: Vec<&str> = names.map(|it| it.name.as_str()).collect();
        let tip = push.refs.first();
        let tip = tip.and_then(|moved| push.commits.iter().find(|it| it.oid == moved.new));
        let what = tip.map_or_else(|| names.join(", "), |commit| commit.subject.clone());
        let title = format!("Emergency push to {repository}: {what}");
        let opening = Opening {
            services: self.repository.services(),
            owner: Some(self.person.id),
            body: format!(
                "{reason}\n\nPushed to {} of {repository} with broken glass.",
                names.join(", ")
            ),
            ..Opening::default()
        };
        let plan = Plan {
            purpose: reason.to_owned(),
            ..Plan::default()
        };
        let opened = change::open(
            ctx,
            Title::from_foreign(&title, "Emergency push"),
            &opening,
            plan,
        )?;
        Ok(break_glass_alone(ctx, opened.key, reason)?.key)
    }
}
