"""The folder that the demo works in: its own, or an empty one, and never anybody else's."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from comity.cli.demo.worlds import WORLDS
from comity.errors import InvalidRequest

MARK: Final = ".comity-demo"


def clear(folder: Path) -> None:
    """Make the folder, or clear what an earlier demo left there.

    Raises InvalidRequest for a folder that holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidRequest(f"{folder} isn't a folder: name another with --folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise InvalidRequest(f"{folder} holds files that aren't the demo's: name another folder with --folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("Made by 'comity demo', which clears 'with' and 'without' when it runs again.\n")
    for name in WORLDS:
        if (folder / name).exists():
            shutil.rmtree(folder / name)
