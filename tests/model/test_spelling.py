from __future__ import annotations

from typing import Any

import pytest

from comity.model.proposals import Proposal
from comity.model.spelling import misspelt


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"id": "p", "changes": [{"do": "put", "record": "c/1", "fields": {"feilds": {"do": 1}}, "replace": True}]},
        {"reads": [{"of": "was", "record": "c/1", "values": {"x": 1}}, {"of": "record", "record": "c/1"}]},
        {"reads": [{"of": "query", "query": {"kind": "c", "where": [["n", "=", 1]], "order": [["n", True]]}}]},
        [],
        None,
        {"changes": None},
        {"changes": [1]},
    ],
)
def test_what_is_spelt_right_or_of_another_type(value: Any) -> None:
    assert list(misspelt(value, Proposal)) == []


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"chnges": []}, "it has no 'chnges'; did you mean 'changes'?"),
        (
            {"changes": [{"do": "set", "record": "c/1", "values": {}}]},
            "changes[0] has no 'values': it takes do, record, fields",
        ),
        (
            {"changes": [{"do": "delete", "record": "c/1"}, {"do": "put", "recrd": "c/1"}]},
            "changes[1] has no 'recrd'; did you mean 'record'?",
        ),
        ({"changes": [{"do": "creat", "record": "c/1"}]}, "changes[0].do is 'creat'; did you mean 'create'?"),
        ({"changes": [{"do": ["put"], "record": "c/1"}]}, "changes[0].do is \"['put']\""),
        ({"changes": [{"record": "c/1"}]}, "changes[0] lacks 'do': one of create, set, put"),
        (
            {"reads": [{"of": "query", "query": {"kind": "c", "wher": []}}]},
            "reads[0].query has no 'wher'; did you mean 'where'?",
        ),
    ],
)
def test_what_is_misspelt(value: Any, told: str) -> None:
    (problem,) = misspelt(value, Proposal)
    assert problem.startswith(told)


def test_every_misspelt_name_is_told() -> None:
    value = {"a": 1, "changes": [{"do": "set", "b": 1, "c": 2}]}
    assert len(list(misspelt(value, Proposal))) == 3
