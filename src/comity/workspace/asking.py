"""Looking, without an intent: what workspaces and agents both offer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from comity.clock import format_time, parse_time
from comity.errors import InvalidRequest
from comity.model.codec import encode
from comity.model.decisions import Decision
from comity.model.filters import LifeFilter
from comity.model.values import normalise
from comity.operations import (
    BY_REQUEST,
    AgentsAnswer,
    Apply,
    ApplyAnswer,
    At,
    Count,
    CountAnswer,
    DefinitionAnswer,
    Diff,
    DiffAnswer,
    Erase,
    EraseAnswer,
    Export,
    ExportAnswer,
    Find,
    Get,
    GetMany,
    History,
    HistoryAnswer,
    Import,
    ImportAnswer,
    IssueKey,
    KeyAnswer,
    ListAgents,
    RecordsAnswer,
    Refusals,
    RefusalsAnswer,
    Request,
    Revert,
    RevertAnswer,
    RevokeKey,
    ShowDefinition,
    Stats,
    StatsAnswer,
    Verify,
    VerifyAnswer,
    Why,
    WhyAnswer,
)
from comity.workspace.alerting import Alerting
from comity.workspace.awareness import Aware
from comity.workspace.effecting import Outgoing
from comity.workspace.feeding import Following
from comity.workspace.files import AnyPath, path_of, read_source
from comity.workspace.handing import Answerable
from comity.workspace.lines import Lines
from comity.workspace.outcomes import raise_unless_committed
from comity.workspace.overriding import Overseeing
from comity.workspace.records import Page, Record
from comity.workspace.reporting import Reporting
from comity.workspace.ruling import Ruling
from comity.workspace.session import Session
from comity.workspace.waiting import Waiting
from comity.workspace.working import Working

Moment = int | str | datetime


def moment_of(moment: object) -> int | str | None:
    """Return a moment as requests take it: a revision, or a time as text; a datetime without a zone is in UTC."""
    if moment is None or isinstance(moment, (int, str)):
        return moment
    if isinstance(moment, datetime):
        return format_time(parse_time(moment.isoformat()))
    raise InvalidRequest(f"a moment is a revision, a datetime or an RFC 3339 text, not {type(moment).__name__}")


def conditions_of(filters: Sequence[str], equals: dict[str, Any]) -> tuple[str, ...]:
    """Return filters and ``field=value`` arguments as the conditions that requests take."""
    return (*filters, *(equal_to(name, value) for name, value in equals.items()))


def equal_to(name: str, value: Any) -> str:
    """Return the condition that a field equals a value, or is among the values of a list."""
    plain = normalise(value)
    return f"{name} {'in' if isinstance(plain, list) else '='} {encode(plain).decode()}"


class Asking(Alerting, Answerable, Aware, Following, Overseeing, Reporting, Ruling, Lines, Outgoing, Waiting, Working):
    """Read, look back, and operate; every answer is of one consistent snapshot."""

    _session: Session

    def answer(self, request: Request, progress: Callable[[int, int], None] | None = None) -> Any:
        """Return the answer to a request of :mod:`comity.operations`: every verb, in the form that surfaces speak.

        ``progress`` is told how much is done, of how much, by the verbs that take long.
        Refusals come as values: nothing is raised for them.
        """
        if type(request) not in BY_REQUEST:
            raise InvalidRequest(
                f"{request!r:.60} is no request: make one of comity.operations, such as Get(record='customer/acme')"
            )
        return self._session.call(request, progress)

    # -- now

    def get(self, record: str, *, at: Moment | None = None, fresh: bool = False) -> Record:
        """Return a record, now or as of a revision or time. It isn't collected by any intent.

        What another process has committed within the last ``limits.HEAD_AGE_S`` may be missing; with
        ``fresh`` nothing is that was committed before.
        """
        if at is None and not fresh:
            return Record(self._session.get(record))
        return Record(self._session.call(Get(record=record, at=moment_of(at), fresh=fresh)))

    def get_many(self, records: Sequence[str], *, at: Moment | None = None) -> list[Record]:
        """Return several records of one snapshot, in the order asked."""
        answer: RecordsAnswer = self._session.call(GetMany(records=tuple(records), at=moment_of(at)))
        return [Record(one) for one in answer.records]

    def find(
        self,
        kind: str,
        *filters: str,
        order: str | Sequence[str] = (),
        limit: int = 100,
        after: str | None = None,
        life: LifeFilter = "live",
        at: Moment | None = None,
        **equals: Any,
    ) -> Page:
        """Return the records of a kind that meet all conditions.

        ``find("customer", "open_tickets > 0", status="active", order="-open_tickets")``
        """
        request = find_request(kind, filters, order, limit, after, life, at, equals)
        return _page(self._session.call(request))

    def count(
        self, kind: str, *filters: str, life: LifeFilter = "live", at: Moment | None = None, **equals: Any
    ) -> int:
        """Return how many records of a kind meet all conditions."""
        where = conditions_of(filters, equals)
        answer: CountAnswer = self._session.call(Count(kind=kind, where=where, life=life, at=moment_of(at)))
        return answer.count

    # -- back

    def history(
        self,
        record: str | None = None,
        *,
        agent: str | None = None,
        type: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        oldest_first: bool = False,
        limit: int = 50,
    ) -> HistoryAnswer:
        """Return what happened to a record or a kind, by an agent, of a type; newest first."""
        return self._session.call(
            History(
                record=record,
                agent=agent,
                type=type,
                since=moment_of(since),
                until=moment_of(until),
                oldest_first=oldest_first,
                limit=limit,
            )
        )

    def at(self, moment: Moment, target: str | None = None, *filters: str, limit: int = 1000) -> Page:
        """Return a record, the records of a kind, or all of them, as of a revision or time."""
        request = At(moment=moment_of(moment) or 0, target=target, where=tuple(filters), limit=limit)
        return _page(self._session.call(request))

    def diff(self, since: Moment, until: Moment | None = None, target: str | None = None) -> DiffAnswer:
        """Return what differs between two moments."""
        return self._session.call(Diff(since=moment_of(since) or 0, until=moment_of(until), target=target))

    def why(self, record: str, field: str | None = None, *, at: Moment | None = None) -> WhyAnswer:
        """Return why a field has its value: event, author, reason, decision, causes. Prints well."""
        return self._session.call(Why(record=record, field=field, at=moment_of(at)))

    def refusals(self, *, agent: str | None = None, since: str | None = None, limit: int = 50) -> RefusalsAnswer:
        """Return what was refused, newest first."""
        return self._session.call(Refusals(agent=agent, since=since, limit=limit))

    def verify(self, head: str | None = None) -> VerifyAnswer:
        """Replay everything and check it; ``head`` is one that an earlier verification gave."""
        return self._session.call(Verify(head=head))

    def stats(self) -> StatsAnswer:
        """Return counts and sizes."""
        return self._session.call(Stats())

    # -- operating

    def revert(
        self,
        *,
        commit: int | None = None,
        agent: str | None = None,
        since: Moment | None = None,
        reason: str | None = None,
        action: str | None = None,
        dry: bool = False,
    ) -> RevertAnswer:
        """Undo a commit, or an agent's work since a moment, by compensating events.

        Effects that it wanted and that weren't sent yet are cancelled. What others changed since, and
        what was delivered, is left alone and named in ``left``. Raises NotCommitted where
        something was refused and nothing at all was put back.
        """
        answer: RevertAnswer = self._session.call(
            Revert(commit=commit, agent=agent, since=moment_of(since), reason=reason, action=action, dry=dry)
        )
        if answer.decisions and not answer.reverted and not answer.cancelled and not dry:
            raise_unless_committed(answer.decisions[0])
        return answer

    def erase(
        self,
        record: str | Record,
        *more: str | Record,
        reason: str,
        with_referrers: Sequence[str] = (),
        dry: bool = False,
    ) -> EraseAnswer:
        """Erase what is known of records, for good: a person asks to be forgotten. It takes an operator.

        The records become tombstones; what the log, the answers and Comity's own records hold of them is
        emptied, and gone from the store's files once the answer ``is_done``. Raises NotCommitted
        where it was refused, unless ``dry``: then it only tells what would be emptied.
        """
        records = tuple(one if isinstance(one, str) else one.ref for one in (record, *more))
        answer: EraseAnswer = self._session.call(
            Erase(records=records, with_referrers=tuple(with_referrers), reason=reason, dry=dry)
        )
        if not dry:
            raise_unless_committed(answer.decision)
        return answer

    def definition(self) -> DefinitionAnswer:
        """Return the definition that judges now."""
        return self._session.call(ShowDefinition())

    def apply(
        self,
        definition: AnyPath,
        *,
        replaces: int | None = None,
        reason: str | None = None,
        enforce: bool = False,
        dry: bool = False,
    ) -> ApplyAnswer:
        """Make the definition in a TOML file the one that judges.

        In a workspace with a history, rules that are new to it start in shadow unless they
        have a ``mode`` of their own; with ``enforce`` they stand in the way at once. Raises
        InvalidDefinition with every problem, and NotCommitted where it was refused, unless ``dry``.
        """
        source, origin = read_source(definition)
        answer: ApplyAnswer = self._session.call(
            Apply(source=source, origin=origin, replaces=replaces, reason=reason, enforce=enforce, dry=dry)
        )
        if answer.decision is not None and not dry:
            raise_unless_committed(answer.decision)
        return answer

    def agents(self) -> AgentsAnswer:
        """Return the agents declared, and those that have a key."""
        return self._session.call(ListAgents())

    def issue_key(self, agent: str, *, days: int | None = None, reason: str | None = None) -> KeyAnswer:
        """Issue a key to a human; ``answer.key`` shows it this once. An earlier key of the same agent ends.

        It is good for so many ``days``, or until it is replaced or revoked. Raises Refused for who is no operator.
        """
        return self._session.call(IssueKey(agent=agent, days=days, reason=reason))

    def revoke_key(self, agent: str, *, reason: str | None = None) -> Decision:
        """Revoke an agent's key. Raises NotCommitted unless it was."""
        return raise_unless_committed(self._session.call(RevokeKey(agent=agent, reason=reason)))

    def import_file(
        self,
        file: AnyPath,
        *,
        kind: str | None = None,
        key: str | None = None,
        reason: str | None = None,
        action: str | None = None,
        again: bool = False,
        dry: bool = False,
    ) -> ImportAnswer:
        """Bring records in from a CSV, JSON or NDJSON file, through the same checks.

        Repeating it does nothing twice; ``again`` also takes rows that an earlier run committed.
        """
        return self._session.call(
            Import(file=path_of("file", file), kind=kind, key=key, reason=reason, action=action, again=again, dry=dry)
        )

    def export_file(
        self,
        file: AnyPath,
        *,
        kind: str | None = None,
        filters: Sequence[str] = (),
        at: Moment | None = None,
        format: Literal["csv", "json", "ndjson"] | None = None,
    ) -> ExportAnswer:
        """Write records to a CSV, JSON or NDJSON file."""
        return self._session.call(
            Export(file=path_of("file", file), kind=kind, where=tuple(filters), at=moment_of(at), format=format)
        )


def _page(answer: RecordsAnswer) -> Page:
    return Page([Record(one) for one in answer.records], answer.revision, answer.after)


def find_request(
    kind: str,
    filters: Sequence[str],
    order: str | Sequence[str],
    limit: int,
    after: str | None,
    life: LifeFilter,
    at: Moment | None,
    equals: dict[str, Any],
) -> Find:
    """Return a search as a request."""
    return Find(
        kind=kind,
        where=conditions_of(filters, equals),
        order=(order,) if isinstance(order, str) else tuple(order),
        limit=limit,
        after=after,
        life=life,
        at=moment_of(at),
    )
