-- Who wants to be told by a signed call when something is recorded. The secret signs, so it has to be readable.

CREATE TABLE webhook (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    events TEXT NOT NULL,
    is_enabled BOOLEAN NOT NULL,
    made_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
