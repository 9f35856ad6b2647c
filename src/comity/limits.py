"""Every bound of Comity, in one place.

A bound is there so that no proposal, query, expression or answer can stop the others who
share the workspace. What is over a bound is refused with ``shape.too_large`` or
``shape.too_broad`` (or :class:`comity.LimitExceeded` where no proposal is concerned),
never cut in silence. Sizes are in bytes of UTF-8 JSON unless a name says otherwise.
"""

from __future__ import annotations

from typing import Final

# Names and texts, in characters
NAME_CHARS: Final = 64
"""Of a kind, a field, an action, an event type or an agent."""
RECORD_ID_CHARS: Final = 200
"""Of the part of ``kind/id`` behind the slash."""
PROPOSAL_ID_CHARS: Final = 128
REASON_CHARS: Final = 1_000

# Values
VALUE_DEPTH: Final = 16
"""Of lists and objects inside one field."""
RECORD_BYTES: Final = 262_144
"""Of all values of one record together."""
FIELDS_PER_RECORD: Final = 256
LIST_ITEMS: Final = 10_000
"""Of a list in a field."""
INTEGER_MIN: Final = -(2**63)
INTEGER_MAX: Final = 2**63 - 1

# Proposals
PROPOSAL_BYTES: Final = 1_048_576
CHANGES_PER_PROPOSAL: Final = 1_000
READS_PER_PROPOSAL: Final = 2_000
"""Of record reads and query reads together."""
ASSUMPTIONS_PER_PROPOSAL: Final = 20
SUBJECTS_PER_PROPOSAL: Final = 1_000
"""Of records written, and named in ``about``."""
DERIVED_WRITES: Final = 500
"""Of changes that a proposal causes by ``detach`` or ``cascade``; below QUERY_RECORDS, as one more is looked for."""
EVENTS_PER_COMMIT: Final = 10_000
COMMIT_BYTES: Final = 33_554_432
"""Of the after-images of one commit together, so that many small changes of large records don't stop the others."""
NOT_AFTER_DAYS: Final = 30
"""How far in the future ``not_after`` may lie."""

# Queries
CONDITIONS_PER_QUERY: Final = 20
ORDERS_PER_QUERY: Final = 5
FACTS_PER_PROPOSAL: Final = 10_000
"""Of records, past states, authors and searches that judging one proposal may have to look up."""
QUERY_READS_PER_PROPOSAL: Final = 50
"""Of searches and counts that a proposal rests on: each may have to be done again."""
ASSUMPTION_COMBINATIONS: Final = 100
"""Of subjects on which one assumption is judged."""
QUERY_RECORDS: Final = 1_000
"""Of records in one page of ``find``, and of members in a query read."""
QUERY_RECORDS_DEFAULT: Final = 100
VALUES_PER_MEMBERSHIP: Final = 1_000
"""Of values in one ``in`` condition."""
FILTER_CHARS: Final = 4_000
GET_RECORDS: Final = 1_000
"""Of records in one snapshot read."""

# Expressions (see the expressions page)
EXPRESSION_CHARS: Final = 4_000
"""Of an expression in a definition, in code points."""
AGENT_EXPRESSION_CHARS: Final = 500
"""Of an assumption that an agent sends; it may hold no loop either."""
EXPRESSION_LOOP_NESTING: Final = 2
EXPRESSION_LIST_ITEMS: Final = 1_000
"""Of a list bound into an expression."""
EXPRESSION_TEXT_BYTES: Final = 65_536
"""Of all texts bound into one evaluation."""
ASSUMPTIONS_CACHED: Final = 1_000
"""Of compiled assumptions that one definition version holds in memory."""
PATTERN_CHARS: Final = 100
"""Of the constant pattern of ``matches``."""

# Definitions
DEFINITION_BYTES: Final = 200_000
KINDS: Final = 1_000
GUARDS_PER_KIND: Final = 100
INDEXES_PER_KIND: Final = 16
AGENTS: Final = 10_000
SCAN_UNDER_HEAD: Final = 1_000
"""Of records that may have changed between the scan of a new definition and its commit."""

# Answers
ANSWER_TOKENS: Final = 120
"""Of the text of a conflict, counted by :func:`comity.model.texts.tokens`."""
QUOTE_CHARS: Final = 60
"""Of another agent's free text that an answer quotes."""
FINDINGS_PER_DECISION: Final = 50
ANSWER_BYTES: Final = 262_144
"""Of a stored answer."""
HISTORY_PAGE: Final = 1_000
"""Of events in one page of history."""

# Import
IMPORT_ERRORS: Final = 10_000
"""Of lines whose problem an import tells; more are counted."""

# The lane
BATCH_PROPOSALS: Final = 512
BATCH_BYTES: Final = 4_194_304
LANE_WAITING: Final = 10_000
"""Of proposals that wait for their batch in one process; more are answered ``StoreUnavailable``."""
LANE_TIMEOUT_S: Final = 60.0
"""How long a caller waits for its batch before the outcome is called unknown."""
STORE_BUSY_S: Final = 30.0
"""How long one process waits for another that holds the file."""
CACHE_BYTES: Final = 67_108_864
"""Of the records that a coordinator holds in memory, by their size as JSON."""
CATCH_UP_EVENTS: Final = 10_000
"""Of foreign events that a cache catches up with; beyond, it is dropped instead."""
