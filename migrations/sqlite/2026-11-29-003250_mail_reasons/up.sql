-- What decided about a mail, as facts: the address and its rule, the pointer that led to a ticket, who its sender is to it.
ALTER TABLE mail ADD COLUMN because TEXT NOT NULL DEFAULT '{}';
