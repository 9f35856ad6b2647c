"""verify: each kind of harm done behind Comity's back is found and named."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

import comity
from tests.verbs.conftest import Open

HARM = {
    "a record changed": (
        "UPDATE records SET \"values\" = '{\"n\":9}' WHERE id = 'a'",
        "task/a is stored otherwise than its events say",
    ),
    "a version changed": ("UPDATE records SET version = 9 WHERE id = 'a'", "task/a is stored otherwise"),
    "a record lost": ("DELETE FROM records WHERE id = 'a'", "task/a is missing"),
    "a record slipped in": (
        "INSERT INTO records SELECT kind, 'z', version, life, born, revision, \"values\", blame FROM records"
        " WHERE id = 'a'",
        "task/z is stored, and no event made it",
    ),
    "an event's payload changed": (
        "UPDATE events SET payload = replace(payload, '\"n\":2', '\"n\":3')",
        "its contents aren't those that were committed",
    ),
    "an event's envelope changed": (
        "UPDATE events SET type = 'Other' WHERE version = 2",
        "its hash isn't that of its contents",
    ),
    "an event lost": ("DELETE FROM events WHERE version = 2", "its hash isn't that of its contents"),
    "a commit's author changed": (
        "UPDATE commits SET agent = 'eve' WHERE revision = 2",
        "its hash isn't that of its contents",
    ),
    "a commit's reason changed": (
        "UPDATE commits SET payload = replace(payload, 'because', 'whatever')",
        "its contents aren't those",
    ),
    "a commit lost": ("DELETE FROM commits WHERE revision = 2", "revision 2 is missing"),
    "the head moved back": ("UPDATE head SET revision = 2", "the log ends at 3"),
    "the head's hash changed": (
        "UPDATE head SET chain = zeroblob(32)",
        "the head's hash isn't that of the last commit",
    ),
}


@pytest.fixture
def path(open_base: Open, tmp_path: Path) -> Path:
    base = open_base()
    ann = base.agent("ann")
    ann.put("task/a", n=1, reason="because")
    ann.put("task/a", n=2, was={"n": 1})
    ann.put("task/b", n=1)
    assert base.verify().is_clean
    base.close()
    return tmp_path / "base.db"


def do_harm(path: Path, sql: str) -> None:
    """Write into the file as somebody would who can write it, past the triggers."""
    connection = apsw.Connection(str(path))
    for (name,) in list(connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")):
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(sql)
    assert connection.changes()
    connection.close()


@pytest.mark.parametrize(("sql", "problem"), HARM.values(), ids=HARM.keys())
def test_s25_harm_done_to_the_file_is_detected(path: Path, sql: str, problem: str) -> None:
    do_harm(path, sql)
    with comity.open(path) as base:
        answer = base.verify()
    assert not answer.is_clean
    assert any(problem in one for one in answer.problems), answer.problems


def test_a_head_kept_outside_reveals_a_tail_that_was_cut(path: Path) -> None:
    with comity.open(path) as base:
        kept = base.verify().head
        assert base.verify(head=kept).is_clean
    cut = (
        "DELETE FROM events WHERE place >= 3 * 65536; DELETE FROM commits WHERE revision = 3;"
        " DELETE FROM records WHERE id = 'b';"
        " UPDATE head SET (revision, chain) = (SELECT revision, chain FROM commits ORDER BY revision DESC LIMIT 1)"
    )
    do_harm(path, cut)
    with comity.open(path) as base:
        assert base.verify().is_clean
        assert "the log was cut: it should reach revision 3" in base.verify(head=kept).problems[0]
        base.agent("eve").put("task/b", n=1)
        assert "the log was rewritten" in base.verify(head=kept).problems[0]


@pytest.mark.parametrize("head", ["", "3", "x:00", "²:00", "-1:00", "9" * 30 + ":00"])
def test_what_is_no_head(base: comity.Workspace, head: str) -> None:
    with pytest.raises(comity.InvalidRequest, match="revision:hash"):
        base.verify(head=head)


def test_an_empty_base_is_clean(base: comity.Workspace) -> None:
    answer = base.verify(head=base.verify().head)
    assert (answer.is_clean, answer.revision, answer.commits) == (True, 0, 0)
