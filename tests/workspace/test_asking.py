"""Asking and operating: refusals rise, arguments are of the types declared, answers print well."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

import comity
from comity.operations import Get, ListEffects, Request, Revert, Write
from comity.testing.manual_clock import START_US

OWNED = """[agents]
ann = {}
bob = {}
ops = { kind = "human" }
[kinds.task.fields]
n = { owner = "ann" }
m = { owner = "bob" }
"""


@pytest.fixture
def owned(base: comity.Workspace, tmp_path: Path) -> comity.Workspace:
    (tmp_path / "comity.toml").write_text(OWNED, encoding="utf-8")
    base.apply(tmp_path / "comity.toml")
    base.agent("ann").put("task/a", n=1)
    return base


# -- refusals rise


def test_an_apply_that_is_refused_rises(owned: comity.Workspace, tmp_path: Path) -> None:
    (tmp_path / "new.toml").write_text(OWNED + "x = {}\n", encoding="utf-8")
    ann = owned.agent("ann")
    with pytest.raises(comity.Refused, match="not_operator"):
        ann.apply(tmp_path / "new.toml")
    answer = ann.apply(tmp_path / "new.toml", dry=True)
    assert answer.decision is not None
    assert (answer.decision.outcome, answer.is_changed) == ("refused", False)


def test_a_revert_that_puts_nothing_back_rises(owned: comity.Workspace) -> None:
    bob, done = owned.agent("bob"), owned.agent("ann").put("task/a", n=2, was={"n": 1})
    with pytest.raises(comity.Refused, match="belongs to ann"):
        bob.revert(commit=done.revision)
    assert bob.revert(commit=done.revision, dry=True).reverted == ()
    answer = owned.answer(Revert(commit=done.revision))
    assert [one.field for one in answer.reverted] == ["n"]


def test_a_revert_that_puts_some_back_says_what_it_left(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    with ann.intent() as intent:
        intent.put("task/a", n=1)
        intent.put("task/b", n=1)
    bob.put("task/b", n=2, was={"n": 1})
    answer = base.revert(commit=1)
    assert str(answer).splitlines() == [
        "Put back 2 fields:",
        "  task/a.life: live → absent",
        "  task/a.n: 1 → empty",
        "Left 2 fields alone:",
        "  task/b.life: others changed the record since: n by bob at revision 2",
        "  task/b.n: changed again by bob at revision 2",
    ]
    assert str(base.revert(agent="bob", since=1, dry=True)).startswith("Would put back 1 field:\n  task/b.n: 2 → 1")


def test_a_revocation_that_is_refused_rises(owned: comity.Workspace) -> None:
    owned.issue_key("ops")
    with pytest.raises(comity.Refused, match="not_operator"):
        owned.agent("ann").revoke_key("ops")
    assert owned.agents().agents[-1].key_status == "active"


# -- arguments


WRONG: list[Callable[[Any], object]] = [
    lambda ws: ws.get(("task", "a")),
    lambda ws: ws.get("task/a", at=1.5),
    lambda ws: ws.get("task/a", at=date(2026, 1, 1)),
    lambda ws: ws.find(5),
    lambda ws: ws.find("task", 5),
    lambda ws: ws.find("task", limit="5"),
    lambda ws: ws.find("task", after=5),
    lambda ws: ws.count("task", life=5),
    lambda ws: ws.history(5),
    lambda ws: ws.history(agent=5),
    lambda ws: ws.history(limit="5"),
    lambda ws: ws.why("task/a", 5),
    lambda ws: ws.diff(object()),
    lambda ws: ws.revert(commit="1"),
    lambda ws: ws.refusals(since=5),
    lambda ws: ws.verify(5),
    lambda ws: ws.issue_key(5),
    lambda ws: ws.issue_key("ann", days="5"),
    lambda ws: ws.apply(None),
    lambda ws: ws.import_file(None),
    lambda ws: ws.export_file(b"out.csv", kind="task"),
    lambda ws: ws.agent(None),
    lambda ws: ws.agent("ann", key=5),
    lambda ws: ws.agent("ann").put(("task", "a"), n=1),
    lambda ws: ws.agent("ann").add("task/a", n="5"),
    lambda ws: ws.agent("ann").emit("task/a", 5),
    lambda ws: ws.get("task/a", at=float("inf")),
    lambda ws: ws.offers(to=object()),
    lambda ws: ws.wait("$queue/p", timeout=0.5),
    lambda ws: ws.wait("$queue/p", timeout=[1]),
    lambda ws: ws.offers(limit="\ud800"),
    lambda ws: ws.agent("ann").break_lease(object(), reason="r"),
    lambda ws: ws.answer("get"),
    lambda ws: ws.answer(Request()),
    lambda ws: ws.answer(Write()),
]


@pytest.mark.parametrize("call", WRONG)
def test_an_argument_of_a_wrong_type_is_an_invalid_request(
    base: comity.Workspace, call: Callable[[comity.Workspace], object]
) -> None:
    base.agent("ann").put("task/a", n=1)
    with pytest.raises(comity.InvalidRequest):
        call(base)
    assert base.revision == 1


def test_the_error_names_the_operation_and_the_argument(base: comity.Workspace) -> None:
    with pytest.raises(comity.InvalidRequest, match=r"issue_key: Expected `str`, got `int` - at `\$\.agent`"):
        base.issue_key(5)  # type: ignore[arg-type]
    assert base.answer(Get(record="task/a")).life == "absent"


def test_the_error_quotes_little_of_a_long_argument(base: comity.Workspace) -> None:
    for call in (lambda: base.answer(ListEffects(state="x" * 70_000)), lambda: base.find("task", life="x" * 70_000)):  # type: ignore[arg-type]
        with pytest.raises(comity.ComityError) as raised:
            call()
        assert len(str(raised.value)) < 500


def test_a_datetime_without_a_zone_is_in_utc(base: comity.Workspace) -> None:
    base.agent("ann").put("task/a", n=1)
    moment = datetime.fromtimestamp(START_US / 1e6 + 1, UTC)
    assert base.get("task/a", at=moment.replace(tzinfo=None)).n == base.get("task/a", at=moment).n == 1


def test_files_that_cannot_be_read_are_told_as_comity_s_errors(base: comity.Workspace, tmp_path: Path) -> None:
    with pytest.raises(comity.NotFound, match="there is no file"):
        base.apply(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    for file in (tmp_path, tmp_path / "latin.toml", "a\0b"):
        with pytest.raises(comity.InvalidRequest):
            base.apply(file)


def test_the_past_comes_as_records(owned: comity.Workspace) -> None:
    owned.agent("ann").put("task/b", n=2)
    page = owned.at(2, "task")
    assert ([one.id for one in page], page.revision, page[0].m, page.after) == (["a"], 2, None, None)
    assert [one.ref for one in owned.at(3)] == ["task/a", "task/b"]


# -- printing


def test_a_page_prints_its_first_records(base: comity.Workspace) -> None:
    ann = base.agent("ann")
    for number in range(22):
        ann.put(f"task/{number:02}", n=number)
    text = str(base.find("task", limit=22)).splitlines()
    assert text[0] == "task/00: n=0"
    assert text[20:] == ["and 2 more of this page", text[21]]
    assert text[21].startswith("22 records at revision 22; the next page has after=")
    assert str(base.find("task", n=7)) == "task/07: n=7\n1 record at revision 22"


def test_s10_what_is_shown_of_an_intent_s_page_counts_as_read(base: comity.Workspace) -> None:
    ann, bob = base.agent("ann"), base.agent("bob")
    ann.put("task/a", n=1, title="t")
    intent = ann.intent()
    assert "title" in str(intent.find("task", n=1))
    bob.put("task/a", title="u", was={"title": "t"})
    intent.put("task/b", n=1)
    assert intent.propose().is_conflict


def test_a_definition_s_source_is_never_printed(owned: comity.Workspace) -> None:
    assert str(owned.definition()) == "The definition, version 1: 7 lines in source."
    for text in (str(owned.history("$definition")), str(owned.at(1, "$definition"))):
        assert "owner" not in text
