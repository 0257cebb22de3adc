-- What responders found of the changes that an incident may come of: who, when, and what.
CREATE TABLE suspect_mark (
    ticket_id BLOB NOT NULL REFERENCES ticket (id),
    kind TEXT NOT NULL,
    subject_id BLOB NOT NULL,
    service_id BLOB REFERENCES service (id),
    blame TEXT NOT NULL,
    by_id BLOB,
    by_name TEXT NOT NULL,
    marked_at BIGINT NOT NULL,
    PRIMARY KEY (ticket_id, kind, subject_id)
) WITHOUT ROWID;
CREATE INDEX suspect_mark_history ON suspect_mark (service_id, kind, blame);
-- What was published around a moment.
CREATE INDEX git_commit_published ON git_commit (published_at) WHERE published_at IS NOT NULL;
