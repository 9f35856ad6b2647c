"""Intents and edits: leaving proposes, an exception withdraws (S19)."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import comity
from comity.model.proposals import Create, Proposal
from comity.testing.manual_clock import ManualClock


def test_s19_leaving_proposes_and_raises_unless_it_committed(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    ann.put("task/a", n=1)
    with ann.intent(reason="r") as intent:
        intent.get("task/a").n = 2
    assert intent.decision is not None
    assert intent.decision.revision == 2
    intent = ann.intent()
    assert intent.get("task/a").n == 2
    bob.put("task/a", n=3, was={"n": 2})
    intent.put("task/b", n=1)
    with pytest.raises(comity.Conflict) as caught, intent:
        """Leaving is what proposes."""
    assert caught.value.decision is intent.decision
    assert not base.get("task/b").exists


def test_s19_an_exception_inside_withdraws(base: comity.Workspace) -> None:
    intent = base.agent("ann").intent()
    intent.put("task/a", n=1)
    with pytest.raises(ZeroDivisionError), intent:
        raise ZeroDivisionError
    assert intent.decision is None
    assert base.revision == 0


def test_s19_what_was_proposed_by_hand_is_not_proposed_again(base: comity.Workspace) -> None:
    with base.agent("ann").intent() as intent:
        intent.put("task/a", n=1)
        assert intent.propose().is_committed
    assert base.revision == 1
    with pytest.raises(comity.InvalidRequest, match="has committed"):
        intent.put("task/a", n=2)


def test_s19_a_decision_dropped_unread_warns(base: comity.Workspace) -> None:
    intent = base.agent("ann").intent()
    intent.put("task/a", n=1)
    with pytest.warns(comity.UnreadDecision, match="dropped unread"):
        intent.propose()


def test_an_intent_that_only_looked_proposes_nothing(base: comity.Workspace) -> None:
    with base.agent("ann").intent() as intent:
        intent.get("task/a")
    assert intent.decision is None


def test_s12_a_refused_intent_is_repaired_by_accepting(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    ann.put("task/a", n=1)
    intent = ann.intent()
    assert intent.get("task/a").n == 1
    bob.put("task/a", n=2, was={"n": 1})
    intent.set("task/a", n=9)
    refused = intent.propose()
    assert refused.is_conflict
    bob.put("task/a", n=3, was={"n": 2})
    again = intent.propose(accept=refused.revision)
    assert again.is_conflict
    assert intent.propose(accept=again.revision).is_committed


def test_each_attempt_has_an_id_of_its_own_that_begins_with_the_intent_s(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    ann.put("task/a", n=1)
    intent = ann.intent()
    intent.set("task/none", n=1)
    ids = [intent.propose().id, intent.propose().id, intent.check().id]
    assert len(set(ids)) == 3
    assert all(one.startswith(intent.id) for one in ids)


def test_s5_a_pinned_intent_reads_as_of_its_revision(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    ann.put("task/a", n=1)
    ann.put("task/a", n=2, was={"n": 1})
    intent = ann.intent(at=1)
    assert intent.get("task/a").n == 1
    assert [record.n for record in intent.find("task")] == [1]
    intent.set("task/a", n=7)
    assert intent.propose().is_conflict


def test_a_field_asked_for_by_name_makes_no_other_write_less_blind(base: comity.Workspace, tmp_path: Path) -> None:
    (tmp_path / "comity.toml").write_text("[kinds.task.fields]\na = {}\nb = {}\n", encoding="utf-8")
    base.apply(tmp_path / "comity.toml")
    ann = base.agent("ann")
    ann.put("task/t", a=1, b=1)
    intent = ann.intent()
    record = intent.get("task/t", "a")
    assert record.a == 1
    record.b = 2
    assert [finding.code for finding in intent.propose().refusals] == ["freshness.blind_write"]


def test_retrying_runs_again_on_a_conflict_and_only_then(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    ann.put("task/a", n=0)
    runs: list[int] = []

    def work(intent: comity.Intent) -> int:
        record = intent.get("task/a")
        runs.append(record.n)
        if len(runs) < 3:
            bob.put("task/a", n=record.n + 10, was={"n": record.n})
        record.n = record.n + 1
        return record.n

    assert ann.retrying(work) == 21
    assert runs == [0, 10, 20]
    with pytest.raises(comity.Conflict):
        ann.retrying(lambda intent: (runs.clear(), work(intent)), attempts=1)
    with pytest.raises(comity.Refused):
        ann.retrying(lambda intent: intent.set("task/none", n=1))
    with pytest.raises(comity.InvalidRequest, match="at least 1"):
        ann.retrying(work, attempts=0)


def test_async_handles_have_the_same_verbs(base: comity.Workspace) -> None:
    async def main() -> None:
        ann = base.async_agent("ann")
        await ann.put("task/a", n=1)
        async with ann.edit("task/a") as record:
            record.n = record.n + 1
        async with ann.intent(reason="r") as intent:
            page = await intent.find("task", n=2)
            page[0].n = 3
        assert (await ann.get("task/a")).n == 3
        await asyncio.gather(*(ann.add("task/a", n=1) for _ in range(50)))
        assert (await ann.get("task/a")).n == 53
        with pytest.raises(comity.Conflict):
            await ann.put("task/a", n=0, was={"n": 1})
        async with ann.intent() as intent:
            intent.put("task/b", n=1)
            assert (await intent.check()).is_allowed
        assert await ann.count("task") == 2

    asyncio.run(main())


def test_s6_a_deadline_that_is_over_is_refused(tmp_path: Path) -> None:
    clock = ManualClock()
    with comity.open(tmp_path / "base.db", clock=clock) as base:
        intent = base.agent("ann").intent(not_after="2023-11-14T22:13:21Z")
        intent.put("task/a", n=1)
        assert intent.check().is_allowed
        clock.advance(seconds=1)
        assert [finding.code for finding in intent.propose().refusals] == ["shape.expired"]
        for wrong in ("soon", ""):
            with pytest.raises(comity.InvalidRequest):
                base.agent("ann").intent(not_after=wrong)


Open = Callable[[comity.Agent], tuple[comity.Intent, comity.Record]]


def left(ann: comity.Agent) -> tuple[comity.Intent, comity.Record]:
    edit = ann.edit("task/a")
    with edit as record:
        record.n = 2
    return edit.intent, record


def left_unchanged(ann: comity.Agent) -> tuple[comity.Intent, comity.Record]:
    with ann.intent() as intent:
        record = intent.get("task/a")
    return intent, record


def withdrawn(ann: comity.Agent) -> tuple[comity.Intent, comity.Record]:
    intent = ann.intent()
    record = intent.get("task/a")
    with pytest.raises(ZeroDivisionError), intent:
        raise ZeroDivisionError
    return intent, record


def proposed(ann: comity.Agent) -> tuple[comity.Intent, comity.Record]:
    intent = ann.intent()
    record = intent.get("task/a")
    record.n = 2
    assert intent.propose().is_committed
    return intent, record


@pytest.mark.parametrize(
    ("end", "says"),
    [(left, "has committed"), (left_unchanged, "has ended"), (withdrawn, "was withdrawn"), (proposed, "has committed")],
)
def test_s19_an_ended_intent_takes_no_more_changes(base: comity.Workspace, end: Open, says: str) -> None:
    ann = base.agent("ann")
    ann.put("task/a", n=1)
    intent, record = end(ann)
    changes: list[Callable[[], object]] = [
        lambda: setattr(record, "n", 4),
        lambda: record.add(n=1),
        lambda: intent.set("task/a", n=4),
        lambda: intent.assume("task.n == 1"),
        lambda: intent.rely_on("task/a"),
    ]
    for change in changes:
        with pytest.raises(comity.InvalidRequest, match=f"{says}.*open a new one"):
            change()
    assert record.n in (1, 2)


def test_s19_a_refused_intent_can_be_repaired_after_its_block(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    ann.put("task/a", n=1)
    edit = ann.edit("task/a")
    with pytest.raises(comity.Conflict) as conflict, edit as record:  # noqa: PT012 - the block is what is tested
        record.n = record.n + 1
        bob.put("task/a", n=5, was={"n": 1})
    with pytest.raises(comity.InvalidRequest, match="has ended"):
        record.n = 9
    assert edit.intent.propose(accept=conflict.value.decision.revision).is_committed


def test_s19_what_was_withdrawn_is_not_proposed_any_more(base: comity.Workspace) -> None:
    intent = base.agent("ann").intent()
    with pytest.raises(ZeroDivisionError), intent:  # noqa: PT012 - the block is what is tested
        intent.put("task/a", n=1)
        raise ZeroDivisionError
    with pytest.raises(comity.InvalidRequest, match="was withdrawn"):
        intent.propose()
    assert base.revision == 0


def test_s19_changes_dropped_unproposed_warn(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    with pytest.warns(comity.UnproposedChanges, match=r"changes of task/a that it never proposed"):
        ann.intent().put("task/a", n=1)
    with pytest.warns(comity.UnproposedChanges):
        ann.intent().get("task/a").n = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked = ann.intent()
        asked.put("task/a", n=1)
        assert asked.check().is_allowed
        del asked
        ann.intent().get("task/a")


DECLARED = "[kinds.item]\nfreshness = 'relied'\n[kinds.item.fields]\ntitle = {}\nstock = {}\n"


@pytest.fixture
def items(base: comity.Workspace, tmp_path: Path) -> comity.Workspace:
    (tmp_path / "comity.toml").write_text(DECLARED, encoding="utf-8")
    base.apply(tmp_path / "comity.toml")
    ann = base.agent("ann")
    ann.put("item/bolt", title="Bolt", stock=1)
    ann.put("item/bolt.title", title="a dot in its id")
    return base


def test_s30_a_mistyped_field_asked_for_by_name_is_told_at_once(items: comity.Workspace) -> None:
    intent = items.agent("ann").intent()
    with pytest.raises(comity.NotFound, match="item has no field 'titel'; did you mean 'title'"):
        intent.get("item/bolt", "titel")
    assert intent._memory.reads() == ()
    assert intent.get("item/bolt", "title").title == "Bolt"


def test_s11_what_is_relied_on_must_be_there_to_rely_on(items: comity.Workspace) -> None:
    ann = items.agent("ann")
    for record in ("item/bolt", "item/bolt.title", "item/none"):
        ann.intent(relies_on=record).rely_on(record, f"{record}.stock")
    with pytest.raises(comity.InvalidReference, match="write kind/id"):
        ann.intent().rely_on("bolt")
    for path in ("item/bolt.titel", "item/none.titel"):
        with pytest.raises(comity.NotFound, match="did you mean 'title'"):
            ann.intent(relies_on=[path])
    intent = ann.intent()
    assert not intent.get("item/bolt.titel").exists
    intent.rely_on("item/bolt.titel")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"reason": 5}, "reason: a text is wanted, not int"),
    ({"action": 5}, "action: a text"),
    ({"cause": b"1.0"}, "cause: a text is wanted, not bytes"),
    ({"about": [5]}, "a record is addressed by a text"),
    ({"relies_on": [5]}, "a record is addressed by a text"),
    ({"at": 1.5}, "a moment is a revision"),
    ({"not_after": True}, "no RFC 3339 time"),
]


@pytest.mark.parametrize(("options", "says"), WRONG)
def test_an_argument_of_a_wrong_type_is_refused_at_once(
    base: comity.Workspace, options: dict[str, Any], says: str
) -> None:
    """Nothing that can't be read again gets into the log."""
    with pytest.raises(comity.InvalidRequest, match=says):
        base.agent("ann").intent(**options)


def test_what_an_intent_is_told_later_must_be_of_the_right_type(base: comity.Workspace) -> None:
    intent: Any = base.agent("ann").intent()
    for call in (
        lambda: intent.assume(5),
        lambda: intent.rely_on(5),
        lambda: intent.put(("item", "bolt"), n=1),
        lambda: intent.get("item/bolt", 5),
        lambda: intent.get("item/bolt")[5],
        lambda: intent.add("item/bolt", n="many"),
        lambda: intent.add("item/bolt", n=float("nan")),
        lambda: intent.emit("item/bolt", 5),
        lambda: intent.propose(accept="1"),
        lambda: intent.find("item", 5),
    ):
        with pytest.raises(comity.InvalidRequest):
            call()
    assert intent.propose().is_committed
    assert base.refusals().refusals == ()


def test_s19_what_is_changed_after_a_refused_proposal_is_proposed_on_leaving(base: comity.Workspace) -> None:
    ann = base.agent("ann")

    def go_on() -> None:
        with ann.intent() as intent:
            intent.set("task/none", n=1)
            assert not intent.propose().is_committed
            intent.create("task/b", n=1)

    with pytest.raises(comity.Refused):
        go_on()
    with ann.intent() as intent:
        task = intent.get("task/c")
        base.agent("bob").create("task/c", n=1)
        task.n = 2
        refused = intent.propose()
        assert refused.is_conflict
        assert intent.propose(accept=refused.revision).is_committed
    with ann.intent() as intent:
        intent.set("task/none", n=1)
        assert not intent.propose().is_committed
    assert intent.decision is not None


def test_s19_and_so_it_is_where_it_commits_and_in_an_event_loop(base: comity.Workspace) -> None:
    async def main() -> None:
        async with base.async_agent("ann").intent() as intent:
            intent.set("task/none", n=1)
            assert not (await intent.propose()).is_committed
            intent.create("task/b", n=1)

    with pytest.raises(comity.Refused):
        asyncio.run(main())
    ann = base.agent("ann")
    with ann.intent() as intent:
        intent.set("task/a", n=1)
        assert not intent.propose().is_committed
        ann.create("task/a", n=0)
        intent.include("task/a", tags="x", was={"n": 0})
    assert (base.get("task/a").n, base.get("task/a").tags) == (1, ("x",))


def test_s19_changes_after_a_refused_proposal_are_missed_where_there_is_no_block(base: comity.Workspace) -> None:
    intent = base.agent("ann").intent()
    intent.set("task/none", n=1)
    assert not intent.propose().is_committed
    intent.create("task/b", n=1)
    with pytest.warns(comity.UnproposedChanges, match="task/b"):
        del intent


def test_s07_an_intent_s_own_ids_are_nobody_else_s(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    intent = ann.intent()
    intent.create("task/a", n=1)
    for own in (f"{intent.id}.2", f"{intent.id}.1"):
        with pytest.raises(comity.InvalidRequest, match="leave it out"):
            intent.propose(id=own)
    with pytest.raises(comity.InvalidRequest, match="a text is wanted"):
        intent.propose(id=7)  # pyright: ignore[reportArgumentType]
    assert intent.propose(id="mine").is_committed


def test_s07_an_id_that_could_be_known_is_looked_up(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    first, second = ann.intent(), ann.intent()
    for number, known in ((1, first.id), (2, second.check().id.rpartition(".")[0])):
        taken = Proposal(id=f"{known}.{number}", changes=(Create(f"task/{number}", {"n": 1}),))
        assert ann.propose(taken).is_committed
    for intent in (first, second):
        intent.create("task/z", n=1)
        assert [finding.code for finding in intent.propose().refusals] == ["shape.id_reused"]
        assert intent.propose().id.endswith((".2", ".3"))
    assert base.get("task/z").exists


def test_s05_a_time_is_pinned_at_the_first_read(base: comity.Workspace, clock: ManualClock) -> None:
    ann = base.agent("ann")
    ann.put("task/a", n=1)
    now = datetime.fromtimestamp(clock.wall_us() / 1e6, UTC)
    intent = ann.intent(at=now)
    assert intent.peek("task/a").n == 1
    ann.put("task/a", n=2, was={"n": 1})  # At the very same moment.
    assert (intent.get("task/a").n, intent.count("task", n=1), len(intent.find("task", n=2))) == (1, 1, 0)
    assert intent.stale == ()


@pytest.mark.parametrize("ask", ["get", "peek", "find", "count"])
def test_s05_no_read_is_pinned_to_a_time_to_come(base: comity.Workspace, clock: ManualClock, ask: str) -> None:
    name = "task/a" if ask in ("get", "peek") else "task"
    base.agent("ann").put("task/a", n=1)
    intent = base.agent("ann").intent(at=datetime.fromtimestamp(clock.wall_us() / 1e6 + 5, UTC))
    with pytest.raises(comity.NotFound, match="hasn't come yet: in this workspace it is 2023-11-14T22:13:20Z"):
        getattr(intent, ask)(name)
    clock.advance(seconds=6)
    assert getattr(intent, ask)(name)
    with pytest.raises(comity.InvalidRequest, match="neither a revision nor a time"):
        getattr(base.agent("ann").intent(at="soon"), ask)(name)
    with pytest.raises(comity.NotFound, match="no revision 9"):
        getattr(base.agent("ann").intent(at=9), ask)(name)


@pytest.mark.parametrize("about", [3, None, object()])
def test_what_an_intent_is_about_is_a_record_or_several(base: comity.Workspace, about: Any) -> None:
    with pytest.raises(comity.InvalidRequest, match="about: name a record"):
        base.agent("ann").intent("x", about=about)
    with pytest.raises(comity.InvalidReference):
        base.agent("ann").intent("x", about=[about])


def test_an_async_agent_says_how_to_do_what_it_has_no_method_for(base: comity.Workspace) -> None:
    ann: Any = base.async_agent("ann")
    with pytest.raises(AttributeError, match=r"await agent\.answer\(request\)"):
        ann.inbox()
    with pytest.raises(AttributeError, match="'AsyncAgent' object has no attribute 'inbx'"):
        ann.inbx()
