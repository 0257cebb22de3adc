//! Deployments: what was brought where, by whom, from which version to which, and how it is taken back.
//!
//! Live is the succeeded deployment with the greatest start among those of its lane: an environment of a service, or one of its
//! targets. What failed or was rolled back was never live. Facts may come late and in any order: they are put where they belong.

use super::ancestry::Way;
use super::compensation;
use super::id::{DeploymentId, PersonId, RepositoryId, ServiceId, TicketKey};
use super::people::web_address;
use super::refusal::{FieldError, Refusal};
use super::text::{NAME_CHARS, one_line, optional_line};
use super::timestamp::Timestamp;
use super::word::words;

words! {
    /// How far a deployment came.
    pub enum Status {
        Started = "started",
        Succeeded = "succeeded",
        Failed = "failed",
        /// Whoever deployed it took it back: it isn't live any more, and counts as never having been.
        RolledBack = "rolled_back",
    }
}

words! {
    /// How a version stands to the one that was live before it.
    pub enum Step {
        /// Nothing was live before.
        First = "first",
        /// The same version once more.
        Same = "same",
        Forward = "forward",
        /// An earlier version.
        Rollback = "rollback",
        /// Neither has all that the other has.
        Sideways = "sideways",
        /// Another version; nobody told us which commits they were made of.
        Other = "other",
    }
}

/// Where versions follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    pub environment: String,
    pub service: ServiceId,
    /// A region or a canary; "" if there is one target only.
    pub target: String,
}

impl Lane {
    /// As people name it: `prod`, or `prod (eu-1)`.
    pub fn place(&self) -> String {
        match self.target.as_str() {
            "" => self.environment.clone(),
            target => format!("{} ({target})", self.environment),
        }
    }
}

words! {
    /// What a check of its health says after a deployment: of a pipeline, or of a person who looked.
    pub enum Check { Green = "green", Red = "red" }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    pub id: DeploymentId,
    pub lane: Lane,
    /// Its place among what was told of its lane, from 1, without gaps.
    pub seq: i64,
    /// Who tells, and what they call it: telling it again changes nothing.
    pub source: String,
    pub source_event_id: String,
    pub version: String,
    pub commit: Option<String>,
    /// The repository that has the commit, if one of ours has.
    pub repository: Option<RepositoryId>,
    /// Digest of what was deployed.
    pub artefact: Option<String>,
    /// What the tool that deployed calls it: `42` of Helm.
    pub revision: Option<String>,
    pub status: Status,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// What a check of its health said last, after it ended.
    pub check: Option<Check>,
    /// Who told us.
    pub by: Option<PersonId>,
    pub by_name: String,
    /// Who deployed, as whoever told us says: shown, not believed.
    pub actor: Option<String>,
    pub url: Option<String>,
    /// The freeze in which it began.
    pub freeze: Option<String>,
    /// Why it went through that freeze.
    pub glass: Option<String>,
    /// What was live when it began.
    pub previous: Option<DeploymentId>,
    pub step: Step,
    pub recorded_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Deployment {
    /// What was told of it, as the chain writes it. People stand there by their id; what pipelines call them, and why somebody broke
    /// the glass, may have to be forgotten one day.
    pub fn as_told(&self) -> compensation::Entry {
        compensation::Entry::default()
            .text("environment", &self.lane.environment)
            .text("service", self.lane.service.to_string())
            .text("target", &self.lane.target)
            .integer("seq", self.seq)
            .text("source", &self.source)
            .text("source_event", &self.source_event_id)
            .text("version", &self.version)
            .maybe_text("commit", self.commit.as_ref())
            .maybe_text("artefact", self.artefact.as_ref())
            .maybe_text("revision", self.revision.as_ref())
            .text("status", self.status.as_str())
            .text("started", self.started_at.rfc3339())
            .maybe_text("finished", self.finished_at.map(Timestamp::rfc3339))
            .maybe_text("by", self.by.map(|id| id.to_string()))
            .maybe_text("freeze", self.freeze.as_ref())
            .text(
                "glass",
                if self.glass.is_some() {
                    "broken"
                } else {
                    "whole"
                },
            )
            .text("recorded", self.recorded_at.rfc3339())
    }

    /// Its place in its lane.
    pub fn place(&self) -> (Timestamp, i64) {
        (self.started_at, self.seq)
    }

    /// When it came to its end, as far as is known.
    pub fn ended_at(&self) -> Option<Timestamp> {
        match self.status {
            Status::Started => None,
            Status::Succeeded | Status::Failed | Status::RolledBack => {
                Some(self.finished_at.unwrap_or(self.started_at))
            }
        }
    }

    /// Whoever deployed: who the pipeline says, else who told us.
    pub fn who(&self) -> &str {
        self.actor.as_deref().unwrap_or(&self.by_name)
    }

    /// Takes in what a check says; whether that is new.
    pub fn checked(&mut self, report: &Report, now: Timestamp) -> Option<Check> {
        let said = report.check.filter(|it| self.check != Some(*it))?;
        self.check = Some(said);
        self.updated_at = now;
        Some(said)
    }

    /// Takes in what is told of it after the first time. Whether anything is new: an older state that comes late is none.
    pub fn told(&mut self, report: &Report, now: Timestamp) -> Result<bool, Refusal> {
        let is_other = self.lane.environment != report.environment
            || self.lane.target != report.target
            || self.version != report.version;
        if is_other {
            return Err(Refusal::new("deployment-differs")
                .with("id", self.source_event_id.clone())
                .with("version", self.version.clone())
                .with("environment", self.lane.environment.clone()));
        }
        let may = match (self.status, report.status) {
            (Status::Started, Status::Started) => false,
            (Status::Started, _) | (Status::Succeeded, Status::RolledBack) => true,
            (before, after) if before == after || after == Status::Started => false,
            (before, after) => {
                return Err(Refusal::new("deployment-ended")
                    .with("status", before.as_str())
                    .with("to", after.as_str()));
            }
        };
        if may {
            self.status = report.status;
            self.finished_at = Some(report.finished_at.unwrap_or(now).max(self.started_at));
            for (field, told) in [
                (&mut self.artefact, &report.artefact),
                (&mut self.revision, &report.revision),
                (&mut self.url, &report.url),
            ] {
                *field = field.take().or_else(|| told.clone());
            }
            self.updated_at = now;
        }
        Ok(may)
    }
}

/// What is told of a deployment, checked field by field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub service: String,
    pub environment: String,
    pub target: String,
    pub version: String,
    pub commit: Option<String>,
    pub artefact: Option<String>,
    pub revision: Option<String>,
    pub status: Status,
    pub check: Option<Check>,
    /// `None`: now. Then it is a wish, which a freeze may refuse; what began earlier is a fact, which nobody can.
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub actor: Option<String>,
    pub url: Option<String>,
    pub change: Option<TicketKey>,
    pub source: Option<String>,
    pub source_event_id: Option<String>,
    pub break_glass: Option<String>,
    /// When it went through broken glass without being asked for, because the service was away. It is judged for that moment, and
    /// never refused: it has happened.
    pub decided_at: Option<Timestamp>,
    /// It waits for the end of a freeze rather than be refused.
    pub when_open: bool,
}

/// As it was typed or sent.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    pub service: String,
    pub environment: String,
    pub target: String,
    pub version: String,
    pub commit: String,
    pub artefact: String,
    pub revision: String,
    pub status: String,
    pub check: String,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub actor: String,
    pub url: String,
    pub change: String,
    pub source: String,
    pub source_event_id: String,
    pub break_glass: String,
    pub decided_at: Option<Timestamp>,
    pub when_open: bool,
}

/// Clocks of build machines go wrong by this much before we say so.
const SKEW_SECS: i64 = 120;
const ID_CHARS: usize = 200;
/// The digest of what is deployed, with the name of its registry at most.
pub const ARTEFACT_CHARS: usize = ID_CHARS;
const TARGET_CHARS: usize = 60;
/// Characters that a reason to go through a freeze has at least.
pub use super::change::MIN_REASON_CHARS;

impl Typed {
    /// Checks what was sent; all faults at once.
    pub fn check(self, now: Timestamp) -> Result<Report, Vec<FieldError>> {
        let mut faults: Vec<FieldError> = Vec::new();
        let mut line = |field: &'static str, text: &str, max: usize, is_needed: bool| {
            let read = match is_needed {
                true => one_line(field, text, max).map(Some),
                false => optional_line(field, text, max),
            };
            read.unwrap_or_else(|fault| {
                faults.push(fault);
                None
            })
        };
        let service = line("service", &self.service, NAME_CHARS, true);
        let environment = line("environment", &self.environment, 40, true);
        let version = line("version", &self.version, NAME_CHARS, true);
        let target = line("target", &self.target, TARGET_CHARS, false);
        let artefact = line("artefact", &self.artefact, ARTEFACT_CHARS, false);
        let revision = line("revision", &self.revision, TARGET_CHARS, false);
        let actor = line("actor", &self.actor, NAME_CHARS, false);
        let source = line("source", &self.source, NAME_CHARS, false);
        let source_event_id = line("source_event_id", &self.source_event_id, ID_CHARS, false);
        let break_glass = line("break_glass", &self.break_glass, 1_000, false);
        let mut keep = |fault: FieldError| faults.push(fault);
        if let Some(version) = version.as_ref().filter(|it| it.contains(' ')) {
            keep(FieldError::new("version", "not-a-version").with("value", version.clone()));
        }
        let commit = self.commit.trim().to_lowercase();
        let is_oid = commit.is_empty()
            || (7..=64).contains(&commit.len()) && commit.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_oid {
            keep(FieldError::new("commit", "not-a-commit").with("value", commit.clone()));
        }
        let status = self.status.trim().parse();
        if status.is_err() {
            keep(FieldError::new("status", "not-a-deploy-status").with("value", self.status));
        }
        let check = match self.check.trim() {
            "" => None,
            text => text
                .parse()
                .map_err(|()| {
                    keep(FieldError::new("check", "not-a-check").with("value", text.to_owned()))
                })
                .ok(),
        };
        if check.is_some() && status == Ok(Status::Started) {
            keep(FieldError::new("check", "check-before-end"));
        }
        let change = match self.change.trim() {
            "" => None,
            text => text
                .to_uppercase()
                .parse()
                .map_err(|()| {
                    keep(FieldError::new("change", "not-a-key").with("value", text.to_owned()))
                })
                .ok(),
        };
        let url = web_address("url", &self.url).unwrap_or_else(|fault| {
            keep(fault);
            None
        });
        for (field, at) in [
            ("started_at", self.started_at),
            ("finished_at", self.finished_at),
        ] {
            if at.is_some_and(|at| at > now.plus_secs(SKEW_SECS)) {
                keep(FieldError::new(field, "in-future"));
            }
        }
        if let Some(end) = self.finished_at
            && end < self.started_at.unwrap_or(now).min(now)
        {
            keep(FieldError::new("finished_at", "ends-before-start"));
        }
        if let Some(reason) = &break_glass
            && reason.chars().count() < MIN_REASON_CHARS
        {
            keep(
                FieldError::new("break_glass", "too-short")
                    .with("min", MIN_REASON_CHARS.to_string()),
            );
        }
        if self.decided_at.is_some() && break_glass.is_none() {
            keep(FieldError::new("decided_at", "decided-without-glass"));
        }
        if self.when_open && status != Ok(Status::Started) {
            keep(FieldError::new("when_open", "only-a-wish-waits"));
        }
        match (service, environment, version, status) {
            (Some(service), Some(environment), Some(version), Ok(status)) if faults.is_empty() => {
                Ok(Report {
                    service,
                    environment: environment.to_lowercase(),
                    target: target.unwrap_or_default(),
                    version,
                    commit: Some(commit).filter(|it| !it.is_empty()),
                    artefact,
                    revision,
                    status,
                    check,
                    // A clock that is a little ahead began now.
                    started_at: self.started_at.or(self.decided_at).map(|at| at.min(now)),
                    finished_at: self.finished_at.map(|at| at.min(now)),
                    actor,
                    url,
                    change,
                    source,
                    source_event_id,
                    break_glass,
                    // It has happened, however wrong the clock of that machine is.
                    decided_at: self.decided_at.map(|at| at.min(now)),
                    when_open: self.when_open,
                })
            }
            _ => Err(faults),
        }
    }
}

/// Whether both name the same version: some write the `v`, others don't.
pub fn is_same_version(one: &str, other: &str) -> bool {
    let bare = |version: &str| version.trim().trim_start_matches(['v', 'V']).to_owned();
    bare(one) == bare(other)
}

/// How `version` stands to `before`, the one that was live: by their commits if those are known, else by what was live earlier and
/// by the numbers in their names.
pub fn step(before: &str, version: &str, way: Option<Way>, was_live_earlier: bool) -> Step {
    match way {
        Some(Way::Same) => Step::Same,
        Some(Way::Forward) => Step::Forward,
        Some(Way::Back) => Step::Rollback,
        Some(Way::Sideways) => Step::Sideways,
        None if before == version => Step::Same,
        None if was_live_earlier => Step::Rollback,
        None => match numbers(version).zip(numbers(before)) {
            Some((new, old)) if new < old => Step::Rollback,
            Some((new, old)) if new > old => Step::Forward,
            _ => Step::Other,
        },
    }
}

/// The numbers of a version such as `v4.12.0`; none of one that has other parts.
fn numbers(version: &str) -> Option<Vec<u64>> {
    let bare = version.strip_prefix(['v', 'V']).unwrap_or(version);
    bare.split('.').map(|part| part.parse().ok()).collect()
}

/// What stands in a template of a revert line.
#[derive(Debug, Clone, Default)]
pub struct Places<'a> {
    pub service: &'a str,
    pub now: Option<&'a Deployment>,
    pub before: Option<&'a Deployment>,
}

/// Names that a template may hold, as people read them beside its field.
pub const PLACES: &str = "{service} {env} {target} {version} {commit} {prev.version} {prev.commit} {prev.artefact} {prev.revision}";

impl Places<'_> {
    fn of(&self, name: &str) -> Option<String> {
        let (of, name) = match name.strip_prefix("prev.") {
            Some(name) => (self.before?, name),
            None => (self.now?, name),
        };
        match name {
            "service" => Some(self.service.to_owned()),
            "env" => Some(of.lane.environment.clone()),
            "target" => Some(of.lane.target.clone()),
            "version" => Some(of.version.clone()),
            "commit" => of.commit.clone(),
            "artefact" => of.artefact.clone(),
            "revision" => of.revision.clone(),
            _ => None,
        }
    }
}

/// A template's line with its places filled; `None` if one of them has nothing to stand there: half a command is worse than none.
pub fn filled(template: &str, places: &Places<'_>) -> Option<String> {
    let mut line = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((text, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        line.push_str(text);
        line.push_str(&places.of(name)?);
        rest = after;
    }
    line.push_str(rest);
    Some(line)
}

/// Checks a template as it is typed: every place has to be one that there is.
pub fn template(field: &'static str, text: &str) -> Result<String, FieldError> {
    let Some(line) = optional_line(field, text, 500)? else {
        return Ok(String::new());
    };
    let names = line.split('{').skip(1).map(|rest| rest.split_once('}'));
    for name in names {
        let known = name.is_some_and(|(name, _)| PLACES.contains(&format!("{{{name}}}")));
        if !known {
            let shown = name.map_or(line.clone(), |(name, _)| format!("{{{name}}}"));
            return Err(FieldError::new(field, "not-a-place")
                .with("value", shown)
                .with("places", PLACES));
        }
    }
    Ok(line)
}

words! {
    /// Where a revert line comes from.
    pub enum Source { Template = "template", Artefact = "artefact", Git = "git" }
}

/// How a deployment is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revert {
    pub from: Source,
    /// Commands, run from top to bottom.
    pub lines: Vec<String>,
}

/// The revert line, the first that applies: the service's own words, what was live before by its digest, git. `None` if nothing was
/// live before, or nothing of it is known. `git`: the commands that git needs.
pub fn revert(template: &str, places: &Places<'_>, git: Vec<String>) -> Option<Revert> {
    let before = places.before?;
    let found = |from, lines| Some(Revert { from, lines });
    if !template.is_empty()
        && let Some(line) = filled(template, places)
    {
        return found(Source::Template, vec![line]);
    }
    if let Some(artefact) = &before.artefact {
        let line = format!(
            "deploy {}@{} {artefact} to {}",
            places.service, before.version, before.lane.environment
        );
        return found(Source::Artefact, vec![line]);
    }
    match git.is_empty() {
        true => None,
        false => found(Source::Git, git),
    }
}

/// Whether a deployment still reverts cleanly, as it was tried in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    /// The commit of the default branch that it was tried on.
    pub tip: String,
    /// Files that somebody has changed since; none: it is clean.
    pub conflicts: Vec<String>,
    /// Steps of a database's schema that came with it, of which nobody wrote the way back; as many as are named.
    pub irreversible: Vec<String>,
    pub checked_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn typed() -> Typed {
        Typed {
            service: "web".into(),
            environment: "Prod".into(),
            version: "4.12.0".into(),
            status: "succeeded".into(),
            ..Typed::default()
        }
    }

    fn deployment(status: Status) -> Deployment {
        Deployment {
            id: Id::new(NOW),
            lane: Lane {
                environment: "prod".into(),
                service: Id::new(NOW),
                target: String::new(),
            },
            seq: 1,
            source: "ci".into(),
            source_event_id: "1".into(),
            version: "4.12.0".into(),
            commit: Some("c0ffee1".into()),
            repository: None,
            artefact: Some("sha256:aa".into()),
            revision: Some("41".into()),
            status,
            started_at: NOW,
            check: None,
            finished_at: None,
            by: None,
            by_name: "ci".into(),
            actor: None,
            url: None,
            freeze: None,
            glass: None,
            previous: None,
            step: Step::First,
            recorded_at: NOW,
            updated_at: NOW,
        }
    }

    #[test]
    fn what_is_sent_is_checked_field_by_field_and_all_at_once() {
        let report = typed().check(NOW).unwrap();
        assert_eq!(
            (report.environment.as_str(), report.target.as_str()),
            ("prod", "")
        );
        let wrong = Typed {
            version: "4.12 0".into(),
            status: "done".into(),
            commit: "xyz".into(),
            change: "CHG".into(),
            url: "ftp://x".into(),
            started_at: Some(NOW.plus_secs(121)),
            finished_at: Some(NOW.plus_secs(-1)),
            break_glass: "too short".into(),
            ..Typed::default()
        };
        let mut fields: Vec<(String, &str)> = wrong
            .check(NOW)
            .unwrap_err()
            .into_iter()
            .map(|fault| (fault.field.into_owned(), fault.problem))
            .collect();
        fields.sort();
        let wanted = [
            ("break_glass", "too-short"),
            ("change", "not-a-key"),
            ("commit", "not-a-commit"),
            ("environment", "required"),
            ("finished_at", "ends-before-start"),
            ("service", "required"),
            ("started_at", "in-future"),
            ("status", "not-a-deploy-status"),
            ("url", "not-a-web-address"),
            ("version", "not-a-version"),
        ];
        assert_eq!(
            fields,
            wanted.map(|(field, problem)| (field.to_owned(), problem))
        );
        // A build machine's clock that is two minutes ahead began now.
        let ahead = Typed {
            started_at: Some(NOW.plus_secs(120)),
            ..typed()
        };
        assert_eq!(ahead.check(NOW).unwrap().started_at, Some(NOW));
    }

    #[test]
    fn a_state_is_told_once_and_what_ended_stays_ended() {
        use Status::*;
        for (before, told, news) in [
            (Started, Started, Ok(false)),
            (Started, Succeeded, Ok(true)),
            (Started, Failed, Ok(true)),
            (Started, RolledBack, Ok(true)),
            (Succeeded, Started, Ok(false)),
            (Succeeded, Succeeded, Ok(false)),
            (Succeeded, RolledBack, Ok(true)),
            (Succeeded, Failed, Err("deployment-ended")),
            (Failed, Succeeded, Err("deployment-ended")),
            (RolledBack, Succeeded, Err("deployment-ended")),
            (Failed, Started, Ok(false)),
        ] {
            let mut known = deployment(before);
            let report = Typed {
                status: told.to_string(),
                ..typed()
            };
            let outcome = known.told(&report.check(NOW).unwrap(), NOW);
            assert_eq!(
                outcome.map_err(|refusal| refusal.rule),
                news,
                "{before} {told}"
            );
            let after = if news == Ok(true) { told } else { before };
            assert_eq!(known.status, after, "{before} {told}");
        }
        let other = Typed {
            version: "4.12.1".into(),
            ..typed()
        };
        let other = other.check(NOW).unwrap();
        let refused = deployment(Started).told(&other, NOW).unwrap_err();
        assert_eq!(refused.rule, "deployment-differs");
    }

    #[test]
    fn a_rollback_is_known_by_its_commits_by_what_was_live_or_by_its_number() {
        for (before, version, way, earlier, wanted) in [
            ("4.12.0", "4.11.8", Some(Way::Forward), true, Step::Forward),
            ("4.12.0", "4.13.0", Some(Way::Back), false, Step::Rollback),
            ("a", "b", Some(Way::Sideways), false, Step::Sideways),
            ("a", "b", Some(Way::Same), false, Step::Same),
            ("a", "a", None, true, Step::Same),
            ("blue", "green", None, true, Step::Rollback),
            ("blue", "green", None, false, Step::Other),
            ("v4.9.0", "v4.10.0", None, false, Step::Forward),
            ("4.10.0", "v4.9.9", None, false, Step::Rollback),
            ("4.10.0", "4.10.0-rc1", None, false, Step::Other),
        ] {
            assert_eq!(
                step(before, version, way, earlier),
                wanted,
                "{before} {version}"
            );
        }
    }

    #[test]
    fn the_revert_line_is_the_first_that_applies() {
        let mut before = deployment(Status::Succeeded);
        before.version = "4.11.8".into();
        let now = deployment(Status::Succeeded);
        let git = || vec!["git revert --no-edit c0ffee1".to_owned()];
        let line = |template: &str, before: Option<&Deployment>| {
            let places = Places {
                service: "web",
                now: Some(&now),
                before,
            };
            revert(template, &places, git()).map(|it| (it.from, it.lines.join("\n")))
        };
        let helm = "helm rollback {service} {prev.revision}";
        let said = |from, text: &str| Some((from, text.to_owned()));
        assert_eq!(
            line(helm, Some(&before)),
            said(Source::Template, "helm rollback web 41")
        );
        before.revision = None;
        assert_eq!(
            line(helm, Some(&before)),
            said(Source::Artefact, "deploy web@4.11.8 sha256:aa to prod")
        );
        before.artefact = None;
        assert_eq!(
            line(helm, Some(&before)),
            said(Source::Git, "git revert --no-edit c0ffee1")
        );
        assert_eq!(line(helm, None), None, "nothing was live before");
        assert_eq!(
            line("deploy web@{prev.version}", Some(&before)).unwrap().1,
            "deploy web@4.11.8"
        );
    }

    #[test]
    fn a_template_names_only_places_that_there_are() {
        assert_eq!(
            template("revert", " helm rollback web {prev.revision} ").unwrap(),
            "helm rollback web {prev.revision}"
        );
        assert_eq!(template("revert", "").unwrap(), "");
        for wrong in ["x {previous}", "x {prev.revision", "x {}", "x {serv}"] {
            assert_eq!(
                template("revert", wrong).unwrap_err().problem,
                "not-a-place",
                "{wrong}"
            );
        }
    }
}
