//! Calendars, agreements and clocks.

diesel::table! {
    calendar (id) {
        id -> Binary,
        name -> Text,
        folded_name -> Text,
        is_active -> Bool,
        made_at -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    calendar_version (calendar_id, number) {
        calendar_id -> Binary,
        number -> BigInt,
        effective_from -> BigInt,
        zone -> Text,
        weekly -> Text,
        exceptions -> Text,
        tzdb -> Text,
        made_at -> BigInt,
    }
}

diesel::table! {
    agreement (id) {
        id -> Binary,
        customer_id -> Nullable<Binary>,
        name -> Text,
        is_active -> Bool,
        made_at -> BigInt,
        version -> BigInt,
        backdate_days -> Integer,
    }
}

diesel::table! {
    target (id) {
        id -> Binary,
        agreement_id -> Binary,
        agreement_version -> BigInt,
        place -> Integer,
        metric -> Text,
        promisee -> Text,
        kind -> Text,
        severity -> Nullable<Text>,
        service_id -> Nullable<Binary>,
        budget_kind -> Text,
        budget_value -> BigInt,
        calendar_id -> Binary,
        anchor -> Text,
        warn -> Text,
        stops_on -> Text,
        on_change -> Text,
        reopen_grace_secs -> BigInt,
        reopen_within -> Text,
        reopen_later -> Text,
        holds_in -> Text,
        follows_messages -> Bool,
    }
}

diesel::table! {
    clock (id) {
        id -> Binary,
        ticket_id -> Binary,
        customer_id -> Nullable<Binary>,
        metric -> Text,
        promisee -> Text,
        cycle -> Integer,
        revision -> Integer,
        target_id -> Nullable<Binary>,
        from_seq -> BigInt,
        until_seq -> Nullable<BigInt>,
        anchor_at -> BigInt,
        state -> Text,
        deadline_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
        cancelled -> Nullable<Text>,
        breached_at -> Nullable<BigInt>,
        late_by_change -> Bool,
        warned_until -> BigInt,
        generation -> Integer,
        next_wake_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    clock_notice (clock_id, threshold, generation) {
        clock_id -> Binary,
        threshold -> Text,
        generation -> Integer,
        due_at -> BigInt,
        fired_at -> BigInt,
    }
}

diesel::table! {
    clock_told (person_id) {
        person_id -> Binary,
        told_at -> BigInt,
    }
}

diesel::table! {
    period_lock (id) {
        id -> Binary,
        from_at -> BigInt,
        until_at -> BigInt,
        customer_id -> Nullable<Binary>,
        reason -> Text,
        made_by -> Text,
        made_at -> BigInt,
    }
}
