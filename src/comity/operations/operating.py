"""Operating a workspace: its definition, its agents and keys, files in and out, counts."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from comity.model.decisions import Decision, Finding
from comity.model.proposals import AgentKind
from comity.operations import texts
from comity.operations.arguments import Action, Answer, Filters, Moment, Reason, Request


class Apply(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Make a definition the one that judges, after checking that the records fit it."""

    source: Annotated[str, Meta(description="the definition as TOML")]
    origin: Annotated[str, Meta(description="what its lines are called in messages")] = "comity.toml"
    replaces: Annotated[int | None, Meta(description="the version that you mean to replace")] = None
    reason: Reason = None
    enforce: Annotated[
        bool, Meta(description="have rules that are new here, or in shadow as they were, stand in the way at once")
    ] = False
    dry: Annotated[bool, Meta(description="check only")] = False


class ApplyAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what became of a definition: its version, what is new in it, which records don't fit.

    ``shadowed`` names the rules that run in shadow as they were new, and say nothing else themselves (S26);
    ``failed`` those of its tests that fail: it is taken nevertheless.
    """

    number: int
    is_changed: bool
    changes: tuple[str, ...] = ()
    shadowed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    decision: Decision | None = None

    def __str__(self) -> str:
        return texts.applied(self)


class ShowDefinition(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Show the definition that judges now."""


class DefinitionAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be the definition that judges now. Version 0 is the empty one."""

    number: int
    source: str

    def __str__(self) -> str:
        return texts.definition(self)


class ListAgents(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List the agents declared, and those who acted, with their keys."""


class AgentAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one agent. ``key_id`` names its last key, ``key_status`` tells whether that is ``active`` or ``revoked``."""

    agent: str
    role: str
    kind: AgentKind
    is_declared: bool
    key_id: str | None = None
    key_status: str | None = None
    key_expires_at: str | None = None

    def __str__(self) -> str:
        return texts.agent(self)


class AgentsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be the agents of the workspace."""

    agents: tuple[AgentAnswer, ...]

    def __str__(self) -> str:
        return texts.agents(self)


class IssueKey(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Issue a key to a human or a declared agent (or a new one, which ends the old one's)."""

    agent: Annotated[str, Meta(description="whose key")]
    days: Annotated[int | None, Meta(description="how many days it is good for")] = None
    reason: Reason = None


class KeyAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be a new key. ``key`` itself is shown this once and kept nowhere; ``key_id`` is its name in the log.

    ``findings`` warn of what ends with the first key.
    """

    agent: str
    key_id: str
    key: str
    expires_at: str | None = None
    findings: tuple[Finding, ...] = ()

    def __str__(self) -> str:
        return texts.key(self)


class RevokeKey(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Revoke an agent's key."""

    agent: Annotated[str, Meta(description="whose key")]
    reason: Reason = None


class Import(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Bring records in from a CSV, JSON or NDJSON file, through the same checks; can be resumed."""

    file: Annotated[str, Meta(description="a .csv, .json or .ndjson file")]
    kind: Annotated[str | None, Meta(description="the kind of the records; NDJSON of export names its own")] = None
    key: Annotated[str | None, Meta(description="the column that is the record's id")] = None
    reason: Reason = None
    action: Action = None
    again: Annotated[bool, Meta(description="also take rows that an earlier run of this import committed")] = False
    dry: Annotated[bool, Meta(description="check only, commit nothing")] = False


class LineError(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one line that was not taken."""

    line: int
    record: str | None
    problem: str


class ImportAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what an import did.

    ``earlier`` counts the rows that an earlier run of the same import settled: they are left
    alone. Beyond ``limits.IMPORT_ERRORS`` errors are counted in ``more_errors``.
    """

    lines: int
    committed: int
    unchanged: int
    earlier: int = 0
    errors: tuple[LineError, ...] = ()
    more_errors: int = 0

    def __str__(self) -> str:
        return texts.imported(self)


class Export(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Write records to a CSV, JSON or NDJSON file."""

    file: Annotated[str, Meta(description="the file to write; '-' for standard output")]
    kind: Annotated[str | None, Meta(description="the kind; CSV takes exactly one")] = None
    where: Filters = ()
    at: Moment = None
    format: Annotated[
        Literal["csv", "json", "ndjson"] | None, Meta(description="by the file's ending, unless given")
    ] = None


class ExportAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what an export wrote."""

    file: str
    records: int
    revision: int

    def __str__(self) -> str:
        return texts.exported(self)


class CopyAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what a verified copy of a workspace holds; ``copied`` counts the commits that this run brought."""

    revision: int
    commits: int
    copied: int
    events: int
    records: int
    head: str

    def __str__(self) -> str:
        return texts.copied(self)


class Erase(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Erase what is known of records, for good: a person asks to be forgotten."""

    records: Annotated[tuple[str, ...], Meta(description="the records, as kind/id")]
    with_referrers: Annotated[
        tuple[str, ...], Meta(description="of these kinds, also the records that refer to them")
    ] = ()
    reason: Reason = None
    dry: Annotated[bool, Meta(description="show what would be emptied, do nothing")] = False


class EraseAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what became of an erasure.

    ``records`` are erased, and ``speaking`` those of Comity's own that speak of them; so many
    contents of ``events``, ``commits`` and ``answers`` are emptied for that. ``referrers`` keep
    their reference. It ``is_done`` once nothing is left of it in the store's own files; ``left``
    says what is, or where it may be beyond them.
    """

    records: tuple[str, ...]
    speaking: tuple[str, ...]
    events: int
    commits: int
    answers: int
    decision: Decision
    referrers: tuple[str, ...] = ()
    is_done: bool = False
    left: str = ""

    def __str__(self) -> str:
        return texts.erased(self)


class Stats(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Count what is there."""


class StatsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
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

    def __str__(self) -> str:
        return texts.stats(self)
