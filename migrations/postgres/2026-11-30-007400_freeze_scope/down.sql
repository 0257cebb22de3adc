DROP TABLE freeze_window_environment;
ALTER TABLE freeze_window DROP COLUMN min_risk;
ALTER TABLE freeze_window DROP COLUMN sort;
