DROP INDEX delivery_frozen;
ALTER TABLE attachment DROP COLUMN redacted_at;
