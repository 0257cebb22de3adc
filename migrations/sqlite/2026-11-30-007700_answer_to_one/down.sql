ALTER TABLE proposal DROP COLUMN customer_id;
