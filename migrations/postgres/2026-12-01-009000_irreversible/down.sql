ALTER TABLE revert_check DROP COLUMN irreversible;
