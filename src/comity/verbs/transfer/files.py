"""Writing a file whole or not at all, and never in the place of the workspace's own."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from comity.errors import InvalidRequest
from comity.verbs.transfer.rows import path_named


def resolved(file: str) -> Path:
    """Return the path that a file's name means; raises InvalidRequest."""
    try:
        return path_named(file).resolve()
    except (OSError, RuntimeError) as error:
        # Before Python 3.13 links that lead in a circle are a RuntimeError.
        raise InvalidRequest(f"{file}: {error}") from None


@contextmanager
def written_whole(target: Path, kept: Sequence[Path]) -> Generator[BinaryIO, None, None]:
    """Give a file to write; it takes the target's place only when the block is left without an error.

    Raises InvalidRequest if the target is one of the files kept, by whatever name.
    """
    try:
        if any(_is_same(target, file) for file in kept):
            raise InvalidRequest(f"{target.name} belongs to the workspace itself: write to another file")
        if target.exists() and not target.is_file():
            # A device or a pipe can't be replaced, and must not be.
            with target.open("wb") as file:
                yield file
            return
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        try:
            with part.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidRequest(f"{target}: {error.strerror or error}") from None


def _is_same(one: Path, other: Path) -> bool:
    """Tell whether two resolved paths name one file: by other names too, where it is there already."""
    return one == other or (one.exists() and other.exists() and one.samefile(other))
