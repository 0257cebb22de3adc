-- What ends by itself is found without looking at every open ticket.
CREATE INDEX ticket_hold_until ON ticket (hold_until) WHERE hold_until IS NOT NULL;
-- The condition of the index it replaces names a value, which a bound statement can't prove.
CREATE INDEX ticket_settling ON ticket (state, resolved_at) WHERE resolved_at IS NOT NULL;
DROP INDEX ticket_resolved;
