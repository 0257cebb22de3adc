//! The kept corpora of `fuzz/`, and the samples of mail, through the bodies of the fuzz targets.

use std::path::Path;

#[path = "../../fuzz/bodies.rs"]
mod bodies;

/// Feeds every file of a folder; the name of one that fails is printed.
fn feed(folder: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut fed = 0;
    for file in std::fs::read_dir(&folder).expect("the corpus") {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|it| it == "sh") || path.is_dir() {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let done = std::panic::catch_unwind(|| body(&bytes));
        assert!(done.is_ok(), "{}", path.display());
        fed += 1;
    }
    assert!(fed >= 5, "{} has {fed} files", folder.display());
}

#[test]
fn every_kept_mail_is_read_within_its_limits() {
    feed("fuzz/corpus/mail", bodies::mail);
    feed("tests/vectors/mail", bodies::mail);
    feed("tests/vectors/mail/smime", bodies::mail);
}

#[test]
fn no_kept_address_passes_for_one_of_ours() {
    feed("fuzz/corpus/address", bodies::address);
}

#[test]
fn no_kept_page_runs_anything() {
    feed("fuzz/corpus/html", bodies::html);
}

#[test]
fn every_kept_commit_message_is_read_the_same_twice() {
    feed("fuzz/corpus/commit", bodies::commit);
}
