-- Tickets whose stored clocks weren't what their timeline says when they were looked at. Empty in good health.
CREATE TABLE clock_difference (
    ticket_id BLOB PRIMARY KEY NOT NULL REFERENCES ticket (id),
    found_at BIGINT NOT NULL,
    checked_at BIGINT NOT NULL,
    what TEXT NOT NULL
);
