ALTER TABLE approval_rule DROP COLUMN binds_commits;
ALTER TABLE change_plan DROP COLUMN artefact;
