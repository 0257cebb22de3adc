//! Forges: where they have a repository, and what their webhooks brought.

use super::git::repository;

diesel::table! {
    forge (repository_id) {
        repository_id -> Binary,
        kind -> Text,
        clone_url -> Text,
        clone_login -> Nullable<Text>,
        clone_password -> Nullable<Text>,
        secret -> Text,
        old_secret -> Nullable<Text>,
        secret_since -> BigInt,
        looked_at -> Nullable<BigInt>,
        next_look_at -> BigInt,
        faults -> Integer,
        failing_since -> Nullable<BigInt>,
        last_error -> Nullable<Text>,
        leased_until -> Nullable<BigInt>,
        made_at -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    forge_delivery (id) {
        id -> Binary,
        repository_id -> Binary,
        delivery_id -> Nullable<Text>,
        event -> Text,
        verdict -> Text,
        reason -> Nullable<Text>,
        pusher -> Nullable<Text>,
        moves -> Text,
        received_at -> BigInt,
        settled_at -> Nullable<BigInt>,
    }
}

diesel::joinable!(forge -> repository (repository_id));
diesel::allow_tables_to_appear_in_same_query!(forge, repository);
