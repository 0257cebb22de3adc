-- When the work on a change ended: it was deployed or finished. It bakes from then on.
ALTER TABLE change_plan ADD COLUMN ended_at BIGINT;
CREATE INDEX change_plan_ended ON change_plan (ended_at) WHERE ended_at IS NOT NULL;
