"""A glance costs no search, and tells "no news" only where that is sure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity.coordination.news import Glance, Look, changes_of, is_attended, is_quiet
from comity.model.news import WHOLE
from comity.model.records import LIFE

COUNTED = 'undeclared = "allow"\n[kinds.task.fields]\nn = { event = "Counted" }\nm = {}\n'
SEEN = 'undeclared = "allow"\n[kinds.task.fields]\nn = {}\nm = {}\n[kinds.task.events.Seen]\n'


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[comity.Workspace]:
    with comity.open(tmp_path / "base.db") as made:
        made.agent("ann").put("task/a", n=1, m=1)
        made.agent("ann").put("note/x", n=1)
        yield made


def quiet(ws: comity.Workspace, glance: Glance) -> bool:
    return is_quiet(ws._engine.coordinator, ws._engine.presences, glance)


def test_a_glance_is_quiet_where_nothing_concerns(ws: comity.Workspace) -> None:
    known = {"task/a": 1}
    assert quiet(ws, Glance("ann", known, (), 2, 2))
    ws.agent("bob").put("note/y", n=1)
    assert quiet(ws, Glance("ann", known, (), 2, 3)), "another kind"
    ws.agent("bob").put("task/b", n=1)
    assert quiet(ws, Glance("ann", known, ("task/c",), 2, 4)), "another record"
    ws.agent("ann").add("task/a", n=1)
    assert quiet(ws, Glance("ann", {"task/a": 2}, (), 2, 5)), "the version that it has seen or made"
    assert not quiet(ws, Glance("ann", known, (), 2, 5))


def test_a_glance_can_not_tell_where_memory_is_behind(ws: comity.Workspace, tmp_path: Path) -> None:
    with comity.open(tmp_path / "base.db") as other:
        other.agent("bob").put("note/y", n=1)
    assert not quiet(ws, Glance("ann", {"task/a": 1}, (), 2, 3))


def test_it_is_known_whether_anybody_may_be_active(ws: comity.Workspace) -> None:
    coordinator = ws._engine.coordinator
    assert not is_attended(coordinator, 2)
    assert is_attended(coordinator, 3), "memory is behind that"
    ws.agent("bob").intent(about="task/a").announce()
    assert is_attended(coordinator, 3)


def test_a_glance_is_not_quiet_where_somebody_may_be_active(ws: comity.Workspace) -> None:
    ws.agent("bob").intent(about="task/a").announce()
    assert not quiet(ws, Glance("ann", {}, ("task/a",), 3, 3))
    assert ws.agent("ann").intent().get("task/a").news is not None
    assert quiet(ws, Glance("ann", {}, ("task/b",), 3, 3))
    assert quiet(ws, Glance("bob", {}, ("task/a",), 3, 3)), "oneself"
    assert quiet(ws, Glance("ann", {"task/a": 1}, (), 3, 3)), "told already"
    assert not quiet(ws, Glance("ann", {"task/a": 1}, (), 2, 3))


@pytest.mark.parametrize(
    ("read", "is_broken"),
    [
        ({}, False),
        ({"n": 2}, True),
        ({"n": 3}, False),
        ({"m": 2}, False),
        ({LIFE: 2}, False),
        ({WHOLE: 2}, True),
        ({WHOLE: 3, "m": 2}, False),
    ],
)
def test_a_change_breaks_a_read_of_the_field_at_an_earlier_revision(
    ws: comity.Workspace, read: dict[str, int], is_broken: bool
) -> None:
    ws.agent("bob").add("task/a", n=1)
    with ws._engine.store.snapshot() as snapshot:
        [item] = changes_of(snapshot, Look("ann", ("task/a",), 2, 3, read={"task/a": read}))
        assert item.is_broken == is_broken
        assert changes_of(snapshot, Look("bob", ("task/a",), 2, 3)) == []
        assert changes_of(snapshot, Look("ann", ("task/a", "task/none"), 3, 3)) == []


def test_a_commit_of_several_events_is_one_item(ws: comity.Workspace, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(COUNTED, encoding="utf-8")
    ws.apply(tmp_path / "c.toml")
    ws.agent("bob").put("task/a", n=2, m=2, was={"n": 1, "m": 1})
    with ws._engine.store.snapshot() as snapshot:
        [item] = changes_of(snapshot, Look("ann", ("task/a",), 3, 4))
    assert (item.type, item.now, item.event) == ("Counted", {"n": 2, "m": 2}, "4.0")


def test_an_event_that_changes_nothing_is_told_as_having_happened(ws: comity.Workspace, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(SEEN, encoding="utf-8")
    ws.apply(tmp_path / "c.toml")
    ws.agent("bob").emit("task/a", "Seen")
    news = ws.agent("ann").news("task/a", since=3)
    assert str(news).splitlines()[1].startswith("task/a Seen happened, by bob ")
