//! Who has to approve which changes, who did, and who stands in for whom.

diesel::table! {
    approval_rule (id) {
        id -> Binary,
        name -> Text,
        min_risk -> Nullable<Text>,
        sort -> Nullable<Text>,
        approvers -> Integer,
        team_id -> Nullable<Binary>,
        wants_owner -> Bool,
        valid_secs -> BigInt,
        is_active -> Bool,
        made_at -> BigInt,
        version -> BigInt,
        remind_secs -> BigInt,
        escalate_secs -> BigInt,
        escalate_team_id -> Nullable<Binary>,
        terms -> BigInt,
        binds_commits -> Bool,
    }
}

diesel::table! {
    approval_rule_environment (rule_id, environment) {
        rule_id -> Binary,
        environment -> Text,
    }
}

diesel::table! {
    approval_rule_service (rule_id, service_id) {
        rule_id -> Binary,
        service_id -> Binary,
    }
}

diesel::table! {
    approval_vote (ticket_id, person_id) {
        ticket_id -> Binary,
        person_id -> Binary,
        person_name -> Text,
        for_id -> Nullable<Binary>,
        for_name -> Nullable<Text>,
        given_at -> BigInt,
        digest -> Text,
        snapshot -> Text,
        over_at -> Nullable<BigInt>,
        not_before -> Nullable<BigInt>,
        conflicts -> Text,
    }
}

diesel::table! {
    approval_ask (ticket_id) {
        ticket_id -> Binary,
        snapshot -> Nullable<Text>,
        former -> Nullable<Text>,
        asked_at -> Nullable<BigInt>,
        reminded_at -> Nullable<BigInt>,
        escalated_at -> Nullable<BigInt>,
        settled_at -> Nullable<BigInt>,
        look_at -> Nullable<BigInt>,
        version -> BigInt,
    }
}

diesel::table! {
    approval_stand_in (id) {
        id -> Binary,
        from_id -> Binary,
        to_id -> Binary,
        starts_at -> BigInt,
        ends_at -> BigInt,
        made_at -> BigInt,
        ended_at -> Nullable<BigInt>,
    }
}
