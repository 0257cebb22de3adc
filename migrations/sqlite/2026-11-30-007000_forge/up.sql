-- Where a repository's forge has it, and how the forge proves that it is the one who calls.
CREATE TABLE forge (
    repository_id BLOB PRIMARY KEY NOT NULL REFERENCES repository (id),
    kind TEXT NOT NULL,
    clone_url TEXT NOT NULL,
    -- With what we fetch over HTTPS.
    clone_login TEXT,
    clone_password TEXT,
    secret TEXT NOT NULL,
    -- Holds beside the other until it is dropped.
    old_secret TEXT,
    secret_since BIGINT NOT NULL,
    -- When it was last reached.
    looked_at BIGINT,
    -- When its refs are read next.
    next_look_at BIGINT NOT NULL,
    -- How often in a row it could not be reached, since when, and what it said last.
    faults INTEGER NOT NULL,
    failing_since BIGINT,
    last_error TEXT,
    leased_until BIGINT,
    made_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX forge_next ON forge (next_look_at);

-- What its webhook brought, and what became of it. A body is never kept.
CREATE TABLE forge_delivery (
    id BLOB PRIMARY KEY NOT NULL,
    repository_id BLOB NOT NULL REFERENCES repository (id),
    -- As the forge calls it; none of what was refused, since anybody could take the name of one to come.
    delivery_id TEXT,
    event TEXT NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT,
    pusher TEXT,
    -- `before after ref`, a line each; `-` for no commit.
    moves TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    -- None: it waits.
    settled_at BIGINT
);
CREATE UNIQUE INDEX forge_delivery_once ON forge_delivery (repository_id, delivery_id) WHERE delivery_id IS NOT NULL;
CREATE INDEX forge_delivery_of ON forge_delivery (repository_id, received_at);
CREATE INDEX forge_delivery_waiting ON forge_delivery (repository_id, received_at) WHERE settled_at IS NULL;
CREATE INDEX forge_delivery_old ON forge_delivery (received_at);
