-- What a repository asks of pushes, as it was written; empty: freezes hold for what is published.
ALTER TABLE repository ADD COLUMN push_rules TEXT NOT NULL DEFAULT '';

-- What a push was told before its refs moved, by which rules and by whose clock.
CREATE TABLE push_decision (
    repository_id BLOB NOT NULL REFERENCES repository (id),
    push_id TEXT NOT NULL,
    decided_at BIGINT NOT NULL,
    -- As the transport called them, and who that is here.
    pusher TEXT,
    person_id BLOB REFERENCES person (id),
    verdict TEXT NOT NULL,
    breaks_glass BOOLEAN NOT NULL,
    -- The hook decided by itself, since nobody answered.
    by_hook BOOLEAN NOT NULL,
    -- The ticket that its commits stand on, besides those that they name.
    ticket_id BLOB REFERENCES ticket (id),
    refs TEXT NOT NULL,
    -- The ids of its commits, where they stand on that ticket.
    commits TEXT NOT NULL,
    reasons TEXT NOT NULL,
    rules_hash TEXT NOT NULL,
    PRIMARY KEY (repository_id, push_id)
);
CREATE INDEX push_decision_of ON push_decision (repository_id, decided_at);
