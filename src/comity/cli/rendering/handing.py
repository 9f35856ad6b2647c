"""What waits for an answer, and what is lent."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from comity.cli.rendering.decisions import decision
from comity.cli.rendering.words import bad, dim, good, line, moment, quoted, stacked, table
from comity.model.texts import counted, listed
from comity.operations import FactAnswer, GrantAnswer, GrantsAnswer, Request, SplitAnswer, TicketAnswer, TicketsAnswer
from comity.operations.texts import wanted, wanted_effect


def tickets(request: Request, answer: TicketsAnswer) -> Iterator[RenderableType]:
    """Yield what waits, each with what it would do and what it rests on."""
    for one in answer.tickets:
        yield Text.assemble((one.ticket, "bold"), " by ", good(one.agent), f", for {_whom(one)}", dim(_until(one)))
        deeds = [*map(wanted_effect, one.effects), *map(wanted, one.changes)]
        parts = [quoted(one.reason), *(Text(line(deed)) for deed in deeds), *map(_fact, one.facts)]
        yield Padding(stacked([part for part in parts if part.plain]), (0, 0, 0, 4), expand=False)
    if answer.is_cut:
        yield dim("… and more (--limit shows more)")
    yield dim(f"{counted(len(answer.tickets), 'waiting proposal')}, as of revision {answer.revision}")


def _whom(one: TicketAnswer) -> str:
    first = listed(one.to) or ("any human" if one.waits_for == "human" else "its turn")
    return f"{first}, by now also {listed(one.escalates_to) or 'any human'}" if one.is_escalated else first


def _until(one: TicketAnswer) -> str:
    return f"  until {moment(one.expires_at)}"


def _fact(one: FactAnswer) -> Text:
    return dim(f"rests on {one}") if one.is_so else Text.assemble(bad("moved: "), line(str(one)))


def split(request: Request, answer: SplitAnswer) -> Iterator[RenderableType]:
    """Yield what became of each part."""
    for one in answer.decisions:
        yield from decision(request, one)


def grants(request: Request, answer: GrantsAnswer) -> Iterator[RenderableType]:
    """Yield grants, one in a line."""
    if not answer.grants:
        yield dim("Nothing is lent.")
        return
    made = table("grant", "lends", "to", "by", "until", "why")
    for one in answer.grants:
        by = f"{one.by} (an order)" if one.is_order else one.by
        name = Text(one.grant.partition("/")[2], style="bold")
        made.add_row(name, one.subject, one.to, by, _ending(one), quoted(one.reason))
    yield made
    if answer.is_cut:
        yield dim("… and more (--limit shows more)")
    yield dim(counted(len(answer.grants), "grant"))


def _ending(one: GrantAnswer) -> str:
    if one.state == "revoked":
        return f"taken back by {one.closed_by}"
    return moment(one.expires_at) + (" (expired)" if one.state == "expired" else "")
