//! Agreements over time: several that hold for a customer, dates, corrections, customers who leave, ends.

use watchkeeper::actions::agreement::{
    AgreementDetails, change_agreement, delete_agreement, move_agreement, preview_agreement,
};
use watchkeeper::actions::calendar::{add_calendar, delete_calendar};
use watchkeeper::actions::recount::Fate;
use watchkeeper::actions::ticket as act;
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::{Case, HoldsFor, Metric, Promisee};
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::sla_version::{Effect, Finished};
use watchkeeper::domain::ticket::Ticket;
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::Error;
use watchkeeper::store;

use crate::both_databases;
use crate::desk::START;
use crate::terms::{
    DAY, HOUR, after, agreed, book, caches_are_true, clock, clocks, correction, customer, entries,
    hours, house, office, open, promise, sign,
};

both_databases!(
    t55_of_several_agreements_the_first_in_order_holds_and_the_others_are_known,
    |desk| {
        let ada = house(&desk);
        let (contoso, northwind) = (customer(&desk, "Contoso"), customer(&desk, "Northwind"));
        let calendar = office(&desk);
        let of = |secs| vec![promise(Metric::Resolve, secs, calendar)];
        let both = agreed("Everybody", &[contoso, northwind], of(4 * HOUR));
        sign(&desk, &ada, &both);
        let own = sign(&desk, &ada, &agreed("Contoso, gold", &[contoso], of(HOUR)));
        let names = |customer| -> Vec<String> {
            let case = Case {
                customer: Some(customer),
                kind: Kind::Incident,
                severity: Some(Severity::High),
                services: &[],
            };
            let book = book(&desk);
            book.agreements_for(&case, desk.now())
                .map(|agreement| agreement.name.clone())
                .collect()
        };
        assert_eq!(
            names(contoso),
            ["Everybody", "Contoso, gold", "House agreement"]
        );
        let before = open(&desk, &ada, contoso);
        assert_eq!(
            clock(&desk, &before, Metric::Resolve).deadline_at,
            after(4 * HOUR)
        );
        move_agreement(&desk.as_person(&ada), own, true).unwrap();
        assert_eq!(
            names(contoso),
            ["Contoso, gold", "Everybody", "House agreement"]
        );
        assert_eq!(names(northwind), ["Everybody", "House agreement"]);
        let after_it = open(&desk, &ada, contoso);
        assert_eq!(
            clock(&desk, &after_it, Metric::Resolve).deadline_at,
            after(HOUR)
        );
        assert_eq!(
            clock(&desk, &before, Metric::Resolve).deadline_at,
            after(4 * HOUR),
            "what runs keeps its terms"
        );
    }
);

both_databases!(
    a_promise_for_one_customer_of_a_shared_agreement_is_theirs_alone,
    |desk| {
        let ada = house(&desk);
        let (contoso, northwind) = (customer(&desk, "Contoso"), customer(&desk, "Northwind"));
        let calendar = office(&desk);
        let mut sooner = promise(Metric::Resolve, HOUR, calendar);
        sooner.customer = Some(contoso);
        let targets = vec![promise(Metric::Resolve, 4 * HOUR, calendar), sooner];
        sign(
            &desk,
            &ada,
            &agreed("Shared", &[contoso, northwind], targets),
        );
        let due = |customer| {
            let ticket = open(&desk, &ada, customer);
            clock(&desk, &ticket, Metric::Resolve).deadline_at
        };
        assert_eq!(due(contoso), after(HOUR));
        assert_eq!(due(northwind), after(4 * HOUR));
    }
);

both_databases!(
    t56_without_an_agreement_that_fits_the_house_holds_and_no_clock_runs_where_it_was_switched_off,
    |desk| {
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        let under_the_house = open(&desk, &ada, contoso);
        assert_eq!(clocks(&desk, &under_the_house).len(), 4);
        let book = book(&desk);
        let house = book
            .agreements()
            .iter()
            .find(|it| it.holds_for.is_house())
            .unwrap();
        let silent = AgreementDetails {
            holds_for: HoldsFor::House,
            name: house.name.clone(),
            targets: Vec::new(),
            backdate_days: house.backdate_days,
            is_active: true,
        };
        let ctx = desk.as_person(&ada);
        change_agreement(&ctx, house.id, house.version, &silent, &Effect::FromNow).unwrap();
        let without = open(&desk, &ada, contoso);
        assert!(clocks(&desk, &without).is_empty());
        act::change_severity(&ctx, without.key, None, Severity::Disaster, "worse").unwrap();
        act::resolve(&ctx, without.key, None, "done").unwrap();
        assert_eq!(clocks(&desk, &under_the_house).len(), 4);
    }
);

both_databases!(
    an_agreement_with_a_date_holds_for_what_begins_from_then_on,
    |desk| {
        let ada = house(&desk);
        let (contoso, calendar) = (customer(&desk, "Contoso"), office(&desk));
        let of = |secs| vec![promise(Metric::Resolve, secs, calendar)];
        let id = sign(&desk, &ada, &agreed("Gold", &[contoso], of(4 * HOUR)));
        let ctx = desk.as_person(&ada);
        let stricter = agreed("Gold", &[contoso], of(HOUR));
        let tomorrow = Effect::From(START.plus_secs(DAY));
        change_agreement(&ctx, id, 1, &stricter, &tomorrow).unwrap();
        let before = open(&desk, &ada, contoso);
        assert_eq!(
            clock(&desk, &before, Metric::Resolve).deadline_at,
            after(4 * HOUR)
        );
        desk.advance(DAY);
        let since = open(&desk, &ada, contoso);
        assert_eq!(
            clock(&desk, &since, Metric::Resolve).deadline_at,
            after(DAY + HOUR)
        );
        caches_are_true(&desk, &before);
    }
);

both_databases!(
    a_corrected_agreement_puts_its_targets_under_what_was_anchored_where_it_holds,
    |desk| {
        let ada = house(&desk);
        let (contoso, calendar) = (customer(&desk, "Contoso"), office(&desk));
        let wrong = vec![
            promise(Metric::Resolve, 40 * HOUR, calendar),
            promise(Metric::Restore, HOUR, calendar),
        ];
        let id = sign(&desk, &ada, &agreed("Gold", &[contoso], wrong));
        let too_early = open(&desk, &ada, contoso);
        desk.advance(HOUR);
        let ticket = open(&desk, &ada, contoso);
        desk.advance(3 * HOUR);
        // Not forty hours but four; no restore was ever promised, and an answer was.
        let right = agreed(
            "Gold",
            &[contoso],
            vec![
                promise(Metric::Resolve, 4 * HOUR, calendar),
                promise(Metric::Respond, 2 * HOUR, calendar),
            ],
        );
        let since_noon = correction(HOUR, Finished::Stay);
        let ctx = desk.as_person(&ada);
        let shown = preview_agreement(&ctx, id, 1, &right, &since_noon).unwrap();
        let mut moved: Vec<_> = shown
            .moved
            .iter()
            .map(|it| (it.ticket, it.metric, it.after))
            .collect();
        moved.sort();
        assert_eq!(
            moved,
            [
                (ticket.key, Metric::Respond, after(3 * HOUR)),
                (ticket.key, Metric::Restore, after(2 * HOUR)),
                (ticket.key, Metric::Resolve, after(5 * HOUR)),
            ]
        );
        change_agreement(&ctx, id, 1, &right, &since_noon).unwrap();
        desk.settle();
        let resolve = clock(&desk, &ticket, Metric::Resolve);
        assert_eq!(
            (resolve.deadline_at, resolve.revision, resolve.anchor_at),
            (after(5 * HOUR), 0, START.plus_secs(HOUR))
        );
        // A breach is a fact: the promise ends, what was missed of it stays.
        let restore = clock(&desk, &ticket, Metric::Restore);
        assert_eq!(
            (restore.state, restore.breached_at),
            (ClockState::Cancelled, after(2 * HOUR))
        );
        let respond = clock(&desk, &ticket, Metric::Respond);
        assert_eq!(respond.deadline_at, after(3 * HOUR));
        assert_eq!(entries(&desk, &ticket, EntryKind::TermsChanged).len(), 1);
        assert_eq!(
            clock(&desk, &too_early, Metric::Resolve).target_id,
            clocks(&desk, &too_early)
                .iter()
                .find(|row| row.metric == Metric::Resolve)
                .unwrap()
                .target_id
        );
        assert!(entries(&desk, &too_early, EntryKind::ClockRecomputed).is_empty());
        caches_are_true(&desk, &ticket);
        caches_are_true(&desk, &too_early);
        desk.advance(HOUR);
        caches_are_true(&desk, &ticket);
    }
);

both_databases!(
    t39_a_customer_who_leaves_an_agreement_has_no_clocks_under_it_and_past_breaches_stay,
    |desk| {
        let ada = house(&desk);
        let (contoso, northwind) = (customer(&desk, "Contoso"), customer(&desk, "Northwind"));
        let calendar = office(&desk);
        let targets = vec![
            promise(Metric::Update, HOUR, calendar),
            promise(Metric::Resolve, 40 * HOUR, calendar),
        ];
        let shared = agreed("Shared", &[contoso, northwind], targets.clone());
        let id = sign(&desk, &ada, &shared);
        let leaving = open(&desk, &ada, contoso);
        let staying = open(&desk, &ada, northwind);
        desk.advance(2 * HOUR);
        let ctx = desk.as_person(&ada);
        let alone = agreed("Shared", &[northwind], targets);
        let shown = preview_agreement(&ctx, id, 1, &alone, &Effect::FromNow).unwrap();
        assert_eq!(shown.moved.len(), 2);
        assert!(
            shown
                .moved
                .iter()
                .all(|it| it.ticket == leaving.key && it.state_after == ClockState::Cancelled)
        );
        change_agreement(&ctx, id, 1, &alone, &Effect::FromNow).unwrap();
        desk.settle();
        assert!(
            clocks(&desk, &leaving)
                .iter()
                .all(|row| row.state == ClockState::Cancelled)
        );
        assert_eq!(
            clock(&desk, &leaving, Metric::Update).breached_at,
            after(HOUR)
        );
        let now_of = |ticket: &Ticket| {
            let found = desk
                .app
                .store
                .read(|conn| store::ticket::by_id(conn, ticket.id));
            found.unwrap().unwrap()
        };
        assert!(!now_of(&leaving).due.is_late);
        assert!(now_of(&staying).due.is_late);
        assert!(clock(&desk, &staying, Metric::Resolve).state.is_open());
        caches_are_true(&desk, &leaving);
    }
);

both_databases!(
    an_agreement_that_ends_at_a_date_lets_its_clocks_run_until_then,
    |desk| {
        let ada = house(&desk);
        let (contoso, calendar) = (customer(&desk, "Contoso"), office(&desk));
        let targets = vec![promise(Metric::Resolve, 40 * HOUR, calendar)];
        let details = agreed("Gold", &[contoso], targets);
        let id = sign(&desk, &ada, &details);
        let ticket = open(&desk, &ada, contoso);
        let ended = AgreementDetails {
            is_active: false,
            ..details
        };
        let ctx = desk.as_person(&ada);
        let at_date = Effect::From(START.plus_secs(2 * DAY));
        let shown = preview_agreement(&ctx, id, 1, &ended, &at_date).unwrap();
        assert_eq!(shown.of(Fate::Open).count(), 1);
        change_agreement(&ctx, id, 1, &ended, &at_date).unwrap();
        desk.advance(2 * DAY - 1);
        assert!(clock(&desk, &ticket, Metric::Resolve).state.is_open());
        desk.advance(1);
        assert_eq!(
            clock(&desk, &ticket, Metric::Resolve).state,
            ClockState::Cancelled
        );
        let next = open(&desk, &ada, contoso);
        assert!(
            clock(&desk, &next, Metric::Resolve).promisee == Promisee::Internal,
            "the house agreement holds"
        );
    }
);

both_databases!(
    t63_what_is_in_use_cannot_be_deleted_and_what_never_was_can,
    |desk| {
        let ada = house(&desk);
        let (contoso, calendar) = (customer(&desk, "Contoso"), office(&desk));
        let targets = vec![promise(Metric::Resolve, 4 * HOUR, calendar)];
        let id = sign(&desk, &ada, &agreed("Gold", &[contoso], targets.clone()));
        let unused = sign(&desk, &ada, &agreed("Silver", &[contoso], targets));
        open(&desk, &ada, contoso);
        let ctx = desk.as_person(&ada);
        let rule = |outcome: Result<(), Error>| match outcome {
            Err(Error::Refused(refusal)) => refusal.rule,
            other => panic!("{other:?}"),
        };
        assert_eq!(rule(delete_calendar(&ctx, calendar)), "calendar-in-use");
        assert_eq!(rule(delete_agreement(&ctx, id)), "agreement-in-use");
        delete_agreement(&ctx, unused).unwrap();
        assert!(matches!(
            delete_agreement(&ctx, unused),
            Err(Error::NotFound)
        ));
        let spare = add_calendar(&ctx, &hours("Spare", "09:00-17:00", "")).unwrap();
        delete_calendar(&ctx, spare).unwrap();
        assert!(book(&desk).calendar(spare).is_none());
        // Retired is what remains for the rest: the clock that runs keeps its terms until then.
        let book = book(&desk);
        let gold = book.agreement(id).unwrap();
        assert!(gold.at(desk.now()).is_some());
    }
);
