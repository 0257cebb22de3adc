DROP INDEX delivery_stranger;
CREATE INDEX delivery_kind ON delivery (kind, queued_at);
