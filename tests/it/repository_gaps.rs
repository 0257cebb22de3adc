//! What happens in a repository unheard: refs that no hook told of, and repositories that fell silent.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use serde_json::{Value, json};
use watchkeeper::actions::{repository, repository_gap};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::git::{Gap, Oid};
use watchkeeper::domain::id::RepositoryId;
use watchkeeper::domain::timeline::Door;
use watchkeeper::store;

use crate::both_databases;
use crate::desk::Desk;
use crate::git_bench::{Bench, WATCHKEEPER, text};
use crate::program::Program;
use crate::pushed::Pushed;
use crate::web::Browser;

/// A way to the service on which no push gets through.
fn deaf_line(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut head = [0; 4_096];
            let read = client.read(&mut head).unwrap_or(0);
            if head.starts_with(b"POST /api/v1/hook/post-receive") {
                continue;
            }
            let mut server = TcpStream::connect(to).unwrap();
            server.write_all(&head[..read]).unwrap();
            let (mut asked, mut passed) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut asked, &mut passed));
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut server, &mut client);
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    });
    at
}

fn only(desk: &Desk) -> RepositoryId {
    desk.app
        .store
        .read(store::repository::repositories)
        .unwrap()[0]
        .id
}

both_databases!(
    refs_that_moved_unheard_stand_on_the_repositorys_page_until_they_are_told,
    |desk| {
        let bench = Bench::new(desk);
        let bare = bench.path("origin.git");
        bench.commit("a.txt", "Start");
        bench.work(&["tag", "v1"]);
        bench.work(&["push", "-q", "origin", "main", "v1"]);
        // git runs no hook of ours for any of this.
        bench.commit("b.txt", "One");
        bench.commit("b.txt", "Two");
        bench.git(&bare, &["fetch", "-q", "../work", "main:main", "main:side"]);
        bench.git(&bare, &["tag", "-d", "v1"]);
        let drain = || {
            let mut drain = bench.command(WATCHKEEPER, &bare);
            text(&drain.args(["hook", "drain"]).output().unwrap())
        };
        let root = bench.desk.person("Keeper", Roles::of(&[Role::Admin]));
        let browser = Browser::of(&bench.desk, &root);
        let page = format!("/repositories/{}", only(&bench.desk));
        let server = bench.server.as_ref().unwrap().address();
        bench.install_at("origin.git", &format!("http://{}", deaf_line(server)));
        let said = drain();
        assert!(said.contains("nobody told"), "{said}");
        assert_eq!(bench.spooled(), 1, "{said}");
        let seen = browser.get(&page);
        for line in [
            "Refs that moved, and nobody told us",
            "refs/heads/main</span>: 2 commits are missing",
            "refs/heads/side</span>: 2 commits are missing",
            "refs/tags/v1</span>: it is gone",
            "Refs last compared with ours",
        ] {
            seen.says(line);
        }
        browser.get("/repositories").says("3 refs moved unheard");

        // The line is well again: what waits is told, and nothing is missing.
        bench.install("origin.git");
        drain();
        assert_eq!(bench.spooled(), 0);
        for page in [page.as_str(), "/repositories"] {
            let seen = browser.get(page).text();
            assert!(!seen.contains("nobody told us"), "{seen}");
            assert!(!seen.contains("moved unheard"), "{seen}");
        }
    }
);

both_databases!(
    a_repository_that_nothing_was_heard_of_for_longer_than_usual_is_marked_silent,
    |desk| {
        const DAY: i64 = 86_400;
        let root = desk.person("Keeper", Roles::of(&[Role::Admin]));
        let (often, retired) = (
            Pushed::new(&desk, "often", None),
            Pushed::new(&desk, "retired", None),
        );
        Pushed::new(&desk, "never", None);
        often.commit(&desk, "One");
        retired.commit(&desk, "One");
        let by = desk.as_person(&root);
        let known = repository::list(&by).unwrap();
        let known = known.into_iter().find(|it| it.repository.id == retired.id);
        let known = known.unwrap().repository;
        let typed = repository::Typed {
            name: known.name,
            ..repository::Typed::default()
        };
        repository::edit(&by, known.id, known.version, &typed).unwrap();
        let silent = || {
            let all = repository::list(&desk.as_person(&root)).unwrap();
            let silent = all
                .into_iter()
                .filter(|it| it.hearing.silent_since.is_some());
            silent.map(|it| it.repository.name).collect::<Vec<_>>()
        };
        let hook = || desk.app.system("hook", Door::Git);
        desk.advance(14 * DAY);
        assert!(silent().is_empty());
        desk.advance(1);
        assert_eq!(silent(), ["often"]);
        let browser = Browser::of(&desk, &root);
        browser.get("/repositories").says(">silent<");
        let page = format!("/repositories/{}", often.id);
        browser
            .get(&page)
            .says("Nothing was heard of this repository since");
        // Its timer says that all is well there: it only rests.
        repository_gap::compared(&hook(), often.id, &[]).unwrap();
        assert!(silent().is_empty());
        let seen = browser.get(&page).text();
        assert!(!seen.contains("Nothing was heard"), "{seen}");
        desk.advance(14 * DAY + 1);
        assert_eq!(silent(), ["often"]);
        often.commit(&desk, "Two");
        assert!(silent().is_empty());
    }
);

both_databases!(what_moved_unheard_is_told_by_the_api_too, |desk| {
    let pushed = Pushed::new(&desk, "web", None);
    let tip = pushed.commit(&desk, "One");
    let oid = |text: &str| Oid::parse(text).unwrap();
    let (zero, next) = ("0".repeat(40), "ab".repeat(20));
    let gap = |name: &str, old: &str, new: &str| Gap {
        name: name.to_owned(),
        old: oid(old),
        new: oid(new),
        commits: Some(3),
    };
    let gaps = [
        gap("refs/heads/side", &zero, &next),
        // These were told meanwhile.
        gap("refs/heads/main", &zero, &tip),
        gap("refs/heads/old", &next, &zero),
    ];
    let found_at = desk.now().rfc3339();
    let tell = |desk: &Desk| {
        let hook = desk.app.system("hook", Door::Git);
        repository_gap::compared(&hook, pushed.id, &gaps).unwrap();
    };
    tell(&desk);
    // Found again, it is as old as before.
    desk.advance(60);
    tell(&desk);
    let compared_at = desk.now().rfc3339();
    let p = Program::new(desk);
    let place = format!("/api/v1/repositories/{}", pushed.id);
    let told = p.get(&place).body;
    assert_eq!(
        told["gaps"],
        json!([{"ref": "refs/heads/side", "found_at": found_at, "recorded": zero, "found": next, "commits": 3}])
    );
    assert_eq!(told["compared_at"], json!(compared_at));
    assert_eq!(told["silent_since"], Value::Null);
    let listed = p.get("/api/v1/repositories").body;
    assert_eq!(listed["items"][0]["gap_count"], json!(1));
    p.desk.advance(15 * 86_400);
    let told = p.get(&place).body;
    assert_eq!(told["silent_since"], json!(compared_at));
});
