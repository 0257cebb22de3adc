DROP TABLE freeze_service;
DROP TABLE freeze;
