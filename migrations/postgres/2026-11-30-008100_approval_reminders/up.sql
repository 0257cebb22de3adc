-- When approvers are reminded of a change that waits for them, and which team hears of it if they stay silent.
ALTER TABLE approval_rule ADD COLUMN remind_secs BIGINT NOT NULL DEFAULT 14400;
ALTER TABLE approval_rule ADD COLUMN escalate_secs BIGINT NOT NULL DEFAULT 0;
ALTER TABLE approval_rule ADD COLUMN escalate_team_id BYTEA;
-- "Yes, but not before": a condition of whoever approved.
ALTER TABLE approval_vote ADD COLUMN not_before BIGINT;
-- What has become of asking for one change's approval: about what, when, and when somebody looks at it again.
CREATE TABLE approval_ask (
    ticket_id BYTEA PRIMARY KEY NOT NULL REFERENCES ticket (id),
    snapshot TEXT,
    former TEXT,
    asked_at BIGINT,
    reminded_at BIGINT,
    escalated_at BIGINT,
    settled_at BIGINT,
    look_at BIGINT,
    version BIGINT NOT NULL
);
CREATE INDEX approval_ask_look ON approval_ask (look_at);
