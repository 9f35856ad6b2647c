"""The official client: by standard input and output with real processes, and over HTTP with a real server."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

import comity
from comity.errors import NotPermitted
from comity.server.intents import HeldIntents
from comity.server.mcp import Visitor, mcp_app
from comity.workspace import Workspace
from tests.serving.mcp.talking import DEFINITION, Talk, over_http, program, talking

ACME = "customer/acme"


def play(sales: Talk, support: Talk) -> None:
    """Play the Acme case: sales decides on what support has just changed, learns it, and decides again."""
    begun = sales("begin", about=[ACME], plan="offer an upgrade", action="send_upsell")
    seen = sales("read", records=[ACME], intent=begun.handle)
    assert "status: active" in seen.text
    theirs = support("read", records=[ACME])
    assert "sales is active on customer/acme (send_upsell)" in theirs.text
    changed = support(
        "write", record=ACME, fields={"status": "at_risk"}, intent=theirs.handle, action="care", reason="T-42"
    )
    assert changed.text.startswith("Committed")
    refused = sales("act", name="send_upsell", record=ACME, data={"subject": "Upgrade"}, intent=seen.handle)
    assert "status: you saw active, now at_risk, by support" in refused.text
    lost = sales("act", name="send_upsell", record=ACME, data={"subject": "Upgrade"}, intent=seen.handle)
    assert lost.text.splitlines()[:3] == refused.text.splitlines()[:3]
    accept = int(refused.text.partition("accept=")[2].partition(".")[0])
    mended = sales(
        "write", record=ACME, fields={"campaign": "rescue"}, intent=lost.handle, action="care", accept=accept
    )
    assert mended.text.startswith("Committed")
    assert "rescue" in support("read", records=[ACME], intent=changed.handle).text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "comity.toml").write_text(DEFINITION, encoding="utf-8")
    with comity.open(tmp_path / "crm.db", definition=tmp_path / "comity.toml") as ws:
        ws.agent("sales").put(ACME, name="Acme", status="active", action="care")
    return tmp_path / "crm.db"


@pytest.mark.slow
def test_two_programs_on_one_file_play_the_acme_case(file: Path) -> None:
    with talking(program(file, "sales")) as sales, talking(program(file, "support")) as support:
        play(sales, support)
    with comity.open(file) as ws:
        assert ws.get(ACME).campaign == "rescue"
        assert ws.verify().is_clean


@pytest.mark.slow
def test_a_client_of_the_older_protocol_is_served_as_well(file: Path) -> None:
    with talking(program(file, "sales", "--tools", "basic"), mode="legacy") as talk:
        assert talk.client.protocol_version == "2025-11-25"
        assert len(talk.run("list_tools").tools) == 5
        read = talk("read", records=[ACME])
        assert talk("write", record=ACME, fields={"campaign": "q4"}, intent=read.handle, action="care").text.startswith(
            "Committed"
        )


@contextmanager
def serving(ws: Workspace) -> Generator[str]:
    """Serve a workspace over HTTP, to agents that say who they are; give the URL."""

    async def visitor_of(request: Request) -> Visitor:
        name = request.headers.get("comity-agent")
        if name is None:
            raise NotPermitted("say who you are")
        return Visitor(ws.agent(name), request.path_params.get("workspace", "main"))

    mcp = mcp_app(visitor_of, held=HeldIntents())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        async with mcp.lifespan():
            yield

    app = Starlette(routes=[Mount("/{workspace}/mcp", app=mcp.app)], lifespan=lifespan)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/main/mcp/"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_two_agents_over_http_play_the_acme_case(ws: Workspace, mode: str) -> None:
    with (
        serving(ws) as url,
        over_http(url, "sales", mode=mode) as sales,
        over_http(url, "support", mode=mode) as support,
    ):
        play(sales, support)
        content = sales.run("read_resource", "comity://main/records/customer/acme").contents[0]
        assert '"campaign":"rescue"' in content.text
    assert ws.get(ACME).campaign == "rescue"


def test_who_does_not_say_who_they_are_is_not_served(ws: Workspace) -> None:
    with serving(ws) as url:
        answer = httpx2.post(url, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"


def test_many_agents_at_once_lose_no_update(ws: Workspace) -> None:
    with serving(ws) as url:

        def work(number: int) -> str:
            with over_http(url, "sales" if number % 2 else "support") as talk:
                handle = talk("read", records=["customer/other"]).handle
                said = talk(
                    "write", record=ACME, do="append", fields={"tags": str(number)}, intent=handle, action="care"
                )
                return said.facts["outcome"]

        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(work, range(16)))
    assert outcomes == ["committed"] * 16
    assert sorted(ws.get(ACME).tags, key=int) == [str(number) for number in range(16)]


def test_resources_of_another_workspace_are_none(ws: Workspace) -> None:
    with serving(ws) as url, over_http(url, "sales") as talk:
        for uri in ("comity://other/records/customer/acme", "comity://main/secrets", "comity://main/records/acme"):
            with pytest.raises(Exception, match=r"no resource|no record"):
                talk.run("read_resource", uri)
        assert "[agents]" in talk.run("read_resource", "comity://main/definition").contents[0].text
        assert talk.run("read_resource", "comity://main/history/customer/acme").contents[0].text.startswith('{"events"')
