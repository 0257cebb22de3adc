//! Mail that an older reader could not read, and a newer one can.

use watchkeeper::actions::intake;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::intake::{Verdict, Way};
use watchkeeper::domain::letter::Remark;
use watchkeeper::domain::timeline::Door;
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::mail::{contoso, read_again, stored};
use crate::served::Served;
use crate::visitor::Visitor;

both_databases!(
    a_mail_that_could_not_be_read_is_read_again_once_it_can,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        let raw = b"From: carol@contoso.example\r\nSubject: Uplink down\r\n\r\nSince noon.\r\n";
        let to = ["support@watch.example.org".to_owned()];
        let id = intake::accept(&desk.app, Way::Smtp, None, &to, raw).unwrap();
        let good = read_again(&desk, &stored(&desk, id));
        // As an older reader saw it.
        let mut bad = good.clone();
        bad.remarks.push(Remark::Unreadable);
        bad.text.clear();
        let read = intake::ReadMail {
            mail: stored(&desk, id),
            letter: bad.clone(),
            marks: intake::Marks::default(),
        };
        let mailbox = desk.app.system("mailbox", Door::Mail);
        intake::settle(&mailbox, &[read]).unwrap();
        let unread = stored(&desk, id);
        assert_eq!(unread.verdict, Some(Verdict::Unreadable));

        let by = desk.as_person(&ada);
        let refused = intake::take_in(&by, id, &bad, "").unwrap_err();
        assert!(
            refused.to_string().contains("mail-still-unreadable"),
            "{refused}"
        );
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        let place = format!("/mail/in/{id}");
        assert!(browser.get(&place).text.contains("Read it again"));
        assert_eq!(browser.post(&format!("{place}/take-in"), &[]).status, 303);
        let done = stored(&desk, id);
        assert_eq!(done.verdict, Some(Verdict::Opened));
        assert_ne!(done.ticket, unread.ticket);
        let (ticket, links) = desk
            .app
            .store
            .read(|conn| {
                let ticket = store::ticket::by_id(conn, done.ticket.unwrap())?.unwrap();
                Ok((ticket.clone(), store::ticket_link::links(conn, ticket.id)?))
            })
            .unwrap();
        assert_eq!(ticket.title.to_string(), "Uplink down");
        assert_eq!(
            ticket.impact_at, done.received_at,
            "its clocks start when it came"
        );
        assert!(
            links.iter().any(|link| Some(link.other) == unread.ticket),
            "{links:?}"
        );
        assert!(!browser.get(&place).text.contains("Read it again"));
        assert!(intake::take_in(&by, id, &good, "").is_err(), "once");
    }
);
