DROP TABLE proposal;
DROP TABLE wording;
