-- When each of those who stand on a rotation or a policy was last sent a self-test page, and since when one of them waits for an
-- answer; empty once they have answered any page.
CREATE TABLE self_test (
    person_id BYTEA PRIMARY KEY NOT NULL REFERENCES person (id),
    paged_at BIGINT NOT NULL,
    waiting_since BIGINT
);
