"""Effects: what is to be done outside, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from comity.cli.rendering.words import CELL_CHARS, bad, dim, facts, good, line, moment, quoted, table, value
from comity.model.texts import counted
from comity.operations import CancelAnswer, EffectAnswer, EffectsAnswer, Request, RunAnswer

_STYLES: Final = {"held": "", "sending": "cyan", "delivered": "green", "cancelled": "yellow", "aside": "red"}
_ALARMING: Final = "red"


def effects(request: Request, answer: EffectsAnswer) -> Iterator[RenderableType]:
    """Yield effects, one in a line: how each stands, when it is to be sent, what holds it up or went wrong."""
    if not answer.effects:
        yield dim("No such effect is there.")
        return
    made = table("effect", "target", "agent", "state", "when", "tries", "why")
    made.columns[0].no_wrap = made.columns[1].no_wrap = True
    for one in answer.effects:
        tries = f"{one.attempts} of {one.attempts_most}" if one.attempts else ""
        made.add_row(
            Text(one.effect.partition("/")[2], style="bold"),
            one.target or "",
            one.agent,
            _state(one),
            moment(one.closed_at or one.release_at),
            tries,
            line(_why(one)),
        )
    yield made
    if answer.is_cut:
        yield dim("… and more (--limit shows more)")
    yield dim(counted(len(answer.effects), "effect"))


def _state(one: EffectAnswer) -> Text:
    if one.is_suspect:
        return Text("suspect", style=_ALARMING)
    if one.is_overdue:
        return Text("overdue", style=_ALARMING)
    held_up = one.state == "held" and (one.held_up or one.error)
    return Text("held up" if held_up else one.state, style="yellow" if held_up else _STYLES[one.state])


def _why(one: EffectAnswer) -> str:
    if one.is_suspect:
        return "wanted before the base was restored; a human retries or cancels it"
    if one.is_overdue:
        return "no process that does duties delivers it" + (f"; {one.error}" if one.error else "")
    return (one.held_up or one.error if one.state in ("held", "sending", "aside") else one.answer) or ""


def effect(request: Request, answer: EffectAnswer) -> Iterator[RenderableType]:
    """Yield everything about one effect."""
    tries = f"{answer.attempts} of {answer.attempts_most}"
    yield Text.assemble((line(answer.what), "bold"), "  ", _state(answer), f"  {line(answer.told())}")
    if answer.is_uncertain:
        yield bad("A try may have arrived without our hearing of it: its receiver knows it by its key.")
    pairs: list[tuple[str, Text | str | None]] = [
        ("  effect", answer.effect),
        ("  wanted", f"{moment(answer.wanted_at)} by {answer.agent}, revision {answer.revision}"),
        ("  action", answer.action),
        ("  reason", quoted(answer.reason) if answer.reason else None),
        ("  once", answer.once),
        ("  still", " && ".join(answer.still) or None),
        ("  tries", tries if answer.attempts else None),
        ("  given up", moment(answer.expires_at) if answer.expires_at and answer.state == "held" else None),
        *((f"  {name}", value(found, CELL_CHARS * 4)) for name, found in answer.data.items()),
    ]
    yield facts(*((name, Text(line(found)) if isinstance(found, str) else found) for name, found in pairs if found))


def cancelled(request: Request, answer: CancelAnswer) -> Iterator[RenderableType]:
    """Yield what was cancelled, and what couldn't be."""
    said = f"Cancelled {counted(len(answer.cancelled), 'effect')}."
    yield good(said) if answer.cancelled else dim(said)
    for one in answer.left:
        yield Text.assemble(bad("  left  "), f"{one.effect.partition('/')[2]}: {line(one.why)}")
    if any(one.is_denied for one in answer.left):
        yield dim("Say who you are: --as NAME, an operator also with --key-file FILE.")


def run(request: Request, answer: RunAnswer) -> Iterator[RenderableType]:
    """Yield what was done of what was due."""
    yield bad(str(answer)) if answer.failed or answer.left else good(str(answer))
