"""One hot record: many agents, each thinking for a moment between what it sees and what it writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import comity
from bench.by_hand import ByHand
from bench.measuring import Pair, Row, Sample, Sizes, Work, alternate, median, rate_row, run_threads
from bench.scene import Scene, scene

AIM = 25.0
HOT = "board/hot"


class Wasted:
    """Count the re-runs of one side: thoughts that were thought in vain."""

    def __init__(self) -> None:
        self.count = 0


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows for increments and for different fields, each against two ways of doing it by hand."""
    for what, ours, compute in (("increments", _increment, _one_field), ("different fields", _own_field, _each_field)):
        for rival, locked in (("optimistic retry", False), ("BEGIN IMMEDIATE", True)):
            with scene(folder / f"{what}-{rival}".replace(" ", "-"), 1) as place:
                pairs = _compare(place, sizes, ours, compute, locked=locked)
            cell = f"{sizes.tasks} agents, against {rival}"
            yield rate_row(f"hot record, {what}", cell, pairs, AIM)
            yield _wasted_row(f"hot record, {what}: wasted re-runs", cell, pairs)


def _wasted_row(what: str, cell: str, pairs: Sequence[Pair]) -> Row:
    ours = median([pair.ours.wasted_share for pair in pairs])
    hand = median([pair.baseline.wasted_share for pair in pairs])
    return Row(what, cell, ours, hand, "per success", None)


def _compare(
    place: Scene,
    sizes: Sizes,
    work: Callable[[comity.Agent, int, float, Wasted], Work],
    compute: Callable[[int], Callable[[dict[str, Any]], dict[str, Any]]],
    *,
    locked: bool,
) -> list[Pair]:
    fields = {f"field_{number}": 0 for number in range(sizes.tasks)}
    place.workspace.agent("sales").create(HOT, fields)
    with ExitStack() as stack:
        hands = [place.by_hand() for _ in range(sizes.tasks)]
        for hand in hands:
            stack.callback(hand.close)
        hands[0].prepare_one(HOT, fields)
        works = [_hand_work(hand, compute(number), sizes.think_s, locked) for number, hand in enumerate(hands)]
        return alternate(
            sizes.rounds,
            lambda: _ours(place, sizes, work),
            lambda: _by_hand(hands, works, sizes.seconds),
        )


def _ours(place: Scene, sizes: Sizes, work: Callable[[comity.Agent, int, float, Wasted], Work]) -> Sample:
    wasted = Wasted()
    agent = place.workspace.agent("sales")
    works = [work(agent, number, sizes.think_s, wasted) for number in range(sizes.tasks)]
    return run_threads(works, sizes.seconds, lambda: wasted.count)


def _increment(agent: comity.Agent, number: int, think_s: float, wasted: Wasted) -> Work:
    def work() -> None:
        time.sleep(think_s)
        agent.add(HOT, field_0=1)

    return work


def _own_field(agent: comity.Agent, number: int, think_s: float, wasted: Wasted) -> Work:
    field = f"field_{number}"

    def work() -> None:
        while True:
            try:
                with agent.edit(HOT) as hot:
                    value = hot[field]
                    time.sleep(think_s)
                    hot[field] = value + 1
                return
            except comity.Conflict:
                wasted.count += 1

    return work


# -- by hand


def _by_hand(hands: Sequence[ByHand], works: Sequence[Work], seconds: float) -> Sample:
    for hand in hands:
        hand.retries = 0
    return run_threads(works, seconds, lambda: sum(hand.retries for hand in hands))


def _hand_work(hand: ByHand, compute: Callable[[dict[str, Any]], dict[str, Any]], think_s: float, locked: bool) -> Work:
    def think(before: dict[str, Any]) -> dict[str, Any]:
        time.sleep(think_s)
        return compute(before)

    return lambda: hand.change(HOT, think, locked=locked)


def _one_field(number: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda before: {**before, "field_0": before["field_0"] + 1}


def _each_field(number: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    field = f"field_{number}"
    return lambda before: {**before, field: before[field] + 1}
