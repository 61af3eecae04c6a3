ALTER TABLE dead_letters ADD COLUMN replayed_at timestamptz;
COMMENT ON COLUMN dead_letters.replayed_at IS 'when it became a row of messages after all; null while it is dead';
CREATE INDEX dead_letters_dead ON dead_letters (id) WHERE replayed_at IS NULL;
