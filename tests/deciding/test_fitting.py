"""Whether a record fits a definition."""

from __future__ import annotations

import pytest

from comity.deciding.compile import compile_definition
from comity.deciding.fitting import misfits
from comity.model.reading import read_definition
from comity.model.records import RecordState
from tests.deciding.cases import state

SOURCE = '[kinds.task.fields]\ntitle = { type = "string", required = true }\nn = { type = "integer" }\n'


@pytest.mark.parametrize(
    ("record", "problems"),
    [
        (state("task/a", title="t", n=1), []),
        (state("task/a", title="t", n="1"), ["task/a.n: "]),
        (state("task/a", n=1), ["task/a.title: required, and empty"]),
        (state("task/a", title="t", nn=1), ["task/a.nn: no such field is declared"]),
        (state("task/a", "archived", n=1), ["task/a.title: required, and empty"]),
        (state("task/a", "deleted", n="1"), []),
        (state("memo/a", n=1), ["memo/a: its kind isn't declared"]),
        (state("$agent/a", n=1), []),
    ],
)
def test_what_does_not_fit(record: RecordState, problems: list[str]) -> None:
    found = list(misfits(record, compile_definition(read_definition(SOURCE), 1), None))
    assert len(found) == len(problems)
    assert all(one.startswith(start) for one, start in zip(found, problems, strict=True))


@pytest.mark.parametrize("source", ["", 'undeclared = "allow"\n' + SOURCE])
def test_undeclared_kinds_fit_where_they_are_allowed(source: str) -> None:
    assert list(misfits(state("memo/a", n=1), compile_definition(read_definition(source), 1), None)) == []
