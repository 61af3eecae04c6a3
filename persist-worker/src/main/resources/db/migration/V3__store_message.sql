-- For a batch that the table refuses: stores a row, or says why this one can never be stored.
CREATE FUNCTION store_message(room text, username text, text text, sent_at bigint, stream_seq bigint, stored_at bigint,
    OUT inserted integer, OUT refusal text)
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO messages (room, username, text, timestamp, stream_seq, stored_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT ON CONSTRAINT messages_once DO NOTHING;
    GET DIAGNOSTICS inserted = ROW_COUNT;
EXCEPTION
    -- The table's own key, given twice: no fault of the message.
    WHEN unique_violation THEN RAISE;
    -- Each is a whole class of errors.
    WHEN data_exception OR integrity_constraint_violation OR program_limit_exceeded THEN
        inserted := 0;
        refusal := SQLERRM;
END
$$;
