-- What was in the way of a change when somebody approved it, a line each: a conflict may ask for an approval that saw it.
ALTER TABLE approval_vote ADD COLUMN conflicts TEXT NOT NULL DEFAULT '';
