//! Two tickets become one, and two again: no promise is lost on the way, and no breach.

use watchkeeper::actions::{ticket as act, ticket_hold, ticket_merge, ticket_parts};
use watchkeeper::domain::hold::NewHold;
use watchkeeper::domain::id::{CustomerId, Kind};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::sla_clock::{CancelReason, ClockState};
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Relation, State, Ticket, WaitingOn};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::Error;
use watchkeeper::store::sla::ClockRow;

use crate::both_databases;
use crate::desk::{Desk, START, Staff};
use crate::mail::{contoso, key, mail, timeline};
use crate::sla::{
    HOUR, MINUTE, caches_are_true, clock, clocks, customer, entries, house, now_of, open, promise,
};
use crate::web::Browser;

/// The newest cycle.
fn newest(desk: &Desk, ticket: &Ticket, metric: Metric) -> ClockRow {
    let of_metric = clocks(desk, ticket)
        .into_iter()
        .filter(|row| row.metric == metric);
    of_metric
        .max_by_key(|row| (row.cycle, row.revision))
        .expect("such a clock")
}

/// Two incidents of Contoso, half an hour apart.
fn two(desk: &Desk) -> (Staff, CustomerId, Ticket, Ticket) {
    let ada = house(desk);
    let contoso = customer(desk, "Contoso");
    let promises = [
        (Metric::Respond, None, HOUR),
        (Metric::Resolve, None, 4 * HOUR),
    ];
    promise(desk, &ada, contoso, &promises);
    let first = open(desk, &ada, Severity::High, Some(contoso));
    desk.advance(30 * MINUTE);
    let second = open(desk, &ada, Severity::High, Some(contoso));
    (ada, contoso, first, second)
}

both_databases!(
    t40_a_merged_ticket_goes_on_in_the_other_from_whichever_began_earlier_and_nobody_is_told,
    |desk| {
        let (ada, _, first, second) = two(&desk);
        let by = || desk.as_person(&ada);
        act::take(&by(), second.key, None).unwrap();
        ticket_hold::hold(
            &by(),
            first.key,
            None,
            &NewHold::new(WaitingOn::Vendor, "a part"),
        )
        .unwrap();
        desk.advance(MINUTE);
        ticket_merge::merge(&by(), first.key, None, second.key, "the same cable").unwrap();
        let merged = now_of(&desk, &first);
        assert!(!merged.is_open() && merged.merged_into == Some(second.id));
        let old = clock(&desk, &first, Metric::Respond);
        assert_eq!(
            (old.state, old.cancelled, old.next_wake_at),
            (ClockState::Superseded, Some(CancelReason::Merged), None)
        );
        for (metric, hours) in [(Metric::Respond, 1), (Metric::Resolve, 4)] {
            let kept = clock(&desk, &second, metric);
            assert_eq!(
                (kept.anchor_at, kept.deadline_at),
                (START, Some(START.plus_secs(hours * HOUR)))
            );
            assert_eq!(
                kept.state,
                ClockState::Running,
                "the survivor's own holds only"
            );
        }
        caches_are_true(&desk, &first);
        caches_are_true(&desk, &second);
        desk.advance(3 * HOUR);
        assert!(entries(&desk, &first, EntryKind::ClockBreached).is_empty());
        desk.let_letters_go();
        // Work goes on in the survivor.
        let refused = act::resolve(&by(), first.key, None, "done");
        assert!(matches!(refused, Err(Error::Refused(refusal)) if refusal.rule == "merged"));
        let again = ticket_merge::merge(&by(), first.key, None, second.key, "again");
        assert!(matches!(again, Err(Error::Refused(refusal)) if refusal.rule == "merged"));
        let wrong = ticket_merge::unmerge(&by(), second.key, None, "why not");
        assert!(matches!(wrong, Err(Error::Refused(refusal)) if refusal.rule == "not-merged"));
    }
);

both_databases!(
    t40_taking_two_apart_again_is_as_if_they_had_never_been_one,
    |desk| {
        let (ada, _, first, second) = two(&desk);
        let by = || desk.as_person(&ada);
        act::take(&by(), second.key, None).unwrap();
        act::spoke_with_customer(&by(), second.key, None, "they called").unwrap();
        let hold = NewHold {
            until: Some(START.plus_secs(10 * HOUR)),
            ..NewHold::new(WaitingOn::Vendor, "a part")
        };
        ticket_hold::hold(&by(), first.key, None, &hold).unwrap();
        desk.advance(4 * HOUR);
        desk.letters();
        // The second is late by the merge: a fact, and no notice.
        ticket_merge::merge(&by(), first.key, None, second.key, "the same cable").unwrap();
        let late = clock(&desk, &second, Metric::Resolve);
        assert_eq!(
            (late.breached_at, late.late_by_change),
            (Some(START.plus_secs(4 * HOUR)), true)
        );
        let respond = newest(&desk, &second, Metric::Respond);
        assert_eq!(
            (respond.cycle, respond.anchor_at),
            (2, START),
            "nobody answered the first"
        );
        assert!(desk.letters().is_empty());
        ticket_merge::unmerge(&by(), first.key, None, "another cable").unwrap();
        let back = clock(&desk, &second, Metric::Resolve);
        assert_eq!(
            (back.anchor_at, back.breached_at),
            (START.plus_secs(30 * MINUTE), None)
        );
        let respond = newest(&desk, &second, Metric::Respond);
        assert_eq!(respond.cancelled, Some(CancelReason::TakenBack));
        // What the page lists is the answer that was given, and not the one that was never owed here.
        let rows = clocks(&desk, &second);
        let given = rows
            .iter()
            .find(|row| (row.metric, row.cycle) == (Metric::Respond, 1))
            .unwrap();
        let browser = Browser::of(&desk, &ada);
        let page = browser.get(&format!("/{}", second.key));
        page.says(&format!("/{}/clocks/{}", second.key, given.id));
        assert!(!page.text().contains(&respond.id.to_string()));
        let withdrawn = entries(&desk, &second, EntryKind::ClockWithdrawn);
        assert!(
            withdrawn
                .iter()
                .any(|entry| entry.facts.get("metric") == Some("resolve")
                    && entry.facts.get("cause") == Some("unmerged")
                    && entry.facts.get("name") == Some("Ada"))
        );
        // Both facts stay, and the clock's own page says so.
        assert!(!entries(&desk, &second, EntryKind::ClockBreached).is_empty());
        browser
            .get(&format!("/{}/clocks/{}", second.key, back.id))
            .says("Ada took the two tickets apart");
        let first_now = now_of(&desk, &first);
        assert_eq!((first_now.state, first_now.merged_into), (State::New, None));
        let held = clock(&desk, &first, Metric::Resolve);
        assert_eq!(
            (held.state, held.breached_at),
            (ClockState::Held, None),
            "it waits as before"
        );
        let missed = clock(&desk, &first, Metric::Respond);
        assert_eq!(missed.breached_at, Some(START.plus_secs(HOUR)));
        caches_are_true(&desk, &first);
        desk.let_letters_go();
        desk.advance(6 * HOUR);
        assert!(!now_of(&desk, &first).is_held());
        caches_are_true(&desk, &first);
    }
);

both_databases!(
    customers_clocks_stay_apart_and_the_preview_shows_both_tickets,
    |desk| {
        desk.let_letters_go();
        let (ada, contoso, first, second) = two(&desk);
        let by = || desk.as_person(&ada);
        let fabrikam = customer(&desk, "Fabrikam");
        let other = open(&desk, &ada, Severity::High, Some(fabrikam));
        let refused = ticket_merge::merge(&by(), first.key, None, other.key, "the same cable");
        let Err(Error::Refused(refusal)) = refused else {
            panic!("Contoso's promises would be lost: {refused:?}")
        };
        assert_eq!(refusal.rule, "merge-other-customers");
        assert!(
            refusal.args.contains(&("names", "Contoso".into())),
            "{refusal:?}"
        );
        ticket_parts::add_affected(&by(), other.key, contoso, None).unwrap();
        let browser = Browser::of(&desk, &ada);
        let place = format!("/{}", first.key);
        let typed = [("other", "inc-3"), ("why", "the same cable")];
        let shown = browser.post(&format!("{place}/merge"), &typed);
        shown
            .is(200)
            .says("Merged")
            .says("INC-3")
            .says("replaced by another target")
            .says("Save it");
        assert!(now_of(&desk, &first).is_open());
        let rev = now_of(&desk, &first).version.to_string();
        let mut sure = typed.to_vec();
        sure.extend([("confirmed", "yes"), ("rev", &rev)]);
        // Somebody writes meanwhile: what was looked at isn't what would happen.
        act::note(&by(), first.key, "wait").unwrap();
        browser
            .post(&format!("{place}/merge"), &sure)
            .is(200)
            .says("Somebody else changed the ticket meanwhile");
        sure.pop();
        let rev = now_of(&desk, &first).version.to_string();
        sure.push(("rev", &rev));
        browser.post(&format!("{place}/merge"), &sure).is(303);
        browser.get(&place).says("This goes on in").says("Merged");
        browser
            .get(&format!("/{}", other.key))
            .says("Goes on here")
            .says("INC-1");
        let metrics: Vec<_> = clocks(&desk, &other)
            .iter()
            .filter(|row| row.customer_id == Some(contoso))
            .map(|row| row.anchor_at)
            .collect();
        assert!(metrics.iter().all(|anchor| *anchor == START), "{metrics:?}");
        let apart = [("why", "two cables")];
        browser
            .post(&format!("{place}/unmerge"), &apart)
            .is(200)
            .says("Taken apart again");
        // Of different kinds they are linked instead.
        let opening = Opening::default();
        let task = act::open(
            &by(),
            Kind::Task,
            Title::parse("Order a part").unwrap(),
            &opening,
        )
        .unwrap();
        browser
            .post(
                &format!("/{}/merge", second.key),
                &[("other", "TSK-1"), ("why", "x")],
            )
            .is(422)
            .says("of different kinds");
        browser
            .post(
                &format!("/{}/merge", second.key),
                &[("other", "INC-99"), ("why", "x")],
            )
            .is(422)
            .says("There is no ticket");
        assert!(now_of(&desk, &task).is_open());
    }
);

both_databases!(
    what_was_promised_by_hand_is_owed_on_the_survivor_and_given_back_when_they_part,
    |desk| {
        let (ada, contoso, first, second) = two(&desk);
        let by = || desk.as_person(&ada);
        let agreed = [(Metric::Update, None, 8 * HOUR)];
        promise(&desk, &ada, contoso, &agreed);
        let soon = desk.now().plus_secs(HOUR);
        act::update(&by(), first.key, "A cable.", Some(soon)).unwrap();
        act::promise_callback(&by(), first.key, None, None, "+49 30 1", soon).unwrap();
        let later = desk.now().plus_secs(3 * HOUR);
        act::promise_callback(&by(), second.key, None, None, "+49 30 2", later).unwrap();
        ticket_merge::merge(&by(), first.key, None, second.key, "the same cable").unwrap();
        for metric in [Metric::Update, Metric::CallBack] {
            let owed = newest(&desk, &second, metric);
            assert_eq!(
                (owed.state, owed.deadline_at),
                (ClockState::Running, Some(soon)),
                "{metric}"
            );
        }
        let survivor = now_of(&desk, &second);
        assert_eq!(
            (survivor.callback_at, survivor.callback_number.as_deref()),
            (Some(soon), Some("+49 30 1"))
        );
        caches_are_true(&desk, &second);
        ticket_merge::unmerge(&by(), first.key, None, "another cable").unwrap();
        let survivor = now_of(&desk, &second);
        assert_eq!(
            (survivor.callback_at, survivor.callback_number.as_deref()),
            (Some(later), Some("+49 30 2"))
        );
        let owed = newest(&desk, &second, Metric::CallBack);
        assert_eq!(
            (owed.state, owed.deadline_at),
            (ClockState::Running, Some(later))
        );
        // Nobody had promised an update there.
        let owed = newest(&desk, &second, Metric::Update);
        assert_ne!((owed.state.is_open(), owed.deadline_at), (true, Some(soon)));
        let owed = newest(&desk, &first, Metric::Update);
        assert_eq!((owed.state.is_open(), owed.deadline_at), (true, Some(soon)));
        // Merged again and not kept: it is missed where it is owed.
        ticket_merge::merge(&by(), first.key, None, second.key, "the same after all").unwrap();
        desk.advance(2 * HOUR);
        let missed = newest(&desk, &second, Metric::Update);
        assert_eq!(missed.breached_at, Some(soon));
        caches_are_true(&desk, &first);
        caches_are_true(&desk, &second);
        desk.let_letters_go();
    }
);

both_databases!(mail_to_a_merged_ticket_is_read_where_it_goes_on, |desk| {
    contoso(&desk);
    desk.let_letters_go();
    let ada = house(&desk);
    for (id, subject) in [
        ("c1", "Uplink down"),
        ("c2", "Still down"),
        ("c3", "And again"),
    ] {
        let head = format!("Subject: {subject}\r\nMessage-ID: <{id}@contoso.example>");
        mail(&desk, "carol@contoso.example", &head, "Since noon.");
        desk.advance(1);
    }
    let by = || desk.as_person(&ada);
    ticket_merge::merge(&by(), key("INC-1"), None, key("INC-2"), "the same").unwrap();
    ticket_merge::merge(&by(), key("INC-2"), None, key("INC-3"), "the same").unwrap();
    let head = "Subject: Re: Uplink down\r\nIn-Reply-To: <c1@contoso.example>";
    mail(&desk, "carol@contoso.example", head, "And now?");
    let last = timeline(&desk, "INC-3")
        .into_iter()
        .rfind(|entry| entry.kind == EntryKind::CustomerMessage)
        .expect("it stands where it is read");
    assert_eq!(last.body.trim(), "And now?");
    assert!(
        timeline(&desk, "INC-1")
            .iter()
            .all(|entry| entry.kind != EntryKind::CustomerMessage)
    );
});

both_databases!(
    a_parents_resolve_settles_the_children_that_were_chosen,
    |desk| {
        desk.let_letters_go();
        let (ada, _, first, second) = two(&desk);
        let by = || desk.as_person(&ada);
        let parent = open(&desk, &ada, Severity::High, None);
        for child in [&first, &second] {
            ticket_parts::link(&by(), parent.key, Relation::ParentOf, child.key).unwrap();
        }
        let stranger = open(&desk, &ada, Severity::High, None);
        let refused = act::resolve_with(&by(), parent.key, None, "spliced", &[stranger.key]);
        let Err(Error::Invalid(errors)) = refused else {
            panic!("it is no child: {refused:?}")
        };
        assert_eq!(errors[0].problem, "not-a-child");
        let browser = Browser::of(&desk, &ada);
        browser
            .get(&format!("/{}", parent.key))
            .says("Resolve with it")
            .says("INC-2");
        let resolved = browser.post(
            &format!("/{}/resolve", parent.key),
            &[("why", "spliced"), ("children", "INC-1")],
        );
        resolved.is(303);
        assert_eq!(now_of(&desk, &first).state, State::Resolved);
        assert!(now_of(&desk, &second).is_open());
        assert_eq!(clock(&desk, &first, Metric::Resolve).state, ClockState::Met);
        let said = entries(&desk, &first, EntryKind::Resolved).remove(0);
        assert_eq!(
            (
                said.facts.get("cause"),
                said.facts.get("parent"),
                said.body.as_str()
            ),
            (Some("parent"), Some("INC-3"), "spliced")
        );
        caches_are_true(&desk, &first);
    }
);
