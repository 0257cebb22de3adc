-- What a file that came by mail would do when opened: it is shut away until somebody of the staff takes it out.
ALTER TABLE attachment ADD COLUMN danger TEXT;
