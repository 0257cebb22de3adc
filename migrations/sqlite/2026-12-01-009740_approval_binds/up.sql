-- The digest of what is to be deployed: an approval is for exactly that.
ALTER TABLE change_plan ADD COLUMN artefact TEXT;
-- Whether a vote is for the commits that there are, too.
ALTER TABLE approval_rule ADD COLUMN binds_commits BOOLEAN NOT NULL DEFAULT FALSE;
