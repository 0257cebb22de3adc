ALTER TABLE intake_address DROP COLUMN own_ticket;
