-- A mailbox on a mail server that is watched, and how far it is read.
CREATE TABLE mailbox (
    name TEXT PRIMARY KEY NOT NULL,
    -- The server's promise that UIDs mean what they meant; another value means that they don't.
    uid_validity BIGINT NOT NULL,
    -- Every UID below is done.
    next_uid BIGINT NOT NULL,
    -- What arrived earlier isn't taken: it was there before the mailbox was watched.
    begins_at BIGINT,
    -- When it was last read in good order.
    read_at BIGINT,
    -- What went wrong since; NULL: nothing.
    fault TEXT,
    fault_since BIGINT,
    -- The process that reads it, for so long.
    held_by TEXT,
    held_until BIGINT
);

-- Which mail of it became which of ours: a mail is taken once, whatever breaks between taking and marking it.
CREATE TABLE mailbox_mail (
    mailbox TEXT NOT NULL REFERENCES mailbox (name),
    uid_validity BIGINT NOT NULL,
    uid BIGINT NOT NULL,
    mail_id BLOB NOT NULL REFERENCES mail (id),
    PRIMARY KEY (mailbox, uid_validity, uid)
) WITHOUT ROWID;
