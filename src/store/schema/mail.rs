//! Mail that came in, its addresses and its blocked senders.

diesel::table! {
    mail (id) {
        id -> Binary,
        received_at -> BigInt,
        way -> Text,
        envelope_from -> Nullable<Text>,
        envelope_to -> Text,
        raw_hash -> Binary,
        size_bytes -> BigInt,
        state -> Text,
        verdict -> Nullable<Text>,
        held_for -> Nullable<Text>,
        detail -> Text,
        ticket_id -> Nullable<Binary>,
        entry_seq -> Nullable<BigInt>,
        duplicate_of -> Nullable<Binary>,
        message_id -> Nullable<Text>,
        dedupe_key -> Nullable<Text>,
        from_shown -> Text,
        from_address -> Nullable<Text>,
        subject -> Text,
        attempts -> Integer,
        settled_at -> Nullable<BigInt>,
        because -> Text,
        join_due_at -> Nullable<BigInt>,
        join_warn_at -> Nullable<BigInt>,
        is_quiet -> Bool,
    }
}

diesel::table! {
    mail_named (ticket_id, address) {
        ticket_id -> Binary,
        address -> Text,
    }
}

diesel::table! {
    mail_mark (mark, ticket_id) {
        mark -> Text,
        ticket_id -> Binary,
    }
}

diesel::table! {
    intake_address (id) {
        id -> Binary,
        address -> Text,
        kind -> Text,
        severity -> Nullable<Text>,
        team_id -> Nullable<Binary>,
        service_id -> Nullable<Binary>,
        customer_id -> Nullable<Binary>,
        takes_generated -> Bool,
        is_active -> Bool,
        version -> BigInt,
        separator -> Text,
        takes_list -> Bool,
        severity_words -> Text,
        form_fields -> Text,
        keywords -> Text,
        generated_from -> Text,
        takes_copies -> Bool,
        own_ticket -> Bool,
    }
}

diesel::table! {
    bouncing (address) {
        address -> Text,
        since -> BigInt,
        status -> Text,
    }
}

diesel::table! {
    blocked_sender (pattern) {
        pattern -> Text,
        reason -> Text,
        blocked_at -> BigInt,
        blocked_by -> Nullable<Binary>,
    }
}

diesel::table! {
    mailbox (name) {
        name -> Text,
        uid_validity -> BigInt,
        next_uid -> BigInt,
        begins_at -> Nullable<BigInt>,
        read_at -> Nullable<BigInt>,
        fault -> Nullable<Text>,
        fault_since -> Nullable<BigInt>,
        held_by -> Nullable<Text>,
        held_until -> Nullable<BigInt>,
    }
}

diesel::table! {
    mailbox_mail (mailbox, uid_validity, uid) {
        mailbox -> Text,
        uid_validity -> BigInt,
        uid -> BigInt,
        mail_id -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(mailbox_mail, mail);
