//! A table that grows fast is counted before plans made for an empty one cost anybody anything.

use diesel::RunQueryDsl;
use watchkeeper::domain::access::Roles;
use watchkeeper::domain::timeline::Facts;
use watchkeeper::store::backend::{Conn, DatabaseUrl};
use watchkeeper::store::statistics;

use crate::both_databases;
use crate::desk::Desk;

fn grown(desk: &Desk) -> Vec<String> {
    desk.app.store.read(statistics::grown).unwrap()
}

both_databases!(a_table_that_has_doubled_is_counted_anew, |desk| {
    let ada = desk.person("Ada", Roles::all());
    desk.settle();
    let is_counted = |desk: &Desk| !grown(desk).iter().any(|name| name == "audit");
    assert!(is_counted(&desk));
    let ctx = desk.as_person(&ada);
    ctx.write(|tx| {
        for n in 0..700 {
            let facts = Facts::new().with("n", n);
            watchkeeper::actions::audit::note(tx, &ctx, "service-edited", "web", &facts)?;
        }
        let conn: &mut Conn = tx;
        if let Conn::Pg(conn) = conn {
            // Otherwise it tells the others what it has counted when it next rests.
            diesel::sql_query("SELECT pg_stat_force_next_flush()").execute(conn)?;
        }
        Ok(())
    })
    .unwrap();
    // SQLite keeps nothing of the kind.
    if matches!(desk.app.config.database, DatabaseUrl::Sqlite(_)) {
        assert_eq!(grown(&desk), Vec::<String>::new());
        desk.settle();
        return;
    }
    assert!(!is_counted(&desk));
    desk.settle();
    assert!(is_counted(&desk));
});
