//! Budgets of pages as a browser sees them for the first time: what it has to fetch before it paints, and that nothing moves once it
//! stands there. How long that takes is no test.

use serde_json::{Value, json};

use crate::browser::{Browser, Screen, Scripts};
use crate::browser_steps::{INES, log_in_with};
use crate::running::Running;

/// Pages that people come to first, by mail or by habit.
const FIRST: &[&str] = &[
    "/",
    "/queue",
    "/new",
    "/calendar",
    "/on-call",
    "/customers",
    "/post-mortems",
    "/agreements",
    "/deployments",
    "/reports/sla",
    "/help",
];

/// Most that has to come before anything is painted: the page itself and two more.
const BEFORE_PAINT: u64 = 3;
/// Everything that a first view fetches: the page, its styles, its script, two fonts and an icon.
const FIRST_VIEW: u64 = 6;

/// What a page fetched once it is painted: what held that up, all, and what came from a foreign host or without having been kept.
const FETCHED: &str = "
    const done = arguments[arguments.length - 1];
    const named = list => list.map(one => one.name.replace(location.origin, ''));
    const tell = () => {
        const all = performance.getEntriesByType('resource');
        done({
            blocking: named(all.filter(one => one.renderBlockingStatus === 'blocking')),
            all: named(all),
            foreign: named(all.filter(one => !one.name.startsWith(location.origin + '/'))),
            fetched: named(all.filter(one => one.transferSize > 0)),
        });
    };
    new PerformanceObserver((painted, eye) => {
        eye.disconnect();
        document.fonts.ready.then(tell);
    }).observe({type: 'paint', buffered: true})";

/// Everything that moved by itself from the first paint until now and for a while longer, with what it was.
const MOVED: &str = "
    const [wait, done] = arguments;
    const moved = [];
    const note = list => { for (const shift of list) {
        // While a page still comes in pieces it doesn't stand there yet.
        if (shift.startTime < performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd) continue;
        const what = shift.sources.map(it => it.node?.nodeName + '.' + (it.node?.className || '')).join(' ');
        moved.push(`${shift.value.toFixed(4)} ${what}`);
    } };
    const eye = new PerformanceObserver(seen => note(seen.getEntries()));
    eye.observe({type: 'layout-shift', buffered: true});
    document.fonts.ready.then(() => setTimeout(() => { note(eye.takeRecords()); done(moved); }, wait))";

/// Whether an animation frame comes at all: without frames nothing moves, and nothing is proven.
const LIVES: &str = "
    const done = arguments[arguments.length - 1];
    const box = document.createElement('div');
    box.style.blockSize = '120px';
    const eye = new PerformanceObserver(seen => done(seen.getEntries().length));
    eye.observe({type: 'layout-shift'});
    requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector('main').prepend(box)))";

fn count(of: &Value) -> u64 {
    of.as_array().map_or(0, |list| list.len() as u64)
}

/// As if it had never been here: nothing is kept.
fn forgetful(browser: &Browser, is_so: bool) {
    browser.devtools("Network.enable", json!({}));
    browser.devtools("Network.setCacheDisabled", json!({"cacheDisabled": is_so}));
}

fn incident(desk: &Browser) -> String {
    desk.go("/queue");
    let found = desk.runs(
        "return document.querySelector('main a[href^=\"/INC-\"]').getAttribute('href').split(/[?#]/)[0]",
        vec![],
    );
    found.as_str().expect("an incident").to_owned()
}

#[test]
fn a_first_view_paints_after_three_requests_and_a_second_one_fetches_the_page_alone() {
    let house = Running::demo();
    let desk = Browser::new(&house.url, Scripts::On);
    let look = |place: &str| {
        forgetful(&desk, true);
        desk.go(place);
        let cold = desk.runs_async(FETCHED, vec![]);
        assert!(count(&cold["blocking"]) > 0, "{place}: {cold}");
        assert!(count(&cold["blocking"]) < BEFORE_PAINT, "{place}: {cold}");
        assert!(count(&cold["all"]) < FIRST_VIEW, "{place}: {cold}");
        assert_eq!(cold["foreign"], json!([]), "{place}");
        forgetful(&desk, false);
        for _ in 0..2 {
            desk.go(place);
        }
        let warm = desk.runs_async(FETCHED, vec![]);
        assert_eq!(warm["fetched"], json!([]), "{place}");
    };
    look("/log-in");
    log_in_with(&desk, INES, "keep the watch");
    look(&incident(&desk));
    FIRST.iter().for_each(|place| look(place));
}

#[test]
fn nothing_moves_once_a_page_stands_there() {
    let house = Running::demo();
    let desk = Browser::new(&house.url, Scripts::On);
    forgetful(&desk, true);
    // Where clocks tick, long enough for each digit to change.
    let (short, long) = (200, 2_200);
    let look = |place: &str, wait: u32| {
        for screen in [Screen::Desk, Screen::Phone] {
            desk.at(screen);
            // What moves by itself moves each time; fonts that come late on a busy machine don't.
            let mut moved = Value::Null;
            for _ in 0..3 {
                desk.go(place);
                moved = desk.runs_async(MOVED, vec![json!(wait)]);
                if moved == json!([]) {
                    break;
                }
            }
            assert_eq!(moved, json!([]), "{place}, {screen:?}");
        }
        desk.at(Screen::Desk);
    };
    look("/log-in", short);
    log_in_with(&desk, INES, "keep the watch");
    look(&incident(&desk), long);
    look("/queue", long);
    FIRST.iter().for_each(|place| look(place, short));
    // It would have been seen.
    desk.go("/help");
    assert_eq!(desk.runs_async(LIVES, vec![]), 1);
}
