//! The pre-receive hook: asks whether the refs may move, and says why not. Nothing has moved when it runs, and what arrived lies in
//! quarantine: git's own programs find it there.
//!
//! While the service is away, what it told last decides, as far as the rules of a ref say so (`on_service_down`).

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::client::{Answer, Client};
use super::place::{Known, Place};
use super::{post_receive, say, spool};
use crate::domain::git::{BULK_COMMITS, Oid, RefMove, ReportedCommit};
use crate::domain::id::PushId;
use crate::domain::push_rule::{
    self, AskedPush, AskedRef, Away, Code, Options, Reason, Require, Verdict, judge, rule_for,
};
use crate::domain::timestamp::Timestamp;
use crate::intake::git::{Git, by_program_alone, read_tags};
use crate::intake::push_verdict::{AskAnswer, AskBody, Snapshot};
use crate::render::push as render;
use crate::time::TimeSource;
use crate::words::Words;

/// The exchange: a gate that costs more is switched off.
const EXCHANGE: Duration = Duration::from_millis(1_500);
/// Refs that are looked at one by one, whatever is known of them.
const LOOKED_AT: usize = 20;
/// The whole hook.
const BUDGET: Duration = Duration::from_secs(3);

pub fn run() -> anyhow::Result<ExitCode> {
    let deadline = Instant::now() + BUDGET;
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let git = Git::here();
    let place = Place::of(&git)?;
    if !place.is_set_up() {
        say("hook-not-set-up", &[]);
        return Ok(ExitCode::SUCCESS);
    }
    let moves = post_receive::moves(&git, &input);
    if moves.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let options = match options() {
        Ok(options) => options,
        Err(text) => {
            say("hook-not-an-option", &[("text", text.into())]);
            return Ok(ExitCode::FAILURE);
        }
    };
    let now = TimeSource::system().now();
    let mut push = AskedPush {
        push_id: PushId::new(now).to_string(),
        pusher: post_receive::pusher(),
        refs: Vec::new(),
        commits: Vec::new(),
        is_bulk: false,
        options,
        decided_at: None,
    };
    let known: Option<Known> = place.snapshot();
    let snapshot = known.as_ref().map(|it| &it.snapshot);
    gather(&git, &place, snapshot, &moves, &mut push)?;
    let patience = deadline.saturating_duration_since(Instant::now());
    let client = Client::of(&place, patience.min(EXCHANGE))?;
    let verdict = match client.ask(&AskBody::of(&push)) {
        Answer::Got(answer) => {
            keep_told(&place, &answer)?;
            if place.recorded().is_empty() {
                let tips = answer.recorded_tips.iter();
                let tips: Vec<_> = tips.map(|it| (it.name.clone(), it.oid.clone())).collect();
                place.set_recorded(&tips)?;
            }
            explain(&push, &answer.snapshot);
            print(&answer.message);
            answered(&answer)
        }
        Answer::Refused(_, why) => {
            say("hook-token-refused", &[("why", why.as_str().into())]);
            alone(&place, &mut push, known, now, &why)?
        }
        Answer::Away(why) => alone(&place, &mut push, known, now, &why)?,
    };
    if push.options.dry_run {
        say("hook-dry-run", &[]);
        return Ok(ExitCode::FAILURE);
    }
    if verdict == push_rule::Answer::Reject {
        return Ok(ExitCode::FAILURE);
    }
    // So that post-receive tells of the same push, whatever of it another hook drops.
    place.set_pending(&pending(&moves), &push.push_id)?;
    Ok(ExitCode::SUCCESS)
}

/// When something of ours fails: refs that wait for the service wait for this too.
pub fn failed(why: &str) -> ExitCode {
    say("hook-not-judged", &[("why", why.into())]);
    let snapshot = Place::of(&Git::here())
        .ok()
        .and_then(|place| place.snapshot());
    let rules = snapshot.map(|it| it.snapshot.rules()).unwrap_or_default();
    match rules.iter().all(|rule| rule.on_service_down == Away::Open) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Keeps what the service told for the time when it is away.
pub(super) fn keep_told(place: &Place, answer: &AskAnswer) -> anyhow::Result<()> {
    if !place.keep_told(answer)? {
        say("hook-other-key", &[]);
    }
    Ok(())
}

fn answered(answer: &AskAnswer) -> push_rule::Answer {
    match answer.is_refusal() {
        true => push_rule::Answer::Reject,
        false => push_rule::Answer::Accept,
    }
}

fn print(lines: &[String]) {
    for line in lines {
        eprintln!("watchkeeper: {line}");
    }
}

/// Which rule judges which ref, for whoever asked with `-o explain`.
fn explain(push: &AskedPush, snapshot: &Snapshot) {
    if !push.options.explain {
        return;
    }
    let rules = snapshot.rules();
    for moved in &push.refs {
        let name = moved.name.as_str();
        match rule_for(&rules, name) {
            Some(rule) => say(
                "hook-rule",
                &[("ref", name.into()), ("rule", rule.refs.as_str().into())],
            ),
            None => say("hook-no-rule", &[("ref", name.into())]),
        }
    }
}

/// Decides without the service.
fn alone(
    place: &Place,
    push: &mut AskedPush,
    known: Option<Known>,
    now: Timestamp,
    why: &str,
) -> anyhow::Result<push_rule::Answer> {
    let is_told = known.is_some();
    let Known { snapshot, is_sound } = known.unwrap_or_default();
    let rules = snapshot.rules();
    if is_told && !is_sound {
        say("hook-snapshot-unsound", &[]);
    }
    let is_fresh = is_sound && snapshot.is_fresh(now);
    explain(push, &snapshot);
    // What is open while the service is away isn't judged; what can't be judged is closed.
    let mut judged = push.clone();
    let mut closed = Vec::new();
    judged.refs.retain(|moved| {
        let away = rule_for(&rules, &moved.name).map_or(Away::Open, |rule| rule.on_service_down);
        match away {
            Away::Open => false,
            Away::Cached if is_fresh => true,
            Away::Cached | Away::Closed => {
                closed.push(moved.name.clone());
                false
            }
        }
    });
    let is_first = place.recorded().is_empty();
    let mut world = snapshot.world(now, push.pusher.as_deref(), is_first);
    world.may_break &= is_sound;
    let may_break = world.may_break;
    let mut verdict = judge(&rules, &judged, &world);
    add_closed(&mut verdict, push, closed, may_break);
    if verdict.answer == push_rule::Answer::Accept {
        say("hook-not-judged", &[("why", why.into())]);
    } else if !judged.refs.is_empty() {
        let age = Words::english().span(snapshot.age(now).unwrap_or_default());
        say("hook-alone", &[("why", why.into()), ("age", age.into())]);
    }
    print(&render::lines(&verdict, None, None));
    if verdict.breaks_glass && !push.options.dry_run {
        push.decided_at = Some(now);
        // Before the push goes through: what is let in without approval is told, whatever happens.
        spool::keep_asked(place, &push.push_id, &AskBody::of(push))?;
        say("hook-open-glass", &[]);
    }
    Ok(verdict.answer)
}

/// Refs that nobody can judge now are turned away, unless the glass is broken for all of them.
fn add_closed(verdict: &mut Verdict, push: &AskedPush, closed: Vec<String>, may_break: bool) {
    if closed.is_empty() {
        return;
    }
    let why = push.options.break_glass.as_deref().unwrap_or_default();
    let is_said = why.trim().chars().count() >= push_rule::MIN_REASON_CHARS;
    let breaks = may_break && is_said && verdict.answer != push_rule::Answer::Reject;
    let is_denied = push.options.break_glass.is_some() && !breaks;
    let is_known = |it: &Reason| it.code == Code::BreakGlassDenied;
    if is_denied && !verdict.reasons.iter().any(is_known) {
        verdict.reasons.push(Reason {
            code: Code::BreakGlassDenied,
            ref_name: String::new(),
            commits: Vec::new(),
            key: None,
            frozen: None,
            clash: None,
            opens: None,
            is_warning: false,
        });
    }
    for ref_name in closed {
        verdict.reasons.push(Reason {
            code: Code::ServiceDown,
            ref_name,
            commits: Vec::new(),
            key: None,
            frozen: None,
            clash: None,
            opens: None,
            is_warning: breaks,
        });
    }
    verdict.breaks_glass |= breaks;
    verdict.answer = match breaks {
        true => push_rule::Answer::Warn,
        false => push_rule::Answer::Reject,
    };
}

/// `git push -o`: what we know of it; the rest is for other hooks.
fn options() -> Result<Options, String> {
    let mut options = Options::default();
    let count = std::env::var("GIT_PUSH_OPTION_COUNT").unwrap_or_default();
    for at in 0..count.parse::<usize>().unwrap_or(0) {
        let text = std::env::var(format!("GIT_PUSH_OPTION_{at}")).unwrap_or_default();
        let (name, value) = text.split_once('=').unwrap_or((&text, ""));
        match name {
            "ticket" => options.ticket = Some(value.trim().parse().map_err(|()| text.clone())?),
            "no-ticket" => options.no_ticket = Some(value.to_owned()),
            "break-glass" => options.break_glass = Some(value.to_owned()),
            "dry-run" => options.dry_run = true,
            "explain" => options.explain = true,
            _ => {}
        }
    }
    Ok(options)
}

/// Finds out what is new to each ref, and what those commits say.
fn gather(
    git: &Git<'_>,
    place: &Place,
    snapshot: Option<&Snapshot>,
    moves: &[RefMove],
    push: &mut AskedPush,
) -> anyhow::Result<()> {
    let hidden = hidden(git, place, snapshot)?;
    let rules = snapshot.map(Snapshot::rules).unwrap_or_default();
    let mut listed: Vec<Vec<Oid>> = Vec::new();
    // A push of more refs than this is a mirror's: then those are looked at for which a rule is known. Each takes three programs.
    let is_mirror = moves.len() > LOOKED_AT;
    let is_left = |moved: &RefMove| is_mirror && rule_for(&rules, &moved.name).is_none();
    for moved in moves {
        if is_left(moved) {
            listed.push(Vec::new());
            continue;
        }
        // A tag may point at something that isn't a commit: it brings none.
        let is_commit = moved.branch().is_some() || {
            let peeled = format!("{}^{{commit}}", moved.new);
            git.maybe(&["rev-parse", "--quiet", "--verify", &peeled])
                .is_some()
        };
        let news = match (moved.new.is_zero() || !is_commit, moved.old.is_zero()) {
            (true, _) => Vec::new(),
            (false, false) => walk(git, &moved.new, &format!("^{}\n", moved.old))?,
            (false, true) => walk(git, &moved.new, &hidden)?,
        };
        push.is_bulk |= news.len() > BULK_COMMITS;
        listed.push(news);
    }
    let mut wanted: Vec<Oid> = Vec::new();
    let mut seen: HashSet<Oid> = HashSet::new();
    for news in &mut listed {
        if push.is_bulk {
            // An import is judged by its tips.
            news.truncate(1);
        }
        wanted.extend(
            news.iter()
                .filter(|oid| seen.insert((*oid).clone()))
                .cloned(),
        );
    }
    if wanted.len() > 2 * BULK_COMMITS {
        push.is_bulk = true;
        listed.iter_mut().for_each(|news| news.truncate(1));
        wanted = listed.iter().flatten().cloned().collect();
        wanted.sort();
        wanted.dedup();
        wanted.truncate(2 * BULK_COMMITS);
    }
    let base = place.url()?;
    let mut tags = moves.to_vec();
    read_tags(git, &mut tags, Some(&base))?;
    let commits: Vec<ReportedCommit> = by_program_alone(git, &wanted, Some(&base))?;
    let places: HashMap<Oid, usize> = commits
        .iter()
        .enumerate()
        .map(|(at, commit)| (commit.oid.clone(), at))
        .collect();
    for (moved, news) in tags.into_iter().zip(listed) {
        let both = !moved.old.is_zero() && !moved.new.is_zero();
        push.refs.push(AskedRef {
            name: moved.name.clone(),
            old: moved.old.clone(),
            new: moved.new.clone(),
            dropped: match both && !is_left(&moved) {
                true => dropped(git, &moved),
                false => 0,
            },
            commits: news
                .iter()
                .filter_map(|oid| places.get(oid).copied())
                .collect(),
            keys: moved.tag.map_or_else(Vec::new, |tag| tag.keys),
        });
    }
    push.commits = commits;
    Ok(())
}

/// Newest first, one more than are looked at one by one.
fn walk(git: &Git<'_>, new: &Oid, hidden: &str) -> anyhow::Result<Vec<Oid>> {
    let most = format!("--max-count={}", BULK_COMMITS + 1);
    let args = [
        "rev-list",
        "--topo-order",
        "--ignore-missing",
        &most,
        "--stdin",
    ];
    let output = git.feed(&args, format!("{new}\n{hidden}").into_bytes())?;
    let text = String::from_utf8_lossy(&output);
    Ok(text.lines().filter_map(Oid::parse).collect())
}

/// What isn't new to a ref that is made: what refs hold that are asked for tickets themselves; where there is none, what the
/// default branch and the service have.
fn hidden(git: &Git<'_>, place: &Place, snapshot: Option<&Snapshot>) -> anyhow::Result<String> {
    let rules = snapshot.map(Snapshot::rules).unwrap_or_default();
    // Others, such as what we keep of lost commits, were never judged.
    let format = "--format=%(objectname) %(refname)";
    let listed = git.ask(&["for-each-ref", format, "refs/heads", "refs/tags"])?;
    let tips = listed.lines().filter_map(|line| line.split_once(' '));
    let asked = tips.filter(|(_, name)| {
        rule_for(&rules, name).is_some_and(|rule| rule.require != Require::None)
    });
    let mut lines: String = asked.map(|(oid, _)| format!("^{oid}\n")).collect();
    if lines.is_empty() {
        if let Some(head) = git.maybe(&["rev-parse", "--quiet", "--verify", "HEAD"]) {
            lines.push_str(&format!("^{head}\n"));
        }
        for (_, oid) in place.recorded() {
            lines.push_str(&format!("^{oid}\n"));
        }
    }
    Ok(lines)
}

fn dropped(git: &Git<'_>, moved: &RefMove) -> i64 {
    let new = format!("^{}", moved.new);
    let args = [
        "rev-list",
        "--count",
        "--ignore-missing",
        moved.old.as_str(),
        &new,
    ];
    let count = git.maybe(&args);
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// The name under which each moved ref finds its push again.
pub fn pending(moves: &[RefMove]) -> Vec<String> {
    let hex = |moved: &RefMove| {
        let line = format!("{} {} {}", moved.old, moved.new, moved.name);
        let digest = Sha256::digest(line.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    moves.iter().map(hex).collect()
}
