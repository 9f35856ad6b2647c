"""What is held: by humans, as overrides; by whoever took a lease."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from comity.cli.rendering.words import dim, good, line, moment, quoted, table
from comity.model.texts import counted
from comity.operations import LeaseAnswer, LeasesAnswer, OverrideAnswer, OverridesAnswer, PlaceAnswer, Request


def overrides(request: Request, answer: OverridesAnswer) -> Iterator[RenderableType]:
    """Yield overrides: what is held and by whom, and below the address to lift it by."""
    if not answer.overrides:
        yield dim("No override is in force.")
        return
    for one in answer.overrides:
        yields = "agents are refused" if one.yields == "refuse" else "agents wait in line"
        yield Text.assemble((line(one.subject), "bold"), f"  {yields}, by ", good(one.set_by), f", {_until(one)}")
        yield Text.assemble(dim(f"    {one.override.partition('/')[2]}  "), quoted(one.reason))
    if answer.is_cut:
        yield dim("… and more (--limit shows more)")
    yield dim(counted(len(answer.overrides), "override"))


def _until(one: OverrideAnswer) -> str:
    if one.state == "lifted":
        return f"lifted by {one.lifted_by}"
    return f"until {moment(one.expires_at)}" + (" (expired)" if one.state == "expired" else "")


def lease(request: Request, answer: LeaseAnswer) -> Iterator[RenderableType]:
    """Yield a lease that was taken or renewed, or the place in line."""
    what = ", ".join(answer.subjects)
    if answer.state == "held":
        yield good(f"{answer.agent} holds {what} until {moment(answer.expires_at)}.")
        yield Text(f"  token  {answer.token}")
    else:
        yield Text(f"{answer.agent} waits for {what} until {moment(answer.expires_at)}, {answer.ahead} ahead.")
    yield Text(f"  lease  {answer.hold}", style="dim")


def leases(request: Request, answer: LeasesAnswer) -> Iterator[RenderableType]:
    """Yield who holds what and who waits for it, one in a line."""
    if not answer.places:
        yield dim("Nothing is leased.")
        return
    made = table("subject", "fields", "agent", "place", "until", "lease")
    for one in answer.places:
        made.add_row(
            Text(one.subject, style="bold"),
            ", ".join(one.fields),
            one.agent,
            _place(one),
            moment(one.expires_at),
            one.hold,
        )
    yield made
    if answer.is_cut:
        yield dim("… and more (--limit shows more)")


def _place(one: PlaceAnswer) -> str:
    if one.state == "waiting":
        return f"waits, number {one.position}"
    return "shares it" if one.shared else "holds it"
