ALTER TABLE approval_rule DROP COLUMN terms;
