"""The folder that the demo works in: its own, or an empty one, and never anybody else's."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from comity.cli.demo.worlds import WORLDS
from comity.errors import InvalidRequest
from comity.model.texts import listed

MARK: Final = ".comity-demo"


@contextmanager
def taken(folder: Path) -> Generator[None]:
    """Have the folder to oneself, made or cleared of what an earlier demo left there.

    Raises InvalidRequest for a folder that holds something else, can't be written, or in
    which another demo is being played.
    """
    with ExitStack() as stack:
        try:
            _make(folder)
            mark = stack.enter_context((folder / MARK).open("a", encoding="utf-8"))
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not mark.tell():
                names = listed([repr(name) for name in WORLDS])
                mark.write(f"Made by 'comity demo', which clears {names} when it runs again.\n")
            _clear(folder)
        except BlockingIOError:
            raise InvalidRequest(f"another demo is being played in {folder}: name another with --folder") from None
        except OSError as error:
            raise InvalidRequest(f"{folder}: {error.strerror or error}: name another with --folder") from None
        yield


def _make(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InvalidRequest(f"{folder} isn't a folder: name another with --folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise InvalidRequest(f"{folder} holds files that aren't the demo's: name another folder with --folder")
    folder.mkdir(parents=True, exist_ok=True)


def _clear(folder: Path) -> None:
    for name in WORLDS:
        if (folder / name).exists():
            shutil.rmtree(folder / name)
