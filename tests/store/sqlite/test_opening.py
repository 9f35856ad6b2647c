"""What is opened, what is refused and left alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import apsw
import msgspec
import pytest

from comity.clock import StoreTime
from comity.errors import StoreDamaged, StoreError, StoreUnsupported
from comity.store.migrations import read_migrations
from comity.store.sqlite import SqliteStore, batch, opening
from comity.store.sqlite.opening import check_library, check_mount
from comity.testing.manual_clock import START_US, ManualClock
from comity.testing.samples import answered, append, put, told


def open_at(path: Path | str) -> SqliteStore:
    return SqliteStore.open(str(path), clock=ManualClock())


def test_the_name_of_a_base_comes_from_the_entropy_given(tmp_path: Path) -> None:
    for name in ("one.db", "two.db"):
        with closing(SqliteStore.open(str(tmp_path / name), clock=ManualClock(), entropy=bytes)) as store:
            assert store.head().incarnation == "00" * 16


@pytest.mark.parametrize("version", ["3.40.1", "3.51.2", "3.9.0"])
def test_library_that_loses_commits_is_refused(version: str) -> None:
    with pytest.raises(StoreUnsupported, match="WAL checkpoint race"):
        check_library(version)


@pytest.mark.parametrize("version", ["3.51.3", "3.52.0", "4.0"])
def test_library_that_keeps_them_is_taken(version: str) -> None:
    check_library(version)


@pytest.mark.parametrize("path", [":memory:", "", "file:crm.db?mode=memory"])
def test_what_is_no_file_is_refused(path: str) -> None:
    with pytest.raises(StoreUnsupported, match="no file that processes can share"):
        open_at(path)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no folder"):
        open_at(tmp_path / "nowhere" / "crm.db")


def test_folder_is_no_base(tmp_path: Path) -> None:
    with pytest.raises(StoreDamaged, match="a folder"):
        open_at(tmp_path)


@pytest.mark.parametrize("content", [b"name,status\nacme,active\n", b"\0" * 4096, b"SQLite format 2"])
def test_garbage_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "crm.db").write_bytes(content)
    with pytest.raises(StoreDamaged):
        open_at(tmp_path / "crm.db")
    assert (tmp_path / "crm.db").read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["crm.db"]


def test_damaged_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "crm.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises(StoreDamaged):
        open_at(tmp_path / "crm.db")


def test_file_of_another_application_is_refused_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "crm.db") as theirs:
        theirs.execute("CREATE TABLE customers (id)")
    theirs.close()
    before = (tmp_path / "crm.db").read_bytes()
    with pytest.raises(StoreDamaged, match="another application"):
        open_at(tmp_path / "crm.db")
    assert (tmp_path / "crm.db").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["crm.db"]


def test_base_with_a_hole_in_it_is_damaged(tmp_path: Path) -> None:
    store = open_at(tmp_path / "crm.db")
    for number in range(200):
        put(store, f"customer/c{number}", text="x" * 500)
    store.close()
    content = (tmp_path / "crm.db").read_bytes()
    kept = len(content) // 2
    (tmp_path / "crm.db").write_bytes(content[:kept] + b"\xff" * (len(content) - kept))
    opened = open_at(tmp_path / "crm.db")
    with pytest.raises(StoreDamaged), opened.snapshot() as snapshot:
        list(snapshot.all_records())
    opened.close()


def test_base_of_a_later_version_is_refused(tmp_path: Path) -> None:
    open_at(tmp_path / "crm.db").close()
    raw = apsw.Connection(str(tmp_path / "crm.db"))
    raw.execute("INSERT INTO migrations VALUES (99, 'later', x'00', 0)")
    raw.close()
    with pytest.raises(StoreUnsupported, match="install a later one"):
        open_at(tmp_path / "crm.db")


def base_of_the_first_schema(file: Path) -> None:
    """Make a base as the first version of Comity made it, with something in it."""
    first, *_ = read_migrations("comity.store.sqlite")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "read_migrations", lambda package: (first,))
        patch.setattr(batch, "drop_old_answers", lambda connection, now_us, kept: None)
        store = open_at(file)
        put(store, "customer/acme", n=1)
        append(store, answers=[answered("p")])
        store.close()


def receipts_of(file: Path) -> list[tuple[int, str, bytes]]:
    with closing(apsw.Connection(str(file))) as raw:
        return list(raw.execute("SELECT number, name, digest FROM migrations ORDER BY number"))


def test_base_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    file = tmp_path / "crm.db"
    base_of_the_first_schema(file)
    known = read_migrations("comity.store.sqlite")
    assert [number for number, *_ in receipts_of(file)] == [1]
    store, other = open_at(file), open_at(file)
    store.note("renewed", {"a": "1"})
    put(store, "customer/acme", n=2)
    store.keep(told(store, 9, time=StoreTime(START_US * 2, "boot-2")), [])
    with other.snapshot() as snapshot:
        assert [commit.revision for commit in snapshot.commits(0, 10)] == [1, 2]
        assert snapshot.records([("customer", "acme")])["customer", "acme"].values == {"n": 2}
        assert (snapshot.noted("renewed"), snapshot.answers(["p"])) == ({"a": "1"}, {})
    store.close()
    other.close()
    assert receipts_of(file) == [(one.number, one.name, one.digest) for one in known]


def test_base_brought_up_to_date_has_the_schema_of_a_new_one(tmp_path: Path) -> None:
    base_of_the_first_schema(tmp_path / "old.db")
    schemas = []
    for name in ("old.db", "new.db"):
        open_at(tmp_path / name).close()
        with closing(apsw.Connection(str(tmp_path / name))) as raw:
            schemas.append(list(raw.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name")))
    assert schemas[0] == schemas[1]


def test_step_that_fails_leaves_the_base_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "crm.db"
    base_of_the_first_schema(file)
    known = read_migrations("comity.store.sqlite")
    broken = msgspec.structs.replace(known[1], sql=known[1].sql + "CREATE TABLE commits (x) STRICT;")
    monkeypatch.setattr(opening, "read_migrations", lambda package: (known[0], broken))
    with pytest.raises(StoreError):
        open_at(file)
    monkeypatch.undo()
    assert [number for number, *_ in receipts_of(file)] == [1]
    open_at(file).close()
    assert len(receipts_of(file)) == len(known)


def test_opening_again_writes_nothing(tmp_path: Path) -> None:
    open_at(tmp_path / "crm.db").close()
    before = (tmp_path / "crm.db").read_bytes()
    open_at(tmp_path / "crm.db").close()
    assert (tmp_path / "crm.db").read_bytes() == before


def test_new_base_begins_with_the_clock_given(tmp_path: Path) -> None:
    store = open_at(tmp_path / "crm.db")
    with store.snapshot() as snapshot:
        assert (snapshot.head.time.now_us, snapshot.head.time.boot_id) == (START_US, "boot-1")
    store.close()


def test_link_and_file_share_one_line(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "crm.db")
    open_at(tmp_path / "link.db").close()
    assert (tmp_path / "crm.db-turn").exists()
    assert not (tmp_path / "link.db-turn").exists()


@pytest.mark.parametrize(
    ("mounts", "is_remote"),
    [
        ("/dev/vda / ext4 rw 0 0\n", False),
        ("/dev/vda / ext4 rw 0 0\nnas:/x /srv nfs4 rw 0 0\n", True),
        ("nas:/x / nfs rw 0 0\n/dev/vdb /srv/my\\040data xfs rw 0 0\n", False),
        ("//nas/x /srv/my\\040data cifs rw 0 0\n", True),
        ("", False),
    ],
)
def test_network_file_system_is_refused(mounts: str, is_remote: bool) -> None:
    file = Path("/srv/my data/crm.db")
    if is_remote:
        with pytest.raises(StoreUnsupported, match="network file system"):
            check_mount(file, mounts)
    else:
        check_mount(file, mounts)
