//! Pictures as evidence: pasted from the clipboard and dropped from a folder, as people do it.

use std::time::Instant;

use serde_json::{Value, json};

use crate::browser::{Browser, PATIENCE, Scripts};
use crate::browser_steps::{INES, log_in_with};
use crate::running::Running;

/// The first bytes of every PNG.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Draws a small picture and puts it on the clipboard.
const COPY: &str = "
    const done = arguments[arguments.length - 1];
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 24;
    const ink = canvas.getContext('2d');
    ink.fillStyle = '#c00';
    ink.fillRect(4, 4, 16, 16);
    canvas.toBlob(picture => navigator.clipboard
        .write([new ClipboardItem({'image/png': picture})])
        .then(() => done('copied'), error => done(String(error))), 'image/png')";

/// What hangs on the composer so far.
const CHOSEN: &str =
    "return [...document.getElementById('note-file').files].map(file => file.name)";

#[test]
fn a_picture_is_pasted_and_dropped_and_stands_on_the_timeline() {
    let house = Running::demo();
    let desk = Browser::new(&house.url, Scripts::On);
    log_in_with(&desk, INES, "keep the watch");
    desk.go("/new");
    desk.fill("What is it?", "Replica lags");
    desk.tick("Warning");
    desk.press("Open it");
    desk.sees("Replica lags");

    // From the clipboard, with the keys that people press.
    desk.devtools(
        "Browser.grantPermissions",
        json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": house.url}),
    );
    // A window that nobody sees has no focus by itself.
    desk.devtools(
        "Emulation.setFocusEmulationEnabled",
        json!({"enabled": true}),
    );
    assert_eq!(desk.runs_async(COPY, vec![]), "copied");
    desk.runs("document.getElementById('note').focus()", vec![]);
    for kind in ["rawKeyDown", "keyUp"] {
        let mut key = json!({"type": kind, "key": "v", "code": "KeyV", "modifiers": 2, "windowsVirtualKeyCode": 86});
        if kind == "rawKeyDown" {
            key["commands"] = json!(["paste"]);
        }
        desk.devtools("Input.dispatchKeyEvent", key);
    }
    comes_to_hold(&desk, &["image.png"]);
    desk.fill("Note for the team", "The lag since noon");
    desk.press("Add note");
    desk.sees("The lag since noon");
    desk.sees("image.png");
    assert!(desk.save("image.png").starts_with(PNG));

    // From a folder, together with one that was pasted before.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let graph = folder.path().join("graph.png");
    let picture = [PNG, b"not much of a picture"].concat();
    std::fs::write(&graph, &picture).expect("a file");
    let middle = desk.runs(
        "const box = document.getElementById('note').getBoundingClientRect();
         return [box.x + box.width / 2, box.y + box.height / 2]",
        vec![],
    );
    let data = json!({"items": [], "files": [graph], "dragOperationsMask": 1});
    for kind in ["dragEnter", "dragOver", "drop"] {
        desk.devtools(
            "Input.dispatchDragEvent",
            json!({"type": kind, "x": middle[0], "y": middle[1], "data": data}),
        );
    }
    comes_to_hold(&desk, &["graph.png"]);
    desk.press("Add note");
    desk.sees("graph.png");
    assert_eq!(desk.save("graph.png"), picture);
}

/// Waits until the composer holds these files: browsers hand them over in their own time.
#[track_caller]
fn comes_to_hold(desk: &Browser, names: &[&str]) {
    let began = Instant::now();
    loop {
        let held = desk.runs(CHOSEN, vec![]);
        if held == json!(names) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{held} instead of {names:?}");
        assert!(
            held == Value::Array(Vec::new()),
            "{held} instead of {names:?}"
        );
        crate::waiting::look_again();
    }
}
