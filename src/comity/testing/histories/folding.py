"""What a change must make of a record, said once more and independently of the product."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from comity.model import proposals
from comity.model.proposals import AnyChange
from comity.model.records import Life, RecordState
from comity.model.values import normalise, same


class Expected(msgspec.Struct):
    """Be what a record must look like. ``is_open`` tells that more may have changed: defaults, consequences."""

    life: Life
    values: dict[str, Any]
    is_open: bool = False

    def differs_from(self, state: RecordState) -> Iterable[str]:
        """Yield the fields that are otherwise in ``state``, ``$life`` first."""
        if state.life != self.life:
            yield "$life"
        names = self.values.keys() if self.is_open else {**self.values, **state.values}.keys()
        for name in names:
            if not same(self.values.get(name), state.values.get(name)):
                yield name


def expect(state: RecordState, changes: Iterable[AnyChange]) -> Expected:
    """Return what these changes, one after the other, must make of a record."""
    expected = Expected(state.life, dict(state.values))
    for change in changes:
        _EXPECT[type(change)](expected, change)
    return expected


def _assign(expected: Expected, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        expected.values[name] = normalise(value)


def _create(expected: Expected, change: Any) -> None:
    expected.life, expected.values, expected.is_open = "live", {}, True
    _assign(expected, change.fields)


def _put(expected: Expected, change: proposals.Put) -> None:
    if expected.life != "live":
        _create(expected, change)
        return
    if change.replace:
        expected.values = dict.fromkeys(expected.values)
    _assign(expected, change.fields)


def _set(expected: Expected, change: proposals.Set) -> None:
    _assign(expected, change.fields)


def _compute(expected: Expected, change: Any, compute: Callable[[Any, Any], Any]) -> None:
    _assign(expected, {name: compute(expected.values.get(name), operand) for name, operand in change.fields.items()})


def _add(expected: Expected, change: proposals.Add) -> None:
    _compute(expected, change, lambda value, amount: (value or 0) + amount)


def _append(expected: Expected, change: proposals.Append) -> None:
    _compute(expected, change, lambda value, items: [*(value or []), *items])


def _include(expected: Expected, change: proposals.Include) -> None:
    _compute(expected, change, _included)


def _exclude(expected: Expected, change: proposals.Exclude) -> None:
    _compute(expected, change, lambda value, items: value and [one for one in value if not _holds(items, one)])


def _included(value: Any, items: list[Any]) -> Any:
    for item in items:
        if not _holds(value or [], item):
            value = [*(value or []), item]
    return value


def _holds(items: list[Any], element: Any) -> bool:
    return any(same(item, element) for item in items)


def _live_on(life: Life) -> Callable[[Expected, Any], None]:
    def change_life(expected: Expected, change: Any) -> None:
        expected.life = life

    return change_life


def _open(expected: Expected, change: Any) -> None:
    """Take what a definition or an earlier state decides as it is in the log."""
    expected.values, expected.is_open = {}, True


_EXPECT: Final[dict[type, Callable[[Expected, Any], None]]] = {
    proposals.Create: _create,
    proposals.Put: _put,
    proposals.Set: _set,
    proposals.Add: _add,
    proposals.Append: _append,
    proposals.Include: _include,
    proposals.Exclude: _exclude,
    proposals.Archive: _live_on("archived"),
    proposals.Restore: _live_on("live"),
    proposals.Delete: _live_on("deleted"),
    proposals.Emit: _open,
    proposals.Undo: _open,
    proposals.Erase: _live_on("deleted"),
}
