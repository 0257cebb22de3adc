-- What tells us of changes may say that it is alive and that there were none.
CREATE TABLE feed_beat (
    environment TEXT NOT NULL,
    source TEXT NOT NULL,
    last_at BIGINT NOT NULL,
    every_secs BIGINT NOT NULL,
    PRIMARY KEY (environment, source)
);
