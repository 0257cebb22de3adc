-- Whether what is live still reverts cleanly: tried on the tip that the default branch had then.
CREATE TABLE revert_check (
    deployment_id BYTEA PRIMARY KEY NOT NULL REFERENCES deployment (id),
    tip TEXT NOT NULL,
    conflicts TEXT NOT NULL,
    checked_at BIGINT NOT NULL
);
