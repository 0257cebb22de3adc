//! How often the glass was broken, by team and reason. An emergency that comes again and again is work that somebody plans, approves
//! once and then does without glass: a standing change.

use super::id::{ServiceId, TeamId, TicketKey};

/// What comes more often than this in a month is no accident any more: three times may be one bad week.
pub const OFTEN: usize = 3;

/// Glass that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub team: Option<TeamId>,
    pub service: Option<ServiceId>,
    pub key: TicketKey,
    pub reason: String,
}

/// One team's one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub team: Option<TeamId>,
    /// Of the first that is of one.
    pub service: Option<ServiceId>,
    /// As it was written first.
    pub reason: String,
    /// The changes, each once.
    pub keys: Vec<TicketKey>,
    pub count: usize,
}

impl Line {
    /// It comes so often that a standing change is due.
    pub const fn is_habit(&self) -> bool {
        self.count > OFTEN
    }
}

/// Lines of a period, the most frequent first. `all`: in the order in which it was broken.
pub fn lines(all: Vec<Broken>) -> Vec<Line> {
    let mut lines: Vec<(String, Line)> = Vec::new();
    for it in all {
        let folded = folded(&it.reason);
        let known = lines
            .iter_mut()
            .find(|(reason, line)| *reason == folded && line.team == it.team);
        let line = match known {
            Some((_, line)) => line,
            None => {
                let line = Line {
                    team: it.team,
                    service: None,
                    reason: it.reason,
                    keys: Vec::new(),
                    count: 0,
                };
                lines.push((folded, line));
                match lines.last_mut() {
                    Some((_, line)) => line,
                    None => continue,
                }
            }
        };
        line.count += 1;
        line.service = line.service.or(it.service);
        if !line.keys.contains(&it.key) {
            line.keys.push(it.key);
        }
    }
    let mut lines: Vec<Line> = lines.into_iter().map(|(_, line)| line).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.count));
    lines
}

/// The same reason is written in many ways: its words count, and neither case nor marks nor what is another one each time, such as keys,
/// hosts and versions with a number in them.
fn folded(reason: &str) -> String {
    let words = reason.split(|c: char| c.is_whitespace() || ",;:!?()\"“”".contains(c));
    let words = words
        .map(|word| {
            word.trim_matches(|c: char| !c.is_alphanumeric())
                .to_lowercase()
        })
        .filter(|word| !word.is_empty() && !word.chars().any(|c| c.is_numeric()));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::id::{Id, Kind};
    use super::super::timestamp::Timestamp;
    use super::*;

    #[test]
    fn a_reason_is_counted_however_it_is_written_and_each_team_by_itself() {
        let team = |secs: i64| Some(Id::new(Timestamp::from_micros(secs)));
        let (ours, theirs): (Option<TeamId>, Option<TeamId>) = (team(1), team(2));
        let broken = |team, number, reason: &str| Broken {
            team,
            service: None,
            key: TicketKey {
                kind: Kind::Change,
                number,
            },
            reason: reason.to_owned(),
        };
        let lines = lines(vec![
            broken(theirs, 1, "The certificate expires"),
            broken(ours, 2, "Disk full on db1"),
            broken(ours, 3, "disk full, on db2!"),
            broken(ours, 3, "INC-7: Disk full on db17"),
            broken(ours, 4, "the certificate expires"),
            broken(theirs, 5, "disk full on db1"),
            broken(ours, 6, "Disk  full on DB1."),
        ]);
        let said: Vec<_> = lines
            .iter()
            .map(|it| (it.reason.as_str(), it.team == ours, it.count, it.keys.len()))
            .collect();
        assert_eq!(
            said,
            [
                ("Disk full on db1", true, 4, 3),
                ("The certificate expires", false, 1, 1),
                ("the certificate expires", true, 1, 1),
                ("disk full on db1", false, 1, 1),
            ]
        );
        assert_eq!(lines.iter().filter(|it| it.is_habit()).count(), 1);
        let thrice = super::lines(vec![broken(ours, 1, "again"); OFTEN]);
        assert!(!thrice[0].is_habit());
    }
}
