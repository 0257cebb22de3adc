-- Mail that came in: stored raw before anything can fail, its verdict second; the addresses it comes to; blocked senders.

CREATE TABLE mail (
    id BLOB PRIMARY KEY NOT NULL,
    received_at BIGINT NOT NULL,
    way TEXT NOT NULL,
    -- Empty text: the null return path. NULL: the door knows no envelope.
    envelope_from TEXT,
    -- A JSON list.
    envelope_to TEXT NOT NULL,
    raw_hash BLOB NOT NULL REFERENCES blob (hash),
    size_bytes BIGINT NOT NULL,
    state TEXT NOT NULL,
    verdict TEXT,
    held_for TEXT,
    detail TEXT NOT NULL,
    ticket_id BLOB REFERENCES ticket (id),
    entry_seq BIGINT,
    duplicate_of BLOB REFERENCES mail (id),
    message_id TEXT,
    dedupe_key TEXT,
    from_shown TEXT NOT NULL,
    from_address TEXT,
    subject TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    settled_at BIGINT
);
-- One mail, one row with its key, however many deliver it at the same moment.
CREATE UNIQUE INDEX mail_key ON mail (dedupe_key) WHERE dedupe_key IS NOT NULL;
CREATE INDEX mail_waiting ON mail (received_at, id) WHERE state = 'waiting';
CREATE INDEX mail_ledger ON mail (received_at, id);
CREATE INDEX mail_verdict ON mail (verdict, received_at, id);
CREATE INDEX mail_held ON mail (received_at, id) WHERE state = 'held';
CREATE INDEX mail_message ON mail (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX mail_raw ON mail (raw_hash, received_at);
CREATE INDEX mail_ticket ON mail (ticket_id, received_at) WHERE ticket_id IS NOT NULL;
CREATE INDEX mail_sender ON mail (from_address, received_at) WHERE from_address IS NOT NULL;

-- Whom a mail of somebody known to the ticket named in To or Cc: they are known to it too.
CREATE TABLE mail_named (
    ticket_id BLOB NOT NULL REFERENCES ticket (id),
    address TEXT NOT NULL,
    PRIMARY KEY (ticket_id, address)
) WITHOUT ROWID;

CREATE TABLE intake_address (
    id BLOB PRIMARY KEY NOT NULL,
    address TEXT NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT,
    team_id BLOB,
    service_id BLOB,
    customer_id BLOB,
    -- Mail that programs generate opens tickets here: monitoring.
    takes_generated BOOLEAN NOT NULL,
    is_active BOOLEAN NOT NULL,
    version BIGINT NOT NULL
);
CREATE UNIQUE INDEX intake_address_address ON intake_address (address);

CREATE TABLE blocked_sender (
    -- A folded address, or `@domain`.
    pattern TEXT PRIMARY KEY NOT NULL,
    reason TEXT NOT NULL,
    blocked_at BIGINT NOT NULL,
    blocked_by BLOB
) WITHOUT ROWID;

-- How many automatic answers an address got lately.
CREATE INDEX delivery_address ON delivery (address, queued_at);
