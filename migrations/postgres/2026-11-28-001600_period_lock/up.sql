-- Months and other periods whose outcomes stand: reports of them were handed over. A lock without a customer is everybody's.
CREATE TABLE period_lock (
    id BYTEA PRIMARY KEY NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    customer_id BYTEA REFERENCES customer (id),
    reason TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at BIGINT NOT NULL
);
CREATE INDEX period_lock_until ON period_lock (until_at);
