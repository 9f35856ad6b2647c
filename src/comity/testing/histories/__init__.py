"""Recorded histories, and a checker that decides whether they are right.

Clients write a :class:`Journal`: what each proposed, what it had seen, when it asked, when
it was answered, and what. :func:`check_history` lays all journals beside the log and names
every :class:`Fault`: an acknowledged commit that isn't there, a change that was lost or half
done, a commit on a stale read, a refusal without a reason, an order that contradicts the clock.

It knows the promises and not the code: it folds and compares by itself, and takes nothing
from ``comity.deciding``. The method is that of Jepsen's checkers and of etcd's robustness
tests: record at the clients, decide afterwards.
"""

from comity.testing.histories.checker import Verdict, check_history
from comity.testing.histories.journal import Attempt, Journal, Sight, read_journals
from comity.testing.histories.timeline import Fault, Log, Timeline, read_log

__all__ = [
    "Attempt",
    "Fault",
    "Journal",
    "Log",
    "Sight",
    "Timeline",
    "Verdict",
    "check_history",
    "read_journals",
    "read_log",
]
