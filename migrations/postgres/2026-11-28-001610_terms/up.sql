-- Versions of agreements and calendars with dates, corrections of them, and agreements that hold for several customers.
-- The edition rises with every change that can move the deadline of a clock that runs.
INSERT INTO counter (name, value) VALUES ('terms_edition', 0);

ALTER TABLE calendar_version ADD COLUMN name TEXT NOT NULL DEFAULT '';
UPDATE calendar_version SET name = (SELECT name FROM calendar WHERE calendar.id = calendar_version.calendar_id);
ALTER TABLE calendar_version ADD COLUMN effective_until BIGINT;
ALTER TABLE calendar_version ADD COLUMN is_correction BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE calendar_version ADD COLUMN edition BIGINT NOT NULL DEFAULT 0;
-- The sets' codes, the data they came from and their days: new data never changes what was counted before.
ALTER TABLE calendar_version ADD COLUMN holidays TEXT NOT NULL DEFAULT '{"sets":[],"data":"","days":[]}';
ALTER TABLE calendar_version ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
ALTER TABLE calendar_version ADD COLUMN reason TEXT NOT NULL DEFAULT '';

CREATE TABLE agreement_version (
    agreement_id BYTEA NOT NULL REFERENCES agreement (id),
    number BIGINT NOT NULL,
    name TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    backdate_days INTEGER NOT NULL,
    effective_from BIGINT NOT NULL,
    effective_until BIGINT,
    is_correction BOOLEAN NOT NULL,
    edition BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (agreement_id, number)
);
INSERT INTO agreement_version
    SELECT id, version, name, is_active, backdate_days, made_at, NULL, FALSE, 0, '', '', made_at FROM agreement;
INSERT INTO agreement_version
    SELECT DISTINCT a.id, t.agreement_version, a.name, TRUE, a.backdate_days, a.made_at, CAST(NULL AS BIGINT), FALSE, 0, '', '',
    a.made_at FROM target t JOIN agreement a ON a.id = t.agreement_id WHERE t.agreement_version <> a.version;

CREATE TABLE agreement_party (
    agreement_id BYTEA NOT NULL,
    agreement_version BIGINT NOT NULL,
    customer_id BYTEA NOT NULL REFERENCES customer (id),
    PRIMARY KEY (agreement_id, agreement_version, customer_id),
    FOREIGN KEY (agreement_id, agreement_version) REFERENCES agreement_version (agreement_id, number)
);
INSERT INTO agreement_party
    SELECT v.agreement_id, v.number, a.customer_id FROM agreement_version v JOIN agreement a ON a.id = v.agreement_id
    WHERE a.customer_id IS NOT NULL;
CREATE INDEX agreement_party_customer ON agreement_party (customer_id);

ALTER TABLE agreement ADD COLUMN is_house BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE agreement SET is_house = TRUE WHERE customer_id IS NULL;
-- In which order they are asked; of equals the older first.
ALTER TABLE agreement ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
DROP INDEX agreement_customer;
ALTER TABLE agreement DROP COLUMN customer_id;
ALTER TABLE agreement DROP COLUMN backdate_days;

ALTER TABLE target ADD COLUMN customer_id BYTEA REFERENCES customer (id);
-- Calendars besides the first, in whose hours it counts too.
ALTER TABLE target ADD COLUMN also TEXT NOT NULL DEFAULT '';

-- By which edition of the terms and by which tz data a clock was counted last; empty for what is older than this record.
ALTER TABLE clock ADD COLUMN edition BIGINT NOT NULL DEFAULT 0;
ALTER TABLE clock ADD COLUMN tzdb TEXT NOT NULL DEFAULT '';
CREATE INDEX clock_open ON clock (ticket_id) WHERE ended_at IS NULL;

-- Clocks that a change of terms asks to be counted anew, and how far that has come.
CREATE TABLE recount (
    id BYTEA PRIMARY KEY NOT NULL,
    cause TEXT NOT NULL,
    subject_id BYTEA,
    subject TEXT NOT NULL,
    number BIGINT NOT NULL,
    from_at BIGINT NOT NULL,
    finished TEXT NOT NULL,
    made_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    last_ticket BYTEA,
    looked_at BIGINT NOT NULL,
    moved BIGINT NOT NULL,
    done_at BIGINT
);
CREATE INDEX recount_due ON recount (due_at) WHERE done_at IS NULL;
CREATE INDEX recount_made ON recount (made_at);

-- Which country's or region's holidays somebody has.
CREATE TABLE person_holidays (
    person_id BYTEA PRIMARY KEY NOT NULL REFERENCES person (id),
    code TEXT NOT NULL
);
