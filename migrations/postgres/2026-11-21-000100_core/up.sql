-- Tickets, their timeline and what hangs on them; bytes; the outbox.
-- Ids are 16 bytes (UUIDv7), instants BIGINT microseconds UTC, enums their word, JSON text.

-- Ticket numbers: gaps are fine, order isn't promised; a counter row would be held for the whole transaction.
CREATE SEQUENCE ticket_number_incident;
CREATE SEQUENCE ticket_number_change;
CREATE SEQUENCE ticket_number_task;
CREATE SEQUENCE ticket_number_post_mortem;

CREATE TABLE counter (
    name TEXT PRIMARY KEY NOT NULL,
    value BIGINT NOT NULL
);

-- What is made once with the database: the signing key.
CREATE TABLE installation (
    name TEXT PRIMARY KEY NOT NULL,
    value BYTEA NOT NULL
);

CREATE TABLE ticket (
    id BYTEA PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    number BIGINT NOT NULL,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    outcome TEXT,
    is_open BOOLEAN NOT NULL,
    severity TEXT,
    priority TEXT,
    risk TEXT,
    urgency SMALLINT NOT NULL,
    customer_id BYTEA,
    requester_id BYTEA,
    requester_address TEXT,
    owner_id BYTEA,
    team_id BYTEA,
    service_id BYTEA,
    parent_id BYTEA REFERENCES ticket (id),
    merged_into BYTEA REFERENCES ticket (id),
    external_ref TEXT,
    door TEXT NOT NULL,
    logged_at BIGINT NOT NULL,
    impact_at BIGINT NOT NULL,
    restored_at BIGINT,
    resolved_at BIGINT,
    closed_at BIGINT,
    due_at BIGINT,
    callback_number TEXT,
    callback_at BIGINT,
    hold_reason TEXT,
    hold_on TEXT,
    hold_until BIGINT,
    next_due_at BIGINT NOT NULL,
    next_due_from BIGINT,
    next_due_metric TEXT,
    is_late BOOLEAN NOT NULL,
    awaits_us BOOLEAN NOT NULL,
    bridge_url TEXT,
    chat_url TEXT,
    entry_count BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX ticket_key ON ticket (kind, number);
CREATE UNIQUE INDEX ticket_external_ref ON ticket (external_ref) WHERE external_ref IS NOT NULL;
-- The queue: open tickets by deadline; id breaks ties so that keyset pages are stable.
CREATE INDEX ticket_queue ON ticket (is_open, next_due_at, id);
CREATE INDEX ticket_queue_customer ON ticket (customer_id, is_open, next_due_at, id);
CREATE INDEX ticket_queue_owner ON ticket (owner_id, is_open, next_due_at, id);
CREATE INDEX ticket_queue_kind ON ticket (kind, is_open, next_due_at, id);
CREATE INDEX ticket_updated ON ticket (is_open, updated_at, id);
CREATE INDEX ticket_parent ON ticket (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX ticket_resolved ON ticket (resolved_at) WHERE state = 'resolved';

CREATE TABLE entry (
    id BYTEA PRIMARY KEY NOT NULL,
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    seq BIGINT NOT NULL,
    effective_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id BYTEA,
    actor_name TEXT NOT NULL,
    door TEXT NOT NULL,
    kind TEXT NOT NULL,
    audience TEXT NOT NULL,
    audience_customer_id BYTEA,
    for_report BOOLEAN NOT NULL,
    body TEXT NOT NULL,
    facts TEXT NOT NULL,
    source_id TEXT,
    corrects BIGINT,
    redacted_at BIGINT
);
CREATE UNIQUE INDEX entry_seq ON entry (ticket_id, seq);
CREATE UNIQUE INDEX entry_source ON entry (source_id) WHERE source_id IS NOT NULL;

CREATE TABLE affected (
    id BYTEA PRIMARY KEY NOT NULL,
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    customer_id BYTEA NOT NULL,
    service_id BYTEA,
    impact_at BIGINT NOT NULL,
    reported_at BIGINT,
    restored_at BIGINT
);
CREATE INDEX affected_ticket ON affected (ticket_id);
CREATE INDEX affected_customer ON affected (customer_id, impact_at);

CREATE TABLE ticket_service (
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    service_id BYTEA NOT NULL,
    is_primary BOOLEAN NOT NULL,
    PRIMARY KEY (ticket_id, service_id)
);
CREATE INDEX ticket_service_service ON ticket_service (service_id, ticket_id);

CREATE TABLE ticket_link (
    from_id BYTEA NOT NULL REFERENCES ticket (id),
    to_id BYTEA NOT NULL REFERENCES ticket (id),
    relation TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (from_id, to_id, relation)
);
CREATE INDEX ticket_link_to ON ticket_link (to_id, from_id);

CREATE TABLE ticket_role (
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    role TEXT NOT NULL,
    person_id BYTEA NOT NULL,
    since_at BIGINT NOT NULL,
    PRIMARY KEY (ticket_id, role)
);

CREATE TABLE watcher (
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    watcher_id BYTEA NOT NULL,
    is_contact BOOLEAN NOT NULL,
    since_at BIGINT NOT NULL,
    PRIMARY KEY (ticket_id, watcher_id)
);
CREATE INDEX watcher_watcher ON watcher (watcher_id, ticket_id);

CREATE TABLE ticket_label (
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    label TEXT NOT NULL,
    PRIMARY KEY (ticket_id, label)
);
CREATE INDEX ticket_label_label ON ticket_label (label, ticket_id);

-- Bytes by their SHA-256, in chunks: one thing to back up, the same on every node.
CREATE TABLE blob (
    hash BYTEA PRIMARY KEY NOT NULL,
    size_bytes BIGINT NOT NULL,
    stored_at BIGINT NOT NULL
);
CREATE TABLE blob_chunk (
    hash BYTEA NOT NULL REFERENCES blob (hash),
    seq INTEGER NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (hash, seq)
);

CREATE TABLE attachment (
    id BYTEA PRIMARY KEY NOT NULL,
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    entry_seq BIGINT NOT NULL,
    hash BYTEA NOT NULL REFERENCES blob (hash),
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL
);
CREATE INDEX attachment_ticket ON attachment (ticket_id, entry_seq);
CREATE INDEX attachment_hash ON attachment (hash);

-- The outbox: one message on one channel to one recipient.
CREATE TABLE delivery (
    id BYTEA PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    dedupe_key TEXT NOT NULL,
    ticket_id BYTEA REFERENCES ticket (id),
    entry_seq BIGINT,
    page_id BYTEA,
    person_id BYTEA,
    contact_id BYTEA,
    address TEXT NOT NULL,
    facts TEXT NOT NULL,
    frozen_hash BYTEA REFERENCES blob (hash),
    urgency SMALLINT NOT NULL,
    state TEXT NOT NULL,
    queued_at BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    leased_until BIGINT,
    leased_by TEXT,
    settled_at BIGINT,
    message_id TEXT,
    last_error TEXT
);
CREATE UNIQUE INDEX delivery_key ON delivery (dedupe_key);
CREATE INDEX delivery_due ON delivery (urgency, next_attempt_at) WHERE state = 'queued';
CREATE INDEX delivery_state ON delivery (state, queued_at);
CREATE INDEX delivery_ticket ON delivery (ticket_id, queued_at);
CREATE INDEX delivery_page ON delivery (page_id) WHERE page_id IS NOT NULL;
CREATE INDEX delivery_message ON delivery (message_id) WHERE message_id IS NOT NULL;

CREATE TABLE attempt (
    id BYTEA PRIMARY KEY NOT NULL,
    delivery_id BYTEA NOT NULL REFERENCES delivery (id),
    number INTEGER NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE UNIQUE INDEX attempt_number ON attempt (delivery_id, number);

-- Answers kept for a day, so that a repeated request gets the same one.
CREATE TABLE idempotency (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BYTEA NOT NULL,
    status SMALLINT NOT NULL,
    response TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_age ON idempotency (made_at);
