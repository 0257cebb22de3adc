DROP INDEX freeze_window_source;
ALTER TABLE freeze_window DROP COLUMN source_uid;
ALTER TABLE freeze_window DROP COLUMN announced_to;
ALTER TABLE freeze_window DROP COLUMN announce_secs;
ALTER TABLE freeze_window DROP COLUMN emergency_level;
ALTER TABLE freeze_window DROP COLUMN standard_level;
ALTER TABLE freeze_window DROP COLUMN normal_level;
