//! The main job in a real browser, from set-up to the ledger: with scripts and without, on either database, each time on a fresh
//! installation of the real program.

use std::time::{Duration, Instant};

use crate::browser::{Browser, Screen, Scripts};
use crate::cluster;
use crate::git_bench::{WATCHKEEPER, text};
use crate::running::Running;

pub const PASSWORD: &str = "keep the watch at night";
pub const INES: &str = "ines@northstar.example";
const TOM: &str = "tom@northstar.example";
const MAJA: &str = "maja@northwind.example";

#[test]
fn steps_two_to_seven_with_scripts_on_sqlite() {
    play(Scripts::On, None);
}

#[test]
fn steps_two_to_seven_with_scripts_on_postgresql() {
    play(Scripts::On, Some(&cluster::new_empty_database()));
}

#[test]
fn steps_two_to_seven_without_scripts_on_sqlite() {
    play(Scripts::Off, None);
}

#[test]
fn steps_two_to_seven_without_scripts_on_postgresql() {
    play(Scripts::Off, Some(&cluster::new_empty_database()));
}

fn play(scripts: Scripts, database: Option<&str>) {
    let house = Running::fresh(database);
    let desk = Browser::new(&house.url, scripts);
    set_up(&house, &desk);
    invite_tom(&house, &desk);
    plan_the_rotation(&desk);
    add_the_customer(&desk);
    file_the_incident(&house, &desk, scripts);
    acknowledge_on_the_phone(&house, &desk);
    write_a_mail(&house, &desk);
    push_a_change(&desk);
    resolve(&house, &desk);
    report(&desk);
    ledger(&desk);
}

fn log_in(desk: &Browser, who: &str) {
    log_in_with(desk, who, PASSWORD);
}

pub fn log_in_with(desk: &Browser, who: &str, password: &str) {
    desk.forget();
    desk.go("/log-in");
    desk.fill("Mail address", who);
    desk.fill("Password", password);
    desk.press("Log in");
    desk.sees("On fire");
}

/// Set-up in the browser, through the link that was printed.
pub fn set_up(house: &Running, desk: &Browser) {
    desk.go(&house.set_up_path());
    desk.fill("Name", "Ines Maro");
    desk.fill("Mail address", INES);
    desk.choose("Your time zone", "Europe/Stockholm");
    desk.fill("Password", PASSWORD);
    desk.fill("The same again", PASSWORD);
    desk.fill("Name of the operation", "Northstar Hosting");
    desk.choose("Time zone of the operation", "Europe/Stockholm");
    desk.fill("Address from outside", &house.url);
    desk.fill("First team", "Platform");
    desk.fill("First service", "checkout");
    desk.fill("Sender of our mail", "watch@northstar.example");
    desk.press("Start the watch");
    desk.sees("The watch begins.");
    desk.sees_no("Nobody can be paged.");
    // The link worked once.
    desk.go(&house.set_up_path());
    desk.sees("There is nothing here");
}

fn invite_tom(house: &Running, desk: &Browser) {
    desk.go("/people/new");
    desk.fill("Name", "Tom Kerr");
    desk.fill("Mail address", TOM);
    desk.choose("Time zone", "Europe/Stockholm");
    desk.tick("Responder");
    desk.tick("Lead");
    desk.tick("Platform");
    desk.press("Invite");
    let invitation = house.letter(TOM, "").link("/invitation/");
    desk.forget();
    desk.go(&invitation);
    desk.sees("Tom Kerr");
    desk.fill("New password", PASSWORD);
    desk.fill("The same again", PASSWORD);
    desk.press("Set password");
    log_in(desk, INES);
}

fn plan_the_rotation(desk: &Browser) {
    desk.go("/on-call");
    desk.sees("On call: Platform");
    desk.follow("Plan the rotation");
    desk.set_time("A hand-off", "2026-06-01T09:00");
    desk.choose("Place 1", "Ines Maro");
    desk.press("Save");
    desk.sees("The rotation is planned.");
    desk.sees("On call now\nInes Maro");
}

fn add_the_customer(desk: &Browser) {
    desk.go("/customers/new");
    desk.fill("Name", "Northwind Traders");
    desk.choose("Their time zone", "America/New York");
    desk.fill("Mail domains", "northwind.example");
    desk.press("Save");
    desk.follow("New contact");
    desk.fill("Name", "Maja Falk");
    desk.fill("Mail address", MAJA);
    desk.press("Save");
    desk.go("/customers");
    desk.follow("Northwind Traders");
    desk.sees("Maja Falk");
}

/// Step 2: a title and a severity, nothing else; the clocks run.
fn file_the_incident(house: &Running, desk: &Browser, scripts: Scripts) {
    log_in(desk, INES);
    desk.follow("New ticket");
    desk.fill("What is it?", "DB master down");
    desk.tick("Disaster");
    desk.press("Open it");
    assert!(desk.place().starts_with("/INC-1"), "{}", desk.place());
    desk.sees("DB master down");
    desk.sees("Next: Somebody has it");
    desk.sees("Nobody has it.");
    let countdown = || {
        let shown = desk.text();
        let line = shown.lines().find(|line| line.starts_with("Next:"));
        line.unwrap_or_default().to_owned()
    };
    let before = countdown();
    assert!(before.contains(" s") || before.contains("min"), "{before}");
    let began = Instant::now();
    let mut ticked = false;
    while began.elapsed() < Duration::from_secs(3) && !ticked {
        ticked = countdown() != before;
    }
    // Scripts count down on the spot; without them each look at the page does. This is also how we know that they are off.
    assert_eq!(ticked, scripts == Scripts::On, "{before}");
    desk.go("/INC-1");
    assert_ne!(countdown(), before);
    house.letter(INES, "DB master down");
}

/// Step 2, the page: one tap on a phone that is logged in nowhere and runs no scripts; looking at it answers nothing.
fn acknowledge_on_the_phone(house: &Running, desk: &Browser) {
    let link = house.letter(INES, "DB master down").link("/n/");
    let phone = Browser::new(&house.url, Scripts::Off);
    phone.at(Screen::Phone);
    for _ in 0..2 {
        phone.go(&link);
        phone.sees("DB master down");
        phone.sees("Nobody has it.");
    }
    desk.go("/INC-1");
    desk.sees("Nobody has it.");
    let width = phone.runs("return document.documentElement.scrollWidth", vec![]);
    assert_eq!(width, 390, "it fits the phone");
    phone.press("I have it");
    phone.sees("You have it. The paging has stopped.");
    phone.go(&link);
    phone.sees("This page has been answered.");
    desk.go("/INC-1");
    desk.sees("Ines Maro has it.");
    desk.sees("In progress");
}

/// Step 3: a mail opens a ticket, its answer is threaded, a reply lands on it, a copy changes nothing.
fn write_a_mail(house: &Running, desk: &Browser) {
    let first = [
        ("Subject", "Receipts are not printed"),
        ("From", "Maja Falk <maja@northwind.example>"),
        ("Message-Id", "<m1@northwind.example>"),
        ("Date", "Mon, 01 Jun 2026 09:00:00 +0000"),
    ];
    let words = "Since this morning, in all stores.";
    house.swaks(MAJA, &first, words);
    let answer = house.letter(MAJA, "INC-2");
    assert_eq!(answer.in_reply_to, "m1@northwind.example");
    desk.go("/queue");
    desk.sees("Receipts are not printed");
    desk.follow("Receipts are not printed");
    desk.sees(words);
    desk.sees("Northwind Traders");
    desk.press("I have it");
    desk.go("/mail/in");
    desk.sees("opened a ticket");

    let reply = [
        ("Subject", &*format!("Re: {}", answer.subject)),
        ("From", "Maja Falk <maja@northwind.example>"),
        ("Message-Id", "<m2@northwind.example>"),
        ("In-Reply-To", &*format!("<{}>", answer.message_id)),
        ("Date", "Mon, 01 Jun 2026 09:30:00 +0000"),
    ];
    house.swaks(MAJA, &reply, "The printer in Malmo works again.");
    desk.go("/INC-2");
    desk.comes_to_see("The printer in Malmo works again.");
    house.letter(INES, "Maja Falk wrote");
    house.swaks(MAJA, &first, words);
    desk.go("/mail/in");
    desk.comes_to_see("copy of a mail that came before");
    desk.sees("added to the ticket");
    desk.go("/queue");
    desk.sees_no("INC-3");
}

/// Step 4: our hooks in a clone and in a bare repository; the commit stands on the change.
fn push_a_change(desk: &Browser) {
    desk.go("/new?kind=change");
    desk.fill("What is it?", "Raise the connection pool");
    desk.press("Open it");
    assert!(desk.place().starts_with("/CHG-1"), "{}", desk.place());
    desk.go("/repositories");
    desk.fill("Repository", "infra/web");
    desk.press("Register");
    // The command as the page shows it, to be pasted into a terminal.
    let shown = desk.text();
    let command = shown
        .lines()
        .find_map(|line| line.trim().strip_prefix("watchkeeper "));
    let command: Vec<&str> = command.expect("a command").split_whitespace().collect();
    assert_eq!(command[..2], ["hook", "install"]);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = |program: &str, at: &str, args: &[&str]| -> String {
        let output = std::process::Command::new(program)
            .args(args)
            .current_dir(folder.path().join(at))
            .env("HOME", folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "Ines Maro")
            .env("GIT_AUTHOR_EMAIL", INES)
            .env("GIT_COMMITTER_NAME", "Ines Maro")
            .env("GIT_COMMITTER_EMAIL", INES)
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        text(&output)
    };
    let commit = |content: &str, message: &str| -> String {
        std::fs::write(folder.path().join("work/pool.toml"), content).expect("a file");
        run("git", "work", &["add", "pool.toml"]);
        run("git", "work", &["commit", "-q", "-m", message])
    };
    run(
        "git",
        ".",
        &["init", "-q", "--bare", "-b", "main", "origin.git"],
    );
    run("git", ".", &["init", "-q", "-b", "main", "work"]);
    run("git", "work", &["remote", "add", "origin", "../origin.git"]);
    commit("size = 400\n", "The pool as it was");
    run("git", "work", &["tag", "-am", "as it was", "v1.0.0"]);
    run("git", "work", &["push", "-q", "origin", "main", "v1.0.0"]);
    for place in ["work", "origin.git"] {
        run(WATCHKEEPER, place, &command);
    }
    let warned = commit("size = 500\n", "Try more\n\nRefs: CHG-99");
    assert!(warned.contains("CHG-99 doesn't exist"), "{warned}");
    commit("size = 600\n", "Raise pool size\n\nRefs: CHG-1");
    run("git", "work", &["push", "-q", "origin", "main"]);

    desk.go("/CHG-1");
    desk.comes_to_see("Commits in infra/web");
    desk.sees("Raise pool size");
    desk.sees("Ines Maro");
    desk.sees("pool.toml");
    desk.sees("v1.0.0 → v1.0.0-2-g");
    desk.sees("git revert");
}

/// Step 5: the post-mortem, its clock and its invitation.
fn resolve(house: &Running, desk: &Browser) {
    desk.go("/INC-1");
    desk.unfold("Add a customer");
    desk.fill("Customer", "Northwind Traders");
    desk.press("Add");
    // Its clocks are counted from when it was hit: old and new are shown first.
    desk.sees("Before it is saved");
    desk.press("Save it");
    desk.sees("Northwind Traders");
    desk.unfold("Resolve");
    desk.fill("What was done", "Failed over to the standby.");
    desk.press("Resolve");
    desk.sees("INC-1 is resolved.");
    desk.follow("PM-1");
    desk.sees("Post-mortem: DB master down");
    desk.sees("Failed over to the standby.");
    // By which rule it lies where it lies, on a working day or not.
    desk.sees("24 hours of the incident's resolution");
    let invitation = house.letter(INES, "Invitation");
    let calendar = invitation.calendar.expect("a calendar part");
    for line in ["METHOD:REQUEST", "SEQUENCE:0", "ORGANIZER;"] {
        assert!(calendar.contains(line), "{line} in {calendar}");
    }
    desk.go("/PM-1?show=all");
    desk.sees("Post-mortem meeting");

    let tomorrow = |hour: u32| {
        let day = chrono::Utc::now() + chrono::Duration::days(1);
        format!("{}T{hour:02}:00", day.format("%Y-%m-%d"))
    };
    desk.go("/PM-1");
    desk.unfold("Set another time");
    desk.set_time("Starts", &tomorrow(13));
    desk.fill("Minutes", "30");
    desk.fill("Place or link", "Room 4");
    desk.press("Set another time");
    desk.sees("The meeting is set");
    desk.sees("Room 4");
    let moved = house.letter(INES, "Moved").calendar.expect("a calendar");
    assert!(moved.contains("METHOD:REQUEST") && moved.contains("SEQUENCE:1"));
    desk.unfold("Cancel the meeting");
    desk.fill("Why", "Done by mail");
    desk.press("Cancel the meeting");
    let gone = house
        .letter(INES, "Cancelled")
        .calendar
        .expect("a calendar");
    assert!(gone.contains("METHOD:CANCEL"), "{gone}");
}

/// Step 6: the customer's report, a draft until somebody else approves it.
fn report(desk: &Browser) {
    desk.go("/INC-1");
    desk.follow("Outage report");
    desk.sees("Outage report for Northwind Traders");
    desk.sees("DRAFT");
    desk.fill("Title", "Orders could not be placed");
    desk.fill("What happened", "Ines Maro saw that no order went through.");
    desk.fill("How it was resolved", "We moved to our standby system.");
    desk.press("Save");
    // A name of ours must not leave: nothing is exported while it stands there.
    desk.sees("a name of ours. Say the role.");
    assert!(!desk.has("a[href$='/pdf']"));
    desk.fill("What happened", "No order went through for some minutes.");
    desk.press("Save");
    desk.sees("Nothing internal was found.");

    let read = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let html = read(desk.save("HTML"));
    // Markdown sets a backslash before an underscore.
    let markdown = read(desk.save("Markdown")).replace('\\', "");
    let pdf = pdf_text(&desk.save("PDF"));
    for document in [&html, &markdown, &pdf] {
        assert!(document.contains("DRAFT"), "{document}");
        assert!(document.contains("No order went through"), "{document}");
        assert!(document.contains("America/New_York"), "{document}");
        for inside in ["Ines", "Tom", "checkout", "INC-1", "CHG-1", "Failed over"] {
            assert!(!document.contains(inside), "{inside} in {document}");
        }
    }
    let place = desk.place();
    // Its author can't approve it.
    desk.press("Approve what I see");
    desk.sees("Somebody else has to approve a report that you wrote.");
    log_in(desk, TOM);
    desk.go(&place);
    desk.press("Approve what I see");
    desk.sees("The report is approved and frozen.");
    let approved = pdf_text(&desk.save("PDF"));
    assert!(!approved.contains("DRAFT"), "{approved}");
    assert!(
        approved.contains("Approved by a second person"),
        "{approved}"
    );
    assert!(approved.contains("No order went through"), "{approved}");
}

/// What stands in a PDF, which must be sound.
fn pdf_text(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("report.pdf");
    std::fs::write(&path, bytes).expect("a file");
    let run = |program: &str, args: &[&str]| {
        let mut command = std::process::Command::new(program);
        let output = command.args(args).current_dir(folder.path()).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        assert!(output.status.success(), "{program}: {}", text(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run("qpdf", &["--check", "report.pdf"]);
    run("pdftotext", &["-layout", "report.pdf", "-"])
}

/// Step 7: who was on call, who was paged when, what the relay said, who answered by which door.
fn ledger(desk: &Browser) {
    log_in(desk, INES);
    desk.follow("Ledger");
    desk.sees("On-call ledger");
    desk.sees("Paged, escalation");
    desk.sees("by link");
    desk.sees("INC-1");
    desk.sees("from the answer to the end");
    let csv = String::from_utf8(desk.save("CSV")).expect("text");
    let paged = csv.lines().find(|line| line.contains("INC-1"));
    assert!(
        paged.is_some_and(|line| line.contains("Ines Maro")),
        "{csv}"
    );
}
