-- Which services a service calls, and what it runs on together with others.
CREATE TABLE service_call (
    service_id BLOB NOT NULL REFERENCES service (id) ON DELETE CASCADE,
    other_id BLOB NOT NULL REFERENCES service (id) ON DELETE CASCADE,
    PRIMARY KEY (service_id, other_id)
);
CREATE INDEX service_call_other ON service_call (other_id);
CREATE TABLE service_host (
    service_id BLOB NOT NULL REFERENCES service (id) ON DELETE CASCADE,
    folded_name TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (service_id, folded_name)
);
