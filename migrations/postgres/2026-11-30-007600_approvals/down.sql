DROP TABLE approval_stand_in;
DROP TABLE approval_vote;
DROP TABLE approval_rule_service;
DROP TABLE approval_rule_environment;
DROP TABLE approval_rule;
ALTER TABLE change_plan DROP COLUMN sort;
ALTER TABLE change_plan DROP COLUMN environment;
