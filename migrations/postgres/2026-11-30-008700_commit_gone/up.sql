-- Since when no branch or tag holds a commit.
ALTER TABLE git_commit ADD COLUMN gone_at BIGINT;
