DROP TABLE mailbox_mail;
DROP TABLE mailbox;
