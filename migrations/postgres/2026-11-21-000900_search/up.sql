-- One document per entry that has text. Words are split and folded by us, the same on both databases; who may read an entry
-- is a term of the document (terms of ours begin with `_`, which no word of a text can).
CREATE TABLE search_doc (
    entry_id BYTEA PRIMARY KEY NOT NULL,
    ticket_id BYTEA NOT NULL,
    terms TSVECTOR NOT NULL
);
CREATE INDEX search_doc_ticket ON search_doc (ticket_id);
CREATE INDEX search_doc_terms ON search_doc USING gin (terms) WITH (fastupdate = off);
-- Without it the planner takes a rare word for a common one and walks the primary key backwards.
ALTER TABLE search_doc ALTER COLUMN terms SET STATISTICS 1000;
