-- The log format of S37, from the first version on. A payload and its salt stand apart from
-- the envelope, so that they can be emptied while the chain over their digest stays valid.

-- The end of the log: one row, moved by every batch.
CREATE TABLE head (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    incarnation TEXT    NOT NULL,
    revision    INTEGER NOT NULL,
    chain       BLOB    NOT NULL,
    judged      INTEGER NOT NULL,
    now_us      INTEGER NOT NULL,
    boot_id     TEXT    NOT NULL,
    boot_us     INTEGER NOT NULL,
    offset_us   INTEGER NOT NULL
) STRICT;

-- Times never fall from one revision to the next (S6), so a time is found without an index.
CREATE TABLE commits (
    revision    INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    proposal    TEXT    NOT NULL UNIQUE,
    content     BLOB    NOT NULL,
    agent       TEXT    NOT NULL,
    agent_kind  TEXT    NOT NULL,
    role        TEXT    NOT NULL,
    known       TEXT    NOT NULL,
    key         TEXT,
    action      TEXT,
    cause       TEXT,
    definition  INTEGER NOT NULL,
    ordinal     INTEGER NOT NULL,
    digest      BLOB    NOT NULL,
    chain       BLOB    NOT NULL,
    salt        BLOB,
    payload     TEXT
) STRICT;

CREATE INDEX commits_cause ON commits (cause, revision) WHERE cause IS NOT NULL;

-- `place` is revision * 65536 + ordinal, so that the table itself is in the order of the log
-- and every index on it ends in that order, at no cost of its own.
CREATE TABLE events (
    place       INTEGER PRIMARY KEY,
    kind        TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    type        TEXT    NOT NULL,
    life        TEXT    NOT NULL,
    born        INTEGER NOT NULL,
    derived     TEXT    NOT NULL,
    digest      BLOB    NOT NULL,
    salt        BLOB,
    payload     TEXT,
    revision    INTEGER GENERATED ALWAYS AS (place >> 16) VIRTUAL,
    ordinal     INTEGER GENERATED ALWAYS AS (place & 65535) VIRTUAL
) STRICT;

CREATE INDEX events_record ON events (kind, id, place);

-- Which stretches of the log, of 64 commits each, have events of a kind or a type, or commits of
-- an agent. It takes a row for the first commit of a stretch that has a name and none for the
-- others, where an index would take one, and a page to write, for each commit.
CREATE TABLE stretches (
    what        TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    stretch     INTEGER NOT NULL,
    PRIMARY KEY (what, name, stretch)
) STRICT, WITHOUT ROWID;

-- What the log folds to. What has changed since a revision is asked of the log.
CREATE TABLE records (
    kind        TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    life        TEXT    NOT NULL,
    born        INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    "values"    TEXT    NOT NULL,
    blame       TEXT    NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT;

-- Judged proposals that made no commit: outside the chain, kept for a time.
CREATE TABLE answers (
    proposal    TEXT    NOT NULL UNIQUE,
    content     BLOB    NOT NULL,
    revision    INTEGER NOT NULL,
    ordinal     INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    agent       TEXT    NOT NULL,
    definition  INTEGER NOT NULL,
    outcome     TEXT    NOT NULL,
    salt        BLOB,
    payload     TEXT
) STRICT;

CREATE INDEX answers_at ON answers (at, ordinal);
CREATE INDEX answers_agent ON answers (agent, at, ordinal);

-- Digests of secrets, never the secrets (S23).
CREATE TABLE keys (
    key         TEXT    PRIMARY KEY,
    agent       TEXT    NOT NULL,
    digest      BLOB    NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX keys_agent ON keys (agent);

-- The log grows at its end and changes nowhere. The guards on INSERT are there because
-- INSERT OR REPLACE removes rows without firing a DELETE trigger.
CREATE TRIGGER commits_grow BEFORE INSERT ON commits
WHEN new.revision <> (SELECT coalesce(max(revision), 0) + 1 FROM commits)
     OR EXISTS (SELECT 1 FROM commits WHERE proposal = new.proposal)
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: a commit takes the next revision and a new proposal');
END;

CREATE TRIGGER events_grow BEFORE INSERT ON events
WHEN new.place <= (SELECT max(place) FROM events)
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: an event takes a place behind the last one');
END;

CREATE TRIGGER commits_stay BEFORE DELETE ON commits
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: a commit is never removed');
END;

CREATE TRIGGER events_stay BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: an event is never removed');
END;

CREATE TRIGGER stretches_stay BEFORE DELETE ON stretches
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: where a name stands is never forgotten');
END;

CREATE TRIGGER stretches_last BEFORE UPDATE ON stretches
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: where a name stands is never changed');
END;

-- Erasure is the one change: payload and salt become empty once a later `$erased` event says so.
CREATE TRIGGER commits_erase BEFORE UPDATE ON commits
WHEN new.payload IS NOT NULL OR new.salt IS NOT NULL
     OR (new.revision, new.at, new.proposal, new.content, new.agent, new.agent_kind, new.role, new.known,
         new.key, new.action, new.cause, new.definition, new.ordinal, new.digest, new.chain)
        IS NOT
        (old.revision, old.at, old.proposal, old.content, old.agent, old.agent_kind, old.role, old.known,
         old.key, old.action, old.cause, old.definition, old.ordinal, old.digest, old.chain)
     OR NOT EXISTS (
         SELECT 1
         FROM events AS own
         JOIN events AS erasure ON erasure.kind = own.kind AND erasure.id = own.id
         WHERE own.place BETWEEN old.revision << 16 AND (old.revision << 16) + 65535
               AND erasure.type = '$erased'
               AND erasure.place >= (old.revision + 1) << 16)
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: a commit only loses its payload, and only under an $erased event');
END;

CREATE TRIGGER events_erase BEFORE UPDATE ON events
WHEN new.payload IS NOT NULL OR new.salt IS NOT NULL
     OR (new.place, new.kind, new.id, new.version, new.type, new.life, new.born, new.derived, new.digest)
        IS NOT
        (old.place, old.kind, old.id, old.version, old.type, old.life, old.born, old.derived, old.digest)
     OR NOT EXISTS (
         SELECT 1
         FROM events AS erasure
         WHERE erasure.kind = old.kind AND erasure.id = old.id
               AND erasure.type = '$erased'
               AND erasure.place >= ((old.place >> 16) + 1) << 16)
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: an event only loses its payload, and only under an $erased event');
END;

-- Tell the planner before there is anything to count that a kind has many records, so that
-- it prefers a declared index to going through all of a kind. ANALYZE would say the same.
ANALYZE records;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('records', 'sqlite_autoindex_records_1', '1000000 1000000 1');
