ALTER TABLE deploy_rule DROP COLUMN dangers;
ALTER TABLE deploy_rule DROP COLUMN most_files;
