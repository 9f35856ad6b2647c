"""A server of a test's own, and workspaces opened by its address: the same fixtures as the embedded tests have."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import comity
from comity.server.app import app
from comity.server.serving import Server, listen
from comity.server.settings import Settings
from tests.semantics.conftest import CRM, define, path

__all__ = ["define", "path"]

Open = Callable[..., comity.RemoteWorkspace]


class Running:
    """Be a server that runs in a thread, and can be ended and started again at the same port."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.path = path
        self._settings: dict[str, Any] = {"dev": True, "shutdown_s": 1, "requests_per_s": 1e6, "burst": 10**6}
        self._settings |= settings
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/crm"

    def start(self) -> None:
        settings = Settings(workspaces={"crm": str(self.path)}, port=self.port, access_log=False, **self._settings)
        listener = listen(settings)
        self.port = listener.getsockname()[1]
        started = threading.Event()
        self.server = Server.of(app(settings), settings, started.set)
        self._thread = threading.Thread(target=self.server.run, args=([listener],), daemon=True)
        self._thread.start()
        assert started.wait(20)

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def run(path: Path) -> Iterator[Callable[..., Running]]:
    """Return a way to run a server of the test's base; all are ended with the test."""
    running: list[Running] = []

    def start(**settings: Any) -> Running:
        running.append(Running(path, **settings))
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture
def open_again(path: Path, run: Callable[..., Running]) -> Iterator[Open]:
    """Return a way to open the base of the test by the address of a server that has it open."""
    opened: list[comity.RemoteWorkspace] = []
    running: list[Running] = []

    def open_base(definition: Path | None = None, *, agent: str = "sales") -> comity.RemoteWorkspace:
        if not running:
            comity.open(path, definition=definition).close()
            running.append(run())
        opened.append(comity.open(running[0].url, agent=agent))
        return opened[-1]

    yield open_base
    for workspace in opened:
        workspace.close()


@pytest.fixture
def ws(open_again: Open) -> comity.RemoteWorkspace:
    """Return a workspace without a definition."""
    return open_again()


@pytest.fixture
def crm(open_again: Open, define: Callable[[str], Path]) -> comity.RemoteWorkspace:
    """Return a workspace with the definition of a small CRM."""
    return open_again(definition=define(CRM))
