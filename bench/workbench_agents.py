"""The agents of the workbench: each looks, waits until all have looked, then acts; and looks again if refused."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier as ProcessBarrier
from pathlib import Path
from typing import Final

import msgspec

import comity
from bench.workbench_errands import BY_TOOL, Errand, ref_of
from bench.workbench_tables import Call
from comity.model.proposals import AnyRead, Proposal, Read
from comity.testing.histories import Journal

ATTEMPTS: Final = 5
WAIT_S: Final = 60.0
"""How long agents wait for one another before the run counts as broken."""


class Done(msgspec.Struct, frozen=True):
    """Be what became of an errand.

    ``moot`` are its actions that were given up after a look at what others had done:
    ``already so``, ``gone``, or ``left to the other``, who had set the same field otherwise.
    """

    errand: Errand
    attempts: int
    is_committed: bool
    moot: tuple[str, ...] = ()


class Conduct:
    """Be one agent at work on its errands, with a journal of what it does."""

    def __init__(self, agent: comity.Agent, journal: Journal) -> None:
        self._agent = agent
        self._journal = journal

    def run(self, errand: Errand, meet: threading.Barrier | ProcessBarrier | None) -> Done:
        """Do an errand; between the first look and the act, wait for the others."""
        moot: list[str] = []
        calls = errand.calls
        for attempt in range(1, ATTEMPTS + 1):
            intent = self._agent.intent(errand.action, about=_about(calls), reason=errand.query[:200])
            looked = [self._look(intent, call, attempt > 1, moot) for call in calls]
            calls = tuple(call for call, read in zip(calls, looked, strict=True) if read is not None)
            reads = tuple(read for read in looked if isinstance(read, Read))
            if meet is not None and attempt == 1:
                meet.wait(WAIT_S)
            if not calls:
                return Done(errand, attempt, False, tuple(moot))
            if self._act(intent, errand, calls, reads, attempt):
                return Done(errand, attempt, True, tuple(moot))
            if errand.drill == "foreign field":
                break
        return Done(errand, ATTEMPTS, False, tuple(moot))

    def _look(self, intent: comity.Intent, call: Call, is_again: bool, moot: list[str]) -> Read | Call | None:
        """Return what was read for an action, the action itself where it needs none, None to give it up."""
        ref = ref_of(call)
        if ref is None:
            return call
        record = intent.get(ref)
        if not record.exists:
            moot.append(f"{call.name} {ref}: gone")
            return None
        field = call.args.get("field")
        if field is None:
            names = tuple(record.keys())
            self._journal.see(record, *names)
            return Read(ref, record.revision, None, whole=True, touched=True)
        value = self._journal.see(record, field)[field]
        if is_again and value != call.args["new_value"]:
            moot.append(f"{call.name} {ref}.{field}: left to the other, who made it {value}")
            return None
        if value == call.args["new_value"]:
            moot.append(f"{call.name} {ref}.{field}: already so")
            return None
        return Read(ref, record.revision, (field,), whole=True, touched=True)

    def _act(
        self, intent: comity.Intent, errand: Errand, calls: Sequence[Call], reads: tuple[AnyRead, ...], attempt: int
    ) -> bool:
        id = f"{errand.id}:{attempt}"
        for number, call in enumerate(calls):
            add_change(intent, call, f"{errand.id}-{number}")
        meant = Proposal(id=id, changes=intent.changes, reads=reads, action=intent.action, reason=intent.reason)
        decision = self._journal.attempt(self._agent.name, meant, lambda: intent.propose(id=id))
        return decision is not None and decision.is_committed


def _about(calls: Sequence[Call]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ref for call in calls if (ref := ref_of(call)) is not None))


def add_change(intent: comity.Intent, call: Call, new_id: str) -> None:
    """Add to an intent what a tool's action means."""
    tool, _, verb = call.name.partition(".")
    kind, ref = BY_TOOL[tool].kind, ref_of(call)
    if ref is None:
        intent.create(f"{kind}/{new_id}", call.args)
    elif "field" in call.args:
        intent.set(ref, {call.args["field"]: call.args["new_value"]})
    elif verb == "forward_email":
        intent.emit(ref, "EmailForwarded", recipient=call.args["recipient"])
    else:
        intent.delete(ref)


# -- many agents at once


class Shift(msgspec.Struct, frozen=True):
    """Be the work of one process: the base, where its journals go, its agents' errands by round."""

    database: Path
    folder: Path
    errands: dict[str, list[Errand]]
    rounds: int


def work(shift: Shift, meet: threading.Barrier | ProcessBarrier) -> list[Done]:
    """Have a thread for each agent do its errands, meeting all others once in each round."""
    done: list[Done] = []
    with comity.open(shift.database) as workspace:
        threads = [
            threading.Thread(target=_work_as, args=(workspace.agent(name), shift, errands, meet, done))
            for name, errands in shift.errands.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return done


def work_and_write(shift: Shift, meet: ProcessBarrier, path: Path) -> None:
    """Do a process's work and leave what became of it in a file."""
    path.write_bytes(msgspec.json.encode(work(shift, meet)))


def _work_as(
    agent: comity.Agent,
    shift: Shift,
    errands: list[Errand],
    meet: threading.Barrier | ProcessBarrier,
    done: list[Done],
) -> None:
    by_round = {errand.round: errand for errand in errands}
    try:
        with Journal(shift.folder / f"{agent.name}.ndjson", agent.name) as journal:
            conduct = Conduct(agent, journal)
            for number in range(shift.rounds):
                if number in by_round:
                    done.append(conduct.run(by_round[number], meet))
                else:
                    meet.wait(WAIT_S)
    except BaseException:
        meet.abort()
        raise
