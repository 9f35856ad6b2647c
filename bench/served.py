"""The service: commits over HTTP, beside an empty endpoint and beside a hand-written one that commits.

All three are processes of their own, on the same stack; one process asks them over as many
connections as there are agents, each kept alive and each with one request on its way.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
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
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self.close = self._socket.close

    async def post(self, path: str, body: object) -> Any:
        """Send JSON and return the answer's; raises RuntimeError for any but 200."""
        data = msgspec.json.encode(body)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nComity-Agent: support\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        await asyncio.get_running_loop().sock_sendall(self._socket, head.encode() + data)
        told, answer = await self._receive()
        if b" 200 " not in told.partition(b"\r\n")[0]:
            raise RuntimeError(answer.decode())
        return msgspec.json.decode(answer)

    async def _receive(self) -> tuple[bytes, bytes]:
        """Return the head of an answer and its body, of the length that the head tells."""
        loop, found = asyncio.get_running_loop(), b""
        while True:
            part = await loop.sock_recv(self._socket, 65_536)
            if not part:
                raise RuntimeError("the server closed the connection")
            found += part
            told, end, answer = found.partition(b"\r\n\r\n")
            if end:
                length = int(told.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                if len(answer) >= length:
                    return told, answer


def _ask(url: str, job: Ask, seconds: float) -> Sample:
    with ExitStack() as stack:
        lines = [Line(url) for _ in range(CONNECTIONS)]
        for line in lines:
            stack.callback(line.close)
        return run_tasks([partial(job, line, number) for number, line in enumerate(lines)], seconds)


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
