-- Clocks that run and can't fall due: a health mark counts them on every page.
CREATE INDEX clock_without_deadline ON clock (ticket_id) WHERE state = 'running' AND deadline_at IS NULL;
