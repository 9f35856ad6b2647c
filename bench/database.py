"""On PostgreSQL: the job of ``commits``, by one process and by two, and a read; with every commit synced.

Beside it stands the same job by hand with row locks, and pgbench, which does without any of
it: one bare versioned UPDATE of one row, no Python. The server is that of the tests.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import random
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final

import comity
from bench.by_hand import Stale
from bench.commits import REASON, review
from bench.database_by_hand import DatabaseByHand, prepare
from bench.measuring import Pair, Row, Sample, Sizes, Work, alternate, latency_rows, median, rate_row, run_threads
from bench.measuring import run_times as timed
from bench.scene import DEFINITION, OTHER, OWNERS, records_of
from tests.server import BINARIES, Server

AIMS: Final = {1: 1.5, 8: 8.0, 64: 25.0}
PGBENCH_AIM: Final = 0.9
GET_AIM: Final = 0.8
BARE: Final = "\\set id random(0, {last})\nUPDATE bare SET version = version + 1 WHERE id = :id;\n"
SPAWN: Final = multiprocessing.get_context("spawn")


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows for each number of threads, for two processes, for pgbench, and for a read."""
    folder.mkdir(parents=True)
    server = Server(fsync="on", full_page_writes="on")
    try:
        count = max(sizes.records, *sizes.callers)
        url = _filled(server, folder, count)
        with comity.open(url) as workspace:
            for callers in sizes.callers:
                yield from _commit_rows(workspace, server, count, callers, sizes)
            yield _bare_row(workspace, server, folder, count, sizes)
            yield _get_row(workspace, server, count, sizes)
        yield _coordinators_row(url, count, sizes)
    finally:
        server.remove()


def _filled(server: Server, folder: Path, count: int) -> str:
    """Return the url of a workspace that has the same records as the hand-written tables."""
    (folder / "comity.toml").write_text(DEFINITION, encoding="utf-8")
    records, url = records_of(count), f"{server.url}&workspace=bench"
    prepare(server.url, records, OWNERS)

    async def fill(workspace: comity.Workspace) -> None:
        sales = workspace.async_agent("sales")
        await asyncio.gather(*[sales.create(ref, fields) for ref, fields in records.items()])

    with comity.open(url, definition=folder / "comity.toml") as workspace:
        asyncio.run(fill(workspace))
    return url


def _review_by_hand(connection: DatabaseByHand, customers: Iterator[int]) -> None:
    key = next(customers)
    while True:
        seen = {ref: connection.get(ref) for ref in (f"customer/{key}", f"account/{key}", f"plan/{key}")}
        customer = seen[f"customer/{key}"][1]
        reads = {ref: version for ref, (version, _) in seen.items()}
        status = OTHER[customer["status"]]
        try:
            connection.commit(
                "support", reads, f"customer/{key}", "status", status, _is_allowed, "StatusChanged", REASON
            )
        except Stale:
            continue
        return


def _is_allowed(before: dict[str, str], after: dict[str, str]) -> bool:
    return before["status"] != "churned" or after["status"] == "churned"


def _ours(workspace: comity.Workspace, callers: int, count: int, seconds: float) -> Sample:
    return run_threads(_dealt(workspace, 0, callers, callers, count), seconds)


def _dealt(workspace: comity.Workspace, first: int, callers: int, of: int, count: int) -> list[Work]:
    agent = workspace.agent("support")
    return [
        partial(review, agent, itertools.cycle(range(number, count, of))) for number in range(first, first + callers)
    ]


def _commit_rows(workspace: comity.Workspace, server: Server, count: int, callers: int, sizes: Sizes) -> Iterator[Row]:
    with ExitStack() as stack:
        connections = [DatabaseByHand(server.url) for _ in range(callers)]
        for connection in connections:
            stack.callback(connection.close)
        by_hand: list[Work] = [
            partial(_review_by_hand, connection, itertools.cycle(range(number, count, callers)))
            for number, connection in enumerate(connections)
        ]
        pairs = alternate(
            sizes.rounds,
            lambda: _ours(workspace, callers, count, sizes.seconds),
            lambda: run_threads(by_hand, sizes.seconds),
        )
    cell = f"{callers} thread{'s' if callers > 1 else ''}"
    yield rate_row("commit, PostgreSQL", cell, pairs, AIMS.get(callers))
    yield from latency_rows("commit, PostgreSQL", cell, pairs)


def _bare_row(workspace: comity.Workspace, server: Server, folder: Path, count: int, sizes: Sizes) -> Row:
    callers = sizes.callers[-1]
    script = folder / "bare.sql"
    script.write_text(BARE.format(last=count - 1), encoding="utf-8")
    ours, bare = list[float](), list[float]()
    for _ in range(sizes.rounds):
        ours.append(_ours(workspace, callers, count, sizes.seconds).rate)
        bare.append(_bare_rate(server, script, callers, sizes.seconds))
    ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
    return Row(
        "commit, PostgreSQL, beside pgbench", f"{callers} threads", median(ours), median(bare), "per s",
        median(ratios), aim=PGBENCH_AIM,
    )  # fmt: skip


def _bare_rate(server: Server, script: Path, clients: int, seconds: float) -> float:
    """Return how many bare updates a second pgbench makes: it measures whole seconds, at least one."""
    place = ("-h", str(server.folder), "-p", str(server.port), "-U", "postgres")
    size = ("-c", str(clients), "-j", "2", "-T", str(max(round(seconds), 1)))
    command = [str(BINARIES / "pgbench"), "-n", "-M", "prepared", "-f", str(script), *size, *place, "postgres"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"tps = ([0-9.]+)", told)
    if found is None:
        raise ValueError(f"pgbench tells no rate: {told}")
    return float(found[1])


def _get_row(workspace: comity.Workspace, server: Server, count: int, sizes: Sizes) -> Row:
    chosen = random.Random(count)
    keys = [f"customer/{chosen.randrange(count)}" for _ in range(sizes.reads)]
    agent, hand = workspace.agent("sales"), DatabaseByHand(server.url)
    try:
        pairs: list[Pair] = alternate(
            sizes.rounds,
            lambda: timed(lambda number: agent.get(keys[number], fresh=True).get("status"), sizes.reads),
            lambda: timed(lambda number: hand.get(keys[number])[1]["status"], sizes.reads),
        )
    finally:
        hand.close()
    return Row(
        "get, PostgreSQL", "as of now", median([1e6 / pair.ours.rate for pair in pairs]),
        median([1e6 / pair.baseline.rate for pair in pairs]), "µs", median([pair.ratio for pair in pairs]), aim=GET_AIM,
    )  # fmt: skip


def _coordinators_row(url: str, count: int, sizes: Sizes) -> Row:
    """Return what two processes commit together, beside what one does with as many threads."""
    callers = max(sizes.callers[-1] // 2, 1)
    two, one = list[float](), list[float]()
    for _ in range(sizes.rounds):
        two.append(_together(url, 2, callers, count, sizes.seconds))
        one.append(_together(url, 1, 2 * callers, count, sizes.seconds))
    ratios = [mine / theirs for mine, theirs in zip(two, one, strict=True)]
    cell = f"two of {callers} threads"
    return Row(
        "commit, PostgreSQL, two processes beside one", cell, median(two), median(one), "per s", median(ratios), aim=0.8
    )


def _together(url: str, processes: int, callers: int, count: int, seconds: float) -> float:
    barrier = SPAWN.Barrier(processes)
    with SPAWN.Pool(processes, initializer=_meet, initargs=(barrier,)) as pool:
        given = [(url, number * callers, callers, processes * callers, count, seconds) for number in range(processes)]
        return sum(pool.starmap(_rate, given, chunksize=1))


_meeting: list[Barrier] = []
"""Where processes wait for each other before they begin: in each of them, which must inherit it."""


def _meet(barrier: Barrier) -> None:
    _meeting.append(barrier)


def _rate(url: str, first: int, callers: int, of: int, count: int, seconds: float) -> float:
    with comity.open(url) as workspace:
        works = _dealt(workspace, first, callers, of, count)
        works[0]()
        _meeting[0].wait()
        return run_threads(works, seconds).rate
