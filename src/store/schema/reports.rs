//! Reports of promises.

diesel::table! {
    credit_clause (agreement_id, agreement_version) {
        agreement_id -> Binary,
        agreement_version -> BigInt,
        calendar_id -> Nullable<Binary>,
        severity -> Text,
        excludes_maintenance -> Bool,
        cap -> BigInt,
        changed_at -> BigInt,
    }
}

diesel::table! {
    credit_rule (agreement_id, agreement_version, place) {
        agreement_id -> Binary,
        agreement_version -> BigInt,
        place -> Integer,
        basis -> Text,
        below -> BigInt,
        credit -> BigInt,
    }
}

diesel::table! {
    locked_days (lock_id) {
        lock_id -> Binary,
        from_on -> Text,
        to_on -> Text,
        zone -> Text,
        stored_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    stored_report (id) {
        id -> Binary,
        lock_id -> Binary,
        customer_id -> Nullable<Binary>,
        from_on -> Text,
        to_on -> Text,
        zone -> Text,
        content_hash -> Text,
        made_at -> BigInt,
        undone_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    stored_report_file (report_id, format) {
        report_id -> Binary,
        format -> Text,
        hash -> Binary,
    }
}
