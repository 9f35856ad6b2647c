"""A real server on a free port, in a thread, and real clients."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

import comity
from comity.server.app import app
from comity.server.mcp.mounting import mounted
from comity.server.serving import Server, listen
from comity.server.settings import Settings

ANN = '[agents]\nann = { kind = "human" }\nsales = {}\nsupport = {}\ndash = {}\n'
CRM = (
    ANN
    + """
[kinds.customer.fields]
name = { type = "string" }
status = { enum = ["active", "at_risk", "churned"], owner = ["sales", "support"] }
health = { enum = ["good", "bad"], owner = "support" }
orders = { type = "integer", minimum = 0 }
"""
)


class Served:
    """Be a server that runs, and the keys that were issued."""

    def __init__(self, url: str, path: Path, keys: dict[str, str], server: Server) -> None:
        self.url = url
        self.path = path
        self.keys = keys
        self.server = server

    def client(self, agent: str | None = None, **more: Any) -> httpx2.Client:
        """Return a client of one agent: by its key where there is one, else by its name."""
        headers = {"Authorization": f"Bearer {self.keys[agent]}"} if agent in self.keys else {}
        if agent is not None and agent not in self.keys:
            headers = {"Comity-Agent": agent}
        return httpx2.Client(
            base_url=f"{self.url}/v1/crm", headers=headers | more.pop("headers", {}), timeout=20, **more
        )


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return a function that serves one base: with keys for everyone, or in the way for trying things out."""
    running: list[tuple[Server, threading.Thread]] = []

    def serving(source: str = CRM, *, dev: bool = False, **more: Any) -> Served:
        path = tmp_path / "crm.db"
        definition = tmp_path / "comity.toml"
        definition.write_text(source, encoding="utf-8")
        with comity.open(path, definition=definition) as base:
            keys = {} if dev else issue_keys(base)
        settings = Settings(workspaces={"crm": str(path)}, port=0, dev=dev, shutdown_s=2, **more)
        listener = listen(settings)
        started = threading.Event()
        server = Server.of(app(settings, faces=[mounted]), settings, started.set)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        running.append((server, thread))
        assert started.wait(20)
        return Served(f"http://127.0.0.1:{listener.getsockname()[1]}", path, keys, server)

    yield serving
    for server, thread in running:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def issue_keys(base: comity.Workspace) -> dict[str, str]:
    """Issue a key to everyone who is declared; the first goes to the human, who issues the others."""
    names = [one.agent for one in base.agents().agents]
    first = base.issue_key("ann").key
    ann = base.agent("ann", key=first)
    return {"ann": first} | {name: ann.issue_key(name).key for name in names if name != "ann"}
