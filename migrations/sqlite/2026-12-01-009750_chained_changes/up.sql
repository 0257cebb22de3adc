-- What was told of deployments, each telling as it was; the chain hangs on it.
CREATE TABLE deployment_fact (
    id BLOB PRIMARY KEY NOT NULL,
    deployment_id BLOB NOT NULL REFERENCES deployment (id),
    nth BIGINT NOT NULL,
    told TEXT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX deployment_fact_nth ON deployment_fact (deployment_id, nth);
ALTER TABLE deployment ADD COLUMN fact_count BIGINT NOT NULL DEFAULT 0;
CREATE INDEX deployment_without_fact ON deployment (id) WHERE fact_count = 0;
CREATE TRIGGER deployment_fact_no_update BEFORE UPDATE ON deployment_fact BEGIN SELECT RAISE(ABORT, 'deployment_fact is append-only'); END;
CREATE TRIGGER deployment_fact_no_delete BEFORE DELETE ON deployment_fact BEGIN SELECT RAISE(ABORT, 'deployment_fact is append-only'); END;
-- The approvals and broken glass that there are.
INSERT INTO unchained_fact (fact_id, kind, recorded_at)
    SELECT id, 'approval', recorded_at FROM entry
    WHERE (kind IN ('approval_asked', 'approval_given', 'approved', 'approval_refused', 'glass_broken', 'glass_reviewed')
        OR (kind = 'state_changed' AND facts LIKE '%"to":"draft"%'))
        AND id NOT IN (SELECT fact_id FROM ledger_link);
