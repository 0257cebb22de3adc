//! Schedules, escalation, pages and the facts of the ledger.

diesel::table! {
    schedule (id) {
        id -> Binary,
        team_id -> Binary,
        zone -> Text,
        anchor -> Text,
        unit -> Text,
        length -> BigInt,
        base_turn -> BigInt,
        base_position -> BigInt,
        from_at -> BigInt,
        recorded_to -> BigInt,
        next_wake_at -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    schedule_person (schedule_id, position) {
        schedule_id -> Binary,
        position -> BigInt,
        person_id -> Binary,
    }
}

diesel::table! {
    schedule_override (id) {
        id -> Binary,
        schedule_id -> Binary,
        kind -> Text,
        out_id -> Nullable<Binary>,
        in_id -> Nullable<Binary>,
        starts_at -> BigInt,
        ends_at -> BigInt,
        note -> Text,
        made_by -> Nullable<Binary>,
        made_at -> BigInt,
        withdrawn_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    calendar_feed (hash) {
        hash -> Binary,
        person_id -> Binary,
        team_id -> Nullable<Binary>,
        made_at -> BigInt,
        last_used_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    escalation_policy (id) {
        id -> Binary,
        team_id -> Binary,
        version -> BigInt,
        repeat_count -> BigInt,
        ack_timeout_secs -> Nullable<BigInt>,
        made_by -> Nullable<Binary>,
        made_at -> BigInt,
    }
}

diesel::table! {
    escalation_target (policy_id, step, position) {
        policy_id -> Binary,
        step -> BigInt,
        position -> BigInt,
        target -> Text,
        person_id -> Nullable<Binary>,
        delay_secs -> BigInt,
    }
}

diesel::table! {
    escalation_run (id) {
        id -> Binary,
        ticket_id -> Binary,
        team_id -> Binary,
        policy_id -> Binary,
        severity -> Text,
        state -> Text,
        round -> BigInt,
        step -> BigInt,
        next_at -> Nullable<BigInt>,
        began_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        version -> BigInt,
    }
}

diesel::table! {
    page (id) {
        id -> Binary,
        run_id -> Nullable<Binary>,
        ticket_id -> Nullable<Binary>,
        kind -> Text,
        round -> BigInt,
        step -> BigInt,
        person_id -> Binary,
        severity -> Nullable<Text>,
        channels -> BigInt,
        queued_at -> BigInt,
        state -> Text,
        accepted_at -> Nullable<BigInt>,
        acked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    page_event (id) {
        id -> Binary,
        page_id -> Nullable<Binary>,
        run_id -> Nullable<Binary>,
        ticket_id -> Nullable<Binary>,
        team_id -> Nullable<Binary>,
        person_id -> Nullable<Binary>,
        kind -> Text,
        reason -> Nullable<Text>,
        channel -> Nullable<Text>,
        door -> Nullable<Text>,
        detail -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    shift_fact (id) {
        id -> Binary,
        team_id -> Binary,
        person_id -> Nullable<Binary>,
        starts_at -> BigInt,
        ends_at -> BigInt,
        because -> Text,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    work_fact (id) {
        id -> Binary,
        page_id -> Nullable<Binary>,
        ticket_id -> Binary,
        person_id -> Binary,
        started_at -> BigInt,
        ended_at -> BigInt,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    unchained_fact (fact_id) {
        fact_id -> Binary,
        kind -> Text,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    ledger_link (seq) {
        seq -> BigInt,
        kind -> Text,
        fact_id -> Binary,
        canonical -> Text,
        hash -> Text,
        chained_at -> BigInt,
    }
}
