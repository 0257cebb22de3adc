//! What the demo's team does after an incident: holds the meeting, writes down why, gives somebody the work that comes of it, and
//! has somebody else look at it.

use anyhow::{Context, Result};

use super::house::Member;
use super::life::{DAY, Life};
use crate::actions::postmortem::{self, NewAction};
use crate::actions::{meeting, ticket};
use crate::domain::id::TicketKey;
use crate::domain::postmortem::Section;
use crate::domain::task::ActionType;
use crate::domain::text::Title;
use crate::domain::ticket::{State, Ticket};
use crate::error::Error;
use crate::jobs;
use crate::store;

/// What became of a post-mortem.
pub(super) enum Lesson {
    /// Written, reviewed, closed, with one piece of work.
    Reviewed {
        factors: &'static str,
        went_well: &'static str,
        action: &'static str,
        outline: &'static str,
        /// Until the work is due.
        days: i64,
        /// What was said when it was done, on the day of the review.
        done: Option<&'static str>,
    },
    /// Signed off by somebody whose it isn't.
    Skipped(&'static str),
    /// Written, and waits for somebody else's eyes.
    InReview { factors: &'static str },
}

impl Life<'_> {
    /// The post-mortem that resolving opened.
    pub fn post_mortem_of(&self, incident: TicketKey) -> Result<Ticket> {
        let incident = self.ticket(incident)?.id;
        let found =
            self.app.store.read(
                |conn| match store::postmortem::of_incident(conn, incident)? {
                    Some(pm) => store::ticket::by_id(conn, pm.ticket_id),
                    None => Ok(None),
                },
            )?;
        found.context("the incident has no post-mortem")
    }

    pub fn learn(&self, incident: TicketKey, lesson: &Lesson) -> Result<()> {
        let pm = self.post_mortem_of(incident)?.key;
        let author = self.owner_of(pm)?;
        let reviewer = self.other_than(&author);
        match lesson {
            Lesson::Skipped(why) => {
                let by = reviewer.at(self.app);
                ticket::step(&by, pm, None, State::Skipped, why)?;
                Ok(jobs::run_until_quiet(self.app)?)
            }
            Lesson::InReview { factors } => {
                self.meet(pm, &author)?;
                self.write(pm, &author, &[(Section::Factors, factors)])
            }
            Lesson::Reviewed {
                factors,
                went_well,
                action,
                outline,
                days,
                done,
            } => {
                self.meet(pm, &author)?;
                let new = NewAction {
                    title: Title::parse(action).map_err(Error::from)?,
                    outline: (*outline).to_owned(),
                    action_type: ActionType::Prevent,
                    owner: author.id,
                    due_at: Some(self.now().plus_secs(days * DAY)),
                    commitment: String::new(),
                };
                self.add_action(pm, &author, &new)?;
                let texts = [
                    (Section::Factors, *factors),
                    (Section::WentWell, *went_well),
                ];
                self.write(pm, &author, &texts)?;
                self.wait(50)?;
                self.review(pm, &reviewer)?;
                if let Some(done) = done {
                    self.done(pm, action, &author, done)?;
                }
                Ok(())
            }
        }
    }

    pub fn add_action(&self, pm: TicketKey, by: &Member, new: &NewAction) -> Result<()> {
        postmortem::add_action(&by.at(self.app), pm, new)
            .with_context(|| format!("\"{}\" for {pm}", new.title.as_str()))?;
        Ok(())
    }

    /// The work of this title that came of a post-mortem was done.
    pub fn done(&self, pm: TicketKey, action: &str, by: &Member, how: &str) -> Result<()> {
        let id = self.ticket(pm)?.id;
        let actions = self.app.store.read(|conn| postmortem::actions(conn, id))?;
        let task = actions
            .iter()
            .map(|(_, task)| task)
            .find(|task| task.title.as_str() == action)
            .with_context(|| format!("{pm} has no \"{action}\""))?;
        ticket::resolve(&by.at(self.app), task.key, None, how)?;
        Ok(())
    }

    /// Waits for the meeting and holds it.
    pub fn meet(&self, pm: TicketKey, by: &Member) -> Result<()> {
        let id = self.ticket(pm)?.id;
        let planned = self
            .app
            .store
            .read(|conn| store::postmortem::meeting_of(conn, id))?
            .with_context(|| format!("{pm} has no meeting"))?;
        // It is written up in its last quarter of an hour, so that the promise is kept and not just met.
        self.go_to(planned.slot.ends_at.plus_secs(-15 * 60))?;
        meeting::hold(&by.at(self.app), pm, None)?;
        Ok(())
    }

    /// Writes these sections beside what was filled in already, and asks for a review.
    pub fn write(&self, pm: TicketKey, by: &Member, texts: &[(Section, &str)]) -> Result<()> {
        let mut sections: Vec<(Section, String)> = texts
            .iter()
            .map(|(section, text)| (*section, (*text).to_owned()))
            .collect();
        let id = self.ticket(pm)?.id;
        let known = self
            .app
            .store
            .read(|conn| store::postmortem::sections(conn, id))?;
        let has = |section| {
            let of = |(known, text): &(Section, String)| *known == section && !text.is_empty();
            known.iter().any(of) || texts.iter().any(|(known, _)| *known == section)
        };
        if !has(Section::Impact) {
            let none = "No customer was hit: whoever asked was answered from elsewhere.";
            sections.push((Section::Impact, none.to_owned()));
        }
        postmortem::write(&by.at(self.app), pm, None, &sections)?;
        ticket::step(&by.at(self.app), pm, None, State::InReview, "")
            .with_context(|| format!("asking for a review of {pm}"))?;
        Ok(jobs::run_until_quiet(self.app)?)
    }

    pub fn review(&self, pm: TicketKey, by: &Member) -> Result<()> {
        ticket::step(&by.at(self.app), pm, None, State::Reviewed, "")?;
        ticket::step(&by.at(self.app), pm, None, State::Closed, "")?;
        Ok(jobs::run_until_quiet(self.app)?)
    }
}
