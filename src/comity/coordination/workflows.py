"""Workflows carried on: steps that are due are proposed, and what came of them is followed up.

Any number of processes may do it, at any time, and be cut off anywhere. A step is committed
together with the transition that ends it, under an id that every process gives it (S7): so
none is done twice, and none is lost. What waits is looked at when something has happened to
what it is about, and now and then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, Protocol

import msgspec

from comity import limits
from comity.clock import SECOND_US, parse_time
from comity.coordination.holds import renewals
from comity.coordination.moves import Move, after_cycle, after_refusal, is_known, next_move
from comity.coordination.runs import RUNS, Plans, Run, Scene
from comity.coordination.tickets import look_at
from comity.coordinator import Coordinator
from comity.coordinator.holding import Holding
from comity.deciding.lines import TOPIC
from comity.errors import NotFound
from comity.lane import Answer, is_committed
from comity.model.built_in import APPROVAL, HANDOFF, LEASE, OVERRIDE, QUEUE, TASK, WORKFLOW
from comity.model.decisions import Decision
from comity.model.flows import run_of_task
from comity.model.proposals import Caller, Emit, Proposal
from comity.store.contract import EventFilter, Snapshot, Store

WAITED_FOR: Final = frozenset({APPROVAL, HANDOFF, LEASE, OVERRIDE, QUEUE})
"""The kinds of what a run may wait for, besides the records that it is about, and its task."""
_HELD: Final = frozenset({LEASE, OVERRIDE})
"""The kinds of what may come in the way of a run that waits for its task, or for a time."""

_LONGEST_STEP: Final = 20


class Host(Protocol):
    """Be an open workspace with workflows."""

    store: Store
    coordinator: Coordinator

    def propose_each(self, steps: Iterable[tuple[Proposal, Caller]], *, dry: bool = False) -> list[Answer]:
        """Return the decisions on proposals of several callers that share commits, in order."""
        ...


class Look(msgspec.Struct, frozen=True):
    """Be when a run was looked at: its version, the revision, how often in vain, and when it is looked at again."""

    version: int
    revision: int
    count: int
    next_us: int


class Workflows:
    """Carry on the runs of one workspace."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._holding = Holding()
        self._plans = Plans()
        self._looks: dict[str, Look] = {}
        self._behind = ""
        self._answered: set[str] = set()
        self._heard: int | None = None
        self.steps = 0
        """How many steps were done or undone by this process."""

    def run(self, most: int) -> int:
        """Make the moves that are due, of so many runs at most; return how many were committed.

        Where none was and others are still to be looked at, that counts as one: there is no reason to rest.
        """
        with self._host.store.snapshot() as snapshot:
            if WORKFLOW not in snapshot.kinds():
                return 0
            scene = self._scene(snapshot)
            looked = list(self._due(scene, most))
            moves = [(run, move) for run in looked if (move := self._next(run, scene)) is not None]
            kept = dict(chain.from_iterable(renewals(run, scene).items() for run in looked))
        if kept:
            self._host.store.note(TOPIC, kept)
        tried = self._try(moves)
        ready = [(run, move) for run, move in moves if _is_free(tried.get(move.proposal.id))]
        answers = self._host.propose_each([(move.proposal, move.caller) for _, move in ready])
        heard = [*zip(ready, answers, strict=True)]
        heard += [((run, move), tried[move.proposal.id]) for run, move in moves if (run, move) not in ready]
        self.steps += sum(is_committed(answer) and _ends_step(move) for (_, move), answer in heard)
        return self._follow_up(heard) or int(self._behind != "")

    def _scene(self, snapshot: Snapshot) -> Scene:
        return Scene(self._host.coordinator, snapshot, self._host.coordinator.view(snapshot))

    # -- which are due

    def _due(self, scene: Scene, most: int) -> Iterator[Run]:
        """Yield the runs to look at, at most so many, from where the look before ended."""
        self._hear(scene.snapshot)
        states = self._holding.at(scene.snapshot, RUNS).states
        if len(self._looks) > 2 * len(states):
            self._looks = {id: look for id, look in self._looks.items() if id in states}
            self._answered.intersection_update(states)
        ids = [*states]
        begin = ids.index(self._behind) + 1 if self._behind in states else 0
        found = 0
        for id in (*ids[begin:], *ids[:begin]):
            run = self._plans.run_of(states[id], scene.snapshot)
            if run is not None and self._is_due(run, scene):
                yield run
                found += 1
                if found == most:
                    self._behind = id
                    return
        self._behind = ""

    def _is_due(self, run: Run, scene: Scene) -> bool:
        look = self._looks.get(run.state.id)
        if look is None or look.version != run.state.version or look.next_us <= scene.now_us:
            return True
        revisions = scene.view.kind_revisions
        kinds = _HELD if _waits_alone(run) else run.plan.kinds | WAITED_FOR
        is_moved = max(revisions.get(kind, 0) for kind in kinds) > look.revision
        return is_moved or run.state.id in self._answered

    def _hear(self, snapshot: Snapshot) -> None:
        """Note whose tasks were answered since the last look: what others are asked is no reason to look at a run."""
        after = self._heard if self._heard is not None else snapshot.head.revision
        self._heard = snapshot.head.revision
        if after < snapshot.kinds().get(TASK, 0):
            chosen = EventFilter(kind=TASK, after=after, limit=limits.TASKS_PAGE)
            while page := snapshot.events(chosen):
                self._answered.update(run_of_task(event.id) for event in page if event.type != "opened")
                chosen = msgspec.structs.replace(chosen, after=page[-1].revision)

    def _next(self, run: Run, scene: Scene) -> Move | None:
        move = next_move(run, scene)
        look = self._looks.get(run.state.id)
        count = look.count + 1 if look is not None and look.version == run.state.version else 0
        pause_s = min(limits.TRY_AGAIN_S * 2 ** min(count, _LONGEST_STEP), limits.WORKFLOW_LOOK_S)
        times = [scene.now_us + round(pause_s * SECOND_US), *_times(run)]
        next_us = min(time for time in times if time > scene.now_us)
        if move is not None and not move.tentative and _clears_the_way(move, run):
            next_us = scene.now_us
        self._answered.discard(run.state.id)
        self._looks[run.state.id] = Look(run.state.version, scene.view.revision, count, next_us)
        return move

    # -- moving

    def _try(self, moves: Sequence[tuple[Run, Move]]) -> dict[str, Answer]:
        """Return what would be decided on the moves that are only to be made if nothing stands in their way."""
        tentative = [move for _, move in moves if move.tentative]
        if not tentative:
            return {}
        answers = self._host.propose_each([(move.proposal, move.caller) for move in tentative], dry=True)
        return {move.proposal.id: answer for move, answer in zip(tentative, answers, strict=True)}

    def _follow_up(self, heard: Sequence[tuple[tuple[Run, Move], Answer]]) -> int:
        """Make the moves that follow from the answers to others; return how many of all were committed."""
        done = sum(is_committed(answer) for _, answer in heard)
        refused = [(run, move, answer) for (run, move), answer in heard if isinstance(answer, Decision)]
        refused = [(run, move, answer) for run, move, answer in refused if not answer.is_committed]
        if not refused:
            return done
        with self._host.store.snapshot() as snapshot:
            scene = self._scene(snapshot)
            told = [self._told(move, answer, scene) for _, move, answer in refused]
            follow = [
                (run, after_refusal(run, move.sort, decision, scene))
                for (run, move, answer), decision in zip(refused, told, strict=True)
                if not is_known(run, move, answer)
            ]
        return done + self._follow([(run, move) for run, move in follow if move is not None])

    def _follow(self, moves: Sequence[tuple[Run, Move]]) -> int:
        """Make moves; where a run may not even wait, have it go backwards. Return how many were committed."""
        answers = self._host.propose_each([(move.proposal, move.caller) for _, move in moves])
        heard = zip(moves, answers, strict=True)
        back = [after_cycle(run, answer) for (run, _), answer in heard if isinstance(answer, Decision)]
        turned = self._host.propose_each([(move.proposal, move.caller) for move in back if move is not None])
        return sum(map(is_committed, (*answers, *turned)))

    def _told(self, move: Move, decision: Decision, scene: Scene) -> Decision:
        """Return the answer to a move; of one that was made before, on other reads, what became of that."""
        if not any(finding.code == "shape.id_reused" for finding in decision.findings):
            return decision
        try:
            return look_at(scene.coordinator, scene.snapshot, move.proposal.id, "")
        except NotFound:
            return decision


def _clears_the_way(move: Move, run: Run) -> bool:
    """Tell whether a move changes nothing about its run, which then has another one to make."""
    return all(change.record != run.state.ref for change in move.proposal.changes)


def _ends_step(move: Move) -> bool:
    """Tell whether a step is done, or undone, with a move."""
    return any(
        type(change) is Emit and change.record.startswith(f"{WORKFLOW}/") and "name" in change.data
        for change in move.proposal.changes
    )


def _waits_alone(run: Run) -> bool:
    """Tell whether a run waits for an answer to its task, or for a time: it needn't be looked at for what others do."""
    values = run.state.values
    if values["state"] != "waiting" or run.step is None:
        return False
    return values.get("task") is not None or (run.step.rest is not None and run.step.rest.until is None)


def _times(run: Run) -> Iterator[int]:
    """Yield the times at which something becomes due for a run."""
    for name in ("deadline", "next_at"):
        if (time := run.state.values.get(name)) is not None:
            yield parse_time(time)
    if run.step_due_us is not None:
        yield run.step_due_us


def _is_free(answer: Answer | None) -> bool:
    """Tell whether a move may be made: nothing stands in its way, or it would only have to wait."""
    return answer is None or (isinstance(answer, Decision) and (answer.is_allowed or answer.is_pending))
