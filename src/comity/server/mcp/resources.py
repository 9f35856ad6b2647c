"""Records, their history and the definition, for clients that show resources to people or attach them.

They are JSON, and what is read of them isn't noted: a change rests on what the tools showed.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from mcp_types import (
    GetPromptResult,
    Prompt,
    PromptArgument,
    PromptMessage,
    Resource,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
)

from comity.errors import NotFound
from comity.model.texts import quote
from comity.operations import Get, History, ShowDefinition
from comity.server.mcp.visiting import Visitor

_URI: Final = re.compile(r"comity://(?P<workspace>[^/]+)/(?P<what>records|history|definition)(?:/(?P<record>.+))?\Z")
_EVENTS: Final = 50
_JSON: Final = "application/json"

ROUTINE: Final = Prompt(
    name="routine",
    description="How to work on shared records with other agents, step by step.",
    arguments=[PromptArgument(name="task", description="what is to be done", required=False)],
)
_STEPS: Final = """Work on the shared records so that you and the other agents don't tread on each other:
1. begin with what you plan and the records it is about; if something stands in its way, do what the answer says.
2. read or find what you need, and pass the last intent handle with each call.
3. Decide, then write, write_all, offer or act, with an action where the workspace declares some, and a reason.
4. committed: go on. refused: look at what changed, decide again, and repeat with accept if it still stands.
   pending: wait for the ticket, or go on with something else; the inbox tells what became of it.
5. At the end look into your inbox, answer what waits for you, and release what you claimed."""


def listed(visitor: Visitor) -> list[Resource]:
    """Return what can be read without knowing any name."""
    uri = f"comity://{visitor.workspace}/definition"
    return [Resource(uri=uri, name="definition", mime_type="application/toml", description="Kinds, owners, rules")]


def templates(workspace: str) -> list[ResourceTemplate]:
    """Return how records, and what happened to them, are named."""
    base = f"comity://{workspace}"
    record = ResourceTemplate(uri_template=f"{base}/records/{{kind}}/{{id}}", name="record", mime_type=_JSON)
    history = ResourceTemplate(uri_template=f"{base}/history/{{kind}}/{{id}}", name="history", mime_type=_JSON)
    return [record, history]


def read(visitor: Visitor, uri: str) -> TextResourceContents:
    """Return a resource; raises NotFound for what is none in this workspace."""
    found = _URI.match(uri)
    if found is None or found["workspace"] != visitor.workspace:
        raise NotFound(f"there is no resource {quote(uri, 120)}: see the templates comity://{visitor.workspace}/…")
    if found["what"] == "definition":
        return TextResourceContents(uri=uri, mime_type="application/toml", text=visitor.ask(ShowDefinition()).source)
    answer = _answer(visitor, found["what"], found["record"] or "")
    return TextResourceContents(uri=uri, mime_type=_JSON, text=msgspec.json.encode(answer).decode())


def _answer(visitor: Visitor, what: str, record: str) -> Any:
    if what == "records":
        return visitor.ask(Get(record=record))
    return visitor.ask(History(record=record, limit=_EVENTS))


def routine(task: str) -> GetPromptResult:
    """Return the working routine, for a task where one is named."""
    text = f"{_STEPS}\n\nThe task: {task}" if task else _STEPS
    return GetPromptResult(messages=[PromptMessage(role="user", content=TextContent(text=text))])
