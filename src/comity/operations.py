"""The table of operations: every verb of Comity, once.

Each row names an operation, what it takes, what it gives, which permission it needs, and
on which surfaces it appears. The CLI is generated from this table, and so are the
reference pages and, later, HTTP routes and MCP tools; a test fails when a surface misses
a row. This module is data only: what an operation does is in :mod:`comity.verbs`.

A request's fields become arguments: those without a default are positional on the command
line, the others options. ``Annotated[..., Meta(description=...)]`` is the help.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from comity import limits
from comity.model.decisions import Decision, Finding, Moved
from comity.model.filters import LifeFilter
from comity.model.proposals import AgentKind, Known, Proposal, Read
from comity.model.records import Life
from comity.model.texts import explain_why

Permission = Literal["read", "write", "operate"]
Surface = Literal["python", "cli"]

Ref = Annotated[str, Meta(description="the record, as kind/id")]
Fields = Annotated[dict[str, Any], Meta(description="fields and their values: name=value")]
Was = Annotated[dict[str, Any], Meta(description="values that you believe to be there: proof of a read")]
Moment = Annotated[int | str | None, Meta(description="a revision, or an RFC 3339 time")]
Reason = Annotated[str | None, Meta(description="why, in a few words; it is shown to others")]
Action = Annotated[str | None, Meta(description="what this is in business terms, as declared under [actions]")]
About = Annotated[tuple[str, ...], Meta(description="further records that this is about")]
Filters = Annotated[tuple[str, ...], Meta(description="conditions such as status=active or 'open_tickets > 0'")]
Limit = Annotated[int, Meta(description="at most this many")]


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Be what an operation takes."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Be what an operation gives."""


# -- reading


class Get(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Read one record, now or as of a revision or time."""

    record: Ref
    at: Moment = None
    noted: Annotated[tuple[Read, ...], Meta(description="earlier reads, to be told which have gone stale")] = ()


class RecordAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be one record as of ``revision``.

    ``version`` is 0 and ``life`` is ``absent`` where it never was. ``changed`` is the revision
    of its last change, ``known`` the fields that its kind declares. ``stale`` tells which of
    the earlier reads named in the request have moved.
    """

    record: str
    version: int
    life: Life
    values: dict[str, Any]
    revision: int
    incarnation: str
    changed: int = 0
    known: tuple[str, ...] = ()
    stale: tuple[Moved, ...] = ()


class GetMany(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Read several records in one consistent snapshot."""

    records: Annotated[tuple[str, ...], Meta(description="the records, as kind/id")]
    at: Moment = None
    noted: tuple[Read, ...] = ()


class RecordsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be records of one snapshot. ``after`` is the cursor of the next page, where there is one."""

    records: tuple[RecordAnswer, ...]
    revision: int
    incarnation: str
    after: str | None = None
    stale: tuple[Moved, ...] = ()


class Find(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Find the records of a kind that meet all conditions."""

    kind: Annotated[str, Meta(description="the kind to search")]
    where: Filters = ()
    order: Annotated[tuple[str, ...], Meta(description="fields to order by; '-field' for descending")] = ()
    limit: Limit = limits.QUERY_RECORDS_DEFAULT
    after: Annotated[str | None, Meta(description="the cursor that the page before gave")] = None
    life: Annotated[LifeFilter, Meta(description="live, archived, deleted or any")] = "live"
    at: Moment = None


class Count(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Count the records of a kind that meet all conditions."""

    kind: Annotated[str, Meta(description="the kind to count")]
    where: Filters = ()
    life: LifeFilter = "live"
    at: Moment = None


class CountAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be a count, as of a revision."""

    count: int
    revision: int
    incarnation: str


# -- writing


class Write(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Be what every single change takes besides the change itself."""

    reason: Reason = None
    action: Action = None
    about: About = ()
    assume: Annotated[tuple[str, ...], Meta(description="a CEL condition that must hold now")] = ()
    accept: Annotated[int | None, Meta(description="the revision whose values you have seen")] = None
    cause: Annotated[str | None, Meta(description="the event that led to this, as revision.ordinal")] = None
    id: Annotated[str | None, Meta(description="your own id for this attempt; a repeat gets the same answer")] = None
    not_after: Annotated[str | None, Meta(description="refuse it after this RFC 3339 time")] = None


class Put(Write, frozen=True, kw_only=True, omit_defaults=True):
    """Create a record, or set the fields given."""

    record: Ref
    fields: Fields = {}
    replace: Annotated[bool, Meta(description="have exactly these fields: clear the others")] = False
    was: Was = {}


class Set(Write, frozen=True, kw_only=True, omit_defaults=True):
    """Set fields of a live record; null clears one."""

    record: Ref
    fields: Fields = {}
    was: Was = {}


class Create(Write, frozen=True, kw_only=True, omit_defaults=True):
    """Create a record that isn't there."""

    record: Ref
    fields: Fields = {}


class Add(Write, frozen=True, kw_only=True, omit_defaults=True):
    """Add to numbers; needs no read and never conflicts."""

    record: Ref
    fields: Fields = {}


class Include(Write, frozen=True, kw_only=True, omit_defaults=True):
    """Put elements into lists that are used as sets."""

    record: Ref
    fields: Fields = {}


class Exclude(Write, frozen=True, kw_only=True, omit_defaults=True):
    """Take elements out of lists that are used as sets."""

    record: Ref
    fields: Fields = {}


class Append(Write, frozen=True, kw_only=True, omit_defaults=True):
    """Append items to lists."""

    record: Ref
    fields: Fields = {}


class Emit(Write, frozen=True, kw_only=True, omit_defaults=True):
    """Emit a named event, with its declared consequences."""

    record: Ref
    event: Annotated[str, Meta(description="the event's name, as declared")]
    fields: Annotated[dict[str, Any], Meta(description="what the event carries: name=value")] = {}


class Archive(Write, frozen=True, kw_only=True, omit_defaults=True):
    """Archive a record: readable, no longer changed or referred to."""

    record: Ref


class Restore(Write, frozen=True, kw_only=True, omit_defaults=True):
    """Bring an archived or deleted record back."""

    record: Ref


class Delete(Write, frozen=True, kw_only=True, omit_defaults=True):
    """Delete a record; its history stays."""

    record: Ref


class Check(Write, frozen=True, kw_only=True, omit_defaults=True):
    """Ask whether a put would be let through now, without doing it."""

    record: Ref
    fields: Fields = {}
    was: Was = {}


class Propose(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Propose several changes at once, with what they rest on; all or nothing."""

    proposal: Annotated[Proposal, Meta(description="the proposal")]
    dry: Annotated[bool, Meta(description="judge only, commit nothing")] = False
    is_new: Annotated[bool, Meta(description="the id was made for this very call")] = False


# -- events


class EventAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be one event, with who made it and why.

    ``was`` holds the former values of the fields that it changed, ``now`` the new ones;
    ``data`` what a named event carries. ``is_erased`` tells that the contents are gone.
    """

    event: str
    type: str
    record: str
    version: int
    at: str
    by: str
    known: Known
    reason: str | None = None
    action: str | None = None
    cause: str | None = None
    derived: str | None = None
    was: dict[str, Any] = {}
    now: dict[str, Any] = {}
    data: dict[str, Any] = {}
    proposal: str = ""
    definition: int = 0
    is_erased: bool = False


class History(Request, frozen=True, kw_only=True, omit_defaults=True):
    """List what happened: to a record, by an agent, of a type, in a time."""

    record: Annotated[str | None, Meta(description="a record as kind/id, or a kind")] = None
    agent: Annotated[str | None, Meta(description="by this agent only")] = None
    type: Annotated[str | None, Meta(description="events of this type only")] = None
    since: Annotated[int | str | None, Meta(description="after this revision, or from this time on")] = None
    until: Annotated[int | str | None, Meta(description="up to this revision or time")] = None
    oldest_first: Annotated[bool, Meta(description="start with the oldest")] = False
    limit: Limit = 50


class HistoryAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be events in order."""

    events: tuple[EventAnswer, ...]
    revision: int


class At(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Show a record, a kind or everything as of a revision or time."""

    moment: Annotated[int | str, Meta(description="a revision, or an RFC 3339 time")]
    target: Annotated[str | None, Meta(description="a record as kind/id, or a kind; nothing for everything")] = None
    where: Filters = ()
    limit: Limit = limits.QUERY_RECORDS


class Diff(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Show what differs between two points: of a record, a kind or everything."""

    since: Annotated[int | str, Meta(description="the earlier revision or time")]
    until: Annotated[int | str | None, Meta(description="the later revision or time; nothing for now")] = None
    target: Annotated[str | None, Meta(description="a record as kind/id, or a kind; nothing for everything")] = None


class Difference(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be one field that differs; ``field`` is ``$life`` for the record's existence."""

    record: str
    field: str
    was: Any
    now: Any


class DiffAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be what differs between two revisions."""

    since: int
    until: int
    differences: tuple[Difference, ...]


class Why(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Tell why a field has its value: event, author, reason, decision, chain of causes."""

    record: Ref
    field: Annotated[str | None, Meta(description="the field; nothing for the record's last change")] = None
    at: Moment = None


class WhyAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be why a field has its value.

    ``event`` made it so; ``findings`` are what the checks said then; ``causes`` is the chain
    of events that led to it, nearest first. ``event`` is None where the field was never written.
    """

    record: str
    field: str | None
    value: Any
    event: EventAnswer | None = None
    findings: tuple[Finding, ...] = ()
    rested_on: tuple[str, ...] = ()
    causes: tuple[EventAnswer, ...] = ()

    def __str__(self) -> str:
        return explain_why(self)


class Revert(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Undo a commit, or what an agent did since a point, by compensating events."""

    commit: Annotated[int | None, Meta(description="the revision of the commit to undo")] = None
    agent: Annotated[str | None, Meta(description="undo this agent's work …")] = None
    since: Annotated[int | str | None, Meta(description="… since this revision or time")] = None
    reason: Reason = None
    action: Action = None
    dry: Annotated[bool, Meta(description="show what it would do, do nothing")] = False


class Left(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be what a revert left alone, and why."""

    record: str
    field: str
    why: str


class RevertAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be what a revert did: its decisions, the fields it put back, and what it left."""

    decisions: tuple[Decision, ...]
    reverted: tuple[Difference, ...]
    left: tuple[Left, ...]


class Verify(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Replay everything, compare with the records, check the chain of hashes."""

    head: Annotated[
        str | None, Meta(description="a head kept elsewhere, as 'revision:hash': reveals a cut or rewritten tail")
    ] = None


class VerifyAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be the result of a verification. ``head`` is what to keep elsewhere for the next one."""

    is_clean: bool
    revision: int
    commits: int
    events: int
    records: int
    erased: int
    head: str
    problems: tuple[str, ...] = ()


class Refusals(Request, frozen=True, kw_only=True, omit_defaults=True):
    """List what was refused, and why."""

    agent: Annotated[str | None, Meta(description="of this agent only")] = None
    since: Annotated[str | None, Meta(description="from this RFC 3339 time on")] = None
    limit: Limit = 50


class Refusal(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be one refused proposal."""

    proposal: str
    at: str
    agent: str
    revision: int
    action: str | None = None
    reason: str | None = None
    records: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


class RefusalsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be refusals, newest first."""

    refusals: tuple[Refusal, ...]


# -- the workspace


class Apply(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Make a definition the one that judges, after checking that the records fit it."""

    source: Annotated[str, Meta(description="the definition as TOML")]
    origin: Annotated[str, Meta(description="what its lines are called in messages")] = "comity.toml"
    replaces: Annotated[int | None, Meta(description="the version that you mean to replace")] = None
    reason: Reason = None
    dry: Annotated[bool, Meta(description="check only")] = False


class ApplyAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be what became of a definition: its version, what is new in it, which records don't fit."""

    number: int
    is_changed: bool
    changes: tuple[str, ...] = ()
    decision: Decision | None = None


class ShowDefinition(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Show the definition that judges now."""


class DefinitionAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be the definition that judges now. Version 0 is the empty one."""

    number: int
    source: str


class ListAgents(Request, frozen=True, kw_only=True, omit_defaults=True):
    """List the agents declared, and those who acted, with their keys."""


class AgentAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be one agent."""

    agent: str
    role: str
    kind: AgentKind
    is_declared: bool
    key: str | None = None
    key_status: str | None = None
    key_expires_at: str | None = None


class AgentsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be the agents of the workspace."""

    agents: tuple[AgentAnswer, ...]


class IssueKey(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Issue a key to a human (or a new one, which ends the old one's)."""

    agent: Annotated[str, Meta(description="whose key")]
    days: Annotated[int | None, Meta(description="how many days it is good for")] = None
    reason: Reason = None


class KeyAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be a new key. ``secret`` is shown this once and kept nowhere."""

    agent: str
    key: str
    secret: str
    expires_at: str | None = None


class RevokeKey(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Revoke an agent's key."""

    agent: Annotated[str, Meta(description="whose key")]
    reason: Reason = None


class Import(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Bring records in from a CSV, JSON or NDJSON file, through the same checks; can be resumed."""

    file: Annotated[str, Meta(description="a .csv, .json or .ndjson file")]
    kind: Annotated[str | None, Meta(description="the kind of the records; NDJSON of export names its own")] = None
    key: Annotated[str | None, Meta(description="the column that is the record's id")] = None
    reason: Reason = None
    action: Action = None
    dry: Annotated[bool, Meta(description="check only, commit nothing")] = False


class LineError(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be one line that was not taken."""

    line: int
    record: str | None
    problem: str


class ImportAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be what an import did."""

    lines: int
    committed: int
    unchanged: int
    errors: tuple[LineError, ...] = ()


class Export(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Write records to a CSV, JSON or NDJSON file."""

    file: Annotated[str, Meta(description="the file to write; '-' for standard output")]
    kind: Annotated[str | None, Meta(description="the kind; CSV takes exactly one")] = None
    where: Filters = ()
    at: Moment = None
    format: Annotated[
        Literal["csv", "json", "ndjson"] | None, Meta(description="by the file's ending, unless given")
    ] = None


class ExportAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be what an export wrote."""

    file: str
    records: int
    revision: int


class Stats(Request, frozen=True, kw_only=True, omit_defaults=True):
    """Count what is there."""


class StatsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """Be counts and sizes of a workspace."""

    name: str
    url: str
    revision: int
    incarnation: str
    definition: int
    records: dict[str, int]
    commits: int
    events: int
    refusals: int
    bytes: int
    last_commit_at: str | None = None


class Operation(msgspec.Struct, frozen=True):
    """Be one row: ``command`` is its path on the command line."""

    name: str
    request: type[Request]
    answer: type
    permission: Permission
    summary: str
    command: tuple[str, ...] = ()
    surfaces: frozenset[Surface] = frozenset({"python", "cli"})


def _row(
    name: str, request: type[Request], answer: type, permission: Permission, *, command: str | None = None
) -> Operation:
    summary = (request.__doc__ or "").strip().splitlines()[0]
    return Operation(name, request, answer, permission, summary, tuple((command or name).split()))


OPERATIONS: Final[tuple[Operation, ...]] = (
    _row("get", Get, RecordAnswer, "read"),
    _row("get_many", GetMany, RecordsAnswer, "read", command="get-many"),
    _row("find", Find, RecordsAnswer, "read"),
    _row("count", Count, CountAnswer, "read"),
    _row("put", Put, Decision, "write"),
    _row("set", Set, Decision, "write"),
    _row("create", Create, Decision, "write"),
    _row("add", Add, Decision, "write"),
    _row("include", Include, Decision, "write"),
    _row("exclude", Exclude, Decision, "write"),
    _row("append", Append, Decision, "write"),
    _row("emit", Emit, Decision, "write"),
    _row("archive", Archive, Decision, "write"),
    _row("restore", Restore, Decision, "write"),
    _row("delete", Delete, Decision, "write"),
    _row("check", Check, Decision, "read"),
    _row("propose", Propose, Decision, "write"),
    _row("history", History, HistoryAnswer, "read"),
    _row("at", At, RecordsAnswer, "read"),
    _row("diff", Diff, DiffAnswer, "read"),
    _row("why", Why, WhyAnswer, "read"),
    _row("revert", Revert, RevertAnswer, "write"),
    _row("verify", Verify, VerifyAnswer, "read"),
    _row("refusals", Refusals, RefusalsAnswer, "read"),
    _row("apply", Apply, ApplyAnswer, "operate"),
    _row("definition", ShowDefinition, DefinitionAnswer, "read"),
    _row("agents", ListAgents, AgentsAnswer, "read", command="agents list"),
    _row("issue_key", IssueKey, KeyAnswer, "operate", command="agents key"),
    _row("revoke_key", RevokeKey, Decision, "operate", command="agents revoke"),
    _row("import", Import, ImportAnswer, "write"),
    _row("export", Export, ExportAnswer, "read"),
    _row("stats", Stats, StatsAnswer, "read"),
)

BY_NAME: Final[dict[str, Operation]] = {operation.name: operation for operation in OPERATIONS}
BY_REQUEST: Final[dict[type, Operation]] = {operation.request: operation for operation in OPERATIONS}
