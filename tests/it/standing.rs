//! How the process stands in the world: TLS from two files, what machines ask it, how it is stopped, mail through a pipe.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use diesel::connection::{Connection, SimpleConnection};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use watchkeeper::http::reply::CSP;
use watchkeeper::store::backend::DatabaseUrl;
use watchkeeper::store::{self, Store};

use crate::desk::On;
use crate::machine::{Got, Machine, said};

/// A certificate for this machine and its key, as `cert.pem` and `key.pem`.
fn certify(machine: &Machine) -> Vec<u8> {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args([
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-subj",
            "/CN=watchkeeper test",
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(machine.folder())
        .output()
        .expect("openssl runs (Debian's package `openssl`)");
    assert!(made.status.success(), "{}", said(&made));
    std::fs::read(machine.folder().join("cert.pem")).unwrap()
}

#[test]
fn with_a_certificate_and_its_key_it_speaks_https_and_nothing_else() {
    let machine = Machine::new(On::Sqlite);
    let cert = Certificate::from_pem(&certify(&machine)).unwrap();
    let serving = machine.serve(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    assert!(
        serving.url.starts_with("https://127.0.0.1:"),
        "{}",
        serving.url
    );
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&[cert.to_owned()]))
        .build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .build()
        .into();
    let page = Got::of(agent.get(format!("{}/log-in", serving.url)).call().unwrap());
    assert_eq!(page.status, 200);
    assert!(page.text.contains("<form"), "{}", page.text);
    // Who doesn't know the certificate doesn't trust it.
    assert!(ureq::get(format!("{}/log-in", serving.url)).call().is_err());
    let plain = serving.url.replace("https://", "http://");
    assert!(ureq::get(format!("{plain}/log-in")).call().is_err());
}

#[test]
fn a_key_that_is_not_the_certificates_is_named_before_it_starts() {
    let (machine, other) = (Machine::new(On::Sqlite), Machine::new(On::Sqlite));
    certify(&machine);
    certify(&other);
    let key = other.folder().join("key.pem").display().to_string();
    let refused = machine.run(&["serve", "--tls-cert", "cert.pem", "--tls-key", &key]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said(&refused).contains("`tls_cert` is `cert.pem`; cert.pem: "),
        "{}",
        said(&refused)
    );
}

#[test]
fn whoever_may_reads_the_metrics_and_others_find_nothing_there() {
    let machine = Machine::new(On::Sqlite);
    let serving = machine.serve(&[]);
    let metrics = serving.get("/metrics", &[]);
    assert_eq!(metrics.status, 200);
    assert!(
        metrics
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let values: Vec<&str> = metrics
        .text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert!(
        values.contains(&"watchkeeper_database_faults 0"),
        "{}",
        metrics.text
    );
    let number = |line: &&str| line.rsplit(' ').next().unwrap().parse::<f64>().is_ok();
    assert!(
        values.iter().filter(|line| !line.is_empty()).all(number),
        "{}",
        metrics.text
    );
    drop(serving);
    let shut = machine.serve(&["--metrics-from", "192.0.2.1"]);
    assert_eq!(shut.get("/metrics", &[]).status, 404);
}

#[test]
fn while_its_database_is_away_it_is_alive_and_not_ready() {
    let machine = Machine::new(On::Postgres);
    let serving = machine.serve(&[]);
    assert_eq!(serving.get("/readyz", &[]).status, 200);
    let DatabaseUrl::Postgres(address) = machine.url() else {
        panic!("it is on PostgreSQL")
    };
    let (server, name) = address.rsplit_once('/').expect("a name");
    let mut keeper = diesel::PgConnection::establish(&format!("{server}/postgres")).unwrap();
    keeper
        .batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
        .unwrap();
    let ready = serving.get("/readyz", &[]);
    assert_eq!(ready.status, 503);
    assert!(
        ready.text.contains("the database does not answer"),
        "{}",
        ready.text
    );
    assert_eq!(serving.get("/healthz", &[]).status, 200);
}

#[test]
fn told_to_stop_it_answers_whom_it_listens_to_and_nobody_new() {
    let machine = Machine::new(On::Sqlite);
    let mut serving = machine.serve(&[]);
    let address = serving.url.trim_start_matches("http://").to_owned();
    let mut half = TcpStream::connect(&address).unwrap();
    half.set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let body = "email=ada%40harbour.example&password=wrong";
    let (first, second) = body.split_at(10);
    let head = format!(
        "POST /log-in HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{first}",
        body.len()
    );
    half.write_all(head.as_bytes()).unwrap();
    // It has begun to listen once it answers somebody who came later.
    assert_eq!(serving.get("/healthz", &[]).status, 200);
    serving.signal("TERM");
    serving.wait_for("stopping: requests under way are finished");
    half.write_all(second.as_bytes()).unwrap();
    let mut answer = Vec::new();
    half.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.starts_with("HTTP/1.1 ") && answer.contains("password"),
        "{answer}"
    );
    assert!(answer.contains("</html>"), "the whole page: {answer}");
    let (status, log) = serving.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(TcpStream::connect(&address).is_err());
    assert!(!machine.folder().join("data/watchkeeper.running").exists());
}

#[test]
fn a_pipe_learns_from_the_exit_code_whether_its_mail_is_kept_for_ever_or_to_be_kept_by_it() {
    let machine = Machine::new(On::Sqlite);
    let mail = b"From: carol@contoso.example\r\nSubject: Uplink down\r\n\r\nSince noon.\r\n";
    let pipe = |args: &[&str], raw: &[u8]| {
        let all = [&["mail", "--sender", "carol@contoso.example"], args].concat();
        let done = machine.run_with(&all, raw);
        (done.status.code(), said(&done))
    };
    let (code, said) = pipe(&[], mail);
    assert_eq!(code, Some(75), "nothing is set up yet: {said}");
    assert!(said.contains("not stored, try again later"), "{said}");
    drop(machine.serve(&[]));
    let (code, said) = pipe(&["--log", "loud"], mail);
    assert_eq!(code, Some(75), "our own fault never bounces: {said}");
    assert_eq!(
        pipe(&["--recipient", "support@watch.example.org"], mail).0,
        Some(0)
    );
    let (code, said) = pipe(&["--min-free-mb", "99999999999"], mail);
    assert_eq!(code, Some(75), "{said}");
    assert!(said.contains("the disk is nearly full"), "{said}");
    let large = [&mail[..], &vec![b'x'; 2 << 20][..]].concat();
    let (code, said) = pipe(&["--mail-limit-mb", "1"], &large);
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("`mail_limit_mb`"), "{said}");
    // One was kept, and is there for whoever serves.
    let store = Store::open(&machine.url()).unwrap();
    let waiting = store.read(|conn| store::intake::waiting(conn, 10)).unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(
        waiting[0].envelope_from.as_deref(),
        Some("carol@contoso.example")
    );
}

#[test]
fn every_answer_forbids_what_no_page_of_ours_needs() {
    assert!(
        CSP.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
        "{CSP}"
    );
    assert!(
        CSP.contains("form-action 'self'") && CSP.contains("frame-ancestors 'none'"),
        "{CSP}"
    );
    assert!(!CSP.contains("unsafe") && !CSP.contains('*'), "{CSP}");
    let machine = Machine::new(On::Sqlite);
    let serving = machine.serve(&[]);
    for place in ["/log-in", "/nowhere", "/api", "/healthz", "/n/nothing"] {
        let got = serving.get(place, &[]);
        assert_eq!(got.header("content-security-policy"), CSP, "{place}");
        assert_eq!(got.header("x-content-type-options"), "nosniff", "{place}");
    }
}
