//! Repositories and what their hooks told us; what a change has beyond its ticket.

diesel::table! {
    repository (id) {
        id -> Binary,
        name -> Text,
        folded_name -> Text,
        default_branch -> Text,
        publish -> Text,
        commit_url -> Nullable<Text>,
        service_id -> Nullable<Binary>,
        is_active -> Bool,
        made_at -> BigInt,
        last_push_at -> Nullable<BigInt>,
        commit_count -> BigInt,
        version -> BigInt,
        push_rules -> Text,
        tags_say_live -> Bool,
        strangers_move -> Bool,
        other_services -> Text,
        compared_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    repository_gap (repository_id, name) {
        repository_id -> Binary,
        name -> Text,
        old_oid -> Text,
        new_oid -> Text,
        commits -> Nullable<BigInt>,
        found_at -> BigInt,
    }
}

diesel::table! {
    push (id) {
        id -> Binary,
        repository_id -> Binary,
        push_id -> Text,
        pusher -> Nullable<Text>,
        is_bulk -> Bool,
        commit_count -> BigInt,
        received_at -> BigInt,
    }
}

diesel::table! {
    ref_move (push_id, name) {
        push_id -> Binary,
        name -> Text,
        old_oid -> Text,
        new_oid -> Text,
        dropped -> BigInt,
        version_before -> Nullable<Text>,
        version_after -> Nullable<Text>,
    }
}

diesel::table! {
    recorded_tip (repository_id, name) {
        repository_id -> Binary,
        name -> Text,
        oid -> Text,
        recorded_at -> BigInt,
        commit_oid -> Nullable<Text>,
    }
}

diesel::table! {
    git_commit (id) {
        id -> Binary,
        repository_id -> Binary,
        oid -> Text,
        parents -> Text,
        root -> Text,
        author_name -> Text,
        author_email -> Text,
        authored_at -> BigInt,
        committer_name -> Text,
        committer_email -> Text,
        committed_at -> BigInt,
        subject -> Text,
        facts -> Text,
        paths -> Text,
        path_count -> Integer,
        push_id -> Binary,
        seq -> BigInt,
        ref_name -> Text,
        version_before -> Nullable<Text>,
        version_after -> Nullable<Text>,
        acts -> Bool,
        published_at -> Nullable<BigInt>,
        gone_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    git_link (commit_id, ticket_id, relation) {
        commit_id -> Binary,
        ticket_id -> Binary,
        relation -> Text,
        place -> Text,
        line -> Integer,
        verb -> Nullable<Text>,
        negated -> Bool,
        parser -> Integer,
        made_at -> BigInt,
    }
}

diesel::table! {
    git_deed (ticket_id, relation, root) {
        ticket_id -> Binary,
        relation -> Text,
        root -> Text,
        commit_id -> Binary,
        done_at -> BigInt,
    }
}

diesel::table! {
    incident_fix (ticket_id, root) {
        ticket_id -> Binary,
        root -> Text,
        commit_id -> Binary,
        landed_at -> BigInt,
        may_resolve -> Bool,
        deployment_id -> Nullable<Binary>,
        live_at -> Nullable<BigInt>,
        gone_at -> Nullable<BigInt>,
        declined_at -> Nullable<BigInt>,
        declined_by -> Nullable<Text>,
    }
}

diesel::table! {
    commit_revert (ticket_id, repository_id) {
        ticket_id -> Binary,
        repository_id -> Binary,
        tip -> Text,
        commits -> Text,
        conflicts -> Text,
        irreversible -> Text,
        checked_at -> BigInt,
    }
}

diesel::table! {
    change_plan (ticket_id) {
        ticket_id -> Binary,
        purpose -> Text,
        starts_at -> Nullable<BigInt>,
        ends_at -> Nullable<BigInt>,
        side_effects -> Text,
        version_before -> Nullable<Text>,
        version_after -> Nullable<Text>,
        revert -> Text,
        requested_by -> Nullable<Binary>,
        asked_by -> Nullable<Binary>,
        approved_by -> Nullable<Binary>,
        approved_at -> Nullable<BigInt>,
        revert_prepared_at -> Nullable<BigInt>,
        watch_until -> Nullable<BigInt>,
        environment -> Nullable<Text>,
        sort -> Text,
        ended_at -> Nullable<BigInt>,
        artefact -> Nullable<Text>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(git_commit, git_link);
diesel::allow_tables_to_appear_in_same_query!(git_commit, incident_fix);
diesel::joinable!(git_link -> git_commit (commit_id));

diesel::table! {
    freeze_window (id) {
        id -> Binary,
        name -> Text,
        zone -> Text,
        starts -> Text,
        ends -> Text,
        level -> Text,
        is_active -> Bool,
        made_at -> BigInt,
        version -> BigInt,
        sort -> Text,
        min_risk -> Nullable<Text>,
        normal_level -> Nullable<Text>,
        standard_level -> Nullable<Text>,
        emergency_level -> Nullable<Text>,
        announce_secs -> Nullable<BigInt>,
        announced_to -> Nullable<BigInt>,
        source_uid -> Nullable<Text>,
        refs -> Text,
    }
}

diesel::table! {
    freeze_window_environment (freeze_id, environment) {
        freeze_id -> Binary,
        environment -> Text,
    }
}

diesel::table! {
    freeze_window_service (freeze_id, service_id) {
        freeze_id -> Binary,
        service_id -> Binary,
    }
}

diesel::table! {
    push_decision (repository_id, push_id) {
        repository_id -> Binary,
        push_id -> Text,
        decided_at -> BigInt,
        pusher -> Nullable<Text>,
        person_id -> Nullable<Binary>,
        verdict -> Text,
        breaks_glass -> Bool,
        by_hook -> Bool,
        ticket_id -> Nullable<Binary>,
        refs -> Text,
        commits -> Text,
        reasons -> Text,
        rules_hash -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(push, push_decision, ref_move);
