//! Many requests from one address at once: beyond 64 they are turned away, and nobody else feels it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use watchkeeper::http::guard::Pace;

use crate::both_databases;
use crate::served::Served;

/// Requests that one address may have under way.
const AT_ONCE: usize = 64;

/// The most that anything here waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A form that has begun to arrive, by a proxy for somebody at `from`: it is under way until the connection ends.
fn begun(served: &Served, from: &str) -> TcpStream {
    let mut stream = TcpStream::connect(served.address()).expect("it listens");
    let head = format!(
        "POST /log-in HTTP/1.1\r\nhost: watch.example.org\r\nx-forwarded-for: {from}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\nemail="
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    stream
}

/// The head of the answer that somebody at `from` gets now.
fn asked(served: &Served, from: &str) -> String {
    let mut stream = TcpStream::connect(served.address()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    let head = format!(
        "GET /log-in HTTP/1.1\r\nhost: watch.example.org\r\nx-forwarded-for: {from}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// Sees to it that so many requests of `from` are under way. A request of ours that came in between may have taken a place, so that
/// one of them was turned away: it is sent again.
fn keep(served: &Served, from: &str, count: usize, under_way: &mut Vec<TcpStream>) {
    under_way.retain(|stream| {
        stream.set_nonblocking(true).expect("it can be set");
        let found = stream.peek(&mut [0]);
        found.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    });
    under_way.truncate(count);
    while under_way.len() < count {
        under_way.push(begun(served, from));
    }
}

/// Asks until the answer is `status` while `count` requests are under way: what was sent before arrives in its own time.
#[track_caller]
fn comes_to(
    served: &Served,
    from: &str,
    status: &str,
    count: usize,
    under_way: &mut Vec<TcpStream>,
) -> String {
    let began = Instant::now();
    loop {
        keep(served, from, count, under_way);
        let answer = asked(served, from);
        if answer.starts_with(&format!("HTTP/1.1 {status} ")) {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "not {status}: {answer}");
    }
}

both_databases!(
    the_sixty_fifth_request_of_an_address_is_turned_away,
    |mut desk| {
        let app = Arc::get_mut(&mut desk.app).expect("nobody else holds it yet");
        app.config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        // However slow this machine is at the moment, no body is cut for coming too slowly.
        let pace = Pace {
            patience: Duration::from_secs(300),
            ..Pace::default()
        };
        let served = Served::at(&desk.app, pace);
        let (crowd, neighbour) = ("203.0.113.7", "203.0.113.8");
        let mut under_way = Vec::new();
        let refused = comes_to(&served, crowd, "429", AT_ONCE, &mut under_way);
        assert!(
            refused.to_ascii_lowercase().contains("retry-after: 2\r\n"),
            "{refused}"
        );
        assert!(asked(&served, neighbour).starts_with("HTTP/1.1 200 "));
        // One that ends makes room for one, and no more.
        comes_to(&served, crowd, "200", AT_ONCE - 1, &mut under_way);
        comes_to(&served, crowd, "429", AT_ONCE, &mut under_way);
        comes_to(&served, crowd, "200", 0, &mut under_way);
        // This machine's own tools and proxies are not counted.
        let own: Vec<TcpStream> = (0..=AT_ONCE).map(|_| begun(&served, "127.0.0.1")).collect();
        assert!(asked(&served, "127.0.0.1").starts_with("HTTP/1.1 200 "));
        drop(own);
    }
);
