DROP INDEX suspect_mark_caused;
ALTER TABLE suspect_mark DROP COLUMN place;
