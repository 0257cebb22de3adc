//! Deployments, what is live where, and the tickets that they carry.

use super::core::ticket;
use super::git::change_plan;

diesel::table! {
    deployment (id) {
        id -> Binary,
        environment -> Text,
        service_id -> Binary,
        target -> Text,
        seq -> BigInt,
        source -> Text,
        source_event_id -> Text,
        version -> Text,
        commit_oid -> Nullable<Text>,
        repository_id -> Nullable<Binary>,
        artefact -> Nullable<Text>,
        revision -> Nullable<Text>,
        status -> Text,
        started_at -> BigInt,
        finished_at -> Nullable<BigInt>,
        by_id -> Nullable<Binary>,
        by_name -> Text,
        actor -> Nullable<Text>,
        url -> Nullable<Text>,
        freeze_name -> Nullable<Text>,
        glass -> Nullable<Text>,
        previous_id -> Nullable<Binary>,
        step -> Text,
        recorded_at -> BigInt,
        updated_at -> BigInt,
        check_result -> Nullable<Text>,
        fact_count -> BigInt,
    }
}

diesel::table! {
    deployment_fact (id) {
        id -> Binary,
        deployment_id -> Binary,
        nth -> BigInt,
        told -> Text,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    deploy_lane (environment, service_id, target) {
        environment -> Text,
        service_id -> Binary,
        target -> Text,
        event_count -> BigInt,
        live_id -> Nullable<Binary>,
    }
}

diesel::table! {
    deployment_ticket (deployment_id, ticket_id) {
        deployment_id -> Binary,
        ticket_id -> Binary,
        is_named -> Bool,
    }
}

diesel::table! {
    deploy_rule (service_id) {
        service_id -> Binary,
        revert -> Text,
        soak_mins -> BigInt,
        version -> BigInt,
        most_files -> BigInt,
        dangers -> Text,
        gap_mins -> BigInt,
        needs_go -> Bool,
    }
}

diesel::table! {
    queued_deployment (id) {
        id -> Binary,
        environment -> Text,
        service_id -> Binary,
        target -> Text,
        version -> Text,
        commit_oid -> Nullable<Text>,
        ticket_id -> Nullable<Binary>,
        source -> Text,
        source_event_id -> Text,
        by_id -> Nullable<Binary>,
        by_name -> Text,
        actor -> Nullable<Text>,
        url -> Nullable<Text>,
        state -> Text,
        reason -> Text,
        detail -> Text,
        opens_at -> Nullable<BigInt>,
        queued_at -> BigInt,
        look_at -> Nullable<BigInt>,
        go_at -> Nullable<BigInt>,
        go_name -> Nullable<Text>,
        released_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
        ended_name -> Nullable<Text>,
        deployment_id -> Nullable<Binary>,
    }
}

diesel::table! {
    suspect_mark (ticket_id, kind, subject_id) {
        ticket_id -> Binary,
        kind -> Text,
        subject_id -> Binary,
        service_id -> Nullable<Binary>,
        blame -> Text,
        by_id -> Nullable<Binary>,
        by_name -> Text,
        marked_at -> BigInt,
        place -> Nullable<BigInt>,
    }
}

diesel::table! {
    revert_check (deployment_id) {
        deployment_id -> Binary,
        tip -> Text,
        conflicts -> Text,
        irreversible -> Text,
        checked_at -> BigInt,
    }
}

diesel::table! {
    feed_beat (environment, source) {
        environment -> Text,
        source -> Text,
        last_at -> BigInt,
        every_secs -> BigInt,
    }
}

diesel::table! {
    feed_beat_service (environment, source, service_id) {
        environment -> Text,
        source -> Text,
        service_id -> Binary,
    }
}

diesel::joinable!(deployment_ticket -> deployment (deployment_id));
diesel::joinable!(revert_check -> deployment (deployment_id));
diesel::allow_tables_to_appear_in_same_query!(deployment, deploy_lane, deployment_ticket);
diesel::allow_tables_to_appear_in_same_query!(deployment, deployment_fact);
diesel::allow_tables_to_appear_in_same_query!(revert_check, deployment);
diesel::allow_tables_to_appear_in_same_query!(change_plan, deployment);
diesel::allow_tables_to_appear_in_same_query!(change_plan, deployment_ticket);
diesel::allow_tables_to_appear_in_same_query!(suspect_mark, ticket);
