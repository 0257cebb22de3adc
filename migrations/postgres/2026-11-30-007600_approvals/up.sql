-- Who has to approve which changes, who did and what exactly they saw, and who stands in for whom.
ALTER TABLE change_plan ADD COLUMN environment TEXT;
ALTER TABLE change_plan ADD COLUMN sort TEXT NOT NULL DEFAULT 'normal';
CREATE TABLE approval_rule (
    id BYTEA PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    min_risk TEXT,
    sort TEXT,
    approvers INTEGER NOT NULL,
    team_id BYTEA REFERENCES team (id),
    wants_owner BOOLEAN NOT NULL,
    valid_secs BIGINT NOT NULL,
    is_active BOOLEAN NOT NULL,
    made_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
-- In which environments; without any row in all of them.
CREATE TABLE approval_rule_environment (
    rule_id BYTEA NOT NULL REFERENCES approval_rule (id) ON DELETE CASCADE,
    environment TEXT NOT NULL,
    PRIMARY KEY (rule_id, environment)
);
-- For which services; without any row for all of them.
CREATE TABLE approval_rule_service (
    rule_id BYTEA NOT NULL REFERENCES approval_rule (id) ON DELETE CASCADE,
    service_id BYTEA NOT NULL REFERENCES service (id),
    PRIMARY KEY (rule_id, service_id)
);
-- One person, one vote: the last that they gave. The snapshot is what they saw, field by field.
CREATE TABLE approval_vote (
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    person_id BYTEA NOT NULL REFERENCES person (id),
    person_name TEXT NOT NULL,
    for_id BYTEA REFERENCES person (id),
    for_name TEXT,
    given_at BIGINT NOT NULL,
    digest TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    over_at BIGINT,
    PRIMARY KEY (ticket_id, person_id)
);
CREATE TABLE approval_stand_in (
    id BYTEA PRIMARY KEY NOT NULL,
    from_id BYTEA NOT NULL REFERENCES person (id),
    to_id BYTEA NOT NULL REFERENCES person (id),
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX approval_stand_in_ends ON approval_stand_in (ends_at);
