DROP TABLE mail_mark;
