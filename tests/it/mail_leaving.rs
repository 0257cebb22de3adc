//! One press and no more letters, for whoever gets them because they watch: the second half of case 109 (RFC 8058).

use watchkeeper::actions::{ticket as act, ticket_parts};
use watchkeeper::domain::timeline::{Actor, EntryKind};
use watchkeeper::store::ticket::Watcher;

use crate::both_databases;
use crate::mail::{colleague, contoso, key, mail, take, timeline, to};
use crate::mail_kept::{head_of, values};
use crate::served::Served;
use crate::visitor::Visitor;

const CAROL: &str = "carol@contoso.example";

both_databases!(
    e109_whoever_watches_leaves_with_one_click_of_their_mail_program_and_whoever_asked_stays,
    |desk| {
        contoso(&desk);
        let bob = colleague(&desk, CAROL, "Bob", "bob@contoso.example");
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        let answer = desk.letters();
        assert!(values(&head_of(to(&answer, CAROL)), "List-Unsubscribe").is_empty());
        let ada = take(&desk, "INC-1");
        ticket_parts::watch(&desk.as_person(&ada), key("INC-1"), Watcher::Contact(bob)).unwrap();
        let reply = |text: &str| {
            act::reply(&desk.as_person(&ada), key("INC-1"), text, None, None).unwrap();
            desk.letters()
        };
        let letters = reply("We look.");
        let head = head_of(to(&letters, "bob@contoso.example"));
        assert_eq!(
            values(&head, "List-Unsubscribe-Post"),
            ["List-Unsubscribe=One-Click"]
        );
        let leaves = values(&head, "List-Unsubscribe")[0].to_owned();
        let place = leaves
            .strip_prefix("<https://watch.example.org")
            .and_then(|rest| rest.strip_suffix('>'))
            .unwrap_or_else(|| panic!("{leaves}"));

        let served = Served::new(&desk.app);
        let nobody = Visitor::new(&served);
        // Looking leaves nothing: programs look at every link.
        let page = nobody.get(place);
        assert!(
            page.status == 200 && page.text.contains("Stop these letters"),
            "{}",
            page.text
        );
        assert!(
            !page.text.contains("Uplink"),
            "it tells no more than the number"
        );
        assert_eq!(reply("We still look.").len(), 2);
        // A link that somebody bent does nothing.
        let last = if place.ends_with('x') { 'y' } else { 'x' };
        let bent = format!("{}{last}", &place[..place.len() - 1]);
        for bent in [bent.as_str(), "/leave/x"] {
            assert_eq!(nobody.post(bent, &[]).status, 404, "{bent}");
        }
        // As a mail program sends it: no session, no page before it.
        let form = [("List-Unsubscribe", "One-Click")];
        for _ in 0..2 {
            let left = nobody.post(place, &form);
            assert_eq!(left.status, 200, "{}", left.text);
            assert!(
                left.text.contains("no more letters about INC-1"),
                "{}",
                left.text
            );
        }
        let letters = reply("Fixed.");
        assert_eq!(letters.len(), 1, "{letters:?}");
        to(&letters, CAROL);
        let said: Vec<_> = timeline(&desk, "INC-1")
            .into_iter()
            .filter(|entry| entry.kind == EntryKind::WatcherRemoved)
            .collect();
        assert_eq!(said.len(), 1);
        assert_eq!(
            (&said[0].actor, said[0].actor_name.as_str()),
            (&Actor::Contact(bob), "Bob")
        );
    }
);
