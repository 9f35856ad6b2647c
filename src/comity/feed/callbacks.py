"""Call-backs: every item is read once for all of this process who want to be told, and given to each in order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from comity import limits
from comity.feed.reading import Bite, position_of, read_bite
from comity.feed.selection import EVERYTHING, Selection
from comity.model.cursors import Cursor
from comity.operations.feeding import FeedItem
from comity.store.contract import Store

Take = Callable[[FeedItem], object]
"""Take an item. It is called in a thread of Comity's."""

_LOOK_S: Final = 0.1
"""How long the thread waits in one go, before it sees whether anybody still wants to be told."""
_REST_S: Final = 0.25
"""How long it waits after a look that failed."""
_LEAVE_S: Final = 5.0
"""How long closing waits for a call-back that is being called."""

_log: Final = logging.getLogger("comity")


class Callback:
    """Be one who is told: what passes, and up to where it was told."""

    def __init__(self, take: Take, selection: Selection, cursor: Cursor) -> None:
        self.take = take
        self.selection = selection
        self.incarnation = cursor.incarnation
        self.revision = cursor.revision
        self.is_closed = False

    @property
    def cursor(self) -> str:
        """Return up to where it was told."""
        return str(Cursor(self.incarnation, self.revision))

    def give(self, bite: Bite) -> None:
        """Call with each item that passes and wasn't told yet; one that fails is logged, and the next one is told."""
        for item in bite.items:
            if item.revision <= self.revision or self.is_closed:
                continue
            if (picked := self.selection.pick(item)) is not None:
                self._call(picked)
            self.revision = item.revision
        self.revision = max(self.revision, bite.revision)

    def _call(self, item: FeedItem) -> None:
        try:
            self.take(item)
        except BaseException:  # noqa: BLE001 - nothing that a call-back raises silences the others
            _log.exception("a call-back failed on %s, and is told of the next item", item.cursor)


class Callbacks:
    """Tell all who want to be told, in a thread that runs only while somebody does.

    Those who are up to date share what is read. One who is behind reads for itself, a bite
    in each round, so that the others needn't wait until it has caught up.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._callbacks: list[Callback] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def add(self, take: Take, selection: Selection, after: int | str) -> Callback:
        """Tell somebody what passes behind a place; raises CursorLost and InvalidRequest as position_of does."""
        head = self._store.head()
        callback = Callback(take, selection, Cursor(head.incarnation, position_of(head, after)))
        with self._lock:
            self._callbacks.append(callback)
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="comity-callbacks", daemon=True)
                self._thread.start()
        return callback

    def discard(self, callback: Callback) -> None:
        """Tell somebody nothing more, but for what is being told."""
        callback.is_closed = True
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

    def close(self) -> None:
        """Call nobody any more, and wait a while for the call that is going on, unless it is the one that closes."""
        with self._lock:
            self._closed.set()
            for one in self._callbacks:
                one.is_closed = True
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(_LEAVE_S)
            if thread.is_alive():
                _log.warning("a call-back still runs after %g s: the workspace is closed without it", _LEAVE_S)

    def _run(self) -> None:
        is_well = True
        while waiting := self._goes_on():
            try:
                if self._store.wait(min(one.revision for one in waiting), _LOOK_S):
                    self._tell(waiting)
                is_well = True
            except Exception as error:  # noqa: BLE001 - what comes after is told too
                if is_well and not self._closed.is_set():
                    _log.warning("a look at the feed failed, and is tried again: %s: %s", type(error).__name__, error)
                is_well = False
                self._closed.wait(_REST_S)

    def _goes_on(self) -> list[Callback]:
        with self._lock:
            if self._closed.is_set() or not self._callbacks:
                self._thread = None
                return []
            return list(self._callbacks)

    def _tell(self, waiting: Sequence[Callback]) -> None:
        """Tell each its next items; raise what went wrong for one of them once the others were told theirs."""
        last = max(one.revision for one in waiting)
        behind = [[one] for one in waiting if one.revision < last]
        failed: list[Exception] = []
        for group in ([one for one in waiting if one.revision == last], *behind):
            try:
                self._serve(group)
            except Exception as error:  # noqa: BLE001 - raised below
                failed.append(error)
        if failed:
            raise failed[0]

    def _serve(self, waiting: Sequence[Callback]) -> None:
        """Read a bite for all of those, who are at the same place, and give it to them."""
        selection = waiting[0].selection if len(waiting) == 1 else EVERYTHING
        with self._store.snapshot() as snapshot:
            incarnation = snapshot.head.incarnation
            bite = read_bite(snapshot, selection, waiting[0].revision, limits.FEED_PAGE_DEFAULT)
        for one in waiting:
            if one.incarnation == incarnation:
                one.give(bite)
            else:
                self.discard(one)
                _log.error(
                    "the base was restored: nothing goes on from %s, and its call-back is told no more", one.cursor
                )
