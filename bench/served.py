"""The service: commits over HTTP, beside an empty endpoint and beside a hand-written one that commits.

All three are processes of their own, on the same stack; one process asks them over as many
connections as there are agents, each kept alive and each with one request on its way.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from bench.measuring import Pair, Row, Sample, Sizes, alternate, latency_rows, rate_row, run_tasks
from bench.scene import OTHER, scene

CONNECTIONS: Final = 32
EMPTY_AIM: Final = 0.35
HAND_AIM: Final = 3.0
READ: Final = ("customer", "account", "plan")
Ask = Callable[["Line", int], Awaitable[None]]


def measure(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Yield the rows: the rate and the latency of whole jobs, beside either endpoint."""
    with scene(folder / "served", CONNECTIONS) as place:
        hand = place.folder / "by_hand.db"
        revision = place.workspace.revision
    base = str(hand.with_name("comity.db"))
    with (
        _process("comity", "serve", "--dev", "--json", "--port", "0", "--db", base) as comity,
        _process("bench.web", "nothing", str(hand)) as empty,
        _process("bench.web", "by_hand", str(hand)) as by_hand,
    ):
        jobs = _Jobs(revision)
        mine = partial(_ask, comity, jobs.ours, sizes.seconds)
        for cell, baseline, job, aim in (
            ("an empty endpoint", empty, jobs.nothing, EMPTY_AIM),
            ("an endpoint by hand", by_hand, jobs.by_hand, HAND_AIM),
        ):
            pairs: list[Pair] = alternate(sizes.rounds, mine, partial(_ask, baseline, job, sizes.seconds))
            name = f"{CONNECTIONS} connections, beside {cell}"
            yield rate_row("HTTP commit", name, pairs, aim)
            yield from latency_rows("HTTP commit", name, pairs)


class _Jobs:
    """Make the requests of each connection: on records of its own, resting on what the answer before told."""

    def __init__(self, revision: int) -> None:
        self._revision = [revision] * CONNECTIONS
        self._version = [1] * CONNECTIONS
        self._status = ["active"] * CONNECTIONS
        self._theirs = ["active"] * CONNECTIONS
        self._numbers = itertools.count()

    async def ours(self, line: Line, number: int) -> None:
        """Propose the whole job."""
        status, seen = OTHER[self._status[number]], self._revision[number]
        reads = [
            {"of": "record", "record": f"{kind}/{number}", "revision": seen, "fields": fields, "touched": True}
            for kind, fields in zip(READ, (["name", "status"], ["tier"], ["open"]), strict=True)
        ]
        change = {"do": "set", "record": f"customer/{number}", "fields": {"status": status}}
        proposal = {
            "id": f"bench-{next(self._numbers)}-{seen}", "changes": [change], "reads": reads, "reason": "bench",
        }  # fmt: skip
        answer = await line.post("/v1/comity/operations/propose", {"proposal": proposal})
        self._revision[number], self._status[number] = answer["revision"], status

    async def by_hand(self, line: Line, number: int) -> None:
        """Send the same, for a transaction of its own."""
        status, ref = OTHER[self._theirs[number]], f"customer/{number}"
        reads = {ref: self._version[number], f"account/{number}": 1, f"plan/{number}": 1}
        change = {"reads": reads, "ref": ref, "field": "status", "value": status, "reason": "bench"}
        await line.post("/", change)
        self._version[number] += 1
        self._theirs[number] = status

    async def nothing(self, line: Line, number: int) -> None:
        """Send as much, to be understood only."""
        reads = {f"{kind}/{number}": self._version[number] for kind in READ}
        await line.post("/", {"reads": reads, "ref": f"customer/{number}", "field": "status", "value": "active"})


class Line:
    """Be one connection that is kept alive: HTTP/1.1 with as little as it takes, so that the server is measured."""

    def __init__(self, url: str) -> None:
        self._host, self._port = urlsplit(url).hostname, urlsplit(url).port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: object) -> Any:
        """Send JSON and return the answer's; raises RuntimeError for any but 200."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        data = msgspec.json.encode(body)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nComity-Agent: support\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data)
        told = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(told.partition("content-length: ")[2].partition("\r\n")[0])
        answer = await reader.readexactly(length)
        if " 200 " not in told.partition("\r\n")[0]:
            raise RuntimeError(answer.decode())
        return msgspec.json.decode(answer)


def _ask(url: str, job: Ask, seconds: float) -> Sample:
    return run_tasks([partial(job, Line(url), number) for number in range(CONNECTIONS)], seconds)


@contextmanager
def _process(*words: str) -> Generator[str]:
    """Run a server; give its address."""
    command = [sys.executable, "-m", *words]
    unbound = {
        "COMITY_SERVE_REQUESTS_PER_S": "1e9",
        "COMITY_SERVE_BURST": "1000000",
        "COMITY_SERVE_ACCESS_LOG": "false",
    }
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | unbound
    ) as running:
        try:
            assert running.stdout is not None
            yield msgspec.json.decode(running.stdout.readline())["listening"]
        finally:
            running.kill()
