-- Tags such as deploy/prod/4.12.0 and env/prod say what is live, where no pipeline does.
ALTER TABLE repository ADD COLUMN tags_say_live BOOLEAN NOT NULL DEFAULT FALSE;
-- The commit that a tag names: the version of that name.
ALTER TABLE recorded_tip ADD COLUMN commit_oid TEXT;
-- Which change began with a commit, however often it was rebased.
CREATE INDEX git_deed_by_root ON git_deed (root);
