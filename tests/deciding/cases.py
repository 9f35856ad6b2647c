"""What the tests of deciding share: views built from states, and cases judged on them. No store, no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from comity.coordinator.holding import HELD
from comity.deciding.case import Case
from comity.deciding.compile import Compiled, compile_definition
from comity.deciding.gates import shape
from comity.deciding.view import (
    Author,
    AuthorNeed,
    Cause,
    CauseNeed,
    ChangedNeed,
    CountNeed,
    EventNeed,
    FindNeed,
    Happened,
    HeldNeed,
    Missing,
    Need,
    NotedNeed,
    PastNeed,
    RecentNeed,
    RecordNeed,
    Ref,
    TouchedNeed,
    View,
    WishNeed,
)
from comity.model import filters
from comity.model.decisions import Finding
from comity.model.proposals import AnyChange, Caller, Proposal
from comity.model.reading import read_definition
from comity.model.records import LIFE, Life, RecordState

Gate = Callable[[Case], Iterable[Finding]]
NOW_US = 1_700_000_000_000_000
SALES = Caller("sales")


def state(
    ref: str, life: Life = "live", /, *, born: int = 1, at: Mapping[str, int] | None = None, **values: Any
) -> RecordState:
    """Return a record; ``at`` names the revisions at which fields changed, 1 where it doesn't."""
    kind, _, name = ref.partition("/")
    revisions = dict(at or {})
    blame = {LIFE: 1, **dict.fromkeys(values, 1), **{LIFE if key == "life" else key: n for key, n in revisions.items()}}
    kept = {key: value for key, value in values.items() if value is not None}
    last = max(blame.values())
    return RecordState(kind, name, last, life, born, last, kept, blame)


class World:
    """Hold every state of every record, and answer what a view asks for."""

    def __init__(self, *states: RecordState, source: str = "", revision: int | None = None) -> None:
        self.history: dict[Ref, list[RecordState]] = {}
        for one in states:
            self.history.setdefault((one.kind, one.id), []).append(one)
        self.revision = max((one.revision for one in states), default=0) if revision is None else revision
        self.compiled: Compiled = compile_definition(read_definition(source), 1)
        self.asked: list[Need] = []
        self.noted: dict[tuple[str, str], str] = {}
        self.causes: dict[int, tuple[Cause, tuple[Ref, ...]]] = {}
        """By revisions, whose commit it is and what it changed."""
        self.happened: list[Happened] = []
        """What others did of late, the newest first."""

    @property
    def now(self) -> dict[Ref, RecordState]:
        return {ref: past[-1] for ref, past in self.history.items()}

    def view(self) -> View:
        kinds: dict[str, int] = {}
        for one in self.now.values():
            kinds[one.kind] = max(one.revision, kinds.get(one.kind, 0))
        return View(
            self.compiled, self.now, revision=self.revision, incarnation="first", now_us=NOW_US, kind_revisions=kinds
        )

    def answer(self, need: Need) -> Any:
        self.asked.append(need)
        match need:
            case PastNeed(ref, revision):
                past = [one for one in self.history.get(ref, ()) if one.revision <= revision]
                return past[-1] if past else RecordState(*ref)
            case FindNeed(query):
                return filters.select(query, self.now.values())
            case CountNeed(query):
                return sum(filters.matches(query, one) for one in self.now.values())
            case AuthorNeed(_, _, revision):
                return Author("support", NOW_US, f"{revision}.0", "because")
            case ChangedNeed(revision, limit):
                return [one for one in self.now.values() if one.revision > revision][:limit]
            case RecentNeed(ref, since_us, limit, but):
                met = [
                    one
                    for one in self.happened
                    if one.record == "/".join(ref) and one.at > since_us and one.agent != but
                ]
                return met[:limit]
            case WishNeed():
                return []
            case NotedNeed(topic, name):
                return self.noted.get((topic, name))
            case HeldNeed(kind):
                return HELD[kind].made(one for one in self.now.values() if one.kind == kind)
            case RecordNeed(ref):
                return RecordState(*ref)
            case CauseNeed(revision):
                return self.causes[revision][0] if revision in self.causes else None
            case TouchedNeed(ref, revision):
                return ref in self.causes[revision][1]
            case EventNeed(revision, ordinal):
                return 1 <= revision <= self.revision and ordinal == 0

    def supply(self, view: View, need: Need) -> None:
        """Give a view what it lacks."""
        if isinstance(need, RecordNeed):
            self.history.setdefault(need.ref, []).append(self.answer(need))
            view.records = self.now
        else:
            view.supply(need, self.answer(need))

    def ask(self, function: Callable[[View], Any], view: View | None = None) -> Any:
        """Return what a function makes of a view, supplying what it lacks."""
        view = self.view() if view is None else view
        while True:
            try:
                return function(view)
            except Missing as missing:
                self.supply(view, missing.need)

    def findings(self, gate: Gate, *changes: AnyChange, caller: Caller = SALES, **proposal: Any) -> list[Finding]:
        """Return what a gate says of a proposal, after the shape gate had its say as in the pipeline."""

        def judge(view: View) -> list[Finding]:
            fields: dict[str, Any] = {"id": "p1", "changes": changes, **proposal}
            case = Case(Proposal(**fields), caller, view)
            shaped = list(shape.judge(case))
            return shaped if gate is shape.judge else list(gate(case))

        return self.ask(judge)

    def codes(self, gate: Gate, *changes: AnyChange, caller: Caller = SALES, **proposal: Any) -> list[str]:
        """Return the codes of the findings that refuse, and those that warn with a ``?`` behind."""
        found = self.findings(gate, *changes, caller=caller, **proposal)
        return [one.code + ("?" if one.severity == "warn" else "") for one in found]
