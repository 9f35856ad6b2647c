"""A graph of who must come before whom, and the parts of it that can hold a cycle."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from typing import Literal

Why = Literal["ww", "wr", "rw", "rt"]
"""Why one comes before another.

``ww``: its value was overwritten by the other's. ``wr``: its value was read by the other.
``rw``: what it read was overwritten by the other. ``rt``: it had ended before the other began.
"""


class Graph:
    """Hold edges between transactions, each with its reasons and what tells of them."""

    def __init__(self) -> None:
        self._after: dict[str, dict[str, dict[Why, str]]] = {}

    def add(self, before: str, after: str, why: Why, told: str) -> None:
        """Let one come before another; nobody comes before itself."""
        if before != after:
            self._after.setdefault(before, {}).setdefault(after, {}).setdefault(why, told)

    def told(self, before: str, after: str, reasons: Collection[Why]) -> str:
        """Return what tells that one comes before another, by the first of some reasons that holds."""
        known = self._after[before][after]
        return next(known[why] for why in reasons if why in known)

    def follow(self, node: str, reasons: Collection[Why]) -> Iterator[str]:
        """Yield who comes after one by any of some reasons."""
        for other, known in self._after.get(node, {}).items():
            if any(why in known for why in reasons):
                yield other

    def edges(self, why: Why) -> Iterator[tuple[str, str]]:
        """Yield the pairs of which one comes before the other by a reason."""
        for before, others in self._after.items():
            for after, known in others.items():
                if why in known:
                    yield before, after

    def path(self, start: str, goal: str, reasons: Collection[Why], within: Collection[str]) -> list[str] | None:
        """Return a shortest way from one to another by some reasons, both included, or None."""
        came_from: dict[str, str | None] = {start: None}
        waiting = deque([start])
        while waiting:
            node = waiting.popleft()
            if node == goal:
                return _trace(came_from, goal)
            for other in self.follow(node, reasons):
                if other in within and other not in came_from:
                    came_from[other] = node
                    waiting.append(other)
        return None

    def tangles(self, reasons: Collection[Why]) -> list[set[str]]:
        """Return the strongly connected parts of more than one transaction (Tarjan 1972, without recursion)."""
        return [part for part in _Tangles(self, reasons).find([*self._after]) if len(part) > 1]


def _trace(came_from: dict[str, str | None], goal: str) -> list[str]:
    way: list[str] = []
    node: str | None = goal
    while node is not None:
        way.append(node)
        node = came_from[node]
    return way[::-1]


class _Tangles:
    def __init__(self, graph: Graph, reasons: Collection[Why]) -> None:
        self._graph = graph
        self._reasons = reasons
        self._index: dict[str, int] = {}
        self._low: dict[str, int] = {}
        self._open: list[str] = []
        self._is_open: set[str] = set()

    def find(self, nodes: Collection[str]) -> Iterator[set[str]]:
        for node in nodes:
            if node not in self._index:
                yield from self._walk(node)

    def _walk(self, root: str) -> Iterator[set[str]]:
        self._enter(root)
        stack = [(root, self._graph.follow(root, self._reasons))]
        while stack:
            node, others = stack[-1]
            other = next(others, None)
            if other is None:
                stack.pop()
                if stack:
                    parent = stack[-1][0]
                    self._low[parent] = min(self._low[parent], self._low[node])
                if self._low[node] == self._index[node]:
                    yield self._leave(node)
            elif other not in self._index:
                self._enter(other)
                stack.append((other, self._graph.follow(other, self._reasons)))
            elif other in self._is_open:
                self._low[node] = min(self._low[node], self._index[other])

    def _enter(self, node: str) -> None:
        self._index[node] = self._low[node] = len(self._index)
        self._open.append(node)
        self._is_open.add(node)

    def _leave(self, node: str) -> set[str]:
        part: set[str] = set()
        while True:
            other = self._open.pop()
            self._is_open.discard(other)
            part.add(other)
            if other == node:
                return part
