"""The head of a moment ago: for reads that needn't ask the store each time whether it has moved.

Whatever shows a head tells it here, and so a head is never taken for the last one once this process
has seen a newer one, in whichever way: by a snapshot, a look, or a commit of its own.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Hashable
from time import monotonic_ns
from typing import Final

import msgspec

from comity import limits
from comity.clock import StoreTime
from comity.store.contract import Head

_AGE_NS: Final = round(limits.HEAD_AGE_S * 1e9)


class _Seen(msgspec.Struct, frozen=True, gc=False):
    """Be the head as it was seen last: until when it may be taken for unmoved, and when it was answered."""

    head: Head
    until_ns: int
    answered_ns: int


_NOTHING_SEEN: Final = _Seen(Head("", -1, b"", 0, StoreTime()), 0, 0)


class RecentHead:
    """Know the head that a base had when this process looked at it last. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen = _NOTHING_SEEN

    def recall(self) -> Head | None:
        """Return the head seen last, unless that is more than ``limits.HEAD_AGE_S`` ago."""
        seen = self._seen
        return seen.head if monotonic_ns() < seen.until_ns else None

    def take(self, head: Head, asked_ns: int) -> None:
        """Take a head that was asked for no earlier than at that time (``monotonic_ns``).

        Answers may overtake each other: one of an earlier revision counts only if it was asked for
        after the other had come, as the base was put back then.
        """
        with self._lock:
            seen = self._seen
            if head.revision < seen.head.revision and asked_ns <= seen.answered_ns:
                return
            if seen.head.is_same_place(head):
                head = seen.head
            self._seen = _Seen(head, asked_ns + _AGE_NS, monotonic_ns())


class _Shared:
    """Hold what this process knows of each base that it has open."""

    lock = threading.Lock()
    heads: weakref.WeakValueDictionary[Hashable, RecentHead] = weakref.WeakValueDictionary()


def recent_head_of(base: Hashable) -> RecentHead:
    """Return what all stores of this process on one base share: what one has seen or committed, all know."""
    with _Shared.lock:
        return _Shared.heads.setdefault(base, RecentHead())


def _forget_all() -> None:
    """Share nothing with the parent of a fork, in which a lock may have been held at just that moment."""
    _Shared.lock = threading.Lock()
    _Shared.heads = weakref.WeakValueDictionary()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
