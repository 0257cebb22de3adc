-- What may be deployed on a standing change alone: so many files, and nothing whose path holds one of these words, a line each.
ALTER TABLE deploy_rule ADD COLUMN most_files BIGINT NOT NULL DEFAULT 50;
ALTER TABLE deploy_rule ADD COLUMN dangers TEXT NOT NULL DEFAULT 'migration
iam
dns
terraform';
