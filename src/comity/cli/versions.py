"""The versions of Comity and of what it stands on."""

from __future__ import annotations

import platform
from importlib.metadata import version

from comity import __version__


def versions() -> dict[str, str]:
    """Return the versions by name."""
    return {"comity": __version__, "python": platform.python_version(), "apsw": version("apsw")}
