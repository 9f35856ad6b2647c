"""The tools that look: read, find, history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from comity import limits
from comity.errors import InvalidRequest
from comity.model.definition import KindDefinition
from comity.model.hidden import Hidden
from comity.model.refs import is_built_in
from comity.model.texts import counted, tokens
from comity.operations import EventAnswer
from comity.operations.texts import event as event_line
from comity.server.intents import HeldIntents
from comity.server.mcp.arguments import Find, History, Read, named
from comity.server.mcp.visiting import Visitor
from comity.server.mcp.wording import Reply, names, reply, value, value_line
from comity.server.turns import Turn
from comity.workspace import Record

_PAGE: Final = 10
_MOST: Final = 100
"""Of records, or events, that one answer lists."""
_LONG: Final = 20_000
"""Of the characters of one value, for a model that named its field."""
_SHORT: Final = 240
"""Of those of one that wasn't named."""
_LINE_CHARS: Final = 60
_WORTH: Final = 15
"""Of the tokens that are left, where another field is still worth showing."""
_TAIL: Final = 40
"""Of the tokens that an answer says besides what it shows."""


def read(visitor: Visitor, held: HeldIntents, asked: Read) -> Reply:
    """Show records, and note what is shown of them as read."""
    if not asked.records:
        raise InvalidRequest("records: name at least one, as kind/id")
    if len(asked.records) > _MOST:
        raise InvalidRequest(f"records: at most {_MOST} in one call")
    is_more = bool(asked.fields) or len(asked.records) > 1
    budget = limits.MCP_MORE_TOKENS if is_more else limits.MCP_ANSWER_TOKENS
    with held.turn(visitor.workspace, visitor.agent, asked.intent or None) as turn:
        records = [turn.get(record, *asked.fields) for record in dict.fromkeys(asked.records)]
        left = budget - _TAIL - (tokens(str(turn.news)) if turn.news else 0)
        lines: list[str] = []
        for number, record in enumerate(records):
            shown = _shown(turn, record, asked.fields, left // (len(records) - number))
            shown += [] if record.exists else _misspelt(visitor, record)
            left -= sum(map(tokens, shown))
            lines += shown
        revision = max(record.revision for record in records)
        return reply(lines, turn, budget=budget, revision=revision)


def _shown(turn: Turn, record: Record, fields: Sequence[str], budget: int) -> list[str]:
    """Return the lines that show a record, and note as read what they show."""
    if not record.exists:
        turn.show(record)
        return [f"{record.ref}: nothing is there ({record.life}), as of revision {record.revision}"]
    values = _values(record, fields)
    head = f"{record.ref} (version {record.version}, {record.life}), as of revision {record.revision}:"
    lines, left = dict[str, str](), budget - tokens(head) - _TAIL
    for name, given in values.items():
        if lines and left < _WORTH:
            break
        lines[name] = value_line(name, given, _LONG if fields else _SHORT, max(left, _WORTH))
        left -= tokens(lines[name])
    rest = [name for name in values if name not in lines]
    turn.show(record, [*fields] if fields and not rest else lines if fields or rest else ())
    told = [f"  not shown: {names(rest)}. Name them in fields to read them."] if rest else []
    return [head, *lines.values(), *told]


def _misspelt(visitor: Visitor, record: Record) -> list[str]:
    """Return a question where the kind of what isn't there isn't declared, and others are."""
    kinds = [kind.name for kind in visitor.definition().kinds]
    return [f"  {named('kind', record.kind, kinds)}"] if kinds and record.kind not in kinds else []


def _values(record: Record, fields: Sequence[str]) -> Mapping[str, Any]:
    hidden = dict.fromkeys(record.hidden, Hidden(()))
    if not fields:
        return {**dict(record), **hidden}
    return {name: hidden[name] if name in hidden else record.get(name) for name in fields}


def find(visitor: Visitor, held: HeldIntents, asked: Find) -> Reply:
    """Show what a search finds; without a kind, what there is to be found."""
    if not asked.kind:
        return _overview(visitor)
    limit = min(asked.limit or _PAGE, _MOST)
    order = [part.strip() for part in asked.order.split(",") if part.strip()]
    with held.turn(visitor.workspace, visitor.agent, asked.intent or None) as turn:
        page = turn.find(asked.kind, *asked.where, order=order, limit=limit, after=asked.after or None)
        budget = limits.MCP_MORE_TOKENS if asked.limit else limits.MCP_ANSWER_TOKENS
        left = budget - 2 * _TAIL - (tokens(str(turn.news)) if turn.news else 0)
        lines = [f"{counted(len(page), 'record')} at revision {page.revision}{_further(page.after)}"]
        for number, record in enumerate(page):
            line = _line(record)
            left -= tokens(line)
            if left < 0:
                rest = [one.ref for one in page[number:]]
                lines.append(f"  not shown: {names(rest, 3)}. Read them by name, or find with a limit.")
                break
            lines.append(line)
            turn.show(record)
        return reply(lines, turn, budget=budget, revision=page.revision, after=page.after)


def _further(after: str | None) -> str:
    return f"; the next page has after={after}" if after is not None else ""


def _line(record: Record) -> str:
    shown = [f"{name}={value(given, _LINE_CHARS)}" for name, given in _values(record, ()).items()]
    return f"  {record.ref}: {', '.join(shown) or 'no fields'}"


def _overview(visitor: Visitor) -> Reply:
    """Return the names that there are: kinds with their fields, and what can be done."""
    definition = visitor.definition()
    declared = {kind.name for kind in definition.kinds}
    there = visitor.agent.stats().records
    lines = [_kind(kind, there.get(kind.name, 0)) for kind in definition.kinds]
    others = {name: count for name, count in there.items() if name not in declared and not is_built_in(name)}
    lines += [f"kind {name}: {counted(count, 'record')}" for name, count in others.items()]
    groups = ("action", definition.actions), ("effect", definition.effects), ("workflow", definition.workflows)
    lines += [f"{what}s: {names([one.name for one in given])}" for what, given in groups if given]
    return reply(lines or ["Nothing is here yet: write makes the first record."], budget=limits.MCP_ANSWER_TOKENS)


def _kind(kind: KindDefinition, count: int) -> str:
    events = f"; events {names([event.name for event in kind.events])}" if kind.events else ""
    return f"kind {kind.name} ({counted(count, 'record')}): {names([field.name for field in kind.fields])}{events}"


def history(visitor: Visitor, held: HeldIntents, asked: History) -> Reply:
    """Show what happened to a record, why a field has its value, or what was there."""
    lines, budget = _past(visitor, asked)
    if not asked.intent:
        return reply(lines, budget=budget)
    with held.turn(visitor.workspace, visitor.agent, asked.intent) as turn:
        turn.tell()
        return reply(lines, turn, budget=budget)


def _past(visitor: Visitor, asked: History) -> tuple[list[str], int]:
    moment = int(asked.at) if asked.at.isdecimal() else asked.at or None
    if asked.field:
        why = visitor.agent.why(asked.record, asked.field, at=moment)
        return str(why).split("\n"), limits.MCP_ANSWER_TOKENS
    if moment is not None:
        return _as_it_was(visitor.agent.get(asked.record, at=moment)), limits.MCP_ANSWER_TOKENS
    answer = visitor.agent.history(asked.record, limit=min(asked.limit or _PAGE, _MOST))
    budget = limits.MCP_MORE_TOKENS if asked.limit else limits.MCP_ANSWER_TOKENS
    return [f"{counted(len(answer.events), 'event')}, newest first:", *map(_event, answer.events)], budget


def _event(one: EventAnswer) -> str:
    return f"  {event_line(one)}"


def _as_it_was(record: Record) -> list[str]:
    head = f"{record.ref} (version {record.version}, {record.life}) was at revision {record.revision}:"
    return [head, *(f"  {name}: {value(given, _SHORT)}" for name, given in _values(record, ()).items())]
