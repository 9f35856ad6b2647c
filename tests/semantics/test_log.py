"""S37, S38: the log, what can be seen from it, and what a tampered one gives away."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import comity
from comity.model.proposals import Create, Delete, Proposal, Put, Read, Set
from comity.testing.manual_clock import START_US, ManualClock
from tests.semantics.conftest import Open

Tamper = Callable[[sqlite3.Connection], object]


@contextmanager
def raw(path: Path, *, guarded: bool = True) -> Generator[sqlite3.Connection]:
    """Open the base as any program could; unguarded, with the triggers dropped that forbid changes."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        if not guarded:
            for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
                connection.execute(f'DROP TRIGGER "{name}"')
        yield connection
    finally:
        connection.close()


def write_some(workspace: comity.Workspace) -> None:
    sales, support = workspace.agent("sales"), workspace.agent("support")
    sales.put("a/1", x=1, y="one", reason="first")
    support.put("a/2", x=2, reason="second")
    sales.put("a/1", x=3, was={"x": 1}, reason="third")
    with support.intent(reason="fourth") as intent:
        intent.get("a/2").x = 4
        intent.create("b/1", z=[1, {"k": None}])
    sales.delete("b/1", accept=workspace.revision, reason="fifth")


# -- what the database itself forbids


FORBIDDEN = [
    "UPDATE commits SET agent = 'other' WHERE revision = 1",
    "UPDATE commits SET payload = '{}' WHERE revision = 1",
    "UPDATE commits SET payload = NULL, salt = NULL WHERE revision = 1",
    "UPDATE events SET payload = NULL, salt = NULL",
    "UPDATE events SET type = 'other'",
    "DELETE FROM commits WHERE revision = 5",
    "DELETE FROM events",
    "INSERT OR REPLACE INTO commits SELECT * FROM commits WHERE revision = 1",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_s37_the_database_itself_forbids_changing_the_log(ws: comity.Workspace, path: Path, statement: str) -> None:
    write_some(ws)
    with raw(path) as connection, pytest.raises(sqlite3.Error, match=r"append-only|erase|log"):
        connection.execute(statement)
    assert ws.verify().is_clean


# -- what verify notices


def swap_payloads(connection: sqlite3.Connection) -> None:
    one, two = connection.execute("SELECT place, salt, payload FROM events ORDER BY place LIMIT 2").fetchall()
    for (place, *_), (_, salt, payload) in ((one, two), (two, one)):
        connection.execute("UPDATE events SET salt = ?, payload = ? WHERE place = ?", (salt, payload, place))


def swap_digests_too(connection: sqlite3.Connection) -> None:
    rows = connection.execute("SELECT place, salt, payload, digest FROM events ORDER BY place LIMIT 2").fetchall()
    for (place, *_), (_, *facts) in zip(rows, reversed(rows), strict=True):
        connection.execute("UPDATE events SET salt = ?, payload = ?, digest = ? WHERE place = ?", (*facts, place))


def forge_payload(connection: sqlite3.Connection) -> None:
    """Edit what an event holds and make its digest fit, as one who knows the format would."""
    place, payload, salt = connection.execute(
        "SELECT place, payload, salt FROM events ORDER BY place LIMIT 1"
    ).fetchone()
    forged = payload.replace("one", "two")
    digest = sha256(salt + forged.encode()).digest()
    connection.execute("UPDATE events SET payload = ?, digest = ? WHERE place = ?", (forged, digest, place))


def cut_middle(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM events WHERE place >> 16 = 3")
    connection.execute("DELETE FROM commits WHERE revision = 3")


def edit_record(connection: sqlite3.Connection) -> None:
    connection.execute("""UPDATE records SET "values" = '{"x":99,"y":"one"}' WHERE id = '1' AND kind = 'a'""")


def add_orphan_event(connection: sqlite3.Connection) -> None:
    columns = "kind, id, version, type, life, born, derived, digest, salt, payload"
    connection.execute(f"INSERT INTO events (place, {columns}) SELECT (9 << 16), {columns} FROM events LIMIT 1")


TAMPERINGS: dict[str, Tamper | str] = {
    "a record": edit_record,
    "a record's version": "UPDATE records SET version = 9 WHERE kind = 'a' AND id = '1'",
    "a record's blame": "UPDATE records SET blame = '{}' WHERE kind = 'a' AND id = '1'",
    "a record's life": "UPDATE records SET life = 'live' WHERE kind = 'b'",
    "a record taken away": "DELETE FROM records WHERE kind = 'b'",
    "a record made up": """INSERT INTO records VALUES ('c', '1', 1, 'live', 1, 1, '{}', '{"$life":1}')""",
    "an author": "UPDATE commits SET agent = 'support' WHERE revision = 1",
    "how an author was known": "UPDATE commits SET known = 'key' WHERE revision = 1",
    "a time": "UPDATE commits SET at = at + 1 WHERE revision = 5",
    "a reason": "UPDATE commits SET payload = replace(payload, 'third', 'other') WHERE revision = 3",
    "an event's type": "UPDATE events SET type = 'b.archived' WHERE type = 'b.deleted'",
    "an event's life": "UPDATE events SET life = 'live' WHERE type = 'b.deleted'",
    "an event's record": "UPDATE events SET id = '3' WHERE id = '2'",
    "an event's contents": "UPDATE events SET payload = replace(payload, 'one', 'two')",
    "a forged event": forge_payload,
    "two payloads swapped": swap_payloads,
    "two payloads swapped with digests": swap_digests_too,
    "an event taken away": "DELETE FROM events WHERE type = 'b.deleted'",
    "an event too many": add_orphan_event,
    "a commit taken away": cut_middle,
    "the chain of a commit": "UPDATE commits SET chain = zeroblob(32) WHERE revision = 2",
    "the tail cut": "DELETE FROM commits WHERE revision = 5",
    "the head's revision": "UPDATE head SET revision = 4",
    "the head's chain": "UPDATE head SET chain = zeroblob(32)",
    "a payload emptied": "UPDATE events SET payload = NULL, salt = NULL WHERE type = 'b.created'",
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_s37_verify_notices(open_again: Open, path: Path, name: str) -> None:
    first = open_again()
    write_some(first)
    assert first.verify().is_clean
    first.close()
    with raw(path, guarded=False) as connection:
        tamper = TAMPERINGS[name]
        if callable(tamper):
            tamper(connection)
        else:
            connection.execute(tamper)
    answer = open_again().verify()
    assert not answer.is_clean
    assert answer.problems


def test_s37_a_cut_tail_shows_against_a_head_kept_outside(open_again: Open, path: Path) -> None:
    """Who cuts the tail and sets head and records back leaves a base that is sound in itself."""
    first = open_again()
    write_some(first)
    kept = [first.verify().head]
    first.agent("sales").put("a/1", x=5, was={"x": 3})
    kept.append(first.verify().head)
    first.close()
    with raw(path, guarded=False) as connection:
        (chain,) = connection.execute("SELECT chain FROM commits WHERE revision = 5").fetchone()
        connection.execute("DELETE FROM commits WHERE revision = 6")
        connection.execute("DELETE FROM events WHERE place >> 16 = 6")
        connection.execute("UPDATE head SET revision = 5, chain = ?", (chain,))
        (image,) = connection.execute(
            "SELECT payload FROM events WHERE kind = 'a' AND id = '1' ORDER BY place DESC"
        ).fetchone()
        values, blame = (json.dumps(json.loads(image)[part]) for part in ("values", "blame"))
        sql = """UPDATE records SET "values" = ?, blame = ?, version = 2, revision = 3 WHERE kind = 'a' AND id = '1'"""
        connection.execute(sql, (values, blame))
    again = open_again()
    assert again.verify().is_clean
    assert again.verify(head=kept[0]).is_clean
    cut = again.verify(head=kept[1])
    assert not cut.is_clean
    assert "cut" in cut.problems[0]
    again.agent("sales").put("a/1", x=6, was={"x": 3})
    assert "rewritten" in again.verify(head=kept[1]).problems[0]


@pytest.mark.parametrize("head", ["", "5", "x:y", "-1:00", "1:", "9" * 30 + ":00"])
def test_s37_what_is_no_head_is_said(ws: comity.Workspace, head: str) -> None:
    write_some(ws)
    if head == "1:":
        assert not ws.verify(head=head).is_clean
        return
    with pytest.raises(comity.InvalidRequest):
        ws.verify(head=head)


# -- the format


def test_s37_payloads_stand_for_themselves_by_a_salted_digest(ws: comity.Workspace, path: Path) -> None:
    write_some(ws)
    with raw(path) as connection:
        for table in ("commits", "events"):
            rows = connection.execute(f"SELECT digest, salt, payload FROM {table}").fetchall()
            assert all(sha256(salt + payload.encode()).digest() == digest for digest, salt, payload in rows)
            assert len({salt for _, salt, _ in rows}) == len(rows)
            assert all(len(salt) == 16 for _, salt, _ in rows)


def test_s37_every_event_carries_its_after_image_with_blame(ws: comity.Workspace, path: Path) -> None:
    write_some(ws)
    with raw(path) as connection:
        images = [
            (kind, id, json.loads(payload))
            for kind, id, payload in connection.execute("SELECT kind, id, payload FROM events ORDER BY place")
        ]
    assert images[2][2] == {
        "values": {"x": 3, "y": "one"},
        "blame": {"$life": 1, "x": 3, "y": 1},
        "was": {"x": 1},
    }
    state = {(kind, id): image["values"] for kind, id, image in images}
    assert state[("a", "2")] == {"x": 4}


def test_s37_no_two_runs_give_the_same_digests(tmp_path: Path) -> None:
    heads = set[str]()
    for name in ("one", "two"):
        with comity.open(tmp_path / f"{name}.db", clock=ManualClock()) as workspace:
            workspace.agent("sales").put("a/1", x=1, id="same")
            heads.add(workspace.verify().head)
    assert len(heads) == 2


def test_s37_revisions_have_no_gaps_and_refusals_take_none(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    for n in range(5):
        sales.put(f"a/{n}", n=n)
        with pytest.raises(comity.Refused):
            sales.set("a/none", n=n)
        sales.put(f"a/{n}", n=n)
    assert [event.event for event in ws.history(oldest_first=True).events] == [f"{n}.0" for n in range(1, 6)]


def test_s37_a_base_is_deleted_from_nowhere_but_in_the_record(ws: comity.Workspace) -> None:
    """A deleted record is gone for readers, and its history stays."""
    write_some(ws)
    gone = ws.get("b/1")
    assert (gone.life, gone.exists, gone.get("z")) == ("deleted", False, None)
    assert [event.type for event in ws.history("b/1", oldest_first=True).events] == ["b.created", "b.deleted"]
    assert ws.get("b/1", at=4).z == (1, {"k": None})


# -- S38: what each judgement keeps


def test_s38_each_judgement_keeps_its_order_time_and_definition(open_again: Open, path: Path) -> None:
    ws = open_again()
    sales = ws.agent("sales")
    sales.put("a/1", x=1)
    for n in (1, 2):
        with pytest.raises(comity.Refused):
            sales.set("a/none", x=n)
    sales.check("a/1", x=5)
    sales.put("a/2", x=1)
    ws.close()
    sales = open_again().agent("sales")
    with pytest.raises(comity.Refused):
        sales.set("a/none", x=3)
    with raw(path) as connection:
        judged = connection.execute(
            "SELECT ordinal, revision, 'commit', at FROM commits"
            " UNION ALL SELECT ordinal, revision, outcome, at FROM answers ORDER BY ordinal"
        ).fetchall()
    assert [row[:3] for row in judged] == [
        (1, 1, "commit"),
        (2, 1, "refused"),
        (3, 1, "refused"),
        (4, 2, "commit"),
        (5, 2, "refused"),
    ]
    times = [row[3] for row in judged]
    assert times == sorted(times)


def test_s38_refusals_are_kept_with_proposal_and_findings(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", x=1)
    with pytest.raises(comity.Conflict):
        support.put("a/1", x=2, was={"x": 9}, reason="hurry", action="fix")
    with pytest.raises(comity.Refused):
        sales.create("a/1")
    newest, oldest = ws.refusals().refusals
    assert (newest.agent, oldest.agent) == ("sales", "support")
    assert (oldest.reason, oldest.action, oldest.records) == ("hurry", "fix", ("a/1",))
    assert oldest.findings[0].moved[0].now == 1
    assert [one.agent for one in ws.refusals(agent="support").refusals] == ["support"]
    assert len(ws.refusals(limit=1).refusals) == 1


# -- looking back


@pytest.fixture
def dated(open_again: Open, clock: ManualClock) -> comity.Workspace:
    """Return a workspace with a commit each minute, beginning at START."""
    ws = open_again(clock=clock)
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.put("a/1", x=1, reason="one")
    clock.advance(seconds=60)
    first = support.put("a/1", x=2, was={"x": 1}, reason="two")
    clock.advance(seconds=60)
    sales.put("a/2", x=1, cause=first.events[0], reason="three")
    clock.advance(seconds=60)
    sales.delete("a/1", accept=3, reason="four")
    clock.advance(seconds=60)
    sales.put("a/1", y=1, reason="five")
    return ws


MOMENTS: list[tuple[int | str, dict[str, Any] | None]] = [
    (0, None),
    (1, {"x": 1}),
    (2, {"x": 2}),
    (3, {"x": 2}),
    (4, None),
    (5, {"y": 1}),
    ("2023-11-14T22:13:19Z", None),
    ("2023-11-14T22:13:20Z", {"x": 1}),
    ("2023-11-14T22:14:19.999999Z", {"x": 1}),
    ("2023-11-14T23:14:20+01:00", {"x": 2}),
    ("2023-11-14T22:16:30Z", None),
    ("2099-01-01T00:00:00Z", {"y": 1}),
]


@pytest.mark.parametrize(("moment", "expected"), MOMENTS)
def test_the_past_is_as_it_was(dated: comity.Workspace, moment: int | str, expected: dict[str, Any] | None) -> None:
    record = dated.get("a/1", at=moment)
    assert (dict(record) if record.exists else None) == expected
    found = [one.id for one in dated.find("a", at=moment)] if moment != 0 else []
    assert ("1" in found) is (expected is not None)
    assert dated.count("a", at=moment) == len(found) or moment == 0
    (shown,) = dated.at(moment, "a/1")
    assert (dict(shown) if shown.exists else None) == expected


def test_the_past_by_a_datetime(dated: comity.Workspace) -> None:
    moment = datetime.fromtimestamp(START_US / 1e6 + 90, UTC)
    assert dated.get("a/1", at=moment).x == 2


@pytest.mark.parametrize("moment", [6, -1, "soon", "6", "2023-13-01T00:00:00Z", "9" * 40])
def test_moments_that_are_none_are_said(dated: comity.Workspace, moment: Any) -> None:
    with pytest.raises((comity.NotFound, comity.InvalidRequest)):
        dated.get("a/1", at=moment)


def test_history_by_record_agent_type_and_time(dated: comity.Workspace) -> None:
    def reasons(**asked: Any) -> list[str | None]:
        return [event.reason for event in dated.history(oldest_first=True, **asked).events]

    assert reasons() == ["one", "two", "three", "four", "five"]
    assert reasons(record="a/1") == ["one", "two", "four", "five"]
    assert reasons(record="a") == reasons()
    assert reasons(agent="support") == ["two"]
    assert reasons(type="a.created") == ["one", "three", "five"]
    assert reasons(since=2, until=4) == ["three", "four"]
    assert reasons(until="2023-11-14T22:14:30Z") == ["one", "two"]
    assert [event.reason for event in dated.history(limit=2).events] == ["five", "four"]


def test_history_from_a_time_includes_that_time(dated: comity.Workspace) -> None:
    """``since`` a time means from it on; the commit of just that time belongs to it."""
    events = dated.history(since="2023-11-14T22:14:20Z", oldest_first=True).events
    assert [event.reason for event in events] == ["two", "three", "four", "five"]


def test_difference_between_two_points(dated: comity.Workspace) -> None:
    def differences(*asked: Any) -> set[tuple[str, str, Any, Any]]:
        return {(one.record, one.field, one.was, one.now) for one in dated.diff(*asked).differences}

    assert differences(1, 3) == {("a/1", "x", 1, 2), ("a/2", "$life", "absent", "live"), ("a/2", "x", None, 1)}
    assert differences(3, 4) == {("a/1", "$life", "live", "deleted"), ("a/1", "x", 2, None)}
    assert differences(3, None, "a/1") == {("a/1", "x", 2, None), ("a/1", "y", None, 1)}
    assert differences(2, 2) == set()
    assert differences(1, 3, "a/2") == differences(1, 3, "a") - {("a/1", "x", 1, 2)}
    with pytest.raises(comity.InvalidRequest):
        dated.diff(3, 1)


def test_why_tells_event_author_reason_and_causes(dated: comity.Workspace) -> None:
    why = dated.why("a/2", "x")
    assert why.event is not None
    assert (why.event.event, why.event.by, why.event.reason) == ("3.0", "sales", "three")
    assert [(cause.event, cause.reason) for cause in why.causes] == [("2.0", "two")]
    past = dated.why("a/1", "x", at=2)
    assert past.event is not None
    assert past.value == 2
    assert past.rested_on == ("a/1.x was 1",)
    for record, field in (("a/1", "never"), ("a/none", "x")):
        with pytest.raises(comity.NotFound):
            dated.why(record, field)


def test_why_does_not_credit_a_change_of_another_field(ws: comity.Workspace) -> None:
    ws.agent("sales").put("a/1", x=1, y=1, reason="mine")
    ws.agent("support").put("a/1", y=2, was={"y": 1}, reason="theirs")
    why = ws.why("a/1", "x")
    assert why.event is not None
    assert (why.event.by, why.event.reason) == ("sales", "mine")


def test_a_cause_must_be_an_event_of_the_log(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    sales.put("a/1", x=1)
    for n, (cause, code) in enumerate(
        (
            ("9.0", "shape.unknown_cause"),
            ("x", "shape.invalid"),
            ("1.7", "shape.unknown_cause"),
            ("0.65536", "shape.invalid"),
            ("1.0", None),
        )
    ):
        decision = sales.propose(Proposal(id=f"p{n}", changes=(Create(f"b/{n}"),), cause=cause))
        assert [finding.code for finding in decision.refusals] == ([code] if code else [])


def test_events_are_named_by_what_happened(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    changes = (Create("a/1", {"x": 1}), Set("a/1", {"x": 2}), Put("a/1", {"y": 1}), Delete("a/1"))
    decision = sales.propose(Proposal(id="p", changes=changes, reads=(Read("a/1", 0),)))
    assert decision.events == ("1.0", "1.1", "1.2", "1.3")
    assert [event.type for event in ws.history(oldest_first=True).events] == [
        "a.created",
        "a.updated",
        "a.updated",
        "a.deleted",
    ]
    assert [event.version for event in ws.history(oldest_first=True).events] == [1, 2, 3, 4]
    assert re.fullmatch(r"1:[0-9a-f]{64}", ws.verify().head)
