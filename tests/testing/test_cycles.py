"""The checker of cycles finds what is planted, and nothing in what is in order."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comity.testing.cycles import Append, Got, Listed, Operation, Transaction, Write, check
from comity.testing.cycles.history import Outcome


def concurrent(*each: Sequence[Operation], outcomes: Sequence[Outcome] = ()) -> list[Transaction]:
    """Return transactions that all overlap."""
    told = [*outcomes, *["committed"] * (len(each) - len(outcomes))]
    return [
        Transaction(f"T{number}", 0, 100, outcome, tuple(operations))  # type: ignore[arg-type]
        for number, (operations, outcome) in enumerate(zip(each, told, strict=True), 1)
    ]


def one_by_one(*each: Sequence[Operation]) -> list[Transaction]:
    """Return transactions each of which ended before the next began."""
    return [
        Transaction(f"T{number}", 10 * number, 10 * number + 5, "committed", tuple(operations))
        for number, operations in enumerate(each, 1)
    ]


def names(history: Sequence[Transaction]) -> set[str]:
    return {anomaly.name for anomaly in check(history)}


PLANTED = {
    "G0": concurrent(
        [Append("x", 1), Append("y", 1)],
        [Append("x", 2), Append("y", 2)],
        [Listed("x", (1, 2)), Listed("y", (2, 1))],
    ),
    "G1a": concurrent([Append("x", 1)], [Listed("x", (1,))], outcomes=["aborted"]),
    "G1b": concurrent([Append("x", 1), Append("x", 2)], [Listed("x", (1,))]),
    "G1c": concurrent(
        [Append("x", 1), Listed("y", (2,))],
        [Append("y", 2), Listed("x", (1,))],
    ),
    "lost update": concurrent(
        [Got("x", None), Write("x", 1)],
        [Got("x", None), Write("x", 2)],
    ),
    "lost append": one_by_one([Append("x", 1)], [Append("x", 2)], [Listed("x", (2,))]),
    "G-single": concurrent(
        [Append("x", 1), Append("y", 1)],
        [Listed("x", (1,)), Listed("y", ())],
        [Listed("y", (1,))],
    ),
    "G2": concurrent(
        [Listed("x", ()), Append("y", 1)],
        [Listed("y", ()), Append("x", 1)],
        [Listed("x", (1,)), Listed("y", (1,))],
    ),
    "G-single-realtime": one_by_one([Append("x", 1)], [Listed("x", ())], [Listed("x", (1,))]),
    "G1c-realtime": one_by_one([Listed("x", (1,))], [Append("x", 1)]),
    "G2-realtime": [
        Transaction("T1", 10, 20, "committed", (Listed("x", ()),)),
        Transaction("T2", 0, 100, "committed", (Append("x", 1), Listed("y", ()))),
        Transaction("T3", 0, 5, "committed", (Append("y", 1),)),
        Transaction("T4", 30, 100, "committed", (Listed("x", (1,)), Listed("y", (1,)))),
    ],
    "phantom value": concurrent([Listed("x", (7,))]),
    "incompatible order": concurrent([Append("x", 1)], [Append("x", 2)], [Listed("x", (1,))], [Listed("x", (2, 1))]),
}


@pytest.mark.parametrize("name", [*PLANTED])
def test_what_is_planted_is_found(name: str) -> None:
    assert name in names(PLANTED[name])


def test_write_skew_needs_both_to_have_committed() -> None:
    history = concurrent(
        [Listed("x", ()), Append("y", 1)],
        [Listed("y", ()), Append("x", 1)],
        [Listed("y", (1,))],
        outcomes=["committed", "aborted"],
    )
    assert check(history) == []


def test_what_is_unknown_counts_once_it_was_seen() -> None:
    """It may have happened or not; its reads need to hold only if it did."""
    unseen = concurrent([Listed("x", ()), Append("y", 1)], [Append("x", 1)], outcomes=["unknown"])
    late = Transaction("T9", 200, 210, "unknown", (Listed("x", ()), Append("y", 2)))
    assert check([*unseen, late]) == []
    seen = [
        *one_by_one([Append("x", 1)]),
        late,
        Transaction("T10", 220, 230, "committed", (Listed("y", (2,)), Listed("x", (1,)))),
    ]
    assert names(seen) == {"G-single-realtime"}


def test_a_cycle_is_told_step_by_step() -> None:
    [anomaly] = [one for one in check(PLANTED["G1c"]) if one.name == "G1c"]
    assert str(anomaly) in (
        "G1c: T1 before T2, as its 1 of x was read; T2 before T1, as its 2 of y was read",
        "G1c: T2 before T1, as its 2 of y was read; T1 before T2, as its 1 of x was read",
    )


def test_values_and_names_must_be_unique() -> None:
    with pytest.raises(ValueError, match="written twice"):
        check(concurrent([Append("x", 1)], [Append("x", 1)]))
    with pytest.raises(ValueError, match="one name"):
        check([*concurrent([Append("x", 1)]), *concurrent([Append("x", 2)])])


def serial(seed: int, count: int) -> list[Transaction]:
    """Return what a serial execution looks like to overlapping clients: each takes effect between its ends."""
    chance, lists, registers = random.Random(seed), dict[str, list[int]](), dict[str, int]()
    history: list[Transaction] = []
    for number in range(1, count + 1):
        operations: list[Operation] = []
        for step in range(chance.randint(1, 4)):
            key = chance.choice("xyz")
            match chance.randrange(4):
                case 0:
                    operations.append(Listed(key, tuple(lists.get(key, ()))))
                case 1:
                    lists.setdefault(key, []).append(10 * number + step)
                    operations.append(Append(key, 10 * number + step))
                case 2:
                    operations.append(Got(f"r{key}", registers.get(key)))
                case _:
                    registers[key] = 10 * number + step
                    operations.append(Write(f"r{key}", 10 * number + step))
        begun = 10 * number - chance.randint(0, 40)
        history.append(
            Transaction(f"T{number}", begun, 10 * number + chance.randint(0, 40), "committed", tuple(operations))
        )
    chance.shuffle(history)
    return history


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 32))
def test_a_serial_history_is_clean(seed: int) -> None:
    assert check(serial(seed, 60)) == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 32))
def test_a_read_moved_back_in_time_is_found(seed: int) -> None:
    """What was appended before a transaction began is cut from the list that it read."""
    history = serial(seed, 60)
    for position, one in enumerate(history):
        for place, operation in enumerate(one.operations):
            if not isinstance(operation, Listed) or len(operation.values) < 2:
                continue
            cut = operation.values[-1]
            writer = next(each for each in history if Append(operation.key, cut) in each.operations)
            if writer.ended < one.begun and writer is not one:
                stale = Listed(operation.key, operation.values[:-1])
                operations = (*one.operations[:place], stale, *one.operations[place + 1 :])
                history[position] = Transaction(one.name, one.begun, one.ended, one.outcome, operations)
                assert check(history) != []
                return


def test_a_large_history_is_checked_in_no_time() -> None:
    assert check(serial(1, 5_000)) == []
