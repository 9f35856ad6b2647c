"""The judge: what went wrong in a run, from what everybody had seen, meant and done.

It is told nothing of the world. An act is

- a *lost update* for each field in which it undid a value that hadn't been there yet when it looked
- a *stale decision* if something that it rests on had changed by somebody else when it was done
- *cross-domain* for each field that it changed and that belongs to another role
- *dangling* for each reference that it left pointing at something that isn't there
- part of a *cascade* if it rests on what an act had written that was wrong in one of these ways

A letter is *tone-deaf* if the customer is at risk, has an open ticket, or is gone at that moment.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

import msgspec

from comity.cli.simulate.acts import Act, Change, Run, State
from comity.cli.simulate.agents import OWNERS

ANOMALIES: Final = (
    "lost updates",
    "stale decisions",
    "cross-domain writes",
    "tone-deaf e-mails",
    "dangling references",
    "cascades",
)
Place = tuple[str, str]
"""A field of a record."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Be what became of a run: anomalies by sort, for every 1,000 actions; what it cost.

    ``accepted`` counts what was done, ``sent`` the letters. ``thoughts_per_act`` is how often a
    model had to run for an accepted change, ``ms_per_action`` the time of the world.
    """

    world: str
    actions: int
    accepted: int
    sent: int
    anomalies: dict[str, float]
    thoughts_per_act: float
    ms_per_action: float

    @property
    def total(self) -> float:
        """Return all anomalies for every 1,000 actions."""
        return round(sum(self.anomalies.values()), 1)


def judge(run: Run) -> Verdict:
    """Return the verdict on a run."""
    court = _Court(run)
    counts = court.count()
    return Verdict(
        world=run.world,
        actions=run.asked,
        accepted=len(run.acts),
        sent=len(run.letters),
        anomalies={name: round(counts[name] * 1_000 / run.asked, 1) for name in ANOMALIES},
        thoughts_per_act=round(run.thoughts / max(len(run.acts), 1), 2),
        ms_per_action=round(run.world_s * 1_000 / run.asked, 2),
    )


class _Court:
    """Go through a run once, knowing at each act who had written what last."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._states: dict[str, State] = dict(run.start)
        self._written: dict[Place, list[tuple[int, Any, bool]]] = defaultdict(list)
        self._counts: dict[str, int] = dict.fromkeys(ANOMALIES, 0)
        self._letters: dict[int, list[str]] = defaultdict(list)
        for letter in run.letters:
            self._letters[letter.acts].append(letter.customer)

    def count(self) -> dict[str, int]:
        """Return how often each sort of anomaly occurred."""
        self._read_letters(0)
        for number, act in enumerate(self._run.acts, start=1):
            self._judge(number, act)
            self._read_letters(number)
        return self._counts

    def _judge(self, number: int, act: Act) -> None:
        lost = sum(self._lost(act, record) for record in act.after)
        stale = self._is_stale(act)
        foreign = sum(_foreign(act, change) for change in act.changes)
        self._counts["lost updates"] += lost
        self._counts["stale decisions"] += stale
        self._counts["cross-domain writes"] += foreign
        self._counts["cascades"] += self._rests_on_wrong(act)
        self._counts["dangling references"] += self._left_dangling(act)
        self._take(number, act, is_wrong=bool(lost or stale or foreign))

    def _take(self, number: int, act: Act, *, is_wrong: bool) -> None:
        """Note what an act wrote, and that it was wrong, if it was."""
        for record, after in act.after.items():
            before = act.before[record]
            for field in {**(before or {}), **(after or {})}:
                if (before or {}).get(field) != (after or {}).get(field):
                    self._written[record, field].append((number, (after or {}).get(field), is_wrong))
            self._states[record] = after

    # -- acts

    def _looked(self, act: Act, record: str) -> int | None:
        """Return how many acts had been done when somebody looked at a record; None if they never did."""
        return next((look.acts for look in act.looks if look.record == record), None)

    def _lost(self, act: Act, record: str) -> int:
        """Count the fields of a record in which an act undid what was written since it looked."""
        before, after, looked = act.before[record], act.after[record], self._looked(act, record)
        if before is None or after is None or looked is None:
            return 0
        added = {name: by for change in _changes(act, record, "add") for name, by in change.fields.items()}
        moved = [field for field in after if before.get(field) != self._value(record, field, looked)]
        return sum(_is_undone(before.get(field), after.get(field), added.get(field)) for field in moved)

    def _value(self, record: str, field: str, acts: int) -> Any:
        """Return what a field was when so many acts had been done."""
        written = [value for number, value, _ in self._written[record, field] if number <= acts]
        return written[-1] if written else (self._run.start.get(record) or {}).get(field)

    def _is_stale(self, act: Act) -> bool:
        """Tell whether anything that an act rests on was otherwise just before it was done."""
        for look in act.looks:
            now = self._states.get(look.record)
            if now is None or any(now.get(field) != value for field, value in look.values.items()):
                return True
        return False

    def _rests_on_wrong(self, act: Act) -> bool:
        """Tell whether what an act had seen was written by an act that was wrong."""
        for look in act.looks:
            for field in look.values:
                seen = [is_wrong for number, _, is_wrong in self._written[look.record, field] if number <= look.acts]
                if seen and seen[-1]:
                    return True
        return False

    def _left_dangling(self, act: Act) -> int:
        """Count the references that an act made to what isn't there, or left behind by deleting what was."""
        made = [act.after[change.record] for change in act.changes if change.do == "create"]
        to_nothing = sum(
            self._is_gone(f"customer/{state['customer']}", act)
            for state in made
            if state is not None and "customer" in state
        )
        gone = {change.record.partition("/")[2] for change in act.changes if change.do == "delete"}
        left = [state for record, state in self._states.items() if record.startswith("request/") and state]
        return to_nothing + sum(state["customer"] in gone for state in left)

    def _is_gone(self, customer: str, act: Act) -> bool:
        return act.after.get(customer, self._states.get(customer)) is None

    # -- letters

    def _read_letters(self, number: int) -> None:
        for customer in self._letters[number]:
            state = self._states.get(customer)
            is_deaf = state is None or state["status"] != "active" or state["open_tickets"] > 0
            self._counts["tone-deaf e-mails"] += is_deaf


def _changes(act: Act, record: str, do: str) -> list[Change]:
    return [change for change in act.changes if (change.record, change.do) == (record, do)]


def _is_undone(was: Any, now: Any, added: int | None) -> bool:
    """Tell whether a value that was there is gone, and was not just added to."""
    return now != was if added is None else now != was + added


def _foreign(act: Act, change: Change) -> int:
    """Count the fields of others that an act meant to change, and changed."""
    if change.do not in ("set", "add"):
        return 0
    before, after = act.before[change.record] or {}, act.after[change.record] or {}
    return sum(
        act.role not in OWNERS.get(field, (act.role,)) and before.get(field) != after.get(field)
        for field in change.fields
    )
