from __future__ import annotations

import io
from collections.abc import Iterator

from rich.console import Console, RenderableType

from comity.cli.rendering import render
from comity.model.decisions import Decision, Finding
from comity.operations import Difference, Left, Request, Revert, RevertAnswer

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


SHADOW = Finding(
    "rule.clean_first",
    "Later. (shadow: would have been deferred)",
    severity="warn",
    remedy="Try again later.",
    data={"shadow": "defer"},
)
WARNING = Finding("shape.new_kind", "bedd is new.", severity="warn", remedy="Did you mean bed?")


def committed(next: str = "Go on.", *findings: Finding) -> str:
    decision = Decision(id="p", outcome="committed", revision=7, at=0, definition=0, next=next, findings=findings)
    return " ".join(printed(render(Request(), decision)).split())


def test_what_a_commit_says_to_do_next_is_shown_where_there_is_something() -> None:
    assert "Next: The proposal 'q' went back to ann" in committed("The proposal 'q' went back to ann")
    assert "Next:" not in committed()


def test_nothing_is_advised_on_account_of_a_check_in_shadow() -> None:
    told = committed("Go on.", SHADOW, WARNING)
    assert "warning rule.clean_first" in told
    assert "Try again" not in told
    assert "Did you mean bed?" in told
