"""Answers of a bounded size, read in portions: the same as in one piece, and never more than anyone can hold."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

import comity
from comity import limits
from comity.model.filters import query
from comity.store.contract import EventFilter, Snapshot
from comity.verbs import portions
from comity.verbs.portions import find_events, find_states, states_of, within_response

TEXT = "x" * 1_000


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have portions of three, so that few records are many portions."""
    monkeypatch.setattr(portions, "AT_ONCE", 3)


@pytest.fixture
def filled(base: comity.Workspace) -> comity.Workspace:
    """Twenty records of a thousand bytes, in five commits of four."""
    for start in range(0, 20, 4):
        with base.agent("ann").intent(reason="fill") as intent:
            for number in range(start, start + 4):
                intent.put(f"memo/m{number:02}", text=TEXT, n=number % 3)
    return base


@contextmanager
def snapshot_of(workspace: comity.Workspace) -> Generator[Snapshot]:
    with workspace._engine.store.snapshot() as snapshot:
        yield snapshot


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 6, 19, 20, 21, 100])
@pytest.mark.parametrize("order", [(), ("n",), ("-n", "$id")])
@pytest.mark.parametrize("revision", [None, 3])
def test_a_search_in_portions_finds_the_same(
    filled: comity.Workspace, limit: int, order: tuple[str, ...], revision: int | None
) -> None:
    asked = query("memo", order=order, limit=limit)
    with snapshot_of(filled) as snapshot:
        assert list(find_states(snapshot, asked, revision)) == snapshot.find(asked, revision=revision)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 3, 4, 5, 8, 13, 20, 100])
@pytest.mark.parametrize(
    "chosen",
    [
        EventFilter(),
        EventFilter(kind="memo"),
        EventFilter(agent="ann"),
        EventFilter(after=1, upto=4),
        EventFilter(kind="memo", id="m05"),
        EventFilter(agent="nobody"),
    ],
)
def test_events_in_portions_are_the_same(
    filled: comity.Workspace, chosen: EventFilter, limit: int, newest_first: bool
) -> None:
    asked = msgspec.structs.replace(chosen, limit=limit, newest_first=newest_first)
    with snapshot_of(filled) as snapshot:
        assert list(find_events(snapshot, asked)) == snapshot.events(asked)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("revision", [None, 2])
def test_records_in_portions_come_in_the_order_asked(filled: comity.Workspace, revision: int | None) -> None:
    wanted = [("memo", f"m{number:02}") for number in (7, 1, 19, 3, 1)] + [("memo", "never")]
    with snapshot_of(filled) as snapshot:
        found = list(states_of(snapshot, wanted, revision))
    assert [(state.kind, state.id) for state in found] == wanted
    assert [state.exists for state in found] == [True, True, revision is None, True, True, False]


def test_what_is_too_much_is_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RESPONSE_BYTES", 10)
    read: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            read.append(number)
            yield number

    with pytest.raises(comity.LimitExceeded, match="more than 10 bytes: ask for less"):
        list(within_response(items(), lambda number: "abc", "ask for less"))
    assert read == [0, 1, 2]


Ask = Callable[[comity.Workspace], Any]
READING: dict[str, tuple[Ask, str]] = {
    "find": (lambda ws: ws.find("memo"), "smaller limit"),
    "find at": (lambda ws: ws.find("memo", at=5), "smaller limit"),
    "get_many": (lambda ws: ws.get_many([f"memo/m{number:02}" for number in range(20)]), "fewer records"),
    "at": (lambda ws: ws.at(5), "smaller limit"),
    "diff": (lambda ws: ws.diff(0), "closer together"),
    "history": (lambda ws: ws.history(), "smaller limit"),
    "revert": (lambda ws: ws.revert(agent="ann"), "later moment with since"),
}


@pytest.mark.parametrize("name", READING)
def test_limit_response_bytes(filled: comity.Workspace, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    ask, remedy = READING[name]
    monkeypatch.setattr(limits, "RESPONSE_BYTES", 19 * len(TEXT))
    with pytest.raises(comity.LimitExceeded, match=remedy):
        ask(filled)
    assert filled.revision == 5
    monkeypatch.setattr(limits, "RESPONSE_BYTES", 21 * len(TEXT) + 2_000)
    ask(filled)


def test_what_was_too_much_can_be_had_in_steps(filled: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RESPONSE_BYTES", 9 * len(TEXT))
    first = filled.find("memo", limit=8)
    assert len([*first, *filled.find("memo", limit=8, after=first.after)]) == 16
    assert len(filled.get_many([f"memo/m{number:02}" for number in range(8)])) == 8
    assert len(filled.history(limit=8).events) == 8
    assert len(filled.diff(3).differences) == 8 * 3
    assert filled.verify().is_clean
    for since in (4, 2, 0):
        filled.revert(agent="ann", since=since)
    assert filled.count("memo") == 0


@pytest.mark.usefixtures("small")
def test_what_writes_to_a_file_has_no_such_bound(
    filled: comity.Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(limits, "RESPONSE_BYTES", 10)
    assert filled.export_file(tmp_path / "memos.ndjson").records == 20


def test_a_commit_is_undone_however_large_it_was(filled: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RESPONSE_BYTES", 10)
    assert filled.revert(commit=2).decisions[0].is_committed
    assert filled.count("memo") == 16
