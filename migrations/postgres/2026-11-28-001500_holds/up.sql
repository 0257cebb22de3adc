-- A ticket may wait for several things at once: all of them as JSON, and in hold_reason, hold_on and hold_until what the queue
-- shows and sorts by. hold_wake_at: when one of them ends, or its owner is to be reminded.
ALTER TABLE ticket ADD COLUMN holds TEXT NOT NULL DEFAULT '[]';
ALTER TABLE ticket ALTER COLUMN holds DROP DEFAULT;
ALTER TABLE ticket ADD COLUMN hold_wake_at BIGINT;

-- A hold from before has the id of the entry that began it.
UPDATE ticket SET
    hold_wake_at = hold_until,
    holds = (
        SELECT json_build_array(json_build_object(
            'id', encode(e.id, 'hex'), 'on', ticket.hold_on, 'whom', '', 'reason', ticket.hold_reason, 'since', e.effective_at,
            'until', ticket.hold_until, 'nudge_at', NULL, 'by', e.actor_name))::text
        FROM entry e
        WHERE e.ticket_id = ticket.id AND e.kind = 'held'
        ORDER BY e.seq DESC
        LIMIT 1
    )
WHERE hold_reason IS NOT NULL AND EXISTS (SELECT 1 FROM entry e WHERE e.ticket_id = ticket.id AND e.kind = 'held');

CREATE INDEX ticket_hold_wake ON ticket (hold_wake_at) WHERE hold_wake_at IS NOT NULL;
DROP INDEX ticket_hold_until;

-- Which tickets go on in this one.
CREATE INDEX ticket_merged ON ticket (merged_into) WHERE merged_into IS NOT NULL;
