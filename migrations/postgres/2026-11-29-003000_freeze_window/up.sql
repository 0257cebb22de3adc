-- Windows of time in which changes don't begin, or not without approval. Their times are the wall clock of a zone.
CREATE TABLE freeze_window (
    id BYTEA PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    zone TEXT NOT NULL,
    starts TEXT NOT NULL,
    ends TEXT NOT NULL,
    level TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    made_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
-- For which services; without any row it is for the whole house.
CREATE TABLE freeze_window_service (
    freeze_id BYTEA NOT NULL REFERENCES freeze_window (id) ON DELETE CASCADE,
    service_id BYTEA NOT NULL REFERENCES service (id),
    PRIMARY KEY (freeze_id, service_id)
);
