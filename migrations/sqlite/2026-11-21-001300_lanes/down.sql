CREATE INDEX delivery_due ON delivery (urgency, next_attempt_at) WHERE state = 'queued';
DROP INDEX delivery_lane;
