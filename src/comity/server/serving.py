"""Running a server: until it is told to end, and then until it has answered what it took."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, Self

import uvicorn
from starlette.applications import Starlette

from comity import limits
from comity.errors import InvalidRequest
from comity.server.settings import Settings

_BACKLOG: Final = 1_024


class Server(uvicorn.Server):
    """Be uvicorn's server that says when it listens, and ends its streams before it waits for them."""

    def __init__(self, config: uvicorn.Config, app: Starlette, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._tell = started

    @classmethod
    def of(cls, app: Starlette, settings: Settings, started: Callable[[], None]) -> Self:
        """Return a server of an application; ``started`` is called once requests are taken."""
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="on",
            timeout_graceful_shutdown=int(settings.shutdown_s),
            h11_max_incomplete_event_size=limits.SERVED_HEADER_BYTES,
            ssl_certfile=settings.certificate,
            ssl_keyfile=settings.private_key,
        )
        return cls(config, app, started)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """End when told to; uvicorn's own way would then send itself the signal once more, and die of it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        if self.started:
            self._tell()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, which would not end by themselves, then wait for what was taken."""
        self._app.state.end()
        await super().shutdown(sockets)


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say; raises InvalidRequest where that can't be."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is said, as asyncio sends at once (TCP_NODELAY) only where it sees it: else each answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise InvalidRequest(f"{settings.host}:{settings.port}: {error.strerror or error}") from None
    return listener


def serve(app: Starlette, settings: Settings, listener: socket.socket, started: Callable[[], None]) -> None:
    """Serve until interrupted or terminated; ``started`` is called once requests are taken."""
    Server.of(app, settings, started).run([listener])
