-- What is due next is the first row of its lane, however many wait behind it.
CREATE INDEX delivery_lane ON delivery (state, urgency, next_attempt_at);
DROP INDEX delivery_due;
