-- What stands between an address and its tag (`support+tag@`), and whether mail that a list sends on to it counts as a person's.
ALTER TABLE intake_address ADD COLUMN separator TEXT NOT NULL DEFAULT '+';
ALTER TABLE intake_address ADD COLUMN takes_list BOOLEAN NOT NULL DEFAULT FALSE;
