"""The report: a table for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.environment import Environment
from bench.measuring import Row, Sizes


class Report(msgspec.Struct, frozen=True):
    """Be the result of one run."""

    environment: Environment
    sizes: Sizes
    rows: tuple[Row, ...]


def save(report: Report, path: Path) -> None:
    """Write the report as JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def show(report: Report, console: Console) -> None:
    """Print the report."""
    console.print(_table(report.rows))
    place = report.environment
    console.print(
        f"Comity {place.comity}, Python {place.python}, SQLite {place.sqlite}, {place.system},"
        f" {place.processors} processors, {place.filesystem}, a sync takes {place.sync_ms} ms;"
        f" {report.sizes.rounds} alternating rounds of {report.sizes.seconds:g} s, medians."
    )


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="Comity beside the same job by hand; a ratio above 1 is better for Comity")
    table.add_column("what")
    table.add_column("cell")
    for name in ("Comity", "by hand", "unit", "ratio", "p99 ratio", "aim"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row.what, row.cell, _number(row.ours), _number(row.baseline), row.unit,
            _ratio(row), _number(row.p99_ratio), _number(row.aim),
        )  # fmt: skip
    return table


def _ratio(row: Row) -> str:
    """Return the ratio, coloured where there is an aim to hold it against."""
    if row.ratio is None or row.aim is None:
        return _number(row.ratio)
    return f"[{'green' if row.ratio >= row.aim else 'red'}]{_number(row.ratio)}[/]"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
