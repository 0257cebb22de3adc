-- Until when a mail that asks to join a ticket is decided about, and when that is warned of; set while it asks. Requests that stand
-- already keep the half hour that they were given.
ALTER TABLE mail ADD COLUMN join_due_at BIGINT;
ALTER TABLE mail ADD COLUMN join_warn_at BIGINT;
UPDATE mail SET join_due_at = received_at + 1800000000 WHERE verdict = 'join_request';
CREATE INDEX mail_join_due ON mail (join_due_at, id) WHERE join_due_at IS NOT NULL;
CREATE INDEX mail_join_warn ON mail (join_warn_at, id) WHERE join_warn_at IS NOT NULL;
