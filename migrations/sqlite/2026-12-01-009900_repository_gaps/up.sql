-- Refs that had moved before the service heard of it, as a hook found them last; gone when it has heard.
CREATE TABLE repository_gap (
    repository_id BLOB NOT NULL REFERENCES repository (id),
    name TEXT NOT NULL,
    old_oid TEXT NOT NULL,
    new_oid TEXT NOT NULL,
    commits BIGINT,
    found_at BIGINT NOT NULL,
    PRIMARY KEY (repository_id, name)
) WITHOUT ROWID;
ALTER TABLE repository ADD COLUMN compared_at BIGINT;
