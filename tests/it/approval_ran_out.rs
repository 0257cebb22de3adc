//! What ran out is asked for again by itself, and a rule that decides as before asks nobody; the change says what the house wrote.

use watchkeeper::actions::{approval_rule, freeze};
use watchkeeper::domain::approval::{Details, Needs, Reminders, When};
use watchkeeper::domain::freeze as windows;
use watchkeeper::domain::ticket::State;
use watchkeeper::domain::timeline::{Audience, EntryKind};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::store::people::Holder;
use watchkeeper::store::timeline::Recorded;

use crate::approval_asks::{ANEW, STILL, heard, managers, said};
use crate::approvals::House;
use crate::both_databases;
use crate::served::Served;
use crate::sla::{HOUR, entries};
use crate::visitor::Visitor;

const RAN_OUT: &str = "Ran out, please approve or refuse again";

both_databases!(
    what_ran_out_is_asked_for_again_once_and_not_while_a_freeze_parks_it,
    |desk| {
        let house = House::new(desk);
        let friday = windows::Details::friday("No changes on Friday", chrono_tz::Europe::Stockholm);
        let friday = freeze::add(&house.admin(), &friday).unwrap();
        // Thursday noon: of its day there are ten hours until the freeze.
        house.desk.advance(75 * HOUR);
        house.desk.letters();
        let key = house.asked();
        house.desk.letters();
        house.approve(&house.ben, key).unwrap();
        house.desk.advance(48 * HOUR);
        assert!(house.desk.letters().is_empty(), "it stands still");
        // Monday: the other fourteen, from 7 on.
        let ends = Timestamp::parse_rfc3339("2026-06-08T19:00:00Z").unwrap();
        house.desk.advance(ends.secs_since(house.desk.now()) - 1);
        assert!(house.desk.letters().is_empty());
        house.desk.advance(1);
        let letters = house.desk.letters();
        assert_eq!(heard(&letters), said(&["ada", "ben", "cleo"], RAN_OUT));
        let text = &letters[0].text;
        for part in ["ran out", "as it was approved", "one approver", "Digest: "] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(house.ticket(key).state, State::Approved);
        // Once; then they are reminded as ever, and the change says so of itself.
        house.desk.advance(4 * HOUR);
        let letters = house.desk.letters();
        assert_eq!(heard(&letters), said(&["ada", "ben", "cleo"], STILL));
        house.desk.advance(96 * HOUR);
        assert!(house.desk.letters().is_empty());
        let told = |key| {
            let of = house.ticket(key);
            let told = entries(&house.desk, &of, EntryKind::ApproversTold);
            assert!(told.iter().all(|it| it.audience == Audience::Internal));
            let fact = |it: &Recorded, name: &str| it.facts.get(name).map(str::to_owned);
            let of = |it: &Recorded| fact(it, "why").into_iter().chain(fact(it, "people"));
            told.iter().flat_map(of).collect::<Vec<String>>()
        };
        let people = "Ada, Ben, Cleo";
        assert_eq!(told(key), ["ran_out", people, "reminder", people]);
        let served = Served::new(&house.desk.app);
        let ann = Visitor::logged_in(&served, &house.desk.app, Holder::Person(house.ann.id));
        let page = ann.get(&format!("/{key}")).text;
        for part in [
            "asked Ada, Ben, Cleo to approve it again: the approval ran out",
            "reminded Ada, Ben, Cleo that it waits for their decision",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        // Approved anew, and run out anew; a window that is switched off lets it run out earlier.
        house.approve(&house.cleo, key).unwrap();
        house.desk.settle();
        let rev = friday.version;
        let mut off =
            windows::Details::friday("No changes on Friday", chrono_tz::Europe::Stockholm);
        off.is_active = false;
        house.desk.advance(HOUR);
        freeze::edit(&house.admin(), friday.id, rev, &off).unwrap();
        house.desk.settle();
        house.desk.advance(23 * HOUR - 1);
        assert!(house.desk.letters().is_empty());
        house.desk.advance(1);
        assert_eq!(
            heard(&house.desk.letters()),
            said(&["ada", "ben", "cleo"], RAN_OUT)
        );
        // What has begun needs no approval any more.
        house.approve(&house.ben, key).unwrap();
        house.start(key).unwrap();
        house.desk.advance(48 * HOUR);
        assert!(house.desk.letters().is_empty());
    }
);

both_databases!(
    a_rule_that_decides_as_before_leaves_an_approval_as_it_was,
    |desk| {
        let house = House::new(desk);
        let managers = managers(&house);
        let two = Needs {
            approvers: 2,
            ..Needs::HOUSE
        };
        let rule = house.rule(When::default(), two);
        let key = house.asked();
        house.approve(&house.ben, key).unwrap();
        house.approve(&house.cleo, key).unwrap();
        house.desk.letters();
        let mut details = Details {
            name: "Everything live".to_owned(),
            when: rule.when.clone(),
            needs: rule.needs,
            binds_commits: rule.binds_commits,
            valid_secs: rule.valid_secs,
            reminders: Reminders {
                remind_secs: HOUR,
                escalate: Some((managers, 3 * HOUR)),
            },
            is_active: true,
        };
        let edited = approval_rule::edit(&house.admin(), rule.id, rule.version, &details).unwrap();
        assert_eq!((edited.version, edited.terms), (2, 1));
        assert!(
            house
                .scene(key)
                .case
                .verdict(house.desk.now())
                .is_standing()
        );
        assert!(house.desk.letters().is_empty(), "nobody is asked anew");
        // What decides: whoever approved it has to look again, and is told why.
        details.valid_secs = HOUR;
        let edited = approval_rule::edit(&house.admin(), rule.id, 2, &details).unwrap();
        assert_eq!((edited.version, edited.terms), (3, 3));
        let letters = house.desk.letters();
        assert_eq!(heard(&letters), said(&["ada", "ben", "cleo"], ANEW));
        let line = "Rule: Everything live (version 1) → Everything live (version 3)";
        assert!(letters[0].text.contains(line), "{}", letters[0].text);
        let started = house.start(key).unwrap_err();
        assert!(
            format!("{started:?}").contains("approval-stale"),
            "{started:?}"
        );
    }
);
