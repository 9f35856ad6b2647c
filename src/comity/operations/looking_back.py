"""Looking back: history, moments, differences, reasons, reverts, verification, refusals."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from comity import limits
from comity.model.decisions import Decision, Finding
from comity.model.proposals import Known
from comity.operations import texts
from comity.operations.arguments import Action, Answer, Filters, Limit, Moment, Reason, Ref, Request


class EventAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one event, with who made it and why.

    ``was`` holds the former values of the fields that it changed, ``now`` the new ones;
    ``data`` what a named event carries. ``is_erased`` tells that the contents are gone, as
    ``erased_by`` decided at ``erased_at``.
    ``accepted_by`` and ``approved_by`` name those without whose answer it would not have
    been made (S21).
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
    erased_by: str | None = None
    erased_at: str | None = None
    accepted_by: tuple[str, ...] = ()
    approved_by: tuple[str, ...] = ()

    def __str__(self) -> str:
        return texts.event(self)


class History(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List what happened: to a record, by an agent, of a type, in a time."""

    record: Annotated[str | None, Meta(description="a record as kind/id, or a kind")] = None
    agent: Annotated[str | None, Meta(description="by this agent only")] = None
    type: Annotated[str | None, Meta(description="events of this type only")] = None
    since: Annotated[int | str | None, Meta(description="after this revision, or from this time on")] = None
    until: Annotated[int | str | None, Meta(description="up to this revision or time")] = None
    oldest_first: Annotated[bool, Meta(description="start with the oldest")] = False
    limit: Limit = 50


class HistoryAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be events in order."""

    events: tuple[EventAnswer, ...]
    revision: int

    def __str__(self) -> str:
        return texts.history(self)


class At(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Show a record, a kind or everything as of a revision or time."""

    moment: Annotated[int | str, Meta(description="a revision, or an RFC 3339 time")]
    target: Annotated[str | None, Meta(description="a record as kind/id, or a kind; nothing for everything")] = None
    where: Filters = ()
    limit: Limit = limits.QUERY_RECORDS


class Diff(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Show what differs between two points: of a record, a kind or everything."""

    since: Annotated[int | str, Meta(description="the earlier revision or time")]
    until: Annotated[int | str | None, Meta(description="the later revision or time; nothing for now")] = None
    target: Annotated[str | None, Meta(description="a record as kind/id, or a kind; nothing for everything")] = None


class Difference(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one field that differs; ``field`` is ``$life`` for the record's existence."""

    record: str
    field: str
    was: Any
    now: Any

    def __str__(self) -> str:
        return texts.difference(self)


class DiffAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what differs between two revisions."""

    since: int
    until: int
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        return texts.diff(self)


class Why(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Tell why a field has its value: event, author, reason, decision, chain of causes."""

    record: Ref
    field: Annotated[str | None, Meta(description="the field; nothing for the record's last change")] = None
    at: Moment = None


class WhyAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
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
        return texts.why(self)


class Revert(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Undo a commit, or what an agent did since a point, by compensating events."""

    commit: Annotated[int | None, Meta(description="the revision of the commit to undo")] = None
    agent: Annotated[str | None, Meta(description="undo this agent's work …")] = None
    since: Annotated[int | str | None, Meta(description="… since this revision or time")] = None
    reason: Reason = None
    action: Action = None
    dry: Annotated[bool, Meta(description="show what it would do, do nothing")] = False


class Left(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what a revert left alone, and why."""

    record: str
    field: str
    why: str

    def __str__(self) -> str:
        return texts.left(self)


class RevertAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be what a revert did: its decisions, the fields it put back, the effects it cancelled, and what it left."""

    decisions: tuple[Decision, ...]
    reverted: tuple[Difference, ...]
    left: tuple[Left, ...]
    cancelled: tuple[str, ...] = ()

    def __str__(self) -> str:
        return texts.reverted(self)


class Verify(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Replay everything, compare with the records, check the chain of hashes."""

    head: Annotated[
        str | None, Meta(description="a head kept elsewhere, as 'revision:hash': reveals a cut or rewritten tail")
    ] = None


class VerifyAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be the result of a verification. ``head`` is what to keep elsewhere for the next one."""

    is_clean: bool
    revision: int
    commits: int
    events: int
    records: int
    erased: int
    head: str
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        return texts.verified(self)


class Refusals(Request, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """List what was refused, and why."""

    agent: Annotated[str | None, Meta(description="of this agent only")] = None
    since: Annotated[str | None, Meta(description="from this RFC 3339 time on")] = None
    limit: Limit = 50


class Refusal(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be one refused proposal."""

    proposal: str
    at: str
    agent: str
    revision: int
    action: str | None = None
    reason: str | None = None
    records: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def __str__(self) -> str:
        return texts.refusal(self)


class RefusalsAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Be refusals, newest first."""

    refusals: tuple[Refusal, ...]

    def __str__(self) -> str:
        return texts.refusals(self)
