"""What came of it, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from comity.cli.simulate.judging import ANOMALIES, Verdict

ADDED: Final = {
    "none": "plain SQLite: read, think, save",
    "versions": "a version column: a row that was saved meanwhile is not saved over",
    "field reads": "Comity: whatever was used is checked again, and only that",
    "ownership": "each field has an owner",
    "guards": "conditions on records, and references that stand",
    "rules": "who goes first",
    "effect gate": "e-mails wait, and are judged again as they leave",
}
"""What each world has that the one before it had not."""


class Simulated(msgspec.Struct, frozen=True):
    """Be the document that ``--json`` prints."""

    seed: int
    actions: int
    worlds: tuple[Verdict, ...]
    svg: str | None = None


def show(result: Simulated, console: Console) -> None:
    """Print the table, and what was added where."""
    console.print(_table(result))
    for world in result.worlds:
        console.print(Text.assemble((f"  {world.world:<12}", "bold"), (ADDED[world.world], "dim")))
    if result.svg is not None:
        console.print(Text(f"Drawn in {result.svg}.", style="green"))


def _table(result: Simulated) -> Table:
    table = Table(title=f"Anomalies per 1,000 actions (seed {result.seed}, {result.actions:,} actions)")
    table.add_column("switched on")
    for name in (*ANOMALIES, "model runs per change", "ms per action"):
        table.add_column(name, justify="right")
    for world in result.worlds:
        counts = [number(world.anomalies[name]) for name in ANOMALIES]
        cells = [Text(count, style="green" if count == "0" else "red") for count in counts]
        table.add_row(world.world, *cells, f"{world.thoughts_per_act:.2f}", f"{world.ms_per_action:.1f}")
    return table


def as_markdown(worlds: Sequence[Verdict]) -> str:
    """Return the table of anomalies and model runs as the README has it: what is the same on every machine."""
    head = ["switched on", *ANOMALIES, "model runs per accepted change"]
    lines = [f"| {' | '.join(head)} |", f"|---{'|--:' * (len(head) - 1)}|"]
    for world in worlds:
        counts = [number(world.anomalies[name]) for name in ANOMALIES]
        lines.append(f"| {' | '.join([world.world, *counts, f'{world.thoughts_per_act:.2f}'])} |")
    return "\n".join(lines)


def number(value: float) -> str:
    """Return a count per 1,000 as short as it can be."""
    return f"{value:.0f}" if value == round(value) or value >= 10 else f"{value:.1f}"
