//! After the incident: the post-mortem that opens by itself, its meeting, its tasks, and the customer's outage report.

use watchkeeper::actions::meeting::{self, Choice};
use watchkeeper::actions::postmortem::{self, NewAction};
use watchkeeper::actions::ticket as act;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::{Kind, TicketKey};
use watchkeeper::domain::postmortem::{Meeting, MeetingState, Section, SlotRule};
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::task::ActionType;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Relation, State, Ticket};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::Error;
use watchkeeper::store;

use crate::both_databases;
use crate::desk::{Desk, Staff};

pub const RESPONDER: Roles = Roles::of(&[Role::Responder]);
const HOUR: i64 = 3_600;

pub fn title(text: &str) -> Title {
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

pub fn ticket(desk: &Desk, text: &str) -> Option<Ticket> {
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

pub fn kinds(desk: &Desk, of: &Ticket) -> Vec<EntryKind> {
    let entries = desk
        .app
        .store
        .read(|conn| store::timeline::of_ticket(conn, of.id));
    entries.unwrap().iter().map(|entry| entry.kind).collect()
}

pub fn rule(error: Error) -> &'static str {
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
            .read(|conn| store::ticket_link::links(conn, pm.id))
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
        desk.let_letters_go();
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

both_databases!(
    invitations_moves_and_cancellations_go_out_as_calendar_mail,
    |desk| {
        let ada = desk.person("Ada", RESPONDER);
        let now = desk.now();
        desk.app
            .store
            .write(|tx| {
                let sender = "desk@watch.example.org";
                store::settings::put(tx, SettingKey::MailFrom, sender, now)
            })
            .unwrap();
        let broken = incident(&desk, &ada, Severity::Disaster);
        act::resolve(&desk.as_person(&ada), broken.key, None, "fixed").unwrap();
        let pm = ticket(&desk, "PM-1").expect("the post-mortem");
        desk.settle();
        let invitation = |subject: &str| {
            let letters = desk.letters();
            let found = letters
                .iter()
                .find(|letter| letter.calendar.is_some() && letter.subject.contains(subject));
            let found = found.unwrap_or_else(|| {
                let subjects: Vec<_> = letters.iter().map(|letter| &letter.subject).collect();
                panic!("no {subject} among {subjects:?}")
            });
            assert_eq!(found.to.as_str(), "ada@watch.example.org");
            let calendar = found.calendar.clone().expect("a calendar part");
            (calendar.method, calendar.text.replace("\r\n ", ""))
        };
        let uid = meeting_of(&desk, &pm).uid;
        let (method, text) = invitation("Invitation");
        assert_eq!(method, "REQUEST");
        for line in [
            "METHOD:REQUEST",
            "SEQUENCE:0",
            "ORGANIZER;CN=Watchkeeper:mailto:desk@watch.example.org",
            "URL:https://watch.example.org/PM-1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(text.contains(&format!("UID:{uid}")));

        let choice = Choice {
            starts_at: desk.now().plus_secs(5 * HOUR),
            minutes: 60,
            place: String::new(),
        };
        meeting::choose(&desk.as_person(&ada), pm.key, None, &choice).unwrap();
        desk.settle();
        let (method, text) = invitation("Moved");
        assert_eq!(method, "REQUEST");
        assert!(text.contains("SEQUENCE:1") && text.contains(&format!("UID:{uid}")));

        act::reopen(&desk.as_person(&ada), broken.key, None, "it is back").unwrap();
        desk.settle();
        let (method, text) = invitation("Cancelled");
        assert_eq!(method, "CANCEL");
        assert!(text.contains("STATUS:CANCELLED") && text.contains("SEQUENCE:2"));
        assert!(text.contains(&format!("UID:{uid}")));
    }
);
