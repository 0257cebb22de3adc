//! Changes in flight: another severity, another customer, no agreement any more, opened again. Nothing that was late is erased.

use watchkeeper::actions::agreement::{AgreementDetails, add_agreement, change_agreement};
use watchkeeper::actions::ticket_edit::{self, Edit};
use watchkeeper::actions::{sla, ticket as act};
use watchkeeper::domain::id::{AgreementId, CustomerId};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::{Budget, HoldsFor, Metric};
use watchkeeper::domain::sla_clock::{CancelReason, ClockState};
use watchkeeper::domain::sla_policy::{ChangePolicy, ReopenPolicy};
use watchkeeper::domain::sla_version::Effect;
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::store;

use crate::both_databases;
use crate::desk::{Desk, START};
use crate::sla::{
    HOUR, MINUTE, RESPONDER, caches_are_true, clock, clocks, customer, entries, house, now_of,
    open, promise,
};
use crate::sla_events::of_metric;

const DAY: i64 = 24 * HOUR;

/// The agreement in force with this customer, as a form would have it, with its version.
pub fn agreed(desk: &Desk, customer: CustomerId) -> (AgreementId, i64, AgreementDetails) {
    let book = desk
        .app
        .store
        .read(|conn| sla::book(&desk.app, conn))
        .unwrap();
    let known = book
        .agreements()
        .iter()
        .find(|it| it.holds_for.customers().contains(&customer))
        .unwrap();
    let details = AgreementDetails {
        holds_for: HoldsFor::Customers(vec![customer]),
        name: known.name.clone(),
        targets: known
            .targets
            .iter()
            .map(|target| (**target).clone())
            .collect(),
        backdate_days: known.backdate_days,
        is_active: true,
    };
    (known.id, known.version, details)
}

both_databases!(
    t39_when_an_agreement_is_retired_its_clocks_are_cancelled_and_what_they_missed_stays,
    |desk| {
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        let promises = [
            (Metric::Respond, None, HOUR),
            (Metric::Resolve, None, 4 * HOUR),
        ];
        promise(&desk, &ada, contoso, &promises);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        desk.advance(2 * HOUR);
        assert!(now_of(&desk, &ticket).due.is_late);
        let seen = now_of(&desk, &ticket).version;
        let (id, version, mut details) = agreed(&desk, contoso);
        details.is_active = false;
        change_agreement(
            &desk.as_person(&ada),
            id,
            version,
            &details,
            &Effect::FromNow,
        )
        .unwrap();
        desk.advance(MINUTE);
        for metric in [Metric::Respond, Metric::Resolve] {
            let row = clock(&desk, &ticket, metric);
            assert_eq!(
                (row.state, row.cancelled),
                (ClockState::Cancelled, Some(CancelReason::NoTarget))
            );
        }
        assert_eq!(
            clock(&desk, &ticket, Metric::Respond).breached_at,
            Some(START.plus_secs(HOUR))
        );
        let stands = now_of(&desk, &ticket);
        assert!(!stands.due.is_late, "no longer marked late");
        assert_eq!(stands.version, seen, "nobody changed the ticket");
        assert_eq!(entries(&desk, &ticket, EntryKind::AgreementEnded).len(), 1);
        caches_are_true(&desk, &ticket);
        // New tickets run under the house's.
        let next = open(&desk, &ada, Severity::High, Some(contoso));
        assert!(clocks(&desk, &next).iter().all(|row| row.state.is_open()));
        // Where another agreement of theirs holds, it takes over.
        let promises = [(Metric::Resolve, None, 8 * HOUR)];
        promise(&desk, &ada, contoso, &promises);
        let last = open(&desk, &ada, Severity::High, Some(contoso));
        let (id, version, mut details) = agreed(&desk, contoso);
        details.name = "Silver".to_owned();
        details.targets[0].budget = Budget::Counted { secs: 6 * HOUR };
        desk.advance(1);
        add_agreement(&desk.as_person(&ada), &details).unwrap();
        details.is_active = false;
        change_agreement(
            &desk.as_person(&ada),
            id,
            version,
            &details,
            &Effect::FromNow,
        )
        .unwrap();
        desk.advance(1);
        let resolve = of_metric(&desk, &last, Metric::Resolve);
        assert_eq!(resolve[0].state, ClockState::Superseded);
        assert_eq!(
            (
                resolve[1].state,
                resolve[1]
                    .deadline_at
                    .map(|at| at.secs_since(resolve[1].anchor_at))
            ),
            (ClockState::Running, Some(6 * HOUR))
        );
        caches_are_true(&desk, &last);
    }
);

both_databases!(
    t51_t52_a_worse_severity_is_late_at_once_with_one_notice_and_a_better_one_erases_nothing,
    |desk| {
        let ada = house(&desk);
        let ben = desk.person("Ben", RESPONDER);
        let contoso = customer(&desk, "Contoso");
        let promises = [
            (Metric::Restore, Some(Severity::High), 8 * HOUR),
            (Metric::Resolve, Some(Severity::High), 16 * HOUR),
            (Metric::Restore, Some(Severity::Disaster), HOUR),
            (Metric::Resolve, Some(Severity::Disaster), 2 * HOUR),
        ];
        promise(&desk, &ada, contoso, &promises);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        let by = || desk.as_person(&ada);
        act::assign(&by(), ticket.key, None, ben.id).unwrap();
        desk.advance(3 * HOUR);
        desk.letters();
        act::change_severity(&by(), ticket.key, None, Severity::Disaster, "all nodes").unwrap();
        let letters = desk.letters();
        assert_eq!(letters.len(), 1, "one notice for both");
        assert!(letters[0].text.contains("Restore") && letters[0].text.contains("Resolve"));
        assert!(
            entries(&desk, &ticket, EntryKind::ClockWarned).is_empty(),
            "no chain of warnings"
        );
        for entry in entries(&desk, &ticket, EntryKind::ClockBreached) {
            assert_eq!(
                (entry.facts.get("cause"), entry.facts.get("by")),
                (Some("late_by_change"), Some("severity_changed"))
            );
        }
        act::change_severity(&by(), ticket.key, None, Severity::High, "not all").unwrap();
        let restore = of_metric(&desk, &ticket, Metric::Restore);
        let stand: Vec<_> = restore
            .iter()
            .map(|row| (row.state, row.breached_at.is_some()))
            .collect();
        assert_eq!(
            stand,
            [
                (ClockState::Superseded, false),
                (ClockState::Superseded, true),
                (ClockState::Running, false)
            ]
        );
        // And back, by way of a severity that promises nothing.
        act::change_severity(&by(), ticket.key, None, Severity::Warning, "").unwrap();
        act::change_severity(&by(), ticket.key, None, Severity::High, "").unwrap();
        let restore = of_metric(&desk, &ticket, Metric::Restore);
        let last = restore.last().unwrap();
        assert_eq!(
            (last.state, last.deadline_at),
            (ClockState::Running, Some(START.plus_secs(8 * HOUR)))
        );
        caches_are_true(&desk, &ticket);
        desk.let_letters_go();
    }
);

both_databases!(each_target_says_what_a_change_does_to_its_clock, |desk| {
    let ada = house(&desk);
    let contoso = customer(&desk, "Contoso");
    let promises = [
        (Metric::Restore, Some(Severity::High), 8 * HOUR),
        (Metric::Resolve, Some(Severity::High), 8 * HOUR),
        (Metric::Update, Some(Severity::High), 8 * HOUR),
        (Metric::Restore, Some(Severity::Average), 4 * HOUR),
        (Metric::Resolve, Some(Severity::Average), 4 * HOUR),
        (Metric::Update, Some(Severity::Average), 4 * HOUR),
    ];
    promise(&desk, &ada, contoso, &promises);
    let (id, version, mut details) = agreed(&desk, contoso);
    details.targets[0].policy.on_change = ChangePolicy::Restart;
    details.targets[1].policy.on_change = ChangePolicy::Keep;
    details.targets[2].policy.on_change = ChangePolicy::Prorate;
    change_agreement(
        &desk.as_person(&ada),
        id,
        version,
        &details,
        &Effect::FromNow,
    )
    .unwrap();
    let kept = agreed(&desk, contoso).2;
    assert_eq!(
        kept.targets[2].policy.on_change,
        ChangePolicy::Prorate,
        "it is stored"
    );
    let ticket = open(&desk, &ada, Severity::High, Some(contoso));
    desk.advance(2 * HOUR);
    act::change_severity(
        &desk.as_person(&ada),
        ticket.key,
        None,
        Severity::Average,
        "",
    )
    .unwrap();
    desk.advance(MINUTE);
    act::note(&desk.as_person(&ada), ticket.key, "looking").unwrap();
    act::take(&desk.as_person(&ada), ticket.key, None).unwrap();
    for (metric, hours) in [
        (Metric::Restore, 6),
        (Metric::Resolve, 8),
        (Metric::Update, 5),
    ] {
        let rows = of_metric(&desk, &ticket, metric);
        let last = rows.last().unwrap();
        assert_eq!(
            last.deadline_at,
            Some(START.plus_secs(hours * HOUR)),
            "{metric}"
        );
        assert_eq!(rows.len(), if metric == Metric::Resolve { 1 } else { 2 });
    }
    caches_are_true(&desk, &ticket);
    desk.let_letters_go();
});

both_databases!(
    t28_t29_opened_again_a_clock_runs_on_or_begins_anew_as_its_target_says,
    |desk| {
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        let promises = [
            (Metric::Restore, None, 8 * HOUR),
            (Metric::Resolve, None, 8 * HOUR),
        ];
        promise(&desk, &ada, contoso, &promises);
        let (id, version, mut details) = agreed(&desk, contoso);
        details.targets[1].policy.reopen_within = ReopenPolicy::NewCycle;
        change_agreement(
            &desk.as_person(&ada),
            id,
            version,
            &details,
            &Effect::FromNow,
        )
        .unwrap();
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        let by = || desk.as_person(&ada);
        desk.advance(HOUR);
        act::resolve(&by(), ticket.key, None, "done").unwrap();
        desk.advance(72 * HOUR);
        act::reopen(&by(), ticket.key, None, "again").unwrap();
        let restore = of_metric(&desk, &ticket, Metric::Restore);
        assert_eq!(
            (restore.len(), restore[0].deadline_at),
            (1, Some(START.plus_secs(80 * HOUR))),
            "three days closed aren't counted"
        );
        let resolve = of_metric(&desk, &ticket, Metric::Resolve);
        assert_eq!(
            (resolve[0].state, resolve[0].ended_at, resolve[1].anchor_at),
            (
                ClockState::Met,
                Some(START.plus_secs(HOUR)),
                START.plus_secs(73 * HOUR)
            )
        );
        caches_are_true(&desk, &ticket);
        desk.let_letters_go();
    }
);

both_databases!(
    a_ticket_that_was_somebody_elses_after_all_takes_its_clocks_along,
    |desk| {
        let ada = house(&desk);
        let (contoso, fabrikam) = (customer(&desk, "Contoso"), customer(&desk, "Fabrikam"));
        promise(
            &desk,
            &ada,
            contoso,
            &[
                (Metric::Respond, None, HOUR),
                (Metric::Resolve, None, 8 * HOUR),
            ],
        );
        promise(&desk, &ada, fabrikam, &[(Metric::Resolve, None, 4 * HOUR)]);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        act::promise_callback(
            &desk.as_person(&ada),
            ticket.key,
            None,
            None,
            "+49 30 1",
            START.plus_secs(DAY),
        )
        .unwrap();
        desk.advance(2 * HOUR);
        let edit = Edit {
            customer: Some(Some(fabrikam)),
            ..Edit::default()
        };
        ticket_edit::edit(&desk.as_person(&ada), ticket.key, None, &edit).unwrap();
        let of = |customer| -> Vec<(Metric, ClockState, bool)> {
            let rows = clocks(&desk, &ticket);
            let mut rows: Vec<_> = rows
                .iter()
                .filter(|row| row.customer_id == Some(customer) && row.metric != Metric::CallBack)
                .map(|row| (row.metric, row.state, row.breached_at.is_some()))
                .collect();
            rows.sort_unstable();
            rows
        };
        assert_eq!(
            of(contoso),
            [
                (Metric::Respond, ClockState::Cancelled, true),
                (Metric::Resolve, ClockState::Cancelled, false)
            ]
        );
        assert_eq!(
            of(fabrikam),
            [(Metric::Resolve, ClockState::Running, false)]
        );
        let affected = desk
            .app
            .store
            .read(|conn| store::ticket::affected(conn, ticket.id))
            .unwrap();
        assert_eq!(affected.len(), 1, "the first was never hit");
        let promised = clock(&desk, &ticket, Metric::CallBack);
        assert_eq!(
            promised.state,
            ClockState::Running,
            "what was promised by hand stays"
        );
        caches_are_true(&desk, &ticket);
        desk.let_letters_go();
    }
);
