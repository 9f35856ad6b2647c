"""Replay: rebuild every record from the log, check the chain, compare; events per second."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec

import comity
from bench.measuring import Row, Sample, Sizes, alternate, rate_row, run_times
from bench.scene import scene

AIM = 0.5


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the row for ``verify`` beside a fold by hand."""
    with scene(folder / "replay", sizes.records) as place:
        extra = max(sizes.replayed - 3 * sizes.records, 0)
        asyncio.run(_grow(place.workspace, extra, sizes.records))
        hand = place.by_hand()
        hand.add_each([f"customer/{number}" for number in range(sizes.records)], "value", extra)
        events = place.workspace.stats().events
        hand_events = hand.replay()
        pairs = alternate(
            sizes.rounds,
            lambda: _per_event(run_times(lambda _: place.workspace.verify(), 1), events),
            lambda: _per_event(run_times(lambda _: hand.replay(), 1), hand_events),
        )
        hand.close()
    row = rate_row("replay and verify", f"{events} events", pairs, AIM)
    yield msgspec.structs.replace(row, p99_ratio=None)


def _per_event(sample: Sample, events: int) -> Sample:
    """Return the sample of one long job as one of its events."""
    share = sample.seconds / events
    return Sample(((share,) * events,), (events,), sample.seconds, sample.cpu_seconds)


async def _grow(workspace: comity.Workspace, events: int, records: int) -> None:
    sales = workspace.async_agent("sales")
    for start in range(0, events, 500):
        numbers = range(start, min(start + 500, events))
        await asyncio.gather(*[sales.add(f"customer/{number % records}", value=1) for number in numbers])
