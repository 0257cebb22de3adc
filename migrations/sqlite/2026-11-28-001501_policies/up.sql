-- What becomes of a clock when its ticket changes, waits or is opened again: settings of the target. Those from before have the
-- usual ones.
ALTER TABLE target ADD COLUMN on_change TEXT NOT NULL DEFAULT 'carry';
ALTER TABLE target ADD COLUMN reopen_grace_secs BIGINT NOT NULL DEFAULT 259200;
ALTER TABLE target ADD COLUMN reopen_within TEXT NOT NULL DEFAULT 'resume_without_gap';
ALTER TABLE target ADD COLUMN reopen_later TEXT NOT NULL DEFAULT 'new_cycle';
ALTER TABLE target ADD COLUMN holds_in TEXT NOT NULL DEFAULT '';
ALTER TABLE target ADD COLUMN follows_messages BOOLEAN NOT NULL DEFAULT TRUE;
-- How far back its clocks may be set.
ALTER TABLE agreement ADD COLUMN backdate_days INTEGER NOT NULL DEFAULT 7;
