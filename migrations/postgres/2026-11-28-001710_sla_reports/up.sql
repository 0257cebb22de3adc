-- Reports of promises: which clocks ended when, what an agreement gives back, and the reports of locked periods as they were.

-- A report's clocks by their outcome; the open ones stand together at one end.
CREATE INDEX clock_outcome ON clock (customer_id, ended_at);

-- A clause holds from its agreement's version on until a later version has one.
CREATE TABLE credit_clause (
    agreement_id BYTEA NOT NULL REFERENCES agreement (id),
    agreement_version BIGINT NOT NULL,
    calendar_id BYTEA REFERENCES calendar (id),
    severity TEXT NOT NULL,
    excludes_maintenance BOOLEAN NOT NULL,
    cap BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (agreement_id, agreement_version)
);

CREATE TABLE credit_rule (
    agreement_id BYTEA NOT NULL,
    agreement_version BIGINT NOT NULL,
    place INTEGER NOT NULL,
    basis TEXT NOT NULL,
    below BIGINT NOT NULL,
    credit BIGINT NOT NULL,
    PRIMARY KEY (agreement_id, agreement_version, place),
    FOREIGN KEY (agreement_id, agreement_version) REFERENCES credit_clause (agreement_id, agreement_version)
);

-- The days that a lock was set for, and when its reports were stored.
CREATE TABLE locked_days (
    lock_id BYTEA PRIMARY KEY NOT NULL,
    from_on TEXT NOT NULL,
    to_on TEXT NOT NULL,
    zone TEXT NOT NULL,
    stored_at BIGINT
);
CREATE INDEX locked_days_waiting ON locked_days (lock_id) WHERE stored_at IS NULL;

-- A lock may be taken back by an admin; what was reported under it stays on record.
CREATE TABLE stored_report (
    id BYTEA PRIMARY KEY NOT NULL,
    lock_id BYTEA NOT NULL,
    customer_id BYTEA,
    from_on TEXT NOT NULL,
    to_on TEXT NOT NULL,
    zone TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    undone_at BIGINT
);
CREATE INDEX stored_report_lock ON stored_report (lock_id);
CREATE INDEX stored_report_customer ON stored_report (customer_id, from_on);

CREATE TABLE stored_report_file (
    report_id BYTEA NOT NULL REFERENCES stored_report (id),
    format TEXT NOT NULL,
    hash BYTEA NOT NULL REFERENCES blob (hash),
    PRIMARY KEY (report_id, format)
);
