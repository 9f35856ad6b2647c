-- Where erasures stand in the log: they are few, and whatever is emptied is looked for among them.
CREATE INDEX events_erased ON events (kind, id, place) WHERE type = '$erased';

-- A commit loses its payload under a later `$erased` event of one of its records, or under one that
-- names it among those which speak of the record without changing it.
DROP TRIGGER commits_erase;

CREATE TRIGGER commits_erase BEFORE UPDATE ON commits
WHEN new.payload IS NOT NULL OR new.salt IS NOT NULL
     OR (new.revision, new.at, new.proposal, new.content, new.agent, new.agent_kind, new.role, new.known,
         new.key, new.action, new.cause, new.definition, new.ordinal, new.digest, new.chain)
        IS NOT
        (old.revision, old.at, old.proposal, old.content, old.agent, old.agent_kind, old.role, old.known,
         old.key, old.action, old.cause, old.definition, old.ordinal, old.digest, old.chain)
     OR (NOT EXISTS (
             SELECT 1
             FROM events AS own
             JOIN events AS erasure ON erasure.kind = own.kind AND erasure.id = own.id
             WHERE own.place BETWEEN old.revision << 16 AND (old.revision << 16) + 65535
                   AND erasure.type = '$erased'
                   AND erasure.place >= (old.revision + 1) << 16)
         AND NOT EXISTS (
             SELECT 1
             FROM events AS erasure
             JOIN json_each(erasure.payload, '$.data.also') AS named ON named.value = old.revision
             WHERE erasure.type = '$erased'
                   AND erasure.place >= (old.revision + 1) << 16))
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: a commit only loses its payload, and only under an $erased event');
END;
