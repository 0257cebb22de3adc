-- What pipelines and people told us of deployments, one row each.
CREATE TABLE deployment (
    id BYTEA PRIMARY KEY NOT NULL,
    environment TEXT NOT NULL,
    service_id BYTEA NOT NULL REFERENCES service (id),
    target TEXT NOT NULL,
    seq BIGINT NOT NULL,
    source TEXT NOT NULL,
    source_event_id TEXT NOT NULL,
    version TEXT NOT NULL,
    commit_oid TEXT,
    repository_id BYTEA REFERENCES repository (id),
    artefact TEXT,
    revision TEXT,
    status TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    by_id BYTEA,
    by_name TEXT NOT NULL,
    actor TEXT,
    url TEXT,
    freeze_name TEXT,
    glass TEXT,
    previous_id BYTEA,
    step TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
-- Telling it twice is telling it once.
CREATE UNIQUE INDEX deployment_once ON deployment (source, source_event_id);
CREATE UNIQUE INDEX deployment_lane ON deployment (environment, service_id, target, started_at, seq);
CREATE INDEX deployment_newest ON deployment (started_at, id);

-- Where versions follow each other: an environment of a service, or one of its targets. Locked by whoever records a deployment.
CREATE TABLE deploy_lane (
    environment TEXT NOT NULL,
    service_id BYTEA NOT NULL REFERENCES service (id),
    target TEXT NOT NULL,
    event_count BIGINT NOT NULL,
    live_id BYTEA REFERENCES deployment (id),
    PRIMARY KEY (environment, service_id, target)
);

-- Which tickets a deployment carries: named by whoever deployed, or found by its commits.
CREATE TABLE deployment_ticket (
    deployment_id BYTEA NOT NULL REFERENCES deployment (id),
    ticket_id BYTEA NOT NULL REFERENCES ticket (id),
    is_named BOOLEAN NOT NULL,
    PRIMARY KEY (deployment_id, ticket_id)
);
CREATE INDEX deployment_ticket_ticket ON deployment_ticket (ticket_id, deployment_id);

-- A service's own words for taking a deployment back, and how long its changes are watched.
CREATE TABLE deploy_rule (
    service_id BYTEA PRIMARY KEY NOT NULL REFERENCES service (id),
    revert TEXT NOT NULL,
    soak_mins BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- A repository's commits in the order in which they came: parents before children.
CREATE INDEX git_commit_seq ON git_commit (repository_id, seq);
-- Changes whose watch ends; it has ended where nobody watches any more.
UPDATE change_plan SET watch_until = NULL WHERE ticket_id IN (SELECT id FROM ticket WHERE state <> 'on_watch');
CREATE INDEX change_plan_watch ON change_plan (watch_until) WHERE watch_until IS NOT NULL;
