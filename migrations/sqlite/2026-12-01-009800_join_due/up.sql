-- A mail that asks to join a ticket is due with its clocks; and of what one block holds within a day only the first is shown to everybody.
CREATE INDEX mail_join_ticket ON mail (ticket_id, join_due_at, id) WHERE join_due_at IS NOT NULL;
UPDATE ticket SET
    next_due_from = (SELECT m.received_at FROM mail m WHERE m.ticket_id = ticket.id AND m.join_due_at IS NOT NULL ORDER BY m.join_due_at, m.id LIMIT 1),
    next_due_at = (SELECT min(m.join_due_at) FROM mail m WHERE m.ticket_id = ticket.id AND m.join_due_at IS NOT NULL),
    next_due_metric = 'join_request'
WHERE next_due_at > (SELECT min(m.join_due_at) FROM mail m WHERE m.ticket_id = ticket.id AND m.join_due_at IS NOT NULL);

ALTER TABLE mail ADD COLUMN is_quiet BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE mail SET is_quiet = TRUE WHERE held_for = 'blocked';
CREATE INDEX mail_shown ON mail (received_at, id) WHERE state = 'held' AND NOT is_quiet;
CREATE INDEX mail_blocked ON mail (detail, received_at) WHERE held_for = 'blocked' AND NOT is_quiet;
