"""Reads: a record, its history, its state as of a revision, beside plain SELECTs."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import comity
from bench.by_hand import ByHand
from bench.measuring import Pair, Row, Sizes, alternate, median, run_times
from bench.scene import Scene, scene

GET_AIM = 5.0
AS_OF_AIM = 0.5
"""At most twice the time of one seek by hand."""
PAGE = 50
SEED = 7


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows for get, history and as-of reads."""
    with scene(folder / "reads", sizes.records) as place:
        for depth in sizes.depths:
            _deepen(place, depth)
        hand = place.by_hand()
        try:
            yield _get_row(place, hand, sizes)
            for depth in sizes.depths:
                yield _history_row(place, hand, depth, sizes)
            for depth in sizes.depths:
                yield _as_of_row(place, hand, depth, sizes)
        finally:
            hand.close()


def _row(what: str, cell: str, pairs: list[Pair], aim: float | None = None) -> Row:
    return Row(
        what,
        cell,
        median([1e6 / pair.ours.rate for pair in pairs]),
        median([1e6 / pair.baseline.rate for pair in pairs]),
        "µs",
        median([pair.ratio for pair in pairs]),
        median([pair.p99_ratio for pair in pairs]),
        aim,
    )


def _get_row(place: Scene, hand: ByHand, sizes: Sizes) -> Row:
    chosen = random.Random(SEED)
    keys = [f"customer/{chosen.randrange(place.count)}" for _ in range(sizes.reads)]
    agent = place.workspace.agent("sales")
    pairs = alternate(
        sizes.rounds,
        lambda: run_times(lambda number: agent.get(keys[number]).get("status"), sizes.reads),
        lambda: run_times(lambda number: hand.get(keys[number])[1]["status"], sizes.reads),
    )
    return _row("get", "embedded", pairs, GET_AIM)


def _deep(depth: int) -> str:
    return f"customer/deep-{depth}"


def _deepen(place: Scene, depth: int) -> None:
    """Make a record with that many events, on both sides."""
    ref = _deep(depth)
    hand = place.by_hand()
    hand.prepare_one(ref, {"name": "Deep", "value": 0})
    hand.add(ref, "value", depth - 1)
    hand.close()
    asyncio.run(_add(place.workspace, ref, depth - 1))


async def _add(workspace: comity.Workspace, ref: str, times: int) -> None:
    sales = workspace.async_agent("sales")
    await sales.create(ref, name="Deep", value=0)
    for start in range(0, times, 500):
        await asyncio.gather(*[sales.add(ref, value=1) for _ in range(min(500, times - start))])


def _history_row(place: Scene, hand: ByHand, depth: int, sizes: Sizes) -> Row:
    ref, times = _deep(depth), max(sizes.reads // 20, 1)
    pairs = alternate(
        sizes.rounds,
        lambda: run_times(lambda _: place.workspace.history(ref, limit=PAGE), times),
        lambda: run_times(lambda _: hand.history(ref, PAGE), times),
    )
    return _row(f"history, {PAGE} newest", f"{depth} events", pairs)


def _as_of_row(place: Scene, hand: ByHand, depth: int, sizes: Sizes) -> Row:
    ref = _deep(depth)
    events = place.workspace.history(ref, limit=1).events
    last = int(events[0].event.partition(".")[0])
    middle, hand_middle = last - depth // 2, hand.history(ref, 1)[0][0] - depth // 2
    pairs = alternate(
        sizes.rounds,
        lambda: run_times(lambda _: place.workspace.get(ref, at=middle).get("value"), sizes.reads),
        lambda: run_times(lambda _: hand.as_of(ref, hand_middle)["value"], sizes.reads),
    )
    return _row("as of a revision", f"{depth} events", pairs, AS_OF_AIM)
