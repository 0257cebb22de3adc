-- What responders found of the changes that an incident may come of: who, when, and what.
CREATE TABLE suspect_mark (
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    kind TEXT NOT NULL,
    subject_id BYTEA NOT NULL,
    service_id BYTEA REFERENCES service (id),
    blame TEXT NOT NULL,
    by_id BYTEA,
    by_name TEXT NOT NULL,
    marked_at BIGINT NOT NULL,
    PRIMARY KEY (ticket_id, kind, subject_id)
);
CREATE INDEX suspect_mark_history ON suspect_mark (service_id, kind, blame);
-- What was published around a moment.
CREATE INDEX git_commit_published ON git_commit (published_at) WHERE published_at IS NOT NULL;
