//! It works again for one customer, and for another it doesn't: clocks, availability and reports of each.

use serde_json::{Value, json};
use watchkeeper::actions::ticket_restore::{Earlier, not_restored_for, restored_for};
use watchkeeper::actions::{outage, ticket as act, ticket_parts};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::{CustomerId, Kind, TicketKey};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State, Ticket};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::error::{Error, Result};
use watchkeeper::store;
use watchkeeper::store::sla::ClockRow;

use crate::api_walk::{Two, is};
use crate::both_databases;
use crate::desk::{Desk, START, Staff};
use crate::sla::{
    HOUR, MINUTE, RESPONDER, caches_are_true, clocks, customer, entries, house, now_of, open,
    promise,
};
use crate::sla_late_ends::{count, report};
use crate::web::Browser;
use crate::what_if_changes::always;

/// An incident that hit Contoso and Fabrikam, to each of whom a restored service within four hours is promised.
struct Night<'a> {
    desk: &'a Desk,
    /// Leads, and has nothing to do with the ticket.
    ada: Staff,
    ben: Staff,
    contoso: CustomerId,
    fabrikam: CustomerId,
    ticket: Ticket,
}

impl<'a> Night<'a> {
    fn new(desk: &'a Desk) -> Self {
        desk.let_letters_go();
        let ada = house(desk);
        let ben = desk.person("Ben", RESPONDER);
        let (contoso, fabrikam) = (customer(desk, "Contoso"), customer(desk, "Fabrikam"));
        for customer in [contoso, fabrikam] {
            promise(desk, &ada, customer, &[(Metric::Restore, None, 4 * HOUR)]);
        }
        let ticket = open(desk, &ben, Severity::High, Some(contoso));
        let by = desk.as_person(&ben);
        ticket_parts::add_affected(&by, ticket.key, fabrikam, None).unwrap();
        act::take(&by, ticket.key, None).unwrap();
        Self {
            desk,
            ada,
            ben,
            contoso,
            fabrikam,
            ticket,
        }
    }

    fn key(&self) -> TicketKey {
        self.ticket.key
    }

    fn restore(&self, customer: CustomerId) -> ClockRow {
        let rows = clocks(self.desk, &self.ticket);
        let is_it =
            |row: &ClockRow| row.metric == Metric::Restore && row.customer_id == Some(customer);
        rows.into_iter().rfind(is_it).expect("it was promised")
    }

    /// How their promise stands, and when it ended, in minutes since the beginning.
    fn stands(&self, customer: CustomerId) -> (ClockState, Option<i64>) {
        let row = self.restore(customer);
        let minutes = |at: Timestamp| at.secs_since(START) / MINUTE;
        (row.state, row.ended_at.map(minutes))
    }

    /// Since when it works for them, as their row says, in minutes.
    fn works_since(&self, customer: CustomerId) -> Option<i64> {
        let rows = self
            .desk
            .app
            .store
            .read(|conn| store::ticket::affected(conn, self.ticket.id))
            .unwrap();
        let row = rows.iter().find(|row| row.customer_id == customer).unwrap();
        let at = row.restored_at?;
        Some(at.secs_since(START) / MINUTE)
    }

    /// How long it was down for them, in minutes.
    fn down(&self, customer: CustomerId) -> i64 {
        let report = report(self.desk, &self.ada, customer);
        let own = report.sections.iter().find(|it| it.agreement.is_some());
        let served = own.unwrap().availability.clone().unwrap();
        let [one] = served.as_slice() else {
            panic!("{served:?}")
        };
        // Each report takes a second.
        (one.uptime.down + 30_000_000) / 60_000_000
    }

    fn earlier(&self, by: &Staff, customer: CustomerId, minute: i64) -> Result<Ticket> {
        let earlier = Earlier {
            at: START.plus_secs(minute * MINUTE),
            why: "the graphs say so",
            evidence: "https://graphs.example.org/d/7",
        };
        let by = self.desk.as_person(by);
        restored_for(&by, self.key(), None, customer, Some(earlier))
    }

    fn works_again(&self, customer: CustomerId) -> Result<Ticket> {
        let by = self.desk.as_person(&self.ben);
        restored_for(&by, self.key(), None, customer, None)
    }

    fn after_all(&self, customer: CustomerId) -> Result<Ticket> {
        let by = self.desk.as_person(&self.ben);
        not_restored_for(
            &by,
            self.key(),
            None,
            customer,
            "their lines are still dead",
        )
    }

    fn step(&self, to: State) {
        act::step(&self.desk.as_person(&self.ben), self.key(), None, to, "").unwrap();
    }
}

#[track_caller]
fn refused(outcome: Result<Ticket>, rule: &str) {
    match outcome {
        Err(Error::Refused(refusal) | Error::Forbidden(refusal)) => assert_eq!(refusal.rule, rule),
        other => panic!("{rule}: {other:?}"),
    }
}

both_databases!(
    one_customer_works_an_hour_before_the_other_and_each_is_counted_by_their_own,
    |desk| {
        let night = Night::new(&desk);
        let (contoso, fabrikam) = (night.contoso, night.fabrikam);
        desk.advance(4 * HOUR);
        // It is four o'clock; for Fabrikam it has worked since three.
        night.earlier(&night.ada, fabrikam, 180).unwrap();
        assert_eq!(night.stands(fabrikam), (ClockState::Met, Some(180)));
        assert_eq!(night.stands(contoso), (ClockState::Running, None));
        assert_eq!(now_of(&desk, &night.ticket).state, State::InProgress);
        assert_eq!(now_of(&desk, &night.ticket).restored_at, None);
        caches_are_true(&desk, &night.ticket);
        desk.advance(HOUR);
        night.step(State::Restored);
        assert_eq!(night.stands(contoso), (ClockState::Missed, Some(300)));
        assert_eq!(night.stands(fabrikam), (ClockState::Met, Some(180)));
        assert_eq!(night.works_since(contoso), Some(300));
        assert_eq!(night.works_since(fabrikam), Some(180), "not moved");
        desk.advance(HOUR);
        act::resolve(&desk.as_person(&night.ben), night.key(), None, "spliced").unwrap();
        caches_are_true(&desk, &night.ticket);
        assert_eq!((night.down(contoso), night.down(fabrikam)), (300, 180));
        let met = |customer| {
            let count = count(&report(&desk, &night.ada, customer), Metric::Restore);
            (count.met, count.missed)
        };
        assert_eq!((met(contoso), met(fabrikam)), ((0, 1), (1, 0)));
        // Each one's outage report says their own instant.
        for (customer, minutes) in [(contoso, 300), (fabrikam, 180)] {
            let by = desk.as_person(&night.ada);
            let prepared = outage::prepare(&by, night.key(), customer).unwrap();
            let at = START.plus_secs(minutes * MINUTE);
            assert_eq!(prepared.report.restored_at, Some(at));
        }
        // Opened again, it is down for both, and was down once before for each as long as it was.
        act::reopen(&desk.as_person(&night.ben), night.key(), None, "again").unwrap();
        let reopened_at = desk.now();
        desk.advance(30 * MINUTE);
        night.works_again(contoso).unwrap();
        desk.advance(30 * MINUTE);
        act::resolve(&desk.as_person(&night.ben), night.key(), None, "spliced").unwrap();
        let since = |customer| {
            night.works_since(customer).unwrap() - reopened_at.secs_since(START) / MINUTE
        };
        assert_eq!((since(contoso), since(fabrikam)), (30, 60));
        assert_eq!((night.down(contoso), night.down(fabrikam)), (330, 240));
        caches_are_true(&desk, &night.ticket);
    }
);

both_databases!(
    not_restored_after_all_runs_on_as_if_nobody_had_said_so_and_both_stay_on_record,
    |desk| {
        let night = Night::new(&desk);
        let (contoso, fabrikam) = (night.contoso, night.fabrikam);
        desk.advance(HOUR);
        night.works_again(fabrikam).unwrap();
        let due = night.restore(contoso).deadline_at;
        assert_eq!(night.stands(fabrikam), (ClockState::Met, Some(60)));
        desk.advance(HOUR);
        night.after_all(fabrikam).unwrap();
        let row = night.restore(fabrikam);
        assert_eq!((row.state, row.deadline_at), (ClockState::Running, due));
        assert_eq!(night.works_since(fabrikam), None);
        let said = entries(&desk, &night.ticket, EntryKind::AffectedRestored).remove(0);
        let back = entries(&desk, &night.ticket, EntryKind::TakenBack).remove(0);
        assert_eq!(
            (back.corrects, back.body.as_str(), back.actor_name.as_str()),
            (Some(said.seq), "their lines are still dead", "Ben")
        );
        refused(night.after_all(fabrikam), "not-restored");
        // Past the deadline it is late like the other's.
        desk.advance(3 * HOUR);
        assert_eq!(night.restore(fabrikam).breached_at, due);
        night.works_again(fabrikam).unwrap();
        assert_eq!(night.stands(fabrikam), (ClockState::Missed, Some(300)));
        assert_eq!(night.down(fabrikam), 300);
        caches_are_true(&desk, &night.ticket);
        // Everybody was thought to work; for one it doesn't.
        desk.advance(HOUR - 1);
        night.step(State::Restored);
        night.after_all(contoso).unwrap();
        assert_eq!(night.works_since(contoso), None);
        assert_eq!(night.works_since(fabrikam), Some(300));
        assert_eq!(night.stands(contoso), (ClockState::Running, None));
        assert_eq!(now_of(&desk, &night.ticket).state, State::Restored);
        desk.advance(HOUR);
        assert_eq!(night.down(contoso), 420);
        night.works_again(contoso).unwrap();
        assert_eq!(night.stands(contoso), (ClockState::Missed, Some(420)));
        assert_eq!((night.down(contoso), night.down(fabrikam)), (420, 300));
        caches_are_true(&desk, &night.ticket);
    }
);

both_databases!(
    what_was_restored_and_then_wasnt_was_so_for_everybody_and_each_row_says_it,
    |desk| {
        let night = Night::new(&desk);
        let (contoso, fabrikam) = (night.contoso, night.fabrikam);
        desk.advance(HOUR);
        night.works_again(fabrikam).unwrap();
        desk.advance(HOUR);
        night.step(State::Restored);
        desk.advance(HOUR);
        night.step(State::InProgress);
        assert_eq!(
            night.works_since(contoso),
            None,
            "it was, and then it wasn't"
        );
        assert_eq!(night.works_since(fabrikam), None);
        // Nobody can have worked again before it broke.
        refused(
            night.earlier(&night.ada, fabrikam, 150),
            "restored-before-broken",
        );
        desk.advance(HOUR);
        night.step(State::Restored);
        assert_eq!(night.works_since(contoso), Some(240));
        assert_eq!((night.down(contoso), night.down(fabrikam)), (180, 120));
        caches_are_true(&desk, &night.ticket);
    }
);

both_databases!(
    a_time_before_now_takes_the_right_of_a_correction_and_fits_what_is_known,
    |desk| {
        let night = Night::new(&desk);
        let (contoso, fabrikam) = (night.contoso, night.fabrikam);
        desk.advance(2 * HOUR);
        refused(night.earlier(&night.ben, fabrikam, 60), "needs-role");
        refused(
            night.earlier(&night.ada, fabrikam, 121),
            "restored-in-future",
        );
        refused(
            night.earlier(&night.ada, fabrikam, -1),
            "restored-before-impact",
        );
        for (why, evidence, field, problem) in [
            ("", "#1", "why", "required"),
            ("the graphs", "", "evidence", "required"),
            ("the graphs", "#99", "evidence", "unknown-entry"),
        ] {
            let at = START.plus_secs(HOUR);
            let vague = Earlier { at, why, evidence };
            let by = desk.as_person(&night.ada);
            let said = restored_for(&by, night.key(), None, fabrikam, Some(vague));
            let Err(Error::Invalid(errors)) = said else {
                panic!("{why:?} {evidence:?}: {said:?}")
            };
            assert_eq!(
                (errors[0].field.as_ref(), errors[0].problem),
                (field, problem)
            );
        }
        let northwind = customer(&desk, "Northwind");
        let Err(Error::Invalid(errors)) = night.works_again(northwind) else {
            panic!("they weren't hit")
        };
        assert_eq!(errors[0].problem, "not-affected");
        assert_eq!(night.works_since(fabrikam), None, "nothing was written");
        night.works_again(fabrikam).unwrap();
        refused(night.works_again(fabrikam), "already-restored");
        // It was sooner still.
        night.earlier(&night.ada, fabrikam, 60).unwrap();
        assert_eq!(night.stands(fabrikam), (ClockState::Met, Some(60)));
        desk.advance(3 * HOUR);
        act::resolve(&desk.as_person(&night.ben), night.key(), None, "spliced").unwrap();
        assert_eq!(night.stands(contoso), (ClockState::Missed, Some(300)));
        // Of what is resolved one says that it doesn't work by opening it again.
        refused(night.after_all(contoso), "not-open");
        night.earlier(&night.ada, contoso, 200).unwrap();
        let row = night.restore(contoso);
        assert_eq!((row.state, row.breached_at), (ClockState::Met, None));
        let withdrawn = entries(&desk, &night.ticket, EntryKind::ClockWithdrawn);
        assert_eq!(withdrawn.len(), 1, "that it was late stays on record");
        assert_eq!((night.down(contoso), night.down(fabrikam)), (200, 60));
        caches_are_true(&desk, &night.ticket);
        // Further back than agreed is refused, however long ago the ticket was logged.
        desk.advance(7 * 24 * HOUR);
        refused(night.earlier(&night.ada, contoso, 190), "restored-long-ago");
        let audit = desk
            .app
            .store
            .read(|conn| store::settings::audit_page(conn, None, 20))
            .unwrap();
        let lines = audit.iter().filter(|it| it.deed == "times-corrected");
        assert_eq!(lines.count(), 2);
        // Whoever answers for a ticket says nothing of before now, as long as somebody else can.
        let eve = desk.person("Eve", Roles::of(&[Role::Lead, Role::Responder]));
        let own = open(&desk, &eve, Severity::High, Some(contoso));
        act::take(&desk.as_person(&eve), own.key, None).unwrap();
        desk.advance(HOUR);
        let earlier = Earlier {
            at: own.logged_at,
            why: "x",
            evidence: "#1",
        };
        let by = desk.as_person(&eve);
        refused(
            restored_for(&by, own.key, None, contoso, Some(earlier)),
            "backdate-own",
        );
        let opening = Opening {
            customer: Some(contoso),
            ..Opening::default()
        };
        let title = Title::parse("Order disks").unwrap();
        let task = act::open(&by, Kind::Task, title, &opening).unwrap();
        refused(
            restored_for(&by, task.key, None, contoso, None),
            "not-an-incident",
        );
    }
);

both_databases!(
    the_page_has_a_button_beside_each_customer_and_strikes_what_is_taken_back,
    |desk| {
        let night = Night::new(&desk);
        let fabrikam = night.fabrikam.to_string();
        let (ada, ben) = (
            Browser::of(&desk, &night.ada),
            Browser::of(&desk, &night.ben),
        );
        let place = format!("/{}", night.key());
        let post = |browser: &Browser, verb: &str, more: &[(&str, &str)]| {
            let form = [&[("hit", fabrikam.as_str())][..], more].concat();
            browser.post(&format!("{place}/{verb}"), &form)
        };
        let page = ben.get(&place);
        page.is(200)
            .says("Works again<span class=\"vh\">: Fabrikam");
        assert!(!page.text().contains("It worked sooner"), "no right of his");
        ada.get(&place)
            .says("It worked sooner<span class=\"vh\">: Fabrikam");
        desk.advance(2 * HOUR);
        post(&ben, "works-again", &[]).is(303);
        ben.get(&place)
            .says("said that it works again for Fabrikam")
            .says("Not restored after all<span class=\"vh\">: Fabrikam");
        // A met promise moves no deadline; one that runs again does, and is shown before it is saved.
        let why = [("why", "<still> dead")];
        post(&ben, "not-restored", &[]).is(422).says("works since");
        post(&ben, "not-restored", &why)
            .is(200)
            .says("With this customer not working after all")
            .says("Restore, Fabrikam");
        assert_eq!(night.works_since(night.fabrikam), Some(120));
        let rev = now_of(&desk, &night.ticket).version.to_string();
        let sure = [why[0], ("confirmed", "yes"), ("rev", rev.as_str())];
        post(&ben, "not-restored", &sure).is(303);
        ben.get(&place)
            .says("<del><strong>Ben</strong> said that it works again for Fabrikam</del>")
            .says("Taken back by Ben: &#60;still&#62; dead")
            .says("said that it doesn&#39;t work for Fabrikam after all");
        // Stockholm's wall clock: the desk's day begins at eleven.
        let sooner = [
            ("restored_at", "2026-06-01T12:30"),
            ("evidence", "#1"),
            ("why", "the graphs say so"),
        ];
        post(
            &ada,
            "works-again",
            &[sooner[0], ("evidence", "ask Ben"), sooner[2]],
        )
        .is(422)
        .says("ask Ben")
        .says("2026-06-01T12:30");
        post(
            &ada,
            "works-again",
            &[("restored_at", "2026-02-30T10:00"), sooner[2]],
        )
        .is(422)
        .says("is no date and time");
        post(&ada, "works-again", &sooner).is(303);
        assert_eq!(night.stands(night.fabrikam), (ClockState::Met, Some(90)));
    }
);

both_databases!(a_program_says_for_whom_it_works, |desk| {
    let two = Two::new(desk);
    let p = &two.p;
    let (contoso, _) = two.contoso();
    let fabrikam = p.done(
        "POST",
        "/api/v1/customers",
        json!({"name": "Fabrikam", "zone": "UTC"}),
    );
    let fabrikam = fabrikam.text("/id");
    p.desk.let_letters_go();
    let restore = json!({"metric": "restore", "budget_secs": 14_400, "calendar_id": always(p)});
    p.done(
        "POST",
        "/api/v1/agreements",
        json!({"customer_ids": [contoso, fabrikam], "name": "Gold", "targets": [restore]}),
    );
    let key = p.opened(json!({"title": "Uplink down", "severity": "high", "customer_id": contoso}));
    let at = format!("/api/v1/tickets/{key}");
    p.done(
        "POST",
        &format!("{at}/affected"),
        json!({"customer_id": fabrikam}),
    );
    let place = format!("{at}/affected/{fabrikam}");
    let works_since = || {
        let parts = p.get(&format!("{at}/parts")).body;
        let hits = parts["affected"].as_array().unwrap().clone();
        let of = |id: &str| {
            let hit = hits.iter().find(|it| it["customer_id"] == id).unwrap();
            hit["restored_at"].clone()
        };
        (of(&contoso), of(&fabrikam))
    };
    let call = |rest: &str, body: Value| {
        p.call(
            "POST",
            &format!("{place}/{rest}"),
            &[],
            Some(&body.to_string()),
        )
    };
    p.desk.app.time.set(START.plus_secs(2 * HOUR));
    let before = p.get(&at).body;
    let tried = call("restored?dry_run=1", json!({}));
    is(&tried, 200);
    assert_eq!(tried.body["dry_run"], true, "{}", tried.body);
    assert_eq!(p.get(&at).body, before);
    assert_eq!(works_since(), (Value::Null, Value::Null));
    let restore = |body: &Value| {
        let all = body["clocks"].as_array().unwrap().iter();
        let mut all = all.filter(|it| it["metric"] == "restore");
        let own = all.find(|it| it["customer_id"] == fabrikam.as_str());
        own.map(|it| (it["after"]["state"].clone(), it["moves"].clone()))
    };
    assert_eq!(restore(&tried.body), Some((json!("met"), json!(false))));
    let earlier =
        json!({"restored_at": "2026-06-01T10:00:00Z", "why": "the graphs", "evidence": "#1"});
    let bare = call("restored", json!({"restored_at": "2026-06-01T10:00:00Z"}));
    assert_eq!(
        bare.faults(),
        [("evidence".to_owned(), "required".to_owned())]
    );
    is(&call("restored", earlier), 200);
    assert_eq!(works_since(), (Value::Null, json!("2026-06-01T10:00:00Z")));
    let tried = call(
        "not-restored?dry_run=1",
        json!({"why": "their lines are dead"}),
    );
    assert_eq!(restore(&tried.body), Some((json!("running"), json!(true))));
    is(&call("not-restored", json!({"why": ""})), 422);
    is(
        &call("not-restored", json!({"why": "their lines are dead"})),
        200,
    );
    assert_eq!(works_since(), (Value::Null, Value::Null));
    let again = call("not-restored", json!({"why": "their lines are dead"}));
    assert_eq!(
        (again.status, again.text("/rule").as_str()),
        (422, "not-restored")
    );
    let heads = [("if-match", "\"1\"")];
    let stale = p.call("POST", &format!("{place}/restored"), &heads, Some("{}"));
    assert_eq!(stale.status, 412);
    let newest = p.get(&format!("{at}/entries?limit=1"));
    assert_eq!(newest.text("/items/0/kind"), "taken_back");
    assert_eq!(newest.text("/items/0/facts/name"), "Fabrikam");
});
