"""Importing: each row is a proposal under an id made of its file and what it says, so that a repeat does nothing twice.

A row that an earlier run of the same file committed is left alone, whatever became of the
record since; a file is the same if its name and its contents are. One that was refused is
tried anew under the next id (S7: one id is one attempt). Rows that refer to records which
come later in the file are tried again at the end.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from hashlib import file_digest, sha256
from io import BufferedReader
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final

import msgspec

from comity import limits
from comity.errors import ComityError, InvalidRequest, NotFound
from comity.lane import Answer
from comity.model.codec import encode
from comity.model.decisions import Decision, Finding
from comity.model.events import Commit
from comity.model.proposals import Caller, Proposal, Put
from comity.model.texts import explain_moved
from comity.operations import Import, ImportAnswer, LineError
from comity.verbs.draft import kind_name
from comity.verbs.engine import Engine, Progress
from comity.verbs.transfer.rows import (
    ENDINGS,
    Format,
    Row,
    Rows,
    Source,
    check_encoding,
    format_of,
    json_rows,
    ndjson_rows,
    path_named,
)
from comity.verbs.transfer.sheets import csv_rows

WINDOW_ROWS: Final = 256
"""How many rows are proposed at once, to share commits."""
WINDOW_BYTES: Final = 4_194_304
MOST_PASSES: Final = 50
"""Over rows that refer to rows which weren't there yet."""
SPOOL_BYTES: Final = 4_194_304
PROBLEM_CHARS: Final = 1_000

_ROWS: Final[dict[Format, Callable[[BinaryIO, Source], Rows]]] = {
    "csv": csv_rows,
    "json": json_rows,
    "ndjson": ndjson_rows,
}


def import_file(engine: Engine, caller: Caller, request: Import, progress: Progress | None = None) -> ImportAnswer:
    """Bring records in, and say what became of each row.

    ``progress`` is told the bytes done, and the bytes of the file. Raises NotFound for a
    file that isn't there, InvalidRequest for one that can't be read as rows. An interrupt
    passes with a text that says how much is done.
    """
    format = format_of(request.file)
    path = path_named(request.file)
    source = _source_of(engine, request, path)
    try:
        size = path.stat().st_size
        tick = (lambda: progress(min(file.tell(), size), size)) if progress is not None else _nothing
        with (
            path.open("rb") as file,
            closing(_Run(engine, caller, request, tick, _identity_of(file))) as run,
        ):
            _take(run, file, _ROWS[format], source)
            if progress is not None:
                progress(size, size)
            return run.answer()
    except FileNotFoundError:
        raise NotFound(f"there is no file {request.file!r}") from None
    except OSError as error:
        raise InvalidRequest(f"{request.file}: {error.strerror or error}") from None


def _take(run: _Run, file: BinaryIO, read: Callable[[BinaryIO, Source], Rows], source: Source) -> None:
    try:
        check_encoding(file)
        with closing(read(file, source)) as rows:
            run.take(rows)
    except InvalidRequest as error:
        raise InvalidRequest(f"{Path(file.name).name}: {error}") from None
    except KeyboardInterrupt as error:
        error.args = (run.so_far(),)
        raise


def _identity_of(file: BufferedReader) -> bytes:
    """Return what tells a file from others: one that says the same under another name is another (S7)."""
    contents = file_digest(file, sha256).digest()
    file.seek(0)
    return contents + os.fsencode(Path(file.name).name)


def _nothing() -> None:
    """Take the news that something was done, and do nothing."""


def _source_of(engine: Engine, request: Import, path: Path) -> Source:
    compiled = engine.definition()
    stem = path.stem if path.suffix.lower() in ENDINGS else path.name
    kind = request.kind or (stem if compiled.kind(stem) is not None else kind_name(stem))
    return Source(kind, request.kind is not None, request.key, compiled.kind(kind))


class _Run:
    """Go through the rows of one file, and count."""

    def __init__(self, engine: Engine, caller: Caller, request: Import, tick: Callable[[], None], file: bytes) -> None:
        self._engine = engine
        self._caller = caller
        self._request = request
        self._tick = tick
        self._file = file
        with engine.store.snapshot() as snapshot:
            self._started = snapshot.head.revision
        self._lines = self._committed = self._unchanged = self._earlier = self._more_errors = 0
        self._errors: list[LineError] = []
        self._later = _Spool()

    def close(self) -> None:
        """Let go what was kept for later."""
        self._later.close()

    def answer(self) -> ImportAnswer:
        """Return what was done, the errors by line."""
        return ImportAnswer(
            lines=self._lines,
            committed=self._committed,
            unchanged=self._unchanged,
            earlier=self._earlier,
            errors=tuple(sorted(self._errors, key=lambda error: error.line)),
            more_errors=self._more_errors,
        )

    def so_far(self) -> str:
        """Return what is done, and how to go on, for whoever interrupts it."""
        if self._request.dry:
            return "nothing was committed, as it was only a check"
        done = f"at least {self._committed:,} rows were committed"
        return done if self._request.again else f"{done}; the same import once more goes on from there"

    def take(self, rows: Iterable[Row | LineError]) -> None:
        """Propose all rows; then again those that referred to what wasn't there, as long as that helps."""
        for window in _windows(self._readable(rows)):
            self._settle(window)
            self._tick()
        for _ in range(MOST_PASSES):
            waiting, self._later = self._later, _Spool()
            for window in _windows(waiting.backwards()):
                self._settle(window)
            if len(self._later) == len(waiting):
                break
        for row in self._later.backwards():
            self._note(row.line, row.record, row.problem)

    def _readable(self, rows: Iterable[Row | LineError]) -> Iterator[_Attempt]:
        for row in rows:
            self._lines += 1
            if isinstance(row, LineError):
                self._note(row.line, row.record, row.problem)
                continue
            try:
                yield _Attempt(row.line, row.record, encode(row.values))
            except (UnicodeError, ValueError, RecursionError) as error:
                self._note(row.line, row.record, f"no JSON: {error}")

    def _note(self, line: int, record: str | None, problem: str) -> None:
        if len(self._errors) < limits.IMPORT_ERRORS:
            self._errors.append(LineError(line=line, record=record, problem=problem[:PROBLEM_CHARS]))
        else:
            self._more_errors += 1

    # -- one window

    def _settle(self, window: Sequence[_Attempt]) -> None:
        if self._request.dry or self._request.again:
            named = [self._proposal(attempt, self._engine.make_id()) for attempt in window]
            self._count(window, self._engine.propose_many(named, self._caller, is_new=True, dry=self._request.dry))
            return
        while window:
            window, ids = self._untried(window)
            proposals = [self._proposal(attempt, id) for attempt, id in zip(window, ids, strict=True)]
            window = self._count(window, self._engine.propose_many(proposals, self._caller))

    def _proposal(self, attempt: _Attempt, id: str) -> Proposal:
        change = Put(attempt.record, msgspec.json.decode(attempt.values))
        request = self._request
        return Proposal(id=id, changes=(change,), accept=self._started, action=request.action, reason=request.reason)

    def _untried(self, window: Sequence[_Attempt]) -> tuple[list[_Attempt], list[str]]:
        """Return the rows that no earlier run settled, each with an id that wasn't used."""
        ids = [attempt.first_id(self._caller.agent, self._file) for attempt in window]
        numbers = dict.fromkeys(range(len(window)), 0)
        while True:
            with self._engine.store.snapshot() as snapshot:
                stored = snapshot.answers([f"{ids[at]}.{number}" for at, number in numbers.items()])
            refused = 0
            for at, number in list(numbers.items()):
                answer = stored.get(f"{ids[at]}.{number}")
                if answer is None:
                    continue
                if isinstance(answer, Commit) or answer.outcome == "committed":
                    self._earlier += 1
                    del numbers[at]
                else:
                    numbers[at] += 1
                    refused += 1
            if not refused:
                return [window[at] for at in numbers], [f"{ids[at]}.{number}" for at, number in numbers.items()]

    def _count(self, window: Sequence[_Attempt], answers: Sequence[Answer]) -> list[_Attempt]:
        """Count the answers; return the rows whose id somebody else used meanwhile."""
        again: list[_Attempt] = []
        for attempt, answer in zip(window, answers, strict=True):
            if isinstance(answer, InvalidRequest):
                self._note(attempt.line, attempt.record, str(answer))
            elif isinstance(answer, ComityError):
                raise answer
            elif answer.is_allowed:
                self._committed += bool(answer.records)
                self._unchanged += not answer.records
            elif _is_used_id(answer):
                again.append(attempt)
            elif not self._request.dry and _is_early(answer):
                self._later.add(attempt, _problem(answer))
            else:
                self._note(attempt.line, attempt.record, _problem(answer))
        return again


def _is_used_id(decision: Decision) -> bool:
    return any(finding.code == "shape.id_reused" for finding in decision.refusals)


def _is_early(decision: Decision) -> bool:
    """Tell whether the row may go through once more rows have."""
    return all(finding.code == "integrity.missing_target" for finding in decision.refusals)


def _problem(decision: Decision) -> str:
    return "; ".join(_words(finding, decision.at) for finding in decision.refusals)


def _words(finding: Finding, now_us: int) -> str:
    moved = "; ".join(explain_moved(one, now_us) for one in finding.moved)
    return f"{finding.code}: {finding.message} {moved}".rstrip()


# -- rows on their way


class _Attempt(msgspec.Struct, frozen=True, array_like=True):
    """Be a row with its values as JSON, and what spoke against it so far."""

    line: int
    record: str
    values: bytes
    problem: str = ""

    def first_id(self, agent: str, file: bytes) -> str:
        """Return the id that all attempts at this row begin with: the same row of the same file, the same id."""
        said = b"\0".join((file, agent.encode(), self.record.encode(), b"%d" % self.line, self.values))
        return f"import-{sha256(said).hexdigest()[:40]}"


def _windows(attempts: Iterable[_Attempt]) -> Iterator[list[_Attempt]]:
    window: list[_Attempt] = []
    size = 0
    for attempt in attempts:
        window.append(attempt)
        size += len(attempt.values)
        if len(window) >= WINDOW_ROWS or size >= WINDOW_BYTES:
            yield window
            window, size = [], 0
    if window:
        yield window


class _Spool:
    """Hold rows for later: in memory while they are few, in a temporary file beyond."""

    _encode = msgspec.json.Encoder().encode
    _decode = msgspec.json.Decoder(_Attempt).decode

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115  # its owner closes it
        self._starts = array("Q")
        self._end = 0

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, attempt: _Attempt, problem: str) -> None:
        """Take a row and what spoke against it."""
        self._starts.append(self._end)
        self._end += self._file.write(self._encode(msgspec.structs.replace(attempt, problem=problem)) + b"\n")

    def backwards(self) -> Iterator[_Attempt]:
        """Yield the rows, last first: what refers forward in a file is then met in the right order."""
        with closing(self):
            for start in reversed(self._starts):
                self._file.seek(start)
                yield self._decode(self._file.readline())

    def close(self) -> None:
        """Let the rows go."""
        self._file.close()
