//! Saved views of the queue.

diesel::table! {
    saved_view (id) {
        id -> Binary,
        person_id -> Binary,
        name -> Text,
        query -> Text,
        is_shared -> Bool,
        made_at -> BigInt,
    }
}
