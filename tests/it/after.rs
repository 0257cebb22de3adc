//! After the incident: the post-mortem that opens by itself, its meeting, its tasks, and the customer's outage report.

use watchkeeper::actions::meeting::{self, Choice};
use watchkeeper::actions::outage;
use watchkeeper::actions::postmortem::{self, NewAction};
use watchkeeper::actions::ticket as act;
use watchkeeper::actions::ticket_parts as parts;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::{CustomerId, Id, Kind, TicketKey};
use watchkeeper::domain::outage::{DataLoss, DiscoveredBy, Edition, Format, Part, Texts};
use watchkeeper::domain::people::Customer;
use watchkeeper::domain::postmortem::{Meeting, MeetingState, Section, SlotRule};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::task::ActionType;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Relation, State, Ticket};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::Error;
use watchkeeper::store;

use crate::both_databases;
use crate::desk::{Desk, Staff};

const RESPONDER: Roles = Roles::of(&[Role::Responder]);
const HOUR: i64 = 3_600;

fn title(text: &str) -> Title {
    Title::parse(text).expect("a title")
}

fn incident(desk: &Desk, who: &Staff, severity: Severity) -> Ticket {
    let ctx = desk.as_person(who);
    let opening = Opening {
        severity: Some(severity),
        ..Opening::default()
    };
    let ticket = act::open(&ctx, Kind::Incident, title("DB master down"), &opening).unwrap();
    act::take(&ctx, ticket.key, None).unwrap()
}

fn key(text: &str) -> TicketKey {
    text.parse().expect("a key")
}

fn ticket(desk: &Desk, text: &str) -> Option<Ticket> {
    let found = desk
        .app
        .store
        .read(|conn| store::ticket::by_key(conn, key(text)));
    found.unwrap()
}

fn meeting_of(desk: &Desk, pm: &Ticket) -> Meeting {
    let found = desk
        .app
        .store
        .read(|conn| store::postmortem::meeting_of(conn, pm.id));
    found.unwrap().expect("a meeting")
}

fn kinds(desk: &Desk, of: &Ticket) -> Vec<EntryKind> {
    let entries = desk
        .app
        .store
        .read(|conn| store::timeline::of_ticket(conn, of.id));
    entries.unwrap().iter().map(|entry| entry.kind).collect()
}

fn rule(error: Error) -> &'static str {
    match error {
        Error::Refused(refusal) => refusal.rule,
        other => panic!("not refused: {other:?}"),
    }
}

/// Fills what a review needs.
fn write_all(desk: &Desk, who: &Staff, pm: &Ticket) {
    let written: Vec<_> = Section::NEEDED
        .iter()
        .map(|section| (*section, "What we know".to_owned()))
        .collect();
    postmortem::write(&desk.as_person(who), pm.key, None, &written).unwrap();
}

both_databases!(
    resolving_a_disaster_opens_its_post_mortem_and_plans_the_meeting,
    |desk| {
        let ada = desk.person("Ada", RESPONDER);
        let tom = desk.person("Tom", RESPONDER);
        let broken = incident(&desk, &ada, Severity::Disaster);
        desk.advance(47 * 60);
        act::note(&desk.as_person(&tom), broken.key, "the disk is full").unwrap();
        act::resolve(&desk.as_person(&ada), broken.key, None, "Failed over").unwrap();

        let pm = ticket(&desk, "PM-1").expect("the post-mortem");
        assert_eq!((pm.state, pm.owner), (State::Draft, Some(ada.id)));
        assert_eq!(pm.title.as_str(), "Post-mortem: DB master down");
        let links = desk
            .app
            .store
            .read(|conn| store::ticket::links(conn, pm.id))
            .unwrap();
        assert!(
            links
                .iter()
                .any(|link| link.relation == Relation::PostMortemOf && link.other == broken.id)
        );
        let sections = desk
            .app
            .store
            .read(|conn| store::postmortem::sections(conn, pm.id))
            .unwrap();
        let text = |wanted| {
            &sections
                .iter()
                .find(|(section, _)| *section == wanted)
                .unwrap()
                .1
        };
        assert!(text(Section::Overview).contains("47 min"));
        assert!(text(Section::Timeline).contains("[INC-1#1]"));
        assert_eq!(text(Section::Resolution), "Failed over");

        // Monday 09:47 UTC is 11:47 in Stockholm: an hour's notice, the next quarter.
        let meeting = meeting_of(&desk, &pm);
        assert_eq!(meeting.slot.rule, SlotRule::WorkingHour);
        assert_eq!(meeting.slot.starts_at.rfc3339(), "2026-06-01T11:00:00Z");
        assert!(meeting.uid.ends_with("@watch.example.org"));
        assert_eq!(meeting.deadline_at, desk.now().plus_secs(24 * HOUR));
        let guests = desk
            .app
            .store
            .read(|conn| store::postmortem::guests(conn, meeting.id))
            .unwrap();
        let names: Vec<&str> = guests.iter().map(|guest| guest.name.as_str()).collect();
        assert_eq!(names, ["Ada", "Tom"], "owner, and who wrote on it");
        assert!(kinds(&desk, &pm).contains(&EntryKind::MeetingSet));
        assert!(kinds(&desk, &broken).contains(&EntryKind::Linked));
    }
);

both_databases!(
    an_average_incident_gets_a_post_mortem_by_hand_only,
    |desk| {
        let ada = desk.person("Ada", RESPONDER);
        let broken = incident(&desk, &ada, Severity::Average);
        act::resolve(&desk.as_person(&ada), broken.key, None, "restarted").unwrap();
        assert!(ticket(&desk, "PM-1").is_none());
        let pm = postmortem::open(&desk.as_person(&ada), broken.key).unwrap();
        assert_eq!(pm.key, key("PM-1"));
        let again = postmortem::open(&desk.as_person(&ada), broken.key).unwrap_err();
        assert_eq!(rule(again), "has-post-mortem");
    }
);

both_databases!(
    reopening_cancels_the_meeting_and_resolving_again_plans_another,
    |desk| {
        let ada = desk.person("Ada", RESPONDER);
        let broken = incident(&desk, &ada, Severity::High);
        act::resolve(&desk.as_person(&ada), broken.key, None, "fixed").unwrap();
        let pm = ticket(&desk, "PM-1").expect("the post-mortem");
        let first = meeting_of(&desk, &pm);

        desk.advance(HOUR);
        act::reopen(&desk.as_person(&ada), broken.key, None, "not fixed").unwrap();
        let cancelled = meeting_of(&desk, &pm);
        assert_eq!(
            (cancelled.id, cancelled.state),
            (first.id, MeetingState::Cancelled)
        );
        assert_eq!(cancelled.sequence, 1);

        desk.advance(HOUR);
        act::resolve(&desk.as_person(&ada), broken.key, None, "really fixed").unwrap();
        let second = meeting_of(&desk, &pm);
        assert_ne!(second.uid, first.uid);
        assert_eq!(second.state, MeetingState::Planned);
        assert!(
            ticket(&desk, "PM-2").is_none(),
            "one post-mortem per incident"
        );
    }
);

both_databases!(a_meeting_is_moved_held_and_cancelled_by_people, |desk| {
    let ada = desk.person("Ada", RESPONDER);
    let tom = desk.person("Tom", RESPONDER);
    let broken = incident(&desk, &ada, Severity::Disaster);
    act::resolve(&desk.as_person(&ada), broken.key, None, "fixed").unwrap();
    let pm = ticket(&desk, "PM-1").expect("the post-mortem");
    let ctx = desk.as_person(&ada);
    let choice = Choice {
        starts_at: desk.now().plus_secs(5 * HOUR),
        minutes: 30,
        place: "Room 4".to_owned(),
    };
    meeting::choose(&ctx, pm.key, None, &choice).unwrap();
    let moved = meeting_of(&desk, &pm);
    assert_eq!((moved.sequence, moved.slot.rule), (1, SlotRule::Chosen));
    assert_eq!(
        rule(meeting::choose(&ctx, pm.key, None, &choice).unwrap_err()),
        "unchanged"
    );
    meeting::invite(&ctx, pm.key, tom.id).unwrap();
    assert_eq!(
        rule(meeting::invite(&ctx, pm.key, tom.id).unwrap_err()),
        "already-invited"
    );
    meeting::hold(&ctx, pm.key, None).unwrap();
    assert_eq!(meeting_of(&desk, &pm).state, MeetingState::Held);
    assert_eq!(
        rule(meeting::cancel(&ctx, pm.key, None, "no need").unwrap_err()),
        "meeting-held"
    );
    assert!(kinds(&desk, &pm).contains(&EntryKind::MeetingHeld));
});

both_databases!(
    a_post_mortem_is_reviewed_by_somebody_else_before_it_closes,
    |desk| {
        let ada = desk.person("Ada", RESPONDER);
        let tom = desk.person("Tom", RESPONDER);
        let broken = incident(&desk, &ada, Severity::Disaster);
        act::resolve(&desk.as_person(&ada), broken.key, None, "fixed").unwrap();
        let pm = ticket(&desk, "PM-1").expect("the post-mortem");
        let step =
            |who: &Staff, to, why: &str| act::step(&desk.as_person(who), pm.key, None, to, why);

        assert_eq!(
            rule(step(&ada, State::InReview, "").unwrap_err()),
            "postmortem-incomplete"
        );
        write_all(&desk, &ada, &pm);
        step(&ada, State::InReview, "").unwrap();
        assert_eq!(
            rule(step(&ada, State::Reviewed, "").unwrap_err()),
            "review-needs-another"
        );
        step(&tom, State::Reviewed, "").unwrap();
        assert_eq!(
            rule(
                postmortem::write(
                    &desk.as_person(&ada),
                    pm.key,
                    None,
                    &[(Section::Lucky, "late".to_owned())]
                )
                .unwrap_err()
            ),
            "postmortem-settled"
        );
        assert_eq!(
            rule(step(&ada, State::Closed, "").unwrap_err()),
            "meeting-open"
        );
        meeting::hold(&desk.as_person(&ada), pm.key, None).unwrap();
        assert_eq!(step(&ada, State::Closed, "").unwrap().state, State::Closed);
    }
);

both_databases!(
    skipping_is_signed_by_somebody_else_and_takes_the_meeting_away,
    |desk| {
        let ada = desk.person("Ada", RESPONDER);
        let tom = desk.person("Tom", RESPONDER);
        let broken = incident(&desk, &ada, Severity::High);
        act::resolve(&desk.as_person(&ada), broken.key, None, "fixed").unwrap();
        let pm = ticket(&desk, "PM-1").expect("the post-mortem");
        let skip = |who: &Staff, why: &str| {
            act::step(&desk.as_person(who), pm.key, None, State::Skipped, why)
        };
        assert_eq!(
            rule(skip(&ada, "a drill").unwrap_err()),
            "review-needs-another"
        );
        assert!(matches!(skip(&tom, " ").unwrap_err(), Error::Invalid(_)));
        skip(&tom, "It was a drill").unwrap();
        assert_eq!(meeting_of(&desk, &pm).state, MeetingState::Cancelled);
    }
);

both_databases!(
    action_items_are_tasks_with_an_owner_a_date_and_something_to_show,
    |desk| {
        let ada = desk.person("Ada", RESPONDER);
        let broken = incident(&desk, &ada, Severity::Disaster);
        act::resolve(&desk.as_person(&ada), broken.key, None, "fixed").unwrap();
        let pm = ticket(&desk, "PM-1").expect("the post-mortem");
        let ctx = desk.as_person(&ada);
        let mut action = NewAction {
            title: title("Investigate the pool"),
            outline: String::new(),
            action_type: ActionType::Prevent,
            owner: ada.id,
            due_at: None,
            commitment: "An alarm before the pool is full".to_owned(),
        };
        assert_eq!(
            rule(postmortem::add_action(&ctx, pm.key, &action).unwrap_err()),
            "action-needs-deliverable"
        );
        action.title = title("Alert on pool saturation");
        postmortem::add_action(&ctx, pm.key, &action).unwrap();
        let task = ticket(&desk, "TSK-1").expect("the task");
        assert_eq!(task.owner, Some(ada.id));
        assert_eq!(
            task.due_at,
            Some(desk.now().plus_secs(14 * 24 * HOUR)),
            "a disaster's budget"
        );
        let found = desk
            .app
            .store
            .read(|conn| postmortem::actions(conn, pm.id))
            .unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1.key, task.key);
        postmortem::commit_to(&ctx, task.key, "").unwrap();
        let found = desk
            .app
            .store
            .read(|conn| postmortem::actions(conn, pm.id))
            .unwrap();
        assert_eq!(found[0].0.commitment, None);
    }
);

/// An incident that hit Northwind, with one entry marked for the report and one that isn't.
fn outage_at(desk: &Desk, who: &Staff) -> (Ticket, CustomerId) {
    let customer = Customer {
        id: Id::new(desk.now()),
        name: "Northwind".to_owned(),
        zone: chrono_tz::Europe::Berlin,
        language: "en".to_owned(),
        domains: Vec::new(),
        note: String::new(),
        is_active: true,
        version: 1,
    };
    let other = Customer {
        id: Id::new(desk.now()),
        name: "Contoso".to_owned(),
        ..customer.clone()
    };
    let now = desk.now();
    desk.app
        .store
        .write(|tx| {
            store::customer::insert(tx, &customer, now)?;
            store::customer::insert(tx, &other, now)
        })
        .unwrap();
    let ctx = desk.as_person(who);
    let opening = Opening {
        severity: Some(Severity::Disaster),
        customer: Some(customer.id),
        ..Opening::default()
    };
    let broken = act::open(&ctx, Kind::Incident, title("db-master-01 down"), &opening).unwrap();
    act::take(&ctx, broken.key, None).unwrap();
    act::note(
        &ctx,
        broken.key,
        "Orders failed for a third of the customers",
    )
    .unwrap();
    let marked = ticket(desk, "INC-1").unwrap().entry_count;
    parts::mark_for_report(&ctx, broken.key, marked, true).unwrap();
    act::note(&ctx, broken.key, "Ada forgot to renew the disk").unwrap();
    desk.advance(47 * 60);
    act::resolve(
        &desk.as_person(who),
        broken.key,
        None,
        "failed over to db-master-02",
    )
    .unwrap();
    (broken, customer.id)
}

fn texts(cause: &str) -> Texts {
    Texts {
        title: "Orders could not be paid".to_owned(),
        edition: Edition::First,
        discovered_by: DiscoveredBy::Monitoring,
        data_loss: DataLoss::None,
        parts: vec![
            (Part::Summary, "33% of orders failed.".to_owned()),
            (Part::Resolution, "We moved to the standby.".to_owned()),
            (Part::Cause, cause.to_owned()),
        ],
        next_update_at: None,
        contact: String::new(),
    }
}

both_databases!(
    a_report_holds_only_what_was_marked_and_says_that_it_is_a_draft,
    |desk| {
        let ada = desk.person("Ada", RESPONDER);
        let (broken, northwind) = outage_at(&desk, &ada);
        let ctx = desk.as_person(&ada);
        outage::save(&ctx, broken.key, northwind, None, &texts("A full disk.")).unwrap();
        let text = |format| {
            let export = outage::export(&ctx, broken.key, northwind, format).unwrap();
            assert!(export.file_name.contains("-draft."), "{}", export.file_name);
            export.bytes
        };
        for format in [Format::Html, Format::Markdown, Format::Text] {
            let said = String::from_utf8(text(format)).unwrap();
            assert!(said.contains("DRAFT"), "{said}");
            assert!(said.contains("Orders failed for a third of the customers"));
            // 09:00 UTC is 11:00 in Berlin.
            assert!(said.contains("1 Jun 2026 11:00 CEST"), "{said}");
            for internal in [
                "Ada",
                "forgot",
                "db-master",
                "INC-1",
                "Contoso",
                "watch.example.org",
            ] {
                assert!(!said.contains(internal), "{internal} in {said}");
            }
        }
        let pdf = text(Format::Pdf);
        assert!(pdf.starts_with(b"%PDF-"));
        assert_eq!(pdf, text(Format::Pdf), "the same draft is the same bytes");
        for internal in ["Ada", "db-master", "INC-1"] {
            assert!(
                !pdf.windows(internal.len())
                    .any(|window| window == internal.as_bytes())
            );
        }
    }
);

both_databases!(a_report_that_leaks_does_not_leave, |desk| {
    let ada = desk.person("Ada", RESPONDER);
    let tom = desk.person("Tom", RESPONDER);
    let (broken, northwind) = outage_at(&desk, &ada);
    let ctx = desk.as_person(&ada);
    for leak in [
        "Tom pulled the wrong cable.",
        "db-master-01 was full.",
        "See INC-1.",
        "Contoso had it too.",
    ] {
        let rev = outage::prepare(&ctx, broken.key, northwind)
            .unwrap()
            .stored
            .map(|stored| stored.rev);
        outage::save(&ctx, broken.key, northwind, rev, &texts(leak)).unwrap();
        let refused = outage::export(&ctx, broken.key, northwind, Format::Pdf)
            .err()
            .expect("blocked");
        assert_eq!(rule(refused), "report-leaks", "{leak}");
        let hash = outage::prepare(&ctx, broken.key, northwind)
            .unwrap()
            .report
            .hash();
        let refused =
            outage::approve(&desk.as_person(&tom), broken.key, northwind, &hash).unwrap_err();
        assert_eq!(rule(refused), "report-leaks", "{leak}");
    }
});

both_databases!(
    a_report_is_approved_by_somebody_else_and_frozen_with_its_hash,
    |desk| {
        let ada = desk.person("Ada", RESPONDER);
        let tom = desk.person("Tom", RESPONDER);
        let (broken, northwind) = outage_at(&desk, &ada);
        let ctx = desk.as_person(&ada);
        outage::save(&ctx, broken.key, northwind, None, &texts("A full disk.")).unwrap();
        assert!(matches!(
            outage::save(&ctx, broken.key, northwind, None, &texts("Two at once.")).unwrap_err(),
            Error::Stale
        ));
        let hash = outage::prepare(&ctx, broken.key, northwind)
            .unwrap()
            .report
            .hash();
        let refused = outage::approve(&ctx, broken.key, northwind, &hash).unwrap_err();
        assert_eq!(rule(refused), "report-needs-another");
        assert!(matches!(
            outage::approve(&desk.as_person(&tom), broken.key, northwind, "another text")
                .unwrap_err(),
            Error::Stale
        ));
        outage::approve(&desk.as_person(&tom), broken.key, northwind, &hash).unwrap();
        let pdf = || outage::export(&ctx, broken.key, northwind, Format::Pdf).unwrap();
        let approved = pdf();
        assert!(!approved.file_name.contains("draft"));
        let text = outage::export(&ctx, broken.key, northwind, Format::Text).unwrap();
        let text = String::from_utf8(text.bytes).unwrap();
        assert!(text.contains(&hash), "{text}");
        assert!(!text.contains("DRAFT"));
        // What happens on the ticket afterwards changes nothing of what was approved.
        act::note(&ctx, broken.key, "Payments work again").unwrap();
        let last = ticket(&desk, "INC-1").unwrap().entry_count;
        parts::mark_for_report(&ctx, broken.key, last, true).unwrap();
        assert_eq!(pdf().bytes, approved.bytes);
        // Writing on begins the next version under the same document number.
        let first = outage::prepare(&ctx, broken.key, northwind)
            .unwrap()
            .stored
            .expect("stored");
        let next = outage::save(
            &ctx,
            broken.key,
            northwind,
            Some(first.rev),
            &texts("A full disk."),
        )
        .unwrap();
        assert_eq!((next.version, next.document_id), (2, first.document_id));
        assert!(kinds(&desk, &broken).contains(&EntryKind::ReportApproved));
    }
);

both_databases!(where_nobody_else_is_there_the_waiver_is_printed, |desk| {
    let ada = desk.person("Ada", RESPONDER);
    let (broken, northwind) = outage_at(&desk, &ada);
    let ctx = desk.as_person(&ada);
    outage::save(&ctx, broken.key, northwind, None, &texts("A full disk.")).unwrap();
    let hash = outage::prepare(&ctx, broken.key, northwind)
        .unwrap()
        .report
        .hash();
    outage::approve(&ctx, broken.key, northwind, &hash).unwrap();
    let text = outage::export(&ctx, broken.key, northwind, Format::Text).unwrap();
    assert!(
        String::from_utf8(text.bytes)
            .unwrap()
            .contains("by its author alone")
    );
});
