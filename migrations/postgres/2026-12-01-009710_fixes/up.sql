-- Commits that close an incident, once each however often they are rebased: whether they run where it is, and what people say.
CREATE TABLE incident_fix (
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    root TEXT NOT NULL,
    commit_id BYTEA NOT NULL REFERENCES git_commit (id),
    landed_at BIGINT NOT NULL,
    -- Whoever pushed it may resolve the incident.
    may_resolve BOOLEAN NOT NULL,
    deployment_id BYTEA REFERENCES deployment (id),
    live_at BIGINT,
    gone_at BIGINT,
    declined_at BIGINT,
    declined_by TEXT,
    PRIMARY KEY (ticket_id, root)
);
CREATE INDEX incident_fix_by_deployment ON incident_fix (deployment_id);
