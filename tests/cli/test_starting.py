"""Ctrl-C while the command line is still loading: one line, exit code 130, and no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import comity
from comity.cli import main

SURROUNDINGS = {**os.environ, "PYTHONPATH": str(Path(comity.__file__).parent.parent)}
STRUCK = """
import os, signal, sys

class Strike:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Strike())
from comity.cli import main
sys.exit(main(sys.argv[2:]))
"""
"""The command, struck as it begins to import a module."""
MOMENTS = ["comity.cli.starting", "comity.cli.app", "msgspec._core", "comity.errors", "cyclopts", "apsw", "rich.text"]


def struck(moment: str, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", STRUCK, moment, *words]
    return subprocess.run(command, cwd=folder, env=SURROUNDINGS, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_while_loading_is_one_line(tmp_path: Path, moment: str) -> None:
    done = struck(moment, "stats", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "error: interrupted\n")


def test_ctrl_c_while_loading_is_one_json_document(tmp_path: Path) -> None:
    done = struck("comity.cli.app", "stats", "--json", folder=tmp_path)
    assert done.returncode == 130
    assert done.stderr == '{"error":{"code":"interrupted","message":"interrupted","retry":"reread"}}\n'


def test_a_loaded_command_line_has_the_interrupts_as_it_found_them(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert main(["version"]) == 0
    assert signal.getsignal(signal.SIGINT) is before
    assert comity.__version__ in capsys.readouterr().out


def test_interrupts_that_are_ignored_stay_so(tmp_path: Path) -> None:
    """As of a command that a shell has put in the background."""
    ignored = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + STRUCK
    command = [sys.executable, "-c", ignored, "comity.cli.app", "version"]
    done = subprocess.run(command, cwd=tmp_path, env=SURROUNDINGS, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_version_is_told_without_loading_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{comity.__version__}\n"
