-- What is remembered outside the log and the feed (S18): how far leases were renewed, what
-- was read, acknowledged or consumed. `value` is a text that the topic gives its meaning.
CREATE TABLE bookkeeping (
    topic       TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    value       TEXT    NOT NULL,
    PRIMARY KEY (topic, name)
) STRICT, WITHOUT ROWID;
