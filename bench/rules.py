"""Rules: what judging a proposal takes with 5, 50 and 500 of them, beside the same conditions as Python ifs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

from bench.measuring import Pair, Row, Sizes, alternate, median, run_times
from comity.deciding.compile import compile_definition
from comity.deciding.pipeline import judge
from comity.deciding.view import View
from comity.model.proposals import Caller, Proposal, Read, Set
from comity.model.reading import read_definition
from comity.model.records import LIFE, RecordState

Shape = Literal["none holds", "the last one holds", "one in ten is about this action"]
SHAPES: Final[tuple[Shape, ...]] = ("none holds", "the last one holds", "one in ten is about this action")
P99_AIM_US: Final = 1_000.0
"""The microseconds within which 99 of 100 proposals are to be judged, however many rules there are."""
ACME: Final = "customer/acme"
VALUES: Final[dict[str, Any]] = {"status": "active", "seats": 3, "open_tickets": 0}
DEFINITION: Final = """
[agents]
sales = { role = "sales" }

[kinds.customer.fields]
status       = { type = "string" }
seats        = { type = "integer" }
open_tickets = { type = "integer", default = 0 }

[actions]
"""
Condition = Callable[[str, dict[str, Any]], bool]


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows for each number of rules, and for how many of them have to be looked at."""
    for shape in SHAPES:
        for count in sizes.rules:
            pairs = _compare(shape, count, sizes)
            cell = f"{count} rules, {shape}"
            yield _row("judging", cell, pairs, 0.5, None)
            yield _row("judging, p99", cell, pairs, 0.99, P99_AIM_US)


def _row(what: str, cell: str, pairs: list[Pair], q: float, most_us: float | None) -> Row:
    """Return the comparison of a quantile. An aim in microseconds is shown as the ratio that it would be."""
    ours = median([pair.ours.quantile(q) * 1e6 for pair in pairs])
    hand = median([pair.baseline.quantile(q) * 1e6 for pair in pairs])
    ratio = median([pair.baseline.quantile(q) / pair.ours.quantile(q) for pair in pairs])
    return Row(what, cell, ours, hand, "µs", ratio, aim=None if most_us is None else float(f"{hand / most_us:.4g}"))


def _compare(shape: Shape, count: int, sizes: Sizes) -> list[Pair]:
    judged, conditions = _judging(shape, count), by_hand(shape, count)
    return alternate(
        sizes.rounds,
        lambda: run_times(judged, sizes.judged),
        lambda: run_times(lambda _: _stop_by_hand(conditions), sizes.judged),
    )


def definition_of(shape: Shape, count: int) -> str:
    """Return a definition with so many rules: every condition differs, so that none is shared."""
    actions = "".join(f'a{number} = {{ kind = "outreach" }}\n' for number in range(10))
    rules = "".join(
        f'[[rules]]\nname = "rule {number}"\nwhen = "{_condition(shape, count, number)}"\nthen = "defer"\n'
        for number in range(count)
    )
    return f"{DEFINITION}{actions}{rules}"


def _condition(shape: Shape, count: int, number: int) -> str:
    if shape == "one in ten is about this action":
        return f"action.name == 'a{number % 10}' && customer.open_tickets > {number + 10}"
    least = -1 if shape == "the last one holds" and number == count - 1 else number + 10
    return f"action.kind == 'outreach' && customer.open_tickets > {least} && customer.status != 's{number}'"


def _judging(shape: Shape, count: int) -> Callable[[int], object]:
    """Return what judges a proposal with all checks, on a view that has all they ask for."""
    state = RecordState("customer", "acme", 1, "live", 1, 1, VALUES, {LIFE: 1, **dict.fromkeys(VALUES, 1)})
    compiled = compile_definition(read_definition(definition_of(shape, count)), 1)
    view = View(
        compiled,
        {("customer", "acme"): state},
        revision=1,
        incarnation="bench",
        now_us=1,
        kind_revisions={"customer": 1},
    )
    caller = Caller("sales")
    proposals = [_proposal(number) for number in range(100)]
    return lambda number: judge(proposals[number % len(proposals)], caller, view)


def _proposal(number: int) -> Proposal:
    change, read = Set(ACME, {"status": f"new {number}"}), Read(ACME, 1, ("status",))
    return Proposal(id=f"p{number}", changes=(change,), reads=(read,), action="a0")


# -- by hand


def by_hand(shape: Shape, count: int) -> list[Condition]:
    """Return the conditions as functions."""
    return [_function(shape, count, number) for number in range(count)]


def _function(shape: Shape, count: int, number: int) -> Condition:
    if shape == "one in ten is about this action":
        name = f"a{number % 10}"
        return lambda action, customer: action == name and customer["open_tickets"] > number + 10
    least = -1 if shape == "the last one holds" and number == count - 1 else number + 10
    status = f"s{number}"
    return lambda action, customer: (
        action.startswith("a") and customer["open_tickets"] > least and customer["status"] != status
    )


def _stop_by_hand(conditions: list[Condition]) -> list[int]:
    return [number for number, condition in enumerate(conditions) if condition("a0", VALUES)]
