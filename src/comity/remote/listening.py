"""Being told of commits: one thread asks for all who listen, and runs only while somebody does."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from comity import limits
from comity.errors import StoreError
from comity.remote.standing import Standings
from comity.remote.wire import Wire

_REST_S: Final = 0.25
_LEAVE_S: Final = 5.0
_log: Final = logging.getLogger("comity")


class Listener(Protocol):
    """Want to be told when there was a commit."""

    def hear(self) -> None:
        """See what has happened."""
        ...


class Listening:
    """Tell those who listen that there was a commit. They are held weakly, and one that fails ends nothing."""

    def __init__(self, wire: Wire, headers: Mapping[str, str]) -> None:
        self._wire = wire
        self._standings = Standings(wire, headers)
        self._listeners: weakref.WeakSet[Listener] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def add(self, listener: Listener) -> None:
        """Tell a listener from now on."""
        with self._lock:
            self._listeners.add(listener)
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._run, name="comity-listening", daemon=True)
                self._thread.start()

    def discard(self, listener: Listener) -> None:
        """Tell a listener nothing more."""
        with self._lock:
            self._listeners.discard(listener)

    def close(self) -> None:
        """Tell nobody any more, and let the thread end, unless it is the one that calls."""
        with self._lock:
            self._closed.set()
            thread = self._thread
        self._wire.cut()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_LEAVE_S)

    def _run(self) -> None:
        revision, is_well = -1, True
        while listeners := self._goes_on():
            try:
                moved = self._standings.behind(revision, limits.SERVED_KEEP_ALIVE_S).revision
            except StoreError as error:
                if is_well and not self._closed.is_set():
                    _log.warning("a look for changes failed, and is tried again: %s", error)
                is_well = False
                self._closed.wait(_REST_S)
                continue
            is_well = True
            if moved > revision:
                revision = moved
                self._tell(listeners)

    def _goes_on(self) -> list[Callable[[], Listener | None]]:
        """Return those who listen, held weakly while they wait; nobody once it is over."""
        with self._lock:
            listeners = [weakref.ref(one) for one in self._listeners]
            if self._closed.is_set() or not listeners:
                self._thread = None
                return []
            return list(listeners)

    def _tell(self, listeners: list[Callable[[], Listener | None]]) -> None:
        for one in listeners:
            listener = one()
            try:
                if listener is not None:
                    listener.hear()
            except BaseException:  # noqa: BLE001 - nothing that a listener raises silences the others
                if not self._closed.is_set():
                    _log.exception("one who listens failed, and is told again of the next change")
