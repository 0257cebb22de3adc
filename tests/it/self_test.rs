//! Self-test pages: whoever may be called is paged for nothing now and then, and silence is seen by the admins.

use chrono::NaiveDate;
use watchkeeper::actions::oncall::{self, Plan};
use watchkeeper::actions::page;
use watchkeeper::actions::settings;
use watchkeeper::actions::ticket as act;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::escalation::{Step, Target};
use watchkeeper::domain::id::{Kind, PersonId};
use watchkeeper::domain::page::{Link, PageKind};
use watchkeeper::domain::rotation::TurnUnit;
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::store::people::Holder;
use watchkeeper::store::{self, page_log};

use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::oncall::team;
use crate::served::Served;
use crate::visitor::Visitor;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
const RESPONDER: Roles = Roles::of(&[Role::Responder]);

struct Watch {
    desk: Desk,
    root: Staff,
    /// On the rotation.
    lin: Staff,
    /// Only a step of the policy, and far away.
    kai: Staff,
}

/// The desk opens on a Monday at 09:00 UTC.
fn watch(desk: Desk, hours: &str) -> Watch {
    let root = desk.person("Root", Roles::of(&[Role::Admin, Role::Lead]));
    let lin = desk.person("Lin", RESPONDER);
    let kai = desk.person("Kai", RESPONDER);
    let bystander = desk.person("Bystander", RESPONDER);
    live_in(&desk, kai.id, chrono_tz::Pacific::Auckland);
    let netops = team(&desk, "netops", &[&lin, &bystander]);
    let by = desk.as_person(&root);
    let plan = Plan {
        zone: chrono_tz::UTC,
        anchor: NaiveDate::from_ymd_opt(2026, 6, 1)
            .and_then(|day| day.and_hms_opt(9, 0, 0))
            .expect("a day"),
        unit: TurnUnit::Weeks,
        length: 1,
        people: vec![lin.id],
        keep: None,
    };
    oncall::plan_rotation(&by, netops, &plan, None).expect("it is planned");
    let steps = [Target::OnDuty, Target::Person(kai.id)].map(|target| Step {
        targets: vec![target],
        delay_secs: 300,
    });
    oncall::set_policy(&by, netops, &steps, 0, None, 0).expect("a policy");
    settings::change(&by, &[(SettingKey::SelfTestHours, hours.to_owned())]).expect("it is set");
    desk.settle();
    Watch {
        desk,
        root,
        lin,
        kai,
    }
}

fn live_in(desk: &Desk, id: PersonId, zone: chrono_tz::Tz) {
    let moved = desk.app.store.write(|tx| {
        let mut person = store::people::person(tx, id)?.expect("they are here");
        person.zone = zone;
        store::people::update_person(tx, &mut person)
    });
    moved.expect("they moved");
}

impl Watch {
    /// Who was sent something since the last look, and what it says first.
    fn sent(&self) -> Vec<(String, String)> {
        let mut sent: Vec<(String, String)> = self
            .desk
            .letters()
            .into_iter()
            .map(|letter| (letter.to.to_string(), letter.subject))
            .collect();
        sent.sort();
        sent
    }

    fn pages(&self, who: &Staff) -> Vec<page_log::Page> {
        let (from, to) = (crate::desk::START, self.desk.now().plus_secs(1));
        self.desk
            .app
            .store
            .read(|conn| page_log::pages_between(conn, from, to, Some(who.id), 100))
            .unwrap()
    }

    fn answer(&self, page: &page_log::Page) {
        let link = Link::new(page.id, page.person_id, page.queued_at);
        page::acknowledge_by_link(&self.desk.app, &link.token(&self.desk.app.signing_key))
            .expect("it is answered");
    }

    fn front_page(&self, who: &Staff) -> String {
        let served = Served::new(&self.desk.app);
        Visitor::logged_in(&served, &self.desk.app, Holder::Person(who.id))
            .get("/")
            .text
    }
}

const TEST: &str = "Watchkeeper self-test: please answer";
const SILENCE: &str = "No answer to the last self-test page from";

both_databases!(
    whoever_may_be_called_is_tested_every_week_at_a_civil_hour_of_their_own,
    |desk| {
        let watch = watch(desk, "168");
        // Not at once, and not a second before the week is over; then on the rotation's own Monday morning.
        watch.desk.advance(WEEK - HOUR);
        assert_eq!(watch.sent(), []);
        watch.desk.advance(HOUR);
        assert_eq!(
            watch.sent(),
            [("lin@watch.example.org".to_owned(), TEST.to_owned())]
        );
        // For Kai it is Monday 21:00; their Tuesday begins at 21:00 UTC.
        watch.desk.advance(11 * HOUR);
        assert_eq!(watch.sent(), []);
        watch.desk.advance(HOUR);
        assert_eq!(
            watch.sent(),
            [("kai@watch.example.org".to_owned(), TEST.to_owned())]
        );
        let pages = watch.pages(&watch.lin);
        assert_eq!(pages.len(), 1);
        assert_eq!(
            (pages[0].kind, pages[0].ticket_id),
            (PageKind::SelfTest, None)
        );
        let last = watch
            .desk
            .app
            .store
            .read(|conn| page_log::last_paged_at(conn, watch.lin.id))
            .unwrap();
        assert_eq!(last, None, "it holds back no page about an incident");
        // The page says what it is, and counts as no work.
        let link = Link::new(pages[0].id, watch.lin.id, pages[0].queued_at);
        let token = link.token(&watch.desk.app.signing_key);
        let served = Served::new(&watch.desk.app);
        let seen = Visitor::new(&served).get(&format!("/n/{token}"));
        assert!(seen.text.contains("Nothing is wrong."), "{}", seen.text);
        watch.answer(&pages[0]);
        let ledger = Visitor::logged_in(&served, &watch.desk.app, Holder::Person(watch.root.id))
            .get("/ledger.csv?from=2026-06-01&to=2026-06-30");
        let line = ledger
            .text
            .lines()
            .find(|line| line.contains("self-test") && line.contains("Lin"))
            .unwrap_or_else(|| panic!("{}", ledger.text));
        // On call through the night, and no minute of it for this.
        assert!(line.contains("self-test: answered"), "{line}");
        // The week after it comes again.
        watch.desk.advance(WEEK - 12 * HOUR);
        assert_eq!(
            watch.sent(),
            [("lin@watch.example.org".to_owned(), TEST.to_owned())]
        );
        assert_eq!(watch.pages(&watch.lin).len(), 2);
    }
);

both_databases!(
    silence_after_a_self_test_is_a_mark_until_any_page_is_answered,
    |desk| {
        let watch = watch(desk, "168");
        watch.desk.advance(WEEK);
        watch.desk.advance(12 * HOUR);
        assert_eq!(watch.sent().len(), 2);
        let of_lin = watch.pages(&watch.lin).remove(0);
        watch.answer(&of_lin);
        // Kai's day isn't over for another second.
        watch.desk.advance(DAY - 1);
        assert!(!watch.front_page(&watch.root).contains(SILENCE));
        watch.desk.advance(1);
        let seen = watch.front_page(&watch.root);
        assert!(seen.contains(&format!("{SILENCE} Kai.")), "{seen}");
        assert!(
            !watch.front_page(&watch.lin).contains(SILENCE),
            "who can't do anything about it isn't told"
        );
        // The next self-test doesn't hide that the last was never answered.
        watch.desk.advance(WEEK - DAY);
        let sent = watch.sent();
        assert!(
            sent.iter().any(|(to, _)| to.starts_with("kai@")),
            "{sent:?}"
        );
        assert!(watch.front_page(&watch.root).contains(SILENCE));
        // A page about an incident, answered, proves as much.
        let opening = Opening {
            severity: Some(Severity::High),
            ..Opening::default()
        };
        let by = watch.desk.as_person(&watch.root);
        let title = Title::parse("Uplink down").unwrap();
        let broken = act::open(&by, Kind::Incident, title, &opening).unwrap();
        page::ask(&by, broken.key, watch.kai.id).expect("Kai is asked");
        let asked = watch
            .pages(&watch.kai)
            .into_iter()
            .find(|page| page.kind == PageKind::Asked)
            .expect("their page");
        watch.answer(&asked);
        assert!(!watch.front_page(&watch.root).contains(SILENCE));
        watch.desk.let_letters_go();
    }
);

both_databases!(a_house_that_wants_none_has_no_self_tests, |desk| {
    let watch = watch(desk, "24");
    watch.desk.advance(DAY);
    assert_eq!(watch.sent().len(), 1, "only Lin's: it is night for Kai");
    let by = watch.desk.as_person(&watch.root);
    watch.desk.advance(2 * DAY);
    watch.desk.let_letters_go();
    assert!(watch.front_page(&watch.root).contains(SILENCE));
    settings::change(&by, &[(SettingKey::SelfTestHours, "0".to_owned())]).unwrap();
    let before = watch.pages(&watch.lin).len();
    watch.desk.advance(WEEK);
    assert_eq!(watch.pages(&watch.lin).len(), before);
    assert!(!watch.front_page(&watch.root).contains(SILENCE));
    let wrong = settings::change(&by, &[(SettingKey::SelfTestHours, "weekly".to_owned())]);
    assert!(wrong.is_err());
});
