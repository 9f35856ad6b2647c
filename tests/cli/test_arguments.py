from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity.cli.arguments import pairs, read_of, request_of, signature_of, usage_of, value_of
from comity.errors import InvalidRequest
from comity.model.proposals import Read
from comity.operations import BY_NAME, OPERATIONS, Apply, At, Find, Put

USAGES = {
    "put": "Usage: comity put RECORD [NAME=VALUE ...] [OPTIONS]",
    "emit": "Usage: comity emit RECORD EVENT [NAME=VALUE ...] [OPTIONS]",
    "find": "Usage: comity find KIND [CONDITION ...] [OPTIONS]",
    "get_many": "Usage: comity get-many RECORD ... [OPTIONS]",
    "at": "Usage: comity at MOMENT [TARGET] [CONDITION ...] [OPTIONS]",
    "why": "Usage: comity why RECORD [FIELD] [OPTIONS]",
    "apply": "Usage: comity apply [FILE] [OPTIONS]",
    "issue_key": "Usage: comity agents key AGENT [OPTIONS]",
    "stats": "Usage: comity stats [OPTIONS]",
}


@pytest.mark.parametrize("name", USAGES)
def test_usage(name: str) -> None:
    assert usage_of(BY_NAME[name]) == USAGES[name]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_argument_is_explained(operation: Any) -> None:
    for parameter in signature_of(operation):
        assert parameter.annotation.__metadata__[0].help, parameter.name
    inspect.Signature(signature_of(operation))


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("x", "x"),
        ("", ""),
        ("2", 2),
        ('"2"', "2"),
        ("2.50", 2.5),
        ("null", None),
        ("true", True),
        ("True", "True"),
        ('{"a": [1]}', {"a": [1]}),
        ("[a", "[a"),
        ("007", "007"),
        ("NaN", "NaN"),
        ("@acme", "@acme"),
        ("a=b", "a=b"),
    ],
)
def test_values(word: str, value: Any) -> None:
    assert value_of(word) == value


def test_a_value_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    file.write_text('{"a": 1}')
    assert pairs([f"profile=@{file}"]) == {"profile": {"a": 1}}
    file.write_text("{")
    with pytest.raises(InvalidRequest, match="not JSON"):
        value_of(f"@{file}")


@pytest.mark.parametrize("words", [["x"], ["=1"], [""], ["a=1", "a=1"]])
def test_what_is_no_pair(words: list[str]) -> None:
    with pytest.raises(InvalidRequest):
        pairs(words)


@given(st.text())
def test_any_word_is_a_value_or_refused(word: str) -> None:
    try:
        value_of(word)
    except InvalidRequest:
        assert word.startswith("@")


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("c/a@17", Read("c/a", 17)),
        ("c/a@b@17", Read("c/a@b", 17)),
        ("c/a@17:x,y", Read("c/a", 17, ("x", "y"))),
    ],
)
def test_reads(word: str, read: Read) -> None:
    assert read_of(word) == read


@pytest.mark.parametrize("word", ["", "c/a", "@1", "c/a@", "c/a@x", "c/a@-1", "c/a@²", "c/a@" + "9" * 19])
def test_what_is_no_read(word: str) -> None:
    with pytest.raises(InvalidRequest):
        read_of(word)


def test_requests(tmp_path: Path) -> None:
    assert request_of(BY_NAME["find"], {"kind": "c", "where": ("a=1",), "limit": 3}) == Find(
        kind="c", where=("a=1",), limit=3
    )
    arguments = {"record": "c/a", "fields": ("a=1",), "was": ("b=2",), "reason": "r"}
    assert request_of(BY_NAME["put"], arguments) == Put(record="c/a", fields={"a": 1}, was={"b": 2}, reason="r")
    assert request_of(BY_NAME["at"], {"moment": 3, "target": "c"}) == At(moment=3, target="c")
    file = tmp_path / "x.toml"
    file.write_text("name = 'x'")
    assert request_of(BY_NAME["apply"], {"file": str(file)}) == Apply(source="name = 'x'", origin="x.toml")
