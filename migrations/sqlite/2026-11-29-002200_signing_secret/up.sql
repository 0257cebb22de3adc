-- Signs the calls to a person's own webhooks, so that their pager can tell a page of ours from anybody's.
CREATE TABLE signing_secret (
    person_id BLOB PRIMARY KEY NOT NULL REFERENCES person (id),
    secret TEXT NOT NULL,
    made_at BIGINT NOT NULL
);
