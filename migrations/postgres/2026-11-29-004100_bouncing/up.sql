-- Folded addresses from which our letters come back for good.
CREATE TABLE bouncing (
    address TEXT PRIMARY KEY NOT NULL,
    since BIGINT NOT NULL,
    -- What the newest report says, such as 5.1.1.
    status TEXT NOT NULL
);
-- How many strangers were answered within the last hour.
CREATE INDEX delivery_kind ON delivery (kind, queued_at);
