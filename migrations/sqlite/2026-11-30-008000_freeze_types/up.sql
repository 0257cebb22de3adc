-- What a window says to one type of change; where nothing stands, what it says to all.
ALTER TABLE freeze_window ADD COLUMN normal_level TEXT;
ALTER TABLE freeze_window ADD COLUMN standard_level TEXT;
ALTER TABLE freeze_window ADD COLUMN emergency_level TEXT;
-- How long before each occurrence it is announced by letter; where nothing stands, never.
ALTER TABLE freeze_window ADD COLUMN announce_secs BIGINT;
-- The occurrences up to this instant were announced, or needn't be.
ALTER TABLE freeze_window ADD COLUMN announced_to BIGINT;
-- The event of a calendar file that it was made from: reading that again changes this window.
ALTER TABLE freeze_window ADD COLUMN source_uid TEXT;
CREATE UNIQUE INDEX freeze_window_source ON freeze_window (source_uid);
