-- Answers are kept for a time (S7). What waits is kept longer than what is settled, so each has
-- an index of its own, and dropping the oldest of either is a seek.
CREATE INDEX answers_settled ON answers (at) WHERE outcome <> 'pending';
CREATE INDEX answers_pending ON answers (at) WHERE outcome = 'pending';
