"""Being told of commits: one thread looks for all who listen, and runs only while somebody does."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from typing import Final, Protocol

_REST_S: Final = 0.25
"""How long it waits after a look that failed."""
_LEAVE_S: Final = 5.0
"""How long closing waits for a listener that is being told."""

_log: Final = logging.getLogger("comity")


class Listener(Protocol):
    """Want to be told when there was a commit."""

    def hear(self) -> None:
        """See what has happened."""
        ...


class Listening:
    """Tell those who listen that there was a commit. They are held weakly: one that was dropped hears nothing more.

    ``look`` takes a revision, waits a while for a commit behind it, and returns the last
    one; ``leave`` has a look that is under way end at once. A listener that fails, and a
    look that does, are logged and end nothing.
    """

    def __init__(self, look: Callable[[int], int], leave: Callable[[], object] = lambda: None) -> None:
        self._look = look
        self._leave = leave
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
        """Let the thread end, and wait for it a while, unless it is the one that calls.

        A listener that goes on for ever keeps only the thread, which doesn't keep the process.
        """
        with self._lock:
            self._closed.set()
            thread = self._thread
        self._leave()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_LEAVE_S)
            if thread.is_alive():
                _log.warning("a listener is still being told after %g s: the workspace is closed without it", _LEAVE_S)

    def _run(self) -> None:
        revision, is_well = -1, True
        while self._goes_on():
            try:
                moved = self._look(revision)
                if moved > revision:
                    revision = moved
                    self._tell()
                is_well = True
            except Exception as error:  # noqa: BLE001 - who listens is told of what comes after, too
                if is_well and not self._closed.is_set():
                    _log.warning("a look for changes failed, and is tried again: %s: %s", type(error).__name__, error)
                is_well = False
                self._closed.wait(_REST_S)

    def _goes_on(self) -> bool:
        with self._lock:
            if self._closed.is_set() or not len(self._listeners):
                self._thread = None
                return False
            return True

    def _tell(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            try:
                listener.hear()
            except BaseException:  # noqa: BLE001 - nothing that a listener raises silences the others
                if not self._closed.is_set():
                    _log.exception("one who listens failed, and is told again of the next change")
