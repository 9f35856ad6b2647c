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
KINDS_PER_RULE: Final = 3
"""Of kinds of subject that one rule names."""
RULE_COMBINATIONS: Final = 2_000
"""Of subjects on which one rule is judged."""
RECENT_S: Final = 900
"""How far back ``recent`` looks, in seconds."""
RECENT_EVENTS: Final = 100
"""Of events in ``recent``."""
RELATED_RECORDS: Final = 100
"""Of records in ``related``, of one kind and one subject."""
INTENTS_PER_SUBJECT: Final = 100
"""Of intents in ``intents``, about one subject."""

# Definitions
DEFINITION_BYTES: Final = 200_000
KINDS: Final = 1_000
GUARDS_PER_KIND: Final = 100
INDEXES_PER_KIND: Final = 16
AGENTS: Final = 10_000
RULES: Final = 500
TESTS: Final = 500
"""Of tests of rules."""
TEST_RECORDS: Final = 100
"""Of records, events, intents and changes, each, that one test of rules gives."""
WAIT_DAYS: Final = 30
"""How long a rule may let a proposal wait."""
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
ANSWERS_KEPT_DAYS: Final = 90
"""How long an answer that made no commit is kept, and its id known; longer than NOT_AFTER_DAYS."""
HISTORY_PAGE: Final = 1_000
"""Of events in one page of history."""
RESPONSE_BYTES: Final = 16_777_216
"""Of what one call reads: the values of its records, or what changed in its events, together."""

# Waiting
WAIT_S: Final = 3_600
"""How long a ticket waits for its turn, for an owner or for a human, unless told otherwise."""
QUEUE_WAITING: Final = 10_000
"""Of proposals that wait for their turn at the same time."""
WAITS_IN_GRAPH: Final = 2_000
"""Of waits that are looked at to tell whether one more would close a cycle."""
DUTIES_AT_ONCE: Final = 64
"""Of steps of each duty that are done in one go."""
DUTIES_LOOK: Final = 1_000
"""Of those first in their lines at whom duties look in one go."""
DUTY_PAUSE_S: Final = 0.25
"""How long a thread that does duties waits for something to do, before it looks again."""
TRY_AGAIN_S: Final = 1.0
"""After how long a release that came too early is tried again; each further one waits twice as long as the last."""
TRY_AGAIN_MOST_S: Final = 60.0
WAIT_TIMEOUT_S: Final = 86_400
"""How long one call may wait for a ticket."""
WAIT_LOOK_S: Final = 1.0
"""How long such a call waits at most before it looks again, though nothing was committed: time alone may end a wait."""
PRIORITY: Final = 1_000
"""How far from 0, either way, the priority of a proposal or of a place in line may be."""
TICKET_SUBJECTS: Final = 100
"""Of subjects that a ticket names."""
TICKET_FINDINGS: Final = 100
"""Of findings that one answer to a ticket settles; what is beyond is put to the same people again."""
ESCALATION_S: Final = 1_800
"""After how long an approval is also put to those whom its rule names for that, unless it says when."""
OFFER_FACTS: Final = 50
"""Of facts that an offer shows as what it rests on."""
GRANTS_LIVE: Final = 1_000
"""Of grants of ownership that are given and not taken back at the same time."""
GRANT_DAYS: Final = 30
"""How long ownership can be lent at most."""
OVERRIDES_LIVE: Final = 1_000
"""Of overrides at a time, those included that are over but haven't been told so."""
OVERRIDE_DAYS: Final = 366
"""How long an override may hold."""
LEASE_S: Final = 86_400
"""How long a lease may be taken or renewed for, and a place in its line kept."""
LEASE_PLACES: Final = 200
"""Of those who hold or wait for one record or name."""
LEASE_SUBJECTS: Final = 100
"""Of records and names that are leased together, and of fencing tokens in a proposal."""
CLAIM_S: Final = 10
"""How long whoever has the turn at a lease may take to claim it; then the next may pass."""

# Awareness
INTENT_MOST_S: Final = 86_400
"""How long an announced intent may be made to last; announcing it again prolongs it."""
PLAN_CHARS: Final = 1_000
"""Of what an announced intent says of its plan."""
ANNOUNCED_RECORDS: Final = 100
"""Of records that an announced intent is about."""
INTENTS_HELD: Final = 5_000
"""Of announced intents that are held in memory for rules; from then on they are searched for on each subject."""
INTENTS_PAGE: Final = 1_000
"""Of announced intents in one list."""
NEWS_ITEMS: Final = 20
"""Of things that news tell; how many more there are is told."""
NEWS_EVENTS: Final = 50
"""Of events, the latest ones, that news of one record are made of."""
UNPROVEN_ANSWERS: Final = 100
"""Of answers of one intent that are told apart until one of them is known to have arrived."""
INBOX_ITEMS: Final = 100
"""Of items that an inbox shows; how many more there are is told."""
TICKETS_SEARCHED: Final = 10_000
"""Of open tickets, the oldest, that are looked through for those that somebody may answer."""
INBOX_EVENTS: Final = 1_000
"""Of answers to tickets, the latest ones, among which an inbox looks for those that concern its agent."""
INBOX_DAYS: Final = 7
"""How far back an inbox looks for answers and deferrals, and how long it remembers what was acknowledged."""

# Reports
REPORT_DECISIONS: Final = 5_000
"""Of commits, and of answers that made no commit, that one report looks at."""
REPORT_STEPS: Final = 200
"""Of decisions on the timeline of a report."""
BACKTEST_DECISIONS: Final = 5_000
"""Of commits, and of answers that made no commit, that one back-test judges afresh."""
BACKTEST_EXAMPLES: Final = 100
"""Of decisions that would differ, the latest ones, that a back-test shows."""

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
