"""The command line: every operation of the table as a command, and three that need no workspace.

Promises: what a command can do is what its row in :mod:`comity.operations` says, no more
and no less; exit codes are stable (:mod:`comity.cli.exits`); ``--json`` prints one JSON
document; no error of Comity's and no Ctrl-C ends in a traceback; what other agents wrote
can't steer the terminal. Forbidden here: deciding anything, and knowing where a workspace
keeps its data.
"""

from __future__ import annotations

import sys
from importlib import import_module

__all__ = ["main"]

_INTERRUPTED = 130
_COMPLAINTS = {
    False: "error: interrupted\n",
    True: '{"error":{"code":"interrupted","message":"interrupted","retry":"reread"}}\n',
}
"""What is said of an interrupt before there is anything that could say it; by whether it is to be JSON."""


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        # Loaded here and not above: it takes a moment, in which an interrupt is no fault either.
        return int(import_module("comity.cli.starting").run(words))
    except KeyboardInterrupt:
        sys.stderr.write(_COMPLAINTS["--json" in words])
        return _INTERRUPTED
