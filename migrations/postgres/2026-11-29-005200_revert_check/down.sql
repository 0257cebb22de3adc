DROP TABLE revert_check;
