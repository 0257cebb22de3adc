ALTER TABLE intake_address DROP COLUMN takes_list;
ALTER TABLE intake_address DROP COLUMN separator;
