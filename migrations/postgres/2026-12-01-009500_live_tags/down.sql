DROP INDEX git_deed_by_root;
ALTER TABLE recorded_tip DROP COLUMN commit_oid;
ALTER TABLE repository DROP COLUMN tags_say_live;
