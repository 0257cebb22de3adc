DROP INDEX delivery_address;
DROP TABLE blocked_sender;
DROP TABLE intake_address;
DROP TABLE mail_named;
DROP TABLE mail;
