-- Where on the list a suspect stood when somebody judged it, from 1; NULL: it wasn't on it.
ALTER TABLE suspect_mark ADD COLUMN place BIGINT;
CREATE INDEX suspect_mark_caused ON suspect_mark (marked_at) WHERE blame = 'caused';
