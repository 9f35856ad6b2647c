"""Announced intents by the records that they are about, kept up by the log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.coordination import intents
from comity.coordination.intents import Standing, find_open, presence_of, subjects_of
from comity.model.built_in import INTENT
from comity.model.definition import AgentDefinition
from comity.model.filters import Condition
from comity.model.proposals import Emit
from comity.store.contract import Store
from comity.testing.manual_clock import START_US, ManualClock

SECOND_US = 1_000_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ws(tmp_path: Path, clock: ManualClock) -> Iterator[comity.Workspace]:
    with comity.open(tmp_path / "base.db", clock=clock) as made:
        yield made


def catch_up(standing: Standing, store: Store, now_us: int = START_US) -> Standing:
    with store.snapshot() as snapshot:
        standing.catch_up(snapshot, now_us)
    return standing


def agents_on(standing: Standing, record: str, now_us: int | None = None) -> list[str]:
    return [state.values["agent"] for state in standing.on(record, now_us)]


ANN = AgentDefinition(name="ann", role="seller", kind="service")


def test_announcing_and_withdrawing_are_transitions() -> None:
    made = intents.announcement("i1", ANN, ["task/a"], START_US, action="act", exclusive=True)
    who = {"agent_kind": "service", "role": "seller"}
    data = {**who, "about": ["task/a"], "expires_at": "2023-11-14T22:13:20Z", "action": "act"}
    assert made == Emit("$intent/i1", "announced", {**data, "exclusive": True})
    assert intents.withdrawal("i1") == Emit("$intent/i1", "withdrawn")


@pytest.mark.parametrize(
    ("field", "bound"), [("action", "NAME_CHARS"), ("plan", "PLAN_CHARS"), ("about", "ANNOUNCED_RECORDS")]
)
def test_what_is_emitted_by_hand_has_the_same_bounds(ws: comity.Workspace, field: str, bound: str) -> None:
    ann, most = ws.agent("ann"), getattr(limits, bound)
    data = {"agent_kind": "agent", "role": "ann", "about": ["task/a"], "expires_at": "2023-11-15T00:00:00Z"}
    made: dict[int, object] = {n: ["task/a"] * n if field == "about" else "x" * n for n in (most, most + 1)}
    ann.emit("$intent/i1", "announced", {**data, field: made[most]})
    with pytest.raises(comity.Refused):
        ann.emit("$intent/i2", "announced", {**data, field: made[most + 1]})


def test_standing_follows_what_is_announced_changed_and_closed(ws: comity.Workspace) -> None:
    standing, store = Standing(INTENT, subjects_of), ws._engine.store
    assert agents_on(catch_up(standing, store), "task/a") == []
    ann, bob = ws.agent("ann").intent(about="task/a"), ws.agent("bob").intent(about=["task/a", "task/b"])
    ann.announce(plan="p")
    bob.announce()
    assert agents_on(standing, "task/a") == [], "it knows what it has caught up with"
    catch_up(standing, store)
    assert (agents_on(standing, "task/a"), agents_on(standing, "task/b")) == (["ann", "bob"], ["bob"])
    bob.about = ("task/b",)
    bob.announce()
    ann.withdraw()
    catch_up(standing, store)
    assert (agents_on(standing, "task/a"), agents_on(standing, "task/b")) == ([], ["bob"])
    assert standing.revision == ws.revision
    [state] = standing.on("task/b")
    presence = presence_of(state, "task/b")
    assert (presence.agent, presence.since, presence.expires) == ("bob", START_US, START_US + 600 * SECOND_US)


def test_standing_loads_anew_for_another_base_and_where_it_missed_too_much(
    ws: comity.Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    standing = catch_up(Standing(INTENT, subjects_of), ws._engine.store)
    monkeypatch.setattr(limits, "INTENTS_PAGE", 2)
    for name in ("ann", "bob", "cid"):
        ws.agent(name).intent(about="task/a").announce()
    assert agents_on(catch_up(standing, ws._engine.store), "task/a") == ["ann", "bob", "cid"]
    with comity.open(tmp_path / "other.db", clock=ManualClock()) as other:
        other.agent("dan").intent(about="task/a").announce()
        assert agents_on(catch_up(standing, other._engine.store), "task/a") == ["dan"]


def test_s6_what_has_expired_is_not_shown_and_is_dropped_in_time(ws: comity.Workspace, clock: ManualClock) -> None:
    standing, store = Standing(INTENT, subjects_of), ws._engine.store
    catch_up(standing, store)
    for number in range(100):
        ws.agent(f"a{number}").intent(about=f"task/t{number}").announce(ttl="1m")
    catch_up(standing, store)
    later = START_US + 60 * SECOND_US
    assert agents_on(standing, "task/t1") == agents_on(standing, "task/t1", later - 1) == ["a1"]
    assert agents_on(standing, "task/t1", later) == []
    clock.advance(seconds=120)
    ws.agent("last").intent(about="task/z").announce()
    catch_up(standing, store, later + 60 * SECOND_US)
    assert (agents_on(standing, "task/t1"), agents_on(standing, "task/z")) == ([], ["last"])


def test_finding_what_is_open_goes_through_all_pages(ws: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        ws.agent(f"a{number}").intent(about=f"task/t{number % 2}").announce(ttl=f"{number + 1}m")
    monkeypatch.setattr(limits, "QUERY_RECORDS", 2)
    with ws._engine.store.snapshot() as snapshot:
        assert len(find_open(snapshot, INTENT, START_US)) == 5
        assert len(find_open(snapshot, INTENT, START_US + 120 * SECOND_US)) == 3
        about = Condition("about", "has", "task/t1")
        assert sorted(one.values["agent"] for one in find_open(snapshot, INTENT, START_US, about)) == ["a1", "a3"]
