//! The terms that clocks run under: versions with dates, corrections, locked periods.

use watchkeeper::domain::id::Id;
use watchkeeper::domain::people::Customer;
use watchkeeper::domain::period_lock::PeriodLock;
use watchkeeper::store;

use crate::both_databases;
use crate::desk::{Desk, START};

fn customer(desk: &Desk, name: &str) -> watchkeeper::domain::id::CustomerId {
    let customer = Customer {
        id: Id::new(desk.now()),
        name: name.to_owned(),
        zone: chrono_tz::Europe::Berlin,
        language: "en".to_owned(),
        note: String::new(),
        domains: Vec::new(),
        is_active: true,
        version: 1,
    };
    let now = desk.now();
    desk.app
        .store
        .write(|tx| store::customer::insert(tx, &customer, now))
        .expect("the customer is kept");
    customer.id
}

both_databases!(
    a_locked_period_is_found_by_what_it_covers_and_for_whom,
    |desk| {
        let (contoso, northwind) = (customer(&desk, "Contoso"), customer(&desk, "Northwind"));
        let day = 86_400;
        let lock = |days: (i64, i64), customer, reason: &str| {
            let period = (START.plus_secs(days.0 * day), START.plus_secs(days.1 * day));
            PeriodLock::new(Id::new(START), period, customer, reason, "Ada", START).unwrap()
        };
        let of_all = lock((-60, -30), None, "April");
        let of_one = lock((-30, 0), Some(contoso), "May, Contoso");
        desk.app
            .store
            .write(|tx| {
                store::period_lock::insert(tx, &of_all)?;
                store::period_lock::insert(tx, &of_one)
            })
            .unwrap();
        let covering = |customer, days: i64| -> Vec<String> {
            let at = START.plus_secs(days * day);
            let found = desk
                .app
                .store
                .read(|conn| store::period_lock::covering(conn, customer, at));
            found.unwrap().into_iter().map(|lock| lock.reason).collect()
        };
        assert_eq!(covering(None, -60), ["April"]);
        assert_eq!(covering(Some(northwind), -40), ["April"]);
        assert_eq!(covering(Some(contoso), -30), ["May, Contoso"]);
        assert!(covering(Some(northwind), -30).is_empty());
        assert!(covering(Some(contoso), 0).is_empty());
        let all = desk.app.store.read(store::period_lock::all).unwrap();
        assert_eq!(all, [of_all, of_one]);
    }
);
