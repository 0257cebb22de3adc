-- Calendars, agreements and clocks.
-- A calendar's version and a target never change once written: open clocks keep those of their anchor.

INSERT INTO counter (name, value) VALUES ('sla_book', 1);

CREATE TABLE calendar (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL UNIQUE,
    is_active BOOLEAN NOT NULL,
    made_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE calendar_version (
    calendar_id BLOB NOT NULL REFERENCES calendar (id),
    number BIGINT NOT NULL,
    effective_from BIGINT NOT NULL,
    zone TEXT NOT NULL,
    weekly TEXT NOT NULL,
    exceptions TEXT NOT NULL,
    tzdb TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (calendar_id, number)
);

-- Without a customer it is the house agreement, for tickets that no other holds for.
CREATE TABLE agreement (
    id BLOB PRIMARY KEY NOT NULL,
    customer_id BLOB REFERENCES customer (id),
    name TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    made_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX agreement_customer ON agreement (customer_id);

CREATE TABLE target (
    id BLOB PRIMARY KEY NOT NULL,
    agreement_id BLOB NOT NULL REFERENCES agreement (id),
    agreement_version BIGINT NOT NULL,
    place INTEGER NOT NULL,
    metric TEXT NOT NULL,
    promisee TEXT NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT,
    service_id BLOB REFERENCES service (id),
    budget_kind TEXT NOT NULL,
    budget_value BIGINT NOT NULL,
    calendar_id BLOB NOT NULL REFERENCES calendar (id),
    anchor TEXT NOT NULL,
    warn TEXT NOT NULL,
    stops_on TEXT NOT NULL
);
CREATE INDEX target_agreement ON target (agreement_id, agreement_version, place);

-- One cycle of one promise: a cache of what the timeline says. Segments are derived, never stored.
CREATE TABLE clock (
    id BLOB PRIMARY KEY NOT NULL,
    ticket_id BLOB NOT NULL REFERENCES ticket (id),
    customer_id BLOB,
    metric TEXT NOT NULL,
    promisee TEXT NOT NULL,
    cycle INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    target_id BLOB REFERENCES target (id),
    from_seq BIGINT NOT NULL,
    until_seq BIGINT,
    anchor_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    deadline_at BIGINT,
    ended_at BIGINT,
    cancelled TEXT,
    breached_at BIGINT,
    late_by_change BOOLEAN NOT NULL,
    warned_until BIGINT NOT NULL,
    generation INTEGER NOT NULL,
    next_wake_at BIGINT
);
CREATE INDEX clock_ticket ON clock (ticket_id);
-- What is due: never a scan of open clocks.
CREATE INDEX clock_wake ON clock (next_wake_at) WHERE next_wake_at IS NOT NULL;
CREATE INDEX clock_breached ON clock (breached_at) WHERE breached_at IS NOT NULL;

-- A warning or breach that was told. The key makes firing twice impossible.
CREATE TABLE clock_notice (
    clock_id BLOB NOT NULL REFERENCES clock (id),
    threshold TEXT NOT NULL,
    generation INTEGER NOT NULL,
    due_at BIGINT NOT NULL,
    fired_at BIGINT NOT NULL,
    PRIMARY KEY (clock_id, threshold, generation)
);
