-- What somebody chose for their own screens; no row: nothing was chosen.
CREATE TABLE screen_choice (
    person_id BYTEA PRIMARY KEY NOT NULL REFERENCES person (id),
    still_clocks BOOLEAN NOT NULL,
    no_keys BOOLEAN NOT NULL
);
