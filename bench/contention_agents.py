"""The agents that contend for records: how each strategy looks, thinks and writes.

Every job is one change to all records that it is about: one hot record, or three drawn from
sixteen. A thought takes 1 ms to 2 s, all orders of magnitude alike; thinking the same job
again takes as long as it took before.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, Protocol

import comity
from bench.acting import WAIT_S, Diary, Script, Think, Turn
from bench.by_hand import ByHand
from comity.model.decisions import Decision

Spread = Literal["one record", "three of sixteen"]
SPREADS: Final[tuple[Spread, ...]] = ("one record", "three of sixteen")
Strategy = Literal[
    "optimistic retry by hand",
    "naive retry",
    "disjoint fields",
    "commutative changes",
    "accept",
    "accept in line",
    "lease",
    "exclusive intent",
]
BY_HAND: Final = "optimistic retry by hand"
RECORDS: Final = 16
ABOUT: Final = 3
SEED: Final = 11
LINE: Final = f"{int(WAIT_S)}s"


def refs_of(spread: Spread) -> tuple[str, ...]:
    """Return the records that are contended for."""
    return tuple(f"board/{number}" for number in range(1 if spread == "one record" else RECORDS))


def fields_of(crowd: int) -> dict[str, Any]:
    """Return what a record holds at first: a count, who was there last, and a part for each agent."""
    return {"count": 0, "last": "nobody"} | {part_of(number): 0 for number in range(crowd)}


def definition_of(crowd: int) -> str:
    """Return the definition of the kind of record that a crowd contends for."""
    fields = "".join(f'{name} = {{ type = "integer" }}\n' for name in fields_of(crowd) if name != "last")
    return f'[kinds.board.fields]\nlast = {{ type = "string" }}\n{fields}'


def part_of(number: int) -> str:
    """Return the field that is one agent's own."""
    return f"part_{number}"


class Habits:
    """Be what one agent does the same whatever its strategy: draw its records, think, keep its diary."""

    def __init__(self, number: int, records: Sequence[str], think_s: tuple[float, float]) -> None:
        self.number = number
        self.diary = Diary()
        self._records = records
        self.thought = Think(0.0)
        self._chosen = random.Random(f"{SEED} {number}")
        self._least, self._most = map(math.log, think_s)

    def draw(self) -> tuple[str, ...]:
        """Return the records of the next job; ``thought`` is how long it takes to think."""
        self.thought = Think(math.exp(self._chosen.uniform(self._least, self._most)))
        return tuple(self._chosen.sample(self._records, min(ABOUT, len(self._records))))


class Agent(Habits):
    """Be an agent that works with Comity."""

    def __init__(self, agent: comity.Agent, number: int, records: Sequence[str], think_s: tuple[float, float]) -> None:
        super().__init__(number, records, think_s)
        self.agent = agent

    def look(self, intent: comity.Intent, records: Sequence[str], field: str | None = None) -> list[dict[str, Any]]:
        """Return what is in records: all of it, or one field."""
        self.diary.calls += len(records)
        seen = [intent.get(record) for record in records]
        return [dict(record) if field is None else {field: record[field]} for record in seen]

    def propose(self, intent: comity.Intent, accept: int | None = None) -> Decision:
        """Return the decision; whatever isn't committed must be a conflict."""
        self.diary.calls += 1
        decision = intent.propose(accept=accept)
        if not decision.is_committed:
            self.diary.conflicts += 1
            if not decision.is_conflict:
                raise RuntimeError(f"refused for something else than a conflict: {decision}")
        return decision


def increment(
    own: Agent, intent: comity.Intent, records: Sequence[str], field: str = "count", read: str | None = None
) -> Iterator[Think]:
    """Look, think, and collect one more of a field: of what was seen, so that a lost update would show."""
    seen = own.look(intent, records, read)
    yield own.thought
    for record, values in zip(records, seen, strict=True):
        intent.set(record, {field: values[field] + 1})


# -- the strategies


def retry(own: Agent) -> Script:
    """Use records as a whole, and think again whenever one has changed meanwhile."""
    records, is_done = own.draw(), False
    while not is_done:
        intent = own.agent.intent("work", about=records)
        yield from increment(own, intent, records)
        is_done = own.propose(intent).is_committed


def own_field(own: Agent) -> Script:
    """Use and write a field that is one's own."""
    records, field, is_done = own.draw(), part_of(own.number), False
    while not is_done:
        intent = own.agent.intent("work", about=records)
        yield from increment(own, intent, records, field, read=field)
        is_done = own.propose(intent).is_committed


def add(own: Agent) -> Script:
    """Have the base count."""
    records = own.draw()
    intent = own.agent.intent("work", about=records)
    for record in records:
        own.diary.calls += 1
        intent.peek(record)
    yield own.thought
    for record in records:
        intent.add(record, count=1)
    if not own.propose(intent).is_committed:
        raise RuntimeError("a commutative change went stale")


def accept(own: Agent) -> Script:
    """Write what holds whatever the others wrote: where a record has changed, say that this was seen."""
    records = own.draw()
    intent = own.agent.intent("work", about=records)
    own.look(intent, records)
    yield own.thought
    for record in records:
        intent.set(record, {"last": own.agent.name})
    decision = own.propose(intent)
    while not decision.is_committed:
        decision = own.propose(intent, accept=decision.revision)


def accept_in_line(own: Agent) -> Script:
    """Do the same, but wait for one's turn where a record has changed, so that the repair isn't overtaken."""
    records = own.draw()
    intent = own.agent.intent("work", about=records)
    own.look(intent, records)
    yield own.thought
    for record in records:
        intent.set(record, {"last": own.agent.name})
    own.diary.calls += 1
    decision: Decision | None = None

    def decide(seconds: int) -> bool:
        nonlocal decision
        decision = intent.propose(in_line=seconds)
        return decision.is_committed or (intent.place is not None and intent.place.state == "held")

    if not decide(0):
        yield Turn(decide, intent.place.ahead if intent.place is not None else 1)
    if decision is not None and not decision.is_committed:
        own.diary.conflicts += 1
        while not decision.is_committed:
            decision = own.propose(intent, accept=decision.revision)


def leased(own: Agent) -> Script:
    """Take a place in line, and look and think once it is one's turn."""
    records = own.draw()
    lease = own.agent.lease(*records, ttl="5m", wait=LINE)
    own.diary.calls += 2

    def wait(seconds: int) -> bool:
        return (lease.take() if seconds else lease.join()).state == "held"

    if ahead := lease.join().ahead:
        yield Turn(wait, ahead)
    intent = lease.intent("work", about=records)
    yield from increment(own, intent, records)
    if not own.propose(intent).is_committed:
        raise RuntimeError("it was changed by others while it was leased")
    lease.release()


def announced(own: Agent) -> Script:
    """Announce an exclusive intent, and look and think once it is one's turn."""
    records = own.draw()
    intent = own.agent.intent("work", about=records)
    own.diary.calls += 1
    place = intent.announce(ttl="1h", exclusive=True).lease
    if place is not None and place.ahead:
        yield Turn(intent.wait_for_turn, place.ahead)
    yield from increment(own, intent, records)
    if not own.propose(intent).is_committed:
        raise RuntimeError("it was changed by others while it was one's turn")


class Strategist(Protocol):
    """Return the script of one job."""

    def __call__(self, own: Agent, /) -> Script: ...


OURS: Final[dict[Strategy, Strategist]] = {
    "naive retry": retry,
    "disjoint fields": own_field,
    "commutative changes": add,
    "accept": accept,
    "accept in line": accept_in_line,
    "lease": leased,
    "exclusive intent": announced,
}


# -- by hand


def retry_by_hand(own: Habits, hand: ByHand) -> Script:
    """Read rows with their versions, think, compare and update them in a transaction; think again after a lost race."""
    records, is_done = own.draw(), False
    while not is_done:
        own.diary.calls += len(records) + 1
        seen = {record: hand.get(record) for record in records}
        yield own.thought
        after = {record: {**values, "count": values["count"] + 1} for record, (_, values) in seen.items()}
        is_done = hand.change_all({record: version for record, (version, _) in seen.items()}, after)
        own.diary.conflicts += not is_done
