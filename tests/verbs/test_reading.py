"""get, get_many, find, count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import comity
from comity import limits
from comity.model.filters import Query
from comity.model.proposals import AnyRead, QueryRead, Read
from comity.operations import Stale
from comity.testing.manual_clock import ManualClock
from tests.verbs.conftest import Open

CRM = '[kinds.task.fields]\ntitle = { type = "string" }\nn = { type = "integer" }\n'


def test_s9_a_record_that_never_was_is_absent(base: comity.Workspace) -> None:
    record = base.get("task/a")
    assert (record.life, record.version, record.exists, record.revision) == ("absent", 0, False, 0)


def test_records_of_one_snapshot_come_in_the_order_asked(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    for name in "abc":
        ann.put(f"task/{name}", n=name)
    records = base.get_many(["task/c", "task/x", "task/a", "task/c"])
    assert [record.ref for record in records] == ["task/c", "task/x", "task/a", "task/c"]
    assert [record.revision for record in records] == [3] * 4


def test_limit_get_records(base: comity.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GET_RECORDS", 2)
    assert len(base.get_many(["a/1", "a/2"])) == 2
    with pytest.raises(comity.LimitExceeded, match="at most 2"):
        base.get_many(["a/1", "a/2", "a/3"])


def test_moments(base: comity.Workspace, clock: ManualClock) -> None:
    ann = base.agent("ann")
    ann.put("task/a", n=1)
    noon = base.history().events[0].at
    clock.advance(seconds=10)
    ann.put("task/a", n=2, was={"n": 1})
    assert [base.get("task/a", at=moment).get("n") for moment in (0, 1, 2, "1", noon)] == [None, 1, 2, 1, 1]
    assert base.get("task/a", at="2000-01-01").life == "absent"
    for moment in (3, "3", 10**30, -1):
        with pytest.raises(comity.NotFound, match="the last one is 2"):
            base.get("task/a", at=moment)
    for text in ("soon", "", "1.5", "²"):
        with pytest.raises(comity.InvalidRequest, match="neither a revision nor a time"):
            base.get("task/a", at=text)


def test_pages(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    for number in range(5):
        ann.put(f"task/{number}", n=number % 2)
    found: list[str] = []
    after: str | None = None
    for _ in range(4):
        page = base.find("task", order="-n", limit=2, after=after)
        found += [record.id for record in page]
        after = page.after
        if after is None:
            break
    assert found == ["1", "3", "0", "2", "4"]
    assert base.count("task", n=1) == 2
    assert base.count("task", "n >= 0", at=3) == 3


@pytest.mark.parametrize(
    ("kind", "filters", "message"),
    [
        ("taks", (), "did you mean 'task'"),
        ("memo", (), "Kinds here: task"),
        ("task", ("titel = x",), "did you mean 'title'"),
    ],
)
def test_s30_a_search_for_what_is_not_there_names_the_nearest(
    open_base: Open, kind: str, filters: Any, message: str
) -> None:
    base = open_base(CRM)
    with pytest.raises(comity.NotFound, match=message):
        base.find(kind, *filters)
    with pytest.raises(comity.NotFound, match=message):
        base.count(kind, *filters)


FITTING = """
[kinds.task.fields]
title  = { type = "string" }
n      = { type = "integer" }
status = { enum = ["open", "done"] }
due    = { format = "date-time" }
tags   = { type = "array", items = { type = "string" } }
owner  = { ref = "task" }
"""


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("n = abc", '"abc" is not of type "integer"'),
        ("n in 1,abc", '"abc" is not of type "integer"'),
        ("status = zzz", '"zzz" is none of "open", "done"'),
        ("due = soon", "soon"),
        ("tags = x", "ask with has for one element"),
        ("owner = 'no id'", "put a text"),
    ],
)
def test_a_search_for_a_value_that_no_record_can_hold_is_refused(open_base: Open, condition: str, problem: str) -> None:
    base = open_base(FITTING)
    for search in (base.find, base.count):
        with pytest.raises(comity.InvalidQuery) as error:
            search("task", condition)
        assert problem in str(error.value)


@pytest.mark.parametrize(
    "condition",
    [
        "n = 1",
        "n = null",
        "n > 5.5",
        "status != zzz",
        "status in open,done",
        "due = 2026-01-01T10:00:00+02:00",
        "tags has x",
        "owner = task/a",
        "owner = 1",
        "$id = zzz",
    ],
)
def test_a_search_for_what_may_be_is_answered(open_base: Open, condition: str) -> None:
    assert open_base(FITTING).count("task", condition) == 0


def test_a_search_in_the_past_may_ask_for_what_was_allowed_then(open_base: Open, tmp_path: Any) -> None:
    base = open_base(FITTING)
    base.agent("ann").put("task/a", status="done")
    base.agent("ann").put("task/a", status="open", was={"status": "done"})
    (tmp_path / "new.toml").write_text(FITTING.replace(', "done"', ""), encoding="utf-8")
    base.apply(tmp_path / "new.toml")
    assert [record.id for record in base.find("task", status="done", at=2)] == ["a"]
    assert base.count("task", status="done", life="deleted") == 0
    with pytest.raises(comity.InvalidQuery, match="none of"):
        base.find("task", status="done")


def test_a_search_knows_the_definition_that_another_handle_applied(open_base: Open, tmp_path: Any) -> None:
    first, second = open_base(CRM), open_base()
    first.agent("ann").put("task/a", title="t")
    assert second.find("task", title="t")[0].id == "a"
    (tmp_path / "new.toml").write_text(CRM + "extra = {}\n", encoding="utf-8")
    first.apply(tmp_path / "new.toml")
    first.agent("ann").put("task/b", extra="x")
    assert [record.id for record in second.find("task", extra="x")] == ["b"]
    assert second.get("task/a").extra is None


def test_s5_reads_see_the_commits_of_others_at_once(open_base: Open) -> None:
    first, second = open_base(), open_base()
    for number in range(5):
        first.agent("ann").put("task/a", n=number, was={"n": number - 1} if number else None)
        assert second.get("task/a").n == number
        assert first.get("task/a").n == number


def test_an_earlier_read_that_went_stale_is_told_with_the_next(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    ann.put("task/a", n=1, title="t")
    intent = ann.intent()
    assert intent.get("task/a").n == 1
    bob.put("task/a", n=2, was={"n": 1}, reason="because")
    intent.get("task/b")
    (finding,) = intent.stale
    (moved,) = finding.moved
    assert (moved.record, moved.field, moved.was, moved.now, moved.by, moved.reason) == (
        "task/a",
        "n",
        1,
        2,
        "bob",
        "because",
    )


MOVES: list[tuple[str, Callable[[comity.Intent], object], Callable[[comity.Agent], object]]] = [
    ("nothing", lambda intent: intent.get("task/a").n, lambda bob: None),
    ("a field that was not used", lambda intent: intent.get("task/a").n, lambda bob: bob.put("task/a", title="new")),
    ("a field", lambda intent: intent.get("task/a").n, lambda bob: bob.add("task/a", n=1)),
    (
        "a field and back",
        lambda intent: intent.get("task/a").n,
        lambda bob: (bob.add("task/a", n=1), bob.add("task/a", n=-1)),
    ),
    ("a deletion", lambda intent: intent.get("task/a").n, lambda bob: bob.delete("task/a", was={"n": 1})),
    (
        "a new life with the same values",
        lambda intent: intent.get("task/a").n,
        lambda bob: (bob.delete("task/a", was={"n": 1}), bob.create("task/a", n=1)),
    ),
    ("a record that was absent", lambda intent: intent.get("task/z"), lambda bob: bob.create("task/z")),
    ("a search", lambda intent: intent.find("task", n=1), lambda bob: bob.create("task/z", n=1)),
    ("a search that finds the same", lambda intent: intent.find("task", n=1), lambda bob: bob.create("task/z", n=2)),
    ("a count", lambda intent: intent.count("task"), lambda bob: bob.create("task/z")),
    ("a count of as many", lambda intent: intent.count("task", n=1), lambda bob: bob.create("task/z")),
]


@pytest.mark.parametrize(("read", "move"), [case[1:] for case in MOVES], ids=[case[0] for case in MOVES])
def test_what_is_stale_is_what_a_decision_would_say(base: comity.Workspace, read: Any, move: Any) -> None:
    base.agent("ann").create("task/a", n=1)
    intent = base.agent("ann").intent()
    read(intent)
    assert intent.stale == ()
    move(base.agent("bob"))
    told = intent.stale
    intent.create("other/x")
    decision = intent.check()
    assert decision.refusals == told
    assert decision.is_allowed is not bool(told)


def test_what_does_not_count_is_not_stale_either(open_base: Open) -> None:
    base = open_base('freshness = "relied"\n')
    ann, bob = base.agent("ann"), base.agent("bob")
    ann.create("task/a", n=1, m=1)
    shown, relying = ann.intent(), ann.intent(relies_on="task/a.n")
    for intent in (shown, relying):
        str(intent.get("task/a"))
    bob.put("task/a", n=2, was={"n": 1})
    assert shown.stale == ()
    assert [one.field for finding in relying.stale for one in finding.moved] == ["n"]


def test_reads_that_can_t_be_are_refused(base: comity.Workspace) -> None:
    base.agent("ann").create("task/a", n=1)
    asked: list[tuple[AnyRead, str]] = [
        (Read("nowhere", 1), "kind/id"),
        (Read("task/a", 9), "no revision 9"),
        (QueryRead(Query("task"), 1), "neither members nor a count"),
    ]
    for read, message in asked:
        with pytest.raises(comity.InvalidRequest, match=message):
            base.answer(Stale(reads=(read,)))
    with pytest.raises(comity.LimitExceeded):
        base.answer(Stale(reads=(Read("task/a", 1),) * (limits.READS_PER_PROPOSAL + 1)))
    lost = base.answer(Stale(reads=(Read("task/a", 1),), incarnation="another"))
    assert [finding.code for finding in lost.findings] == ["freshness.reads_lost"]
