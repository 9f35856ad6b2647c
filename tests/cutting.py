"""A proxy that cuts connections at a chosen moment: before a message is let through, or before its answer is.

It can also fall silent at such a moment, as a network does that loses everything: whatever is
sent is taken, goes nowhere, and nobody is told.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Literal

Side = Literal["before", "during"]


class _Ended:
    """End what others may still listen on: closing alone wouldn't tell the peers."""

    def __init__(self, *sockets: socket.socket) -> None:
        self._sockets = sockets

    def close(self) -> None:
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class CuttingProxy:
    """Be in front of a server, and let everything through until told otherwise."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._planned: tuple[bytes, Side] | None = None
        self._falls_silent = False
        self._silent = threading.Event()
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def plan(self, message: bytes, side: Side) -> None:
        """Cut the next connection by which ``message`` is sent: before the server hears of it, or while it is done."""
        self._planned = (message, side)

    def plan_silence(self, message: bytes, side: Side) -> None:
        """Fall silent by the next connection by which ``message`` is sent: before the server hears of it, or after."""
        self._falls_silent = True
        self.plan(message, side)

    def fall_silent(self) -> None:
        """Swallow everything from now on, of all connections, and of those to come."""
        self._silent.set()

    def recover(self) -> None:
        """Let everything through again; what was swallowed is lost."""
        self._falls_silent = False
        self._silent.clear()

    def close(self) -> None:
        _Ended(self._listening).close()
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                cut = threading.Event()
                threading.Thread(target=self._forward, args=(client, server, cut), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client, cut), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket, cut: threading.Event) -> None:
        with contextlib.suppress(OSError), client, server, contextlib.closing(_Ended(client, server)):
            while data := client.recv(1 << 20):
                side = self._taken(data)
                if side is not None and self._falls_silent:
                    self._silent.set()
                    if side == "during":
                        server.sendall(data)
                if self._silent.is_set():
                    continue
                if side == "before":
                    return
                if side == "during":
                    cut.set()
                server.sendall(data)
                if side == "during":
                    self._wait_for_answer(server)
                    return

    def _wait_for_answer(self, server: socket.socket) -> None:
        """Return once the server has answered, so that what was sent has been done."""
        server.recv(1, socket.MSG_PEEK)

    def _answer(self, server: socket.socket, client: socket.socket, cut: threading.Event) -> None:
        with contextlib.suppress(OSError), contextlib.closing(_Ended(client)):
            while server.recv(1, socket.MSG_PEEK) and not cut.is_set():
                data = server.recv(1 << 20)
                if not self._silent.is_set():
                    client.sendall(data)

    def _taken(self, data: bytes) -> Side | None:
        if self._planned is None or self._planned[0] not in data:
            return None
        side, self._planned = self._planned[1], None
        self.cuts += 1
        return side
