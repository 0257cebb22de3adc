-- One document per entry that has text. Words are split and folded by us, the same on both databases; who may read an entry
-- is a term of the document (terms of ours begin with `_`, which no word of a text can).
CREATE TABLE search_doc (
    id INTEGER PRIMARY KEY NOT NULL,
    entry_id BLOB NOT NULL,
    ticket_id BLOB NOT NULL
);
CREATE UNIQUE INDEX search_doc_entry ON search_doc (entry_id);
CREATE INDEX search_doc_ticket ON search_doc (ticket_id);
CREATE VIRTUAL TABLE search_fts USING fts5(
    terms, content='', contentless_delete=1, detail=none, tokenize="unicode61 remove_diacritics 0 tokenchars '_'"
);
