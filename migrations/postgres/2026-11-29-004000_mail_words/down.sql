ALTER TABLE intake_address DROP COLUMN takes_copies;
ALTER TABLE intake_address DROP COLUMN generated_from;
ALTER TABLE intake_address DROP COLUMN keywords;
ALTER TABLE intake_address DROP COLUMN form_fields;
ALTER TABLE intake_address DROP COLUMN severity_words;
