DROP INDEX git_commit_published;
DROP TABLE suspect_mark;
