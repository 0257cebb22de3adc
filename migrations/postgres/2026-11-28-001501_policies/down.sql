ALTER TABLE agreement DROP COLUMN backdate_days;
ALTER TABLE target DROP COLUMN follows_messages;
ALTER TABLE target DROP COLUMN holds_in;
ALTER TABLE target DROP COLUMN reopen_later;
ALTER TABLE target DROP COLUMN reopen_within;
ALTER TABLE target DROP COLUMN reopen_grace_secs;
ALTER TABLE target DROP COLUMN on_change;
