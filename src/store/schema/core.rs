//! Tickets, their timeline and what hangs on them; bytes; the outbox.

diesel::table! {
    ticket (id) {
        id -> Binary,
        kind -> Text,
        number -> BigInt,
        title -> Text,
        state -> Text,
        outcome -> Nullable<Text>,
        is_open -> Bool,
        severity -> Nullable<Text>,
        priority -> Nullable<Text>,
        risk -> Nullable<Text>,
        urgency -> SmallInt,
        customer_id -> Nullable<Binary>,
        requester_id -> Nullable<Binary>,
        requester_address -> Nullable<Text>,
        owner_id -> Nullable<Binary>,
        team_id -> Nullable<Binary>,
        service_id -> Nullable<Binary>,
        parent_id -> Nullable<Binary>,
        merged_into -> Nullable<Binary>,
        external_ref -> Nullable<Text>,
        door -> Text,
        logged_at -> BigInt,
        impact_at -> BigInt,
        restored_at -> Nullable<BigInt>,
        resolved_at -> Nullable<BigInt>,
        closed_at -> Nullable<BigInt>,
        due_at -> Nullable<BigInt>,
        callback_number -> Nullable<Text>,
        callback_at -> Nullable<BigInt>,
        hold_reason -> Nullable<Text>,
        hold_on -> Nullable<Text>,
        hold_until -> Nullable<BigInt>,
        next_due_at -> BigInt,
        next_due_from -> Nullable<BigInt>,
        next_due_metric -> Nullable<Text>,
        is_late -> Bool,
        awaits_us -> Bool,
        bridge_url -> Nullable<Text>,
        chat_url -> Nullable<Text>,
        entry_count -> BigInt,
        updated_at -> BigInt,
        version -> BigInt,
        holds -> Text,
        hold_wake_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    installation (name) {
        name -> Text,
        value -> Binary,
    }
}

diesel::table! {
    counter (name) {
        name -> Text,
        value -> BigInt,
    }
}

diesel::table! {
    entry (id) {
        id -> Binary,
        ticket_id -> Binary,
        seq -> BigInt,
        effective_at -> BigInt,
        recorded_at -> BigInt,
        actor_kind -> Text,
        actor_id -> Nullable<Binary>,
        actor_name -> Text,
        door -> Text,
        kind -> Text,
        audience -> Text,
        audience_customer_id -> Nullable<Binary>,
        for_report -> Bool,
        body -> Text,
        facts -> Text,
        source_id -> Nullable<Text>,
        corrects -> Nullable<BigInt>,
        redacted_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    affected (id) {
        id -> Binary,
        ticket_id -> Binary,
        customer_id -> Binary,
        service_id -> Nullable<Binary>,
        impact_at -> BigInt,
        reported_at -> Nullable<BigInt>,
        restored_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    ticket_service (ticket_id, service_id) {
        ticket_id -> Binary,
        service_id -> Binary,
        is_primary -> Bool,
    }
}

diesel::table! {
    ticket_link (from_id, to_id, relation) {
        from_id -> Binary,
        to_id -> Binary,
        relation -> Text,
        made_at -> BigInt,
    }
}

diesel::table! {
    ticket_role (ticket_id, role) {
        ticket_id -> Binary,
        role -> Text,
        person_id -> Binary,
        since_at -> BigInt,
    }
}

diesel::table! {
    watcher (ticket_id, watcher_id) {
        ticket_id -> Binary,
        watcher_id -> Binary,
        is_contact -> Bool,
        since_at -> BigInt,
    }
}

diesel::table! {
    ticket_label (ticket_id, label) {
        ticket_id -> Binary,
        label -> Text,
    }
}

diesel::table! {
    blob (hash) {
        hash -> Binary,
        size_bytes -> BigInt,
        stored_at -> BigInt,
    }
}

diesel::table! {
    blob_chunk (hash, seq) {
        hash -> Binary,
        seq -> Integer,
        bytes -> Binary,
    }
}

diesel::table! {
    attachment (id) {
        id -> Binary,
        ticket_id -> Binary,
        entry_seq -> BigInt,
        hash -> Binary,
        name -> Text,
        media_type -> Text,
        size_bytes -> BigInt,
        redacted_at -> Nullable<BigInt>,
        danger -> Nullable<Text>,
    }
}

diesel::table! {
    delivery (id) {
        id -> Binary,
        kind -> Text,
        channel -> Text,
        dedupe_key -> Text,
        ticket_id -> Nullable<Binary>,
        entry_seq -> Nullable<BigInt>,
        page_id -> Nullable<Binary>,
        person_id -> Nullable<Binary>,
        contact_id -> Nullable<Binary>,
        address -> Text,
        facts -> Text,
        frozen_hash -> Nullable<Binary>,
        urgency -> SmallInt,
        state -> Text,
        queued_at -> BigInt,
        next_attempt_at -> BigInt,
        attempts -> Integer,
        leased_until -> Nullable<BigInt>,
        leased_by -> Nullable<Text>,
        settled_at -> Nullable<BigInt>,
        message_id -> Nullable<Text>,
        last_error -> Nullable<Text>,
    }
}

diesel::table! {
    attempt (id) {
        id -> Binary,
        delivery_id -> Binary,
        number -> Integer,
        started_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        outcome -> Text,
        detail -> Text,
    }
}

diesel::table! {
    idempotency (scope, key) {
        scope -> Text,
        key -> Text,
        body_hash -> Binary,
        status -> SmallInt,
        response -> Text,
        made_at -> BigInt,
    }
}
