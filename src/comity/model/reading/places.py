"""Which line of a TOML text a key stands on.

:mod:`tomllib` keeps no positions, so a text that it has accepted is scanned once more, by
the grammar of TOML 1.0 (https://toml.io/en/v1.0.0), for the lines of its keys alone.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from bisect import bisect_right
from typing import Final

from comity.model import refs

Path = tuple[str | int, ...]
"""Keys and list positions from the root: ``("kinds", "customer", "guards", 0, "check")``."""

BLANK: Final = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
SPACES: Final = re.compile(r"[ \t]*")
BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
SHORT_TEXT: Final = re.compile(r"""\"(?:\\.|[^"\\\n])*\"|'[^'\n]*'""")
LONG_TEXT: Final = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}', re.DOTALL)
SCALAR: Final = re.compile(r"[^,\]}#\n]+")


def format_path(path: Path) -> str:
    """Return a path as text.

    >>> format_path(("kinds", "customer", "guards", 0, "check"))
    'kinds.customer.guards[0].check'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if refs.KIND.match(part) else repr(part)
            text += f".{key}" if text else key
    return text


def locate(source: str, path: Path) -> int | None:
    r"""Return the line of a path in a TOML text, or that of the nearest key around it.

    >>> locate("[kinds.ticket.fields]\ntitle = {}\n", ("kinds", "ticket", "fields", "title", "owner"))
    2
    """
    return Places(source).line(path)


class Places:
    """Know the line of every key of a TOML text.

    Of a text that isn't valid TOML, or is nested too deeply, it knows the keys before the fault.
    """

    def __init__(self, source: str) -> None:
        scan = _Scan(source.removeprefix("\ufeff").replace("\r\n", "\n"))
        with contextlib.suppress(_LostError, RecursionError, tomllib.TOMLDecodeError):
            scan.document()
        self.lines = scan.lines

    def line(self, path: Path) -> int | None:
        """Return the line of a path, or that of the nearest key around it; None where there is none."""
        for length in range(len(path), 0, -1):
            line = self.lines.get(path[:length])
            if line is not None:
                return line
        return None


class _LostError(Exception):
    """Tell that the text isn't what the grammar expects here."""


class _Scan:
    """Walk over a TOML text once, noting where each key stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.newlines = [match.start() for match in re.finditer("\n", text)]
        self.sizes: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        self.skip(BLANK)
        while self.at < len(self.text):
            if self.text.startswith("[", self.at):
                table = self.header()
            else:
                self.pair(table)
            self.skip(BLANK)

    def header(self) -> Path:
        line = self.line()
        brackets = 2 if self.text.startswith("[[", self.at) else 1
        self.at += brackets
        path = self.resolve(self.key(), is_item=brackets == 2)
        self.expect("]" * brackets)
        for length in range(1, len(path) + 1):
            self.note(path[:length], line)
        return path

    def resolve(self, keys: list[str], *, is_item: bool) -> Path:
        """Return the path that a header means: the last item of each list of tables on the way."""
        path: Path = ()
        for position, key in enumerate(keys, 1):
            path += (key,)
            if is_item and position == len(keys):
                self.sizes[path] = self.sizes.get(path, 0) + 1
            if path in self.sizes:
                path += (self.sizes[path] - 1,)
        return path

    def pair(self, table: Path) -> None:
        line = self.line()
        path = table
        for key in self.key():
            path += (key,)
            self.note(path, line)
        self.expect("=")
        self.value(path)

    def key(self) -> list[str]:
        keys: list[str] = []
        while True:
            self.skip(SPACES)
            if self.text.startswith(("'", '"'), self.at):
                keys.append(tomllib.loads(f"key = {self.take(SHORT_TEXT)}")["key"])
            else:
                keys.append(self.take(BARE_KEY))
            self.skip(SPACES)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def value(self, path: Path) -> None:
        self.skip(SPACES)
        if self.text.startswith(('"""', "'''"), self.at):
            self.take(LONG_TEXT)
        elif self.text.startswith(('"', "'"), self.at):
            self.take(SHORT_TEXT)
        elif self.text.startswith("[", self.at):
            self.items(path)
        elif self.text.startswith("{", self.at):
            self.inline_table(path)
        else:
            self.take(SCALAR)

    def items(self, path: Path) -> None:
        self.at += 1
        position = 0
        self.skip(BLANK)
        while not self.text.startswith("]", self.at):
            self.note((*path, position), self.line())
            self.value((*path, position))
            position += 1
            self.separator("]")
        self.at += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        self.skip(BLANK)
        while not self.text.startswith("}", self.at):
            self.pair(path)
            self.separator("}")
        self.at += 1

    def separator(self, end: str) -> None:
        self.skip(BLANK)
        if not self.text.startswith(end, self.at):
            self.expect(",")
            self.skip(BLANK)

    def skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise _LostError
        self.at = match.end()
        return match.group()

    def expect(self, mark: str) -> None:
        self.skip(SPACES)
        if not self.text.startswith(mark, self.at):
            raise _LostError
        self.at += len(mark)

    def line(self) -> int:
        return bisect_right(self.newlines, self.at) + 1

    def note(self, path: Path, line: int) -> None:
        self.lines.setdefault(path, line)
