"""What a model is shown of the tools: how much of it, and in which form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from comity.model.texts import tokens
from comity.server.intents import HeldIntents
from comity.server.mcp.resources import ROUTINE
from comity.server.mcp.tools import BY_NAME, INSTRUCTIONS, TOOLS
from comity.workspace import Workspace
from tests.serving.mcp.talking import Talk, beside

ALL = ["read", "find", "write", "act", "wait", "begin", "write_all", "offer", "inbox", "answer", "claim", "history"]
BASIC = ALL[:5]
HUMANS = ("approve", "deny", "pin", "pause", "freeze", "lift", "revert", "rollback", "apply", "grant", "override")


def counted(tools: list[Any]) -> int:
    """Return about how many tokens a model reads: four letters or digits are one, and so is a run of JSON's signs."""
    shown = [{"name": one.name, "description": one.description, "inputSchema": one.input_schema} for one in tools]
    return len(re.findall(r"[A-Za-z0-9]{1,4}|[^\sA-Za-z0-9]+", msgspec.json.encode(shown).decode()))


def test_the_list_of_tools_fits_its_budget(sales: Talk) -> None:
    tools = sales.run("list_tools").tools
    assert [tool.name for tool in tools] == ALL
    assert counted(tools) <= 1_500


def test_the_basic_list_fits_its_budget(ws: Workspace) -> None:
    with beside(ws.agent("sales"), HeldIntents(), "basic") as talk:
        tools = talk.run("list_tools").tools
        assert [tool.name for tool in tools] == BASIC
        assert counted(tools) <= 600
        assert "there is no tool" in talk("inbox").text


def test_the_instructions_fit_their_budget(sales: Talk) -> None:
    assert sales.client.instructions == INSTRUCTIONS
    assert tokens(INSTRUCTIONS) <= 150


def parts(schema: Any) -> Iterator[Any]:
    yield schema
    if isinstance(schema, dict):
        for value in schema.values():
            yield from parts(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from parts(value)


@pytest.mark.parametrize("name", ALL)
def test_schemas_are_flat(name: str) -> None:
    schema = BY_NAME[name].listed().input_schema
    for part in parts(schema):
        assert part not in ("null", "anyOf", "oneOf", "allOf", "$ref", None)
        assert not isinstance(part, dict) or not {"anyOf", "oneOf", "allOf", "$ref", "$defs"} & part.keys()
    assert all("type" in one for one in schema["properties"].values())
    assert len(schema["properties"]) <= 9


@pytest.mark.parametrize("name", ALL)
def test_every_example_is_right(name: str) -> None:
    tool = BY_NAME[name]
    schema = tool.listed().input_schema
    assert set(tool.example) <= set(schema["properties"])
    assert set(schema.get("required", ())) <= set(tool.example)


def test_what_only_humans_may_do_is_no_tool() -> None:
    names = " ".join(tool.name for tool in TOOLS)
    assert not [word for word in HUMANS if word in names]


def test_there_is_a_prompt_for_the_routine(sales: Talk) -> None:
    assert [prompt.name for prompt in sales.run("list_prompts").prompts] == [ROUTINE.name]
    [message] = sales.run("get_prompt", "routine", {"task": "renew acme"}).messages
    assert "begin with what you plan" in message.content.text
    assert message.content.text.endswith("The task: renew acme")
