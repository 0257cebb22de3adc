//! What checks of ourselves found.

diesel::table! {
    clock_difference (ticket_id) {
        ticket_id -> Binary,
        found_at -> BigInt,
        checked_at -> BigInt,
        what -> Text,
    }
}

diesel::table! {
    trouble (what) {
        what -> Text,
        began_at -> BigInt,
        ticket_id -> Nullable<Binary>,
        detail -> Text,
    }
}

diesel::table! {
    self_test (person_id) {
        person_id -> Binary,
        paged_at -> BigInt,
        waiting_since -> Nullable<BigInt>,
    }
}
