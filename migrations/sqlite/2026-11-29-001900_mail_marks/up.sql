-- What a ticket's mails have in common with others: ids of a thread that we never stored (`id:…`), Outlook's conversations
-- (`conversation:…`), the counterpart's own ticket numbers (`number:…`), the service that an alert is about (`alert:…`).
CREATE TABLE mail_mark (
    mark TEXT NOT NULL,
    ticket_id BLOB NOT NULL REFERENCES ticket (id),
    PRIMARY KEY (mark, ticket_id)
) WITHOUT ROWID;
CREATE INDEX mail_mark_ticket ON mail_mark (ticket_id);
