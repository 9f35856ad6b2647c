"""Announced intents by the records that they are about."""

from __future__ import annotations

from typing import Any

import pytest

from comity import limits
from comity.clock import format_time
from comity.deciding.announced import Announced
from comity.deciding.view import FindNeed, Ref
from comity.model.records import Life, RecordState
from tests.deciding.cases import NOW_US, World, state

LATER = format_time(NOW_US + 1_000_000)


def intent(name: str, *about: str, life: Life = "live") -> RecordState:
    values: dict[str, Any] = {"agent": "ann", "about": list(about), "expires_at": LATER}
    return state(f"$intent/{name}", life, **values)


def names(held: Announced, record: str) -> list[str] | None:
    found = held.on(record)
    return None if found is None else [one.id for one in found]


def test_it_follows_what_becomes_of_intents() -> None:
    held = Announced([intent("i", "task/a", "task/b", "task/a"), intent("j", "task/a")])
    assert (names(held, "task/a"), names(held, "task/b"), names(held, "task/c")) == (["i", "j"], ["i"], [])
    held.take(intent("i", "task/c"))
    assert (names(held, "task/a"), names(held, "task/b"), names(held, "task/c")) == (["j"], [], ["i"])
    held.take(intent("i", "task/c", life="archived"))
    held.take(intent("never", "task/c", life="archived"))
    assert names(held, "task/c") == []
    assert vars(held) == vars(Announced([intent("j", "task/a")]))


def test_limit_intents_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the bound on they are searched for, and what is found is the same."""
    world = World(*(intent(name, "task/a") for name in "ijkl"), intent("m", "task/b"), intent("n"))
    few = world.ask(lambda view: view.intents(("task", "a"), 3))
    assert not any(isinstance(need, FindNeed) for need in world.asked)
    monkeypatch.setattr(limits, "INTENTS_HELD", 5)
    many = world.ask(lambda view: view.intents(("task", "a"), 3))
    assert any(isinstance(need, FindNeed) for need in world.asked)
    assert [one.id for one in few] == [one.id for one in many] == ["i", "j", "k"]
    held = Announced([intent("i", "task/a")])
    for number in range(limits.INTENTS_HELD):
        held.take(intent(f"x{number}", "task/a"))
    assert names(held, "task/a") is None


def test_what_the_batch_did_counts() -> None:
    world = World(intent("i", "task/a"), intent("j", "task/a"), intent("k", "task/b"))
    view = world.view()
    changed = [intent("i", life="archived"), intent("k", "task/a"), intent("a", "task/a"), intent("b", "task/b")]
    drafted: dict[Ref, RecordState] = {("$intent", one.id): one for one in changed}
    view.accept(drafted, (), "ann", None)
    assert [one.id for one in world.ask(lambda view: view.intents(("task", "a"), 10), view)] == ["a", "j", "k"]
