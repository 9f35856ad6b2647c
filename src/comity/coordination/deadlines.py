"""Deadlines of runs as the records tell them: they stand still as long as a human holds the run up (S24).

By :mod:`comity.deciding.standstill`; the log says when each step began, and so what was needed when.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from comity.clock import SECOND_US, parse_time
from comity.coordination.holds import holding
from comity.coordination.runs import Run, Scene, ends_of
from comity.deciding.standstill import Overridden, Span, put_off, within
from comity.model.built_in import OVERRIDE


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
    return put_off(due_us, _spans(run, since_us, scene))


def _spans(run: Run, since_us: int, scene: Scene) -> Iterator[Span]:
    """Yield when overrides held what a run needed, since a time."""
    if OVERRIDE not in scene.view.kind_revisions:
        return
    overridden = Overridden(since_us, scene.snapshot.find)
    if not overridden:
        return
    for place, begun_us, over_us in _stretches(run, since_us, scene):
        for override in holding(overridden.held, run, place, scene):
            yield from within(overridden.span_of(override), (begun_us, over_us))


def _stretches(run: Run, since_us: int, scene: Scene) -> Iterator[tuple[int, int, int]]:
    """Yield the place of each step that a run was at since a time, and from when until when it was."""
    done = ends_of(run.state.id, scene.snapshot, ("advanced",))
    commits = scene.snapshot.commits_of([event.revision for event in done])
    times = [since_us, *(max(commits[event.revision].at, since_us) for event in done), scene.now_us]
    for place, (begun_us, over_us) in enumerate(pairwise(times)):
        if begun_us < over_us:
            yield min(place, run.place), begun_us, over_us
