"""One agent as a process of its own: ``python -m comity.cli.demo.agents MODULE AGENT FOLDER``.

The module has the cast of a world. The agent says ``ready``, then takes cues line by line
(``step``, a tab, the scene) and answers each with ``done`` when its turn is over. It ends
when its input does.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from comity.cli.demo.desk import Desk


def main(module: str, name: str, folder: str) -> None:
    """Play an agent until the cues end."""
    desk = Desk(name, Path(folder))
    agent = import_module(module).CAST[name](desk)
    _answer("ready")
    for line in sys.stdin:
        step, _, desk.scene = line.rstrip("\n").partition("\t")
        getattr(agent, step)()
        _answer("done")
    agent.close()


def _answer(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
