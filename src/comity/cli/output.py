"""Where answers and errors go: to people in words and colours, to programs as JSON."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from comity.cli.exits import Fault, FaultDocument
from comity.cli.rendering import is_complaint, render
from comity.cli.rendering.harmless import Harmless, clean
from comity.cli.rendering.options import as_options
from comity.operations import Export, Request
from comity.verbs.engine import Progress as Told

PIPE_COLUMNS: Final = 160


class Output:
    """Print to the standard output and the standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    @property
    def is_json(self) -> bool:
        """Tell whether a program reads it."""
        return self._as_json

    def console(self) -> Console:
        """Return what prints to the standard output as it is now."""
        return _console()

    def write(self, document: Any) -> None:
        """Print one JSON document, on a line of its own."""
        _write_json(document)

    def show(self, request: Request, answer: Any) -> None:
        """Print an answer; a refusal, and what would mix with exported records, to the standard error."""
        is_beside = isinstance(request, Export) and request.file == "-"
        if self._as_json:
            _write_json(answer, to_error=is_beside)
            return
        console = _console(to_error=is_beside or is_complaint(answer))
        for part in render(request, answer):
            console.print(Harmless(part))

    def tell(self, facts: Mapping[str, Any], sentence: str) -> None:
        """Print facts, or the sentence that says them."""
        if self._as_json:
            _write_json(facts)
        else:
            _console().print(Text(clean(sentence)), soft_wrap=True)

    def warn(self, sentence: str) -> None:
        """Print what is to be known, and stops nothing, to the standard error."""
        if self._as_json:
            _write_json({"warning": sentence}, to_error=True)
        else:
            _console(to_error=True).print(Text.assemble(("warning: ", "bold yellow"), clean(sentence)), soft_wrap=True)

    def complain(self, fault: Fault) -> None:
        """Print an error, once."""
        if self._as_json:
            _write_json(FaultDocument(fault), to_error=True)
            return
        console = _console(to_error=True)
        console.print(Text.assemble(("error: ", "bold red"), clean(as_options(fault.message))), soft_wrap=True)

    @contextmanager
    def progress(self, title: str) -> Generator[Told | None, None, None]:
        """Give what takes the progress, shown as a bar on the standard error if that is a terminal."""
        console = _console(to_error=True)
        if self._as_json or not console.is_terminal:
            yield None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        try:
            with Progress(*columns, console=console, transient=True) as bar:
                task = bar.add_task(title, total=None, visible=False)
                yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)
        finally:
            console.show_cursor()  # An interrupt while the bar begins leaves it hidden.


def _console(*, to_error: bool = False) -> Console:
    """Return a console on the stream as it is now; in a pipe lines are wide, as no one sees them wrapped."""
    stream = sys.stderr if to_error else sys.stdout
    is_narrow = stream.isatty() or "COLUMNS" in os.environ
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=None if is_narrow else PIPE_COLUMNS)


def _write_json(value: Any, *, to_error: bool = False) -> None:
    stream = sys.stderr if to_error else sys.stdout
    stream.write(msgspec.json.encode(value).decode() + "\n")
    stream.flush()
