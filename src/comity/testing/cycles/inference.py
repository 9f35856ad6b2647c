"""What the values tell: whose they are, in which order they came, and what nobody should have seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from comity.testing.cycles.graph import Graph
from comity.testing.cycles.history import Append, Got, Listed, Transaction, Write
from comity.testing.cycles.search import Anomaly

Version = tuple[str, int]
"""A key, and a value of it."""


class Writers:
    """Know who wrote each value, and which value a transaction left behind."""

    def __init__(self, history: Iterable[Transaction]) -> None:
        self.of: dict[Version, Transaction] = {}
        self.last: dict[tuple[str, str], int] = {}
        for one in history:
            for operation in one.operations:
                if isinstance(operation, Append | Write):
                    self._take(one, operation)

    def _take(self, one: Transaction, operation: Append | Write) -> None:
        version = (operation.key, operation.value)
        if version in self.of:
            raise ValueError(f"{operation.value} is written twice to {operation.key}: values must be unique")
        self.of[version] = one
        self.last[one.name, operation.key] = operation.value


def happened(history: Iterable[Transaction], writers: Writers) -> list[Transaction]:
    """Return what was committed; of what has an unknown outcome that of which something was seen by another."""
    seen = {
        writers.of[key, value].name
        for one in history
        if one.outcome != "aborted"
        for key, values in _reads(one)
        for value in values
        if (key, value) in writers.of and writers.of[key, value] is not one
    }
    return [one for one in history if one.outcome == "committed" or (one.outcome == "unknown" and one.name in seen)]


def judge_seen(history: Iterable[Transaction], writers: Writers) -> Iterator[Anomaly]:
    """Yield reads of what was never written, was never committed (G1a), or was never left behind (G1b)."""
    for one in history:
        own = {
            (operation.key, operation.value) for operation in one.operations if isinstance(operation, Append | Write)
        }
        for key, seen in _reads(one):
            for position, value in enumerate(seen):
                writer = writers.of.get((key, value))
                told = f"{one.name} read {value} of {key}"
                if writer is None:
                    yield Anomaly("phantom value", (one.name,), f"{told}, which nobody wrote")
                elif writer.outcome == "aborted":
                    yield Anomaly("G1a", (writer.name, one.name), f"{told}, which {writer.name} never committed")
                elif position == len(seen) - 1 and (key, value) not in own and writers.last[writer.name, key] != value:
                    left = writers.last[writer.name, key]
                    yield Anomaly("G1b", (writer.name, one.name), f"{told}, and {writer.name} left {left}")


def _reads(one: Transaction) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield what a transaction read that is not the echo of what it did itself."""
    for operation in one.operations:
        if isinstance(operation, Listed):
            yield operation.key, operation.values
        elif isinstance(operation, Got) and operation.value is not None:
            yield operation.key, (operation.value,)


class Orders:
    """Know in which order the values of each key came."""

    def __init__(self, history: Sequence[Transaction]) -> None:
        self.lists: dict[str, tuple[int, ...]] = {}
        self.problems: list[Anomaly] = []
        self.next: dict[str, dict[int | None, list[int]]] = {}
        for one in history:
            self._take(one)
        for one in history:
            self._compare(one)
        for key, values in self.lists.items():
            for before, after in zip((None, *values), values, strict=False):
                self.next.setdefault(key, {}).setdefault(before, []).append(after)

    def _take(self, one: Transaction) -> None:
        """Take the longest read of each list, and what each register was before it was written."""
        seen: dict[str, int | None] = {}
        for operation in one.operations:
            match operation:
                case Listed(key, values) if len(values) > len(self.lists.get(key, ())):
                    self.lists[key] = values
                case Got(key, value):
                    seen[key] = value
                case Write(key, value):
                    if key in seen:
                        self.next.setdefault(key, {}).setdefault(seen[key], []).append(value)
                    seen[key] = value
                case _:
                    pass

    def _compare(self, one: Transaction) -> None:
        """Note reads of a list that are no beginning of its longest one."""
        for operation in one.operations:
            if isinstance(operation, Listed):
                longest = self.lists[operation.key] if operation.values else ()
                if operation.values != longest[: len(operation.values)] or _has_twice(operation.values):
                    told = f"{one.name} read {[*operation.values]} of {operation.key}, another {[*longest]}"
                    self.problems.append(Anomaly("incompatible order", (one.name,), told))


def _has_twice(values: Sequence[int]) -> bool:
    return len(set(values)) < len(values)


def judge_lost(history: Sequence[Transaction], orders: Orders) -> Iterator[Anomaly]:
    """Yield committed appends that a read which began later doesn't show, though the longest one tells all."""
    for key, longest in orders.lists.items():
        last_begun = max(one.begun for one in history if _shows(one, key, longest))
        known = set(longest)
        for one in history:
            if one.outcome == "committed" and one.ended < last_begun:
                for operation in one.operations:
                    if isinstance(operation, Append) and operation.key == key and operation.value not in known:
                        told = f"{one.name} appended {operation.value} to {key}, and it is gone: {[*longest]}"
                        yield Anomaly("lost append", (one.name,), told)


def judge_updates(history: Iterable[Transaction]) -> Iterator[Anomaly]:
    """Yield pairs that both read one state of a key and both wrote on from there (P4): the first one is lost."""
    updates: dict[tuple[str, int | None], str] = {}
    for one in history:
        for key, seen in _updated(one):
            first = updates.setdefault((key, seen), one.name)
            if first != one.name:
                told = f"{first} and {one.name} both went on from {'nothing' if seen is None else seen} of {key}"
                yield Anomaly("lost update", (first, one.name), told)


def _updated(one: Transaction) -> Iterator[tuple[str, int | None]]:
    """Yield what a transaction has read and then written, as it first read it."""
    seen: dict[str, int | None] = {}
    done: set[str] = set()
    for operation in one.operations:
        if isinstance(operation, Listed | Got):
            seen.setdefault(operation.key, _last_seen(operation))
        elif operation.key in seen and operation.key not in done:
            yield operation.key, seen[operation.key]
            done.add(operation.key)
        else:
            seen.setdefault(operation.key, None)
            done.add(operation.key)


def _shows(one: Transaction, key: str, values: tuple[int, ...]) -> bool:
    return any(isinstance(each, Listed) and each.key == key and each.values == values for each in one.operations)


def draw(history: Sequence[Transaction], writers: Writers, orders: Orders) -> Graph:
    """Return who must come before whom."""
    graph = Graph()
    for key, steps in orders.next.items():
        for before, afters in steps.items():
            _draw_overwritten(graph, writers, key, before, afters)
    for one in history:
        _draw_read(graph, one, writers, orders)
    _draw_time(graph, history)
    return graph


def _draw_overwritten(graph: Graph, writers: Writers, key: str, before: int | None, afters: Sequence[int]) -> None:
    """Draw that what one wrote was overwritten."""
    first = None if before is None else writers.of.get((key, before))
    for after in afters:
        second = writers.of.get((key, after))
        if first is not None and second is not None:
            graph.add(first.name, second.name, "ww", f"its {before} of {key} was followed by {after}")


def _draw_read(graph: Graph, one: Transaction, writers: Writers, orders: Orders) -> None:
    done: set[str] = set()
    for operation in one.operations:
        if isinstance(operation, Append | Write):
            done.add(operation.key)
        elif operation.key not in done:
            value = _last_seen(operation)
            writer = None if value is None else writers.of.get((operation.key, value))
            if writer is not None:
                graph.add(writer.name, one.name, "wr", f"its {value} of {operation.key} was read")
            for after in orders.next.get(operation.key, {}).get(value, ()):
                other = writers.of.get((operation.key, after))
                if other is not None:
                    seen = "nothing" if value is None else value
                    graph.add(one.name, other.name, "rw", f"it read {seen} of {operation.key}, before {after}")


def _last_seen(operation: Listed | Got) -> int | None:
    if isinstance(operation, Got):
        return operation.value
    return operation.values[-1] if operation.values else None


def _draw_time(graph: Graph, history: Sequence[Transaction]) -> None:
    """Draw that one ended before another began, without what follows from the rest.

    ``latest`` are those that ended, none of which ended before another of them began.
    """
    ended = sorted((one for one in history if one.outcome == "committed"), key=lambda one: one.ended)
    latest: list[Transaction] = []
    position = 0
    for one in sorted(history, key=lambda one: one.begun):
        while position < len(ended) and ended[position].ended < one.begun:
            newest = ended[position]
            latest = [each for each in latest if each.ended >= newest.begun] + [newest]
            position += 1
        for before in latest:
            graph.add(before.name, one.name, "rt", "it had ended before the other began")
