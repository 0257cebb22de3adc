//! Approvals: who has to, for exactly what and until when, and who speaks for whom.

use watchkeeper::actions::approval::{self as act, Ballot, Scene};
use watchkeeper::actions::house::{self, TeamDetails};
use watchkeeper::actions::{
    approval_rule as rules, approval_stand_in as away, change, freeze, redact, ticket_edit,
};
use watchkeeper::app::Ctx;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::approval::{
    Details, Field, HOUSE_SECS, Needs, Reminders, Rule, Verdict, When,
};
use watchkeeper::domain::change::Plan;
use watchkeeper::domain::freeze as windows;
use watchkeeper::domain::id::{PersonId, ServiceId, TeamId, TicketKey};
use watchkeeper::domain::people::ServiceDetails;
use watchkeeper::domain::severity::Risk;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State, Ticket};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::error::{Error, Result};
use watchkeeper::store;

use crate::accounts::{as_person, founded};
use crate::both_databases;
use crate::deploy::{tell, typed};
use crate::desk::{Desk, Staff};
use crate::sla::{HOUR, entries};

pub const APPROVER: Roles = Roles::of(&[Role::Responder, Role::ChangeApprover]);

/// A house with the service `web`, three who approve changes, and the team Databases of the third.
pub struct House {
    pub desk: Desk,
    pub admin: PersonId,
    pub ann: Staff,
    pub ben: Staff,
    pub cleo: Staff,
    pub web: ServiceId,
    pub databases: TeamId,
}

impl House {
    pub fn new(desk: Desk) -> Self {
        desk.let_letters_go();
        let founded = founded(&desk);
        let person = |name: &str| desk.person(name, APPROVER);
        let (ann, ben, cleo) = (person("Ann"), person("Ben"), person("Cleo"));
        let (web, databases) = {
            let by = as_person(&desk.app, founded.admin);
            house::set_environments(&by, "prod\nlab").unwrap();
            let details = ServiceDetails {
                name: "web".into(),
                public_name: "Web shop".into(),
                team_id: founded.team,
                runbook_url: None,
                members_total: 2,
                members_needed: 1,
            };
            let web = house::add_service(&by, &details, &Default::default()).unwrap();
            let team = TeamDetails {
                name: "Databases".into(),
                zone: chrono_tz::UTC,
                calendar_id: None,
                members: vec![cleo.id],
            };
            (web.id, house::add_team(&by, &team).unwrap().id)
        };
        Self {
            admin: founded.admin,
            desk,
            ann,
            ben,
            cleo,
            web,
            databases,
        }
    }

    pub fn admin(&self) -> Ctx<'_> {
        as_person(&self.desk.app, self.admin)
    }

    pub fn by(&self, who: &Staff) -> Ctx<'_> {
        self.desk.as_person(who)
    }

    pub fn rule(&self, when: When, needs: Needs) -> Rule {
        self.rule_that(when, needs, Reminders::default())
    }

    pub fn rule_that(&self, when: When, needs: Needs, reminders: Reminders) -> Rule {
        let details = Details {
            name: "Production".to_owned(),
            when,
            needs,
            binds_commits: false,
            valid_secs: HOUSE_SECS,
            reminders,
            is_active: true,
        };
        rules::add(&self.admin(), &details).unwrap()
    }

    /// A change of `web` that Ann wants.
    pub fn opened(&self) -> TicketKey {
        let opening = Opening {
            services: vec![self.web],
            ..Opening::default()
        };
        let title = Title::parse("Raise pool size").unwrap();
        let plan = Plan {
            revert: "helm rollback web".to_owned(),
            ..Plan::default()
        };
        let opened = change::open(&self.by(&self.ann), title, &opening, plan);
        opened.unwrap().key
    }

    pub fn asked(&self) -> TicketKey {
        let key = self.opened();
        change::ask_approval(&self.by(&self.ann), key, None).unwrap();
        key
    }

    pub fn ticket(&self, key: TicketKey) -> Ticket {
        let read = |conn: &mut store::Conn| store::ticket::by_key(conn, key);
        self.desk
            .app
            .store
            .read(read)
            .unwrap()
            .expect("it is there")
    }

    pub fn approve(&self, who: &Staff, key: TicketKey) -> Result<Ticket> {
        self.ballot(who, key, None)
    }

    pub fn ballot(&self, who: &Staff, key: TicketKey, whom: Option<PersonId>) -> Result<Ticket> {
        let ballot = Ballot {
            digest: None,
            on_behalf: whom,
            not_before: None,
        };
        act::approve(&self.by(who), key, self.ticket(key).version, &ballot)
    }

    pub fn approved(&self) -> TicketKey {
        let key = self.asked();
        assert_eq!(self.approve(&self.ben, key).unwrap().state, State::Approved);
        key
    }

    pub fn scene(&self, key: TicketKey) -> Scene {
        let ticket = self.ticket(key);
        let load = |conn: &mut store::Conn| {
            let change = store::change::of(conn, ticket.id)?;
            Scene::load(conn, &ticket, &change)
        };
        self.desk.app.store.read(load).unwrap()
    }

    pub fn verdict(&self, key: TicketKey) -> Verdict {
        self.scene(key).case.verdict(self.desk.now())
    }

    fn needed(&self, key: TicketKey) -> String {
        let needs = self.scene(key).case.needs(self.desk.now());
        let said = |conn: &mut store::Conn| act::in_words(conn, &needs);
        self.desk.app.store.read(said).unwrap()
    }

    pub fn start(&self, key: TicketKey) -> Result<Ticket> {
        change::start(&self.by(&self.ann), key, None)
    }
}

#[track_caller]
pub fn rule<T: std::fmt::Debug>(outcome: Result<T>) -> &'static str {
    match outcome.unwrap_err() {
        Error::Refused(refusal) | Error::Forbidden(refusal) => refusal.rule,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub fn argument<T: std::fmt::Debug>(outcome: Result<T>, name: &str) -> String {
    let Err(Error::Refused(refusal)) = outcome else {
        panic!("{outcome:?}")
    };
    let found = refusal.args.iter().find(|(known, _)| *known == name);
    found.expect("such a value").1.to_string()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

both_databases!(
    a_rule_wants_two_and_one_of_them_from_a_team_and_what_fits_no_rule_wants_one,
    |desk| {
        let house = House::new(desk);
        let when = When {
            environments: vec!["prod".to_owned()],
            ..When::default()
        };
        let made = house.rule(
            when,
            Needs {
                approvers: 1,
                team: Some(house.databases),
                wants_owner: false,
            },
        );
        let key = house.asked();
        assert_eq!(
            house.needed(key),
            "one approver, one approver from Databases"
        );
        let waits = house.approve(&house.ben, key).unwrap();
        assert_eq!(waits.state, State::AwaitingApproval);
        assert_eq!(house.needed(key), "one approver from Databases");
        let said = entries(&house.desk, &waits, EntryKind::ApprovalGiven);
        assert_eq!(
            said[0].facts.get("needs"),
            Some("one approver from Databases")
        );
        // Twice is no second vote.
        let waits = house.approve(&house.ben, key).unwrap();
        assert_eq!(waits.state, State::AwaitingApproval);
        assert_eq!(rule(house.approve(&house.ann, key)), "not-your-own");
        let approved = house.approve(&house.cleo, key).unwrap();
        assert_eq!(approved.state, State::Approved);
        let said = entries(&house.desk, &approved, EntryKind::Approved);
        assert_eq!(said[0].facts.get("rule"), Some("Production"));
        let digest = house.scene(key).case.snapshot.digest();
        assert_eq!(said[0].facts.get("digest"), Some(digest.as_str()));
        house.start(key).unwrap();

        // In the laboratory one is enough; a change of there isn't deployed to customers.
        let other = house.opened();
        let plan = Plan {
            environment: Some("lab".to_owned()),
            ..Plan::default()
        };
        change::edit(&house.by(&house.ann), other, None, plan).unwrap();
        change::ask_approval(&house.by(&house.ann), other, None).unwrap();
        let approved = house.approve(&house.ben, other).unwrap();
        assert_eq!(approved.state, State::Approved);
        let mut told = typed("2.0", "started");
        told.change = other.to_string();
        assert_eq!(rule(tell(&house.desk, told)), "deploy-elsewhere");
        let nowhere = Plan {
            environment: Some("moon".to_owned()),
            ..Plan::default()
        };
        let wrong = change::edit(&house.by(&house.ann), other, None, nowhere).unwrap_err();
        assert!(matches!(wrong, Error::Invalid(faults) if faults[0].field == "environment"));

        // Retired, it applies to nothing; what was approved under it isn't approved under another.
        let third = house.asked();
        house.approve(&house.ben, third).unwrap();
        let off = Details {
            name: made.name,
            when: made.when,
            needs: made.needs,
            binds_commits: made.binds_commits,
            valid_secs: made.valid_secs,
            reminders: made.reminders,
            is_active: false,
        };
        rules::edit(&house.admin(), made.id, made.version, &off).unwrap();
        let Verdict::Stale { why, .. } = house.verdict(third) else {
            panic!("{:?}", house.verdict(third))
        };
        assert_eq!(why[0].field, Field::Rule);
        let approved = house.approve(&house.ben, third).unwrap();
        assert_eq!(approved.state, State::Approved);
        let audit = house
            .desk
            .app
            .store
            .read(|conn| store::settings::last_doer(conn, "approval-rule", "Production"));
        assert!(audit.unwrap().is_some(), "who changed the rule is kept");
    }
);

both_databases!(
    an_approval_is_for_what_was_seen_and_whatever_is_changed_afterwards_is_asked_anew,
    |desk| {
        let house = House::new(desk);
        let key = house.approved();
        let edit = ticket_edit::Edit {
            title: Some(Title::parse("Halve pool size").unwrap()),
            ..ticket_edit::Edit::default()
        };
        ticket_edit::edit(&house.by(&house.ann), key, None, &edit).unwrap();
        assert_eq!(house.ticket(key).state, State::Approved);
        assert_eq!(rule(house.start(key)), "approval-stale");
        assert_eq!(argument(house.start(key), "fields"), "Title");
        let mut told = typed("2.0", "started");
        told.change = key.to_string();
        assert_eq!(rule(tell(&house.desk, told.clone())), "approval-stale");
        // Whoever saw an older digest approves nothing.
        let old = Ballot {
            digest: Some("0".repeat(64)),
            on_behalf: None,
            not_before: None,
        };
        let version = house.ticket(key).version;
        let stale = act::approve(&house.by(&house.ben), key, version, &old);
        assert!(matches!(stale, Err(Error::Stale)), "{stale:?}");
        // Approved again where it stands, by its first digits.
        let seen = house.scene(key).case.snapshot.digest()[..8].to_owned();
        let ballot = Ballot {
            digest: Some(seen),
            on_behalf: None,
            not_before: None,
        };
        let again = act::approve(&house.by(&house.ben), key, version, &ballot).unwrap();
        assert_eq!(again.state, State::Approved);
        assert!(house.verdict(key).is_standing());
        assert_eq!(rule(house.approve(&house.cleo, key)), "no-such-step");

        // Other services, and asked for anew: whoever said so is on the other side.
        let edit = ticket_edit::Edit {
            services: Some(Vec::new()),
            ..ticket_edit::Edit::default()
        };
        ticket_edit::edit(&house.by(&house.cleo), key, None, &edit).unwrap();
        assert_eq!(argument(house.start(key), "fields"), "Services");
        change::ask_approval(&house.by(&house.ann), key, None).unwrap();
        assert_eq!(house.ticket(key).state, State::AwaitingApproval);
        assert_eq!(house.needed(key), "one approver");
        assert_eq!(rule(house.approve(&house.cleo, key)), "planned-it");
        house.approve(&house.ben, key).unwrap();
        tell(&house.desk, told).unwrap();
        assert_eq!(house.ticket(key).state, State::InProgress);

        // The plan: a draft again, and no vote of before counts.
        let key = house.approved();
        change::edit(&house.by(&house.ann), key, None, Plan::default()).unwrap();
        change::ask_approval(&house.by(&house.ann), key, None).unwrap();
        let scene = house.scene(key);
        let changed = scene.case.votes[0]
            .snapshot
            .differences(&scene.case.snapshot);
        assert_eq!(
            (
                changed[0].field,
                changed[0].before.as_str(),
                changed[0].after.as_str()
            ),
            (Field::Revert, "helm rollback web", "")
        );
        assert_eq!(house.needed(key), "one approver");
    }
);

both_databases!(
    an_approval_runs_out_stands_still_in_a_freeze_and_is_asked_for_again,
    |desk| {
        let house = House::new(desk);
        let key = house.approved();
        let until = house.desk.now().plus_secs(24 * HOUR);
        assert_eq!(house.verdict(key), Verdict::Standing { until });
        house.desk.advance(24 * HOUR);
        assert_eq!(rule(house.start(key)), "approval-expired");
        assert_eq!(argument(house.start(key), "at"), until.rfc3339());
        let mut told = typed("2.0", "started");
        told.change = key.to_string();
        assert_eq!(rule(tell(&house.desk, told)), "approval-expired");
        change::ask_approval(&house.by(&house.ann), key, None).unwrap();
        house.approve(&house.ben, key).unwrap();
        house.start(key).unwrap();
        // What has begun goes on.
        house.desk.advance(48 * HOUR);
        change::watch(&house.by(&house.ann), key, None, None).unwrap();
        change::start(&house.by(&house.ann), key, None).unwrap();

        // Thursday 11:00; the freeze of Friday begins at 22:00, in Stockholm at midnight.
        assert_eq!(house.desk.now(), at("2026-06-04T09:00:00Z"));
        let friday = windows::Details::friday("No changes on Friday", chrono_tz::Europe::Stockholm);
        freeze::add(&house.admin(), &friday).unwrap();
        house.desk.advance(11 * HOUR);
        let key = house.approved();
        assert_eq!(
            house.verdict(key),
            Verdict::Standing {
                until: at("2026-06-09T03:00:00Z")
            }
        );
        house.desk.advance(60 * HOUR);
        assert_eq!(rule(house.start(key)), "frozen");
        house.desk.advance(21 * HOUR);
        assert_eq!(house.desk.now(), at("2026-06-08T05:00:00Z"));
        house.start(key).unwrap();
    }
);

both_databases!(
    whoever_is_away_names_somebody_who_approves_in_their_name_and_never_their_own,
    |desk| {
        let house = House::new(desk);
        house.rule(
            When::default(),
            Needs {
                approvers: 0,
                team: Some(house.databases),
                wants_owner: false,
            },
        );
        let key = house.asked();
        assert_eq!(
            house.approve(&house.ben, key).unwrap().state,
            State::AwaitingApproval
        );
        let as_cleo = |who: &Staff, key| house.ballot(who, key, Some(house.cleo.id));
        assert_eq!(rule(as_cleo(&house.ben, key)), "stands-in-for-nobody");
        // Only somebody who may approve is named, and only by one who may.
        let responder = house.desk.person("Rolf", Roles::of(&[Role::Responder]));
        let ends = house.desk.now().plus_secs(48 * HOUR);
        let wrong = away::add(&house.by(&house.cleo), responder.id, None, ends).unwrap_err();
        assert!(matches!(wrong, Error::Invalid(faults) if faults[0].problem == "may-not-approve"));
        assert_eq!(
            rule(away::add(&house.by(&responder), house.ben.id, None, ends)),
            "needs-role"
        );
        let starts = house.desk.now().plus_secs(HOUR);
        let named = away::add(&house.by(&house.cleo), house.ben.id, Some(starts), ends).unwrap();
        away::add(&house.by(&house.cleo), house.ann.id, None, ends).unwrap();
        assert_eq!(
            rule(as_cleo(&house.ben, key)),
            "stands-in-for-nobody",
            "not yet"
        );
        assert_eq!(rule(as_cleo(&house.ann, key)), "not-your-own");
        house.desk.advance(HOUR);
        let approved = as_cleo(&house.ben, key).unwrap();
        assert_eq!(approved.state, State::Approved);
        let said = entries(&house.desk, &approved, EntryKind::Approved);
        assert_eq!(said[0].actor_name, "Ben");
        assert_eq!(said[0].facts.get("for_name"), Some("Cleo"));
        house.start(key).unwrap();

        // What Cleo wants herself nobody approves in her name.
        let opened = change::open(
            &house.by(&house.cleo),
            Title::parse("Shrink pool").unwrap(),
            &Opening::default(),
            Plan::default(),
        );
        let own = opened.unwrap().key;
        change::ask_approval(&house.by(&house.cleo), own, None).unwrap();
        assert_eq!(rule(as_cleo(&house.ben, own)), "stands-in-for-author");
        // She is back: others don't end it for her, and then it is over.
        assert!(matches!(
            away::end(&house.by(&house.ben), named.id),
            Err(Error::NotFound)
        ));
        away::end(&house.by(&house.cleo), named.id).unwrap();
        assert_eq!(
            rule(away::end(&house.by(&house.cleo), named.id)),
            "unchanged"
        );
        let next = house.asked();
        assert_eq!(rule(as_cleo(&house.ben, next)), "stands-in-for-nobody");
        let left = away::list(&house.by(&house.ann)).unwrap();
        assert_eq!(left.len(), 1);
        for deed in ["stand-in-added", "stand-in-ended"] {
            let read = |conn: &mut store::Conn| store::settings::audit_page(conn, None, 50);
            let lines = house.desk.app.store.read(read);
            assert!(
                lines.unwrap().iter().any(|line| line.deed == deed),
                "{deed}"
            );
        }
    }
);

both_databases!(
    the_team_of_each_service_is_asked_and_what_was_approved_before_rules_were_kept_stands,
    |desk| {
        let house = House::new(desk);
        let key = house.opened();
        // As an older version left it: approved, and no vote.
        let mut ticket = house.ticket(key);
        let now = house.desk.now();
        ticket.state = State::Approved;
        let counted = ticket.entry_count;
        let written = house.desk.app.store.write(|tx| {
            let mut change = store::change::of(tx, ticket.id)?;
            change.approved_by = Some(house.ben.id);
            change.approved_at = Some(now);
            store::change::put(tx, ticket.id, &change)?;
            store::ticket::update(tx, &mut ticket.clone(), counted)
        });
        written.unwrap();
        assert_eq!(
            house.verdict(key),
            Verdict::Standing {
                until: now.plus_secs(24 * HOUR)
            }
        );
        house.start(key).unwrap();

        let risky = When {
            min_risk: Some(Risk::Low),
            ..When::default()
        };
        house.rule(
            risky,
            Needs {
                approvers: 1,
                team: None,
                wants_owner: true,
            },
        );
        let key = house.asked();
        assert_eq!(
            house.needed(key),
            "one approver, one approver from Operations"
        );
        house.approve(&house.ben, key).unwrap();
        let waits = house.approve(&house.cleo, key).unwrap();
        assert_eq!(waits.state, State::AwaitingApproval);
        assert_eq!(house.needed(key), "one approver from Operations");
    }
);

both_databases!(a_title_that_is_redacted_stands_in_no_vote, |desk| {
    let house = House::new(desk);
    let key = house.approved();
    let redaction = redact::Redaction {
        why: "a password".to_owned(),
        text: false,
        files: Vec::new(),
        title: Some(Title::parse("Raise it").unwrap()),
    };
    redact::redact(&house.admin(), key, 1, &redaction).unwrap();
    let scene = house.scene(key);
    let kept = format!("{:?}", scene.case.votes);
    assert!(
        !kept.contains("pool size") && kept.contains("Raise it"),
        "{kept}"
    );
    assert!(house.verdict(key).is_standing());
    house.start(key).unwrap();
});
