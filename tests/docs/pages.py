"""The fenced blocks of a Markdown page, and how each of them is run.

    ```python       runs; the blocks of a page share their names, top to bottom
    ```pycon        runs as a doctest, in the same names
    ```console      runs each line that begins with ``$ ``; ``# exit 1`` at its end names another exit code than 0
    ```sh           the same
    ```toml         must be TOML; ``# comity.toml`` as its first line makes it a definition that must load
    ```json         must be JSON
    ```text         is compared with what the block before it printed, where ``<!-- output -->`` stands before it

A first line ``# name.toml`` or an info string ``title="name.csv"`` also saves the block under that
name in the page's folder, for the blocks after it. In an expected output ``…`` stands for anything,
white space doesn't count, lines may be left out, and how many seconds ago something happened
depends on the machine. ``<!-- not run: why -->`` before a block
takes it out; the reasons are counted.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from comity.deciding.compile import load_definition

COMMAND_TIMEOUT_S = 240
FENCE = re.compile(r"^(?P<indent> {0,8})(?P<ticks>```+)(?P<info>[^`]*)$")
NOT_RUN = re.compile(r"^\s*<!--\s*not run:\s*(?P<why>.+?)\s*-->\s*$")
OUTPUT = re.compile(r"^\s*<!--\s*output\s*-->\s*$")
TITLE = re.compile(r'title="(?P<name>[^"/]+)"')
NAMED = re.compile(r"^# (?P<name>[\w.-]+\.toml)\s*$")
EXIT = re.compile(r"\s+# exit (?P<code>\d+)\s*$")
AGE = re.compile(r"\b\d+ s(?= ago\b|, for )")
WITHOUT_MEANING = frozenset({"text", "csv", "sql", "ini", "make", "http"})


@dataclass(frozen=True)
class Block:
    """Be one fenced block: what its fence says, its text, the line it begins at, the comment before it."""

    language: str
    info: str
    text: str
    line: int
    not_run: str | None = None
    is_output: bool = False

    @property
    def file_name(self) -> str | None:
        """Return the name under which the block is saved, if any."""
        if titled := TITLE.search(self.info):
            return titled["name"]
        named = NAMED.match(self.text.partition("\n")[0]) if self.language == "toml" else None
        return named["name"] if named else None


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page in order."""
    lines = text.splitlines()
    number, before = 0, ""
    while number < len(lines):
        opening = FENCE.match(lines[number])
        if opening is None:
            before = lines[number] if lines[number].strip() else before
            number += 1
            continue
        end = _closing_line(lines, number, opening["ticks"])
        indent = len(opening["indent"])
        yield _block(opening["info"].strip(), [line[indent:] for line in lines[number + 1 : end]], number + 1, before)
        number, before = end + 1, ""


def _closing_line(lines: list[str], start: int, ticks: str) -> int:
    for number in range(start + 1, len(lines)):
        if lines[number].strip().startswith(ticks) and not lines[number].strip().strip("`"):
            return number
    raise AssertionError(f"line {start + 1}: the block is never closed")


def _block(info: str, lines: list[str], line: int, before: str) -> Block:
    not_run = NOT_RUN.match(before)
    return Block(
        language=info.partition(" ")[0],
        info=info,
        text="\n".join(lines) + "\n",
        line=line,
        not_run=not_run["why"] if not_run else None,
        is_output=bool(OUTPUT.match(before)),
    )


def shows(expected: str, printed: str) -> bool:
    """Tell whether the lines expected appear in this order in what was printed."""
    rest = iter(_words(line) for line in printed.splitlines())
    wanted = (_words(line) for line in expected.splitlines())
    return all(any(_pattern(line).fullmatch(seen) for seen in rest) for line in wanted if line not in {"", "…", "..."})


def _words(line: str) -> str:
    return AGE.sub("0 s", " ".join(line.split()))


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in re.split(r"…|\.\.\.", line)))


@dataclass
class Page:
    """Run the blocks of one page in one folder, with one set of names."""

    path: Path
    folder: Path
    names: dict[str, object] = field(default_factory=lambda: {"__name__": "__main__"})
    printed: str = ""

    def run(self) -> int:
        """Run every block that isn't taken out; return how many were run or checked."""
        count = 0
        try:
            for block in blocks(self.path.read_text(encoding="utf-8")):
                if block.not_run is None:
                    self._run_block(block)
                    count += 1
        finally:
            self._close()
        return count

    def _run_block(self, block: Block) -> None:
        runners: dict[str, Callable[[Block], None]] = {
            "python": self._run_python,
            "pycon": self._run_doctest,
            "console": self._run_commands,
            "sh": self._run_commands,
            "toml": self._read_toml,
            "json": lambda block: json.loads(block.text),
        }
        if block.file_name is not None:
            (self.folder / block.file_name).write_text(block.text, encoding="utf-8")
        if block.is_output:
            assert shows(block.text, self.printed), self._differs(block, block.text)
        elif block.language in runners:
            runners[block.language](block)
        else:
            assert block.language in WITHOUT_MEANING, f"{self._place(block)}: what is a block of {block.language!r}?"

    def _run_python(self, block: Block) -> None:
        # Empty lines in front give a traceback the page's own line numbers.
        code = compile("\n" * block.line + block.text, str(self.path), "exec", dont_inherit=True)
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(code, self.names)
        self.printed = output.getvalue()

    def _run_doctest(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(block.text, self.names, self.path.name, str(self.path), block.line)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        output = io.StringIO()
        assert test.examples, f"{self._place(block)}: no line begins with >>>"
        assert runner.run(test, out=output.write, clear_globs=False).failed == 0, output.getvalue()
        self.names |= test.globs

    def _run_commands(self, block: Block) -> None:
        commands = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
        assert commands, f"{self._place(block)}: no line begins with '$ '"
        self.printed = ""
        for command in commands:
            line, _, expected = re.sub(r"\\\n", " ", command).partition("\n")
            printed = self._run_command(block, line)
            assert shows(expected, printed), self._differs(block, expected, printed)
            self.printed += printed

    def _run_command(self, block: Block, line: str) -> str:
        exit_code = EXIT.search(line)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line[: exit_code.start()] if exit_code else line],
            cwd=self.folder,
            env=command_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        wanted = int(exit_code["code"]) if exit_code else 0
        assert done.returncode == wanted, f"{self._place(block)}: {line}: exit {done.returncode}\n{done.stdout}"
        return done.stdout

    def _read_toml(self, block: Block) -> None:
        if block.file_name == "comity.toml":
            load_definition(block.text, 1, origin=self._place(block))
        else:
            tomllib.loads(block.text)

    def _close(self) -> None:
        for value in self.names.values():
            if type(value).__module__.startswith("comity.") and callable(close := getattr(value, "close", None)):
                close()

    def _place(self, block: Block) -> str:
        return f"{self.path.name}:{block.line}"

    def _differs(self, block: Block, expected: str, printed: str | None = None) -> str:
        return f"{self._place(block)} shows\n{expected}\nbut this was printed:\n{printed or self.printed}"


def command_environment() -> dict[str, str]:
    """Return the environment of a command: the ``comity`` and ``python`` of this virtual environment come first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    assert shutil.which("comity", path=path), "comity isn't installed here: run the tests with `make test`"
    return os.environ | {"PATH": path}
