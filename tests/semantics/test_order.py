"""S1, S2: strictly serial, and answers whose basis is real."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import comity
from comity.clock import SystemClock
from comity.coordinator import Coordinator
from comity.errors import ComityError
from comity.model.decisions import Decision
from comity.model.proposals import (
    Create,
    Proposal,
    Put,
    Read,
    Was,
)
from comity.store.sqlite import SqliteStore
from comity.testing.faulty_store import Fault, FaultyStore
from comity.workspace.opening import Workspace
from tests.semantics.asking import SUPPORT, ask, decisions
from tests.semantics.conftest import Open

# -- S1: strictly serial


def test_s01_write_skew_is_refused(ws: comity.Workspace) -> None:
    """Each reads both, each writes the other: one after the other, the second rests on what is no longer so."""
    ann, bob = ws.agent("ann"), ws.agent("bob")
    ann.put("duty/ann", on_call=True)
    ann.put("duty/bob", on_call=True)
    with ann.intent() as first:
        second = bob.intent()
        for intent in (first, second):
            assert intent.get("duty/ann").on_call
            assert intent.get("duty/bob").on_call
        first.set("duty/ann", on_call=False)
        second.set("duty/bob", on_call=False)
    decision = second.propose()
    assert decision.is_conflict
    assert [(moved.record, moved.field, moved.by) for moved in decision.findings[0].moved] == [
        ("duty/ann", "on_call", "ann")
    ]


def test_s01_write_skew_within_one_batch_is_refused(coordinator: Coordinator) -> None:
    coordinator.decide([ask("a", Put("duty/ann", {"on": 1})), ask("b", Put("duty/bob", {"on": 1}))])
    both = (Read("duty/ann", 2, ("on",)), Read("duty/bob", 2, ("on",)))
    answers = decisions(
        coordinator.decide(
            [ask("c", Put("duty/ann", {"on": 0}), reads=both), ask("d", Put("duty/bob", {"on": 0}), reads=both)]
        )
    )
    assert [answer.outcome for answer in answers] == ["committed", "refused"]
    assert answers[1].findings[0].code == "freshness.changed"


def test_s01_a_check_taken_before_the_head_proves_nothing(ws: comity.Workspace) -> None:
    """What ``check`` allowed is judged again at the head; the write doesn't rest on it."""
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("customer/acme", status="active")
    intent = sales.intent()
    assert intent.get("customer/acme").status == "active"
    intent.set("customer/acme", status="won")
    assert intent.check().is_allowed
    support.put("customer/acme", status="at_risk", was={"status": "active"})
    assert intent.check().is_conflict
    assert intent.propose().is_conflict
    assert ws.get("customer/acme").status == "at_risk"


def test_s01_a_cache_learns_what_another_process_did(open_again: Open) -> None:
    here, there = open_again(), open_again()
    ours, theirs = here.agent("ours"), there.agent("theirs")
    ours.put("a/1", n=0)
    for n in range(5):
        assert theirs.put("a/1", n=2 * n + 1, was={"n": 2 * n}).is_committed
        with pytest.raises(comity.Conflict):
            ours.put("a/1", n=99, was={"n": 2 * n})
        assert ours.put("a/1", n=2 * n + 2, was={"n": 2 * n + 1}).is_committed
        assert here.get("a/1").n == there.get("a/1").n == 2 * n + 2
    assert [event.event for event in here.history(oldest_first=True).events] == [f"{n}.0" for n in range(1, 12)]
    assert here.verify().is_clean


def test_s01_an_absent_record_that_another_process_made_is_seen(open_again: Open) -> None:
    here, there = open_again(), open_again()
    ours = here.agent("ours")
    with pytest.raises(comity.Refused):
        ours.set("a/1", n=1)  # It is now remembered as absent.
    there.agent("theirs").create("a/1", n=1)
    with pytest.raises(comity.Refused) as refused:
        ours.create("a/1", n=2)
    assert refused.value.decision.findings[0].code == "integrity.exists"


class Switched:
    """Be one store now and another one later: a backup that took the base's place under an open coordinator."""

    def __init__(self, *stores: SqliteStore) -> None:
        self.stores = stores
        self.chosen = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stores[self.chosen], name)


@contextmanager
def two_lives(tmp_path: Path, *, same_length: bool) -> Generator[tuple[Coordinator, Switched]]:
    """Make a base, copy it after two commits, and let both go on on their own."""
    paths = [tmp_path / "one.db", tmp_path / "two.db"]
    with comity.open(paths[0]) as one:
        one.agent("sales").put("a/1", n=1)
        one.agent("sales").put("a/2", n=1)
    shutil.copy(paths[0], paths[1])
    with comity.open(paths[1]) as two:
        if same_length:
            two.agent("sales").put("a/1", n=7, accept=2)
            two.agent("sales").put("a/2", n=7, accept=2)
    stores = [SqliteStore.open(str(path), clock=SystemClock()) for path in paths]
    switched = Switched(*stores)
    try:
        yield Coordinator(switched, SystemClock(), os.urandom), switched  # type: ignore[arg-type]
    finally:
        for store in stores:
            store.close()


@pytest.mark.parametrize("same_length", [True, False])
def test_s01_a_base_that_does_not_link_drops_the_cache(tmp_path: Path, same_length: bool) -> None:
    """The other life has the same incarnation, and as many commits, or fewer: only the hash tells them apart."""
    with two_lives(tmp_path, same_length=same_length) as (coordinator, switched):
        mine = [ask("x", Put("a/1", {"n": 2}), reads=(Was("a/1", {"n": 1}),))]
        mine.append(ask("y", Put("a/2", {"n": 2}), reads=(Was("a/2", {"n": 1}),)))
        assert all(one.is_committed for one in decisions(coordinator.decide(mine)))
        switched.chosen = 1
        there = 7 if same_length else 1
        stale = decisions(coordinator.decide([ask("z", Put("a/1", {"n": 3}), reads=(Was("a/1", {"n": 2}),))]))[0]
        assert stale.is_conflict
        assert stale.findings[0].moved[0].now == there
        fresh = decisions(coordinator.decide([ask("w", Put("a/1", {"n": 3}), reads=(Was("a/1", {"n": there}),))]))[0]
        assert fresh.is_committed


def test_s01_reads_of_another_incarnation_are_lost(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    sales.put("a/1", n=1)
    stale = Proposal(id="p", changes=(Put("a/1", {"n": 2}),), reads=(Read("a/1", 1),), incarnation="another")
    assert [finding.code for finding in sales.propose(stale).refusals] == ["freshness.reads_lost"]


# -- S2: an answer leaves only when its basis is real


def test_s02_a_refusal_judged_on_a_sibling_that_fails_to_commit_is_judged_again(
    coordinator: Coordinator, store: FaultyStore
) -> None:
    """``second`` is refused only because of ``first``, which never came to be."""
    coordinator.decide([ask("base", Put("a/1", {"n": 1}))])
    rest = (Was("a/1", {"n": 1}),)
    store.plan(Fault("commit", nth=1), Fault("commit", nth=2))
    first, second = coordinator.decide(
        [
            ask("first", Put("a/1", {"n": 2}), reads=rest),
            ask("second", Put("a/1", {"n": 3}), reads=rest, caller=SUPPORT),
        ]
    )
    assert isinstance(first, ComityError)
    assert isinstance(second, Decision)
    assert second.is_committed
    assert second.revision == 2


def test_s02_a_check_judged_on_a_sibling_that_fails_to_commit_is_judged_again(
    coordinator: Coordinator, store: FaultyStore
) -> None:
    store.plan(Fault("commit", nth=1), Fault("commit", nth=2))
    first, second = coordinator.decide([ask("first", Create("a/1")), ask("second", Create("a/1"), dry=True)])
    assert isinstance(first, ComityError)
    assert isinstance(second, Decision)
    assert second.is_allowed


def test_s02_a_refusal_on_a_sibling_that_commits_names_it(coordinator: Coordinator) -> None:
    coordinator.decide([ask("base", Put("a/1", {"n": 1}))])
    rest = (Was("a/1", {"n": 1}),)
    first, second = decisions(
        coordinator.decide(
            [
                ask("first", Put("a/1", {"n": 2}), reads=rest),
                ask("second", Put("a/1", {"n": 3}), reads=rest, caller=SUPPORT),
            ]
        )
    )
    moved = second.findings[0].moved[0]
    assert (moved.was, moved.now, moved.by, moved.event) == (1, 2, "sales", first.events[0])


def test_s02_an_acknowledged_commit_is_in_the_file(ws: comity.Workspace, path: Path) -> None:
    ws.agent("sales").put("a/1", n=1, id="mine")
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT proposal FROM commits").fetchall() == [("mine",)]
    other.close()


def test_s02_value_and_audit_row_come_in_one_commit(faulty: Workspace, store: FaultyStore, path: Path) -> None:
    """Whatever fails, and on whichever side: record, event and commit are there together, or none of them is."""
    sales = faulty.agent("sales")
    sales.put("a/1", n=0)
    for call, side in (("append", "before"), ("append", "after"), ("commit", "before"), ("commit", "after")):
        store.plan(Fault(call, side), Fault(call, side, nth=2))  # type: ignore[arg-type]
        with suppress(ComityError):
            sales.add("a/1", n=1)
        with sqlite3.connect(path) as other:
            ((values,),) = other.execute("SELECT \"values\" FROM records WHERE kind = 'a'")
            ((commits,),) = other.execute("SELECT count(*) FROM commits")
            ((events,),) = other.execute("SELECT count(*) FROM events")
        other.close()
        assert commits == events
        assert f'"n":{commits - 1}' in values
        assert faulty.verify().is_clean


def test_s02_refusals_are_there_at_once_and_after_reopening(open_again: Open) -> None:
    here = open_again()
    with pytest.raises(comity.Refused):
        here.agent("sales").set("a/1", n=1, reason="because")
    assert [one.agent for one in open_again().refusals().refusals] == ["sales"]
    here.close()
    (kept,) = open_again().refusals().refusals
    assert (kept.reason, kept.records) == ("because", ("a/1",))
    assert "integrity.missing" in [finding.code for finding in kept.findings]
