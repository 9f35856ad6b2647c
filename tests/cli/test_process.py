"""The command as the shell starts it: one process each, so few of them."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import comity

SURROUNDINGS = {**os.environ, "PYTHONPATH": str(Path(comity.__file__).parent.parent)}
COMITY = (sys.executable, "-c", "import sys; from comity.cli import main; sys.exit(main())")


def start(*words: str, folder: Path) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen([*COMITY, *words], cwd=folder, stdout=pipe, stderr=pipe, env=SURROUNDINGS)


def succeed(*words: str, folder: Path) -> None:
    with start(*words, folder=folder) as process:
        assert process.wait() == 0


def rows(folder: Path, count: int) -> None:
    lines = "".join(f'{{"id":"k{n}","text":"{"x" * 200}"}}\n' for n in range(count))
    (folder / "c.ndjson").write_text(lines)
    comity.open(folder / "c.db").close()
    (folder / "c.csv").write_text("id,text\n" + "".join(f"k{n},{'x' * 200}\n" for n in range(count)))


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    rows(tmp_path, 1000)
    succeed("import", "c.ndjson", "--db", "c.db", folder=tmp_path)
    process = start("export", "-", folder=tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


def on_terminal(*words: str, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start a command on a terminal of its own; return it and our end."""
    ours, its = pty.openpty()
    surroundings = {**SURROUNDINGS, "TERM": "xterm-256color", "COLUMNS": "100"}
    surroundings.pop("NO_COLOR", None)
    process = subprocess.Popen([*COMITY, *words], cwd=folder, stdout=its, stderr=its, env=surroundings)
    os.close(its)
    return process, ours


def shown(terminal: int) -> Iterator[bytes]:
    """Yield what a terminal shows, until the other end is closed."""
    while True:
        try:
            yield os.read(terminal, 65536)
        except OSError:
            return


def interrupt_at(sign: bytes, process: subprocess.Popen[bytes], terminal: int) -> bytes:
    """Press Ctrl-C once a terminal shows a sign, in however many pieces it comes; return all that is shown."""
    seen, is_struck = b"", False
    for chunk in shown(terminal):
        seen += chunk
        if sign in seen and not is_struck:
            process.send_signal(signal.SIGINT)
            is_struck = True
    os.close(terminal)
    return seen


@pytest.mark.parametrize("ending", ["ndjson", "csv"])
def test_ctrl_c_stops_an_import_that_can_be_resumed(tmp_path: Path, ending: str) -> None:
    rows(tmp_path, 20_000)
    process, terminal = on_terminal("import", f"c.{ending}", "--db", "c.db", folder=tmp_path)
    seen = interrupt_at(b"%", process, terminal)
    assert process.wait() == 130
    assert b"Traceback" not in seen
    assert b"rows were committed; the same import once more goes on from there" in b" ".join(seen.split())
    succeed("verify", folder=tmp_path)


def test_ctrl_c_in_the_demo_says_so(tmp_path: Path) -> None:
    process, terminal = on_terminal("demo", folder=tmp_path)
    seen = interrupt_at(b"Without Comity", process, terminal)
    assert process.wait() == 130
    assert b"interrupted" in seen
    assert b"Traceback" not in seen


def test_the_module_is_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "comity", "version", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=SURROUNDINGS, capture_output=True, check=True)
    assert done.stdout.startswith(b'{"comity":')


def test_a_bar_and_colours_for_a_terminal(tmp_path: Path) -> None:
    rows(tmp_path, 600)
    process, terminal = on_terminal("import", "c.ndjson", "--db", "c.db", folder=tmp_path)
    seen = b"".join(shown(terminal))
    os.close(terminal)
    assert process.wait() == 0
    assert b"\x1b[" in seen
    assert b"%" in seen
    assert b"600 rows: 600 committed" in seen


def test_neither_bar_nor_colours_in_a_pipe(tmp_path: Path) -> None:
    rows(tmp_path, 600)
    with start("import", "c.ndjson", "--db", "c.db", folder=tmp_path) as process:
        out, err = process.communicate()
    assert out == b"600 rows: 600 committed, 0 unchanged, 0 not taken\n"
    assert err == b""
