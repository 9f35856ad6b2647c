"""Answers as short texts: what ``print`` shows of them.

One function for each type of answer that has more to say than its fields. A definition's
source is never shown; other agents' words are quoted and cut, as everywhere (S39).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from comity.model.texts import counted, field_name, listed, quote, show

if TYPE_CHECKING:
    from comity.model.proposals import AnyChange, Effect
    from comity.operations.handing import FactAnswer, GrantAnswer, GrantsAnswer, TicketAnswer, TicketsAnswer
    from comity.operations.looking_back import (
        DiffAnswer,
        Difference,
        EventAnswer,
        HistoryAnswer,
        Left,
        Refusal,
        RefusalsAnswer,
        RevertAnswer,
        VerifyAnswer,
        WhyAnswer,
    )
    from comity.operations.operating import (
        AgentAnswer,
        AgentsAnswer,
        ApplyAnswer,
        CopyAnswer,
        DefinitionAnswer,
        EraseAnswer,
        ExportAnswer,
        ImportAnswer,
        KeyAnswer,
        StatsAnswer,
    )
    from comity.operations.reading import RecordAnswer, RecordsAnswer, StaleAnswer

MOST_LINES: Final = 20


def _lines(first: str, rest: Sequence[str], last: str | None = None) -> str:
    """Return a text of a head, as many lines as fit, how many were left out, and a tail."""
    shown = [f"  {line}" for line in islice(rest, MOST_LINES)]
    if len(rest) > MOST_LINES:
        shown.append(f"  and {len(rest) - MOST_LINES} more")
    return "\n".join([first, *shown, *([last] if last else [])])


# -- reading


def record(answer: RecordAnswer) -> str:
    """Return one record with its fields."""
    fields = ", ".join(f"{name}={show(value)}" for name, value in answer.values.items())
    nothing = "erased" if answer.is_erased else "no fields"
    return f"{answer.record} (version {answer.version}, {answer.life}): {fields or nothing}"


def records(answer: RecordsAnswer) -> str:
    """Return the records of a page."""
    more = f"The next page has after={answer.after!r}." if answer.after is not None else None
    head = f"{counted(len(answer.records), 'record')} at revision {answer.revision}"
    return _lines(head, [record(one) for one in answer.records], more)


def stale(answer: StaleAnswer) -> str:
    """Return what of the reads has moved."""
    if not answer.findings:
        return f"Nothing that was read has moved by revision {answer.revision}."
    moved = [
        f"{one.record}.{field_name(one.field)}: {show(one.was)} → {show(one.now)}, by {one.by}" for one in answer.moved
    ]
    others = [finding.message for finding in answer.findings if not finding.moved]
    return _lines(f"Moved by revision {answer.revision}:", [*moved, *others])


# -- looking back


def event(answer: EventAnswer) -> str:
    """Return one event: what, by whom, when, why."""
    reason = f": {quote(answer.reason)}" if answer.reason else ""
    return f"{answer.type} {answer.record} ({_told(answer)}) by {_authors(answer)} at {answer.at}{reason}"


def _authors(answer: EventAnswer) -> str:
    """Return who made an event, and who let it be made (S21)."""
    consents = ("accepted", answer.accepted_by), ("approved", answer.approved_by)
    told = [f", {word} by {listed(names)}" for word, names in consents if names]
    return f"{answer.by} ({answer.known}){''.join(told)}"


def _told(answer: EventAnswer) -> str:
    if answer.is_erased:
        by = f" by {answer.erased_by} at {answer.erased_at}" if answer.erased_by else ""
        return f"event {answer.event}, erased{by}"
    moved = [f"{field_name(name)} {show(was)} → {show(answer.now.get(name))}" for name, was in answer.was.items()]
    return f"event {answer.event}, {', '.join(moved) or 'no field changed'}"


def history(answer: HistoryAnswer) -> str:
    """Return events, one in a line."""
    head = f"{counted(len(answer.events), 'event')}, as of revision {answer.revision}"
    return _lines(head, [event(one) for one in answer.events])


def why(answer: WhyAnswer) -> str:
    """Return why a field has its value, in a few lines."""
    subject = f"{answer.record}.{field_name(answer.field)}" if answer.field else answer.record
    if answer.event is None:
        return f"{subject} is {show(answer.value)}: nothing was ever written to it."
    lines = [f"{subject} is {show(answer.value)}", f"  because of {_cause(answer.event)}"]
    if answer.rested_on:
        lines.append(f"  resting on {listed(answer.rested_on, 4)}")
    lines += [f"  warned: {finding.message}" for finding in answer.findings]
    lines += [f"  caused by {_cause(cause)}" for cause in answer.causes]
    return "\n".join(lines)


def _cause(answer: EventAnswer) -> str:
    reason = f": {quote(answer.reason)}" if answer.reason else ""
    return f"{answer.type} ({_told(answer)}) by {_authors(answer)} at {answer.at}{reason}"


def difference(answer: Difference) -> str:
    """Return one field that differs."""
    return f"{answer.record}.{field_name(answer.field)}: {show(answer.was)} → {show(answer.now)}"


def diff(answer: DiffAnswer) -> str:
    """Return what differs between two revisions."""
    between = f"between revisions {answer.since} and {answer.until}"
    if not answer.differences:
        return f"No difference {between}."
    head = f"{counted(len(answer.differences), 'difference')} {between}:"
    return _lines(head, [difference(one) for one in answer.differences])


def left(answer: Left) -> str:
    """Return what a revert left alone, and why."""
    return f"{answer.record}.{field_name(answer.field)}: {answer.why}"


def reverted(answer: RevertAnswer) -> str:
    """Return what a revert put back, and what it left."""
    verb = "Would put back" if any(one.outcome == "allowed" for one in answer.decisions) else "Put back"
    if answer.reverted:
        count = counted(len(answer.reverted), "field")
        text = _lines(f"{verb} {count}:", [difference(one) for one in answer.reverted])
    else:
        text = "Nothing was put back."
    if answer.cancelled:
        text += "\n" + _lines(f"Cancelled {counted(len(answer.cancelled), 'effect')}:", list(answer.cancelled))
    if not answer.left:
        return text
    return f"{text}\n" + _lines(f"Left {counted(len(answer.left), 'field')} alone:", [left(one) for one in answer.left])


def erased(answer: EraseAnswer) -> str:
    """Return what became of an erasure."""
    payloads = counted(answer.events + answer.commits + answer.answers, "content")
    what = f"{listed(list(answer.records), 8)}, with {payloads}"
    if not answer.decision.is_committed:
        return f"would erase {what}" if answer.decision.is_allowed else str(answer.decision)
    beyond = f"; {answer.left}" if answer.left else ""
    return f"erased {what}{beyond}" if answer.is_done else f"erased {what}, but it is still there: {answer.left}"


def verified(answer: VerifyAnswer) -> str:
    """Return whether log, chain and records agree."""
    seen = ", ".join(
        counted(count, what)
        for count, what in ((answer.commits, "commit"), (answer.events, "event"), (answer.records, "record"))
    )
    head = f"Keep this head elsewhere for the next verification: {answer.head}"
    if answer.is_clean:
        return f"Clean: {seen} agree with the log.\n{head}"
    return _lines(f"{counted(len(answer.problems), 'problem')} in {seen}:", answer.problems, head)


def refusals(answer: RefusalsAnswer) -> str:
    """Return what was refused, one proposal in a line."""
    return _lines(counted(len(answer.refusals), "refusal"), [refusal(one) for one in answer.refusals])


def refusal(answer: Refusal) -> str:
    """Return one refused proposal: when, who, about what, why not."""
    about = listed(answer.records, 3) or "nothing"
    found = listed([f"{one.code}: {one.message}" for one in answer.findings if one.severity != "warn"], 3)
    wanted = f" (wanted for {quote(answer.reason)})" if answer.reason else ""
    return f"{answer.at} {answer.agent}, {about}{wanted}: {found}"


# -- handing over


def tickets(answer: TicketsAnswer) -> str:
    """Return what waits for an answer."""
    if not answer.tickets:
        return f"Nothing waits for an answer, as of revision {answer.revision}."
    more = "  and more: give a limit to see them" if answer.is_cut else None
    return _lines(counted(len(answer.tickets), "waiting proposal"), [ticket(one) for one in answer.tickets], more)


def ticket(answer: TicketAnswer) -> str:
    """Return one waiting proposal: whose, what it would do, why, and whether what it rests on is still so."""
    whom = listed(answer.to, 3) or ("any human" if answer.waits_for == "human" else "its turn")
    deeds = [*map(wanted_effect, answer.effects), *map(wanted, answer.changes)]
    would = listed(deeds, 3) or f"act on {listed(answer.subjects, 3)}"
    why = f": {quote(answer.reason)}" if answer.reason else ""
    moved = [str(one) for one in answer.facts if not one.is_so]
    basis = f"; moved since: {listed(moved, 2)}" if moved else "; all it rests on is still so" if answer.facts else ""
    others = f", escalated to {listed(answer.escalates_to, 3) or 'any human'}" if answer.is_escalated else ""
    return f"{answer.ticket}: {answer.agent} would {would}{why} (for {whom}{others}, until {answer.expires_at}{basis})"


def wanted_effect(effect: Effect) -> str:
    """Return what an effect would do outside, with what its handler would get."""
    shown = listed([f"{name}={show(value)}" for name, value in effect.data.items()], 4)
    target = f" to {effect.target}" if effect.target else ""
    return f"have the effect {effect.name}{target}{f' ({shown})' if shown else ''}"


def wanted(change: AnyChange) -> str:
    """Return what a change would do, with its values."""
    values: dict[str, object] = getattr(change, "fields", None) or getattr(change, "data", None) or {}
    named = getattr(change, "event", "")
    verb = f"emit {named} on" if named else type(change).__name__.lower()
    shown = listed([f"{name}={show(value)}" for name, value in values.items()], 4)
    return f"{verb} {change.record}{f' ({shown})' if shown else ''}"


def fact(answer: FactAnswer) -> str:
    """Return one thing that a proposal rests on."""
    subject = f"{answer.record}.{field_name(answer.field)}" if answer.field else f"the search for {answer.record}"
    now = "still so" if answer.is_so else f"now {show(answer.now)}"
    return f"{subject} was {show(answer.seen)}, {now}"


def grants(answer: GrantsAnswer) -> str:
    """Return what is lent."""
    if not answer.grants:
        return "Nothing is lent."
    more = "  and more" if answer.is_cut else None
    return _lines(counted(len(answer.grants), "grant"), [grant(one) for one in answer.grants], more)


def grant(answer: GrantAnswer) -> str:
    """Return one grant: what, to whom, by whom, until when, why."""
    closed_by = f" by {answer.closed_by}" if answer.closed_by else ""
    ended = f" ({answer.state}{closed_by})" if answer.state != "lent" else ""
    by = f"{answer.by}{' (an order)' if answer.is_order else ''}"
    until = f"until {answer.expires_at}{ended}"
    return f"{answer.grant}: {answer.subject} lent to {answer.to} by {by} {until}: {quote(answer.reason)}"


# -- operating


def applied(answer: ApplyAnswer) -> str:
    """Return what became of a definition."""
    decision = answer.decision
    if decision is None:
        return f"The definition is in force already, as version {answer.number}."
    if not decision.is_allowed:
        return f"The definition was refused; version {answer.number} stays in force.\n{decision.explain()}"
    if decision.is_committed:
        return _lines(f"The definition is in force, as version {answer.number}.{_failed(answer)}", answer.changes)
    head = f"The definition is right, and would be in force as version {answer.number}.{_failed(answer)}"
    return _lines(head, answer.changes)


def _failed(answer: ApplyAnswer) -> str:
    if not answer.failed:
        return ""
    return f" But {len(answer.failed):,} of its tests failed: {listed(answer.failed, 3)}."


def definition(answer: DefinitionAnswer) -> str:
    """Return which definition judges, without its source."""
    if not answer.number:
        return "No definition was applied yet (version 0)."
    return f"The definition, version {answer.number}: {counted(len(answer.source.splitlines()), 'line')} in source."


def agents(answer: AgentsAnswer) -> str:
    """Return who may act."""
    if not answer.agents:
        return "No agents are declared, so anyone may act."
    return _lines(counted(len(answer.agents), "agent"), [agent(one) for one in answer.agents])


def agent(answer: AgentAnswer) -> str:
    """Return one agent with its key, if any."""
    parts: list[str] = [f"{answer.kind}, role {answer.role}"]
    if not answer.is_declared:
        parts.append("not declared")
    if answer.key_id:
        until = f" until {answer.key_expires_at}" if answer.key_expires_at else ""
        parts.append(f"key {answer.key_id} {answer.key_status or ''}{until}")
    return f"{answer.agent}: {', '.join(parts)}"


def key(answer: KeyAnswer) -> str:
    """Return a new key, this once."""
    until = f", good until {answer.expires_at}" if answer.expires_at else ""
    told = f"The key of {answer.agent}{until}, shown this once and kept nowhere: {answer.key}"
    return "\n".join([told, *(finding.message for finding in answer.findings)])


def imported(answer: ImportAnswer) -> str:
    """Return what an import did, and the lines that it didn't take."""
    wrong = len(answer.errors) + answer.more_errors
    parts = [f"{answer.committed} committed", f"{answer.unchanged} unchanged"]
    parts += [f"{answer.earlier} settled by an earlier run"] if answer.earlier else []
    head = f"{counted(answer.lines, 'row')}: {', '.join(parts)}, {wrong} not taken"
    return _lines(head, [_line_error(one.line, one.record, one.problem) for one in answer.errors])


def _line_error(line: int, record: str | None, problem: str) -> str:
    return f"line {line}: {problem}" if record is None else f"line {line}, {record}: {problem}"


def exported(answer: ExportAnswer) -> str:
    """Return what an export wrote."""
    return f"{counted(answer.records, 'record')}, as of revision {answer.revision}, written to {answer.file}"


def copied(answer: CopyAnswer) -> str:
    """Return what a copy holds."""
    seen = ", ".join(
        counted(count, what)
        for count, what in ((answer.commits, "commit"), (answer.events, "event"), (answer.records, "record"))
    )
    return f"Copied and verified: {seen}; {counted(answer.copied, 'commit')} in this run.\nIts head: {answer.head}"


def stats(answer: StatsAnswer) -> str:
    """Return what is there."""
    log = f"{counted(answer.commits, 'commit')}, {counted(answer.events, 'event')}, the last at {answer.last_commit_at}"
    facts: Iterable[str] = (
        f"{answer.url}, {answer.bytes:,} bytes",
        f"revision {answer.revision} of incarnation {answer.incarnation}, definition version {answer.definition}",
        log if answer.last_commit_at else "no commit yet",
        counted(answer.refusals, "refusal"),
        *(f"{kind}: {counted(count, 'record')}" for kind, count in sorted(answer.records.items())),
    )
    return _lines(answer.name or "workspace", tuple(facts))
