"""Applying definitions (S26)."""

from __future__ import annotations

from pathlib import Path

import pytest

import comity
from comity.operations import ApplyAnswer
from tests.verbs.conftest import Open

FIRST = '[kinds.task.fields]\nn = { type = "integer" }\n'
SECOND = FIRST + 'title = { type = "string" }\n[actions.work]\n'
STRICT = '[kinds.task.fields]\nn = { type = "integer", maximum = 5 }\n'


def apply(base: comity.Workspace, folder: Path, source: str, **options: object) -> ApplyAnswer:
    (folder / "new.toml").write_text(source, encoding="utf-8")
    return base.apply(folder / "new.toml", **options)  # type: ignore[arg-type]


def test_s26_a_definition_is_a_commit_and_judges_from_then_on(base: comity.Workspace, tmp_path: Path) -> None:
    answer = apply(base, tmp_path, FIRST)
    assert (answer.number, answer.is_changed, answer.changes) == (1, True, ("+ kind task",))
    assert base.revision == 1
    with pytest.raises(comity.Refused, match="unknown_field"):
        base.agent("ann").put("task/a", x=1)
    assert apply(base, tmp_path, FIRST).is_changed is False
    assert apply(base, tmp_path, SECOND).changes == ("~ kind task", "+ action work")
    assert base.definition().number == 2
    assert base.definition().source == SECOND


def test_s26_the_records_must_fit(base: comity.Workspace, tmp_path: Path) -> None:
    base.agent("ann").put("task/a", n=9)
    with pytest.raises(comity.InvalidDefinition, match=r"new\.toml: the records don't fit: task/a\.n"):
        apply(base, tmp_path, STRICT)
    assert base.definition().number == 0


def test_s26_the_version_replaced_must_be_the_one_in_force(base: comity.Workspace, tmp_path: Path) -> None:
    apply(base, tmp_path, FIRST)
    with pytest.raises(comity.Refused) as refused:
        apply(base, tmp_path, SECOND, replaces=0)
    assert [one.code for one in refused.value.decision.findings] == ["definition.replaced"]
    answer = apply(base, tmp_path, SECOND, replaces=0, dry=True)
    assert (answer.number, answer.is_changed) == (1, False)
    assert apply(base, tmp_path, SECOND, replaces=1).number == 2


def test_a_dry_run_changes_nothing(base: comity.Workspace, tmp_path: Path) -> None:
    assert apply(base, tmp_path, FIRST, dry=True).is_changed
    assert base.revision == 0
    assert base.definition().source == ""


def test_every_problem_is_named_with_its_place(base: comity.Workspace, tmp_path: Path) -> None:
    with pytest.raises(comity.InvalidDefinition) as caught:
        apply(base, tmp_path, '[kinds.task.fields]\nn = { typ = "integer" }\nm = { ref = "tusk" }\n')
    assert [problem.partition(" ")[0] for problem in caught.value.problems] == ["new.toml:2", "new.toml:3"]


def test_agents_may_not_apply(open_base: Open, tmp_path: Path) -> None:
    base = open_base()
    (tmp_path / "new.toml").write_text(FIRST, encoding="utf-8")
    with pytest.raises(comity.Refused) as refused:
        base.agent("ann").apply(tmp_path / "new.toml")
    assert [one.code for one in refused.value.decision.refusals] == ["identity.not_operator"]
    assert base.definition().number == 0


def test_applying_again_makes_the_indexes_that_a_crash_left_out(
    open_base: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "indexed.toml"
    path.write_text('[kinds.customer]\nindexes = [["name"]]\nfields.name = { type = "string" }\n')
    workspace = open_base()
    store = workspace._engine.store
    with monkeypatch.context() as crash:
        crash.setattr(store, "index", lambda wanted: None)
        assert workspace.apply(path).is_changed
    asked: list[object] = []
    monkeypatch.setattr(store, "index", asked.append)
    assert not workspace.apply(path).is_changed
    assert asked == [{"customer": (("name",),)}]
