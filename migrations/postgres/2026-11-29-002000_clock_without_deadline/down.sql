DROP INDEX clock_without_deadline;
