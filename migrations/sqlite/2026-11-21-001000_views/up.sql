-- Saved views of the queue: a name and a filter. A shared one is everybody's to open and its owner's to change.
CREATE TABLE saved_view (
    id BLOB PRIMARY KEY NOT NULL,
    person_id BLOB NOT NULL REFERENCES person (id),
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    is_shared BOOLEAN NOT NULL,
    made_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX saved_view_person ON saved_view (person_id);
-- Who waits for our answer: few rows among many.
CREATE INDEX ticket_awaits_us ON ticket (is_open, awaits_us, next_due_at, id);
