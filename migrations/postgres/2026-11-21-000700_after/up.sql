-- After the incident: post-mortems, their meetings and action items, and customers' outage reports.

CREATE TABLE postmortem (
    ticket_id BYTEA PRIMARY KEY NOT NULL REFERENCES ticket (id),
    -- The incident it is about; one post-mortem each. NULL: opened by hand, about something else.
    incident_id BYTEA REFERENCES ticket (id),
    -- Who asked for the review: doesn't review it.
    author_id BYTEA REFERENCES person (id),
    reviewer_id BYTEA REFERENCES person (id)
);
CREATE UNIQUE INDEX postmortem_incident ON postmortem (incident_id);

CREATE TABLE postmortem_section (
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    section TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (ticket_id, section)
);

CREATE TABLE action_item (
    task_id BYTEA PRIMARY KEY NOT NULL REFERENCES ticket (id),
    postmortem_id BYTEA NOT NULL REFERENCES ticket (id),
    action_type TEXT NOT NULL,
    -- What the customer's report says about it; NULL: nothing.
    commitment TEXT
);
CREATE INDEX action_item_postmortem ON action_item (postmortem_id);

CREATE TABLE meeting (
    id BYTEA PRIMARY KEY NOT NULL,
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    uid TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    state TEXT NOT NULL,
    slot_rule TEXT NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    deadline_at BIGINT NOT NULL,
    place TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    settled_at BIGINT
);
CREATE UNIQUE INDEX meeting_uid ON meeting (uid);
CREATE INDEX meeting_ticket ON meeting (ticket_id, made_at);

-- Everybody who was ever asked to this meeting: a cancellation has to reach them all.
CREATE TABLE meeting_guest (
    meeting_id BYTEA NOT NULL REFERENCES meeting (id),
    address TEXT NOT NULL,
    name TEXT NOT NULL,
    person_id BYTEA REFERENCES person (id),
    PRIMARY KEY (meeting_id, address)
);

CREATE TABLE outage_report (
    id BYTEA PRIMARY KEY NOT NULL,
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    customer_id BYTEA NOT NULL REFERENCES customer (id),
    document_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    state TEXT NOT NULL,
    title TEXT NOT NULL,
    edition TEXT NOT NULL,
    discovered_by TEXT NOT NULL,
    data_loss TEXT NOT NULL,
    parts TEXT NOT NULL,
    next_update_at BIGINT,
    contact TEXT NOT NULL,
    author_id BYTEA NOT NULL REFERENCES person (id),
    made_at BIGINT NOT NULL,
    approver_id BYTEA REFERENCES person (id),
    approved_at BIGINT,
    is_waived BOOLEAN NOT NULL,
    -- Of the canonical content, as printed in the footer; NULL while it is a draft.
    content_hash TEXT,
    sent_at BIGINT,
    rev BIGINT NOT NULL
);
CREATE UNIQUE INDEX outage_report_version ON outage_report (ticket_id, customer_id, version);

-- The bytes that were approved, one row per format.
CREATE TABLE outage_file (
    report_id BYTEA NOT NULL REFERENCES outage_report (id),
    format TEXT NOT NULL,
    hash BYTEA NOT NULL REFERENCES blob (hash),
    PRIMARY KEY (report_id, format)
);
CREATE INDEX outage_file_hash ON outage_file (hash);
