"""Where the figures come from: versions, processors, and what a sync costs on this disk."""

from __future__ import annotations

import os
import platform
import statistics
import time
from pathlib import Path

import apsw
import msgspec

import comity

_SYNCS = 50
_PAGE = b"\0" * 4096
_MOUNTS = Path("/proc/self/mounts")


class Environment(msgspec.Struct, frozen=True):
    """Describe the machine, as far as it matters to the figures."""

    comity: str
    python: str
    sqlite: str
    system: str
    processors: int
    filesystem: str
    sync_ms: float


def describe(folder: Path) -> Environment:
    """Return the environment, with the cost of a sync measured in the folder that the bases are in."""
    return Environment(
        comity=comity.__version__,
        python=platform.python_version(),
        sqlite=apsw.sqlite_lib_version(),
        system=f"{platform.system()} {platform.machine()}",
        processors=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        filesystem=_filesystem(folder),
        sync_ms=_measure_sync(folder / "sync"),
    )


def _measure_sync(path: Path) -> float:
    """Return the median milliseconds that appending a page and syncing it take."""
    taken: list[float] = []
    with path.open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            before = time.perf_counter()
            file.write(_PAGE)
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - before)
    path.unlink()
    return float(f"{statistics.median(taken) * 1000:.3g}")


def _filesystem(folder: Path) -> str:
    """Return the type of file system that holds a folder, where the machine tells."""
    if not _MOUNTS.exists():
        return "unknown"
    mounts = [line.split() for line in _MOUNTS.read_text(encoding="utf-8").splitlines()]
    homes = {str(parent) for parent in (folder.resolve(), *folder.resolve().parents)}
    holding = [(len(point), kind) for _, point, kind, *_ in mounts if point in homes]
    return max(holding, default=(0, "unknown"))[1]
