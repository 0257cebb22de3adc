ALTER TABLE deploy_rule DROP COLUMN needs_go;
ALTER TABLE deploy_rule DROP COLUMN gap_mins;
DROP TABLE queued_deployment;
