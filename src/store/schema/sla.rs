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
        name -> Text,
        effective_until -> Nullable<BigInt>,
        is_correction -> Bool,
        edition -> BigInt,
        holidays -> Text,
        made_by -> Text,
        reason -> Text,
    }
}

diesel::table! {
    agreement (id) {
        id -> Binary,
        name -> Text,
        is_active -> Bool,
        made_at -> BigInt,
        version -> BigInt,
        is_house -> Bool,
        place -> Integer,
    }
}

diesel::table! {
    agreement_version (agreement_id, number) {
        agreement_id -> Binary,
        number -> BigInt,
        name -> Text,
        is_active -> Bool,
        backdate_days -> Integer,
        effective_from -> BigInt,
        effective_until -> Nullable<BigInt>,
        is_correction -> Bool,
        edition -> BigInt,
        made_by -> Text,
        reason -> Text,
        made_at -> BigInt,
    }
}

diesel::table! {
    agreement_party (agreement_id, agreement_version, customer_id) {
        agreement_id -> Binary,
        agreement_version -> BigInt,
        customer_id -> Binary,
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
        customer_id -> Nullable<Binary>,
        also -> Text,
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
        edition -> BigInt,
        tzdb -> Text,
    }
}

diesel::table! {
    recount (id) {
        id -> Binary,
        cause -> Text,
        subject_id -> Nullable<Binary>,
        subject -> Text,
        number -> BigInt,
        from_at -> BigInt,
        finished -> Text,
        made_by -> Text,
        reason -> Text,
        made_at -> BigInt,
        due_at -> BigInt,
        last_ticket -> Nullable<Binary>,
        looked_at -> BigInt,
        moved -> BigInt,
        done_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    person_holidays (person_id) {
        person_id -> Binary,
        code -> Text,
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
