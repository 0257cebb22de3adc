DROP TABLE clock_notice;
DROP TABLE clock;
DROP TABLE target;
DROP TABLE agreement;
DROP TABLE calendar_version;
DROP TABLE calendar;
DELETE FROM counter WHERE name = 'sla_book';
