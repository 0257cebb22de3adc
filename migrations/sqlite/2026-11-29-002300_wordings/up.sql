-- Canned texts for what customers read, and texts in own words that wait for a second person. Only what waits has a row; what became
-- of the others stands on their ticket's timeline.
CREATE TABLE wording (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    folded_name TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    made_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE proposal (
    ticket_id BLOB NOT NULL REFERENCES ticket (id),
    seq BIGINT NOT NULL,
    what TEXT NOT NULL,
    note_seq BIGINT,
    next_update_at BIGINT,
    proposed_at BIGINT NOT NULL,
    PRIMARY KEY (ticket_id, seq)
);
CREATE INDEX proposal_proposed ON proposal (proposed_at);
