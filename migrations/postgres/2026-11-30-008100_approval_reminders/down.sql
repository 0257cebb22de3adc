DROP TABLE approval_ask;
ALTER TABLE approval_vote DROP COLUMN not_before;
ALTER TABLE approval_rule DROP COLUMN escalate_team_id;
ALTER TABLE approval_rule DROP COLUMN escalate_secs;
ALTER TABLE approval_rule DROP COLUMN remind_secs;
