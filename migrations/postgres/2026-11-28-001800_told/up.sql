-- When somebody was last written to about clocks: at most one such letter a minute.
CREATE TABLE clock_told (
    person_id BYTEA PRIMARY KEY NOT NULL REFERENCES person (id),
    told_at BIGINT NOT NULL
);
