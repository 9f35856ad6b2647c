from __future__ import annotations

import io
from collections.abc import Iterator

from rich.console import Console, RenderableType

from comity.cli.rendering import render
from comity.model.decisions import Decision
from comity.operations import Difference, Left, Revert, RevertAnswer

MANY = 500


def printed(parts: Iterator[RenderableType]) -> str:
    console = Console(file=io.StringIO(), width=80)
    for part in parts:
        console.print(part)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_much_is_shortened_and_says_so() -> None:
    decision = Decision(
        id="p",
        outcome="committed",
        revision=7,
        at=0,
        definition=0,
        next="Go on.",
        records={f"c/{number}": 2 for number in range(MANY)},
    )
    reverted = tuple(Difference(record=f"c/{number}", field="n", was=2, now=1) for number in range(MANY))
    left = tuple(Left(record=f"d/{number}", field="n", why="changed since") for number in range(MANY))
    text = printed(render(Revert(commit=6), RevertAnswer(decisions=(decision,), reverted=reverted, left=left)))
    assert text.count("… and 400 more") == 2
    assert "c/4 (version 2) and 495 more" in " ".join(text.split())
    assert len(text.splitlines()) < MANY
