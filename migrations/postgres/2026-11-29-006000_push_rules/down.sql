DROP TABLE push_decision;
ALTER TABLE repository DROP COLUMN push_rules;
