-- The version in which what a rule decides was changed last: an approval is for that. Its name and its reminders decide nothing.
ALTER TABLE approval_rule ADD COLUMN terms BIGINT NOT NULL DEFAULT 1;
UPDATE approval_rule SET terms = version;
-- What is approved is looked at when it runs out.
UPDATE approval_ask SET look_at = 0 WHERE settled_at IS NOT NULL AND look_at IS NULL;
