-- A commit acts with its pusher's rights. Where pushes of people unknown here acted so far, they go on doing so.
ALTER TABLE repository ADD COLUMN strangers_move BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE repository SET strangers_move = TRUE;
