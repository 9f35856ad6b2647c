"""The command: every world is played and judged, then shown."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from comity.cli.output import Output
from comity.cli.simulate.judging import Verdict, judge
from comity.cli.simulate.picture import draw
from comity.cli.simulate.showing import Simulated, show
from comity.cli.simulate.staging import WORLDS, Stage
from comity.errors import InvalidRequest

MOST: Final = 100_000
Progress = Callable[[int, int], object]


def simulate(seed: int = 1, actions: int = 1_000, *, progress: Progress | None = None) -> list[Verdict]:
    """Return the verdict on each world, in the order in which the patterns are switched on.

    The same agents set out to do the same ``actions`` in each. ``progress`` is told how many
    are done, of how many.

    >>> verdicts = simulate(actions=60)
    >>> [verdict.world for verdict in verdicts][:3]
    ['none', 'versions', 'field reads']
    """
    done, total = 0, actions * len(WORLDS)

    def tell() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    folder = Path(tempfile.mkdtemp(prefix="comity-simulate-"))
    try:
        return [judge(Stage(world, folder, seed, actions, tell).run()) for world in WORLDS]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(output: Output, seed: int, actions: int, svg: Path | None) -> int:
    """Simulate, and show what came of it; raises InvalidRequest for too many actions, or no file to write."""
    if not 1 <= actions <= MOST:
        raise InvalidRequest(f"actions: between 1 and {MOST:,}")
    with output.progress("simulate") as told:
        worlds = tuple(simulate(seed, actions, progress=told))
    result = Simulated(seed, actions, worlds, str(svg) if svg is not None else None)
    if svg is not None:
        _write(svg, draw(result))
    if output.is_json:
        output.write(result)
    else:
        show(result, output.console())
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{path}: {error.strerror or error}") from None
