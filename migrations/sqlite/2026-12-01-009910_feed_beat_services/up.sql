-- Services of whose changes a feed tells, by its own word: that there were none, too.
CREATE TABLE feed_beat_service (
    environment TEXT NOT NULL,
    source TEXT NOT NULL,
    service_id BLOB NOT NULL REFERENCES service (id),
    PRIMARY KEY (environment, source, service_id)
) WITHOUT ROWID;
