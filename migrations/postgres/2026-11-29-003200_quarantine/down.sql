ALTER TABLE attachment DROP COLUMN danger;
