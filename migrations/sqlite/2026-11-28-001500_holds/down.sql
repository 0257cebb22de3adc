DROP INDEX ticket_merged;
CREATE INDEX ticket_hold_until ON ticket (hold_until) WHERE hold_until IS NOT NULL;
DROP INDEX ticket_hold_wake;
ALTER TABLE ticket DROP COLUMN hold_wake_at;
ALTER TABLE ticket DROP COLUMN holds;
