"""S5 between processes: what a plain read may miss for a moment, and what none may."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import pytest

import comity
from comity import limits
from comity.store import recency

WRITER = """
import sys, comity
with comity.open(sys.argv[1]) as ws:
    agent = ws.agent("elsewhere")
    for n in range(int(sys.argv[2])):
        agent.put("a/1", n=n, was={"n": n - 1})
        print(n, flush=True)
"""


@contextmanager
def writing_elsewhere(path: Path, commits: int) -> Generator[Iterator[int]]:
    """Have another process commit; yield what it says of each commit, once that is durable."""
    command = [sys.executable, "-c", WRITER, str(path), str(commits)]
    surroundings = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings) as writer:
        assert writer.stdout is not None
        yield map(int, writer.stdout)
    assert writer.returncode == 0


def reader_of(ws: comity.Workspace) -> comity.Agent:
    """Return an agent that has made the record, and whose process has it in memory."""
    reader = ws.agent("reader")
    reader.put("a/1", n=-1)
    assert reader.get("a/1").n == -1
    return reader


def test_s05_a_fresh_read_shows_what_another_process_has_committed(ws: comity.Workspace, path: Path) -> None:
    reader = reader_of(ws)
    with writing_elsewhere(path, 20) as committed:
        for n in committed:
            assert reader.get("a/1", fresh=True).n >= n
    assert reader.intent().get("a/1", fresh=True).n == 19


def test_s05_a_plain_read_shows_it_a_moment_later(ws: comity.Workspace, path: Path) -> None:
    reader = reader_of(ws)
    with writing_elsewhere(path, 20) as committed:
        for n in committed:
            sleep(limits.HEAD_AGE_S)
            assert reader.get("a/1").n >= n


def test_s05_no_read_goes_back_behind_another(
    ws: comity.Workspace, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recency, "_AGE_NS", 10**12)
    reader, last = reader_of(ws), 0
    with writing_elsewhere(path, 30) as committed, reader.intent() as intent:
        for _ in committed:
            for look in (
                lambda: reader.get("a/1").revision,
                lambda: reader.find("a").revision,
                lambda: intent.get("a/1").revision,
                lambda: ws.revision,
                lambda: reader.get("a/1").revision,
            ):
                revision = look()
                assert revision >= last
                last = revision


def test_s05_what_is_read_of_the_past_is_no_fresher(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    sales.put("a/1", n=1)
    with pytest.raises(comity.InvalidRequest, match="fresh: "):
        sales.get("a/1", at=1, fresh=True)
    with pytest.raises(comity.InvalidRequest, match="fresh: "):
        sales.intent(at=1).get("a/1", fresh=True)


def test_s05_a_closed_workspace_answers_nothing_from_memory(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    sales.put("a/1", n=1)
    sales.get("a/1")
    ws.close()
    with pytest.raises(comity.StoreError):
        sales.get("a/1")
