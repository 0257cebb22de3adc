-- Steps of a database's schema that a deployment brought and nobody can take back, by path. What was tried before is tried again.
ALTER TABLE revert_check ADD COLUMN irreversible TEXT NOT NULL DEFAULT '';
DELETE FROM revert_check;
