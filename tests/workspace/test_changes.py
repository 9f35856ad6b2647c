"""The verbs that change a record, and what may be said beside a change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import comity
from comity.deciding.complaints import SAID_BESIDE
from comity.errors import InvalidRequest
from comity.model import proposals
from comity.model.decisions import Decision
from comity.model.proposals import AnyChange
from comity.workspace.changes import Changing, Options, Writing, split_options


class Kept(Writing[Any]):
    def _apply(self, change: AnyChange, options: Options) -> tuple[AnyChange, Options]:
        return change, options


CALLS: list[tuple[Any, AnyChange]] = [
    (lambda it: it.put("a/1", x=1), proposals.Put("a/1", {"x": 1})),
    (lambda it: it.put("a/1", {"reason": 1}, replace=True), proposals.Put("a/1", {"reason": 1}, True)),
    (lambda it: it.set("a/1", {"x": 1}, x=2), proposals.Set("a/1", {"x": 2})),
    (lambda it: it.create("a/1"), proposals.Create("a/1")),
    (lambda it: it.add("a/1", x=1), proposals.Add("a/1", {"x": 1})),
    (lambda it: it.include("a/1", x="v", y=("a", "b")), proposals.Include("a/1", {"x": ["v"], "y": ["a", "b"]})),
    (lambda it: it.exclude("a/1", x=["v"]), proposals.Exclude("a/1", {"x": ["v"]})),
    (lambda it: it.append("a/1", {"x": {"k": 1}}), proposals.Append("a/1", {"x": [{"k": 1}]})),
    (lambda it: it.emit("a/1", "Seen", x=1), proposals.Emit("a/1", "Seen", {"x": 1})),
    (lambda it: it.archive("a/1"), proposals.Archive("a/1")),
    (lambda it: it.restore("a/1"), proposals.Restore("a/1")),
    (lambda it: it.delete("a/1"), proposals.Delete("a/1")),
]


@pytest.mark.parametrize(("call", "change"), CALLS, ids=[type(row[1]).__name__ for row in CALLS])
def test_each_verb_makes_its_change(call: Any, change: AnyChange) -> None:
    assert call(Kept()) == (change, Options())


def test_fields_and_options_are_told_apart() -> None:
    fields, options = split_options({"x": 1, "reason": "r", "about": "a/1", "assume": ["a.x == 1"], "was": None})
    assert fields == {"x": 1}
    assert options == Options(reason="r", about=("a/1",), assume=("a.x == 1",))


class Held:
    def __init__(self, **tokens: str) -> None:
        self._tokens = tokens

    @property
    def tokens(self) -> dict[str, str]:
        return self._tokens


@pytest.mark.parametrize(
    ("leases", "tokens"),
    [
        (Held(a="1:2"), {"a": "1:2"}),
        ([Held(a="1:2"), Held(b="1:3")], {"a": "1:2", "b": "1:3"}),
        ({"a": "1:2"}, {"a": "1:2"}),
        ([{"a": "1:2"}, Held(b="1:3")], {"a": "1:2", "b": "1:3"}),
        ([], {}),
        (None, {}),
    ],
)
def test_leases_become_their_tokens(leases: Any, tokens: dict[str, str]) -> None:
    assert split_options({"x": 1, "leases": leases}) == ({"x": 1}, Options(leases=tokens))


@pytest.mark.parametrize("leases", ["abc", 5, [None], {"a": 1}, [["a"]]])
def test_what_is_no_lease_is_refused(leases: Any) -> None:
    with pytest.raises(InvalidRequest):
        split_options({"leases": leases})


def test_changes_without_fields_take_none() -> None:
    with pytest.raises(TypeError, match="takes no fields, and got x"):
        Kept().delete("a/1", x=1)
    assert Kept().delete("a/1", reason="r")[1] == Options(reason="r")


def test_a_handle_that_cannot_change_anything_says_so() -> None:
    for call in (lambda: Writing[Any]().put("a/1"), lambda: Changing[Any]().set(x=1)):
        with pytest.raises(TypeError, match="can't change anything"):
            call()


def test_a_misspelt_option_is_told_from_a_field(tmp_path: Path) -> None:
    assert set(SAID_BESIDE) <= set(Options.__struct_fields__)
    source = tmp_path / "comity.toml"
    source.write_text("[kinds.bed.fields]\nuses = {}\n", encoding="utf-8")
    with comity.open(tmp_path / "beds.db", definition=source) as base:
        with pytest.raises(comity.Refused, match="did you mean 'action', which is said beside its fields"):
            base.agent("ann").put("bed/1", uses=1, actoin="move")
        with pytest.raises(comity.Refused, match="did you mean 'uses'"):
            base.agent("ann").put("bed/1", usses=1)


def test_a_single_change_may_wait_in_line_or_be_offered(tmp_path: Path) -> None:
    source = tmp_path / "comity.toml"
    source.write_text('[agents]\nann = {}\nbob = {}\n[kinds.bed.fields]\nnote = { owner = "bob" }\nuses = {}\n')
    with comity.open(tmp_path / "base.db", definition=source) as base:
        ann, bob = base.agent("ann"), base.agent("bob")
        bob.create("bed/4")
        offered = _pending(lambda: ann.set("bed/4", note="x", was={"note": None}, if_foreign="offer"))
        assert (offered.waits_for, offered.ticket) == ("owner", f"$handoff/{offered.id}")
        with bob.lease("bed/4"):
            queued = _pending(lambda: ann.set("bed/4", uses=1, was={"uses": None}, if_held="queue"))
            assert (queued.waits_for, queued.ticket) == ("queue", f"$queue/{queued.id}")
        assert ann.wait(queued, "20s").is_committed


def _pending(call: Callable[[], object]) -> Decision:
    with pytest.raises(comity.NotCommitted) as raised:
        call()
    assert raised.value.decision.is_pending
    return raised.value.decision


@pytest.mark.parametrize("options", [{"if_held": "wait"}, {"if_foreign": True}])
def test_what_is_no_way_to_wait_is_told(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=r"a field of that name is set with fields=\{"):
        split_options(dict(options))


@pytest.mark.parametrize("given", [None, 7, b"run", ["run"]])
@pytest.mark.parametrize(
    "call",
    [
        lambda ws, given: ws.workflow(given),
        lambda ws, given: ws.finish_task(given),
        lambda ws, given: ws.fail_task(given, answer="no"),
        lambda ws, given: ws.trace(given),
        lambda ws, given: ws.acknowledge_alert(given),
        lambda ws, given: ws.resolve_alert(given),
        lambda ws, given: ws.consumer("c").ack(given),
        lambda ws, given: ws.agent("sales").unwatch(given),
        lambda ws, given: ws.subscribe(given),
    ],
)
def test_what_is_neither_an_address_nor_has_one_is_told(tmp_path: Path, call: Any, given: Any) -> None:
    with comity.open(tmp_path / "crm.db") as ws, pytest.raises(InvalidRequest, match="is wanted"):
        call(ws, given)
