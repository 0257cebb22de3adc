-- Deployments that wait for a freeze to lift, and what became of them.
CREATE TABLE queued_deployment (
    id BYTEA PRIMARY KEY NOT NULL,
    environment TEXT NOT NULL,
    service_id BYTEA NOT NULL REFERENCES service (id),
    target TEXT NOT NULL,
    version TEXT NOT NULL,
    commit_oid TEXT,
    ticket_id BYTEA REFERENCES ticket (id),
    source TEXT NOT NULL,
    source_event_id TEXT NOT NULL,
    by_id BYTEA,
    by_name TEXT NOT NULL,
    actor TEXT,
    url TEXT,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    opens_at BIGINT,
    queued_at BIGINT NOT NULL,
    look_at BIGINT,
    go_at BIGINT,
    go_name TEXT,
    released_at BIGINT,
    ended_at BIGINT,
    ended_name TEXT,
    deployment_id BYTEA REFERENCES deployment (id)
);
-- Asking for it twice is asking for it once.
CREATE UNIQUE INDEX queued_deployment_once ON queued_deployment (source, source_event_id);
CREATE INDEX queued_deployment_look ON queued_deployment (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX queued_deployment_service ON queued_deployment (service_id, queued_at);
CREATE INDEX queued_deployment_ticket ON queued_deployment (ticket_id) WHERE ticket_id IS NOT NULL;

-- How the queue of a service is let go: one after the other with a gap, and whether somebody has to say go.
ALTER TABLE deploy_rule ADD COLUMN gap_mins BIGINT NOT NULL DEFAULT 10;
ALTER TABLE deploy_rule ADD COLUMN needs_go BOOLEAN NOT NULL DEFAULT FALSE;
