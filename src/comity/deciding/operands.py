"""What commutative changes make of a field's former value."""

from __future__ import annotations

from typing import Any

from comity import limits
from comity.model.values import normalise, same


def added(former: Any, operand: Any) -> Any:
    """Return the sum; an empty field counts as 0. Raises ValueError for what is no number or does not fit."""
    if former is None:
        return operand
    if isinstance(former, bool) or not isinstance(former, (int, float)):
        raise ValueError("only numbers can be added to")
    result = former + operand
    return normalise(result)


def _list(former: Any) -> list[Any]:
    if former is None:
        return []
    if not isinstance(former, list):
        raise ValueError("it isn't a list")
    return former


def included(former: Any, operand: Any) -> Any:
    """Return the list with the elements that it does not hold yet; raises ValueError."""
    present = _list(former)
    new: list[Any] = []
    for item in operand:
        if not any(same(item, old) for old in (*present, *new)):
            new.append(item)
    return _bounded(present + new) if new else former


def excluded(former: Any, operand: Any) -> Any:
    """Return the list without these elements; raises ValueError."""
    return [item for item in _list(former) if not any(same(item, gone) for gone in operand)] if former else former


def appended(former: Any, operand: Any) -> Any:
    """Return the list with the items at its end; raises ValueError."""
    return _bounded(_list(former) + list(operand))


def _bounded(items: list[Any]) -> list[Any]:
    if len(items) > limits.LIST_ITEMS:
        raise ValueError(f"a list may hold at most {limits.LIST_ITEMS} items")
    return items
