"""A process killed between release and outcome is taken over under the same key; the receiver drops the repeat."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.store.sqlite import SqliteStore
from comity.testing.faulty_store import Fault, FaultyStore, die
from comity.testing.manual_clock import ManualClock
from comity.verbs.engine import Engine
from tests.crash.test_kill import CALLS

WAIT_S = 60.0
TAKEN_OVER_S = 5
"""How long a try may take before it counts as lost: more than a slow machine needs for one."""
SECRET = "not a very secret secret"


class Receiver:
    """Be a webhook's receiver that drops repeats by ``webhook-id``, and doesn't answer until it may."""

    def __init__(self) -> None:
        self.tries: Counter[str] = Counter()
        self.answers = threading.Event()
        self.answers.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                receiver.tries[self.headers["webhook-id"]] += 1
                receiver.answers.wait(WAIT_S)
                self.send_response(204)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def definition(self, timeout_s: int) -> str:
        url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        webhook = f'[webhooks.crm]\nurl = "{url}"\nsecret_env = "HOOK"\n'
        return f'{webhook}[effects.email]\nwebhook = "crm"\ntimeout = "{timeout_s}s"\n'

    def close(self) -> None:
        self.answers.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def start(path: Path) -> subprocess.Popen[bytes]:
    """Start a process that does duties."""
    environment = {**os.environ, "HOOK": SECRET, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-m", "comity", "run", "--db", str(path)], env=environment, stdout=subprocess.DEVNULL
    )


def until(condition: object) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + WAIT_S
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stop(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        process.kill()
        process.wait()


def test_s34_who_dies_between_release_and_outcome_is_taken_over_under_the_same_key(
    tmp_path: Path, receiver: Receiver
) -> None:
    path, definition = tmp_path / "crm.db", tmp_path / "comity.toml"
    definition.write_text(receiver.definition(TAKEN_OVER_S), encoding="utf-8")
    receiver.answers.clear()
    with comity.open(path, definition=definition) as ws:
        decision = ws.agent("sales").effect("email", subject="Hi")
        first = start(path)
        until(lambda: receiver.tries)
        assert ws.effect(decision).state == "sending"
        first.send_signal(signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL
        receiver.answers.set()
        second = start(path)
        try:
            until(lambda: ws.effect(decision).state == "delivered")
        finally:
            stop(second)
        effect = ws.effect(decision)
        assert receiver.tries == {effect.effect.partition("/")[2]: 2}
        assert (effect.attempts, effect.is_uncertain) == (2, True)
        assert ws.verify().is_clean


def test_s35_two_processes_share_the_outbox_and_each_key_arrives_once(tmp_path: Path, receiver: Receiver) -> None:
    path, definition = tmp_path / "crm.db", tmp_path / "comity.toml"
    definition.write_text(receiver.definition(limits.EFFECT_TIMEOUT_S), encoding="utf-8")
    processes: list[subprocess.Popen[bytes]] = []
    try:
        with comity.open(path, definition=definition) as ws:
            processes += [start(path), start(path)]
            for number in range(60):
                ws.agent("sales").effect("email", number=number)
            until(lambda: not ws.effects().effects)
            keys = {one.effect.partition("/")[2] for one in ws.effects(state="delivered").effects}
    finally:
        stop(*processes)
    assert len(keys) == 60
    assert receiver.tries == dict.fromkeys(keys, 1)


CASES = [(call, side, nth) for call, side in CALLS for nth in (1, 2)]
"""At which call of the store to die: that of the release, or that of the outcome."""


def die_in_each(folder: Path) -> None:
    """Release and deliver in a child for each case, through a store that kills it on the way."""
    for place, (call, side, nth) in enumerate(CASES):
        child = os.fork()
        if not child:
            release_through(folder / f"{place}.db", folder / f"{place}.sent", Fault(call, side, nth, die))  # type: ignore[arg-type]
            os._exit(0)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL, (call, side, nth)


def release_through(path: Path, sent: Path, fault: Fault) -> None:
    clock = ManualClock()
    store = FaultyStore(SqliteStore.open(str(path), clock=clock))
    outbox = Engine(store, str(path), clock, os.urandom).outbox
    outbox.handle("email", lambda delivery: sent.write_text(delivery.key))
    store.plan(fault)
    outbox.run(10, in_background=False)


@pytest.fixture(scope="module")
def died(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with a base for each case, in which somebody has died."""
    folder: Path = tmp_path_factory.mktemp("died")
    with comity.open(folder / "0.db", clock=ManualClock()) as base:
        base.agent("sales").effect("email", subject="Hi")
    for place in range(1, len(CASES)):
        shutil.copy(folder / "0.db", folder / f"{place}.db")
    script = f"from pathlib import Path; from tests.crash.test_effects import *; die_in_each(Path({str(folder)!r}))"
    folders = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": folders}, check=True)
    return folder


@pytest.mark.parametrize(("place", "case"), list(enumerate(CASES)), ids=[f"{c}-{s}-{n}" for c, s, n in CASES])
def test_s34_whoever_dies_at_any_call_of_the_store_leaves_an_effect_that_ends(
    died: Path, place: int, case: tuple[str, str, int]
) -> None:
    clock = ManualClock()
    file = died / f"{place}.sent"
    sent = [file.read_text()] if file.exists() else []
    with comity.open(died / f"{place}.db", clock=clock) as base:
        base.handle("email", lambda delivery: sent.append(delivery.key))
        for _ in range(4):
            base.run_effects()
            clock.advance(seconds=400)
        (effect,) = base.effects(state="all").effects
        assert effect.state == "delivered"
        assert set(sent) == {effect.effect.partition("/")[2]}
        assert len(sent) == 1 or effect.is_uncertain
        assert base.verify().is_clean
