ALTER TABLE approval_vote DROP COLUMN conflicts;
