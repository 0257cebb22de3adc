ALTER TABLE meeting_guest DROP COLUMN answer;
