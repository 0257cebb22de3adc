//! On call and pages: who is woken, who answers, and what the ledger knows of it afterwards.

use chrono::NaiveDate;
use diesel::RunQueryDsl;
use watchkeeper::actions::oncall::Plan;
use watchkeeper::actions::{compensation, escalation, oncall, page, ticket as act};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::escalation::{RunState, Step, Target};
use watchkeeper::domain::id::{Id, Kind, TeamId};
use watchkeeper::domain::notify::Unsent;
use watchkeeper::domain::oncall::Change;
use watchkeeper::domain::page::{Link, PageEventKind, PageState};
use watchkeeper::domain::people::Team;
use watchkeeper::domain::rotation::TurnUnit;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State, Ticket};
use watchkeeper::domain::timeline::{Door, EntryKind};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::error::Error;
use watchkeeper::store::page_log::{Page, PageEvent};
use watchkeeper::store::{self, page_log};

use crate::both_databases;
use crate::desk::{Desk, Staff};

const RESPONDER: Roles = Roles::of(&[Role::Responder]);
const LEAD: Roles = Roles::of(&[Role::Responder, Role::Lead]);

/// Lin leads a team of Lin, Ada and Bob; Ada and then Bob serve daily from 09:00 UTC, Ada first.
struct Team3 {
    desk: Desk,
    team: TeamId,
    lin: Staff,
    ada: Staff,
    bob: Staff,
}

pub fn team(desk: &Desk, name: &str, members: &[&Staff]) -> TeamId {
    let new = Team {
        id: Id::new(desk.now()),
        name: name.to_owned(),
        zone: chrono_tz::UTC,
        calendar_id: None,
        is_active: true,
        version: 1,
    };
    let members: Vec<_> = members.iter().map(|who| who.id).collect();
    let now = desk.now();
    desk.app
        .store
        .write(|tx| {
            store::house::insert_team(tx, &new, now)?;
            store::house::set_members(tx, new.id, &members, now)
        })
        .unwrap();
    new.id
}

impl Team3 {
    fn new(desk: Desk) -> Self {
        let lin = desk.person("Lin", LEAD);
        let ada = desk.person("Ada", RESPONDER);
        let bob = desk.person("Bob", RESPONDER);
        let team = team(&desk, "netops", &[&lin, &ada, &bob]);
        let this = Self {
            desk,
            team,
            lin,
            ada,
            bob,
        };
        this.plan(&[&this.ada, &this.bob]);
        this
    }

    fn plan(&self, people: &[&Staff]) {
        let plan = Plan {
            zone: chrono_tz::UTC,
            anchor: NaiveDate::from_ymd_opt(2026, 6, 1)
                .unwrap()
                .and_hms_opt(9, 0, 0)
                .unwrap(),
            unit: TurnUnit::Days,
            length: 1,
            people: people.iter().map(|who| who.id).collect(),
            keep: None,
        };
        oncall::plan_rotation(&self.desk.as_person(&self.lin), self.team, &plan, None).unwrap();
    }

    fn incident(&self, severity: Severity) -> Ticket {
        let opening = Opening {
            severity: Some(severity),
            ..Opening::default()
        };
        let title = Title::parse("DB master down").unwrap();
        act::open(
            &self.desk.as_person(&self.lin),
            Kind::Incident,
            title,
            &opening,
        )
        .unwrap()
    }

    /// Goes to an hour of the first day, or later.
    fn at(&self, day: u32, hour: u32) {
        let at = NaiveDate::from_ymd_opt(2026, 6, day)
            .unwrap()
            .and_hms_opt(hour, 0, 0)
            .unwrap()
            .and_utc();
        self.desk.app.time.set(Timestamp::from(at));
        self.desk.settle();
    }

    fn pages(&self, ticket: &Ticket) -> Vec<Page> {
        self.desk
            .app
            .store
            .read(|conn| page_log::pages_of_ticket(conn, ticket.id))
            .unwrap()
    }

    /// Who was paged about it, in order.
    fn paged(&self, ticket: &Ticket) -> Vec<&str> {
        let staff = [&self.lin, &self.ada, &self.bob];
        let name = |page: &Page| {
            staff
                .iter()
                .find(|who| who.id == page.person_id)
                .map_or("?", |who| who.name.as_str())
        };
        let mut names: Vec<_> = self.pages(ticket).iter().map(name).collect();
        // Within one step the order is that of the team.
        names.dedup();
        names
    }

    fn events(&self) -> Vec<PageEvent> {
        let (from, to) = (Timestamp::from_micros(0), Timestamp::NEVER);
        self.desk
            .app
            .store
            .read(|conn| page_log::events_between(conn, from, to, None, 1_000))
            .unwrap()
    }

    fn unsent(&self) -> Vec<Unsent> {
        self.events()
            .into_iter()
            .filter_map(|event| event.reason)
            .collect()
    }

    fn token(&self, page: &Page) -> String {
        Link::new(page.id, page.person_id, page.queued_at).token(&self.desk.app.signing_key)
    }

    fn now_is(&self, ticket: &Ticket) -> Ticket {
        self.desk
            .app
            .store
            .read(|conn| store::ticket::by_id(conn, ticket.id))
            .unwrap()
            .unwrap()
    }

    fn run_state(&self, ticket: &Ticket) -> Option<RunState> {
        let run = self
            .desk
            .app
            .store
            .read(|conn| page_log::live_run(conn, ticket.id))
            .unwrap();
        run.map(|run| run.standing.state)
    }
}

both_databases!(
    a_disaster_pages_whoever_is_on_call_and_the_next_step_when_nobody_answers,
    |desk| {
        desk.let_letters_go();
        let t = Team3::new(desk);
        t.at(1, 23);
        let incident = t.incident(Severity::Disaster);
        assert_eq!(t.paged(&incident), ["Ada"]);
        t.desk.advance(299);
        assert_eq!(t.paged(&incident), ["Ada"], "the step waits five minutes");
        t.desk.advance(1);
        let second = t
            .pages(&incident)
            .iter()
            .filter(|page| page.step == 1)
            .count();
        assert_eq!(second, 3, "the whole team is the second step");
        t.desk.advance(1);
        assert_eq!(
            t.pages(&incident).len(),
            4,
            "a second look pages nobody again"
        );
        // Three rounds of two steps, then the dead end.
        for _ in 0..5 {
            t.desk.advance(300);
        }
        assert_eq!(t.run_state(&incident), Some(RunState::DeadEnd));
        let entries = t
            .desk
            .app
            .store
            .read(|conn| store::timeline::of_ticket(conn, incident.id))
            .unwrap();
        assert!(entries.iter().any(|entry| entry.kind == EntryKind::DeadEnd));
    }
);

both_databases!(
    acknowledging_by_link_stops_the_run_and_gives_the_incident_to_its_person,
    |desk| {
        desk.let_letters_go();
        let t = Team3::new(desk);
        let incident = t.incident(Severity::Disaster);
        let sent = t.pages(&incident).remove(0);
        t.desk.advance(40);
        let answer = page::acknowledge_by_link(&t.desk.app, &t.token(&sent)).unwrap();
        assert_eq!((answer.owner, answer.was_answered), (Some(t.ada.id), false));
        let incident = t.now_is(&incident);
        assert_eq!(
            (incident.owner, incident.state),
            (Some(t.ada.id), State::InProgress)
        );
        assert_eq!(t.run_state(&incident), Some(RunState::Acknowledged));
        t.desk.advance(3_600);
        assert_eq!(t.paged(&incident), ["Ada"], "nobody else is woken");
        let acked = t
            .events()
            .into_iter()
            .find(|event| event.kind == PageEventKind::Acked)
            .unwrap();
        assert_eq!(
            (acked.door, acked.person_id),
            (Some(Door::Link), Some(t.ada.id))
        );
        // Once more: the same answer, nothing new.
        assert!(
            page::acknowledge_by_link(&t.desk.app, &t.token(&sent))
                .unwrap()
                .was_answered
        );
        assert_eq!(
            t.events()
                .iter()
                .filter(|event| event.kind == PageEventKind::Acked)
                .count(),
            1
        );
    }
);

both_databases!(
    a_link_works_for_its_page_and_person_and_for_two_days,
    |desk| {
        let t = Team3::new(desk);
        let incident = t.incident(Severity::Disaster);
        let sent = t.pages(&incident).remove(0);
        let forged = Link::new(sent.id, t.bob.id, sent.queued_at).token(&t.desk.app.signing_key);
        assert!(matches!(
            page::acknowledge_by_link(&t.desk.app, &forged),
            Err(Error::NotFound)
        ));
        assert!(matches!(
            page::acknowledge_by_link(&t.desk.app, "nonsense"),
            Err(Error::NotFound)
        ));
        t.desk.app.time.set(sent.queued_at.plus_secs(48 * 3_600));
        let late = page::acknowledge_by_link(&t.desk.app, &t.token(&sent)).unwrap_err();
        assert!(matches!(late, Error::Refused(refusal) if refusal.rule == "link-expired"));
    }
);

both_databases!(nobody_on_duty_means_the_whole_team_for_a_disaster, |desk| {
    let t = Team3::new(desk);
    let lin = t.desk.as_person(&t.lin);
    let (from, to) = (t.desk.now(), t.desk.now().plus_secs(7_200));
    oncall::add_override(
        &lin,
        t.team,
        Change::Remove(None),
        from,
        to,
        "all at the dentist",
    )
    .unwrap();
    let incident = t.incident(Severity::Disaster);
    let mut paged = t.paged(&incident);
    paged.sort_unstable();
    assert_eq!(paged, ["Ada", "Bob", "Lin"]);
    assert_eq!(t.unsent(), [Unsent::NobodyOnDuty]);
});

both_databases!(a_warning_sends_nothing_and_the_ledger_says_why, |desk| {
    let t = Team3::new(desk);
    let incident = t.incident(Severity::Warning);
    assert!(t.pages(&incident).is_empty());
    assert_eq!(t.unsent(), [Unsent::SeverityRule]);
    // It gets worse: now somebody is paged; and back to harmless: paging stops.
    let lin = t.desk.as_person(&t.lin);
    act::change_severity(
        &lin,
        incident.key,
        None,
        Severity::Disaster,
        "all nodes down",
    )
    .unwrap();
    assert_eq!(t.paged(&incident), ["Ada"]);
    act::change_severity(
        &lin,
        incident.key,
        None,
        Severity::Information,
        "it was a drill",
    )
    .unwrap();
    t.desk.advance(3_600);
    assert_eq!(t.paged(&incident), ["Ada"]);
});

both_databases!(
    average_waits_for_the_teams_opening_and_high_wakes_only_whoever_is_on_call,
    |desk| {
        desk.let_letters_go();
        let t = Team3::new(desk);
        t.at(1, 23);
        let average = t.incident(Severity::Average);
        let high = t.incident(Severity::High);
        assert!(t.pages(&average).is_empty());
        assert_eq!(t.paged(&high), ["Ada"]);
        assert_eq!(t.unsent(), [Unsent::OutsideHours, Unsent::OutsideHours]);
        act::take(&t.desk.as_person(&t.bob), high.key, None).unwrap();
        assert_eq!(
            t.run_state(&high),
            Some(RunState::Acknowledged),
            "taking it is an answer"
        );
        t.at(2, 9);
        let mut paged = t.paged(&average);
        paged.sort_unstable();
        assert_eq!(
            paged,
            ["Ada", "Bob", "Lin"],
            "Tuesday at nine the team is told"
        );
        assert_eq!(t.run_state(&average), Some(RunState::Told));
        t.desk.advance(7_200);
        assert_eq!(t.pages(&average).len(), 3, "and not told again");
    }
);

both_databases!(
    who_is_deactivated_or_was_paged_a_moment_ago_is_left_out_with_the_reason,
    |desk| {
        let t = Team3::new(desk);
        let store = &t.desk.app.store;
        let mut bob = store
            .read(|conn| store::people::person(conn, t.bob.id))
            .unwrap()
            .unwrap();
        let steps = [Step {
            targets: vec![Target::Person(t.bob.id), Target::OnDuty],
            delay_secs: 300,
        }];
        oncall::set_policy(&t.desk.as_person(&t.lin), t.team, &steps, 0, None, 0).unwrap();
        bob.is_active = false;
        store
            .write(|tx| store::people::update_person(tx, &mut bob.clone()))
            .unwrap();
        let first = t.incident(Severity::Disaster);
        assert_eq!(t.paged(&first), ["Ada"]);
        assert_eq!(t.unsent(), [Unsent::Deactivated]);
        // A second disaster comes through at once; a second page about the same one within a minute doesn't.
        let second = t.incident(Severity::Disaster);
        assert_eq!(t.paged(&second), ["Ada"]);
    }
);

both_databases!(
    what_a_channel_refused_brings_the_next_step_forward,
    |desk| {
        desk.let_letters_go();
        let t = Team3::new(desk);
        let incident = t.incident(Severity::Disaster);
        let sent = t.pages(&incident).remove(0);
        let ctx = t.desk.app.system("outbox", Door::Clock);
        use watchkeeper::domain::delivery::Channel;
        for kind in [PageEventKind::Attempted, PageEventKind::Refused] {
            ctx.write(|tx| {
                page::note_delivery(tx, &ctx, sent.id, kind, Channel::Mail, "550 no such user")
            })
            .unwrap();
        }
        assert_eq!(t.pages(&incident)[0].state, PageState::Failed);
        t.desk.advance(60);
        assert!(
            t.pages(&incident).len() > 1,
            "the second step didn't wait five minutes"
        );
        let entries = t
            .desk
            .app
            .store
            .read(|conn| store::timeline::of_ticket(conn, incident.id))
            .unwrap();
        assert!(
            entries
                .iter()
                .any(|entry| entry.kind == EntryKind::PageUndelivered)
        );
    }
);

both_databases!(
    an_acknowledgement_beats_pages_that_are_still_queued,
    |desk| {
        let t = Team3::new(desk);
        let incident = t.incident(Severity::Disaster);
        // The second step fires, and the outbox hasn't had its turn yet.
        t.desk.app.time.set(t.desk.now().plus_secs(300));
        escalation::escalate(&t.desk.app.system("escalation", Door::Clock), 50).unwrap();
        let all = t.pages(&incident);
        let why = |page: &Page| {
            t.desk
                .app
                .store
                .read(|conn| page::unwanted(conn, page.id))
                .unwrap()
        };
        let wanted = |page: &Page| why(page).is_none();
        // Of Ada's two that still wait the newer one goes.
        let reasons: Vec<_> = all.iter().filter_map(why).collect();
        assert_eq!((all.len(), reasons), (4, vec![Unsent::Newer]));
        page::acknowledge(&t.desk.as_person(&t.bob), incident.key).unwrap();
        assert!(!t.pages(&incident).iter().any(wanted));
        let states: Vec<_> = t.pages(&incident).iter().map(|page| page.state).collect();
        assert_eq!(
            states
                .iter()
                .filter(|state| **state == PageState::Acked)
                .count(),
            1,
            "{states:?}"
        );
        assert!(t.unsent().contains(&Unsent::Acknowledged));
    }
);

both_databases!(
    an_incident_that_nobody_restored_is_paged_again_after_the_acknowledge_timeout,
    |desk| {
        desk.let_letters_go();
        let t = Team3::new(desk);
        let steps = [Step {
            targets: vec![Target::OnDuty],
            delay_secs: 300,
        }];
        oncall::set_policy(&t.desk.as_person(&t.lin), t.team, &steps, 0, Some(1_800), 0).unwrap();
        let incident = t.incident(Severity::Disaster);
        page::acknowledge(&t.desk.as_person(&t.ada), incident.key).unwrap();
        t.desk.advance(1_799);
        assert_eq!(t.pages(&incident).len(), 1);
        t.desk.advance(1);
        assert_eq!(t.pages(&incident).len(), 2);
    }
);

both_databases!(the_past_of_a_schedule_stays_when_it_changes, |desk| {
    let t = Team3::new(desk);
    t.at(2, 12);
    t.plan(&[&t.lin]);
    t.at(4, 12);
    let facts = t
        .desk
        .app
        .store
        .read(|conn| {
            store::compensation::shifts_between(
                conn,
                Timestamp::from_micros(0),
                Timestamp::NEVER,
                None,
                100,
            )
        })
        .unwrap();
    let seen: Vec<_> = facts
        .iter()
        .map(|fact| {
            let hour = |at: Timestamp| at.utc().format("%d %H").to_string();
            (fact.person_id, hour(fact.starts_at), hour(fact.ends_at))
        })
        .collect();
    let row = |who: &Staff, from: &str, to: &str| (Some(who.id), from.to_owned(), to.to_owned());
    assert_eq!(
        seen,
        [
            row(&t.ada, "01 09", "02 09"),
            row(&t.bob, "02 09", "02 12"),
            row(&t.lin, "02 12", "03 09"),
            row(&t.lin, "03 09", "04 09"),
        ]
    );
});

both_databases!(facts_can_not_be_changed_and_the_chain_holds, |desk| {
    desk.let_letters_go();
    let t = Team3::new(desk);
    let incident = t.incident(Severity::Disaster);
    page::acknowledge(&t.desk.as_person(&t.ada), incident.key).unwrap();
    t.desk.advance(1_800);
    act::resolve(&t.desk.as_person(&t.ada), incident.key, None, "failed over").unwrap();
    t.at(2, 10);
    let work = t
        .desk
        .app
        .store
        .read(|conn| store::compensation::work_of_ticket(conn, incident.id))
        .unwrap();
    assert_eq!(work.len(), 1);
    assert_eq!(work[0].ended_at.secs_since(work[0].started_at), 1_800);
    let ctx = t.desk.as_person(&t.lin);
    let checked = compensation::check(&ctx).unwrap();
    assert_eq!(
        (checked.broken_at, checked.links >= 4),
        (None, true),
        "{checked:?}"
    );
    for table in ["page_event", "shift_fact", "work_fact", "ledger_link"] {
        for sql in [
            format!("DELETE FROM {table}"),
            format!("UPDATE {table} SET {} = {0}", first_column(table)),
        ] {
            let refused = t.desk.app.store.write(|tx| {
                diesel::sql_query(&sql).execute(&mut **tx)?;
                Ok(())
            });
            assert!(
                refused.is_err_and(|error| error.to_string().contains("append-only")),
                "{sql}"
            );
        }
    }
});

fn first_column(table: &str) -> &'static str {
    if table == "ledger_link" { "seq" } else { "id" }
}

both_databases!(
    overlapping_covers_are_refused_and_a_withdrawn_one_ends_now,
    |desk| {
        let t = Team3::new(desk);
        let lin = t.desk.as_person(&t.lin);
        let hour = |n: i64| t.desk.now().plus_secs(n * 3_600);
        let cover = Change::Replace {
            of: None,
            by: t.bob.id,
        };
        let id = oncall::add_override(&lin, t.team, cover, hour(1), hour(5), "").unwrap();
        let again = Change::Replace {
            of: None,
            by: t.lin.id,
        };
        let refused = oncall::add_override(&lin, t.team, again, hour(2), hour(3), "").unwrap_err();
        assert!(matches!(refused, Error::Refused(refusal) if refusal.rule == "override-overlaps"));
        let start = t.desk.now();
        t.desk.advance(2 * 3_600);
        let on_duty = |t: &Team3| {
            t.desk
                .app
                .store
                .read(|conn| oncall::on_duty(conn, t.team, t.desk.now()))
                .unwrap()
        };
        assert_eq!(on_duty(&t), [t.bob.id]);
        oncall::withdraw_override(&t.desk.as_person(&t.lin), t.team, id).unwrap();
        assert_eq!(on_duty(&t), [t.ada.id]);
        t.at(2, 10);
        let facts = t
            .desk
            .app
            .store
            .read(|conn| {
                store::compensation::shifts_between(conn, start, Timestamp::NEVER, Some(t.team), 10)
            })
            .unwrap();
        let served: Vec<_> = facts
            .iter()
            .map(|fact| {
                (
                    fact.person_id,
                    fact.ends_at.secs_since(fact.starts_at) / 3_600,
                )
            })
            .collect();
        assert_eq!(
            served,
            [
                (Some(t.ada.id), 1),
                (Some(t.bob.id), 1),
                (Some(t.ada.id), 22)
            ]
        );
    }
);

both_databases!(a_storm_of_looks_makes_no_second_page, |desk| {
    let t = Team3::new(desk);
    let incident = t.incident(Severity::Disaster);
    t.desk.app.time.set(t.desk.now().plus_secs(300));
    let ctx = t.desk.app.system("escalation", Door::Clock);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| escalation::escalate(&ctx, 50));
        }
    });
    let step_two = t
        .pages(&incident)
        .iter()
        .filter(|page| page.step == 1)
        .count();
    assert_eq!(step_two, 3, "each of the team once");
});
