"""The command line: every operation of the table as a command, and three that need no workspace.

Promises: what a command can do is what its row in :mod:`comity.operations` says, no more
and no less; exit codes are stable (:mod:`comity.cli.exits`); ``--json`` prints one JSON
document; no error of Comity's ends in a traceback; what other agents wrote can't steer the
terminal. Forbidden here: deciding anything, and knowing where a workspace keeps its data.
"""

from comity.cli.app import main

__all__ = ["main"]
