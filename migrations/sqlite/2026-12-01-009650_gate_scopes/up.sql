-- What else a repository is of, besides its service: a line each.
ALTER TABLE repository ADD COLUMN other_services TEXT NOT NULL DEFAULT '';
-- A window that is for pushes to some refs alone: patterns, a line each.
ALTER TABLE freeze_window ADD COLUMN refs TEXT NOT NULL DEFAULT '';
