-- Words that wait may be for one of the other customers who were hit.
ALTER TABLE proposal ADD COLUMN customer_id BYTEA;
