//! Waiting for what another process does and tells nobody.

use std::time::Duration;

/// The moment between two looks: what is looked for comes by itself, or the story's patience ends.
pub fn look_again() {
    std::thread::sleep(Duration::from_millis(20));
}
