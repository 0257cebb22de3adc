//! Post-mortems, meetings, action items, outage reports.

diesel::table! {
    postmortem (ticket_id) {
        ticket_id -> Binary,
        incident_id -> Nullable<Binary>,
        author_id -> Nullable<Binary>,
        reviewer_id -> Nullable<Binary>,
    }
}

diesel::table! {
    postmortem_section (ticket_id, section) {
        ticket_id -> Binary,
        section -> Text,
        body -> Text,
    }
}

diesel::table! {
    action_item (task_id) {
        task_id -> Binary,
        postmortem_id -> Binary,
        action_type -> Text,
        commitment -> Nullable<Text>,
    }
}

diesel::table! {
    meeting (id) {
        id -> Binary,
        ticket_id -> Binary,
        uid -> Text,
        sequence -> Integer,
        state -> Text,
        slot_rule -> Text,
        starts_at -> BigInt,
        ends_at -> BigInt,
        deadline_at -> BigInt,
        place -> Text,
        made_at -> BigInt,
        settled_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    meeting_guest (meeting_id, address) {
        meeting_id -> Binary,
        address -> Text,
        name -> Text,
        person_id -> Nullable<Binary>,
        answer -> Nullable<Text>,
    }
}

diesel::table! {
    outage_report (id) {
        id -> Binary,
        ticket_id -> Binary,
        customer_id -> Binary,
        document_id -> Text,
        version -> BigInt,
        state -> Text,
        title -> Text,
        edition -> Text,
        discovered_by -> Text,
        data_loss -> Text,
        parts -> Text,
        next_update_at -> Nullable<BigInt>,
        contact -> Text,
        author_id -> Binary,
        made_at -> BigInt,
        approver_id -> Nullable<Binary>,
        approved_at -> Nullable<BigInt>,
        is_waived -> Bool,
        content_hash -> Nullable<Text>,
        sent_at -> Nullable<BigInt>,
        rev -> BigInt,
    }
}

diesel::table! {
    outage_file (report_id, format) {
        report_id -> Binary,
        format -> Text,
        hash -> Binary,
    }
}
