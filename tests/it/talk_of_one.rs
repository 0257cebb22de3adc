//! Several customers are hit by one incident, and each is answered, called back and spared an answer by themselves.

use serde_json::json;
use watchkeeper::actions::{
    ticket as act, ticket_merge, ticket_parts, ticket_take_back, ticket_talk,
};
use watchkeeper::domain::id::CustomerId;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::sla_clock::{CancelReason, ClockState};
use watchkeeper::domain::timeline::{Audience, EntryKind};
use watchkeeper::store::ticket::Watcher;

use crate::api_walk::is;
use crate::both_databases;
use crate::corrections::{PROOF, Story};
use crate::desk::{Desk, START};
use crate::mail;
use crate::program::Program;
use crate::sla::{HOUR, caches_are_true, clocks, entries, found, now_of, open, promise};
use crate::web::Browser;

/// Contoso's incident, which hits Fabrikam too; both are promised an answer within the hour. Fabrikam's Frank has written.
fn with_fabrikam(desk: &Desk) -> (Story<'_>, CustomerId) {
    hits_fabrikam(desk, Story::new(desk))
}

fn hits_fabrikam<'a>(desk: &'a Desk, story: Story<'a>) -> (Story<'a>, CustomerId) {
    let frank = mail::customer(desk, "Fabrikam", "Frank", "frank@fabrikam.example");
    let contact = desk
        .app
        .store
        .read(|conn| watchkeeper::store::people::contact(conn, frank));
    let fabrikam = contact.unwrap().unwrap().customer_id;
    promise(desk, &story.ada, fabrikam, &[(Metric::Respond, None, HOUR)]);
    let ben = desk.as_person(&story.ben);
    ticket_parts::add_affected(&ben, story.key(), fabrikam, None).unwrap();
    ticket_parts::watch(&ben, story.key(), Watcher::Contact(frank)).unwrap();
    act::update(&ben, story.key(), "It is the uplink.", None).unwrap();
    frank_writes(desk, &story, fabrikam);
    (story, fabrikam)
}

/// Frank answers what we write to Fabrikam alone.
fn frank_writes(desk: &Desk, story: &Story<'_>, fabrikam: CustomerId) {
    let ben = desk.as_person(&story.ben);
    desk.letters();
    act::reply_to(
        &ben,
        story.key(),
        Some(fabrikam),
        "We look.",
        None,
        None,
        &[],
    )
    .unwrap();
    let letters = desk.letters();
    let sent = mail::to(&letters, "frank@fabrikam.example");
    let head = format!(
        "Subject: Re: {}\r\nIn-Reply-To: <{}>\r\nMessage-ID: <f1@fabrikam.example>",
        sent.subject, sent.message_id
    );
    desk.advance(60);
    mail::mail(desk, "frank@fabrikam.example", &head, "And our phones?");
}

/// The newest answer clock of each.
fn answers(story: &Story<'_>, of: CustomerId) -> (ClockState, Option<CancelReason>) {
    let clocks = clocks(story.desk, &story.ticket);
    let of = |row: &&watchkeeper::store::sla::ClockRow| {
        row.metric == Metric::Respond && row.customer_id == Some(of)
    };
    let newest = clocks.iter().filter(of).max_by_key(|row| row.cycle);
    newest.map(|row| (row.state, row.cancelled)).unwrap()
}

both_databases!(
    what_one_of_several_customers_mails_is_theirs_and_starts_their_own_clock,
    |desk| {
        let (story, fabrikam) = with_fabrikam(&desk);
        let said = entries(&desk, &story.ticket, EntryKind::CustomerMessage);
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].audience, Audience::Customer(fabrikam));
        assert_eq!(answers(&story, fabrikam), (ClockState::Running, None));
        assert_eq!(answers(&story, story.contoso).0, ClockState::Met);
        assert!(story.now().awaits_us);
        caches_are_true(&desk, &story.ticket);
    }
);

both_databases!(
    that_no_answer_is_needed_is_said_of_whoever_waits_or_of_the_one_that_is_named,
    |desk| {
        let (story, fabrikam) = with_fabrikam(&desk);
        let ben = || desk.as_person(&story.ben);
        // Said of Contoso it spares Fabrikam nothing.
        ticket_talk::no_reply_needed(&ben(), story.key(), None, Some(story.contoso), "they rang")
            .unwrap();
        assert_eq!(answers(&story, fabrikam), (ClockState::Running, None));
        assert!(story.now().awaits_us, "Fabrikam waits still");
        // Said of nobody in particular it is Fabrikam's, who is the one that waits.
        ticket_talk::no_reply_needed(&ben(), story.key(), None, None, "they see it").unwrap();
        assert_eq!(
            answers(&story, fabrikam),
            (ClockState::Cancelled, Some(CancelReason::NotNeeded))
        );
        assert!(!story.now().awaits_us);
        let spared = entries(&desk, &story.ticket, EntryKind::NoReplyNeeded);
        assert_eq!(spared[1].facts.get("name"), Some("Fabrikam"));
        caches_are_true(&desk, &story.ticket);
        // It was wrong: Fabrikam waits again.
        story.take_back(spared[1].seq).unwrap();
        assert_eq!(answers(&story, fabrikam), (ClockState::Running, None));
        assert!(story.now().awaits_us);
        let stranger = crate::sla::customer(&desk, "Globex");
        let refused =
            ticket_talk::no_reply_needed(&ben(), story.key(), None, Some(stranger), "who?");
        assert!(refused.unwrap_err().to_string().contains("not-affected"));
        caches_are_true(&desk, &story.ticket);
    }
);

both_databases!(
    whom_we_spoke_with_is_answered_and_a_call_back_is_kept_by_speaking_with_whom_it_was_promised_to,
    |desk| {
        let (story, fabrikam) = with_fabrikam(&desk);
        let ben = || desk.as_person(&story.ben);
        let key = story.key();
        let until = START.plus_secs(2 * HOUR);
        act::promise_callback(&ben(), key, None, Some(fabrikam), "+1 555", until).unwrap();
        let owed = || {
            let rows = clocks(&desk, &story.ticket);
            let row = rows.into_iter().rfind(|row| row.metric == Metric::CallBack);
            row.map(|row| (row.customer_id, row.state)).unwrap()
        };
        assert_eq!(owed(), (Some(fabrikam), ClockState::Running));
        let other = act::promise_callback(&ben(), key, None, None, "+1 556", until);
        assert!(other.unwrap_err().to_string().contains("call-back-owed"));
        desk.advance(60);
        // Contoso's call keeps nothing of what Fabrikam was promised.
        act::spoke_with_customer(&ben(), key, None, "All phones are down.").unwrap();
        assert_eq!(owed(), (Some(fabrikam), ClockState::Running));
        assert_eq!(answers(&story, fabrikam), (ClockState::Running, None));
        assert!(story.now().awaits_us && story.now().callback_at.is_some());
        act::spoke_with_customer(&ben(), key, Some(fabrikam), "Yours come with it.").unwrap();
        assert_eq!(owed(), (Some(fabrikam), ClockState::Met));
        assert_eq!(answers(&story, fabrikam).0, ClockState::Met);
        assert!(!story.now().awaits_us && story.now().callback_at.is_none());
        caches_are_true(&desk, &story.ticket);
        // It was somebody else after all.
        let spoke = story.newest(EntryKind::CustomerContact);
        let by = desk.as_person(&story.ada);
        ticket_take_back::take_back(&by, key, None, spoke, "it was Contoso", PROOF).unwrap();
        assert_eq!(owed(), (Some(fabrikam), ClockState::Running));
        assert_eq!(answers(&story, fabrikam), (ClockState::Running, None));
        assert_eq!(story.now().callback_at, Some(until));
        caches_are_true(&desk, &story.ticket);
    }
);

both_databases!(
    a_call_back_that_is_owed_to_one_of_several_goes_along_with_a_merge_and_comes_back,
    |desk| {
        let (story, fabrikam) = with_fabrikam(&desk);
        let ben = || desk.as_person(&story.ben);
        let until = START.plus_secs(2 * HOUR);
        let again = open(&desk, &story.ben, Severity::High, Some(fabrikam));
        act::promise_callback(&ben(), again.key, None, None, "+1 555", until).unwrap();
        ticket_merge::merge(&ben(), again.key, None, story.key(), "the same").unwrap();
        let owed = |of: &watchkeeper::domain::ticket::Ticket| {
            let rows = clocks(&desk, of);
            let row = rows.into_iter().rfind(|row| row.metric == Metric::CallBack);
            row.map(|row| (row.customer_id, row.deadline_at))
        };
        assert_eq!(owed(&story.ticket), Some((Some(fabrikam), Some(until))));
        let other = act::promise_callback(&ben(), story.key(), None, None, "+1 556", until);
        assert!(other.unwrap_err().to_string().contains("call-back-owed"));
        caches_are_true(&desk, &story.ticket);
        ticket_merge::unmerge(&ben(), again.key, None, "they are two").unwrap();
        assert_eq!(now_of(&desk, &again).callback_at, Some(until));
        assert_eq!(story.now().callback_at, None);
        caches_are_true(&desk, &story.ticket);
        caches_are_true(&desk, &again);
    }
);

both_databases!(the_room_asks_which_customer_is_meant, |desk| {
    let (story, fabrikam) = with_fabrikam(&desk);
    let key = story.key();
    let browser = Browser::of(&desk, &story.ben);
    let page = browser.get(&format!("/{key}"));
    page.is(200).says("Whoever waits for one");
    let id = fabrikam.to_string();
    let call = [
        ("customer_id", id.as_str()),
        ("number", "+1 555"),
        ("until", "14:00"),
        ("confirmed", "yes"),
        ("rev", &story.now().version.to_string()),
    ];
    browser.post(&format!("/{key}/callback"), &call).is(303);
    browser
        .get(&format!("/{key}"))
        .is(200)
        .says("promised to call Fabrikam back by");
    let nobody = [("customer_id", "Fabrikam"), ("body", "hello")];
    browser
        .post(&format!("/{key}/spoke"), &nobody)
        .is(422)
        .says("among those who were hit");
    let spoke = [
        ("customer_id", id.as_str()),
        ("body", "Yours come with it."),
    ];
    browser.post(&format!("/{key}/spoke"), &spoke).is(303);
    browser
        .get(&format!("/{key}"))
        .is(200)
        .says("spoke with Fabrikam")
        .says("called Fabrikam back as promised");
    assert_eq!(answers(&story, fabrikam).0, ClockState::Met);
});

both_databases!(programs_name_the_customer_that_is_meant, |desk| {
    let p = Program::new(desk);
    found(&p.desk, &p.ada);
    let ada = p.ada.clone();
    let (story, fabrikam) = hits_fabrikam(&p.desk, Story::led_by(&p.desk, ada));
    let key = story.key();
    let at = format!("/api/v1/tickets/{key}");
    let spared = json!({"why": "thanks only", "customer_id": fabrikam.to_string()});
    p.done("POST", &format!("{at}/no-reply-needed"), spared);
    assert_eq!(answers(&story, fabrikam).0, ClockState::Cancelled);
    let until = START.plus_secs(3 * HOUR).rfc3339();
    let call = json!({"callback_number": "+1 555", "callback_at": until, "customer_id": story.contoso.to_string()});
    p.done("POST", &format!("{at}/callback"), call);
    let spoke = json!({"body": "told them", "customer_id": story.contoso.to_string()});
    p.done("POST", &format!("{at}/conversations"), spoke);
    assert_eq!(now_of(&p.desk, &story.ticket).callback_at, None);
    let unknown =
        json!({"body": "x", "customer_id": "0198b2a0-0000-7000-8000-000000000001"}).to_string();
    let said = p.call("POST", &format!("{at}/conversations"), &[], Some(&unknown));
    is(&said, 422);
    assert_eq!(
        said.faults(),
        [("customer_id".to_owned(), "not-affected".to_owned())]
    );
});
