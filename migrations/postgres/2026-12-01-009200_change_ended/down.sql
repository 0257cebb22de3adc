DROP INDEX change_plan_ended;
ALTER TABLE change_plan DROP COLUMN ended_at;
