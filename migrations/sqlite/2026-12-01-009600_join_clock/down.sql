DROP INDEX mail_join_warn;
DROP INDEX mail_join_due;
ALTER TABLE mail DROP COLUMN join_warn_at;
ALTER TABLE mail DROP COLUMN join_due_at;
