//! People and what they belong to, how they come in, what was set, and the audit.

diesel::table! {
    person (id) {
        id -> Binary,
        name -> Text,
        zone -> Text,
        phone -> Nullable<Text>,
        is_active -> Bool,
        made_at -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    customer (id) {
        id -> Binary,
        name -> Text,
        folded_name -> Text,
        zone -> Text,
        language -> Text,
        note -> Text,
        is_active -> Bool,
        made_at -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    customer_domain (domain) {
        domain -> Text,
        customer_id -> Binary,
    }
}

diesel::table! {
    contact (id) {
        id -> Binary,
        customer_id -> Binary,
        name -> Text,
        phone -> Nullable<Text>,
        zone -> Nullable<Text>,
        reach -> Text,
        is_active -> Bool,
        made_at -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    address (folded) {
        folded -> Text,
        email -> Text,
        person_id -> Nullable<Binary>,
        contact_id -> Nullable<Binary>,
        is_main -> Bool,
    }
}

diesel::table! {
    login (id) {
        id -> Binary,
        person_id -> Nullable<Binary>,
        contact_id -> Nullable<Binary>,
        password_hash -> Nullable<Text>,
        password_at -> Nullable<BigInt>,
        last_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    session (id) {
        id -> Binary,
        hash -> Binary,
        login_id -> Binary,
        made_at -> BigInt,
        seen_at -> BigInt,
        browser -> Text,
        network -> Text,
    }
}

diesel::table! {
    role_grant (person_id, role) {
        person_id -> Binary,
        role -> Text,
        granted_at -> BigInt,
    }
}

diesel::table! {
    one_time_link (hash) {
        hash -> Binary,
        purpose -> Text,
        login_id -> Nullable<Binary>,
        made_at -> BigInt,
        expires_at -> BigInt,
        used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    api_token (id) {
        id -> Binary,
        hash -> Binary,
        hint -> Text,
        name -> Text,
        owner_kind -> Text,
        owner_id -> Nullable<Binary>,
        roles -> Text,
        scopes -> Text,
        made_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    team (id) {
        id -> Binary,
        name -> Text,
        folded_name -> Text,
        zone -> Text,
        calendar_id -> Nullable<Binary>,
        is_active -> Bool,
        made_at -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    team_member (team_id, person_id) {
        team_id -> Binary,
        person_id -> Binary,
        since_at -> BigInt,
    }
}

diesel::table! {
    service (id) {
        id -> Binary,
        name -> Text,
        folded_name -> Text,
        public_name -> Text,
        team_id -> Binary,
        runbook_url -> Nullable<Text>,
        members_total -> SmallInt,
        members_needed -> SmallInt,
        is_active -> Bool,
        made_at -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    service_person (service_id, person_id, part) {
        service_id -> Binary,
        person_id -> Binary,
        part -> Text,
    }
}

diesel::table! {
    service_call (service_id, other_id) {
        service_id -> Binary,
        other_id -> Binary,
    }
}

diesel::table! {
    service_host (service_id, folded_name) {
        service_id -> Binary,
        folded_name -> Text,
        name -> Text,
    }
}

diesel::table! {
    environment (name) {
        name -> Text,
        position -> BigInt,
    }
}

diesel::table! {
    way (id) {
        id -> Binary,
        person_id -> Binary,
        position -> BigInt,
        channel -> Text,
        address -> Text,
    }
}

diesel::table! {
    signing_secret (person_id) {
        person_id -> Binary,
        secret -> Text,
        made_at -> BigInt,
    }
}

diesel::table! {
    setting (key) {
        key -> Text,
        value -> Text,
        changed_at -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    login_throttle (key) {
        key -> Binary,
        count -> BigInt,
        last_at -> BigInt,
    }
}

diesel::table! {
    audit (id) {
        id -> Binary,
        at -> BigInt,
        actor_kind -> Text,
        actor_id -> Nullable<Binary>,
        actor_name -> Text,
        door -> Text,
        deed -> Text,
        subject -> Text,
        facts -> Text,
    }
}

diesel::table! {
    screen_choice (person_id) {
        person_id -> Binary,
        still_clocks -> Bool,
        no_keys -> Bool,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    person,
    customer,
    customer_domain,
    contact,
    address,
    login,
    session,
    role_grant,
    one_time_link,
    api_token,
    team,
    team_member,
    service,
    service_person,
    service_call,
    service_host,
    environment,
    way,
    setting,
    login_throttle,
    audit
);
