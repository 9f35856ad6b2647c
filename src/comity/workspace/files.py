"""Files that a caller names: paths in any form, and the texts of definitions."""

from __future__ import annotations

import os
from pathlib import Path

from comity.errors import InvalidRequest, NotFound

AnyPath = str | os.PathLike[str]


def path_of(what: str, given: object) -> str:
    """Return a path as text; raises InvalidRequest for what is none."""
    path = os.fspath(given) if isinstance(given, (str, os.PathLike)) else None
    if isinstance(path, str):
        return path
    raise InvalidRequest(f"{what}: a path is a text or an os.PathLike of one, not {type(given).__name__}")


def read_source(file: AnyPath) -> tuple[str, str]:
    """Return the text of a definition's file, and the file's name; raises NotFound and InvalidRequest."""
    path = Path(path_of("definition", file))
    try:
        return path.read_text(encoding="utf-8"), path.name
    except FileNotFoundError:
        raise NotFound(f"there is no file {str(path)!r}") from None
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{path}: {error}") from None
