-- A file that was redacted keeps its line and its hash; its name and its bytes are gone.
ALTER TABLE attachment ADD COLUMN redacted_at BIGINT;
-- Who asks whether bytes are still wanted: few letters are frozen.
CREATE INDEX delivery_frozen ON delivery (frozen_hash) WHERE frozen_hash IS NOT NULL;
