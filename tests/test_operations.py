"""The table of operations is complete, and every surface has every row."""

from __future__ import annotations

import inspect

import msgspec
import pytest

from comity import operations
from comity.operations import BY_NAME, BY_REQUEST, OPERATIONS, Operation, Passing, Request, Write
from comity.verbs import VERBS
from comity.workspace import Agent, Consumer, Intent, Workspace

PYTHON = {
    "import": "import_file",
    "export": "export_file",
    "agents": "agents",
    "withdraw_intent": "withdraw",
    "take_lease": "lease",
    "consume": "consumer",
    "confirm": "ack",
}


def rows() -> list[Operation]:
    return list(OPERATIONS)


def test_every_request_has_a_row_and_every_row_a_verb() -> None:
    requests = {
        one
        for one in vars(operations).values()
        if inspect.isclass(one) and issubclass(one, Request) and one not in (Request, Passing, Write)
    }
    assert {row.request for row in OPERATIONS} == requests
    assert set(VERBS) == requests
    assert len(BY_NAME) == len(BY_REQUEST) == len(OPERATIONS)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_every_row_is_there_for_python(row: Operation) -> None:
    name = PYTHON.get(row.name, row.name)
    owner = next((one for one in (Workspace, Agent, Intent, Consumer) if hasattr(one, name)), None)
    assert owner is not None or row.name == "stale"
    if owner is not None:
        assert (getattr(owner, name).__doc__ or "").strip()


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_every_row_says_what_it_does_takes_and_gives(row: Operation) -> None:
    assert row.summary.endswith(".")
    assert row.summary[0].isupper()
    assert row.permission in ("read", "write", "operate")
    assert row.surfaces
    assert msgspec.json.schema(row.request)
    assert msgspec.json.schema(row.answer)


def test_no_two_rows_share_a_command() -> None:
    commands = [row.command for row in OPERATIONS if "cli" in row.surfaces]
    assert len(set(commands)) == len(commands)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_every_argument_of_a_request_is_explained(row: Operation) -> None:
    schema = msgspec.json.schema(row.request)
    assert "$defs" in schema


def test_single_changes_take_the_same_options() -> None:
    options = set(Write.__struct_fields__)
    for row in OPERATIONS:
        if issubclass(row.request, Write):
            assert options <= set(row.request.__struct_fields__)
