"""A consumer that dies between reading and acknowledging: what it had is read again, and nothing is passed over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.testing.manual_clock import ManualClock

ITEMS = 12
WORKER = """
import sys
import comity
from comity.testing.manual_clock import ManualClock

with comity.open(sys.argv[1], clock=ManualClock()) as ws:
    with ws.consumer("sync", start="start") as consumer:
        for item in consumer:
            print(item.revision, flush=True)
            if sys.stdin.readline() == "ack\\n":
                consumer.ack(item)
                print("done", flush=True)
"""


class Reader:
    """Read as the consumer in a process of its own, an item at a time."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip

    def read(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def say(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def acknowledge(self) -> None:
        self.say("ack")
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "done\n"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.mark.slow
def test_s18_whatever_was_not_acknowledged_is_read_again(tmp_path: Path) -> None:
    path, clock = tmp_path / "base.db", ManualClock()
    delivered: list[list[int]] = []
    with comity.open(path, clock=clock) as ws:
        for number in range(ITEMS):
            ws.agent("sales").put("customer/a", n=number, was={})
        for acknowledged in (2, 0, 3, 5):
            reader = Reader(path)
            delivered.append([])
            for _ in range(acknowledged):
                delivered[-1].append(reader.read())
                reader.acknowledge()
            delivered[-1].append(reader.read())
            reader.kill()
            ws.reset_consumer("sync", ws.consumers().consumers[0].cursor)  # It is known to be dead: nobody need wait.
        with ws.consumer("sync", follow=False) as consumer:
            delivered.append([item.revision for item in consumer])
    assert delivered == [[1, 2, 3], [3], [3, 4, 5, 6], [6, 7, 8, 9, 10, 11], [11, 12]]


@pytest.mark.slow
def test_another_takes_over_from_the_dead_once_it_was_silent_for_long_enough(tmp_path: Path) -> None:
    path, clock = tmp_path / "base.db", ManualClock()
    with comity.open(path, clock=clock) as ws:
        ws.agent("sales").put("customer/a", n=1)
        reader = Reader(path)
        assert reader.read() == 1
        reader.kill()
        with ws.consumer("sync", wait=False) as consumer:
            with pytest.raises(comity.ConsumerTaken):
                next(consumer)
            clock.advance(seconds=limits.CONSUMER_S)
            assert next(consumer).revision == 1
