"""The check as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from comity.testing.cycles.history import Transaction
from comity.testing.cycles.inference import Orders, Writers, draw, happened, judge_lost, judge_seen, judge_updates
from comity.testing.cycles.search import Anomaly, find_cycles


def check(history: Sequence[Transaction]) -> list[Anomaly]:
    """Return what shows that a history isn't strictly serializable; nothing if nothing does.

    Raises ValueError where two transactions have one name, or write one value to one key.

    >>> from comity.testing.cycles import Append, Listed
    >>> first = Transaction("T1", 0, 1, "committed", (Listed("x", ()), Append("x", 1)))
    >>> second = Transaction("T2", 0, 1, "committed", (Listed("x", ()), Append("x", 2)))
    >>> last = Transaction("T3", 2, 3, "committed", (Listed("x", (1, 2)),))
    >>> for anomaly in check([first, second, last]):
    ...     print(anomaly)
    lost update: T1 and T2 both went on from nothing of x
    G-single: T2 before T1, as it read nothing of x, before 1; T1 before T2, as its 1 of x was followed by 2
    """
    if len({one.name for one in history}) < len(history):
        raise ValueError("two transactions have one name")
    writers = Writers(history)
    told = happened(history, writers)
    orders = Orders(told)
    return [
        *judge_seen(told, writers),
        *judge_updates(told),
        *orders.problems,
        *judge_lost(told, orders),
        *find_cycles(draw(told, writers, orders)),
    ]
