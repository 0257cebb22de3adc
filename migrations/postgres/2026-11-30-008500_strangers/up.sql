-- How many strangers were answered within the last hour. Only that: as an index of every kind it was taken to look for the answers to one
-- address, and each mail read all of the hour's.
DROP INDEX delivery_kind;
CREATE INDEX delivery_stranger ON delivery (kind, queued_at) WHERE contact_id IS NULL AND person_id IS NULL;
