-- Whether the commits of a change still revert, as it was tried last, and of which of them that says something.
CREATE TABLE commit_revert (
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    repository_id BYTEA NOT NULL REFERENCES repository (id),
    tip TEXT NOT NULL,
    commits TEXT NOT NULL,
    conflicts TEXT NOT NULL,
    irreversible TEXT NOT NULL,
    checked_at BIGINT NOT NULL,
    PRIMARY KEY (ticket_id, repository_id)
);
