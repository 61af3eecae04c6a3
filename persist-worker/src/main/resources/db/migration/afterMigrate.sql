-- At every start: the role may be younger than the table.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'history_service')
        AND NOT has_table_privilege('history_service', 'messages', 'SELECT') THEN
        GRANT SELECT ON messages TO history_service;
    END IF;
END
$$;
