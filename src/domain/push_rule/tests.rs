//! The verdict about pushes: rules, tickets, freezes, glass, and what is unknown while the service is away.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::super::change::Sort;
use super::super::commit_message::{Facts, Flags, Link, Place};
use super::super::git::Signature;
use super::*;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_micros(secs * 1_000_000)
}

fn oid(digit: char) -> Oid {
    Oid::parse(&digit.to_string().repeat(40)).unwrap()
}

fn key(text: &str) -> TicketKey {
    text.parse().unwrap()
}

/// A commit at second 100 that names these tickets.
fn commit(digit: char, parents: &[char], links: &[(&str, Relation)]) -> ReportedCommit {
    let ada = Signature {
        name: "Ada".to_owned(),
        email: "Ada@example.org".to_owned(),
        at: at(100),
    };
    ReportedCommit {
        oid: oid(digit),
        parents: parents.iter().copied().map(oid).collect(),
        author: ada.clone(),
        committer: ada,
        subject: "Raise pool size".to_owned(),
        links: links
            .iter()
            .map(|(name, relation)| Link {
                key: key(name),
                relation: *relation,
                place: Place::Trailer,
                span: 0..0,
                line: 1,
                verb: None,
                negated: false,
            })
            .collect(),
        facts: Facts::default(),
        flags: Flags::default(),
        paths: Vec::new(),
        path_count: 0,
        by_ref: 0,
    }
}

/// A push of these, newest first, to `main`.
fn push(commits: Vec<ReportedCommit>) -> AskedPush {
    AskedPush {
        push_id: "push-1".to_owned(),
        pusher: Some("ada".to_owned()),
        refs: vec![AskedRef {
            name: "refs/heads/main".to_owned(),
            old: oid('9'),
            new: commits.first().map_or(oid('8'), |it| it.oid.clone()),
            dropped: 0,
            commits: (0..commits.len()).collect(),
            keys: Vec::new(),
        }],
        commits,
        is_bulk: false,
        options: Options::default(),
        decided_at: None,
    }
}

fn known(kind: Kind, state: State) -> Known {
    Known {
        kind,
        state,
        is_open: state.is_open(),
        approved_at: None,
        is_stale: false,
        opens: None,
        sort: None,
        approvers: Vec::new(),
        glass_at: None,
        clashes: Vec::new(),
    }
}

fn world() -> World {
    let approved = Known {
        approved_at: Some(at(40)),
        approvers: vec!["grace@example.org".to_owned()],
        ..known(Kind::Change, State::Approved)
    };
    World {
        tickets: [
            (key("CHG-1"), approved),
            (key("CHG-2"), known(Kind::Change, State::Draft)),
            (key("TSK-3"), known(Kind::Task, State::InProgress)),
        ]
        .into(),
        reverted: [("abcdef1".to_owned(), vec![key("CHG-1")])].into(),
        frozen: None,
        frozen_by_type: BTreeMap::new(),
        more: Vec::new(),
        may_break: true,
        pusher: None,
        is_first: false,
        since: at(50),
        is_away: false,
    }
}

fn frozen(level: Level) -> Frozen {
    Frozen {
        name: "No changes on Friday".to_owned(),
        services: Vec::new(),
        level,
        zone: Tz::UTC,
        from: at(60),
        until: at(1_000),
        next_open: Some(at(1_000)),
    }
}

fn rule() -> RefRule {
    RefRule::open("refs/heads/main")
}

fn codes(rule: &RefRule, push: &AskedPush, world: &World) -> Vec<Code> {
    let verdict = judge(std::slice::from_ref(rule), push, world);
    let stops = verdict.reasons.iter().any(|it| !it.is_warning);
    assert_eq!(stops, verdict.answer == Answer::Reject);
    verdict.reasons.iter().map(|it| it.code).collect()
}

#[test]
fn the_first_rule_that_fits_counts_and_a_ref_without_one_is_free() {
    let rules = [
        RefRule::open("refs/heads/release/hot-*"),
        RefRule {
            require: Require::Ticket,
            ..RefRule::open("refs/heads/release/*")
        },
    ];
    let said = |name: &str| {
        let mut push = push(vec![commit('1', &['9'], &[])]);
        push.refs[0].name = name.to_owned();
        judge(&rules, &push, &world()).answer
    };
    assert_eq!(said("refs/heads/release/hot-1"), Answer::Accept);
    assert_eq!(said("refs/heads/release/1"), Answer::Reject);
    assert_eq!(said("refs/heads/wip"), Answer::Accept);
}

#[test]
fn each_commit_names_a_ticket_that_exists() {
    let rule = RefRule {
        require: Require::Ticket,
        ..rule()
    };
    for (links, said) in [
        (vec![("TSK-3", Relation::Refs)], vec![]),
        // A mention is no reference, and a key that doesn't exist never counts.
        (vec![("TSK-3", Relation::Mention)], vec![Code::NoTicket]),
        (vec![], vec![Code::NoTicket]),
        (
            vec![("CHG-404", Relation::Closes)],
            vec![Code::UnknownTicket],
        ),
        // One that does is enough.
        (
            vec![("CHG-404", Relation::Refs), ("TSK-3", Relation::Refs)],
            vec![],
        ),
    ] {
        let push = push(vec![commit('1', &['9'], &links)]);
        assert_eq!(codes(&rule, &push, &world()), said, "{links:?}");
    }
    // Every commit is asked; the same reason is said once, with all of them.
    let named = [("TSK-3", Relation::Refs)];
    let three = push(vec![
        commit('3', &['2'], &[]),
        commit('2', &['1'], &named),
        commit('1', &['9'], &[]),
    ]);
    let verdict = judge(std::slice::from_ref(&rule), &three, &world());
    let [reason] = verdict.reasons.as_slice() else {
        panic!("{verdict:?}")
    };
    assert_eq!(reason.commits, [oid('3'), oid('1')]);
    // A merge brings nothing of its own; the revert of a linked commit stands for its ticket.
    let merge = push(vec![commit('4', &['9', '2'], &[])]);
    assert_eq!(codes(&rule, &merge, &world()), []);
    let mut revert = commit('5', &['9'], &[]);
    revert.facts.reverts = vec!["abcdef1".to_owned()];
    assert_eq!(codes(&rule, &push(vec![revert]), &world()), []);
}

#[test]
fn one_commit_or_the_first_parents_may_be_enough() {
    let named = [("TSK-3", Relation::Refs)];
    let asked = |per, commits: Vec<ReportedCommit>| {
        let rule = RefRule {
            require: Require::Ticket,
            per,
            ..rule()
        };
        codes(&rule, &push(commits), &world())
    };
    let two = || vec![commit('2', &['1'], &[]), commit('1', &['9'], &named)];
    assert_eq!(asked(Per::Push, two()), []);
    assert_eq!(asked(Per::Commit, two()), [Code::NoTicket]);
    let none = vec![commit('2', &['1'], &[]), commit('1', &['9'], &[])];
    assert_eq!(asked(Per::Push, none), [Code::NoTicket]);
    // 3 merges 2, whose branch carried the key; 2 itself says nothing.
    let merge = |links: &[(&str, Relation)]| {
        vec![commit('3', &['9', '2'], links), commit('2', &['9'], &[])]
    };
    let by_branch = merge(&[("TSK-3", Relation::Merge)]);
    assert_eq!(asked(Per::MergeFirstParent, by_branch), []);
    assert_eq!(asked(Per::MergeFirstParent, merge(&[])), [Code::NoTicket]);
    let by_branch = merge(&[("TSK-3", Relation::Merge)]);
    assert_eq!(asked(Per::Push, by_branch), [Code::NoTicket]);
}

#[test]
fn what_is_said_for_the_whole_push_stands_for_each_commit() {
    let rule = RefRule {
        require: Require::Ticket,
        ..rule()
    };
    let mut one = push(vec![commit('1', &['9'], &[])]);
    one.options.ticket = Some(key("TSK-3"));
    assert_eq!(codes(&rule, &one, &world()), []);
    one.options.ticket = Some(key("CHG-404"));
    assert_eq!(codes(&rule, &one, &world()), [Code::UnknownTicket]);
    one.options.ticket = None;
    one.options.no_ticket = Some("a typo in a comment".to_owned());
    assert_eq!(codes(&rule, &one, &world()), []);
    one.options.no_ticket = Some("  ".to_owned());
    assert_eq!(codes(&rule, &one, &world()), [Code::NoTicket]);
    // A waiver is no approved change.
    one.options.no_ticket = Some("a typo in a comment".to_owned());
    let strict = RefRule {
        require: Require::ApprovedChange,
        ..rule.clone()
    };
    assert_eq!(codes(&strict, &one, &world()), [Code::WaiverNotAllowed]);
    // A commit may say it for itself.
    let mut waived = commit('1', &['9'], &[]);
    waived.facts.no_ticket = Some("typo".to_owned());
    let two = push(vec![commit('2', &['1'], &[]), waived]);
    assert_eq!(codes(&rule, &two, &world()), [Code::NoTicket]);
}

#[test]
fn an_approved_change_is_approved_by_somebody_else_and_of_the_right_kind() {
    let strict = RefRule {
        require: Require::ApprovedChange,
        ..rule()
    };
    let said = |name: &str, world: &World, rule: &RefRule| {
        let links = [(name, Relation::Implements)];
        codes(rule, &push(vec![commit('1', &['9'], &links)]), world)
    };
    assert_eq!(said("CHG-1", &world(), &strict), []);
    assert_eq!(said("CHG-2", &world(), &strict), [Code::NotApproved]);
    assert_eq!(said("TSK-3", &world(), &strict), [Code::WrongType]);
    let mut own = world();
    let change = own.tickets.get_mut(&key("CHG-1")).unwrap();
    change.approvers.push("ada@example.org".to_owned());
    assert_eq!(said("CHG-1", &own, &strict), [Code::SelfApproved]);
    // Whoever pushes it, where the house counts that; and nobody whose word isn't needed.
    let mut pushes = world();
    pushes.pusher = Some("grace@example.org".to_owned());
    assert_eq!(said("CHG-1", &pushes, &strict), [Code::SelfApproved]);
    let approvers = |pushes: &mut World| {
        let change = pushes.tickets.get_mut(&key("CHG-1")).unwrap();
        std::mem::take(&mut change.approvers)
    };
    approvers(&mut pushes);
    assert_eq!(said("CHG-1", &pushes, &strict), []);
    // As one who wrote it with its author, too.
    let mut with = push(vec![commit(
        '1',
        &['9'],
        &[("CHG-1", Relation::Implements)],
    )]);
    with.commits[0].facts.co_authors = vec!["Grace@example.org".to_owned()];
    assert_eq!(codes(&strict, &with, &world()), [Code::SelfApproved]);
    let mut stale = world();
    stale.tickets.get_mut(&key("CHG-1")).unwrap().is_stale = true;
    assert_eq!(said("CHG-1", &stale, &strict), [Code::ApprovalStale]);
    // Approved for later: who said so, and when.
    let mut early = world();
    let opens = Opens {
        at: at(99),
        by_name: "Grace".to_owned(),
        zone: Tz::UTC,
    };
    early.tickets.get_mut(&key("CHG-1")).unwrap().opens = Some(opens.clone());
    let links = [("CHG-1", Relation::Implements)];
    let verdict = judge(
        std::slice::from_ref(&strict),
        &push(vec![commit('1', &['9'], &links)]),
        &early,
    );
    let reason = &verdict.reasons[0];
    assert_eq!(
        (reason.code, reason.key, &reason.opens),
        (Code::NotYet, Some(key("CHG-1")), &Some(opens))
    );
    // Broken glass stands for the approval.
    let mut broken = world();
    let change = broken.tickets.get_mut(&key("CHG-2")).unwrap();
    change.glass_at = Some(at(90));
    assert_eq!(said("CHG-2", &broken, &strict), []);
    let narrow = RefRule {
        require: Require::Ticket,
        kinds: vec![Kind::Change],
        states: vec![State::Approved],
        ..rule()
    };
    assert_eq!(said("CHG-1", &world(), &narrow), []);
    assert_eq!(said("CHG-2", &world(), &narrow), [Code::WrongState]);
    assert_eq!(said("TSK-3", &world(), &narrow), [Code::WrongType]);
    let mut closed = world();
    let change = closed.tickets.get_mut(&key("CHG-1")).unwrap();
    (change.state, change.is_open) = (State::Closed, false);
    assert_eq!(said("CHG-1", &closed, &strict), [Code::NotApproved]);
}

#[test]
fn a_commit_that_a_change_begins_with_has_a_ticket_and_no_approved_one() {
    let mut new = commit('1', &['9'], &[]);
    new.facts.new_change = true;
    let codes = |rule: &RefRule| codes(rule, &push(vec![new.clone()]), &world());
    let asks = |require| RefRule {
        require,
        per: Per::Commit,
        ..rule()
    };
    assert_eq!(codes(&asks(Require::Ticket)), []);
    assert_eq!(codes(&asks(Require::ApprovedChange)), [Code::NoTicket]);
    let tasks = RefRule {
        kinds: vec![Kind::Task],
        ..asks(Require::Ticket)
    };
    assert_eq!(codes(&tasks), [Code::NoTicket]);
}

#[test]
fn a_tag_that_deploys_to_production_stands_before_its_freeze_with_the_change_it_names() {
    let mut rules = vec![RefRule::open("refs/tags/v*")];
    rules.extend(live_tag_rules("Prod EU"));
    let mut world = world();
    world.frozen = Some(Frozen {
        from: at(30),
        ..frozen(Level::Approve)
    });
    let judged = |name: &str, keys: &[&str]| {
        let mut push = push(Vec::new());
        push.refs[0].name = name.to_owned();
        push.refs[0].keys = keys.iter().map(|it| key(it)).collect();
        judge(&rules, &push, &world).answer
    };
    for name in ["deploy/prod-eu/1", "env/prod-eu", "env/prod-eu/web"] {
        let name = format!("refs/tags/{name}");
        assert_eq!(judged(&name, &[]), Answer::Reject, "{name}");
        assert_eq!(judged(&name, &["CHG-2"]), Answer::Reject, "{name}");
        // Approved since the window began.
        assert_eq!(judged(&name, &["CHG-1"]), Answer::Accept, "{name}");
    }
    for name in ["deploy/staging/1", "env/prod-eu-2", "v1", "prod-eu"] {
        assert_eq!(
            judged(&format!("refs/tags/{name}"), &[]),
            Answer::Accept,
            "{name}"
        );
    }
}

#[test]
fn the_past_is_taken_as_it_is_but_is_no_way_round() {
    let rule = RefRule {
        require: Require::Ticket,
        ..rule()
    };
    let old = |digit, parents: &[char], links: &[(&str, Relation)]| {
        let mut commit = commit(digit, parents, links);
        commit.committer.at = at(10);
        commit
    };
    // All of them from before the record: one of them has to name a ticket.
    let past = push(vec![old('2', &['1'], &[]), old('1', &['9'], &[])]);
    assert_eq!(codes(&rule, &past, &world()), [Code::NoTicket]);
    let named = [("TSK-3", Relation::Refs)];
    let past = push(vec![old('2', &['1'], &[]), old('1', &['9'], &named)]);
    assert_eq!(codes(&rule, &past, &world()), []);
    // Beside a new one that does, old ones aren't asked.
    let mixed = push(vec![commit('2', &['1'], &named), old('1', &['9'], &[])]);
    assert_eq!(codes(&rule, &mixed, &world()), []);
    let mut bulk = push(vec![commit('1', &['9'], &[])]);
    bulk.is_bulk = true;
    assert_eq!(codes(&rule, &bulk, &world()), [Code::NoTicket]);
    bulk.commits[0] = commit('1', &['9'], &named);
    assert_eq!(codes(&rule, &bulk, &world()), []);
    // The first import needs no key.
    let first = World {
        is_first: true,
        ..world()
    };
    let import = push(vec![commit('1', &[], &[])]);
    assert_eq!(codes(&rule, &import, &first), []);
}

#[test]
fn history_is_not_rewritten_where_that_is_denied_and_no_glass_helps() {
    let rule = RefRule {
        force_push: Leave::Deny,
        delete: Leave::Deny,
        move_tag: Leave::Deny,
        autosquash: Leave::Deny,
        ..RefRule::open("refs/*")
    };
    let mut forced = push(vec![commit('1', &['9'], &[])]);
    assert_eq!(codes(&rule, &forced, &world()), []);
    forced.refs[0].dropped = 1;
    forced.options.break_glass = Some("the site is down".to_owned());
    assert_eq!(codes(&rule, &forced, &world()), [Code::ForcePush]);
    let mut gone = push(Vec::new());
    gone.refs[0].new = oid('0');
    assert_eq!(codes(&rule, &gone, &world()), [Code::Deleted]);
    let mut tag = push(Vec::new());
    tag.refs[0].name = "refs/tags/v1".to_owned();
    assert_eq!(codes(&rule, &tag, &world()), [Code::TagMoved]);
    tag.refs[0].old = oid('0');
    assert_eq!(codes(&rule, &tag, &world()), []);
    let mut fixup = commit('1', &['9'], &[]);
    fixup.flags.autosquash = true;
    assert_eq!(
        codes(&rule, &push(vec![fixup]), &world()),
        [Code::Autosquash]
    );
}

#[test]
fn a_type_that_was_approved_meets_its_own_window_and_the_severest_of_several_counts() {
    let rule = RefRule {
        freeze: Freezing::Enforce,
        ..rule()
    };
    let approved_as = |sort| Known {
        approved_at: Some(at(40)),
        sort: Some(sort),
        ..known(Kind::Change, State::Approved)
    };
    let mut friday = World {
        frozen: Some(frozen(Level::Block)),
        frozen_by_type: BTreeMap::from([
            (Sort::Standard, Some(frozen(Level::Warn))),
            (Sort::Emergency, None),
        ]),
        ..world()
    };
    for (name, known) in [
        ("CHG-4", approved_as(Sort::Emergency)),
        ("CHG-5", approved_as(Sort::Standard)),
        ("CHG-6", approved_as(Sort::Normal)),
    ] {
        friday.tickets.insert(key(name), known);
    }
    let named = |keys: &[&str]| {
        let links: Vec<_> = keys.iter().map(|key| (*key, Relation::Refs)).collect();
        let push = push(vec![commit('1', &['9'], &links)]);
        let verdict = judge(std::slice::from_ref(&rule), &push, &friday);
        verdict.answer
    };
    assert_eq!(named(&[]), Answer::Reject);
    assert_eq!(named(&["CHG-4"]), Answer::Accept);
    assert_eq!(named(&["CHG-4", "TSK-3"]), Answer::Accept);
    assert_eq!(named(&["CHG-5"]), Answer::Warn);
    assert_eq!(named(&["CHG-4", "CHG-5"]), Answer::Warn);
    assert_eq!(named(&["CHG-6"]), Answer::Reject);
    // A draft is of no type yet.
    for other in ["CHG-2", "CHG-6"] {
        assert_eq!(named(&["CHG-4", other]), Answer::Reject, "{other}");
    }
}

#[test]
fn a_freeze_holds_until_the_glass_is_broken_by_somebody_who_may() {
    let rule = RefRule {
        freeze: Freezing::Enforce,
        ..rule()
    };
    let friday = |level| World {
        frozen: Some(frozen(level)),
        ..world()
    };
    let mut one = push(vec![commit('1', &['9'], &[("CHG-1", Relation::Refs)])]);
    assert_eq!(codes(&rule, &one, &world()), []);
    assert_eq!(codes(&rule, &one, &friday(Level::Block)), [Code::Freeze]);
    let warned = judge(std::slice::from_ref(&rule), &one, &friday(Level::Warn));
    assert_eq!(warned.answer, Answer::Warn);
    // It was approved at 40, before the window opened at 60: whoever did it didn't know.
    assert_eq!(codes(&rule, &one, &friday(Level::Approve)), [Code::Freeze]);
    let mut later = friday(Level::Approve);
    later.tickets.get_mut(&key("CHG-1")).unwrap().approved_at = Some(at(60));
    assert_eq!(codes(&rule, &one, &later), []);
    // Glass that was broken in this window is for all of it.
    let mut broken = friday(Level::Block);
    broken.tickets.get_mut(&key("CHG-1")).unwrap().glass_at = Some(at(59));
    assert_eq!(codes(&rule, &one, &broken), [Code::Freeze]);
    broken.tickets.get_mut(&key("CHG-1")).unwrap().glass_at = Some(at(60));
    assert_eq!(codes(&rule, &one, &broken), []);

    one.options.break_glass = Some("urgent".to_owned());
    let denied = [Code::Freeze, Code::BreakGlassDenied];
    assert_eq!(codes(&rule, &one, &friday(Level::Block)), denied);
    one.options.break_glass = Some("checkout is down".to_owned());
    let verdict = judge(std::slice::from_ref(&rule), &one, &friday(Level::Block));
    assert_eq!((verdict.answer, verdict.breaks_glass), (Answer::Warn, true));
    let stranger = World {
        may_break: false,
        ..friday(Level::Block)
    };
    assert_eq!(codes(&rule, &one, &stranger), denied);
    // Nothing is broken where nothing stops.
    let free = judge(std::slice::from_ref(&rule), &one, &world());
    assert_eq!((free.answer, free.breaks_glass), (Answer::Accept, false));
    let warned = judge(std::slice::from_ref(&rule), &one, &friday(Level::Warn));
    assert!(!warned.breaks_glass);
}

#[test]
fn what_is_unknown_while_the_service_is_away_waits_for_it() {
    let rule = RefRule {
        require: Require::Ticket,
        ..rule()
    };
    let away = World {
        is_away: true,
        ..world()
    };
    let asked = |name| push(vec![commit('1', &['9'], &[(name, Relation::Refs)])]);
    assert_eq!(codes(&rule, &asked("CHG-9"), &away), [Code::ServiceDown]);
    assert_eq!(codes(&rule, &asked("CHG-1"), &away), []);
}
