//! How SQLite finds what is asked with every mail, request or push: by the index that was made for it. A wrong one answers the same, and
//! costs more with each row that the house has.

use std::sync::{Arc, Mutex};

use diesel::connection::{Connection, InstrumentationEvent};
use diesel::prelude::*;
use diesel::sql_types::Text;
use watchkeeper::domain::id::{ContactId, CustomerId, PushId, RepositoryId, TicketId, TicketKey};
use watchkeeper::error::Result;
use watchkeeper::store::{self, Conn};

use crate::desk::{Desk, On};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// The steps of every statement that `asks` runs.
fn plans(desk: &Desk, asks: &dyn Fn(&mut Conn) -> Result<()>) -> Vec<String> {
    let read = desk.app.store.read(|conn| {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let notes = Arc::clone(&seen);
        if let Conn::Sqlite(conn) = &mut *conn {
            conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
                if let InstrumentationEvent::StartQuery { query, .. } = event {
                    notes.lock().unwrap().push(query.to_string());
                }
            });
        }
        asks(conn)?;
        let Conn::Sqlite(conn) = conn else {
            unreachable!()
        };
        conn.set_instrumentation(None::<fn(InstrumentationEvent<'_>)>);
        let mut steps = Vec::new();
        for query in seen.lock().unwrap().iter() {
            let (query, _) = query.split_once(" -- binds").unwrap_or((query, ""));
            let explained = format!("EXPLAIN QUERY PLAN {query}");
            let found: Vec<Step> = diesel::sql_query(explained).load(conn)?;
            steps.extend(found.into_iter().map(|step| step.detail));
        }
        Ok(steps)
    });
    read.unwrap()
}

#[test]
fn what_every_mail_request_and_push_asks_is_found_by_the_index_made_for_it() {
    let desk = Desk::new(On::Sqlite);
    let now = desk.now();
    let address = "ada@example.org";
    let repository = RepositoryId::new(now);
    let key: TicketKey = "INC-7".parse().unwrap();
    let mut wrong = Vec::new();
    let mut by = |index: &str, asks: &dyn Fn(&mut Conn) -> Result<()>| {
        let steps = plans(&desk, asks);
        let scans = |step: &&String| step.starts_with("SCAN") && !step.contains("CONSTANT");
        let scan = steps.iter().find(scans);
        if scan.is_some() || !steps.iter().any(|step| step.contains(index)) {
            wrong.push(format!("not by {index}: {steps:?}"));
        }
    };
    by("delivery_address (address=? AND queued_at>?)", &|conn| {
        store::intake::answers_since(conn, address, now).map(drop)
    });
    by("mail_key (dedupe_key=?)", &|conn| {
        store::intake::by_key(conn, "key").map(drop)
    });
    by("mail_message (message_id=?)", &|conn| {
        store::intake::tickets_of_message(conn, "a@b").map(drop)
    });
    by("delivery_message (message_id=?)", &|conn| {
        store::intake::delivery_by_message(conn, "a@b").map(drop)
    });
    by("mail_sender (from_address=? AND received_at>?)", &|conn| {
        store::intake::same_subject_since(conn, address, "Down", now).map(drop)
    });
    by("contact_1 (id=?)", &|conn| {
        store::people::contact(conn, ContactId::new(now)).map(drop)
    });
    by("customer_1 (id=?)", &|conn| {
        store::customer::names(conn, &[CustomerId::new(now)]).map(drop)
    });
    by("(kind=? AND number=?)", &|conn| {
        store::ticket::by_key(conn, key).map(drop)
    });
    by("(ticket_id=?)", &|conn| {
        store::timeline::of_ticket(conn, TicketId::new(now)).map(drop)
    });
    by("git_commit_once (repository_id=? AND oid=?)", &|conn| {
        store::git_commit::known(conn, repository, &["abc"]).map(drop)
    });
    by(
        "git_commit_unpublished (repository_id=? AND published_at=?)",
        &|conn| store::git_commit::unpublished(conn, repository).map(drop),
    );
    by("git_commit_push (push_id=?)", &|conn| {
        store::git_link::tickets_of_push(conn, PushId::new(now)).map(drop)
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
