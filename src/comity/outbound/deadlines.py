"""An end to exchanges in which the other side says a byte now and then, so that no single wait is ever too long."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Deadline:
    """Cut a line when the time is over: what is read from it ends, and what is written to it fails.

    ``line`` returns the socket that is open by then, if any.
    """

    def __init__(self, timeout_s: float, line: Callable[[], socket.socket | None]) -> None:
        self.is_over = False
        self._line = line
        self._timer = threading.Timer(timeout_s, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()

    def _cut(self) -> None:
        self.is_over = True
        line = self._line()
        if line is None:
            return
        try:
            line.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # It is closed already.


def words_of(error: Exception, deadline: Deadline | None = None) -> str:
    """Return what went wrong on a line."""
    if isinstance(error, TimeoutError) or (deadline is not None and deadline.is_over):
        return "it took too long"
    return str(error) or type(error).__name__
