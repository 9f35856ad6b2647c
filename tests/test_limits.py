"""Every bound is a constant, is used, and has a test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from comity import limits
from comity.deciding.compile import compile_definition
from comity.model.definition import Definition
from comity.model.filters import Query
from comity.operations import Find
from comity.store.sqlite.opening import connect

ROOT = Path(__file__).parents[1]
NAMES = sorted(name for name in vars(limits) if name.isupper())
ELSEWHERE = {
    "CACHE_BYTES": "tests/coordinator/test_loop.py",
    "EXPRESSION_LOOP_NESTING": "tests/deciding/expressions/test_bounds.py",
}
"""Tests that name what they test in their own words."""


def words_in(folder: Path, pattern: str) -> set[str]:
    """Return the words of capitals in files."""
    files = (path for path in folder.rglob(pattern) if path.name != "limits.py")
    return {word for path in files for word in re.findall(r"\b[A-Z0-9_]+\b", path.read_text(encoding="utf-8"))}


def test_every_bound_is_kept_somewhere() -> None:
    assert sorted(set(NAMES) - words_in(ROOT / "src", "*.py")) == []


def test_every_bound_has_a_test() -> None:
    assert sorted(set(NAMES) - words_in(ROOT / "tests", "test_*.py") - set(ELSEWHERE)) == []
    assert all((ROOT / file).exists() for file in ELSEWHERE.values())


def test_every_bound_is_declared_final_in_one_place() -> None:
    tree = ast.parse(Path(limits.__file__).read_text(encoding="utf-8"))
    declared = [
        node.target.id for node in tree.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    assert sorted(declared) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_bounds_are_numbers(name: str) -> None:
    value = getattr(limits, name)
    assert isinstance(value, (int, float))
    assert value > 0 or name == "INTEGER_MIN"


def test_a_search_for_one_more_than_the_bound_is_within_the_bound_of_searches() -> None:
    assert limits.DERIVED_WRITES < limits.QUERY_RECORDS
    assert limits.EVENTS_PER_COMMIT < 65_536
    assert limits.RECORD_BYTES < limits.COMMIT_BYTES


def test_limit_store_busy_s(tmp_path: Path) -> None:
    connection = connect(tmp_path / "base.db", "FULL", 100)
    assert next(iter(connection.execute("PRAGMA busy_timeout")))[0] == limits.STORE_BUSY_S * 1_000
    connection.close()


def test_limit_query_records_default() -> None:
    assert Query("task").limit == Find(kind="task").limit == limits.QUERY_RECORDS_DEFAULT


def test_limit_assumptions_cached() -> None:
    compiled = compile_definition(Definition(), 0)
    assert compiled.assumption("1 == 1") is compiled.assumption("1 == 1")
    assert compiled.assume.cache_info().maxsize == limits.ASSUMPTIONS_CACHED  # type: ignore[attr-defined]
