"""The doorbell: who waits is rung by whoever commits, in any process; nothing that happens to a bell is an error."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from comity.store.contract import Store
from comity.store.sqlite import SqliteStore
from comity.store.sqlite import waiting as waiting_module
from comity.store.sqlite.doorbell import ADDRESS_BYTES, NAME_CHARS, Doorbell, folder_for
from comity.testing.manual_clock import ManualClock
from comity.testing.samples import put

LONG_S = 60.0
"""More than any wait here takes: one that is over by then was rung."""
SPAWN = multiprocessing.get_context("spawn")
LISTEN = """
import sys
from pathlib import Path
from comity.store.sqlite.doorbell import Doorbell
bell = Doorbell(Path(sys.argv[1]))
bell.hang()
print("there", flush=True)
print("heard" if bell.hear(60) else "silence", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Return a folder with a short path: a socket has no room for those that pytest makes."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "bells"


@pytest.fixture
def bell(folder: Path) -> Iterator[Doorbell]:
    made = Doorbell(folder)
    made.hang()
    yield made
    made.close()


@pytest.fixture
def ringer(folder: Path) -> Iterator[Doorbell]:
    made = Doorbell(folder)
    yield made
    made.close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def listen(folder: Path) -> subprocess.Popen[str]:
    """Start a process that waits at a bell of its own, and return once it does."""
    child = subprocess.Popen(
        [sys.executable, "-c", LISTEN, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert line_of(child) == "there\n"
    return child


def line_of(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline()


def test_a_ring_is_heard_by_all_others_and_not_by_oneself(folder: Path, bell: Doorbell, ringer: Doorbell) -> None:
    other = Doorbell(folder)
    other.hang()
    bell.ring()
    assert (other.hear(LONG_S), bell.hear(0)) == (True, False)
    ringer.ring()
    assert (other.hear(LONG_S), bell.hear(LONG_S)) == (True, True)
    other.close()


def test_rings_that_came_before_are_heard_once(bell: Doorbell, ringer: Doorbell) -> None:
    for _ in range(3):
        ringer.ring()
    assert [bell.hear(LONG_S), bell.hear(0)] == [True, False]


def test_a_full_bell_was_rung_already(bell: Doorbell, ringer: Doorbell) -> None:
    for _ in range(1_000):
        ringer.ring()
    assert bell.hear(LONG_S)


def test_one_who_comes_just_after_a_look_is_rung(folder: Path, ringer: Doorbell) -> None:
    """The folder's time of change may be the same as at the look before: it is looked at again for a while."""
    bells: list[Doorbell] = []
    for _ in range(20):
        ringer.ring()
        bells.append(Doorbell(folder))
        bells[-1].hang()
        ringer.ring()
        assert bells[-1].hear(LONG_S)
    for one in bells:
        one.close()


def test_the_folder_is_made_by_who_listens_and_goes_with_the_last(folder: Path, ringer: Doorbell) -> None:
    ringer.ring()
    assert not folder.exists()
    first, second = Doorbell(folder), Doorbell(folder)
    first.hang()
    second.hang()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(name.startswith(f"{os.getpid()}.") and len(name) <= NAME_CHARS for name in names(folder))
    first.close()
    assert len(names(folder)) == 1
    second.close()
    second.close()
    assert not folder.exists()
    second.hang()
    assert not second.is_there, "closed for good"


def test_whoever_was_killed_is_taken_away_by_the_next_ring(folder: Path, ringer: Doorbell) -> None:
    child = listen(folder)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert len(names(folder)) == 1
    ringer.ring()
    assert names(folder) == []


def test_another_process_is_rung(folder: Path, ringer: Doorbell) -> None:
    children = [listen(folder) for _ in range(3)]
    ringer.ring()
    assert [line_of(child) for child in children] == ["heard\n"] * 3
    for child in children:
        child.communicate()


def test_a_bell_that_was_taken_away_is_hung_again(folder: Path, bell: Doorbell, ringer: Doorbell) -> None:
    shutil.rmtree(folder)
    ringer.ring()
    assert not bell.hear(0)
    bell.mend()
    ringer.ring()
    assert bell.hear(LONG_S)


def test_what_is_no_bell_is_left_alone(folder: Path, bell: Doorbell, ringer: Doorbell) -> None:
    (folder / "notes.txt").write_text("mine")
    ringer.ring()
    assert "notes.txt" in names(folder)
    assert bell.hear(LONG_S)


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_a_folder_that_is_open_to_others_is_not_used(folder: Path, ringer: Doorbell, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)
    ringer.hang()
    assert not ringer.is_there
    ringer.ring()


def test_a_link_in_place_of_the_folder_is_not_used(tmp_path: Path, folder: Path, ringer: Doorbell) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    ringer.hang()
    assert not ringer.is_there


@pytest.mark.parametrize("how", ["open to others", "a link"])
def test_nobody_is_rung_where_others_may_say_who_it_is(
    tmp_path: Path, folder: Path, ringer: Doorbell, how: str
) -> None:
    place = folder if how == "open to others" else tmp_path / "elsewhere"
    place.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as victim:
        victim.bind(str(tmp_path / "v"))
        victim.setblocking(False)
        (place / "1.deadbeef").symlink_to(tmp_path / "v")
        if how == "a link":
            folder.symlink_to(place)
        else:
            folder.chmod(0o777)
        ringer.ring()
        with pytest.raises(BlockingIOError):
            victim.recv(1)


def test_a_child_that_was_forked_has_no_bell(bell: Doorbell) -> None:
    child = os.fork()
    if not child:
        os._exit(int(bell.is_there))
    assert os.waitpid(child, 0)[1] == 0
    assert bell.is_there


# -- where bells are


def long_folder(tmp_path: Path) -> Path:
    deep = tmp_path / "/".join(["d" * 40] * 3)
    deep.mkdir(parents=True)
    return deep


def test_bells_are_beside_the_base() -> None:
    assert folder_for(Path("/srv/crm.db")) == Path("/srv/crm.db-bells")


def test_bells_of_a_long_path_are_in_a_short_one_that_all_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    deep = long_folder(tmp_path) / "a.db"
    deep.touch()
    linked = deep.with_name("b.db")
    linked.hardlink_to(deep)
    found = folder_for(deep)
    assert found is not None
    assert found.parent == Path("/tmp")
    assert len(os.fsencode(found)) + 1 + NAME_CHARS <= ADDRESS_BYTES
    assert folder_for(linked) == found
    monkeypatch.setattr("tempfile.tempdir", str(deep.parent))
    assert folder_for(deep) is None, "no path is short enough"


def test_a_system_without_such_sockets_has_no_bells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.db").touch()
    monkeypatch.delattr(socket, "AF_UNIX")
    assert folder_for(tmp_path / "a.db") is None


# -- together with a base


def open_at(path: Path) -> SqliteStore:
    return SqliteStore.open(str(path), clock=ManualClock())


def no_looks(patch: pytest.MonkeyPatch) -> None:
    """Have nobody look for himself: whoever is woken was rung."""
    for name in ("FIRST_LOOK_S", "LAST_LOOK_S", "NET_LOOK_S"):
        patch.setattr(waiting_module, name, 10 * LONG_S)


def commit_each_time(path: str, told: multiprocessing.Queue[bool]) -> None:
    """Commit once for each word that comes."""
    store = open_at(Path(path))
    while told.get():
        put(store, "customer/a")
    store.close()


@pytest.mark.parametrize("is_deep", [False, True])
def test_a_commit_of_another_process_wakes_without_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_deep: bool
) -> None:
    no_looks(monkeypatch)
    path = (long_folder(tmp_path) if is_deep else tmp_path) / "a.db"
    store: Store = open_at(path)
    store.wait(0, 0)
    told = SPAWN.Queue()
    process = SPAWN.Process(target=commit_each_time, args=(str(path), told))
    process.start()
    for revision in range(20):
        told.put(True)
        assert store.wait(revision, LONG_S)
    told.put(False)
    process.join()
    store.close()


@pytest.mark.parametrize("spoil", ["no sockets", "a folder of others", "a folder that is gone"])
def test_without_a_bell_commits_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: str) -> None:
    path = tmp_path / "a.db"
    if spoil == "no sockets":
        monkeypatch.delattr(socket, "AF_UNIX")
    store, other = open_at(path), open_at(path)
    if spoil == "a folder of others":
        (tmp_path / "a.db-bells").mkdir(mode=0o755)
    store.wait(0, 0)
    if spoil == "a folder that is gone":
        shutil.rmtree(tmp_path / "a.db-bells")
    put(other, "customer/a")
    assert store.wait(0, LONG_S)
    for handle in (store, other):
        handle.close()


def test_nothing_is_left_when_the_last_handle_is_closed(tmp_path: Path) -> None:
    store, other = open_at(tmp_path / "a.db"), open_at(tmp_path / "a.db")
    store.wait(0, 0)
    other.wait(0, 0)
    assert len(names(tmp_path / "a.db-bells")) == 2
    store.close()
    other.close()
    assert not (tmp_path / "a.db-bells").exists()
