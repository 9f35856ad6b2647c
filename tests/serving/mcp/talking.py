"""Talking to the service as a model does: only the text of an answer is looked at, unless facts are asked for."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

from comity.server.intents import HeldIntents
from comity.server.mcp import Visitor, make_server
from comity.server.mcp.tools import Selection
from comity.workspace import Agent

DEFINITION = """
name = "crm"
[agents]
sales = { role = "sales" }
support = { role = "support" }
olga = { role = "operations", kind = "human" }
[kinds.customer.fields]
name = { type = "string", owner = "sales" }
status = { enum = ["prospect", "active", "at_risk"], owner = ["sales", "support"] }
campaign = { type = "string", owner = "sales" }
notes = { type = "string", owner = ["sales", "support"] }
tags = { type = "array", items = { type = "string" } }
open_tickets = { type = "integer", default = 0, owner = "support" }
secret = { type = "string", owner = "support", readers = ["support"] }
[kinds.customer.events.TicketOpened]
owner = "support"
then = { open_tickets = "record.open_tickets + 1" }
[actions.send_upsell]
kind = "outreach"
effects = ["email"]
[actions.announce]
kind = "outreach"
effects = ["email", "letter"]
[actions.care]
kind = "care"
[effects.email]
kind = "customer"
data = { subject = { type = "string" } }
hold = "1h"
[effects.letter]
[[rules]]
name = "support goes first"
when = "agent.role == 'sales' && action.kind == 'outreach' && customer.open_tickets > 0"
then = "defer"
to = "support"
until = "customer.open_tickets == 0"
why = "Support has an open ticket with this customer."
[workflows.offboard]
params.customer = { ref = "customer" }
[[workflows.offboard.steps]]
name = "call"
task = { text = "Call them", to = "sales" }
[workflows.leave]
params.customer = { ref = "customer" }
[[workflows.leave.steps]]
name = "agree"
approval = { to = "operations", text = "May {customer} go?" }
"""


@dataclass(frozen=True)
class Said:
    """Be an answer."""

    text: str
    is_error: bool
    facts: dict[str, Any]

    @property
    def handle(self) -> str:
        """Return the handle that the text gives, as a model reads it."""
        found = re.findall(r"^intent: (\S+)$", self.text, re.MULTILINE)
        assert len(found) == 1, self.text
        return found[0]


class Talk:
    """Call tools one after the other, as code that isn't asynchronous."""

    def __init__(self, portal: BlockingPortal, client: Client) -> None:
        self._portal = portal
        self.client = client

    def __call__(self, tool: str, **arguments: Any) -> Said:
        """Call a tool."""
        return self.ask(tool, arguments)

    def ask(self, tool: str, arguments: dict[str, Any]) -> Said:
        """Call a tool with any arguments."""
        return self._portal.call(self._said, tool, arguments)

    def begin(self, tool: str, **arguments: Any) -> Future[Said]:
        """Call a tool, and return at once what its answer will be in."""
        return self._portal.start_task_soon(self._said, tool, arguments)

    async def _said(self, tool: str, arguments: dict[str, Any]) -> Said:
        result: CallToolResult = await self.client.call_tool(tool, arguments)
        [content] = result.content
        assert isinstance(content, TextContent)
        return Said(content.text, result.is_error, result.structured_content or {})

    def run(self, method: str, *arguments: Any) -> Any:
        """Return what a method of the client gives."""
        return self._portal.call(getattr(self.client, method), *arguments)


@contextmanager
def talking(server: Any, **options: Any) -> Generator[Talk]:
    """Give a talk with a server: one of this process, or a program to start."""
    with start_blocking_portal() as portal:
        client = Client(server, **options)
        with portal.wrap_async_context_manager(client):
            yield Talk(portal, client)


@contextmanager
def beside(agent: Agent, held: HeldIntents, tools: Selection = "all") -> Generator[Talk]:
    """Give a talk with a server of this process."""
    visitor = Visitor(agent)
    with talking(make_server(lambda context: visitor, held=held, tools=tools)) as talk:
        yield talk


def program(file: Path, agent: str, *more: str) -> StdioServerParameters:
    """Return how a client starts a server for one agent."""
    environment = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "NO_COLOR": "1"}
    arguments = ["-m", "comity", "mcp", "serve", "--url", str(file), "--agent", agent, *more]
    return StdioServerParameters(command=sys.executable, args=arguments, env=environment)


@contextmanager
def over_http(url: str, shown: str | dict[str, str], **options: Any) -> Generator[Talk]:
    """Give a talk over HTTP as an agent that says who it is, or shows it by these headers."""
    with start_blocking_portal() as portal:
        http = httpx2.AsyncClient(headers={"Comity-Agent": shown} if isinstance(shown, str) else shown)
        client = Client(streamable_http_client(url, http_client=http), **options)
        with portal.wrap_async_context_manager(http), portal.wrap_async_context_manager(client):
            yield Talk(portal, client)
