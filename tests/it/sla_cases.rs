//! Cases of the clocks' table that are about agreements, imports, zones and other people's clocks.

use watchkeeper::actions::agreement::{add_agreement, change_agreement, found_house};
use watchkeeper::actions::bulk::{self, By, Deed, Done, Maker, Past};
use watchkeeper::actions::calendar::change_calendar;
use watchkeeper::actions::ticket_edit::{self, Edit};
use watchkeeper::actions::{self, sla, ticket as act, ticket_hold};
use watchkeeper::domain::hold::NewHold;
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::people::CustomerDetails;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::{Budget, Metric};
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::sla_version::Effect;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State, Ticket, WaitingOn};
use watchkeeper::domain::timeline::{Actor, Door, EntryKind};
use watchkeeper::http::web::names::Names;
use watchkeeper::http::web::tape;
use watchkeeper::store::sla::ClockRow;
use watchkeeper::store::{self, timeline};
use watchkeeper::words::Words;

use crate::both_databases;
use crate::desk::START;
use crate::program::Program;
use crate::sla::{
    HOUR, MINUTE, caches_are_true, clock, clocks, customer, entries, house, now_of, open, promise,
};
use crate::sla_changes::agreed;
use crate::terms::{self, office};
use crate::web::Browser;

both_databases!(
    t61_a_ticket_that_comes_with_its_whole_past_has_the_clocks_it_would_have_had,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        let promises = [
            (Metric::Respond, None, HOUR),
            (Metric::Resolve, None, 4 * HOUR),
        ];
        promise(&desk, &ada, contoso, &promises);
        let opening = Opening {
            severity: Some(Severity::High),
            customer: Some(contoso),
            requester_address: Some("carol@contoso.example".to_owned()),
            reported_at: Some(START),
            ..Opening::default()
        };
        let hold = NewHold {
            until: Some(START.plus_secs(9 * HOUR)),
            ..NewHold::new(WaitingOn::Customer, "logs")
        };
        let by = By {
            actor: Actor::Person(ada.id),
            name: ada.name.clone(),
        };
        let done = |hours: i64, deed| Done {
            at: START.plus_secs(hours * HOUR),
            by: by.clone(),
            deed,
        };
        let deeds = vec![
            done(2, Deed::Take(ada.id)),
            done(3, Deed::Reply(ada.id, "We see it.".to_owned())),
            done(3, Deed::Hold(hold.clone())),
            done(6, Deed::Release),
            done(6, Deed::Hold(hold)),
            done(10, Deed::Resolve("a new card".to_owned())),
        ];
        // Live, hour by hour.
        let title = || Title::parse("Uplink down").unwrap();
        let live = act::open(&desk.as_person(&ada), Kind::Incident, title(), &opening).unwrap();
        for done in &deeds {
            desk.advance(done.at.secs_since(desk.now()));
            let ctx = desk.as_person(&ada);
            let key = live.key;
            match &done.deed {
                Deed::Take(_) => act::take(&ctx, key, None),
                Deed::Reply(_, text) => {
                    act::reply(&ctx, key, text, None, None).map(|said| said.ticket)
                }
                Deed::Hold(hold) => ticket_hold::hold(&ctx, key, None, hold),
                Deed::Release => ticket_hold::release(&ctx, key, None, None),
                Deed::Resolve(how) => act::resolve(&ctx, key, None, how),
                Deed::Note(_) | Deed::Close => panic!("not in this story"),
            }
            .unwrap();
        }
        // Brought in at once, with what is known of its past.
        let ctx = desk.app.system("import", Door::Import);
        let book = desk
            .app
            .store
            .read(|conn| sla::book(&desk.app, conn))
            .unwrap();
        let first = bulk::reserve(&ctx, &[(Kind::Incident, 1)]).unwrap()[0].1;
        let past = Past {
            kind: Kind::Incident,
            title: title(),
            opening,
            door: Door::Import,
            at: START,
            by: by.clone(),
            owner_name: String::new(),
            deeds,
        };
        let whole = Maker::new(&ctx, &book).unwrap().make(first, &past).unwrap();
        let imported = whole.ticket.clone();
        bulk::keep(&ctx, &[whole]).unwrap();
        let stands = |ticket: &Ticket| -> Vec<_> {
            let mut rows: Vec<_> = clocks(&desk, ticket)
                .into_iter()
                .map(|row| {
                    (
                        row.metric,
                        row.cycle,
                        row.state,
                        row.anchor_at,
                        row.deadline_at,
                        row.ended_at,
                        row.breached_at,
                    )
                })
                .collect();
            rows.sort_unstable_by_key(|row| (row.0, row.1));
            rows
        };
        assert_eq!(stands(&imported), stands(&live));
        assert!(stands(&live).iter().any(|row| row.2 == ClockState::Missed));
        assert_eq!(bulk::check(&ctx, &[imported.id, live.id]).unwrap(), 2);
    }
);

both_databases!(
    t55_t56_of_several_agreements_the_first_holds_and_without_any_the_houses_does,
    |desk| {
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        promise(
            &desk,
            &ada,
            contoso,
            &[(Metric::Resolve, Some(Severity::High), 4 * HOUR)],
        );
        desk.advance(1);
        let (_, _, mut details) = agreed(&desk, contoso);
        details.name = "Silver".to_owned();
        details.targets[0].budget = Budget::Counted { secs: 8 * HOUR };
        add_agreement(&desk.as_person(&ada), &details).unwrap();
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        let resolve = clock(&desk, &ticket, Metric::Resolve);
        assert_eq!(
            resolve.deadline_at,
            Some(desk.now().plus_secs(4 * HOUR)),
            "the first that was made"
        );
        let browser = Browser::of(&desk, &ada);
        browser
            .get(&format!("/{}/clocks/{}", ticket.key, resolve.id))
            .says("Gold, version 1")
            .says("Would fit as well")
            .says("Silver, House agreement");
        // Theirs promise nothing for other severities: the house's holds.
        let other = open(&desk, &ada, Severity::Disaster, Some(contoso));
        let own = clock(&desk, &other, Metric::Own);
        assert_eq!(own.deadline_at, Some(desk.now().plus_secs(5 * MINUTE)));
        // And where the house promises nothing either, there is no clock, and the ticket is one as any other.
        let bare = open(&desk, &ada, Severity::Information, Some(contoso));
        assert!(clocks(&desk, &bare).is_empty());
        let edit = Edit {
            title: Some(Title::parse("Lamp 3 is out").unwrap()),
            ..Edit::default()
        };
        ticket_edit::edit(&desk.as_person(&ada), bare.key, None, &edit).unwrap();
        act::resolve(&desk.as_person(&ada), bare.key, None, "a new lamp").unwrap();
        assert_eq!(now_of(&desk, &bare).state, State::Resolved);
    }
);

both_databases!(t57_a_deadline_is_the_same_instant_in_every_zone, |desk| {
    let p = Program::new(desk);
    let ada = p.ada.clone();
    let desk = &p.desk;
    let ctx = desk.as_person(&ada);
    ctx.write(|tx| found_house(tx, &ctx, chrono_tz::Asia::Tokyo))
        .unwrap();
    let ticket = open(desk, &ada, Severity::Disaster, None);
    let due = clock(desk, &ticket, Metric::Resolve).deadline_at.unwrap();
    let place = format!("/api/v1/tickets/{}/clocks?limit=50", ticket.key);
    for zone in [chrono_tz::America::New_York, chrono_tz::Asia::Kathmandu] {
        desk.app
            .store
            .write(|tx| {
                let mut person = store::people::person(tx, ada.id)?.unwrap();
                person.zone = zone;
                store::people::update_person(tx, &mut person)
            })
            .unwrap();
        let clocks = p.get(&place);
        let all = clocks.body["items"].as_array().unwrap().clone();
        let resolve = all.iter().find(|it| it["metric"] == "resolve").unwrap();
        assert_eq!(resolve["deadline_at"], due.rfc3339().as_str());
        assert!(due.rfc3339().ends_with('Z'));
    }
    desk.let_letters_go();
});

both_databases!(
    t62_whatever_is_called_by_another_name_no_clock_changes,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let by = || desk.as_person(&ada);
        let contoso = customer(&desk, "Contoso");
        let calendar = office(&desk);
        let targets = vec![terms::promise(Metric::Resolve, 4 * HOUR, calendar)];
        terms::sign(&desk, &ada, &terms::agreed("Gold", &[contoso], targets));
        let ticket = open(&desk, &ada, Severity::Disaster, Some(contoso));
        act::take(&by(), ticket.key, None).unwrap();
        act::step(&by(), ticket.key, None, State::Restored, "").unwrap();
        let wait = NewHold::new(WaitingOn::Customer, "Which port?");
        ticket_hold::hold(&by(), ticket.key, None, &wait).unwrap();
        let before = clocks(&desk, &ticket);

        let details = CustomerDetails {
            name: "Contoso SE".to_owned(),
            zone: chrono_tz::Europe::Berlin,
            language: "en".to_owned(),
            domains: Vec::new(),
            note: String::new(),
        };
        actions::customer::edit(&by(), contoso, 1, &details).unwrap();
        let renamed = terms::hours("Core time", "09:00-17:00", "");
        change_calendar(&by(), calendar, 1, &renamed, &Effect::FromNow).unwrap();
        let (id, version, mut details) = agreed(&desk, contoso);
        details.name = "Platinum".to_owned();
        change_agreement(&by(), id, version, &details, &Effect::FromNow).unwrap();
        desk.settle();
        let stands = |rows: Vec<ClockRow>| -> Vec<ClockRow> {
            let as_counted = |row| ClockRow { edition: 0, ..row };
            rows.into_iter().map(as_counted).collect()
        };
        assert_eq!(stands(clocks(&desk, &ticket)), stands(before));
        assert!(entries(&desk, &ticket, EntryKind::ClockRecomputed).is_empty());

        // A house that calls its states by other names: people read those, clocks the word that no catalogue changes.
        let names = "state-restored = working again\nstate-in-progress = being worked on\n\
             entry-restored = { $to }\n";
        let file = ("states.ftl".to_owned(), names.to_owned());
        let (words, problems) = Words::from_files(std::iter::once(file));
        assert_eq!(problems, Vec::<String>::new());
        let said = entries(&desk, &ticket, EntryKind::Restored).remove(0);
        let read = |words: &Words| {
            let names = Names::default();
            tape::sentence(&said, &names, words, desk.now(), chrono_tz::UTC)
        };
        assert_eq!(read(&words), "working again");
        assert_ne!(read(Words::english()), read(&words));
        assert_eq!(said.facts.get("to"), Some(State::Restored.as_str()));
        caches_are_true(&desk, &ticket);
    }
);

both_databases!(
    t65_a_clock_that_is_set_back_makes_no_timeline_run_backwards,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let ticket = open(&desk, &ada, Severity::Disaster, None);
        let by = || desk.as_person(&ada);
        desk.app.time.set(START.plus_secs(10 * MINUTE));
        ticket_hold::hold(
            &by(),
            ticket.key,
            None,
            &NewHold::new(WaitingOn::Vendor, "a part"),
        )
        .unwrap();
        // Another node's clock is five minutes behind.
        desk.app.time.set(START.plus_secs(5 * MINUTE));
        ticket_hold::release(&by(), ticket.key, None, None).unwrap();
        act::step(&by(), ticket.key, None, State::Restored, "").unwrap();
        let all = desk
            .app
            .store
            .read(|conn| timeline::of_ticket(conn, ticket.id))
            .unwrap();
        assert!(
            all.windows(2)
                .all(|pair| pair[0].recorded_at <= pair[1].recorded_at)
        );
        let derived = desk
            .app
            .store
            .read(|conn| sla::derived(&desk.app, conn, &now_of(&desk, &ticket), desk.now()))
            .unwrap();
        for (row, clock) in derived {
            assert!(
                clock.stops.iter().all(|(stop, _)| stop.from <= stop.to),
                "{}",
                row.metric
            );
            assert!(clock.used(desk.now()) >= 0, "{}", row.metric);
            assert!(
                row.ended_at.is_none_or(|end| end >= row.anchor_at),
                "{}",
                row.metric
            );
        }
    }
);
