DROP TABLE person_holidays;
DROP TABLE recount;
DROP INDEX clock_open;
ALTER TABLE clock DROP COLUMN tzdb;
ALTER TABLE clock DROP COLUMN edition;
ALTER TABLE target DROP COLUMN also;
ALTER TABLE target DROP COLUMN customer_id;
ALTER TABLE agreement ADD COLUMN customer_id BYTEA REFERENCES customer (id);
UPDATE agreement SET customer_id = (SELECT p.customer_id FROM agreement_party p
    WHERE p.agreement_id = agreement.id AND p.agreement_version = agreement.version ORDER BY p.customer_id LIMIT 1);
CREATE INDEX agreement_customer ON agreement (customer_id);
ALTER TABLE agreement ADD COLUMN backdate_days INTEGER NOT NULL DEFAULT 7;
UPDATE agreement SET backdate_days = (SELECT v.backdate_days FROM agreement_version v
    WHERE v.agreement_id = agreement.id AND v.number = agreement.version);
ALTER TABLE agreement ALTER COLUMN backdate_days DROP DEFAULT;
ALTER TABLE agreement DROP COLUMN place;
ALTER TABLE agreement DROP COLUMN is_house;
DROP TABLE agreement_party;
DROP TABLE agreement_version;
ALTER TABLE calendar_version DROP COLUMN reason;
ALTER TABLE calendar_version DROP COLUMN made_by;
ALTER TABLE calendar_version DROP COLUMN holidays;
ALTER TABLE calendar_version DROP COLUMN edition;
ALTER TABLE calendar_version DROP COLUMN is_correction;
ALTER TABLE calendar_version DROP COLUMN effective_until;
ALTER TABLE calendar_version DROP COLUMN name;
DELETE FROM counter WHERE name = 'terms_edition';
