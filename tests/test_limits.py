"""Every bound is a constant, is used, and has a test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from comity import limits

ROOT = Path(__file__).parents[1]
NAMES = sorted(name for name in vars(limits) if name.isupper())
ELSEWHERE = {
    "BATCH_BYTES": "tests/test_lane.py",
    "BATCH_PROPOSALS": "tests/test_lane.py",
    "LANE_TIMEOUT_S": "tests/test_lane.py",
    "PATTERN_CHARS": "tests/deciding",
}
"""Tests that name what they test in their own words."""


def used_in(folder: Path) -> set[str]:
    text = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py") if path.name != "limits.py")
    return {name for name in NAMES if re.search(rf"\b{name}\b", text)}


def test_every_bound_is_kept_somewhere() -> None:
    assert sorted(set(NAMES) - used_in(ROOT / "src")) == []


def test_every_bound_has_a_test() -> None:
    tests = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)
    )
    assert [name for name in NAMES if not re.search(rf"\b{name}\b", tests) and name not in ELSEWHERE] == []


def test_every_bound_is_declared_final_in_one_place() -> None:
    tree = ast.parse(Path(limits.__file__).read_text(encoding="utf-8"))
    declared = [node.target.id for node in tree.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]
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
