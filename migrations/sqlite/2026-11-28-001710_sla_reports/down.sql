DROP TABLE stored_report_file;
DROP TABLE stored_report;
DROP TABLE locked_days;
DROP TABLE credit_rule;
DROP TABLE credit_clause;
DROP INDEX clock_outcome;
