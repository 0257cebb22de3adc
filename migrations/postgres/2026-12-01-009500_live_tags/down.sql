ALTER TABLE recorded_tip DROP COLUMN commit_oid;
ALTER TABLE repository DROP COLUMN tags_say_live;
