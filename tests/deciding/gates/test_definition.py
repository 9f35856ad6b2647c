"""Does a new definition stand, and do the records fit it?"""

from __future__ import annotations

import pytest

from comity import limits
from comity.deciding.gates.definition import digest_of, judge
from comity.model.proposals import Emit, Put
from comity.model.records import RecordState
from tests.deciding.cases import World, state

STRICT = '[kinds.task.fields]\nn = { type = "integer" }\n'


def apply(source: str, *, replaces: int = 0, scanned: int = 0) -> Emit:
    digest = digest_of(source)
    data = {"source": source, "digest": digest, "replaces": replaces, "scanned": scanned}
    return Emit("$definition/current", "applied", data)


def in_force(version: int) -> RecordState:
    return RecordState(
        "$definition", "current", version, "live", 1, 1, {"source": "", "number": version}, {"source": 1}
    )


def test_a_definition_that_stands_and_that_the_records_fit() -> None:
    assert World(state("task/a", n=1)).codes(judge, apply(STRICT)) == []
    assert World(in_force(3)).codes(judge, apply(STRICT, replaces=3)) == []


@pytest.mark.parametrize(
    ("source", "line"), [("[kinds", "comity.toml:1"), ("[kinds.task.fields]\nn = { typ = 'integer' }", "did you mean")]
)
def test_a_definition_with_problems_names_them(source: str, line: str) -> None:
    (finding,) = World().findings(judge, apply(source))
    assert finding.code == "definition.invalid"
    assert line in finding.message


@pytest.mark.parametrize("replaces", [0, 2, 4])
def test_s26_a_definition_replaces_the_one_it_names(replaces: int) -> None:
    (finding,) = World(in_force(3)).findings(judge, apply(STRICT, replaces=replaces))
    assert finding.code == "definition.replaced"
    assert "version 3 is in force" in finding.message


def test_s26_only_what_changed_since_the_scan_is_looked_at() -> None:
    given = World(state("task/a", n="text", at={"n": 4}))
    assert given.codes(judge, apply(STRICT, scanned=3)) == ["definition.unfit"]
    assert given.codes(judge, apply(STRICT, scanned=4)) == []


def test_limit_scan_under_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SCAN_UNDER_HEAD", 2)
    fitting = [state(f"task/{name}", n=1) for name in "abc"]
    assert World(*fitting[:2]).codes(judge, apply(STRICT)) == []
    assert World(*fitting).codes(judge, apply(STRICT)) == ["definition.scan_outdated"]


@pytest.mark.parametrize("digest", ["", "0", digest_of(STRICT).upper(), digest_of(STRICT + "\n")])
def test_the_digest_is_that_of_the_text(digest: str) -> None:
    data = {"source": STRICT, "digest": digest, "replaces": 0, "scanned": 0}
    assert World().codes(judge, Emit("$definition/current", "applied", data)) == ["definition.digest_differs"]


@pytest.mark.parametrize(("scanned", "expected"), [(4, []), (5, ["definition.scan_unknown"])])
def test_s26_nobody_has_scanned_what_is_yet_to_come(scanned: int, expected: list[str]) -> None:
    """It would hide records that don't fit: only those changed after it are looked at."""
    given = World(state("task/a", n=1), revision=4)
    assert given.codes(judge, apply(STRICT, scanned=scanned)) == expected
    unfit = World(state("task/a", n="text", at={"n": 4}), revision=4)
    assert unfit.codes(judge, apply(STRICT, scanned=10**12)) == ["definition.scan_unknown"]


def test_all_that_is_untrue_is_told_at_once() -> None:
    data = {"source": STRICT, "digest": "", "replaces": 9, "scanned": 9}
    codes = World().codes(judge, Emit("$definition/current", "applied", data))
    assert codes == ["definition.digest_differs", "definition.scan_unknown"]


def test_other_proposals_are_not_asked() -> None:
    assert World().codes(judge, Put("task/a", {"n": "text"})) == []
