//! What a hook goes by while the service is away is signed: by whom it was set up with, and for its own repository.

use std::path::PathBuf;

use serde_json::Value;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::freeze::Level;

use crate::both_databases;
use crate::desk::Desk;
use crate::git_bench::Bench;
use crate::push_rules::{frozen, push, refused, rules, through, told};
use crate::served::Served;

const RULES: &str =
    "[[rule]]\nrefs = \"refs/heads/main\"\nfreeze = \"enforce\"\non_service_down = \"cached\"\n";

fn place(bench: &Bench, name: &str) -> PathBuf {
    bench.path("origin.git/watchkeeper").join(name)
}

fn kept(bench: &Bench) -> Value {
    let text = std::fs::read_to_string(place(bench, "snapshot")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A frozen branch whose hook was told so, and a service that is away.
fn away(desk: Desk) -> (Bench, std::net::SocketAddr) {
    let mut bench = Bench::new(desk);
    bench.desk.person("Ina", Roles::of(&[Role::Lead]));
    bench.commit("a.txt", "Start");
    frozen(&bench, Level::Block);
    rules(&bench, RULES);
    refused(&push(&bench, "ina", &["main"]), "FREEZE");
    let address = bench.server.take().unwrap().address();
    told(&bench, 5);
    (bench, address)
}

both_databases!(what_nobody_signed_decides_nothing, |desk| {
    let (bench, _) = away(desk);
    refused(&push(&bench, "ina", &["main"]), "FREEZE");
    // Somebody lifts the freeze, and lets themselves break the glass.
    let sound = kept(&bench);
    let mut snapshot: Value = serde_json::from_str(sound["text"].as_str().unwrap()).unwrap();
    snapshot["freezes"] = Value::Array(Vec::new());
    snapshot["breakers"] = serde_json::json!(["mallory"]);
    let mut forged = sound.clone();
    forged["text"] = snapshot.to_string().into();
    std::fs::write(place(&bench, "snapshot"), forged.to_string()).unwrap();
    let said = refused(&push(&bench, "mallory", &["main"]), "SERVICE_DOWN");
    assert!(said.contains("isn't signed by it"), "{said}");
    let glass = ["-o", "break-glass=nobody will see this", "main"];
    refused(&push(&bench, "mallory", &glass), "BREAK_GLASS_DENIED");
    // Nor does it without a signature.
    std::fs::write(place(&bench, "snapshot"), snapshot.to_string()).unwrap();
    refused(&push(&bench, "mallory", &["main"]), "SERVICE_DOWN");
    // What waits for nobody goes on.
    let said = through(&push(&bench, "mallory", &["HEAD:refs/heads/wip"]));
    assert!(said.contains("isn't signed by it"), "{said}");
});

both_databases!(
    a_hook_from_before_goes_on_and_pins_the_key_with_the_next_answer,
    |desk| {
        let (mut bench, address) = away(desk);
        let text = kept(&bench)["text"].as_str().unwrap().to_owned();
        std::fs::remove_file(place(&bench, "pin")).unwrap();
        std::fs::write(place(&bench, "snapshot"), text).unwrap();
        let said = refused(&push(&bench, "ina", &["main"]), "FREEZE");
        assert!(!said.contains("isn't signed"), "{said}");
        bench.server = Some(Served::again(&bench.desk.app, address));
        refused(&push(&bench, "ina", &["main"]), "FREEZE");
        assert!(place(&bench, "pin").exists());
        assert!(kept(&bench)["signature"].is_string());
        // A service that answers with another key is asked, and isn't gone by.
        let other = watchkeeper::secrets::hook_public_key(&[7; 32]);
        let mut pin: Value =
            serde_json::from_str(&std::fs::read_to_string(place(&bench, "pin")).unwrap()).unwrap();
        pin["key"] = other.into();
        std::fs::write(place(&bench, "pin"), pin.to_string()).unwrap();
        let said = refused(&push(&bench, "ina", &["main"]), "FREEZE");
        assert!(said.contains("signs with another key"), "{said}");
        bench.server = None;
        let said = refused(&push(&bench, "ina", &["main"]), "SERVICE_DOWN");
        assert!(said.contains("isn't signed by it"), "{said}");
        // Set up anew it knows the service again.
        bench.server = Some(Served::again(&bench.desk.app, address));
        bench.install("origin.git");
        let said = refused(&push(&bench, "ina", &["main"]), "FREEZE");
        assert!(!said.contains("another key"), "{said}");
    }
);
