"""docs/python.md names everything that is public."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import comity
from comity.operations import Answer

PAGE = (Path(__file__).parent.parent.parent / "docs" / "python.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", PAGE))))
HANDLES = [comity.Workspace, comity.Agent, comity.Intent, comity.Record, comity.Page, comity.Decision, comity.Finding]


def test_every_public_name_is_there() -> None:
    assert set(comity.__all__) - NAMED == set()


@pytest.mark.parametrize("handle", HANDLES, ids=lambda handle: handle.__name__)
def test_every_member_of_a_handle_is_there(handle: type) -> None:
    members = {
        name
        for owner in handle.__mro__
        if owner.__module__.startswith("comity.")
        for name, member in vars(owner).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
    }
    assert members - NAMED == set()


@pytest.mark.parametrize("answer", Answer.__subclasses__(), ids=lambda answer: answer.__name__)
def test_every_field_of_an_answer_is_there(answer: type[Answer]) -> None:
    assert set(answer.__struct_fields__) - NAMED == set()
