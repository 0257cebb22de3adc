DROP INDEX mail_blocked;
DROP INDEX mail_shown;
ALTER TABLE mail DROP COLUMN is_quiet;
UPDATE ticket SET
    next_due_at = (SELECT coalesce(min(c.deadline_at), 253402214400000000) FROM clock c WHERE c.ticket_id = ticket.id AND c.state = 'running'),
    next_due_from = NULL,
    next_due_metric = NULL
WHERE next_due_metric = 'join_request';
DROP INDEX mail_join_ticket;
