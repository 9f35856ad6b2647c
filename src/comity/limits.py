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
ERASED_TOGETHER: Final = 500
"""Of records that one erasure is asked for; what Comity holds about them goes with them, and doesn't count."""
ERASED_ALSO: Final = 2_000
"""Of commits that one event of an erasure names besides those of its own record; the next one goes on."""
ERASURE_BITE: Final = 500
"""Of payloads that are emptied in one transaction."""
ERASURE_WAIT_S: Final = 10.0
"""How long an erasure waits for readers that hold old contents in the write-ahead log, before it says so."""
RETENTION_BITE: Final = 500
"""Of answers dropped by a duty in one transaction because the definition has them go sooner."""
RETENTION_PAUSE_S: Final = 60.0
"""Between two looks for them, once there are none left."""
HISTORY_PAGE: Final = 1_000
"""Of events in one page of history."""
RESPONSE_BYTES: Final = 16_777_216
"""Of what one call reads: the values of its records, or what changed in its events, together."""

# Waiting
WAIT_S: Final = 3_600
"""How long a ticket waits for its turn, for an owner or for a human, unless told otherwise."""
QUEUE_WAITING: Final = 10_000
"""Of proposals that wait for their turn at the same time."""
TICKETS_PER_AGENT: Final = 1_000
"""Of proposals of one agent that wait at the same time: for their turn, for owners and for humans, each."""
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
"""Of findings that one answer to a ticket settles, on each subject; what is beyond is put to the same people again."""
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
LEASE_PLACES_PER_AGENT: Final = 100
"""Of them of the same agent, so that no agent by itself keeps all others out."""
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
INTENTS_PER_AGENT: Final = 100
"""Of open announced intents of one agent, so that no agent by itself makes them too many for rules to look at."""
INTENTS_HELD: Final = 5_000
"""Of announced intents that are held in memory for rules; from then on they are searched for on each subject."""
WISH_S: Final = 600
"""For how long what was only deferred counts like an announced intent of its agent, where others defer to it."""
WISHES: Final = 20
"""Of proposals of an agent, the latest ones, that were deferred and count so."""
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

# The service
HELD_INTENTS: Final = 10_000
"""Of intents that one server holds for agents over HTTP and MCP; that longest unused is forgotten for another one."""
HELD_INTENTS_PER_CALLER: Final = 100
"""Of them of one caller, so that no caller has those of others forgotten."""
HELD_INTENT_S: Final = 3_600.0
"""How long such an intent is held without being used."""
HELD_BYTES: Final = 268_435_456
"""Of what all held intents remember of reads and proposals, roughly; those longest unused are forgotten first."""
HELD_BYTES_PER_CALLER: Final = 16_777_216
"""Of what those of one caller do."""
HELD_ATTEMPTS: Final = 200
"""Of different changes that are proposed under one of them."""
MCP_ANSWER_TOKENS: Final = 300
"""Of an answer to a model that didn't ask for more."""
MCP_MORE_TOKENS: Final = 3_000
"""Of one to a model that did: by naming fields, several records, or a limit."""
MCP_WAIT_S: Final = 50
"""How long one call of a model waits at most: what calls for it gives up after a minute."""
MCP_CALLS_AT_ONCE: Final = 40
"""Of calls of models that one process answers at the same time; more wait for a moment."""
MCP_WAITS_AT_ONCE: Final = 200
"""Of those that wait for others, besides."""
MCP_TEXT_BYTES: Final = 1_048_576
"""Of the JSON that a model may write as a text, where an object belongs."""

# Effects
EFFECTS_PER_PROPOSAL: Final = 20
EFFECT_KINDS: Final = 200
"""Of effects that a definition declares."""
EFFECT_BYTES: Final = 65_536
"""Of what an effect hands to its handler, as JSON."""
ONCE_CHARS: Final = 200
"""Of the text that tells one wish for an effect from the next."""
EFFECT_HOLD_S: Final = 30 * 86_400
"""How long an effect may be held before it is released."""
EFFECT_WINDOW_S: Final = 30 * 86_400
"""How long the key of an effect stays taken, unless declared otherwise."""
EFFECT_WINDOW_MOST_S: Final = 3_650 * 86_400
EFFECT_PATIENCE_S: Final = 86_400
"""How long past its time an effect that is held up waits before it is given up, unless declared otherwise."""
EFFECT_TIMEOUT_S: Final = 60
"""How long one try to deliver an effect may take before another process takes it over, unless declared otherwise."""
EFFECT_ATTEMPTS: Final = 8
"""Of tries to deliver an effect before it is put aside, unless declared otherwise."""
EFFECT_ATTEMPTS_MOST: Final = 100
EFFECT_SHARERS: Final = 20
"""Of other agents who want what is under way already, and are told if it isn't sent."""
EFFECT_ANSWER_CHARS: Final = 1_000
"""Of what a handler answers, or of the error that it raises, that is kept."""
EFFECTS_HELD: Final = 100_000
"""Of pending effects, those due first, that a process which does duties knows at once; more come as these go."""
EFFECT_LONG_S: Final = 600
"""From when on past its time who wants an effect finds in the inbox that it is held up."""
EFFECT_OVERDUE_S: Final = 5
"""From when on past its time it is told of an effect that nothing holds up that no process has sent it."""
EFFECT_CLOSE_S: Final = 10.0
"""How long closing waits for what is being delivered; what takes longer is found out, and tried again elsewhere."""
EFFECTS_AT_ONCE: Final = 8
"""Of tries of one effect that one process makes at the same time, those included that have outlasted their time."""
EFFECTS_IN_FLIGHT: Final = 64
"""Of tries of all effects together that one process makes at the same time, those left out that have."""

# The feed
FEED_PAGE: Final = 1_000
"""Of items in one page of the feed."""
FEED_PAGE_DEFAULT: Final = 100
FEED_LOOK: Final = 10_000
"""Of commits that one page looks at, whether they pass or not."""
FEED_BYTES: Final = 4_194_304
"""Of what one page reads: it ends with the commit that reaches it."""
FEED_FILTERS: Final = 100
"""Of kinds, records, fields, agents, types and actions, each, that a feed is asked for."""
FEED_WAIT_S: Final = 60.0
"""How long one call may wait for something that passes."""
FEED_MARK_S: Final = 10.0
"""After how long a feed on which nothing passes gives a mark, and a consumer notes where it is."""
CONSUMERS: Final = 1_000
"""Of named consumers of a workspace."""
CONSUMER_S: Final = 30
"""How long whoever reads as a consumer may be silent, until another goes on for it."""
WATCHES: Final = 100
"""Of what one agent watches at the same time."""

# Reports
REPORT_DECISIONS: Final = 5_000
"""Of commits, and of answers that made no commit, that one report looks at."""
REPORT_STEPS: Final = 200
"""Of decisions on the timeline of a report."""
BACKTEST_DECISIONS: Final = 5_000
"""Of commits, and of answers that made no commit, that one back-test judges afresh."""
BACKTEST_EXAMPLES: Final = 100
"""Of decisions that would differ, the latest ones, that a back-test shows."""

# Workflows
WORKFLOWS: Final = 100
"""Of workflows that a definition declares."""
WORKFLOW_STEPS: Final = 50
WORKFLOW_PARAMS: Final = 50
WORKFLOW_LEASES: Final = 20
WORKFLOW_DEADLINE_S: Final = 30 * 86_400
"""How long a workflow may take, unless it says otherwise."""
WORKFLOW_DEADLINE_MOST_S: Final = 365 * 86_400
WORKFLOW_ATTEMPTS: Final = 3
"""How often a step is tried that is to be retried, unless it says otherwise."""
WORKFLOW_ATTEMPTS_MOST: Final = 100
WORKFLOWS_LIVE: Final = 10_000
"""Of runs that aren't over; another one can't be started."""
WORKFLOWS_PER_AGENT: Final = 2_000
"""Of runs that one agent has started and that aren't over, so that it leaves room for others'."""
WORKFLOW_EVENTS: Final = 500
"""Of the events of a run that end a step, of each type, that are looked at."""
WORKFLOW_LEASE_S: Final = 86_400
"""For how long a workflow's leases outlive the last process that did its duties."""
WORKFLOW_LOOK_S: Final = 30.0
"""After how long a waiting run is looked at though nothing has happened on what it is about."""
TASKS_PAGE: Final = 1_000
"""Of tasks, and of runs, in one list."""
TASK_TEXT_CHARS: Final = 2_000

# Cascades and alerts
CASCADE_DEPTH: Final = 8
"""Of commits that may have led to one another, each caused by the one before, unless the definition says otherwise."""
CASCADE_DEPTH_MOST: Final = 100
TRACE_EVENTS: Final = 500
"""Of commits in the tree of what an event led to; how many of each were left out is told."""
ALERT_WITHIN_S: Final = 600
"""In what time a pattern must show, unless the definition says otherwise."""
ALERT_WITHIN_MOST_S: Final = 86_400
"""What detectors remember is no older than this."""
ALERT_QUIET_S: Final = 86_400
"""After how long without being seen again an alert is over by itself, unless the definition says otherwise."""
ALERT_QUIET_DAYS: Final = 30
ALERT_TIMES: Final = 10_000
"""How often something may have to happen for an alert."""
ALERT_MESSAGE_CHARS: Final = 300
ALERT_EVIDENCE: Final = 20
"""Of events and proposals, the latest ones, that an alert names."""
ALERT_SUBJECTS: Final = 10_000
"""Of records, fields and agents that one detector follows; those seen longest ago are forgotten first."""
ALERTS_PER_HOUR: Final = 20
"""Of alerts that are sent one by one within an hour, unless the definition says otherwise; the others in a digest."""
ALERT_RECEIVERS: Final = 20
"""Of webhooks, and of mail addresses, that alerts are sent to."""
ALERT_TRIES: Final = 10
"""After how many tries in vain to reach somebody an alert is sent no more."""
ALERTS_IN_DIGEST: Final = 100
"""Of alerts in one digest."""
ALERTS_PAGE: Final = 1_000
"""Of alerts in one list."""
ALERT_SETTLED_S: Final = 2.0
"""After how long detectors look at what was judged: then what was refused, which is kept a little later, is there."""
ALERT_BITE: Final = 1_000
"""Of judged proposals that live detectors look at in one go."""
ALERT_LOOK_BACK: Final = 20_000
"""Of commits before those that are told, to which whoever begins to watch looks back."""
ALERT_SCAN: Final = 1_000_000
"""Of judged proposals that one scan of the past looks at."""

# Outbound
WEBHOOKS: Final = 100
"""Of webhooks that a definition declares."""
WEBHOOK_TIMEOUT_S: Final = 10
"""How long a receiver may take to answer, unless the definition says otherwise; a mail server too."""
WEBHOOK_TIMEOUT_MOST_S: Final = 60
WEBHOOK_SECRETS: Final = 5
"""Of secrets by which one webhook is signed at the same time, while one gives way to another."""
WEBHOOK_ANSWER_BYTES: Final = 65_536
"""Of what a receiver answers: the rest isn't read."""
OUTBOUND_TEXT_CHARS: Final = 500
"""Of a receiver's words that are kept."""
URL_CHARS: Final = 2_000
SIGNATURES: Final = 20
"""Of signatures on one message that a receiver looks at."""
SIGNATURE_TOLERANCE_S: Final = 300
"""How far from now a message may have been signed, for a receiver to believe it."""
RETRY_FIRST_S: Final = 1.0
"""Before the second try; the bound doubles with each further one."""
RETRY_MOST_S: Final = 3_600.0
"""Before any other, and how long a receiver may ask to be left alone."""

# Import
IMPORT_ERRORS: Final = 10_000
"""Of lines whose problem an import tells; more are counted."""

# The lane
BATCH_PROPOSALS: Final = 512
BATCH_BYTES: Final = 4_194_304
BATCH_TRIES: Final = 5
"""Of one batch whose head others moved; all but the first keep them waiting."""
LANE_WAITING: Final = 10_000
"""Of proposals that wait for their batch in one process; more are answered ``StoreUnavailable``."""
LANE_TIMEOUT_S: Final = 60.0
"""How long a caller waits for its batch before the outcome is called unknown."""
STORE_BUSY_S: Final = 30.0
"""How long one process waits for another that holds the file, or the head in a database."""
STORE_CONNECT_S: Final = 10.0
"""How long a connection to a database may take to be made, unless its URL says otherwise."""
STORE_RECONNECT_S: Final = 10.0
"""How long a database that can't be reached any more is tried before a batch fails."""
STORE_READERS: Final = 8
"""Of connections that one process reads a database by, unless its URL says otherwise."""
STORE_STATEMENT_S: Final = 20.0
"""How long one statement of a batch may take in a database."""
STORE_ANSWER_S: Final = 25.0
"""How long a database may leave a statement unanswered before its connection is given up, and made anew."""
STORE_SILENCE_S: Final = 10.0
"""How long a network may lose all that goes to a database before a connection is given up, unless its URL says so."""
STORE_STALL_S: Final = 5.0
"""How long a process that holds the head in a database may do nothing before the server takes it away."""
HEAD_AGE_S: Final = 0.001
"""How long a plain read may go on from the head seen last, before it looks whether another process has moved it."""
CACHE_BYTES: Final = 67_108_864
"""Of the records that a coordinator holds in memory, by their size as JSON."""
CATCH_UP_EVENTS: Final = 10_000
"""Of foreign events that a cache catches up with; beyond, it is dropped instead."""

# The service: each is a default that a server's settings may change
SERVED_BODY_BYTES: Final = 2_097_152
"""Of the body of one request."""
SERVED_HEADER_BYTES: Final = 16_384
SERVED_REQUEST_S: Final = 90.0
"""How long a request may take to arrive, and then to be answered."""
SERVED_REQUESTS_PER_S: Final = 500.0
"""Of one agent, in the long run."""
SERVED_BURST: Final = 1_000
"""Of requests that an agent may have in hand after a pause."""
SERVED_WORKERS: Final = 32
"""Of requests that are answered at the same time in one process; proposals meet in the lane and take none."""
SERVED_WAITING: Final = 512
"""Of requests that may wait at the same time for something to happen: a ticket, a lease, the feed."""
SERVED_STREAMS: Final = 500
"""Of feeds that are open at the same time in one process."""
SERVED_KEEP_ALIVE_S: Final = 15.0
"""How long a stream of the feed says nothing; then it says how far it is."""
SERVED_SHUTDOWN_S: Final = 10.0
"""How long a server that is told to end answers what it has taken."""

# The remote client
REMOTE_TIMEOUT_S: Final = 30.0
"""How long an answer may take, beside the time that the request itself may wait; ``timeout_s`` of ``open()``."""
REMOTE_RETRY_S: Final = 15.0
"""How long a request that is safe to repeat is repeated where the server can't be reached or breaks off."""
REMOTE_IDLE_S: Final = 4.0
"""How long a connection is kept without being used: less than a server keeps it."""
REMOTE_THREADS: Final = 32
"""Of requests of one workspace that event loops wait for at the same time."""
