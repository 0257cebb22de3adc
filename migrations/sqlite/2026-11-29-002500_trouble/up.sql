-- What is wrong with the house itself at this moment, and the incident about it if there is one. Empty in good health.
CREATE TABLE trouble (
    what TEXT PRIMARY KEY NOT NULL,
    began_at BIGINT NOT NULL,
    ticket_id BLOB REFERENCES ticket (id),
    detail TEXT NOT NULL
);
