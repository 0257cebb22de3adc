ALTER TABLE repository DROP COLUMN compared_at;
DROP TABLE repository_gap;
