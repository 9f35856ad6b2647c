"""The chart: each ratio as a bar, each aim as a mark. The only part that needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from bench.measuring import Panel, Row

REACHED, MISSED, WITHOUT_AIM = "#2a7f62", "#c0392b", "#7f8c8d"


def draw_crowds(panels: Sequence[Panel], path: Path) -> None:
    """Write an SVG with the panels two in a row, both scales logarithmic."""
    figure = Figure(figsize=(11, 4 * ((len(panels) + 1) // 2)), layout="constrained")
    for place, panel in enumerate(panels, start=1):
        axes = figure.add_subplot((len(panels) + 1) // 2, 2, place)
        for name, line in panel.lines.items():
            axes.plot(*zip(*line, strict=True), marker="o", label=name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.minorticks_off()
        crowds = sorted({crowd for line in panel.lines.values() for crowd, _ in line})
        axes.set_xticks(crowds, [str(crowd) for crowd in crowds])
        axes.set_title(panel.title, fontsize=9)
        axes.set_xlabel("agents")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    figure.savefig(path, format="svg")


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write an SVG with a bar for every row that has a ratio, on a logarithmic scale."""
    compared = [row for row in rows if row.ratio]
    figure = Figure(figsize=(10, 1.2 + 0.3 * len(compared)), layout="constrained")
    axes = figure.add_subplot()
    places = range(len(compared))
    ratios = [row.ratio or 0.0 for row in compared]
    axes.barh(places, [ratio - 1 for ratio in ratios], left=1, color=[_colour(row) for row in compared])
    for place, row in zip(places, compared, strict=True):
        if row.aim is not None:
            axes.plot([row.aim, row.aim], [place - 0.45, place + 0.45], color="black", linewidth=2)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks(places, [f"{row.what}: {row.cell}" for row in compared], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("times as good as by hand (the black mark is the aim)")
    figure.savefig(path, format="svg")


def _colour(row: Row) -> str:
    if row.aim is None or row.ratio is None:
        return WITHOUT_AIM
    return REACHED if row.ratio >= row.aim else MISSED
