-- The log format of S37, as SQLite's first migration has it. A payload and its salt stand apart
-- from the envelope, so that they can be emptied while the chain over their digest stays valid.
-- Every key begins with the workspace, and no statement of Comity touches two of them: an engine
-- that spreads rows over nodes can keep a workspace whole on one. All texts are compared by
-- their code points, as Python and SQLite do.

-- The end of each workspace's log: one row, moved by every batch. It is nearly alone on its page,
-- so that a move stays on the page and touches no index.
CREATE TABLE heads (
    workspace   text    COLLATE "C" NOT NULL,
    incarnation text    COLLATE "C" NOT NULL,
    revision    bigint  NOT NULL,
    chain       bytea   NOT NULL,
    judged      bigint  NOT NULL,
    now_us      bigint  NOT NULL,
    boot_id     text    COLLATE "C" NOT NULL,
    boot_us     bigint  NOT NULL,
    offset_us   bigint  NOT NULL,
    PRIMARY KEY (workspace)
) WITH (fillfactor = 10);

-- Times never fall from one revision to the next (S6), so a time is found without an index.
CREATE TABLE commits (
    workspace   text    COLLATE "C" NOT NULL,
    revision    bigint  NOT NULL,
    at          bigint  NOT NULL,
    proposal    text    COLLATE "C" NOT NULL,
    content     bytea   NOT NULL,
    agent       text    COLLATE "C" NOT NULL,
    agent_kind  text    COLLATE "C" NOT NULL,
    role        text    COLLATE "C" NOT NULL,
    known       text    COLLATE "C" NOT NULL,
    key         text    COLLATE "C",
    action      text    COLLATE "C",
    cause       text    COLLATE "C",
    definition  bigint  NOT NULL,
    ordinal     bigint  NOT NULL,
    digest      bytea   NOT NULL,
    chain       bytea   NOT NULL,
    salt        bytea,
    payload     text    COLLATE "C",
    PRIMARY KEY (workspace, revision),
    UNIQUE (workspace, proposal)
);

CREATE INDEX commits_agent ON commits (workspace, agent, revision);
CREATE INDEX commits_cause ON commits (workspace, cause, revision) WHERE cause IS NOT NULL;

CREATE TABLE events (
    workspace   text    COLLATE "C" NOT NULL,
    revision    bigint  NOT NULL,
    ordinal     bigint  NOT NULL,
    kind        text    COLLATE "C" NOT NULL,
    id          text    COLLATE "C" NOT NULL,
    version     bigint  NOT NULL,
    type        text    COLLATE "C" NOT NULL,
    life        text    COLLATE "C" NOT NULL,
    born        bigint  NOT NULL,
    derived     text    COLLATE "C" NOT NULL,
    digest      bytea   NOT NULL,
    salt        bytea,
    payload     text    COLLATE "C",
    PRIMARY KEY (workspace, revision, ordinal)
);

CREATE INDEX events_record ON events (workspace, kind, id, revision, ordinal);
CREATE INDEX events_kind ON events (workspace, kind, revision, ordinal);
CREATE INDEX events_type ON events (workspace, type, revision, ordinal);

-- What the log folds to. What has changed since a revision is asked of the log.
CREATE TABLE records (
    workspace   text    COLLATE "C" NOT NULL,
    kind        text    COLLATE "C" NOT NULL,
    id          text    COLLATE "C" NOT NULL,
    version     bigint  NOT NULL,
    life        text    COLLATE "C" NOT NULL,
    born        bigint  NOT NULL,
    revision    bigint  NOT NULL,
    "values"    text    COLLATE "C" NOT NULL,
    blame       text    COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace, kind, id)
) WITH (fillfactor = 70);

-- Records of Comity's own kinds are archived once they are over, and by far the most are.
CREATE INDEX records_open ON records (workspace, kind, id) WHERE life = 'live' AND kind >= '$' AND kind < '%';

-- Judged proposals that made no commit: outside the chain, kept for a time. What waits is kept
-- longer than what is settled, so each has an index of its own, and dropping the oldest is a seek.
CREATE TABLE answers (
    workspace   text    COLLATE "C" NOT NULL,
    proposal    text    COLLATE "C" NOT NULL,
    content     bytea   NOT NULL,
    revision    bigint  NOT NULL,
    ordinal     bigint  NOT NULL,
    at          bigint  NOT NULL,
    agent       text    COLLATE "C" NOT NULL,
    definition  bigint  NOT NULL,
    outcome     text    COLLATE "C" NOT NULL,
    salt        bytea,
    payload     text    COLLATE "C",
    PRIMARY KEY (workspace, proposal)
);

CREATE INDEX answers_at ON answers (workspace, at, ordinal, proposal);
CREATE INDEX answers_agent ON answers (workspace, agent, at, ordinal, proposal);
CREATE INDEX answers_settled ON answers (workspace, at) WHERE outcome <> 'pending';
CREATE INDEX answers_pending ON answers (workspace, at) WHERE outcome = 'pending';

-- Digests of secrets, never the secrets (S23).
CREATE TABLE keys (
    workspace   text    COLLATE "C" NOT NULL,
    key         text    COLLATE "C" NOT NULL,
    agent       text    COLLATE "C" NOT NULL,
    digest      bytea   NOT NULL,
    created_at  bigint  NOT NULL,
    expires_at  bigint,
    PRIMARY KEY (workspace, key)
);

-- What is remembered outside the log and the feed (S18): how far leases were renewed, what
-- was read, acknowledged or consumed. `value` is a text that the topic gives its meaning.
CREATE TABLE bookkeeping (
    workspace   text    COLLATE "C" NOT NULL,
    topic       text    COLLATE "C" NOT NULL,
    name        text    COLLATE "C" NOT NULL,
    value       text    COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace, topic, name)
) WITH (fillfactor = 70);

-- Which workspace wants which of the indexes that definitions declare. One index serves all
-- workspaces that want it: with one for each, every write would look at all of them.
CREATE TABLE declared (
    workspace   text    COLLATE "C" NOT NULL,
    index       text    COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace, index)
);

-- A field by which records are found and ordered, as two columns: `text_of` has texts, `number_of`
-- has numbers and booleans, and both are null for null, lists and objects. So an order by both,
-- nulls first, is nulls, numbers, texts. A fraction of 2^53 or more is a whole number that
-- its shortest decimal may miss; it is compared by what it is, as Python and SQLite do.
CREATE FUNCTION text_of(field json) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN json_typeof(field) = 'string' THEN field #>> '{}' END $$;

CREATE FUNCTION number_of(field json) RETURNS numeric LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    type    text := json_typeof(field);
    written text;
    number  numeric;
BEGIN
    IF type = 'boolean' THEN
        RETURN (field #>> '{}')::boolean::integer;
    ELSIF type IS DISTINCT FROM 'number' THEN
        RETURN NULL;
    END IF;
    written := field #>> '{}';
    number := written::numeric;
    IF abs(number) >= 9007199254740992 AND written ~ '[.eE]'
       AND number BETWEEN -9223372036854776000 AND 9223372036854775000
    THEN
        RETURN written::double precision::bigint;
    END IF;
    RETURN number;
END
$$;

-- The log grows at its end and changes nowhere, whoever asks.
CREATE FUNCTION log_stays() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: nothing is removed from %', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER commits_stay BEFORE DELETE ON commits FOR EACH ROW EXECUTE FUNCTION log_stays();
CREATE TRIGGER events_stay BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION log_stays();
CREATE TRIGGER commits_stay_whole BEFORE TRUNCATE ON commits FOR EACH STATEMENT EXECUTE FUNCTION log_stays();
CREATE TRIGGER events_stay_whole BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION log_stays();

-- Erasure is the one change: payload and salt become empty once a later `$erased` event says so.
CREATE FUNCTION commit_loses_payload() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
    kept commits := old;
BEGIN
    kept.payload := NULL;
    kept.salt := NULL;
    IF new IS DISTINCT FROM kept OR NOT EXISTS (
        SELECT 1
        FROM events AS own
        JOIN events AS erasure
          ON erasure.workspace = own.workspace AND erasure.kind = own.kind AND erasure.id = own.id
        WHERE own.workspace = old.workspace AND own.revision = old.revision
              AND erasure.type = '$erased' AND erasure.revision > old.revision)
    THEN
        RAISE EXCEPTION 'the log is append-only: a commit only loses its payload, and only under an $erased event'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN new;
END
$$;

CREATE FUNCTION event_loses_payload() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
DECLARE
    kept events := old;
BEGIN
    kept.payload := NULL;
    kept.salt := NULL;
    IF new IS DISTINCT FROM kept OR NOT EXISTS (
        SELECT 1
        FROM events AS erasure
        WHERE erasure.workspace = old.workspace AND erasure.kind = old.kind AND erasure.id = old.id
              AND erasure.type = '$erased' AND erasure.revision > old.revision)
    THEN
        RAISE EXCEPTION 'the log is append-only: an event only loses its payload, and only under an $erased event'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN new;
END
$$;

CREATE TRIGGER commits_erase BEFORE UPDATE ON commits FOR EACH ROW EXECUTE FUNCTION commit_loses_payload();
CREATE TRIGGER events_erase BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION event_loses_payload();
