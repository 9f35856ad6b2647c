-- A commit loses its payload under a later `$erased` event of one of its records, or under one that
-- names it among those which speak of the record without changing it.
CREATE OR REPLACE FUNCTION commit_loses_payload() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
    kept commits := old;
BEGIN
    kept.payload := NULL;
    kept.salt := NULL;
    IF new IS DISTINCT FROM kept OR (
        NOT EXISTS (
            SELECT 1
            FROM events AS own
            JOIN events AS erasure
              ON erasure.workspace = own.workspace AND erasure.kind = own.kind AND erasure.id = own.id
            WHERE own.workspace = old.workspace AND own.revision = old.revision
                  AND erasure.type = '$erased' AND erasure.revision > old.revision)
        AND NOT EXISTS (
            SELECT 1
            FROM events AS erasure
            WHERE erasure.workspace = old.workspace
                  AND erasure.type = '$erased' AND erasure.revision > old.revision
                  AND erasure.payload::jsonb -> 'data' -> 'also' @> to_jsonb(old.revision)))
    THEN
        RAISE EXCEPTION 'the log is append-only: a commit only loses its payload, and only under an $erased event'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN new;
END
$$;
