//! Texts for customers that the house has agreed on, and those that wait for a second person.

diesel::table! {
    wording (id) {
        id -> Binary,
        name -> Text,
        folded_name -> Text,
        body -> Text,
        is_active -> Bool,
        made_at -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    proposal (ticket_id, seq) {
        ticket_id -> Binary,
        seq -> BigInt,
        what -> Text,
        note_seq -> Nullable<BigInt>,
        next_update_at -> Nullable<BigInt>,
        proposed_at -> BigInt,
        customer_id -> Nullable<Binary>,
    }
}
