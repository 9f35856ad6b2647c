"""Finding cycles, and naming each by its Adya class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from comity.testing.cycles.graph import Graph, Why


class Anomaly(msgspec.Struct, frozen=True, gc=False):
    """Be something that no serial order explains: what it is called, and the transactions, with what tells of it."""

    name: str
    transactions: tuple[str, ...]
    told: str

    def __str__(self) -> str:
        return f"{self.name}: {self.told}"


_FORWARD: Final[tuple[tuple[str, tuple[Why, ...], Why], ...]] = (
    ("G0", ("ww",), "ww"),
    ("G1c", ("ww", "wr"), "wr"),
    ("G0-realtime", ("ww", "rt"), "ww"),
    ("G1c-realtime", ("ww", "wr", "rt"), "wr"),
)
"""Cycles without what was read and then overwritten: their names, of what they are, and what makes them so."""
_SINGLE: Final[tuple[tuple[str, tuple[Why, ...]], ...]] = (
    ("G-single", ("ww", "wr")),
    ("G-single-realtime", ("ww", "wr", "rt")),
)
"""Cycles with just one ``rw``, and of what the way back is: read skew, lost update, a stale read."""
_ANY: Final[tuple[tuple[str, tuple[Why, ...]], ...]] = (
    ("G2", ("ww", "wr", "rw")),
    ("G2-realtime", ("ww", "wr", "rw", "rt")),
)
"""Cycles with several: write skew. The way back begins with any of them."""


def find_cycles(graph: Graph) -> Iterator[Anomaly]:
    """Yield one cycle for each tangle and class, the simplest class that explains it first.

    A tangle that has a simpler cycle isn't searched for a harder one: what is found is
    enough to refuse the history, and short enough to be read.
    """
    settled: set[str] = set()
    for name, reasons, decisive in _FORWARD:
        yield from _unsettled(graph, name, reasons, decisive, settled)
    for name, reasons in _SINGLE:
        yield from _unsettled(graph, name, reasons, "rw", settled)
    for name, reasons in _ANY:
        yield from _unsettled(graph, name, reasons, "rw", settled)


def _unsettled(graph: Graph, name: str, reasons: Sequence[Why], decisive: Why, settled: set[str]) -> Iterator[Anomaly]:
    for tangle in graph.tangles({*reasons, decisive}):
        if tangle & settled:
            continue
        cycle = _cycle(graph, tangle, reasons, decisive)
        if cycle is not None:
            settled |= tangle
            yield _anomaly(graph, name, cycle, reasons, decisive)


def _cycle(graph: Graph, tangle: set[str], reasons: Sequence[Why], decisive: Why) -> list[str] | None:
    """Return a shortest cycle of a tangle that begins with a decisive step and comes back by ``reasons``."""
    ways = (
        graph.path(after, before, reasons, tangle)
        for before, after in graph.edges(decisive)
        if before in tangle and after in tangle
    )
    return min((way for way in ways if way is not None), key=len, default=None)


def _anomaly(graph: Graph, name: str, way: list[str], reasons: Sequence[Why], decisive: Why) -> Anomaly:
    """Return the cycle that goes a way and closes with the decisive step from its end to its beginning."""
    first: tuple[str, str, Sequence[Why]] = (way[-1], way[0], (decisive,))
    steps = [first, *((before, after, reasons) for before, after in pairwise(way))]
    told = [f"{before} before {after}, as {graph.told(before, after, why)}" for before, after, why in steps]
    return Anomaly(name, (way[-1], *way[:-1]), "; ".join(told))
