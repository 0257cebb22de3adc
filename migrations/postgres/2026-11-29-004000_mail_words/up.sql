-- What the words of a mail set, by the address that it came to: as the lines that people write (`domain::mail_words`).
ALTER TABLE intake_address ADD COLUMN severity_words TEXT NOT NULL DEFAULT '';
ALTER TABLE intake_address ADD COLUMN form_fields TEXT NOT NULL DEFAULT '';
ALTER TABLE intake_address ADD COLUMN keywords TEXT NOT NULL DEFAULT '';
-- Whose generated mail opens tickets here, one a line: an address or `@domain`.
ALTER TABLE intake_address ADD COLUMN generated_from TEXT NOT NULL DEFAULT '';
-- Contacts of the same customer who are named in copy watch from then on.
ALTER TABLE intake_address ADD COLUMN takes_copies BOOLEAN NOT NULL DEFAULT FALSE;
