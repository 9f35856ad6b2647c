"""What a client writes down, in a file that survives its being killed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from comity.clock import Clock, SystemClock
from comity.errors import OutcomeUnknown, StoreError
from comity.model.decisions import Decision
from comity.model.proposals import Proposal
from comity.model.records import Life
from comity.workspace import Record


class Sight(msgspec.Struct, frozen=True):
    """Be what a client was shown of one record: its life, its version, the fields that it looked at."""

    record: str
    revision: int
    version: int
    life: Life
    values: dict[str, Any]
    at_us: int


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """Be one proposal as its client knows it.

    ``proposal`` is what the client meant to propose: its reads are those that count.
    ``sights`` is what it was shown since its last attempt. ``decision`` is None where no
    answer came: the client was killed, or told that the outcome is unknown. Times are
    microseconds on one clock that all clients share.
    """

    client: str
    agent: str
    proposal: Proposal
    sights: tuple[Sight, ...] = ()
    invoked_us: int = 0
    answered_us: int | None = None
    decision: Decision | None = None


class _Invoked(msgspec.Struct, frozen=True, tag_field="line", tag="invoked"):
    number: int
    attempt: Attempt


class _Answered(msgspec.Struct, frozen=True, tag_field="line", tag="answered"):
    number: int
    at_us: int
    decision: Decision


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Invoked | _Answered).decode


class Journal:
    """Write down what one client does, each line with one write, before the deed and after it.

    A killed process leaves every line but, at worst, a part of the last one. Reopening the
    file goes on behind it. Not to be shared between threads.
    """

    def __init__(self, path: Path, client: str, clock: Clock | None = None) -> None:
        self.client = client
        self._clock = clock or SystemClock()
        self._number = sum(1 for _ in _lines(path)) if path.exists() else 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        self._sights: list[Sight] = []
        if path.stat().st_size:
            os.write(self._file, b"\n")

    def see(self, record: Record, *fields: str) -> dict[str, Any]:
        """Return the values of these fields, which are thereby read, and note them as seen."""
        values = {name: msgspec.to_builtins(record.get(name)) for name in fields}
        sight = Sight(record.ref, record.revision, record.version, record.life, values, self._clock.boot_us())
        self._sights.append(sight)
        return values

    def attempt(self, agent: str, proposal: Proposal, ask: Callable[[], Decision]) -> Decision | None:
        """Return the answer to a proposal, written down; None where its outcome is unknown."""
        self._number += 1
        number = self._number
        sights, self._sights = tuple(self._sights), []
        invoked = self._clock.boot_us()
        attempt = Attempt(client=self.client, agent=agent, proposal=proposal, sights=sights, invoked_us=invoked)
        self._write(_Invoked(number, attempt))
        try:
            decision = ask()
        except (OutcomeUnknown, StoreError):
            return None
        self._write(_Answered(number, self._clock.boot_us(), decision))
        return decision

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, line: _Invoked | _Answered) -> None:
        os.write(self._file, _encode(line) + b"\n")


def read_journals(paths: Iterable[Path]) -> list[Attempt]:
    """Return the attempts of all journals, each with its answer where one came."""
    attempts: list[Attempt] = []
    for path in sorted(paths):
        open_attempts: dict[int, Attempt] = {}
        for line in _lines(path):
            if isinstance(line, _Invoked):
                open_attempts[line.number] = line.attempt
            else:
                invoked = open_attempts.pop(line.number)
                answered = msgspec.structs.replace(invoked, answered_us=line.at_us, decision=line.decision)
                attempts.append(answered)
        attempts.extend(open_attempts.values())
    return attempts


def _lines(path: Path) -> Iterator[_Invoked | _Answered]:
    """Yield the whole lines of a journal; what a kill has cut short is none."""
    for line in path.read_bytes().split(b"\n"):
        try:
            yield _decode(line)
        except msgspec.DecodeError:
            continue
