"""S4: processes get their turns in the order in which they asked, and the dead hold nobody up."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

import pytest

from comity import limits
from comity.errors import StoreError, StoreUnavailable
from comity.store.sqlite.lines import Line, NoLine
from comity.store.sqlite.posix_lines import PlainLine, TicketLine
from comity.store.sqlite.turn import Turn

SPAWN = multiprocessing.get_context("spawn")
FORK = multiprocessing.get_context("fork")
NAMES = ("a", "b", "c", "d")
ROUNDS = 100


def test_turns_are_fair_on_linux(tmp_path: Path) -> None:
    assert Turn(tmp_path / "turn").is_fair == (sys.platform == "linux")


@pytest.mark.parametrize(("line", "is_fair"), [(TicketLine(), True), (PlainLine(), False)])
def test_one_at_a_time_on_every_line(tmp_path: Path, line: Line, is_fair: bool) -> None:
    inside: list[int] = []

    def work() -> None:
        turn = Turn(tmp_path / "turn", line)
        for _ in range(100):
            with turn:
                inside.append(1)
                assert len(inside) == 1
                inside.pop()
        turn.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Turn(tmp_path / "turn", line).is_fair == is_fair


def test_no_line_holds_nobody_up(tmp_path: Path) -> None:
    first, second = (Turn(tmp_path / "turn", NoLine()) for _ in range(2))
    with first, second:
        assert (first.is_mine, first.is_fair) == (True, False)


def work_in_turns(path: Path, name: str, ready: Connection, out: Path) -> None:
    """Take turn after turn and write one's name in each, synced as a commit is, until the file is full."""
    turn = Turn(path)
    ready.send(name)
    ready.recv()
    with out.open("ab", buffering=0) as stream:
        while True:
            with turn:
                if os.fstat(stream.fileno()).st_size >= ROUNDS * len(NAMES):
                    return
                stream.write(name.encode())
                os.fsync(stream.fileno())


def started(path: Path, name: str, out: Path) -> tuple[BaseProcess, Connection]:
    here, there = cast("tuple[Connection, Connection]", multiprocessing.Pipe())
    process = SPAWN.Process(target=work_in_turns, args=(path, name, there, out), daemon=True)
    process.start()
    return process, here


def test_s4_processes_share_evenly(tmp_path: Path) -> None:
    out = tmp_path / "names"
    workers = [started(tmp_path / "turn", name, out) for name in NAMES]
    for _, pipe in workers:
        pipe.recv()
    with Turn(tmp_path / "turn"):
        for _, pipe in workers:
            pipe.send("go")
        wait_for_tickets(tmp_path / "turn", len(NAMES))
    for process, _ in workers:
        process.join()
    written = out.read_text()
    shares = Counter(written)
    assert len(written) == ROUNDS * len(NAMES)
    assert max(shares.values()) <= 2 * min(shares.values()), shares


def wait_for_tickets(path: Path, drawn: int) -> None:
    """Return once so many tickets have been drawn: whoever drew the last one waits. Who found it free needs none."""
    while int.from_bytes(path.read_bytes()[:8], "little") < drawn:
        os.sched_yield()


def hold_turn(path: Path, pipe: Connection) -> None:
    """Take the turn, say so, and keep it until told to end."""
    turn = Turn(path)
    with turn:
        pipe.send("mine")
        pipe.recv()


def holder(path: Path) -> tuple[BaseProcess, Connection]:
    here, there = cast("tuple[Connection, Connection]", multiprocessing.Pipe())
    process = SPAWN.Process(target=hold_turn, args=(path, there), daemon=True)
    process.start()
    return process, here


def kill(process: BaseProcess) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def test_killed_holder_holds_nobody_up(tmp_path: Path) -> None:
    process, pipe = holder(tmp_path / "turn")
    pipe.recv()
    kill(process)
    with Turn(tmp_path / "turn"):
        pass


def test_killed_waiter_holds_nobody_up_and_lets_nobody_overtake(tmp_path: Path) -> None:
    path = tmp_path / "turn"
    holding, holding_pipe = holder(path)
    holding_pipe.recv()
    first, first_pipe = holder(path)
    wait_for_tickets(path, 1)
    second, _ = holder(path)
    wait_for_tickets(path, 2)
    third, third_pipe = holder(path)
    wait_for_tickets(path, 3)
    kill(second)
    holding_pipe.send("end")
    assert wait([first_pipe, third_pipe]) == [first_pipe]
    assert first_pipe.recv() == "mine"
    assert not third_pipe.poll()
    first_pipe.send("end")
    assert third_pipe.recv() == "mine"
    third_pipe.send("end")
    for process in (holding, first, third):
        process.join()


def test_free_turn_is_not_taken_from_those_who_wait(tmp_path: Path) -> None:
    path = tmp_path / "turn"
    turn = Turn(path)
    with turn:
        waiting, pipe = holder(path)
        wait_for_tickets(path, 1)
    pipe.recv()
    pipe.send("end")
    with turn:
        pass
    waiting.join()


def test_turns_come_in_the_order_of_asking(tmp_path: Path) -> None:
    order: list[int] = []

    def take(number: int) -> None:
        with turns[number]:
            order.append(number)

    turns = [Turn(tmp_path / "turn") for _ in range(5)]
    with Turn(tmp_path / "turn"):
        threads = [threading.Thread(target=take, args=[number]) for number in range(5)]
        for number, thread in enumerate(threads):
            thread.start()
            wait_for_tickets(tmp_path / "turn", number + 1)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("line", [TicketLine(), PlainLine()])
def test_turn_that_does_not_come_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: Line) -> None:
    monkeypatch.setattr(limits, "STORE_BUSY_S", 0.05)
    first, second = (Turn(tmp_path / "turn", line) for _ in range(2))
    with first:
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="another writer has kept its turn"):
                second.__enter__()
    with second:
        assert second.is_mine


def test_turn_given_up_is_nobodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holding, giving_up, waiting = (Turn(tmp_path / "turn") for _ in range(3))
    entered = threading.Event()

    def wait_in_line() -> None:
        with waiting:
            entered.set()

    with holding:
        monkeypatch.setattr(limits, "STORE_BUSY_S", 0.05)
        with pytest.raises(StoreUnavailable):
            giving_up.__enter__()
        monkeypatch.undo()
        thread = threading.Thread(target=wait_in_line)
        thread.start()
        wait_for_tickets(tmp_path / "turn", 2)
    thread.join()
    assert entered.is_set()


def test_thread_that_waits_for_another_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STORE_BUSY_S", 0.05)
    turn = Turn(tmp_path / "turn")
    failures: list[StoreError] = []

    def enter() -> None:
        try:
            turn.__enter__()
        except StoreError as failure:
            failures.append(failure)

    with turn:
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    assert [type(failure) for failure in failures] == [StoreUnavailable]


def test_thread_enters_once(tmp_path: Path) -> None:
    turn = Turn(tmp_path / "turn")
    with turn, pytest.raises(StoreError, match="in its turn already"):
        turn.__enter__()
    with turn:
        assert turn.is_mine
    assert not turn.is_mine


def test_closed_line_is_an_error(tmp_path: Path) -> None:
    turn = Turn(tmp_path / "turn")
    turn.close()
    turn.close()
    with pytest.raises(StoreError):
        turn.__enter__()


FORKER = """
import os, pathlib, sys
from comity.store.sqlite.turn import Turn
with Turn(pathlib.Path(sys.argv[1])):
    if os.fork():
        os.kill(os.getpid(), 9)
    sys.stdin.read()
"""


def test_child_of_a_killed_holder_holds_nobody_up(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", FORKER, tmp_path / "turn"], stdin=subprocess.PIPE)
    assert parent.wait() == -signal.SIGKILL
    with Turn(tmp_path / "turn"):
        pass
    assert parent.stdin is not None
    parent.stdin.close()
