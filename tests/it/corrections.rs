//! Corrections add and never overwrite: what was said by hand is taken back, and what was said late is dated as it was. Both stay on
//! the timeline, and clocks and availability count what is true.

use watchkeeper::actions::ticket_restore::restored_for;
use watchkeeper::actions::ticket_take_back::take_back;
use watchkeeper::actions::ticket_times::{Times, correct};
use watchkeeper::actions::{outage, ticket as act, ticket_hold, ticket_parts, ticket_talk};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::hold::NewHold;
use watchkeeper::domain::id::{ContactId, CustomerId, Kind, TicketKey};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::sla_clock::{CancelReason, ClockState};
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State, Ticket, WaitingOn};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::error::{Error, Result};
use watchkeeper::store;

use crate::both_databases;
use crate::desk::{Desk, START, Staff};
use crate::mail;
use crate::sla::{
    HOUR, MINUTE, RESPONDER, caches_are_true, clock, clocks, customer, entries, house, now_of,
    promise,
};
use crate::sla_late_ends::report;
use crate::web::Browser;

pub const PROOF: &str = "https://phone.example.org/calls/7";

/// An incident of Carol's at Contoso, who is promised an answer within the hour, service within four and a solution within eight.
pub struct Story<'a> {
    pub desk: &'a Desk,
    /// Leads, and has nothing to do with the ticket, which is Ben's.
    pub ada: Staff,
    pub ben: Staff,
    pub contoso: CustomerId,
    pub ticket: Ticket,
}

impl<'a> Story<'a> {
    pub fn new(desk: &'a Desk) -> Self {
        let ada = house(desk);
        Self::led_by(desk, ada)
    }

    pub fn led_by(desk: &'a Desk, ada: Staff) -> Self {
        desk.let_letters_go();
        let ben = desk.person("Ben", RESPONDER);
        let carol: ContactId = mail::customer(desk, "Contoso", "Carol", "carol@contoso.example");
        let contact = desk
            .app
            .store
            .read(|conn| store::people::contact(conn, carol));
        let contoso = contact.unwrap().unwrap().customer_id;
        let promises = [
            (Metric::Respond, None, HOUR),
            (Metric::Restore, None, 4 * HOUR),
            (Metric::Resolve, None, 8 * HOUR),
        ];
        promise(desk, &ada, contoso, &promises);
        let opening = Opening {
            severity: Some(Severity::High),
            customer: Some(contoso),
            requester: Some(carol),
            ..Opening::default()
        };
        let title = Title::parse("Uplink down").unwrap();
        let by = desk.as_person(&ben);
        let ticket = act::open(&by, Kind::Incident, title, &opening).unwrap();
        act::take(&by, ticket.key, None).unwrap();
        Self {
            desk,
            ada,
            ben,
            contoso,
            ticket,
        }
    }

    pub fn key(&self) -> TicketKey {
        self.ticket.key
    }

    pub fn now(&self) -> Ticket {
        now_of(self.desk, &self.ticket)
    }

    /// The place of the newest entry of this kind.
    pub fn newest(&self, kind: EntryKind) -> i64 {
        entries(self.desk, &self.ticket, kind).last().unwrap().seq
    }

    pub fn take_back(&self, seq: i64) -> Result<Ticket> {
        let by = self.desk.as_person(&self.ada);
        take_back(&by, self.key(), None, seq, "it was another customer", PROOF)
    }

    pub fn spoke(&self) -> i64 {
        let by = self.desk.as_person(&self.ben);
        act::spoke_with_customer(&by, self.key(), None, "We are on it").unwrap();
        self.newest(EntryKind::CustomerContact)
    }

    pub fn step(&self, to: State) {
        act::step(&self.desk.as_person(&self.ben), self.key(), None, to, "").unwrap();
    }

    /// Corrects since when it works and when it was resolved, in minutes since the beginning.
    pub fn ends(&self, restored: Option<i64>, resolved: Option<i64>) -> Result<Ticket> {
        let at = |minute: Option<i64>| minute.map(|minute| START.plus_secs(minute * MINUTE));
        let times = Times {
            restored_at: at(restored),
            resolved_at: at(resolved),
            why: "the graphs say so".to_owned(),
            evidence: PROOF.to_owned(),
            ..Times::default()
        };
        correct(&self.desk.as_person(&self.ada), self.key(), None, &times)
    }

    pub fn stands(&self, metric: Metric) -> (ClockState, Option<i64>) {
        let row = clock(self.desk, &self.ticket, metric);
        (row.state, row.ended_at.map(minutes))
    }

    pub fn breached(&self, metric: Metric) -> Option<i64> {
        clock(self.desk, &self.ticket, metric)
            .breached_at
            .map(minutes)
    }

    /// How long it was down for a customer, in minutes.
    pub fn down(&self, customer: CustomerId) -> i64 {
        let report = report(self.desk, &self.ada, customer);
        let own = report.sections.iter().find(|it| it.agreement.is_some());
        let served = own.unwrap().availability.clone().unwrap();
        let micros: i64 = served.iter().map(|one| one.uptime.down).sum();
        // Each report takes a second.
        (micros + 30_000_000) / 60_000_000
    }
}

pub fn minutes(at: Timestamp) -> i64 {
    at.secs_since(START) / MINUTE
}

#[track_caller]
pub fn refused(outcome: Result<Ticket>, rule: &str) {
    match outcome {
        Err(Error::Refused(refusal) | Error::Forbidden(refusal)) => assert_eq!(refusal.rule, rule),
        other => panic!("{rule}: {other:?}"),
    }
}

both_databases!(
    a_call_that_never_was_answers_nobody_and_stays_on_the_timeline,
    |desk| {
        let story = Story::new(&desk);
        desk.advance(20 * MINUTE);
        let by = desk.as_person(&story.ben);
        let until = START.plus_secs(2 * HOUR);
        act::promise_callback(&by, story.key(), None, None, "+1 555", until).unwrap();
        desk.advance(10 * MINUTE);
        let spoke = story.spoke();
        assert_eq!(story.stands(Metric::Respond), (ClockState::Met, Some(30)));
        assert_eq!(story.stands(Metric::CallBack), (ClockState::Met, Some(30)));
        assert!(!story.now().awaits_us);
        desk.advance(HOUR);
        story.take_back(spoke).unwrap();
        // As if it had never been: the answer has been late since ten, the call back is owed as promised.
        assert_eq!(story.stands(Metric::Respond), (ClockState::Running, None));
        assert_eq!(story.breached(Metric::Respond), Some(60));
        assert_eq!(story.stands(Metric::CallBack), (ClockState::Running, None));
        assert_eq!(story.now().callback_at, Some(until));
        assert!(story.now().awaits_us, "Carol waits for an answer");
        let said = entries(&desk, &story.ticket, EntryKind::CustomerContact).remove(0);
        assert_eq!((said.seq, said.body.as_str()), (spoke, "We are on it"));
        let taken = entries(&desk, &story.ticket, EntryKind::TakenBack).remove(0);
        assert_eq!(
            (
                taken.corrects,
                taken.actor_name.as_str(),
                taken.body.as_str(),
                taken.facts.get("evidence")
            ),
            (Some(spoke), "Ada", "it was another customer", Some(PROOF))
        );
        let breaches = entries(&desk, &story.ticket, EntryKind::ClockBreached);
        let of_respond =
            |it: &&store::timeline::Recorded| it.facts.get("metric") == Some("respond");
        assert_eq!(breaches.iter().filter(of_respond).count(), 1);
        caches_are_true(&desk, &story.ticket);
        refused(story.take_back(spoke), "already-taken-back");
        let audit = desk
            .app
            .store
            .read(|conn| store::settings::audit_page(conn, None, 10))
            .unwrap();
        let line = audit
            .iter()
            .find(|it| it.deed == "entry-taken-back")
            .unwrap();
        assert_eq!(
            (line.subject.as_str(), line.actor_name.as_str()),
            ("INC-1", "Ada")
        );
        // Answered at last, it stays late for ever.
        desk.advance(HOUR);
        story.spoke();
        assert_eq!(
            story.stands(Metric::Respond),
            (ClockState::Missed, Some(150))
        );
        assert_eq!(story.breached(Metric::Respond), Some(60));
        assert_eq!(story.now().callback_at, None);
        caches_are_true(&desk, &story.ticket);
    }
);

both_databases!(
    an_answer_that_was_needed_after_all_is_owed_and_a_cycle_that_never_began_is_withdrawn,
    |desk| {
        let story = Story::new(&desk);
        desk.advance(10 * MINUTE);
        let by = desk.as_person(&story.ben);
        ticket_talk::no_reply_needed(&by, story.key(), None, None, "thanks only").unwrap();
        let respond = clock(&desk, &story.ticket, Metric::Respond);
        assert_eq!(respond.cancelled, Some(CancelReason::NotNeeded));
        story
            .take_back(story.newest(EntryKind::NoReplyNeeded))
            .unwrap();
        let respond = clock(&desk, &story.ticket, Metric::Respond);
        assert_eq!(
            (respond.state, respond.deadline_at),
            (ClockState::Running, Some(START.plus_secs(HOUR)))
        );
        assert!(story.now().awaits_us);
        // Answered in time, as was thought; the next question began a cycle, which became late.
        desk.advance(10 * MINUTE);
        let spoke = story.spoke();
        desk.advance(10 * MINUTE);
        let letter = "Subject: Re: [INC-1] Uplink down\r\nMessage-ID: <c2@contoso.example>";
        mail::mail(&desk, "carol@contoso.example", letter, "Any news?");
        desk.advance(2 * HOUR);
        let row = clock(&desk, &story.ticket, Metric::Respond);
        assert_eq!((row.cycle, row.breached_at.map(minutes)), (2, Some(90)));
        story.take_back(spoke).unwrap();
        let rows = clocks(&desk, &story.ticket);
        let of = |cycle| {
            let is_it =
                |row: &&store::sla::ClockRow| row.metric == Metric::Respond && row.cycle == cycle;
            rows.iter().find(is_it).unwrap()
        };
        assert_eq!(
            (of(1).state, of(1).breached_at.map(minutes)),
            (ClockState::Running, Some(60))
        );
        assert_eq!(
            (of(2).state, of(2).cancelled, of(2).breached_at),
            (ClockState::Cancelled, Some(CancelReason::TakenBack), None)
        );
        let withdrawn = entries(&desk, &story.ticket, EntryKind::ClockWithdrawn);
        assert_eq!(
            (
                withdrawn[0].facts.get("cause"),
                withdrawn[0].facts.get("name")
            ),
            (Some("taken_back"), Some("Ada"))
        );
        caches_are_true(&desk, &story.ticket);
    }
);

both_databases!(
    taking_back_needs_the_right_the_reason_and_the_evidence_of_a_correction,
    |desk| {
        let story = Story::new(&desk);
        let spoke = story.spoke();
        let key = story.key();
        let back = |who: &Staff, seq, why, proof| {
            take_back(&desk.as_person(who), key, None, seq, why, proof)
        };
        refused(back(&story.ben, spoke, "x", PROOF), "needs-role");
        for (why, proof, field, problem) in [
            ("", PROOF, "why", "required"),
            ("x", "", "evidence", "required"),
            ("x", "#99", "evidence", "unknown-entry"),
            ("x", "ask Ben", "evidence", "not-a-web-address"),
        ] {
            let said = back(&story.ada, spoke, why, proof);
            let Err(Error::Invalid(errors)) = said else {
                panic!("{why:?} {proof:?}: {said:?}")
            };
            assert_eq!(
                (errors[0].field.as_ref(), errors[0].problem),
                (field, problem)
            );
        }
        // What was sent or happened by itself can't be taken back.
        act::reply(&desk.as_person(&story.ben), key, "We are on it", None, None).unwrap();
        for kind in [EntryKind::Opened, EntryKind::Reply, EntryKind::OwnerSet] {
            let seq = story.newest(kind);
            refused(back(&story.ada, seq, "x", PROOF), "not-to-be-taken-back");
        }
        assert!(matches!(
            back(&story.ada, 99, "x", PROOF),
            Err(Error::NotFound)
        ));
        assert_eq!(
            story.stands(Metric::Respond).0,
            ClockState::Met,
            "nothing was written"
        );
        // Nobody takes back what they answer for themselves, as long as somebody else can.
        let eve = desk.person("Eve", Roles::of(&[Role::Lead, Role::Responder]));
        act::assign(&desk.as_person(&story.ben), key, None, eve.id).unwrap();
        refused(back(&eve, spoke, "x", PROOF), "backdate-own");
        back(&story.ada, spoke, "x", "#1").unwrap();
        // The letter of then answered all the same.
        assert_eq!(story.stands(Metric::Respond).0, ClockState::Met);
    }
);

both_databases!(
    what_was_never_restored_is_in_progress_and_was_down_all_the_time,
    |desk| {
        let story = Story::new(&desk);
        desk.advance(2 * HOUR);
        story.step(State::Restored);
        assert_eq!(story.stands(Metric::Restore), (ClockState::Met, Some(120)));
        desk.advance(HOUR);
        story.take_back(story.newest(EntryKind::Restored)).unwrap();
        assert_eq!(
            (story.now().state, story.now().restored_at),
            (State::InProgress, None)
        );
        let restore = clock(&desk, &story.ticket, Metric::Restore);
        assert_eq!(
            (restore.state, restore.deadline_at),
            (ClockState::Running, Some(START.plus_secs(4 * HOUR))),
            "nothing is left out of what counts"
        );
        desk.advance(2 * HOUR);
        assert_eq!(story.down(story.contoso), 300);
        // Restored, and resolved: taken back, it worked from the solution on.
        story.step(State::Restored);
        desk.advance(HOUR - 1);
        act::resolve(&desk.as_person(&story.ben), story.key(), None, "spliced").unwrap();
        assert_eq!(
            story.stands(Metric::Restore),
            (ClockState::Missed, Some(300))
        );
        story.take_back(story.newest(EntryKind::Restored)).unwrap();
        assert_eq!(story.now().state, State::Resolved);
        assert_eq!(story.now().restored_at, story.now().resolved_at);
        assert_eq!(
            story.stands(Metric::Restore),
            (ClockState::Missed, Some(360))
        );
        assert_eq!(story.breached(Metric::Restore), Some(240), "a breach stays");
        assert_eq!(story.down(story.contoso), 360);
        caches_are_true(&desk, &story.ticket);
    }
);

both_databases!(
    it_worked_sooner_than_it_was_logged_and_clocks_and_availability_count_that,
    |desk| {
        let story = Story::new(&desk);
        let fabrikam = customer(&desk, "Fabrikam");
        promise(
            &desk,
            &story.ada,
            fabrikam,
            &[(Metric::Restore, None, 4 * HOUR)],
        );
        let ben = || desk.as_person(&story.ben);
        ticket_parts::add_affected(&ben(), story.key(), fabrikam, None).unwrap();
        refused(story.ends(Some(10), None), "nothing-restored");
        refused(story.ends(None, Some(10)), "nothing-resolved");
        desk.advance(3 * HOUR);
        restored_for(&ben(), story.key(), None, fabrikam, None).unwrap();
        desk.advance(100 * MINUTE);
        // Said at 13:40, it worked at 12:50.
        story.step(State::Restored);
        let contosos = || {
            let rows = clocks(&desk, &story.ticket);
            let is_it = |row: &store::sla::ClockRow| {
                row.metric == Metric::Restore && row.customer_id == Some(story.contoso)
            };
            let row = rows.into_iter().rfind(is_it).unwrap();
            (
                row.state,
                row.ended_at.map(minutes),
                row.breached_at.map(minutes),
            )
        };
        assert_eq!(contosos(), (ClockState::Missed, Some(280), Some(240)));
        desk.advance(20 * MINUTE);
        refused(story.ends(Some(281), None), "ended-after-said");
        refused(story.ends(Some(-1), None), "restored-before-impact");
        refused(story.ends(Some(280), None), "unchanged");
        story.ends(Some(230), None).unwrap();
        assert_eq!(contosos(), (ClockState::Met, Some(230), None));
        assert_eq!(story.now().restored_at.map(minutes), Some(230));
        // The old one stays visible, and so does that it had been late.
        let said = entries(&desk, &story.ticket, EntryKind::Restored).remove(0);
        assert_eq!(minutes(said.effective_at), 280);
        let changed = entries(&desk, &story.ticket, EntryKind::RestoredChanged).remove(0);
        let fact = |name| changed.facts.instant(name).map(minutes);
        assert_eq!((fact("from"), fact("to")), (Some(280), Some(230)));
        assert_eq!(changed.corrects, Some(said.seq));
        let withdrawn = entries(&desk, &story.ticket, EntryKind::ClockWithdrawn);
        assert_eq!(withdrawn[0].facts.get("cause"), Some("restored_changed"));
        // Whoever worked sooner on their own keeps their time.
        assert_eq!(
            (story.down(story.contoso), story.down(fabrikam)),
            (230, 180)
        );
        let prepared = outage::prepare(&desk.as_person(&story.ada), story.key(), story.contoso);
        let restored_at = prepared.unwrap().report.restored_at;
        assert_eq!(restored_at.map(minutes), Some(230));
        caches_are_true(&desk, &story.ticket);
        // The last word counts, and may be later than the one before it.
        story.ends(Some(260), None).unwrap();
        assert_eq!(contosos(), (ClockState::Missed, Some(260), Some(240)));
        assert_eq!(story.down(story.contoso), 260);
        caches_are_true(&desk, &story.ticket);
        // The mark on the page says both.
        Browser::of(&desk, &story.ben)
            .get("/INC-1")
            .says("restored service")
            .says("in fact since 15:20")
            .says("corrected since when it works: 15:20, not 14:50");
    }
);

both_databases!(
    it_was_resolved_sooner_than_it_was_logged_and_never_before_what_came_before,
    |desk| {
        let story = Story::new(&desk);
        let ben = || desk.as_person(&story.ben);
        desk.advance(2 * HOUR);
        story.step(State::Restored);
        desk.advance(HOUR);
        let part = NewHold::new(WaitingOn::Vendor, "a part");
        ticket_hold::hold(&ben(), story.key(), None, &part).unwrap();
        desk.advance(7 * HOUR);
        act::resolve(&ben(), story.key(), None, "spliced").unwrap();
        // Held for seven of the ten hours.
        assert_eq!(story.stands(Metric::Resolve), (ClockState::Met, Some(600)));
        refused(story.ends(None, Some(601)), "ended-after-said");
        refused(story.ends(None, Some(170)), "resolved-before-hold");
        refused(story.ends(None, Some(-5)), "restored-before-impact");
        story.ends(None, Some(400)).unwrap();
        assert_eq!(story.stands(Metric::Resolve), (ClockState::Met, Some(400)));
        assert_eq!(story.now().resolved_at.map(minutes), Some(400));
        assert_eq!(story.now().restored_at.map(minutes), Some(120));
        assert_eq!(story.down(story.contoso), 120);
        caches_are_true(&desk, &story.ticket);
        act::reopen(&ben(), story.key(), None, "again").unwrap();
        let reopened = minutes(story.now().updated_at);
        desk.advance(HOUR);
        act::resolve(&ben(), story.key(), None, "spliced anew").unwrap();
        let again = minutes(desk.now());
        refused(
            story.ends(None, Some(reopened - 1)),
            "restored-before-broken",
        );
        // The solution was the restoration here: it moves with it, and on its own.
        story.ends(None, Some(reopened + 40)).unwrap();
        assert_eq!(story.now().restored_at.map(minutes), Some(reopened + 40));
        assert_eq!(story.down(story.contoso), 160);
        story.ends(Some(reopened + 10), None).unwrap();
        assert_eq!(story.now().resolved_at.map(minutes), Some(reopened + 40));
        assert_eq!(story.stands(Metric::Restore).1, Some(reopened + 10));
        assert_eq!(story.stands(Metric::Resolve).1, Some(reopened + 40));
        assert_eq!(story.down(story.contoso), 130);
        refused(
            story.ends(None, Some(reopened + 5)),
            "resolved-before-restored",
        );
        caches_are_true(&desk, &story.ticket);
        assert_eq!(again - reopened, 60);
        // Further back than agreed is refused.
        let title = Title::parse("Old").unwrap();
        let old = act::open(&ben(), Kind::Incident, title, &Opening::default()).unwrap();
        desk.advance(8 * 24 * HOUR);
        act::resolve(&ben(), old.key, None, "at last").unwrap();
        let times = Times {
            resolved_at: Some(old.logged_at.plus_secs(HOUR)),
            why: "nobody wrote it down".to_owned(),
            evidence: PROOF.to_owned(),
            ..Times::default()
        };
        let by = desk.as_person(&story.ada);
        refused(correct(&by, old.key, None, &times), "restored-long-ago");
    }
);
