//! The search index on SQLite; PostgreSQL's one table has a type that diesel doesn't know and is asked in SQL.

diesel::table! {
    search_doc (id) {
        id -> BigInt,
        entry_id -> Binary,
        ticket_id -> Binary,
    }
}

diesel::table! {
    search_fts (rowid) {
        rowid -> BigInt,
        terms -> Text,
    }
}
