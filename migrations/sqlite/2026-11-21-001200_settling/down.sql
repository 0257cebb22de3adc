CREATE INDEX ticket_resolved ON ticket (resolved_at) WHERE state = 'resolved';
DROP INDEX ticket_settling;
DROP INDEX ticket_hold_until;
