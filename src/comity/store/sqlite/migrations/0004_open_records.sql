-- Records of Comity's own kinds are archived once they are over, and by far the most are. So what
-- is open has an index of its own, and finding it costs nothing for what is closed. Only where a
-- query has these very terms, its life written out, can SQLite see that the index covers it.
CREATE INDEX records_open ON records (kind, id) WHERE life = 'live' AND kind >= '$' AND kind < '%';
