//! The editors in a real browser: what is written is shown as it is understood while it is written, and by a button without script.

use crate::browser::{Browser, Scripts};
use crate::browser_steps::{INES, log_in_with};
use crate::running::Running;

#[test]
fn what_an_editor_comes_to_is_shown_while_it_is_written_and_by_a_button_without_script() {
    let house = Running::demo();
    let understood = "Monday 22:00 until 06:00 is understood as Monday 22:00 until Tuesday 06:00.";
    for scripts in [Scripts::On, Scripts::Off] {
        let desk = Browser::new(&house.url, scripts);
        log_in_with(&desk, INES, "keep the watch");
        desk.go("/calendars/new");
        desk.fill("Name", "Night");
        desk.choose("Time zone", "Europe/Stockholm");
        desk.fill("Country or region 1", "SE");
        desk.fill("Monday", "22:00-06:00");
        if scripts == Scripts::Off {
            desk.sees_no(understood);
            desk.press("Show examples");
        }
        desk.will_see(understood);
        desk.will_see("Dates that differ in the next two years");
        // What was typed is still there, and the page is still the same.
        desk.press("Save");
        desk.sees("Night");
        assert!(desk.place().ends_with("/agreements"), "{}", desk.place());
        desk.go("/agreements");
        desk.follow("Night");
        desk.follow("Edit");
        desk.press("Show examples");
        desk.sees(understood);
        desk.go("/agreements");
        desk.follow("Night");
        desk.press("Delete");
        desk.sees("Deleted.");
    }
}

/// The first promise in the list of examples: the moment that it is counted from, and when it would be due.
fn first_example(desk: &Browser) -> (String, String) {
    let found = desk.runs(
        "const head = document.querySelectorAll('#preview thead th')[3];
         const cell = document.querySelectorAll('#preview tbody tr:first-child td')[2];
         return [head ? head.textContent : '', cell ? cell.textContent : ''];",
        vec![],
    );
    let text = |place: usize| found[place].as_str().unwrap_or_default().trim().to_owned();
    (text(0), text(1))
}

/// What the wall clock shows at the end of such a text.
fn time_of(text: &str) -> String {
    let digits = |it: &&str| it.len() == 5 && it.as_bytes()[2] == b':';
    let found = text.split_whitespace().rev().find(digits);
    found
        .unwrap_or_else(|| panic!("no time in {text:?}"))
        .to_owned()
}

#[test]
fn what_an_agreement_comes_to_is_shown_while_it_is_written_and_by_a_button_without_script() {
    let house = Running::demo();
    for scripts in [Scripts::On, Scripts::Off] {
        let desk = Browser::new(&house.url, scripts);
        log_in_with(&desk, INES, "keep the watch");
        desk.go("/agreements/new");
        desk.sees("A row with a budget is a promise; what it comes to is shown here.");
        let shows = |budget: &str, text: &str| {
            desk.fill("Budget", budget);
            if scripts == Scripts::Off {
                desk.sees_no(text);
                desk.press("Show examples");
            }
            desk.will_see(text);
        };
        desk.fill("Name", "Silver");
        desk.choose("Promise", "Resolve");
        desk.choose("Counted in", "Round the clock");
        // A day later the clock shows the same time, and two hours less two hours before.
        shows("24 h", "24 h");
        let (logged, due) = first_example(&desk);
        assert_eq!(time_of(&due), time_of(&logged), "{logged}: {due}");
        shows("22 h", "22 h");
        let (logged, sooner) = first_example(&desk);
        assert_ne!(time_of(&sooner), time_of(&logged), "{logged}: {sooner}");
        assert_ne!(sooner, due);
        // What can't be meant is said beside what was typed, which stays.
        shows("soon", "isn't a budget.");
        let typed = desk.runs(
            "return [...document.querySelectorAll('input[aria-label=\"Budget\"]')].map(it => it.value)[0];",
            vec![],
        );
        assert_eq!(typed, "soon");
        assert!(desk.place().contains("/agreements/"), "{}", desk.place());
    }
}
