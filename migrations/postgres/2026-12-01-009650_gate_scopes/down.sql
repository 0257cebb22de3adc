ALTER TABLE freeze_window DROP COLUMN refs;
ALTER TABLE repository DROP COLUMN other_services;
