//! Commits that no branch holds any more: they stay where they stood, say so, and aren't reverted; and git keeps them if it is told to.

use watchkeeper::domain::access::{Role, Roles, Scope, Scopes};
use watchkeeper::domain::id::{Kind, TicketKey};

use crate::both_databases;
use crate::desk::{Desk, On};
use crate::git_bench::{Bench, WATCHKEEPER, text};
use crate::program::token_of;
use crate::web::Browser;

/// Each commit of the ticket, oldest first: its id, and whether it is gone.
fn standing(bench: &Bench, key: TicketKey) -> Vec<(String, bool)> {
    let commits = bench.commits(key).into_iter();
    commits
        .map(|(commit, _)| (commit.oid, commit.gone_at.is_some()))
        .collect()
}

both_databases!(
    a_commit_that_a_forced_push_replaced_says_so_and_is_not_reverted,
    |desk| {
        let bench = Bench::new(desk);
        let change = bench.open(Kind::Change, "Raise pool size").key;
        bench.commit("a.txt", "Start");
        bench.work(&["push", "-q", "origin", "main"]);
        bench.commit("pool.toml", &format!("Raise pool size\n\nRefs: {change}"));
        let first = bench.head();
        bench.work(&["push", "-q", "origin", "main"]);
        assert_eq!(
            bench.revert(change),
            [format!("git revert --no-edit {first}")]
        );

        std::fs::write(bench.path("work/pool.toml"), "size = 40").unwrap();
        bench.work(&["commit", "-q", "-a", "--amend", "--no-edit"]);
        let second = bench.head();
        bench.work(&["push", "-q", "--force", "origin", "main"]);
        assert_eq!(
            standing(&bench, change),
            [(first.clone(), true), (second.clone(), false)]
        );
        assert_eq!(
            bench.revert(change),
            [format!("git revert --no-edit {second}")]
        );
        let eve = bench.desk.person("Eve", Roles::of(&[Role::Responder]));
        let browser = Browser::of(&bench.desk, &eve);
        browser
            .get(&format!("/{change}"))
            .says("no longer on any branch")
            .says(&format!("replaced by {}", &second[..10]));
        let token = token_of(&bench.desk, &eve, Scopes::of(&[Scope::Read]));
        let server = bench.server.as_ref().unwrap().url();
        let mut answer = ureq::get(format!("{server}/api/v1/tickets/{change}/commits"))
            .header("Authorization", format!("Bearer {token}"))
            .call()
            .unwrap();
        let told = answer.body_mut().read_to_string().unwrap();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let commits = &told["repositories"][0]["commits"];
        assert!(commits[0]["gone_at"].is_string(), "{told}");
        assert_eq!(commits[0]["replaced_by"], *second);
        assert!(commits[1]["gone_at"].is_null() && commits[1]["replaced_by"].is_null());

        // A branch brings it back; another that holds it too may go.
        for branch in ["kept", "other"] {
            bench.work(&[
                "push",
                "-q",
                "origin",
                &format!("{first}:refs/heads/{branch}"),
            ]);
        }
        assert!(!standing(&bench, change)[0].1);
        bench.work(&["push", "-q", "origin", ":refs/heads/other"]);
        assert!(!standing(&bench, change)[0].1, "the first branch has it");
        bench.work(&["push", "-q", "origin", ":refs/heads/kept"]);
        assert!(standing(&bench, change)[0].1);
    }
);

/// The bare repository sweeps away whatever no ref holds.
fn sweep(bench: &Bench) {
    let origin = bench.path("origin.git");
    bench.git(&origin, &["gc", "-q", "--prune=now"]);
}

fn has(bench: &Bench, oid: &str) -> bool {
    let commit = format!("{oid}^{{commit}}");
    let found = bench.try_git(&bench.path("origin.git"), &["cat-file", "-e", &commit]);
    found.status.success()
}

fn kept(bench: &Bench) -> Vec<String> {
    let asked = ["for-each-ref", "--format=%(refname)", "refs/watchkeeper"];
    let said = bench.git(&bench.path("origin.git"), &asked);
    let names = said
        .lines()
        .map(|name| name.rsplit_once('/').unwrap().1.to_owned());
    names.collect()
}

fn doctor(bench: &Bench) -> (bool, String) {
    let mut command = bench.command(WATCHKEEPER, &bench.path("origin.git"));
    let output = command.args(["hook", "doctor"]).output().unwrap();
    (output.status.success(), text(&output))
}

/// A branch that is forced, one that is deleted and an annotated tag that is deleted: what they held, oldest first.
fn lose(bench: &Bench) -> Vec<String> {
    bench.commit("a.txt", "Start");
    bench.work(&["push", "-q", "origin", "main"]);
    bench.commit("below.txt", "Below");
    let below = bench.head();
    bench.commit("forced.txt", "Forced");
    let forced = bench.head();
    bench.work(&["push", "-q", "origin", "main"]);
    bench.work(&["reset", "-q", "--hard", "HEAD~2"]);
    bench.commit("instead.txt", "Instead");
    bench.work(&["push", "-q", "--force", "origin", "main"]);
    bench.work(&["switch", "-q", "-c", "wip"]);
    bench.commit("wip.txt", "Wip");
    let deleted = bench.head();
    bench.commit("tagged.txt", "Tagged");
    bench.work(&["tag", "-a", "-m", "One", "v1"]);
    let tag = bench.work(&["rev-parse", "v1"]).trim().to_owned();
    bench.work(&["push", "-q", "origin", "HEAD~1:refs/heads/wip", "v1"]);
    // The tag still holds it.
    bench.work(&["push", "-q", "origin", ":wip"]);
    bench.work(&["push", "-q", "origin", ":v1"]);
    bench.work(&["switch", "-q", "main"]);
    vec![below, forced, deleted, tag]
}

#[test]
fn what_a_forced_push_left_is_swept_away_unless_it_is_kept() {
    let bench = Bench::new(Desk::new(On::Sqlite));
    let lost = lose(&bench);
    assert!(kept(&bench).is_empty());
    sweep(&bench);
    assert!(!lost.iter().any(|oid| has(&bench, oid)));
    assert!(!doctor(&bench).1.contains("kept"));
}

fn what_is_kept_outlasts_a_sweep(format: &str) {
    let bench = Bench::with_format(Desk::new(On::Sqlite), format);
    let origin = bench.path("origin.git");
    // What somebody else hides stays hidden.
    bench.git(&origin, &["config", "transfer.hideRefs", "refs/secret"]);
    let url = bench.server.as_ref().unwrap().url();
    for time in ["first", "again"] {
        let said = bench.install_with("origin.git", &url, &["--keep"]);
        assert!(text(&said).contains("refs/watchkeeper/keep"), "{time}");
    }
    let hidden = bench.git(&origin, &["config", "--get-all", "transfer.hideRefs"]);
    assert_eq!(hidden, "refs/secret\nrefs/watchkeeper\n");
    let (sound, said) = doctor(&bench);
    assert!(sound && said.contains("0 lost tips are kept"), "{said}");

    let lost = lose(&bench);
    let [below, forced, deleted, tag] = &lost[..] else {
        panic!()
    };
    let mut tips = vec![forced.clone(), tag.clone()];
    tips.sort();
    assert_eq!(kept(&bench), tips, "what lies below a tip needs no ref");
    sweep(&bench);
    assert!(lost.iter().all(|oid| has(&bench, oid)), "{below} {deleted}");
    let (sound, said) = doctor(&bench);
    assert!(sound && said.contains("2 lost tips are kept"), "{said}");

    // Clients neither see nor get them, and can't take them away.
    let listed = bench.work(&["ls-remote", "origin"]);
    assert!(listed.contains("refs/heads/main"), "{listed}");
    assert!(
        !listed.contains("watchkeeper") && !listed.contains(forced),
        "{listed}"
    );
    let folder = bench.folder.path();
    let place = format!("file://{}", origin.display());
    bench.git(folder, &["clone", "-q", "--mirror", &place, "second.git"]);
    for oid in &lost {
        let found = bench.try_git(&bench.path("second.git"), &["cat-file", "-e", oid]);
        assert!(!found.status.success(), "{oid}");
    }
    let gone = format!(":refs/watchkeeper/keep/{forced}");
    let refused = bench.try_git(&bench.path("work"), &["push", "origin", &gone]);
    assert!(!refused.status.success(), "{}", text(&refused));
    assert_eq!(kept(&bench), tips);

    // Pushes go on, and a branch that brings the commits again is told like any other.
    let change = bench.open(Kind::Change, "Pool").key;
    bench.commit("b.txt", &format!("{change}: next"));
    bench.work(&[
        "push",
        "-q",
        "origin",
        "main",
        &format!("{forced}:refs/heads/again"),
    ]);
    assert_eq!(standing(&bench, change), [(bench.head(), false)]);
    assert_eq!(kept(&bench), tips, "it stays");
    bench.git(&origin, &["fsck", "--full"]);
    bench.git(&origin, &["config", "--unset-all", "transfer.hideRefs"]);
    let (sound, said) = doctor(&bench);
    assert!(
        !sound && said.contains("clients see what is kept"),
        "{said}"
    );
}

#[test]
fn what_is_kept_outlasts_a_sweep_and_clients_do_not_see_it() {
    what_is_kept_outlasts_a_sweep("sha1");
}

#[test]
fn what_is_kept_outlasts_a_sweep_in_a_sha_256_repository() {
    what_is_kept_outlasts_a_sweep("sha256");
}

#[test]
fn of_a_mirrors_push_what_was_forced_is_told_and_kept_too() {
    let bench = Bench::new(Desk::new(On::Sqlite));
    let url = bench.server.as_ref().unwrap().url();
    bench.install_with("origin.git", &url, &["--keep"]);
    let change = bench.open(Kind::Change, "Pool").key;
    bench.commit("a.txt", "Start");
    let many: Vec<String> = (0..30).map(|n| format!("HEAD:refs/heads/b{n}")).collect();
    let push = || {
        let mut args = vec!["push", "-q", "--force", "origin"];
        args.extend(many.iter().map(String::as_str));
        bench.work(&args);
    };
    push();
    bench.commit("b.txt", &format!("{change}: lost"));
    let lost = bench.head();
    bench.work(&["push", "-q", "origin", "HEAD:refs/heads/b7"]);
    bench.work(&["reset", "-q", "--hard", "HEAD~1"]);
    bench.commit("c.txt", "Instead");
    push();
    assert_eq!(standing(&bench, change), [(lost.clone(), true)]);
    assert_eq!(kept(&bench), [lost]);
}

#[test]
fn only_a_repository_that_others_push_to_keeps_anything() {
    let bench = Bench::new(Desk::new(On::Sqlite));
    let mut command = bench.command(WATCHKEEPER, &bench.path("work"));
    let url = bench.server.as_ref().unwrap().url();
    command.args([
        "hook",
        "install",
        "--keep",
        "--url",
        &url,
        "--token",
        &bench.token,
    ]);
    let output = command.output().unwrap();
    assert!(
        !output.status.success() && text(&output).contains("bare repository"),
        "{}",
        text(&output)
    );
}
