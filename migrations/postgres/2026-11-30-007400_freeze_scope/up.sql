-- Freezes and maintenance windows, in which environments, and from which risk on.
ALTER TABLE freeze_window ADD COLUMN sort TEXT NOT NULL DEFAULT 'deny';
ALTER TABLE freeze_window ADD COLUMN min_risk TEXT;
-- In which environments; without any row where customers are.
CREATE TABLE freeze_window_environment (
    freeze_id BYTEA NOT NULL REFERENCES freeze_window (id) ON DELETE CASCADE,
    environment TEXT NOT NULL,
    PRIMARY KEY (freeze_id, environment)
);
