ALTER TABLE git_commit DROP COLUMN gone_at;
