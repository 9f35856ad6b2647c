"""The picture: a row for each sort of anomaly, a column for each world, a bar where they meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final
from xml.sax.saxutils import escape

from comity.cli.simulate.judging import ANOMALIES, Verdict
from comity.cli.simulate.showing import Simulated, number

_LEFT, _TOP, _COLUMN, _ROW, _BAR = 214, 96, 110, 70, 56
_TALLEST: Final = 40
_TITLE: Final = "What each pattern prevents"
_STYLE: Final = 'font-family="system-ui, -apple-system, \'Segoe UI\', Helvetica, Arial, sans-serif" font-size="14"'
_BAD, _NONE, _COST, _INK, _FAINT, _GROUND = "#b45309", "#15803d", "#3b82f6", "#0f172a", "#475569", "#f8fafc"


def draw(result: Simulated) -> str:
    """Return the picture as SVG. What differs from machine to machine isn't in it."""
    worlds = result.worlds
    height = _TOP + _ROW * (len(ANOMALIES) + 1) + 30
    width = _LEFT + _COLUMN * len(worlds) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        f' aria-labelledby="title description" {_STYLE}>',
        f'<title id="title">{_TITLE}</title>',
        f'<desc id="description">{escape(_described(worlds))}</desc>',
        f'<rect width="{width}" height="{height}" rx="12" fill="{_GROUND}"/>',
        _text(24, 36, f"{_TITLE}: anomalies per 1,000 actions", weight=600),
        _text(
            24,
            58,
            f"the same {result.actions:,} actions of 15 agents, one more pattern switched on each time",
            fill=_FAINT,
        ),
        *_heads(worlds),
    ]
    for place, name in enumerate(ANOMALIES):
        values = [world.anomalies[name] for world in worlds]
        parts += _row(place, name, values, number, lambda value: _BAD if value else _NONE)
    runs = [world.thoughts_per_act for world in worlds]
    parts += _row(len(ANOMALIES), "model runs per change", runs, "{:.2f}".format, lambda value: _COST)
    return "\n".join([*parts, "</svg>", ""])


def _described(worlds: Sequence[Verdict]) -> str:
    totals = [f"{world.world} {number(world.total)}" for world in worlds]
    return f"Anomalies of all sorts per 1,000 actions: {', '.join(totals)}."


def _heads(worlds: Sequence[Verdict]) -> Iterator[str]:
    for place, world in enumerate(worlds):
        said = world.world if place < 2 else f"+ {world.world}"
        yield _text(_middle(place), _TOP - 10, said, anchor="middle", weight=600)


def _row(
    place: int, name: str, values: Sequence[float], show: Callable[[float], str], colour: Callable[[float], str]
) -> Iterator[str]:
    """Yield a row, with a scale of its own."""
    floor, highest = _TOP + _ROW * (place + 1) - 8, max(*values, 1e-9)
    yield f'<path d="M24 {floor}H{_LEFT + _COLUMN * len(values)}" stroke="#cbd5e1"/>'
    yield _text(24, floor - 12, name)
    for column, value in enumerate(values):
        size = max(round(value / highest * _TALLEST, 1), 1.5 if value else 0)
        left, top = _middle(column) - _BAR / 2, floor - size
        yield f'<rect x="{left:g}" y="{top:g}" width="{_BAR}" height="{size:g}" rx="3" fill="{colour(value)}"/>'
        yield _text(_middle(column), floor - size - 5, show(value), anchor="middle", fill=colour(value), weight=600)


def _middle(column: int) -> float:
    return _LEFT + _COLUMN * (column + 0.5)


def _text(x: float, y: float, said: str, *, anchor: str = "start", weight: int = 400, fill: str = _INK) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}" fill="{fill}">{escape(said)}</text>'
    )
