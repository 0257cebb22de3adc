//! The customer's outage report: what is in it, what is kept out, who may release it.

use watchkeeper::actions::outage;
use watchkeeper::actions::ticket as act;
use watchkeeper::actions::ticket_parts as parts;
use watchkeeper::domain::access::{Reach, Roles};
use watchkeeper::domain::id::{CustomerId, Id, Kind};
use watchkeeper::domain::outage::{DataLoss, DiscoveredBy, Edition, Format, Part, Texts};
use watchkeeper::domain::people::Customer;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::ticket::{Opening, Ticket};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::Error;
use watchkeeper::store;

use crate::accounts::a_contact;
use crate::after::{RESPONDER, kinds, rule, ticket, title};
use crate::both_databases;
use crate::desk::{Desk, Staff};

/// An incident that hit Northwind, with one entry marked for the report and one that isn't.
pub fn outage_at(desk: &Desk, who: &Staff) -> (Ticket, CustomerId) {
    let customer = Customer {
        id: Id::new(desk.now()),
        name: "Northwind".to_owned(),
        zone: chrono_tz::Europe::Berlin,
        language: "en".to_owned(),
        domains: Vec::new(),
        note: String::new(),
        is_active: true,
        version: 1,
    };
    let other = Customer {
        id: Id::new(desk.now()),
        name: "Contoso".to_owned(),
        ..customer.clone()
    };
    let now = desk.now();
    desk.app
        .store
        .write(|tx| {
            store::customer::insert(tx, &customer, now)?;
            store::customer::insert(tx, &other, now)
        })
        .unwrap();
    let ctx = desk.as_person(who);
    let opening = Opening {
        severity: Some(Severity::Disaster),
        customer: Some(customer.id),
        ..Opening::default()
    };
    let broken = act::open(&ctx, Kind::Incident, title("db-master-01 down"), &opening).unwrap();
    act::take(&ctx, broken.key, None).unwrap();
    act::note(
        &ctx,
        broken.key,
        "Orders failed for a third of the customers",
    )
    .unwrap();
    let marked = ticket(desk, "INC-1").unwrap().entry_count;
    parts::mark_for_report(&ctx, broken.key, marked, true).unwrap();
    act::note(&ctx, broken.key, "Ada forgot to renew the disk").unwrap();
    desk.advance(47 * 60);
    act::resolve(
        &desk.as_person(who),
        broken.key,
        None,
        "failed over to db-master-02",
    )
    .unwrap();
    (broken, customer.id)
}

fn texts(cause: &str) -> Texts {
    Texts {
        title: "Orders could not be paid".to_owned(),
        edition: Edition::First,
        discovered_by: DiscoveredBy::Monitoring,
        data_loss: DataLoss::None,
        parts: vec![
            (Part::Summary, "33% of orders failed.".to_owned()),
            (Part::Resolution, "We moved to the standby.".to_owned()),
            (Part::Cause, cause.to_owned()),
        ],
        next_update_at: None,
        contact: String::new(),
    }
}

both_databases!(
    a_report_holds_only_what_was_marked_and_says_that_it_is_a_draft,
    |desk| {
        let ada = desk.person("Ada", RESPONDER);
        let (broken, northwind) = outage_at(&desk, &ada);
        let ctx = desk.as_person(&ada);
        outage::save(&ctx, broken.key, northwind, None, &texts("A full disk.")).unwrap();
        let text = |format| {
            let export = outage::export(&ctx, broken.key, northwind, format).unwrap();
            assert!(export.file_name.contains("-draft."), "{}", export.file_name);
            export.bytes
        };
        for format in [Format::Html, Format::Markdown, Format::Text] {
            let said = String::from_utf8(text(format)).unwrap();
            assert!(said.contains("DRAFT"), "{said}");
            assert!(said.contains("Orders failed for a third of the customers"));
            // 09:00 UTC is 11:00 in Berlin.
            assert!(said.contains("1 Jun 2026 11:00 CEST"), "{said}");
            for internal in [
                "Ada",
                "forgot",
                "db-master",
                "INC-1",
                "Contoso",
                "watch.example.org",
            ] {
                assert!(!said.contains(internal), "{internal} in {said}");
            }
        }
        let pdf = text(Format::Pdf);
        assert!(pdf.starts_with(b"%PDF-"));
        assert_eq!(pdf, text(Format::Pdf), "the same draft is the same bytes");
        for internal in ["Ada", "db-master", "INC-1"] {
            assert!(
                !pdf.windows(internal.len())
                    .any(|window| window == internal.as_bytes())
            );
        }
    }
);

both_databases!(a_report_that_leaks_does_not_leave, |desk| {
    let ada = desk.person("Ada", RESPONDER);
    let tom = desk.person("Tom", RESPONDER);
    let (broken, northwind) = outage_at(&desk, &ada);
    let ctx = desk.as_person(&ada);
    for leak in [
        "Tom pulled the wrong cable.",
        "db-master-01 was full.",
        "See INC-1.",
        "Contoso had it too.",
    ] {
        let rev = outage::prepare(&ctx, broken.key, northwind)
            .unwrap()
            .stored
            .map(|stored| stored.rev);
        outage::save(&ctx, broken.key, northwind, rev, &texts(leak)).unwrap();
        let refused = outage::export(&ctx, broken.key, northwind, Format::Pdf)
            .err()
            .expect("blocked");
        assert_eq!(rule(refused), "report-leaks", "{leak}");
        let hash = outage::prepare(&ctx, broken.key, northwind)
            .unwrap()
            .report
            .hash();
        let refused =
            outage::approve(&desk.as_person(&tom), broken.key, northwind, &hash).unwrap_err();
        assert_eq!(rule(refused), "report-leaks", "{leak}");
    }
});

both_databases!(
    a_report_is_approved_by_somebody_else_and_frozen_with_its_hash,
    |desk| {
        let ada = desk.person("Ada", RESPONDER);
        let tom = desk.person("Tom", RESPONDER);
        let (broken, northwind) = outage_at(&desk, &ada);
        let ctx = desk.as_person(&ada);
        outage::save(&ctx, broken.key, northwind, None, &texts("A full disk.")).unwrap();
        assert!(matches!(
            outage::save(&ctx, broken.key, northwind, None, &texts("Two at once.")).unwrap_err(),
            Error::Stale
        ));
        let hash = outage::prepare(&ctx, broken.key, northwind)
            .unwrap()
            .report
            .hash();
        let refused = outage::approve(&ctx, broken.key, northwind, &hash).unwrap_err();
        assert_eq!(rule(refused), "report-needs-another");
        assert!(matches!(
            outage::approve(&desk.as_person(&tom), broken.key, northwind, "another text")
                .unwrap_err(),
            Error::Stale
        ));
        outage::approve(&desk.as_person(&tom), broken.key, northwind, &hash).unwrap();
        let pdf = || outage::export(&ctx, broken.key, northwind, Format::Pdf).unwrap();
        let approved = pdf();
        assert!(!approved.file_name.contains("draft"));
        let text = outage::export(&ctx, broken.key, northwind, Format::Text).unwrap();
        let text = String::from_utf8(text.bytes).unwrap();
        assert!(text.contains(&hash), "{text}");
        assert!(!text.contains("DRAFT"));
        // What happens on the ticket afterwards changes nothing of what was approved.
        act::note(&ctx, broken.key, "Payments work again").unwrap();
        let last = ticket(&desk, "INC-1").unwrap().entry_count;
        parts::mark_for_report(&ctx, broken.key, last, true).unwrap();
        assert_eq!(pdf().bytes, approved.bytes);
        // Writing on begins the next version under the same document number.
        let first = outage::prepare(&ctx, broken.key, northwind)
            .unwrap()
            .stored
            .expect("stored");
        let next = outage::save(
            &ctx,
            broken.key,
            northwind,
            Some(first.rev),
            &texts("A full disk."),
        )
        .unwrap();
        assert_eq!((next.version, next.document_id), (2, first.document_id));
        assert!(kinds(&desk, &broken).contains(&EntryKind::ReportApproved));
    }
);

both_databases!(where_nobody_else_is_there_the_waiver_is_printed, |desk| {
    let ada = desk.person("Ada", RESPONDER);
    let (broken, northwind) = outage_at(&desk, &ada);
    let ctx = desk.as_person(&ada);
    outage::save(&ctx, broken.key, northwind, None, &texts("A full disk.")).unwrap();
    let hash = outage::prepare(&ctx, broken.key, northwind)
        .unwrap()
        .report
        .hash();
    outage::approve(&ctx, broken.key, northwind, &hash).unwrap();
    let text = outage::export(&ctx, broken.key, northwind, Format::Text).unwrap();
    assert!(
        String::from_utf8(text.bytes)
            .unwrap()
            .contains("by its author alone")
    );
});

both_databases!(e97_a_file_that_is_sent_arrives_byte_for_byte, |desk| {
    desk.let_letters_go();
    let ada = desk.person("Ada", RESPONDER);
    let (broken, northwind) = outage_at(&desk, &ada);
    let admin = desk.person("Root", Roles::all());
    let nora = a_contact(&desk.as_person(&admin), northwind, "Nora", Reach::Own);
    let ctx = desk.as_person(&ada);
    outage::save(&ctx, broken.key, northwind, None, &texts("A full disk.")).unwrap();
    let hash = outage::prepare(&ctx, broken.key, northwind)
        .unwrap()
        .report
        .hash();
    outage::approve(&desk.as_person(&admin), broken.key, northwind, &hash).unwrap();
    let approved = outage::export(&ctx, broken.key, northwind, Format::Pdf).unwrap();
    desk.letters();
    outage::send(&desk.as_person(&ada), broken.key, northwind, &[nora]).unwrap();
    let letters = desk.letters();
    let letter = letters
        .iter()
        .find(|letter| letter.to.as_str().starts_with("nora@"))
        .expect("the report's letter");
    // As whoever gets it reads it, not as we remember it.
    let sent = watchkeeper::outbound::mail::bytes(letter).unwrap();
    let read = watchkeeper::intake::mail::read(&sent, None);
    let [file] = &read.parts[..] else {
        panic!("{} parts", read.parts.len());
    };
    assert_eq!(
        (file.name.as_str(), file.media_type.as_str()),
        (approved.file_name.as_str(), "application/pdf")
    );
    assert!(file.bytes == approved.bytes, "the very bytes");
    assert!(read.text.contains("report"), "{}", read.text);
});
