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
