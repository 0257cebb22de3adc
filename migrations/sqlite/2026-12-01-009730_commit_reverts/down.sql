DROP TABLE commit_revert;
