//! What answers a customer and what only looks like it, what time does by itself, and that lateness stays.

use watchkeeper::actions::{sla, ticket as act, ticket_answer, ticket_hold, ticket_talk};
use watchkeeper::domain::hold::NewHold;
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::outgoing::Handover;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::sla_clock::{CancelReason, ClockState};
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State, Ticket, WaitingOn};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::Error;
use watchkeeper::store;
use watchkeeper::store::sla::ClockRow;

use crate::both_databases;
use crate::desk::{Desk, START, Staff};
use crate::mail::{contoso, deliver, key, mail, to};
use crate::sla::{
    HOUR, MINUTE, caches_are_true, clock, clocks, entries, house, now_of, open, promise,
};
use crate::web::Browser;

const DAY: i64 = 24 * HOUR;

/// The clocks of one promise, cycle by cycle.
pub fn of_metric(desk: &Desk, ticket: &Ticket, metric: Metric) -> Vec<ClockRow> {
    let mut rows = clocks(desk, ticket);
    rows.retain(|row| row.metric == metric);
    rows.sort_by_key(|row| (row.cycle, row.revision));
    rows
}

/// A ticket that Carol of Contoso opened by mail, under an agreement that promises an answer within the hour; Ada has it.
fn carols(desk: &Desk) -> (Staff, Ticket) {
    contoso(desk);
    let ada = house(desk);
    let customer = desk
        .app
        .store
        .read(|conn| store::customer::by_name(conn, "Contoso"))
        .unwrap()
        .unwrap();
    let promises = [
        (Metric::Respond, None, HOUR),
        (Metric::Update, None, 4 * HOUR),
    ];
    promise(desk, &ada, customer, &promises);
    let head = "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>";
    mail(desk, "carol@contoso.example", head, "Since noon.");
    act::take(&desk.as_person(&ada), key("INC-1"), None).unwrap();
    desk.letters();
    let ticket = act::read(&desk.as_person(&ada), key("INC-1")).unwrap();
    (ada, ticket)
}

both_databases!(
    t31_t32_after_a_night_in_which_nothing_ran_what_is_late_is_said_once_and_as_of_its_deadline,
    |desk| {
        let ada = house(&desk);
        let ticket = open(&desk, &ada, Severity::Disaster, None);
        act::assign(&desk.as_person(&ada), ticket.key, None, ada.id).unwrap();
        desk.letters();
        // Nothing looks for eight hours, across two warnings and a deadline.
        desk.advance(8 * HOUR);
        let restore = clock(&desk, &ticket, Metric::Restore);
        assert_eq!(restore.breached_at, Some(START.plus_secs(4 * HOUR)));
        let said = entries(&desk, &ticket, EntryKind::ClockBreached).remove(0);
        assert_eq!(
            (said.effective_at, said.facts.get("late")),
            (START.plus_secs(4 * HOUR), Some("true"))
        );
        assert_eq!(desk.letters().len(), 1);
        desk.advance(MINUTE);
        assert!(desk.letters().is_empty());
        // Resolved ten seconds before its deadline, seen a minute after it.
        let other = open(&desk, &ada, Severity::Disaster, None);
        act::assign(&desk.as_person(&ada), other.key, None, ada.id).unwrap();
        desk.letters();
        desk.app.time.set(desk.now().plus_secs(4 * HOUR - 10));
        act::step(&desk.as_person(&ada), other.key, None, State::Restored, "").unwrap();
        desk.advance(70);
        assert_eq!(clock(&desk, &other, Metric::Restore).state, ClockState::Met);
        assert!(entries(&desk, &other, EntryKind::ClockBreached).is_empty());
        desk.let_letters_go();
    }
);

both_databases!(
    t33_t34_the_answer_and_the_updates_are_promises_of_their_own,
    |desk| {
        let (ada, ticket) = carols(&desk);
        desk.let_letters_go();
        let by = || desk.as_person(&ada);
        for text in ["Still down.", "Hello?"] {
            let head = "Subject: Re: Uplink down\r\nIn-Reply-To: <c1@contoso.example>";
            mail(&desk, "carol@contoso.example", head, text);
            desk.advance(MINUTE);
        }
        assert_eq!(
            of_metric(&desk, &ticket, Metric::Respond).len(),
            1,
            "they join one cycle"
        );
        // The update is due before anybody has answered: the answer's clock doesn't care.
        desk.advance(5 * HOUR);
        let respond = of_metric(&desk, &ticket, Metric::Respond);
        assert_eq!(
            (respond[0].state, respond[0].breached_at.is_some()),
            (ClockState::Running, true)
        );
        assert!(
            of_metric(&desk, &ticket, Metric::Update)[0]
                .breached_at
                .is_some()
        );
        act::reply(&by(), ticket.key, "We see it.", None, None).unwrap();
        desk.advance(1);
        let head = "Subject: Re: Uplink down\r\nIn-Reply-To: <c1@contoso.example>";
        mail(&desk, "carol@contoso.example", head, "Thanks. And now?");
        let respond = of_metric(&desk, &ticket, Metric::Respond);
        let stand: Vec<_> = respond.iter().map(|row| (row.cycle, row.state)).collect();
        assert_eq!(stand, [(1, ClockState::Missed), (2, ClockState::Running)]);
        let update = of_metric(&desk, &ticket, Metric::Update);
        assert_eq!(
            (update[0].state, update[1].state),
            (ClockState::Missed, ClockState::Running)
        );
        ticket_talk::no_reply_needed(&by(), ticket.key, None, None, "thanks only").unwrap();
        let respond = of_metric(&desk, &ticket, Metric::Respond);
        assert_eq!(respond[1].cancelled, Some(CancelReason::NotNeeded));
        assert!(!now_of(&desk, &ticket).awaits_us);
        caches_are_true(&desk, &ticket);
    }
);

both_databases!(
    t35_a_note_that_the_customer_may_read_answers_when_it_is_shared_and_not_before,
    |desk| {
        let (ada, ticket) = carols(&desk);
        let by = || desk.as_person(&ada);
        let noted = act::note(
            &by(),
            ticket.key,
            "The card is dead, a new one is on its way.",
        )
        .unwrap();
        assert_eq!(
            clock(&desk, &ticket, Metric::Respond).state,
            ClockState::Running
        );
        desk.advance(20 * MINUTE);
        ticket_answer::share(&by(), ticket.key, noted.entry_count).unwrap();
        let respond = clock(&desk, &ticket, Metric::Respond);
        assert_eq!(
            (respond.state, respond.ended_at),
            (ClockState::Met, Some(desk.now()))
        );
        let letters = desk.letters();
        assert!(
            to(&letters, "carol@contoso.example")
                .text
                .contains("The card is dead")
        );
        let again = ticket_answer::share(&by(), ticket.key, noted.entry_count);
        assert!(matches!(again, Err(Error::Refused(refusal)) if refusal.rule == "already-shared"));
        let opened = ticket_answer::share(&by(), ticket.key, 1);
        assert!(
            matches!(opened, Err(Error::Refused(refusal)) if refusal.rule == "not-to-be-shared")
        );
        caches_are_true(&desk, &ticket);
    }
);

both_databases!(t36_a_call_that_was_logged_is_an_answer, |desk| {
    let (ada, ticket) = carols(&desk);
    desk.advance(10 * MINUTE);
    act::spoke_with_customer(&desk.as_person(&ada), ticket.key, None, "told her").unwrap();
    let respond = clock(&desk, &ticket, Metric::Respond);
    assert_eq!(
        (respond.state, respond.ended_at),
        (ClockState::Met, Some(desk.now()))
    );
});

both_databases!(
    t37_what_nobody_of_us_said_to_the_customer_is_no_answer,
    |desk| {
        let (ada, ticket) = carols(&desk);
        desk.let_letters_go();
        let by = || desk.as_person(&ada);
        // Our own acknowledgement went out when the ticket was opened; a colleague of theirs is away.
        mail(
            &desk,
            "carol@contoso.example",
            "Subject: Out of office\r\nAuto-Submitted: auto-replied\r\nIn-Reply-To: <c1@contoso.example>",
            "Back on Monday.",
        );
        // Ada's own mailbox says that she is away; then she passes the mail on to the vendor, with us in copy.
        mail(
            &desk,
            "ada@watch.example.org",
            "Subject: Away: Uplink down\r\nAuto-Submitted: auto-replied\r\nIn-Reply-To: <c1@contoso.example>",
            "Back on Monday.",
        );
        let forwarded = "From: ada@watch.example.org\r\nTo: noc@metrofibre.example\r\nCc: support@watch.example.org\r\n\
             Subject: Fwd: [INC-1] Uplink down\r\nIn-Reply-To: <c1@contoso.example>\r\n\r\nPlease have a look.\r\n";
        let read = deliver(&desk, Some("ada@watch.example.org"), forwarded.as_bytes());
        assert!(read.verdict.is_some());
        assert!(entries(&desk, &ticket, EntryKind::Reply).is_empty());
        act::promise_callback(
            &by(),
            ticket.key,
            None,
            None,
            "+49 30 1",
            START.plus_secs(DAY),
        )
        .unwrap();
        assert_eq!(
            clock(&desk, &ticket, Metric::Respond).state,
            ClockState::Running
        );
        desk.advance(2 * HOUR);
        assert_eq!(
            clock(&desk, &ticket, Metric::Respond).breached_at,
            Some(START.plus_secs(HOUR))
        );
    }
);

both_databases!(
    t38_an_answer_that_did_not_arrive_is_none_and_its_clock_runs_on_from_where_it_began,
    |desk| {
        let (ada, ticket) = carols(&desk);
        let by = || desk.as_person(&ada);
        desk.advance(10 * MINUTE);
        act::reply(&by(), ticket.key, "We see it.", None, None).unwrap();
        assert_eq!(
            clock(&desk, &ticket, Metric::Respond).state,
            ClockState::Met
        );
        assert_eq!(of_metric(&desk, &ticket, Metric::Update).len(), 2);
        desk.relay_answers(Handover::Refused("550 5.1.1 no such user".to_owned()));
        desk.advance(2 * MINUTE);
        let respond = clock(&desk, &ticket, Metric::Respond);
        assert_eq!(
            (respond.state, respond.anchor_at, respond.deadline_at),
            (ClockState::Running, START, Some(START.plus_secs(HOUR)))
        );
        // The update that it began never was, either.
        let update = of_metric(&desk, &ticket, Metric::Update);
        assert_eq!(
            (update[0].state, update[1].cancelled),
            (ClockState::Running, Some(CancelReason::TakenBack))
        );
        assert!(now_of(&desk, &ticket).awaits_us);
        // The page lists the answer that is owed and the update that runs, and not what never was.
        let page = Browser::of(&desk, &ada).get("/INC-1");
        for row in [&respond, &update[0]] {
            page.says(&format!("/INC-1/clocks/{}", row.id));
        }
        let never = format!("/INC-1/clocks/{}", update[1].id);
        assert!(!page.text().contains(&never));
        assert!(
            desk.letters()
                .iter()
                .any(|letter| letter.subject.contains("didn't arrive")
                    && letter.to.as_str() == "ada@watch.example.org")
        );
        caches_are_true(&desk, &ticket);
        let (ok, rows) = desk
            .app
            .store
            .read(|conn| {
                let now = store::ticket::by_id(conn, ticket.id)?.unwrap();
                Ok((
                    sla::is_as_derived(&desk.app, conn, &now, desk.now())?,
                    store::sla::of_ticket(conn, ticket.id)?.len(),
                ))
            })
            .unwrap();
        assert!(ok, "{rows} clocks, what was taken back among them");
        // On a closed ticket it is a note and a notice: neither the ticket nor its clock comes back.
        act::reply(&by(), ticket.key, "We see it still.", None, None).unwrap();
        act::resolve(&by(), ticket.key, None, "a new card").unwrap();
        act::step(&by(), ticket.key, None, State::Closed, "").unwrap();
        desk.relay_answers(Handover::Refused("550 5.1.1 no such user".to_owned()));
        desk.advance(MINUTE);
        assert_eq!(entries(&desk, &ticket, EntryKind::Unsatisfied).len(), 2);
        assert_eq!(
            clock(&desk, &ticket, Metric::Respond).state,
            ClockState::Met
        );
        assert_eq!(now_of(&desk, &ticket).state, State::Closed);
        desk.let_letters_go();
    }
);

both_databases!(
    t41_t42_t43_closing_keeps_lateness_an_answer_ends_it_and_an_owner_at_the_opening_is_one_at_once,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let by = || desk.as_person(&ada);
        let opening = Opening {
            severity: Some(Severity::Disaster),
            owner: Some(ada.id),
            ..Opening::default()
        };
        let title = Title::parse("DB master down").unwrap();
        let ticket = act::open(&by(), Kind::Incident, title, &opening).unwrap();
        let own = clock(&desk, &ticket, Metric::Own);
        assert_eq!((own.state, own.ended_at), (ClockState::Met, Some(START)));
        desk.advance(30 * HOUR);
        let late = clock(&desk, &ticket, Metric::Resolve).breached_at;
        assert_eq!(late, Some(START.plus_secs(DAY)));
        act::resolve(&by(), ticket.key, None, "at last").unwrap();
        act::step(&by(), ticket.key, None, State::Closed, "").unwrap();
        desk.advance(30 * DAY);
        let resolve = clock(&desk, &ticket, Metric::Resolve);
        assert_eq!(
            (resolve.state, resolve.breached_at),
            (ClockState::Missed, late)
        );
        let answered = open(&desk, &ada, Severity::Disaster, None);
        act::take(&by(), answered.key, None).unwrap();
        desk.advance(HOUR);
        assert!(
            !now_of(&desk, &answered).due.is_late,
            "answered, and not overdue"
        );
        assert!(entries(&desk, &answered, EntryKind::ClockBreached).is_empty());
    }
);

both_databases!(
    t27_nobody_is_told_of_a_deadline_that_falls_into_a_wait_and_a_promised_date_is_told_in_it,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let customer = crate::sla::customer(&desk, "Contoso");
        promise(&desk, &ada, customer, &[(Metric::Resolve, None, 2 * HOUR)]);
        let ticket = open(&desk, &ada, Severity::High, Some(customer));
        let by = || desk.as_person(&ada);
        act::take(&by(), ticket.key, None).unwrap();
        let until = desk.now().plus_secs(3 * HOUR);
        act::promise_callback(&by(), ticket.key, None, None, "+49 30 1", until).unwrap();
        desk.advance(HOUR);
        desk.letters();
        let wait = NewHold::new(WaitingOn::Customer, "Which port?");
        ticket_hold::hold(&by(), ticket.key, None, &wait).unwrap();
        desk.advance(HOUR + 30 * MINUTE);
        let resolve = clock(&desk, &ticket, Metric::Resolve);
        assert_eq!(
            (resolve.state, resolve.breached_at, resolve.next_wake_at),
            (ClockState::Held, None, None)
        );
        let told = desk.letters();
        let to_ada = |letter: &&watchkeeper::domain::outgoing::OutgoingMail| {
            letter.to.as_str() == "ada@watch.example.org"
        };
        let about: Vec<&str> = told
            .iter()
            .filter(to_ada)
            .map(|it| it.text.as_str())
            .collect();
        assert!(
            !about.iter().any(|text| text.contains("Resolve")),
            "{about:?}"
        );
        assert!(entries(&desk, &ticket, EntryKind::ClockBreached).is_empty());
        // The call-back is promised for an instant: the wait doesn't move it.
        desk.advance(HOUR);
        assert_eq!(
            clock(&desk, &ticket, Metric::CallBack).breached_at,
            Some(until)
        );
        let late = entries(&desk, &ticket, EntryKind::ClockBreached);
        let late: Vec<_> = late.iter().map(|entry| entry.facts.get("metric")).collect();
        assert_eq!(late, [Some("call_back")]);
        // Released, what was left of the budget runs again.
        ticket_hold::release(&by(), ticket.key, None, None).unwrap();
        assert_eq!(
            clock(&desk, &ticket, Metric::Resolve).deadline_at,
            Some(desk.now().plus_secs(HOUR))
        );
        caches_are_true(&desk, &ticket);
    }
);
