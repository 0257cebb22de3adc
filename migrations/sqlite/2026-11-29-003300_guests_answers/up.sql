-- What somebody who was asked to a meeting answered: accepted, tentative or declined. NULL: nothing yet.
ALTER TABLE meeting_guest ADD COLUMN answer TEXT;
