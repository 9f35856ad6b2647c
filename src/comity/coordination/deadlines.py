"""Deadlines of runs as the records tell them: they stand still as long as a human holds the run up (S24).

Overrides say from when to when they held, and the log when each step began; so what is left
of a deadline is the same whoever looks, whenever: it doesn't hang on a duty that notices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

import msgspec

from comity import limits
from comity.clock import SECOND_US, format_time, parse_time
from comity.coordination.holds import holding
from comity.coordination.runs import Run, Scene, ends_of
from comity.deciding.overrides import InForce, Overrides
from comity.model.built_in import OVERRIDE
from comity.model.filters import Condition, Query, page_after
from comity.model.records import RecordState

Span = tuple[int, int]
"""From when, and until when, in microseconds."""

_OVERRIDDEN: Final = Query(OVERRIDE, limit=limits.QUERY_RECORDS, life="kept")


def due_us(run: Run, scene: Scene) -> int:
    """Return when a run has to be done, unless it is held up again."""
    values = run.state.values
    if "deadline" in values:
        return _put_off(parse_time(values["deadline"]), _set_at(run, "deadline", scene), run, scene)
    since_us = _set_at(run, "left_s", scene)
    return _put_off(since_us + values["left_s"] * SECOND_US, since_us, run, scene)


def step_due_us(run: Run, scene: Scene) -> int | None:
    """Return when the present step of a run counts as refused for good, unless it is held up again; or None."""
    values = run.state.values
    if "step_left_s" in values:
        since_us = _set_at(run, "step_left_s", scene)
        return _put_off(since_us + values["step_left_s"] * SECOND_US, since_us, run, scene)
    told_us = run.step_due_us
    if told_us is None:
        return None
    begun_us = parse_time(values["step_at"])
    since_us = _set_at(run, "step_deadline", scene) if "step_deadline" in values else begun_us
    return _put_off(told_us, since_us, run, scene)


def _set_at(run: Run, field: str, scene: Scene) -> int:
    """Return when a field of a run was set to what it is."""
    commit = scene.snapshot.commit(run.state.blame[field])
    return scene.now_us if commit is None else commit.at


def _put_off(due_us: int, since_us: int, run: Run, scene: Scene) -> int:
    """Return a time as late again as the run was held up before it, since another time."""
    for begun_us, over_us in _merged(_spans(run, since_us, scene)):
        if begun_us >= due_us:
            break
        due_us += over_us - begun_us
    return due_us


def _spans(run: Run, since_us: int, scene: Scene) -> Iterator[Span]:
    """Yield when overrides held what a run needed, since a time."""
    if OVERRIDE not in scene.view.kind_revisions:
        return
    states = {state.ref: state for state in _overridden(since_us, scene)}
    if not states:
        return
    # All count as open, as InForce looks at one moment: here at that from which on they matter.
    held = InForce(Overrides(msgspec.structs.replace(one, life="live") for one in states.values()), since_us)
    for place, begun_us, over_us in _stretches(run, since_us, scene):
        for override in holding(held, run, place, scene):
            from_us, until_us = _span_of(states[override.ref])
            span = max(from_us, begun_us), min(until_us, over_us)
            if span[0] < span[1]:
                yield span


def _span_of(override: RecordState) -> Span:
    values = override.values
    return parse_time(values["set_at"]), parse_time(values.get("lifted_at") or values["expires_at"])


def _overridden(since_us: int, scene: Scene) -> Iterator[RecordState]:
    """Yield the overrides that were in force at any time since."""
    # Times as texts differ in length, so that the query takes a second more, and the spans decide.
    after = Condition("expires_at", ">", format_time((since_us // SECOND_US - 1) * SECOND_US))
    query = msgspec.structs.replace(_OVERRIDDEN, where=(after,))
    page = scene.snapshot.find(query)
    while page:
        yield from page
        query = msgspec.structs.replace(query, after=page_after(query, page[-1]))
        page = scene.snapshot.find(query) if len(page) == query.limit else []


def _stretches(run: Run, since_us: int, scene: Scene) -> Iterator[tuple[int, int, int]]:
    """Yield the place of each step that a run was at since a time, and from when until when it was."""
    done = ends_of(run.state.id, scene.snapshot, ("advanced",))
    commits = scene.snapshot.commits_of([event.revision for event in done])
    times = [since_us, *(max(commits[event.revision].at, since_us) for event in done), scene.now_us]
    for place, (begun_us, over_us) in enumerate(pairwise(times)):
        if begun_us < over_us:
            yield min(place, run.place), begun_us, over_us


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield spans in order, those that overlap as one."""
    begun_us = over_us = 0
    for from_us, until_us in sorted(spans):
        if from_us > over_us:
            if begun_us < over_us:
                yield begun_us, over_us
            begun_us = from_us
        over_us = max(over_us, until_us)
    if begun_us < over_us:
        yield begun_us, over_us
