//! Approvers are asked, reminded once, and then another team hears that nobody answered. Silence never approves anything.
//!
//! The clock of a reminder runs on in a freeze: a freeze keeps a change from beginning, and nobody from looking at it. What an approval
//! stands for doesn't: what ran out is asked for again, once.

use super::super::duration;
use super::super::id::{PersonId, TeamId};
use super::super::refusal::FieldError;
use super::super::timestamp::Timestamp;
use super::{Case, Need, Snapshot, StandIn, Verdict, Worth};

/// When approvers are reminded where no rule says otherwise.
pub const REMIND_SECS: i64 = 4 * 3_600;
const LEAST_SECS: i64 = 5 * 60;
const MOST_SECS: i64 = 30 * 86_400;

/// What happens while approvers are silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reminders {
    /// So long after they were asked they are reminded, once; 0: never.
    pub remind_secs: i64,
    /// So long after they were asked this team hears of it, once.
    pub escalate: Option<(TeamId, i64)>,
}

impl Default for Reminders {
    fn default() -> Self {
        Self {
            remind_secs: REMIND_SECS,
            escalate: None,
        }
    }
}

impl Reminders {
    /// Checks what was typed. `remind` and `escalate` are lengths of time; empty: the usual one, and never.
    pub fn check(
        remind: &str,
        escalate: &str,
        team: Option<TeamId>,
    ) -> Result<Self, Vec<FieldError>> {
        let mut faults = Vec::new();
        let mut length = |field: &'static str, text: &str, usual: i64| {
            let secs = match text.trim() {
                "" => Some(usual),
                text => duration::parse_secs(text),
            };
            let secs = secs.filter(|it| *it == 0 || (LEAST_SECS..=MOST_SECS).contains(it));
            secs.unwrap_or_else(|| {
                let value = text.to_owned();
                faults.push(FieldError::new(field, "not-a-reminder").with("value", value));
                0
            })
        };
        let remind_secs = length("remind", remind, REMIND_SECS);
        let after = length("escalate", escalate, 0);
        if faults.is_empty() {
            match (after, team) {
                (0, Some(_)) => faults.push(FieldError::new("escalate", "required")),
                (1.., None) => faults.push(FieldError::new("escalate_team", "required")),
                (1.., Some(_)) if after <= remind_secs => {
                    faults.push(FieldError::new("escalate", "escalates-before-reminder"));
                }
                _ => {}
            }
        }
        match faults.is_empty() {
            true => Ok(Self {
                remind_secs,
                escalate: team.map(|team| (team, after)),
            }),
            false => Err(faults),
        }
    }
}

/// What has become of asking for one change's approval.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asking {
    /// What they were asked about last.
    pub snapshot: Option<Snapshot>,
    /// What was approved last before that, or else what they were asked about; `None` where it was the same.
    pub former: Option<Snapshot>,
    /// `None`: nobody has been asked yet, or somebody wants them to be asked anew.
    pub asked_at: Option<Timestamp>,
    pub reminded_at: Option<Timestamp>,
    pub escalated_at: Option<Timestamp>,
    /// Nothing was waited for any more: it was approved, refused or withdrawn.
    pub settled_at: Option<Timestamp>,
}

/// Whom to write to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Ask,
    /// Those who are still needed.
    Remind,
    Escalate(TeamId),
}

impl Asking {
    /// Whether somebody's approval is waited for. `is_asked`: the change waits for it; else it was approved, and is asked for anew if
    /// that was of another change, or ran out, or whoever gave it is on the other side by now.
    pub fn is_open(case: &Case, is_asked: bool, now: Timestamp) -> bool {
        match case.verdict(now) {
            _ if is_asked => true,
            Verdict::Stale { .. } | Verdict::Missing(_) | Verdict::Expired { .. } => true,
            Verdict::Standing { .. } | Verdict::Waits { .. } => false,
        }
    }

    /// What is due at `now`, noted as done. `case`: of a change whose approval is waited for.
    pub fn step(&mut self, case: &Case, reminders: &Reminders, now: Timestamp) -> Vec<Step> {
        let is_known = self.snapshot.as_ref() == Some(&case.snapshot);
        let ran_out_at = case.ran_out_at(now);
        let is_asked = |at: &Timestamp| {
            let is_about_this = is_known && self.settled_at.is_none();
            is_about_this && ran_out_at.is_none_or(|ran_out_at| *at >= ran_out_at)
        };
        let Some(asked_at) = self.asked_at.filter(is_asked) else {
            self.ask(case, now);
            return vec![Step::Ask];
        };
        let mut steps = Vec::new();
        let is_due = |secs: i64, done: Option<Timestamp>| {
            done.is_none() && secs > 0 && asked_at.plus_secs(secs) <= now
        };
        if is_due(reminders.remind_secs, self.reminded_at) {
            self.reminded_at = Some(now);
            steps.push(Step::Remind);
        }
        if let Some((team, secs)) = reminders.escalate
            && is_due(secs, self.escalated_at)
        {
            self.escalated_at = Some(now);
            steps.push(Step::Escalate(team));
        }
        steps
    }

    fn ask(&mut self, case: &Case, now: Timestamp) {
        // What somebody approved tells more than what somebody was asked about.
        let voted = case.votes.last().map(|vote| vote.snapshot.clone());
        let former = voted.or(self.snapshot.take());
        *self = Self {
            former: former.filter(|former| *former != case.snapshot),
            snapshot: Some(case.snapshot.clone()),
            asked_at: Some(now),
            ..Self::default()
        };
    }

    /// Nothing is waited for any more.
    pub fn settle(&mut self, now: Timestamp) {
        self.settled_at = self.settled_at.or(Some(now));
    }

    /// When the next step is due, if nothing happens.
    pub fn next_at(&self, reminders: &Reminders) -> Option<Timestamp> {
        let asked_at = self.asked_at.filter(|_| self.settled_at.is_none())?;
        let escalate = reminders.escalate.map_or(0, |(_, secs)| secs);
        let due = [
            (reminders.remind_secs, self.reminded_at),
            (escalate, self.escalated_at),
        ];
        let due = due
            .into_iter()
            .filter(|(secs, done)| *secs > 0 && done.is_none());
        due.map(|(secs, _)| asked_at.plus_secs(secs)).min()
    }
}

impl Case {
    /// When what was approved ran out, if that alone is what it lacks.
    pub fn ran_out_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self.verdict(now) {
            Verdict::Expired { at } => Some(at),
            Verdict::Missing(_)
            | Verdict::Standing { .. }
            | Verdict::Waits { .. }
            | Verdict::Stale { .. } => None,
        }
    }

    /// When what is approved runs out, if nothing happens.
    pub fn runs_out_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self.verdict(now) {
            Verdict::Standing { until } | Verdict::Waits { until, .. } => {
                Some(until).filter(|at| *at < Timestamp::NEVER)
            }
            Verdict::Missing(_) | Verdict::Stale { .. } | Verdict::Expired { .. } => None,
        }
    }

    /// Who can give what is still needed: none who is on the other side or has approved it already; for whoever is away those who stand
    /// in for them, unless none of these can. `able`: everybody who may approve changes.
    pub fn awaited(
        &self,
        able: &[PersonId],
        stand_ins: &[StandIn],
        now: Timestamp,
    ) -> Vec<PersonId> {
        let counting = self.of_worth(now, &[Worth::Counts]);
        let has_given = |id: PersonId| counting.iter().any(|it| it.voice() == id || it.by == id);
        let needs = self.needs(now);
        let mut voices: Vec<PersonId> = Vec::new();
        for need in &needs {
            match need {
                Need::Approvers(_) => voices.extend(able),
                Need::Team(id) => {
                    let members = self.members.get(id).map_or(&[][..], Vec::as_slice);
                    voices.extend(members.iter().filter(|it| able.contains(it)));
                }
            }
        }
        voices.sort_unstable();
        voices.dedup();
        voices.retain(|it| !has_given(*it));
        let mut people = Vec::new();
        for voice in voices {
            let away = stand_ins.iter();
            let away = away.filter(|it| it.from == voice && it.is_open(now));
            let others = away
                .map(|it| it.to)
                .filter(|to| able.contains(to) && !has_given(*to))
                .filter(|to| self.may_vote(*to, Some(voice), now).is_ok());
            let others: Vec<PersonId> = others.collect();
            match others.is_empty() {
                true if self.may_vote(voice, None, now).is_ok() => people.push(voice),
                true => {}
                false => people.extend(others),
            }
        }
        people.sort_unstable();
        people.dedup();
        people
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::change::Plan;
    use super::super::super::id::{Id, StandInId};
    use super::super::{Apart, Needs, Vote};
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);
    const HOUR: i64 = 3_600;

    fn ids<T, const N: usize>() -> [Id<T>; N] {
        std::array::from_fn(|n| Id::new(NOW.plus_secs(n as i64)))
    }

    fn snapshot(title: &str) -> Snapshot {
        Snapshot::of(title, &Plan::default(), None, &[], None, &[])
    }

    fn case(approvers: usize) -> Case {
        Case {
            snapshot: snapshot("Raise pool size"),
            approvers,
            ..Case::default()
        }
    }

    fn vote(by: PersonId, case: &Case) -> Vote {
        Vote {
            by,
            by_name: "Ben".to_owned(),
            on_behalf: None,
            at: NOW,
            not_before: None,
            saw: Vec::new(),
            until: NOW.plus_secs(24 * HOUR),
            digest: case.snapshot.digest(),
            snapshot: case.snapshot.clone(),
            over_at: None,
        }
    }

    #[test]
    fn everybody_who_can_give_what_is_still_needed_is_awaited_and_for_who_is_away_another() {
        let [ada, ben, cleo, dan]: [PersonId; 4] = ids();
        let [db]: [TeamId; 1] = ids();
        let able = [ada, ben, cleo];
        let mut one = case(usize::from(Needs::HOUSE.approvers));
        assert_eq!(one.awaited(&able, &[], NOW), able);
        one.apart.insert(ada, Apart::Planned);
        assert_eq!(one.awaited(&able, &[], NOW), [ben, cleo]);
        let away = |from, to| StandIn {
            id: StandInId::new(NOW),
            from,
            to,
            starts_at: NOW,
            ends_at: NOW.plus_secs(HOUR),
            made_at: NOW,
            ended_at: None,
        };
        let to_ben = [away(cleo, ben)];
        assert_eq!(one.awaited(&able, &to_ben, NOW), [ben]);
        let later = NOW.plus_secs(HOUR);
        assert_eq!(one.awaited(&able, &to_ben, later), [ben, cleo], "back");
        // Whoever stands in is on the other side, or may not approve: there is nobody but whoever is away.
        for to in [ada, dan] {
            assert_eq!(one.awaited(&able, &[away(cleo, to)], NOW), [ben, cleo]);
        }
        // From the team alone, and those of it who may.
        let mut two = case(1);
        two.teams = vec![db];
        two.members.insert(db, vec![cleo, dan]);
        two.vote(vote(ben, &two));
        assert_eq!(two.awaited(&able, &[], NOW), [cleo]);
        assert_eq!(two.awaited(&able, &to_ben, NOW), [cleo], "Ben has voted");
        two.vote(vote(cleo, &two));
        assert!(two.awaited(&able, &[], NOW).is_empty());
    }

    #[test]
    fn they_are_asked_once_reminded_once_and_then_another_team_hears_of_it() {
        let [ops]: [TeamId; 1] = ids();
        let reminders = Reminders {
            remind_secs: 4 * HOUR,
            escalate: Some((ops, 8 * HOUR)),
        };
        let at = |hours: i64| NOW.plus_secs(hours * HOUR);
        let waiting = case(1);
        let mut asking = Asking::default();
        for (hours, steps, next) in [
            (0, vec![Step::Ask], Some(at(4))),
            (0, vec![], Some(at(4))),
            (3, vec![], Some(at(4))),
            (4, vec![Step::Remind], Some(at(8))),
            (7, vec![], Some(at(8))),
            (9, vec![Step::Escalate(ops)], None),
            (99, vec![], None),
        ] {
            assert_eq!(
                asking.step(&waiting, &reminders, at(hours)),
                steps,
                "{hours}"
            );
            assert_eq!(asking.next_at(&reminders), next, "{hours}");
        }
        // Nobody looked for a day: both at once, and each once.
        let mut late = Asking::default();
        late.step(&waiting, &reminders, NOW);
        let both = [Step::Remind, Step::Escalate(ops)];
        assert_eq!(late.step(&waiting, &reminders, at(24)), both);
        assert!(late.step(&waiting, &reminders, at(25)).is_empty());
        let never = Reminders {
            remind_secs: 0,
            escalate: None,
        };
        let mut quiet = Asking::default();
        quiet.step(&waiting, &never, NOW);
        assert_eq!(quiet.next_at(&never), None);
        assert!(quiet.step(&waiting, &never, at(99)).is_empty());
    }

    #[test]
    fn what_is_another_change_now_or_was_settled_is_asked_anew() {
        let [ben]: [PersonId; 1] = ids();
        let usual = Reminders::default();
        let mut it = case(1);
        let mut asking = Asking::default();
        assert_eq!(asking.step(&it, &usual, NOW), [Step::Ask]);
        assert_eq!(asking.former, None);
        asking.reminded_at = Some(NOW);
        it.snapshot = snapshot("Halve pool size");
        assert_eq!(asking.step(&it, &usual, NOW.plus_secs(1)), [Step::Ask]);
        assert_eq!(asking.former, Some(snapshot("Raise pool size")));
        assert_eq!(asking.reminded_at, None, "its clock begins anew");
        // What was approved says more than what was asked last.
        it.vote(vote(ben, &it));
        assert!(!Asking::is_open(&it, false, NOW));
        asking.settle(NOW);
        it.snapshot = snapshot("Drop the pool");
        assert!(Asking::is_open(&it, false, NOW));
        assert_eq!(asking.step(&it, &usual, NOW), [Step::Ask]);
        assert_eq!(asking.former, Some(snapshot("Halve pool size")));
        // Settled and asked for again as it was.
        asking.settle(NOW);
        it.votes.clear();
        assert_eq!(asking.step(&it, &usual, NOW), [Step::Ask]);
        assert_eq!(asking.former, None);
    }

    #[test]
    fn what_ran_out_is_asked_for_again_once_however_long_nobody_looked() {
        let [ben, cleo]: [PersonId; 2] = ids();
        let at = |hours: i64| NOW.plus_secs(hours * HOUR);
        let usual = Reminders::default();
        let given = |by, hours: i64, it: &Case| Vote {
            at: at(hours),
            until: at(hours + 24),
            ..vote(by, it)
        };
        let mut it = case(1);
        let mut asking = Asking::default();
        assert_eq!(asking.step(&it, &usual, NOW), [Step::Ask]);
        it.vote(given(ben, 1, &it));
        assert_eq!(it.runs_out_at(at(1)), Some(at(25)));
        assert!(!Asking::is_open(&it, false, at(24)));
        // Nobody looked meanwhile, so nothing was settled.
        assert!(Asking::is_open(&it, false, at(25)));
        assert_eq!(it.ran_out_at(at(25)), Some(at(25)));
        assert_eq!(asking.step(&it, &usual, at(25)), [Step::Ask]);
        assert_eq!(asking.former, None, "it is the same change");
        assert!(asking.step(&it, &usual, at(26)).is_empty(), "once");
        assert_eq!(asking.step(&it, &usual, at(29)), [Step::Remind]);
        assert!(asking.step(&it, &usual, at(99)).is_empty());
        // Given anew, and run out again.
        it.vote(given(ben, 100, &it));
        asking.settle(at(100));
        assert_eq!(asking.step(&it, &usual, at(124)), [Step::Ask]);
        // Of two who are needed: again when the second one's runs out, and not while whoever gave theirs anew waits for the other.
        let mut two = case(2);
        two.vote(given(ben, 0, &two));
        two.vote(given(cleo, 2, &two));
        let mut asking = Asking::default();
        asking.step(&two, &usual, NOW);
        asking.settle(at(2));
        assert_eq!(asking.step(&two, &usual, at(24)), [Step::Ask]);
        two.vote(given(ben, 25, &two));
        assert_eq!(two.ran_out_at(at(26)), Some(at(26)));
        assert_eq!(asking.step(&two, &usual, at(26)), [Step::Ask]);
        assert!(asking.step(&two, &usual, at(27)).is_empty());
    }

    #[test]
    fn a_reminder_and_whom_to_tell_are_typed_together() {
        let [ops]: [TeamId; 1] = ids();
        let check = |remind: &str, escalate: &str, team| {
            Reminders::check(remind, escalate, team)
                .map(|it| (it.remind_secs, it.escalate.map(|(_, secs)| secs)))
                .map_err(|faults| {
                    let named = faults.iter().map(|it| (it.field.to_string(), it.problem));
                    named.collect::<Vec<_>>()
                })
        };
        let fault = |field: &str, problem| Err(vec![(field.to_owned(), problem)]);
        assert_eq!(check("", "", None), Ok((4 * HOUR, None)));
        assert_eq!(check("0", "1 h", Some(ops)), Ok((0, Some(HOUR))));
        assert_eq!(check("0 min", "0", None), Ok((0, None)));
        assert_eq!(check("1 min", "", None), fault("remind", "not-a-reminder"));
        assert_eq!(check("soon", "", None), fault("remind", "not-a-reminder"));
        assert_eq!(
            check("4 h", "721 h", Some(ops)),
            fault("escalate", "not-a-reminder")
        );
        assert_eq!(check("", "8 h", None), fault("escalate_team", "required"));
        assert_eq!(check("", "", Some(ops)), fault("escalate", "required"));
        assert_eq!(
            check("4 h", "4 h", Some(ops)),
            fault("escalate", "escalates-before-reminder")
        );
    }
}
