//! Pushes with a certificate: who signed one is who pushes, whatever else the server says.

use std::process::{Command, Output};

use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::freeze::Level;
use watchkeeper::store;

use crate::both_databases;
use crate::git_bench::Bench;
use crate::push_rules::{frozen, push, refused, through};

/// A key of somebody's own, made now; its public half.
fn key(bench: &Bench, name: &str) -> String {
    let path = bench.path(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
        .arg(&path)
        .status()
        .expect("ssh-keygen runs");
    assert!(made.success());
    std::fs::read_to_string(path.with_extension("pub")).unwrap()
}

/// Signed with that key, by an account that everybody pushes with.
fn signed(bench: &Bench, key: &str, args: &[&str]) -> Output {
    let mut command = bench.command("git", &bench.path("work"));
    let key = format!("user.signingKey={}", bench.path(key).display());
    command
        .env("WATCHKEEPER_USER", "git")
        .args(["-c", "gpg.format=ssh", "-c", &key])
        .args(["push", "--signed", "origin"])
        .args(args);
    command.output().unwrap()
}

both_databases!(whoever_signs_a_push_is_who_pushes, |desk| {
    let bench = Bench::new(desk);
    let ina = bench.desk.person("Ina", Roles::of(&[Role::Lead]));
    let bare = bench.path("origin.git");
    let signers = bench.path("signers");
    let line = format!("ina@watch.example.org {}", key(&bench, "ina"));
    std::fs::write(&signers, line).unwrap();
    key(&bench, "stranger");
    bench.commit("a.txt", "Start");
    let asked = signed(&bench, "ina", &["main"]);
    assert!(!asked.status.success(), "a server that asks for none");
    for (name, value) in [
        ("receive.certNonceSeed", "not a secret here"),
        ("gpg.format", "ssh"),
        ("gpg.ssh.allowedSignersFile", signers.to_str().unwrap()),
    ] {
        bench.git(&bare, &["config", name, value]);
    }
    through(&push(&bench, "git", &["main"]));
    frozen(&bench, Level::Block);
    bench.commit("b.txt", "Raise pool size");
    let glass = [
        "-o",
        "break-glass=Checkout is down, the pool is too small",
        "main",
    ];
    // By the account it may be anybody, and a key that nobody lists is nobody's.
    refused(&push(&bench, "git", &glass), "BREAK_GLASS_DENIED");
    refused(&signed(&bench, "stranger", &glass), "BREAK_GLASS_DENIED");
    refused(&signed(&bench, "ina", &["main"]), "FREEZE");
    let said = through(&signed(&bench, "ina", &glass));
    assert!(said.contains("the glass is broken: CHG-1"), "{said}");
    assert_eq!(bench.ticket("CHG-1".parse().unwrap()).owner, Some(ina.id));
    let kept = bench.desk.app.store.read(|conn| {
        let repository = store::repository::repositories(conn)?.remove(0);
        store::push_decision::notable(conn, repository.id, 10)
    });
    let pushers: Vec<_> = kept
        .unwrap()
        .into_iter()
        .map(|it| it.pusher.unwrap())
        .collect();
    let ina = "ina@watch.example.org";
    assert_eq!(pushers, [ina, ina, "git", "git"]);
});
