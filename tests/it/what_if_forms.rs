//! Forms that would move a deadline are shown before anything is saved.

use watchkeeper::actions::agreement::change_agreement;
use watchkeeper::actions::{ticket as act, ticket_hold};
use watchkeeper::domain::hold::NewHold;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::sla_version::Effect;
use watchkeeper::domain::ticket::{State, WaitingOn};

use crate::both_databases;
use crate::desk::START;
use crate::sla::{HOUR, clock, customer, house, now_of, open, promise};
use crate::web::Browser;

both_databases!(
    a_form_that_moves_a_deadline_is_shown_first_and_one_that_moves_none_is_saved,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let (contoso, fabrikam) = (customer(&desk, "Contoso"), customer(&desk, "Fabrikam"));
        promise(&desk, &ada, contoso, &[(Metric::Resolve, None, 4 * HOUR)]);
        promise(&desk, &ada, fabrikam, &[(Metric::Resolve, None, 2 * HOUR)]);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        let browser = Browser::of(&desk, &ada);
        let place = format!("/{}", ticket.key);
        let post =
            |verb: &str, form: &[(&str, &str)]| browser.post(&format!("{place}/{verb}"), form);
        // The agreement promises the same for every severity.
        post("severity", &[("severity", "average"), ("why", "")]).is(303);
        post("severity", &[("severity", "high"), ("preview", "yes")])
            .is(200)
            .says("No deadline moves.");
        assert_eq!(now_of(&desk, &ticket).severity, Some(Severity::Average));
        let edit = [
            ("was-title", "DB master down"),
            ("title", "DB master down"),
            ("was-customer", "Contoso"),
            ("customer", "Fabrikam"),
            ("was-service", ""),
            ("service", ""),
            ("was-team", ""),
            ("team", ""),
            ("was-due_at", ""),
            ("due_at", ""),
            ("was-bridge_url", ""),
            ("bridge_url", ""),
            ("was-chat_url", ""),
            ("chat_url", ""),
        ];
        let shown = post("edit", &edit);
        // Stockholm's wall clock: due at 15:00 for the one, at 13:00 for the other.
        shown
            .is(200)
            .says("With these changes")
            .says("15:00")
            .says("13:00")
            .says("Resolve, Fabrikam")
            .says("cancelled");
        assert_eq!(now_of(&desk, &ticket).customer, Some(contoso));
        let rev = now_of(&desk, &ticket).version.to_string();
        let mut sure = edit.to_vec();
        sure.extend([("confirmed", "yes"), ("rev", &rev)]);
        post("edit", &sure).is(303);
        assert_eq!(now_of(&desk, &ticket).customer, Some(fabrikam));
        let mut title = edit;
        (title[1].1, title[2].1) = ("DB master is down", "Fabrikam");
        post("edit", &title).is(303);
        // A hold moves it; the way back as well.
        post("hold", &[("on", "vendor"), ("reason", "a part")])
            .is(200)
            .says("held, without an end");
        ticket_hold::hold(
            &desk.as_person(&ada),
            ticket.key,
            None,
            &NewHold::new(WaitingOn::Vendor, "a part"),
        )
        .unwrap();
        post("release", &[])
            .is(200)
            .says("Without the hold")
            .says("held, without an end");
        assert!(now_of(&desk, &ticket).is_held());
        // What nobody may do isn't shown to be possible.
        post("step", &[("to", "closed"), ("why", "")])
            .is(422)
            .says("can&#39;t go from");
    }
);

both_databases!(
    a_call_back_that_is_promised_later_and_a_state_that_a_clock_stands_in_are_shown_first,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        promise(&desk, &ada, contoso, &[(Metric::Resolve, None, 4 * HOUR)]);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        let browser = Browser::of(&desk, &ada);
        let post =
            |verb: &str, form: &[(&str, &str)]| browser.post(&format!("/INC-1/{verb}"), form);
        let call = |until: &'static str| [("number", "+1 555"), ("until", until)];
        act::promise_callback(
            &desk.as_person(&ada),
            ticket.key,
            None,
            None,
            "+1 555",
            START.plus_secs(HOUR),
        )
        .unwrap();
        post("callback", &call("2026-06-01T12:00")).is(303);
        let later = call("2026-06-01T14:30");
        post("callback", &later)
            .is(200)
            .says("With this call-back")
            .says("12:00")
            .says("14:30");
        let due = |metric| clock(&desk, &ticket, metric).deadline_at;
        assert_eq!(due(Metric::CallBack), Some(START.plus_secs(HOUR)));
        let rev = now_of(&desk, &ticket).version.to_string();
        let mut sure = later.to_vec();
        sure.extend([("confirmed", "yes"), ("rev", &rev)]);
        post("callback", &sure).is(303);
        assert_eq!(due(Metric::CallBack), Some(START.plus_secs(7 * HOUR / 2)));
        let (id, version, mut details) = crate::sla_changes::agreed(&desk, contoso);
        details.targets[0].policy.holds_in = vec![State::New, State::Restored];
        let by = desk.as_person(&ada);
        change_agreement(&by, id, version, &details, &Effect::FromNow).unwrap();
        let fresh = open(&desk, &ada, Severity::High, Some(contoso));
        let place = format!("/{}", fresh.key);
        let post =
            |verb: &str, form: &[(&str, &str)]| browser.post(&format!("{place}/{verb}"), form);
        let ada_id = ada.id.to_string();
        for (verb, form, says) in [
            ("take", vec![], "Taken by you"),
            ("pass", vec![("person", ada_id.as_str())], "Passed on"),
        ] {
            post(verb, &form)
                .is(200)
                .says(says)
                .says("held, without an end")
                .says("15:00");
            assert_eq!(now_of(&desk, &fresh).state, State::New, "{verb}");
        }
        let rev = now_of(&desk, &fresh).version.to_string();
        post("take", &[("confirmed", "yes"), ("rev", &rev)]).is(303);
        assert_eq!(now_of(&desk, &fresh).owner, Some(ada.id));
        post("restore", &[("why", "")])
            .is(200)
            .says("Restored")
            .says("held, without an end");
        assert_eq!(now_of(&desk, &fresh).state, State::InProgress);
    }
);
