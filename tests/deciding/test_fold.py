"""Each change on a record of each life; what follows from removals; the way back from events."""

from __future__ import annotations

from typing import Any

import pytest

from comity import limits
from comity.deciding.drafts import Draft
from comity.deciding.fold import draft, replay
from comity.model.codec import encode, payload_digest
from comity.model.definition import AgentDefinition
from comity.model.events import Event
from comity.model.proposals import (
    Add,
    AnyChange,
    Append,
    Archive,
    Create,
    Delete,
    Emit,
    Exclude,
    Include,
    Put,
    Restore,
    Set,
    Undo,
)
from comity.model.records import LIFE, RecordState
from tests.deciding.cases import NOW_US, World, state

AGENT = AgentDefinition(name="sales", role="seller")
LIVES = ("absent", "live", "archived", "deleted")

CRM = """
[kinds.task.fields]
n      = { type = "integer", default = 0 }
status = { type = "string", event = "StatusChanged" }
tags   = { type = "array", items = { type = "string" } }
parent = { ref = "task", on_removal = "cascade" }
boss   = { ref = "task", on_removal = "detach" }
also   = { ref = "task", type = "array", on_removal = "detach" }
stuck  = { ref = "task" }

[kinds.task.events.Counted]
data = { amount = { type = "integer", required = true }, divisor = { type = "integer", required = true } }
then = { n = "record.n + event.amount / event.divisor" }
"""


def world(*states: RecordState, source: str = CRM) -> World:
    return World(*states, source=source)


def drafted(given: World, *changes: AnyChange) -> Draft:
    return given.ask(lambda view: draft(changes, AGENT, view))


def outcome(life: Any, change: AnyChange) -> str:
    """Return the types of the events, or the codes of what stands in the way."""
    given = world() if life == "absent" else world(state("task/a", life, n=1, tags=["x"]))
    result = drafted(given, change)
    assert not (result.findings and result.events)
    return ", ".join([event.type for event in result.events] or [one.code for one in result.findings]) or "nothing"


# change, then what becomes of it where the record is absent, live, archived, deleted
BY_LIFE: list[tuple[AnyChange, str, str, str, str]] = [
    (Create("task/a", {"n": 2}), "task.created", "integrity.exists", "integrity.exists", "task.created"),
    (Put("task/a", {"n": 2}), "task.created", "task.updated", "integrity.archived", "task.created"),
    (Put("task/a", {"n": 1}), "task.created", "nothing", "integrity.archived", "task.created"),
    (Set("task/a", {"n": 2}), "integrity.missing", "task.updated", "integrity.archived", "integrity.deleted"),
    (Set("task/a", {"n": 1}), "integrity.missing", "nothing", "integrity.archived", "integrity.deleted"),
    (Set("task/a", {"status": "x"}), "integrity.missing", "StatusChanged", "integrity.archived", "integrity.deleted"),
    (Add("task/a", {"n": 2}), "integrity.missing", "task.updated", "integrity.archived", "integrity.deleted"),
    (Add("task/a", {"n": 0}), "integrity.missing", "nothing", "integrity.archived", "integrity.deleted"),
    (
        Include("task/a", {"tags": ["y"]}),
        "integrity.missing",
        "task.updated",
        "integrity.archived",
        "integrity.deleted",
    ),
    (Include("task/a", {"tags": ["x"]}), "integrity.missing", "nothing", "integrity.archived", "integrity.deleted"),
    (
        Exclude("task/a", {"tags": ["x"]}),
        "integrity.missing",
        "task.updated",
        "integrity.archived",
        "integrity.deleted",
    ),
    (Exclude("task/a", {"tags": ["y"]}), "integrity.missing", "nothing", "integrity.archived", "integrity.deleted"),
    (Append("task/a", {"tags": ["x"]}), "integrity.missing", "task.updated", "integrity.archived", "integrity.deleted"),
    (
        Emit("task/a", "Counted", {"amount": 1, "divisor": 1}),
        "integrity.missing",
        "Counted",
        "integrity.archived",
        "integrity.deleted",
    ),
    (Archive("task/a"), "integrity.missing", "task.archived", "integrity.archived", "integrity.deleted"),
    (Restore("task/a"), "integrity.missing", "nothing", "task.restored", "task.restored"),
    (Delete("task/a"), "integrity.missing", "task.deleted", "task.deleted", "integrity.deleted"),
    (Undo("task/a", {"n": 0}), "integrity.missing", "task.reverted", "integrity.archived", "integrity.deleted"),
]


@pytest.mark.parametrize("row", BY_LIFE, ids=lambda row: f"{type(row[0]).__name__}-{encode(row[0]).decode()}")
def test_each_change_on_each_life(row: tuple[AnyChange, str, str, str, str]) -> None:
    change, *expected = row
    assert [outcome(life, change) for life in LIVES] == expected


VALUES: list[tuple[str, dict[str, Any], AnyChange, dict[str, Any]]] = [
    ("set clears with null", {"n": 1}, Set("task/a", {"n": None}), {}),
    ("put keeps the rest", {"n": 1, "status": "a"}, Put("task/a", {"n": 2}), {"n": 2, "status": "a"}),
    ("put replaces", {"n": 1, "status": "a"}, Put("task/a", {"n": 2}, replace=True), {"n": 2}),
    ("add to an empty field", {}, Add("task/a", {"n": 3}), {"n": 3}),
    ("add a float", {"n": 1}, Add("task/a", {"n": 0.5}), {"n": 1.5}),
    ("add makes an integer again", {"n": 1.5}, Add("task/a", {"n": 0.5}), {"n": 2}),
    ("include into an empty field", {}, Include("task/a", {"tags": ["x", "x"]}), {"tags": ["x"]}),
    ("include tells 1 from true", {"tags": [1]}, Include("task/a", {"tags": [True]}), {"tags": [1, True]}),
    ("exclude takes every one", {"tags": ["x", "y", "x"]}, Exclude("task/a", {"tags": ["x"]}), {"tags": ["y"]}),
    ("exclude from an empty field", {}, Exclude("task/a", {"tags": ["x"]}), {}),
    (
        "append keeps order and repeats",
        {"tags": ["x"]},
        Append("task/a", {"tags": ["z", "x"]}),
        {"tags": ["x", "z", "x"]},
    ),
    ("emit computes", {"n": 1}, Emit("task/a", "Counted", {"amount": 4, "divisor": 2}), {"n": 3}),
    ("emit reads defaults", {}, Emit("task/a", "Counted", {"amount": 4, "divisor": 2}), {"n": 2}),
]


@pytest.mark.parametrize(("values", "change", "expected"), [row[1:] for row in VALUES], ids=[row[0] for row in VALUES])
def test_what_a_change_makes_of_the_values(values: dict[str, Any], change: AnyChange, expected: dict[str, Any]) -> None:
    result = drafted(world(state("task/a", **values)), change)
    assert not result.findings
    assert (result.states.get(("task", "a")) or state("task/a", **values)).values == expected


IMPOSSIBLE: list[tuple[str, dict[str, Any], AnyChange, str]] = [
    ("add to a text", {"status": "a"}, Add("task/a", {"status": 1}), "shape.invalid_value"),
    ("add to a boolean", {"n": True}, Add("task/a", {"n": 1}), "shape.invalid_value"),
    ("add beyond 64 bits", {"n": 2**63 - 1}, Add("task/a", {"n": 1}), "shape.invalid_value"),
    ("add to infinity", {"n": 1e308}, Add("task/a", {"n": 1e308}), "shape.invalid_value"),
    ("include into a text", {"status": "a"}, Include("task/a", {"status": ["x"]}), "shape.invalid_value"),
    ("append to a number", {"n": 1}, Append("task/a", {"n": [1]}), "shape.invalid_value"),
    ("a consequence that fails", {"n": 1}, Emit("task/a", "Counted", {"amount": 1, "divisor": 0}), "guard.consequence"),
]


@pytest.mark.parametrize(
    ("values", "change", "code"), [row[1:] for row in IMPOSSIBLE], ids=[row[0] for row in IMPOSSIBLE]
)
def test_what_cannot_be_computed(values: dict[str, Any], change: AnyChange, code: str) -> None:
    result = drafted(world(state("task/a", **values)), change)
    assert [finding.code for finding in result.findings] == [code]


@pytest.mark.parametrize("change", [Include, Append])
def test_limit_list_items(change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LIST_ITEMS", 3)
    given = world(state("task/a", tags=["a", "b"]))
    assert not drafted(given, change("task/a", {"tags": ["c"]})).findings
    (finding,) = drafted(given, change("task/a", {"tags": ["c", "d"]})).findings
    assert (finding.code, finding.message) == ("shape.invalid_value", "tags: a list may hold at most 3 items")


def test_a_new_record_has_its_defaults_and_a_birth() -> None:
    result = drafted(world(), Create("task/a", {"status": "x"}))
    (event,) = result.events
    assert result.states["task", "a"] == RecordState(
        "task", "a", 1, "live", 1, 1, {"n": 0, "status": "x"}, {LIFE: 1, "n": 1, "status": 1}
    )
    assert event.payload.was == {LIFE: "absent", "n": None, "status": None}
    assert (event.version, event.born, event.life) == (1, 1, "live")


def test_s9_versions_go_on_and_values_do_not_where_a_deleted_record_is_created_anew() -> None:
    former = state("task/a", "deleted", status="old", tags=["x"], at={"life": 4})
    result = drafted(world(former), Create("task/a", {"status": "new"}))
    after = result.states["task", "a"]
    assert (after.version, after.born, after.life) == (5, 5, "live")
    assert after.values == {"n": 0, "status": "new"}
    assert after.blame == {LIFE: 5, "n": 5, "status": 5, "tags": 5}


def test_a_deleted_record_restored_begins_a_new_life_with_its_last_values() -> None:
    after = drafted(world(state("task/a", "deleted", n=3, at={"life": 4})), Restore("task/a")).states["task", "a"]
    assert (after.version, after.born, after.values) == (5, 5, {"n": 3})
    archived = drafted(world(state("task/a", "archived", n=3, at={"life": 4})), Restore("task/a")).states["task", "a"]
    assert (archived.version, archived.born) == (5, 1)


def test_one_change_makes_an_event_for_each_name_that_its_fields_have() -> None:
    result = drafted(world(state("task/a", n=1)), Set("task/a", {"n": 2, "status": "x", "tags": ["y"]}))
    assert [(event.type, sorted(event.changed()), event.version) for event in result.events] == [
        ("task.updated", ["n", "tags"], 2),
        ("StatusChanged", ["status"], 3),
    ]
    assert result.events[0].payload.values == {"n": 2, "tags": ["y"]}
    assert result.states["task", "a"].version == 3


def test_changes_apply_one_after_the_other_and_share_the_revision() -> None:
    result = drafted(world(), Create("task/a", {"n": 1}), Add("task/a", {"n": 2}), Set("task/a", {"status": "x"}))
    after = result.states["task", "a"]
    assert (after.values, after.version, after.revision) == ({"n": 3, "status": "x"}, 3, 1)
    assert [event.version for event in result.events] == [1, 2, 3]


def test_the_states_come_in_the_order_of_the_changes() -> None:
    refs = [f"task/{name}" for name in "zebra"]
    result = drafted(world(), *(Put(ref, {"n": number}) for number, ref in enumerate(refs)))
    assert ["/".join(ref) for ref in result.states] == list(dict.fromkeys(refs))


def test_a_draft_leaves_the_states_of_the_view_alone() -> None:
    before = state("task/a", n=1, tags=["x"])
    drafted(world(before), Set("task/a", {"n": 2}), Append("task/a", {"tags": ["y"]}), Delete("task/a"))
    assert before == state("task/a", n=1, tags=["x"])


# -- what follows from a removal


def derived(result: Draft) -> list[tuple[str, str, str]]:
    return [("/".join(event.ref), event.type, event.derived) for event in result.events if event.derived]


def test_s36_a_removal_is_carried_on_as_declared() -> None:
    given = world(
        state("task/a"),
        state("task/b", parent="a"),
        state("task/c", parent="b"),
        state("task/d", boss="c"),
        state("task/e", also=["x", "b", "y"]),
    )
    result = drafted(given, Delete("task/a"))
    assert sorted(derived(result)) == [
        ("task/b", "task.deleted", "cascade:task/a"),
        ("task/c", "task.deleted", "cascade:task/b"),
        ("task/d", "task.updated", "detach:task/c"),
        ("task/e", "task.updated", "detach:task/b"),
    ]
    assert result.states["task", "e"].values == {"also": ["x", "y"]}
    assert "boss" not in result.states["task", "d"].values


def test_archiving_archives_those_who_follow() -> None:
    result = drafted(world(state("task/a"), state("task/b", parent="a")), Archive("task/a"))
    assert derived(result) == [("task/b", "task.archived", "cascade:task/a")]
    assert result.states["task", "b"].life == "archived"


def test_a_circle_of_cascades_ends() -> None:
    result = drafted(world(state("task/a", parent="b"), state("task/b", parent="a")), Delete("task/a"))
    assert derived(result) == [("task/b", "task.deleted", "cascade:task/a")]


def test_a_record_that_refers_to_itself_can_go() -> None:
    result = drafted(world(state("task/a", stuck="a", parent="a")), Delete("task/a"))
    assert not result.findings
    assert [event.type for event in result.events] == ["task.deleted"]


def test_a_referrer_that_says_refuse_stands_in_the_way_unless_it_goes_or_lets_go_too() -> None:
    given = world(state("task/a"), state("task/b", stuck="a"))
    (finding,) = drafted(given, Delete("task/a")).findings
    assert (finding.code, finding.subject) == ("integrity.referenced", "task/a")
    assert finding.data == {"referrers": ["task/b"]}
    for other in (Delete("task/b"), Set("task/b", {"stuck": None})):
        assert not drafted(given, other, Delete("task/a")).findings
        assert not drafted(given, Delete("task/a"), other).findings


def test_what_a_proposal_removes_and_brings_back_takes_nothing_with_it() -> None:
    given = world(state("task/a"), state("task/b", parent="a"), state("task/c", stuck="a"))
    result = drafted(given, Delete("task/a"), Restore("task/a"))
    assert not result.findings
    assert [event.type for event in result.events] == ["task.deleted", "task.restored"]
    assert result.states["task", "a"].is_live


def test_limit_derived_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DERIVED_WRITES", 2)
    two = [state("task/b", parent="a"), state("task/c", parent="a")]
    assert not drafted(world(state("task/a"), *two), Delete("task/a")).findings
    (finding,) = drafted(world(state("task/a"), *two, state("task/d", boss="a")), Delete("task/a")).findings
    assert finding.code == "shape.too_broad"


def test_limit_events_per_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "EVENTS_PER_COMMIT", 2)
    changes = [Put(f"task/{name}") for name in "abc"]
    assert not drafted(world(), *changes[:2]).findings
    (finding,) = drafted(world(), *changes).findings
    assert finding.code == "shape.too_large"


def test_limit_commit_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many small changes of a large record make many large after-images."""
    given = world(state("task/a", status="x" * 1_000))
    changes = [Append("task/a", {"tags": ["y"]})] * 20
    assert not drafted(given, *changes).findings
    monkeypatch.setattr(limits, "COMMIT_BYTES", 10_000)
    result = drafted(given, *changes)
    assert [finding.code for finding in result.findings] == ["shape.too_large"]
    assert len(result.events) < 11


# -- undoing


def test_undo_puts_fields_back_to_what_they_were() -> None:
    given = world(state("task/a", n=1, status="a"), state("task/a", n=5, status="b", at={"n": 3, "status": 4}))
    result = drafted(given, Undo("task/a", {"n": 2}))
    assert result.states["task", "a"].values == {"n": 1, "status": "b"}
    assert [event.type for event in result.events] == ["task.reverted"]


def test_undoing_a_birth_is_a_deletion_and_undoing_a_deletion_a_new_life() -> None:
    live = state("task/a", n=1)
    gone = drafted(world(live), Undo("task/a", {LIFE: 0, "n": 0})).states["task", "a"]
    assert (gone.life, gone.values) == ("deleted", {})
    deleted = state("task/a", "deleted", n=1, at={"life": 2})
    back = drafted(world(live, deleted), Undo("task/a", {LIFE: 1})).states["task", "a"]
    assert (back.life, back.born, back.values) == ("live", 3, {"n": 1})


def test_undoing_a_birth_is_carried_on_to_those_who_refer() -> None:
    result = drafted(world(state("task/a"), state("task/b", parent="a")), Undo("task/a", {LIFE: 0}))
    assert derived(result) == [("task/b", "task.deleted", "cascade:task/a")]


# -- the way back


def test_s37_replaying_the_events_gives_the_records() -> None:
    given = world(state("task/a", n=1, tags=["x"]), state("task/b", parent="a"))
    result = drafted(given, Set("task/a", {"n": 2, "status": "x"}), Put("task/c", {"boss": "a"}), Archive("task/a"))
    events = [
        Event(
            given.revision + 1,
            ordinal,
            *one.ref,
            one.version,
            one.type,
            one.life,
            one.born,
            one.derived,
            payload_digest(b"", one.encoded),
            b"",
            one.encoded,
        )
        for ordinal, one in enumerate(result.events)
    ]
    assert replay(events) == result.states


def test_the_time_of_an_event_is_that_of_the_view() -> None:
    source = '[kinds.task.fields]\nat = { format = "date-time" }\n[kinds.task.events.Seen]\nthen = { at = "event.at" }'
    result = drafted(world(state("task/a"), source=source), Emit("task/a", "Seen"))
    assert result.states["task", "a"].values == {"at": "2023-11-14T22:13:20Z"}
    assert NOW_US == 1_700_000_000_000_000
