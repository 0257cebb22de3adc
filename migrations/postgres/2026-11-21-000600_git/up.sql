-- Repositories and what their hooks told us; what a change has beyond its ticket.

CREATE TABLE repository (
    id BYTEA PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL UNIQUE,
    default_branch TEXT NOT NULL,
    publish TEXT NOT NULL,
    commit_url TEXT,
    service_id BYTEA,
    is_active BOOLEAN NOT NULL,
    made_at BIGINT NOT NULL,
    last_push_at BIGINT,
    commit_count BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE push (
    id BYTEA PRIMARY KEY NOT NULL,
    repository_id BYTEA NOT NULL REFERENCES repository (id),
    push_id TEXT NOT NULL,
    pusher TEXT,
    is_bulk BOOLEAN NOT NULL,
    commit_count BIGINT NOT NULL,
    received_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX push_once ON push (repository_id, push_id);
CREATE INDEX push_received ON push (repository_id, received_at);

CREATE TABLE ref_move (
    push_id BYTEA NOT NULL REFERENCES push (id),
    name TEXT NOT NULL,
    old_oid TEXT NOT NULL,
    new_oid TEXT NOT NULL,
    dropped BIGINT NOT NULL,
    version_before TEXT,
    version_after TEXT,
    PRIMARY KEY (push_id, name)
);

-- The refs whose commits we have taken: what the next push is compared with.
CREATE TABLE recorded_tip (
    repository_id BYTEA NOT NULL REFERENCES repository (id),
    name TEXT NOT NULL,
    oid TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (repository_id, name)
);

CREATE TABLE git_commit (
    id BYTEA PRIMARY KEY NOT NULL,
    repository_id BYTEA NOT NULL REFERENCES repository (id),
    oid TEXT NOT NULL,
    parents TEXT NOT NULL,
    root TEXT NOT NULL,
    author_name TEXT NOT NULL,
    author_email TEXT NOT NULL,
    authored_at BIGINT NOT NULL,
    committer_name TEXT NOT NULL,
    committer_email TEXT NOT NULL,
    committed_at BIGINT NOT NULL,
    subject TEXT NOT NULL,
    facts TEXT NOT NULL,
    paths TEXT NOT NULL,
    path_count INTEGER NOT NULL,
    push_id BYTEA NOT NULL REFERENCES push (id),
    seq BIGINT NOT NULL,
    ref_name TEXT NOT NULL,
    version_before TEXT,
    version_after TEXT,
    acts BOOLEAN NOT NULL,
    published_at BIGINT
);
CREATE UNIQUE INDEX git_commit_once ON git_commit (repository_id, oid);
CREATE INDEX git_commit_unpublished ON git_commit (repository_id) WHERE published_at IS NULL;
CREATE INDEX git_commit_push ON git_commit (push_id, seq);

CREATE TABLE git_link (
    commit_id BYTEA NOT NULL REFERENCES git_commit (id),
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    relation TEXT NOT NULL,
    place TEXT NOT NULL,
    line INTEGER NOT NULL,
    verb TEXT,
    negated BOOLEAN NOT NULL,
    parser INTEGER NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (commit_id, ticket_id, relation)
);
CREATE INDEX git_link_ticket ON git_link (ticket_id, commit_id);

-- What a commit did to a ticket: once per relation and root, however often the commit is rebased or sent again.
CREATE TABLE git_deed (
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    relation TEXT NOT NULL,
    root TEXT NOT NULL,
    commit_id BYTEA NOT NULL REFERENCES git_commit (id),
    done_at BIGINT NOT NULL,
    PRIMARY KEY (ticket_id, relation, root)
);

CREATE TABLE change_plan (
    ticket_id BYTEA PRIMARY KEY NOT NULL REFERENCES ticket (id),
    purpose TEXT NOT NULL,
    starts_at BIGINT,
    ends_at BIGINT,
    side_effects TEXT NOT NULL,
    version_before TEXT,
    version_after TEXT,
    revert TEXT NOT NULL,
    requested_by BYTEA,
    asked_by BYTEA,
    approved_by BYTEA,
    approved_at BIGINT,
    revert_prepared_at BIGINT,
    watch_until BIGINT
);
CREATE INDEX change_plan_starts ON change_plan (starts_at) WHERE starts_at IS NOT NULL;
