-- A mail to this address and to another of ours opens a ticket here besides.
ALTER TABLE intake_address ADD COLUMN own_ticket BOOLEAN NOT NULL DEFAULT FALSE;
