//! Stories of coming in and going out: set-up, log-in, resets, invitations, grants, tokens, the customers' portal.

use std::sync::Arc;

use watchkeeper::actions::login::{self, NewToken};
use watchkeeper::actions::settings::{self, Founded, Founding};
use watchkeeper::actions::{customer, people};
use watchkeeper::app::{App, Ctx};
use watchkeeper::domain::access::{Principal, Reach, Role, Roles, Scope, Scopes, TokenOwner};
use watchkeeper::domain::delivery::DeliveryKind;
use watchkeeper::domain::id::{ContactId, CustomerId, PersonId};
use watchkeeper::domain::people::{ContactDetails, CustomerDetails, PersonDetails};
use watchkeeper::domain::text::EmailAddress;
use watchkeeper::domain::timeline::Door;
use watchkeeper::error::Error;
use watchkeeper::secrets;
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::Desk;
use crate::served::Served;
use crate::visitor::Visitor;

pub const PASSWORD: &str = "a lamp on the pier";

/// A house with its founder, Ada, whose password is [`PASSWORD`].
pub fn founded(desk: &Desk) -> Founded {
    let founding = Founding {
        admin: PersonDetails::parse("Ada", "ada@harbour.example", "Europe/Stockholm", "").unwrap(),
        password_hash: secrets::hash_password(PASSWORD).unwrap(),
        house_name: "Harbour".into(),
        house_zone: chrono_tz::Europe::Stockholm,
        public_url: "https://watch.example.org".into(),
        smtp_relay: String::new(),
        mail_from: String::new(),
        team: "Operations".into(),
        service: "Everything".into(),
        freeze: None,
    };
    settings::found(&desk.app.system("test", Door::Cli), &founding).expect("the house is founded")
}

/// Works as this person with the powers they have now.
pub fn as_person(app: &App, id: PersonId) -> Ctx<'_> {
    let by = app
        .store
        .read(|conn| store::login::principal(conn, Holder::Person(id)))
        .unwrap();
    app.ctx(by.expect("they are still here"), Door::Web)
}

pub fn a_customer(ctx: &Ctx<'_>, name: &str) -> CustomerId {
    let details = CustomerDetails::parse(name, "Europe/Oslo", "en", "", "").unwrap();
    customer::add(ctx, &details)
        .expect("the customer is added")
        .id
}

pub fn a_contact(ctx: &Ctx<'_>, of: CustomerId, name: &str, reach: Reach) -> ContactId {
    let email = format!("{}@{}.example", name.to_lowercase(), of.uuid().simple());
    let details = ContactDetails::parse(name, &email, "", "", reach).unwrap();
    customer::add_contact(ctx, of, &details)
        .expect("the contact is added")
        .id
}

pub const SET_UP: &[(&str, &str)] = &[
    ("name", "Ada"),
    ("email", "ada@harbour.example"),
    ("zone", "Europe/Stockholm"),
    ("password", PASSWORD),
    ("password_again", PASSWORD),
    ("house", "Harbour"),
    ("house_zone", "Europe/Stockholm"),
    ("public_url", "https://watch.example.org"),
    ("team", "Operations"),
    ("service", "Everything"),
    ("smtp_relay", ""),
    ("mail_from", ""),
];

both_databases!(
    a_fresh_house_is_set_up_once_by_its_one_time_link,
    |mut desk| {
        // Without a mail server, as it is at first.
        let app = Arc::get_mut(&mut desk.app).expect("nobody else holds it yet");
        app.post = watchkeeper::outbound::Post::of(&app.config);
        let ctx = desk.app.system("start", Door::Cli);
        let path = login::set_up_path(&ctx)
            .unwrap()
            .expect("nobody has set it up");
        let served = Served::new(&desk.app);
        let browser = Visitor::new(&served);
        assert_eq!(browser.get("/set-up/wrong").status, 404);
        let form = browser.get(&path);
        assert_eq!(form.status, 200);
        assert!(!form.text.contains(" selected"), "no zone is guessed");

        let mut wrong = SET_UP.to_vec();
        wrong[1] = ("email", "ada");
        wrong[2] = ("zone", "");
        wrong[3] = ("password", "short");
        let again = browser.post(&path, &wrong);
        assert_eq!(again.status, 422);
        assert!(again.text.contains("is no mail address") && again.text.contains("At least 10"));
        assert!(
            again.text.contains(r#"value="Harbour""#),
            "what was typed is kept"
        );
        assert!(!again.text.contains("short\""), "a password isn't");

        let founded = browser.post(&path, SET_UP);
        assert_eq!(
            (founded.status, founded.place.as_str()),
            (303, "/"),
            "{}",
            founded.text
        );
        let ada = Visitor::new(&served).holding(founded.session());
        assert_eq!(ada.get("/people").status, 200);
        assert!(ada.get("/profile").text.contains("Nobody can be paged"));
        // Locked: the link, and any new one.
        assert_eq!(browser.get(&path).status, 404);
        assert_eq!(browser.post(&path, SET_UP).status, 404);
        assert_eq!(login::set_up_path(&ctx).unwrap(), None);
    }
);

both_databases!(logging_in_says_nothing_of_who_has_an_account, |desk| {
    founded(&desk);
    let served = Served::new(&desk.app);
    let browser = Visitor::new(&served);
    let away = browser.get("/people?x=1");
    assert_eq!(
        (away.status, away.place.as_str()),
        (303, "/log-in?then=/people%3Fx%3D1")
    );

    let wrong = |email| {
        browser.post(
            "/log-in",
            &[("email", email), ("password", "wrong password")],
        )
    };
    let (known, unknown) = (wrong("ada@harbour.example"), wrong("eve@harbour.example"));
    assert_eq!((known.status, unknown.status), (422, 422));
    let plain = |text: &str, email: &str| {
        text.replace(email, "X")
            .lines()
            .filter(|l| !l.contains("data-now") && !l.contains("Request"))
            .collect::<String>()
    };
    assert_eq!(
        plain(&known.text, "ada@harbour.example"),
        plain(&unknown.text, "eve@harbour.example")
    );

    let good = [
        ("email", "Ada@Harbour.example"),
        ("password", PASSWORD),
        ("then", "//evil.example"),
    ];
    let entered = browser.post("/log-in", &good);
    assert_eq!(
        (entered.status, entered.place.as_str()),
        (303, "/"),
        "nowhere else than here"
    );
    let cookie = entered
        .cookies
        .iter()
        .find(|it| it.starts_with("watchkeeper="))
        .unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    let first = Visitor::new(&served).holding(entered.session());
    assert_eq!(first.get("/profile").status, 200);

    // Logging in again in this browser opens another session and ends the one before.
    let rotated = first.post_bare(
        "/log-in",
        &[
            good[0],
            good[1],
            (
                "csrf",
                &secrets::derive(first.session.as_deref().unwrap(), "form"),
            ),
        ],
        &[],
    );
    assert_ne!(rotated.session(), first.session);
    assert_eq!(first.get("/profile").status, 303);
    let second = Visitor::new(&served).holding(rotated.session());
    assert_eq!(second.get("/profile").status, 200);
    assert_eq!(second.post("/log-out", &[]).status, 303);
    assert_eq!(second.get("/profile").place, "/log-in?then=/profile");
});

both_databases!(guessing_a_password_slows_down_and_waiting_helps, |desk| {
    founded(&desk);
    let served = Served::new(&desk.app);
    let browser = Visitor::new(&served);
    let guess = |password| {
        browser
            .post(
                "/log-in",
                &[("email", "ada@harbour.example"), ("password", password)],
            )
            .status
    };
    for _ in 0..5 {
        assert_eq!(guess("wrong password"), 422);
    }
    assert_eq!(guess(PASSWORD), 429, "even the right one has to wait");
    desk.app.time.set(desk.now().plus_secs(2));
    assert_eq!(guess(PASSWORD), 303);
    assert_eq!(
        guess("wrong password"),
        422,
        "and success forgets the failures"
    );
});

both_databases!(
    a_session_ends_when_nobody_uses_it_and_in_any_case_after_a_month,
    |desk| {
        let ada = founded(&desk).admin;
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada));
        for _ in 0..14 {
            desk.app.time.set(desk.now().plus_secs(2 * 86_400));
            assert_eq!(browser.get("/profile").status, 200);
        }
        desk.app.time.set(desk.now().plus_secs(2 * 86_400));
        assert_eq!(browser.get("/profile").status, 303, "30 days are over");
        let idle = Visitor::logged_in(&served, &desk.app, Holder::Person(ada));
        desk.app.time.set(desk.now().plus_secs(3 * 86_400));
        assert_eq!(idle.get("/profile").status, 303, "3 days without use");
    }
);

/// The paths in the letters of kind account that wait, as they will print them.
fn letter_paths(app: &Arc<App>) -> Vec<String> {
    let letters = app.store.read(|conn| {
        let due = store::outbox::due(conn, 0..10, app.time.now(), 100)?;
        due.into_iter()
            .map(|id| store::outbox::by_id(conn, id))
            .collect::<Result<Vec<_>, _>>()
    });
    let account = letters.unwrap().into_iter().flatten();
    account
        .filter(|letter| letter.kind == DeliveryKind::Account)
        .filter_map(|letter| login::letter_path(app, &letter.facts))
        .collect()
}

both_databases!(a_forgotten_password_is_reset_once_within_an_hour, |desk| {
    let ada = founded(&desk).admin;
    let served = Served::new(&desk.app);
    let browser = Visitor::new(&served);
    let session = Visitor::logged_in(&served, &desk.app, Holder::Person(ada));
    let known = browser.post("/forgotten", &[("email", "ada@harbour.example")]);
    let unknown = browser.post("/forgotten", &[("email", "eve@harbour.example")]);
    assert_eq!((known.status, unknown.status), (200, 200));
    assert!(
        known.text.contains("a letter is on its way")
            && unknown.text.contains("a letter is on its way")
    );
    let paths = letter_paths(&desk.app);
    assert_eq!(paths.len(), 1, "nobody but the known one gets a letter");
    let path = &paths[0];
    assert!(path.starts_with("/reset/"), "{path}");

    assert_eq!(browser.get(path).status, 200);
    let two = |one: &str, other: &str| {
        browser.post(path, &[("password", one), ("password_again", other)])
    };
    assert_eq!(two("new lamp, new pier", "new lamp, old pier").status, 422);
    assert_eq!(
        two("ada@harbour.example", "ada@harbour.example").status,
        422
    );
    assert_eq!(
        two("new lamp, new pier", "new lamp, new pier").place,
        "/log-in"
    );
    assert_eq!(
        two("another new lamp", "another new lamp").status,
        404,
        "it works once"
    );
    assert_eq!(session.get("/profile").status, 303, "all sessions ended");
    let enter = |password| {
        browser.post(
            "/log-in",
            &[("email", "ada@harbour.example"), ("password", password)],
        )
    };
    assert_eq!(
        (enter(PASSWORD).status, enter("new lamp, new pier").status),
        (422, 303)
    );

    desk.app.time.set(desk.now().plus_secs(400));
    browser.post("/forgotten", &[("email", "ada@harbour.example")]);
    let late = letter_paths(&desk.app).pop().unwrap();
    assert_eq!(browser.get(&late).status, 200);
    desk.app.time.set(desk.now().plus_secs(3600));
    assert_eq!(browser.get(&late).status, 404, "an hour is over");
    assert_eq!(browser.get("/reset/").status, 404);
});

both_databases!(an_invited_person_chooses_a_password_and_comes_in, |desk| {
    let ada = founded(&desk).admin;
    let served = Served::new(&desk.app);
    let admin = Visitor::logged_in(&served, &desk.app, Holder::Person(ada));
    let form = [
        ("name", "Tom"),
        ("email", "tom@harbour.example"),
        ("zone", "Europe/Oslo"),
        ("roles", "responder"),
    ];
    let invited = admin.post("/people", &form);
    assert_eq!(invited.status, 200);
    let link = invited
        .text
        .split("/invitation/")
        .nth(1)
        .expect("the link is shown once");
    let path = format!("/invitation/{}", link.split('<').next().unwrap());
    assert_eq!(
        admin.post("/people", &form).status,
        422,
        "the address is taken"
    );
    let tom = Visitor::new(&served);
    assert!(tom.get(&path).text.contains("Hello Tom"));
    let chosen = tom.post(
        &path,
        &[
            ("password", "salt on the rope"),
            ("password_again", "salt on the rope"),
        ],
    );
    assert_eq!(chosen.place, "/log-in");
    let entered = tom.post(
        "/log-in",
        &[
            ("email", "tom@harbour.example"),
            ("password", "salt on the rope"),
        ],
    );
    let tom = Visitor::new(&served).holding(entered.session());
    assert_eq!(tom.get("/people").status, 200);
    assert_eq!(tom.get("/people/new").status, 403);
});

fn a_person(app: &App, by: PersonId, name: &str, roles: &[Role]) -> PersonId {
    let email = format!("{}@harbour.example", name.to_lowercase());
    let details = PersonDetails::parse(name, &email, "Europe/Oslo", "").unwrap();
    people::invite(&as_person(app, by), &details, Roles::of(roles), &[])
        .expect("they are invited")
        .id
}

both_databases!(lost_grants_and_deactivation_count_at_once, |desk| {
    let ada = founded(&desk).admin;
    let tom = a_person(&desk.app, ada, "Tom", &[Role::Responder, Role::Admin]);
    let served = Served::new(&desk.app);
    let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(tom));
    assert_eq!(browser.get("/settings").status, 200);
    people::grant(
        &as_person(&desk.app, ada),
        tom,
        Roles::of(&[Role::Responder]),
    )
    .unwrap();
    assert_eq!(
        browser.get("/settings").status,
        303,
        "a changed grant ends the sessions"
    );
    let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(tom));
    assert_eq!(browser.get("/settings").status, 403);
    people::deactivate(&as_person(&desk.app, ada), tom).unwrap();
    assert_eq!(browser.get("/profile").status, 303);
    let person = desk
        .app
        .store
        .read(|conn| store::people::person(conn, tom))
        .unwrap()
        .unwrap();
    assert_eq!(
        (person.name.as_str(), person.is_active),
        ("Tom", false),
        "they are still known"
    );

    // The last admin stays, whoever asks.
    let by = as_person(&desk.app, ada);
    let lost = people::grant(&by, ada, Roles::of(&[Role::Lead])).unwrap_err();
    assert!(matches!(lost, Error::Refused(refusal) if refusal.rule == "last-admin"));
    let keeper = desk.app.system("admin command", Door::Cli);
    assert!(matches!(
        people::deactivate(&keeper, ada),
        Err(Error::Refused(_))
    ));
});

both_databases!(
    a_token_is_never_stronger_than_its_owner_and_dies_with_them,
    |desk| {
        let ada = founded(&desk).admin;
        let tom = a_person(&desk.app, ada, "Tom", &[Role::Responder]);
        let new = NewToken {
            name: "ci".into(),
            owner: TokenOwner::Person(tom),
            roles: Roles::all(),
            scopes: Scopes::of(&[Scope::Read]),
            expires_at: Some(desk.now().plus_secs(86_400)),
        };
        let other = login::make_token(&as_person(&desk.app, ada), &new);
        assert!(
            matches!(other, Err(Error::NotFound)),
            "nobody makes a token that acts as another"
        );
        let (id, secret) = login::make_token(&as_person(&desk.app, tom), &new).unwrap();
        assert!(secret.starts_with("wk_"));
        let who = |secret: &str| login::program(&desk.app, secret).unwrap();
        let Some(Principal::Token { roles, .. }) = who(&secret) else {
            panic!("it works")
        };
        assert_eq!(
            roles,
            Roles::of(&[Role::Responder]),
            "the owner's, whatever was asked for"
        );
        let kept = desk
            .app
            .store
            .read(|conn| store::token::by_id(conn, id))
            .unwrap()
            .unwrap();
        assert!(!format!("{kept:?}").contains(&secret) && secret.starts_with(&kept.hint));
        assert_eq!(who("wk_nothing"), None);

        people::deactivate(&as_person(&desk.app, ada), tom).unwrap();
        assert_eq!(who(&secret), None);
        people::reactivate(&as_person(&desk.app, ada), tom).unwrap();
        assert_eq!(who(&secret), None, "coming back doesn't bring tokens back");
        let (_, second) = login::make_token(&as_person(&desk.app, tom), &new).unwrap();
        desk.app.time.set(desk.now().plus_secs(86_400));
        assert_eq!(who(&second), None, "expired");
    }
);

both_databases!(
    forms_of_other_sites_and_without_a_token_change_nothing,
    |desk| {
        let ada = founded(&desk).admin;
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada));
        let form = [("name", "Storage"), ("zone", "Europe/Oslo")];
        assert_eq!(browser.post_bare("/teams", &form, &[]).status, 403);
        let token = secrets::derive(browser.session.as_deref().unwrap(), "form");
        let with_token = [form[0], form[1], ("csrf", token.as_str())];
        assert_eq!(
            browser
                .post_bare("/teams", &with_token, &[("sec-fetch-site", "cross-site")])
                .status,
            403
        );
        assert_eq!(
            browser
                .post_bare("/teams", &with_token, &[("origin", "https://evil.example")])
                .status,
            403
        );
        assert_eq!(browser.post("/teams", &form).status, 303);
        assert_eq!(
            browser.post("/teams", &form).status,
            422,
            "the name is taken now"
        );
    }
);

both_databases!(
    an_address_belongs_to_one_person_or_contact_whatever_its_case,
    |desk| {
        let ada = founded(&desk).admin;
        let by = as_person(&desk.app, ada);
        let contoso = a_customer(&by, "Contoso");
        let details =
            ContactDetails::parse("Eve", "ADA@harbour.example", "", "", Reach::Own).unwrap();
        let Err(Error::Invalid(problems)) = customer::add_contact(&by, contoso, &details) else {
            panic!("staff's address isn't a contact's")
        };
        assert_eq!(problems[0].problem, "address-taken");
        let email = EmailAddress::parse("Ada@Harbour.Example").unwrap();
        let holder = desk
            .app
            .store
            .read(|conn| store::people::holder(conn, &email))
            .unwrap();
        assert_eq!(holder, Some(Holder::Person(ada)));
    }
);

both_databases!(
    what_is_done_to_the_house_stands_in_the_audit_for_good,
    |desk| {
        let ada = founded(&desk).admin;
        let by = as_person(&desk.app, ada);
        let secret = "smtps://w:hunter2hunter2@mail.example.org";
        let changes = [(
            watchkeeper::domain::settings::SettingKey::SmtpRelay,
            secret.to_owned(),
        )];
        settings::change(&by, &changes).unwrap();
        let served = Served::new(&desk.app);
        let page = Visitor::logged_in(&served, &desk.app, Holder::Person(ada))
            .get("/audit")
            .text;
        assert!(page.contains("founded the house") && page.contains("changed a setting"));
        assert!(!page.contains("hunter2"), "no password is written down");
    }
);
