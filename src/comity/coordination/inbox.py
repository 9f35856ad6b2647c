"""The inbox: what an agent or a human should answer or know, computed from records and answers.

Nothing is delivered into it, so nothing can be lost: what is there follows from the state
of the workspace, by searches that are bounded. Only what was acknowledged is noted (S18).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Final

import msgspec

from comity import limits
from comity.clock import SECOND_US, format_time, parse_time
from comity.coordination import approvals, handoffs, leases
from comity.coordination.desk import DAY_US, Desk
from comity.coordination.intents import find_open, subjects_of
from comity.coordination.news import Look, changes_of
from comity.coordination.stakes import stakes_of
from comity.coordination.tasks import find_stuck, find_tasks
from comity.coordination.undelivered import find_undelivered
from comity.coordination.watches import changes_of as watched_changes
from comity.coordination.watches import read_watches
from comity.deciding.effects import released_under
from comity.deciding.gates.rule import holds_until
from comity.deciding.lines import subject_of
from comity.deciding.overrides import Override, in_force
from comity.deciding.tickets import is_waiting
from comity.feed import selection_of
from comity.model.alerting import LEVELS
from comity.model.built_in import ALERT, APPROVAL, HANDOFF, INTENT, LEASE, QUEUE
from comity.model.decisions import Finding
from comity.model.events import Answered, Event
from comity.model.filters import Condition, Query
from comity.model.news import NewsItem
from comity.model.proposals import Emit, Proposal
from comity.model.records import LIFE, RecordState
from comity.model.refs import split
from comity.model.texts import field_name, listed, quote, show
from comity.operations import InboxItem, Passing
from comity.store.contract import AnsweredFilter, EventFilter

TICKETS: Final = (HANDOFF, APPROVAL, QUEUE)

_ALERTS: Final = limits.INBOX_ITEMS // 5
"""How many alerts stand among what else is new."""

_PAST: Final = {
    "accepted": "was accepted and is committed",
    "granted": "was accepted",
    "approved": "was approved",
    "released": "had its turn",
    "returned": "came back: it can't be done any more as it was proposed",
    "declined": "was declined",
    "denied": "was denied",
    "expired": "expired unanswered",
}
"""What is told of a proposal whose ticket was closed so; its own withdrawal an agent knows of."""


def topic_of(agent: str) -> str:
    """Return the topic under which is noted what an agent has acknowledged."""
    return f"inbox:{agent}"


def find_items(desk: Desk) -> list[InboxItem]:
    """Return everything that is there, acknowledged or not, newest first.

    Of many alerts only the most severe stand there, the others at the end: so no flood of them hides an answer.
    """
    alerts = _find_alerts(desk)
    items = [*alerts[:_ALERTS], *(item for find in _SOURCES for item in find(desk))]
    return [*sorted(items, key=lambda item: -item.at), *alerts[_ALERTS:]]


# -- what waits for an answer


def _find_offers(desk: Desk) -> Iterator[InboxItem]:
    for ticket in handoffs.offered_to(desk.snapshot, desk.agent, desk.now_us).tickets:
        yield _asked(ticket, "offer", "offers", "Accept {0}, or decline it with a reason, until {1}.")


def _find_questions(desk: Desk) -> Iterator[InboxItem]:
    for ticket in approvals.asked_of(desk.snapshot, desk.agent, desk.now_us).tickets:
        yield _asked(ticket, "approval", "asks whether it may", "Approve {0}, or deny it with a reason, until {1}.")


def _asked(ticket: RecordState, kind: str, verb: str, advice: str) -> InboxItem:
    values = ticket.values
    why = f": {quote(values['reason'])}" if values.get("reason") else ""
    return InboxItem(
        id=_id_of(kind, ticket.kind, ticket.id, ticket.version),
        kind="offer" if kind == "offer" else "approval",
        about=ticket.ref,
        text=f"{values['agent']} {verb} {values.get('summary') or 'do something'}{why}",
        next=advice.format(ticket.ref, values["expires_at"]),
        at=parse_time(values["opened_at"]),
        by=values["agent"],
    )


def _id_of(sort: str, kind: str, id: str, version: int) -> str:
    """Return an item's id: the same as long as nothing happens to what it is about, and safe in a shell."""
    return f"{sort}:{kind.removeprefix('$')}/{id}:{version}"


# -- what became of one's own


def _find_answers(desk: Desk) -> Iterator[InboxItem]:
    """Yield what became of what the agent proposed, and hadn't been decided at once."""
    after = desk.snapshot.revision_at(desk.since_us)
    for kind in filter(desk.has, TICKETS):
        chosen = EventFilter(kind=kind, after=after, newest_first=True, limit=limits.INBOX_EVENTS)
        found = [event for event in desk.snapshot.events(chosen) if _is_answer(event, desk.agent.name)]
        closed: dict[str, Event] = {}
        for event in found:  # What was approved and then went back has come back: of each ticket the latest counts.
            closed.setdefault(event.id, event)
        commits = desk.snapshot.commits_of([event.revision for event in closed.values()])
        for event in closed.values():
            commit, ticket = commits[event.revision], event.after()
            is_done = commit.proposal == ticket.values["proposal"]
            state = event.type if is_done or event.type != "accepted" else "granted"
            yield _answered(ticket, state, event.version, commit.at, event.revision)
        yield from _find_run_out(desk, kind)


def _is_answer(event: Event, agent: str) -> bool:
    return event.type in _PAST and event.payload is not None and event.payload.values.get("agent") == agent


def _find_run_out(desk: Desk, kind: str) -> Iterator[InboxItem]:
    """Yield tickets that have expired without anybody having told so yet (S6)."""
    upto = format_time((desk.now_us // SECOND_US + 1) * SECOND_US)
    where = (Condition("agent", "=", desk.agent.name), Condition("expires_at", "<=", upto))
    query = Query(kind, where, limit=limits.QUERY_RECORDS)
    for ticket in desk.snapshot.find(query):
        if not is_waiting(ticket, desk.now_us):
            yield _answered(ticket, "expired", ticket.version + 1, parse_time(ticket.values["expires_at"]), 0)


def _answered(ticket: RecordState, state: str, version: int, at: int, revision: int) -> InboxItem:
    values = ticket.values
    by = values.get("closed_by") if state != "expired" else None
    who = f" by {by}" if by and by != values["agent"] else ""
    said = f": {quote(values['answer'])}" if values.get("answer") and state != "expired" else ""
    what = values.get("summary") or values["proposal"]
    return InboxItem(
        id=_id_of("answer", ticket.kind, ticket.id, version),
        kind="answer",
        about=ticket.ref,
        text=f"What you {_wish(values['proposal'])} ({what}) {_PAST[state]}{who}{said}",
        next=_advice(state, values["proposal"], revision),
        at=at,
        by=by,
    )


def _wish(proposal: str) -> str:
    return "proposed" if released_under(proposal) is None else "want done"


def _advice(state: str, proposal: str, revision: int) -> str:
    if (released := released_under(proposal)) is not None:
        return f"'comity effects show {released[0]}' tells what becomes of it."
    if state == "accepted":
        return f"Go on: it is revision {revision}."
    if state in ("approved", "granted", "released"):
        return f"Ask what became of it, by wait or by proposing {proposal} again: the same id does nothing twice."
    return "Look again; if it still makes sense, propose it anew under a new id."


class _Deferral(msgspec.Struct, frozen=True):
    """Be a proposal that was refused only for a time: when, at which revision, and why."""

    proposal: Proposal
    finding: Finding
    revision: int
    at: int


def _find_lifted(desk: Desk) -> Iterator[InboxItem]:
    """Yield the deferrals whose end has come, unless the agent has done since what was deferred."""
    lifted = list(_lifted_deferrals(desk))
    if not lifted:
        return
    done = _done_since(desk, min(deferral.revision for deferral in lifted))
    for deferral in lifted:
        later = (proposal for revision, proposal in done if revision > deferral.revision)
        if not any(_is_same_work(proposal, deferral) for proposal in later):
            yield _lifted(deferral)


def _lifted_deferrals(desk: Desk) -> Iterator[_Deferral]:
    """Yield what was refused with ``retry_when`` and needn't be any more: of one rule and subject the latest."""
    chosen = AnsweredFilter(agent=desk.agent.name, outcome="refused", since_us=desk.since_us, limit=limits.INBOX_ITEMS)
    seen: set[tuple[str, str]] = set()
    for answered in desk.snapshot.answered(chosen):
        for deferral in _deferrals(answered):
            data = deferral.finding.data
            about = str(data.get("rule")), str(data.get("until_subject"))
            if about not in seen and _is_lifted(deferral.finding, desk):
                yield deferral
            seen.add(about)


def _deferrals(answered: Answered) -> list[_Deferral]:
    """Return why a proposal was only deferred; nothing for one that something else refused as well."""
    payload = answered.payload
    found = [finding for finding in payload.findings if finding.severity != "warn"] if payload is not None else []
    if payload is None or any(finding.severity != "defer" for finding in found):
        return []
    waited = (finding for finding in found if finding.data.get("until"))
    return [_Deferral(payload.proposal, finding, answered.revision, answered.at) for finding in waited]


def _is_lifted(finding: Finding, desk: Desk) -> bool:
    data = finding.data
    return holds_until(
        desk.view.compiled, str(data.get("rule")), data.get("until_subject"), desk.view, agent=desk.agent.name
    )


def _done_since(desk: Desk, revision: int) -> list[tuple[int, Proposal]]:
    """Return what the agent has committed after a revision, as far as its latest events tell."""
    chosen = EventFilter(agent=desk.agent.name, after=revision, newest_first=True, limit=limits.INBOX_EVENTS)
    commits = desk.snapshot.commits_of(list({event.revision for event in desk.snapshot.events(chosen)}))
    payloads = ((revision, commit.payload) for revision, commit in commits.items())
    return [(revision, payload.proposal) for revision, payload in payloads if payload is not None]


def _is_same_work(done: Proposal, deferral: _Deferral) -> bool:
    """Tell whether a proposal does what was deferred: of the same intent, or the same by action or by fields."""
    deferred = deferral.proposal
    if deferred.intent is not None and done.intent == deferred.intent:
        return True
    if deferred.action is None:
        return done.action is None and not _fields_of(done).isdisjoint(_fields_of(deferred))
    about = {deferral.finding.subject} if deferral.finding.subject else _records_of(deferred)
    return done.action == deferred.action and not about.isdisjoint(_records_of(done))


def _records_of(proposal: Proposal) -> set[str | None]:
    return {*proposal.about, *(change.record for change in proposal.changes)}


def _fields_of(proposal: Proposal) -> set[tuple[str, str]]:
    """Return the fields that a proposal writes; an event, or a change of life, stands for itself."""
    found: set[tuple[str, str]] = set()
    for change in proposal.changes:
        names = [change.event] if isinstance(change, Emit) else getattr(change, "fields", None) or [LIFE]
        found |= {(change.record, name) for name in names}
    return found


def _lifted(deferral: _Deferral) -> InboxItem:
    proposal, finding = deferral.proposal, deferral.finding
    about = finding.subject or listed(list(proposal.about), 2)
    return InboxItem(
        id=f"lifted:{proposal.id}",
        kind="lifted",
        about=about,
        text=f"What deferred you ({finding.code}) is over: {finding.data['until']}",
        next=f"Look at {about or 'it'} again and propose {proposal.action or 'it'} anew, under a new id.",
        at=deferral.at,
    )


def _find_turns(desk: Desk) -> Iterator[InboxItem]:
    """Yield the lines in which it is the agent's turn."""
    for subject, line in leases.all_lines(desk.snapshot, desk.now_us):
        for place in line.waiting:
            if place.agent == desk.agent.name and (since := line.turn_of(place)) is not None:
                yield InboxItem(
                    id=f"turn:{place.hold}:{subject}",
                    kind="turn",
                    about=subject,
                    text=f"It is your turn to hold {subject}.",
                    next=f"Claim it within {limits.CLAIM_S} s, by taking the lease {place.hold}; or leave the line.",
                    at=since,
                )


# -- what concerns what one is at


def _find_broken(desk: Desk) -> Iterator[InboxItem]:
    """Yield what others changed under the agent's announced intents."""
    for intent in _own_intents(desk):
        records = tuple(dict.fromkeys(subjects_of(intent)))
        look = Look(desk.agent.name, records, intent.revision, desk.view.revision)
        for item in desk.shown(tuple(changes_of(desk.snapshot, look)[: limits.NEWS_ITEMS])):
            now = ", ".join(f"{field_name(name)} is now {show(value)}" for name, value in item.now.items())
            why = f": {quote(item.reason)}" if item.reason else ""
            yield InboxItem(
                id=f"broken:{intent.id}:{item.event}",
                kind="broken",
                about=item.record,
                text=f"{item.by} changed {item.record} under your intent {intent.id} ({now or item.type}){why}",
                next=f"Look at {item.record} again before you go on, or withdraw the intent.",
                at=item.at,
                by=item.by,
            )


def _find_changed(desk: Desk) -> Iterator[InboxItem]:
    """Yield what others changed of what the agent has a stake in, once; what breaks an open intent is told as that."""
    told = {record for intent in _own_intents(desk) for record in subjects_of(intent)}
    for item in chain(_find_disturbed(desk), _find_watched(desk)):
        if item.about not in told:
            told.add(item.about)
            yield item


def _find_ended(desk: Desk) -> Iterator[InboxItem]:
    """Yield which leases of the agent others have ended before their time."""
    if not desk.has(LEASE):
        return
    after = desk.snapshot.revision_at(desk.since_us)
    chosen = EventFilter(
        kind=LEASE,
        type="broken",
        but_agent=desk.agent.name,
        after=after,
        newest_first=True,
        limit=limits.INBOX_EVENTS,
    )
    ended = [event for event in desk.snapshot.events(chosen) if leases.loser_of(event) == desk.agent.name]
    commits = desk.snapshot.commits_of([event.revision for event in ended])
    for event in ended:
        commit, subject = commits[event.revision], subject_of(event.id)
        why = event.payload.data["reason"] if event.payload is not None else ""
        yield InboxItem(
            id=_id_of("ended", event.kind, event.id, event.version),
            kind="changed",
            about=subject,
            text=f"{commit.agent} ended your lease on {subject}: {quote(why)}",
            next=f"Look at {subject} again, and take the lease anew if you still need it.",
            at=commit.at,
            by=commit.agent,
        )


def _find_disturbed(desk: Desk) -> Iterator[InboxItem]:
    """Yield what others changed of what the agent holds, waits for or has offered."""
    for stake in islice(stakes_of(desk.snapshot, desk.agent.name, desk.now_us), limits.INBOX_ITEMS):
        look = Look(desk.agent.name, (stake.record,), stake.since, desk.view.revision)
        for item in desk.shown(tuple(changes_of(desk.snapshot, look)[:1])):
            version = desk.view.record(split(item.record)).version
            what = f"{stake.what}: {_told(item) or item.type}"
            yield _changed(item.record, version, item.by, item.at, what, item.reason)


def _told(item: NewsItem) -> str:
    return listed([f"{field_name(name)} is now {show(value)}" for name, value in item.now.items()], 3)


def _find_watched(desk: Desk) -> Iterator[InboxItem]:
    """Yield what others changed of what the agent watches."""
    week = desk.snapshot.revision_at(desk.since_us)
    for kept in read_watches(desk.snapshot, desk.agent.name).values():
        selection = selection_of(Passing(**kept.passing))
        for change in watched_changes(desk.snapshot, desk.agent.name, selection, max(week, kept.since)):
            event, commit = change.event, change.commit
            payload = event.payload
            names = [name for name in payload.was if name != LIFE] if payload is not None else []
            values = {name: payload.values.get(name) for name in names} if payload else {}
            item = NewsItem(event.ref, event.event_id, event.type, commit.agent, commit.at, values, commit.reason)
            what = f"which you watch: {_told(desk.shown(item)) or event.type}"
            yield _changed(event.ref, event.version, commit.agent, commit.at, what, commit.reason)


def _changed(record: str, version: int, by: str, at: int, what: str, reason: str | None) -> InboxItem:
    why = f", {quote(reason)}" if reason else ""
    return InboxItem(
        id=_id_of("changed", *split(record), version),
        kind="changed",
        about=record,
        text=f"{by} changed {record}, {what}{why}",
        next=f"Look at {record} again if you rely on it.",
        at=at,
        by=by,
    )


def _find_effects(desk: Desk) -> Iterator[InboxItem]:
    """Yield what became of the effects that the agent wants, unless all went well."""
    yield from find_undelivered(desk.snapshot, desk.agent.name, desk.since_us, desk.now_us)


def _own_intents(desk: Desk) -> list[RecordState]:
    if not desk.has(INTENT):
        return []
    own = Condition("agent", "=", desk.agent.name)
    return find_open(desk.snapshot, INTENT, desk.now_us, own)[: limits.INBOX_ITEMS]


def _find_overrides(desk: Desk) -> Iterator[InboxItem]:
    """Yield what humans hold of what the agent is, or is about to do; those who hold it know."""
    held, intents = in_force(desk.view), _own_intents(desk)
    concerning = [*held.freezes, *held.of(desk.agent)]
    for intent in intents:
        concerning += held.under(intent.values.get("action"))
        concerning += [one for record in subjects_of(intent) for one in held.on(split(record))]
    for override in {one.ref: one for one in concerning if one.set_by != desk.agent.name}.values():
        yield _overridden(override, desk)


def _overridden(override: Override, desk: Desk) -> InboxItem:
    state = desk.view.record(split(override.ref))
    yields = "wait in line" if override.yields == "queue" else "do something else"
    return InboxItem(
        id=_id_of("override", *split(override.ref), state.version),
        kind="override",
        about=override.subject,
        text=override.told(desk.view.compiled.readers),
        next=f"Until {format_time(override.expires)} {yields}, or ask {override.set_by}.",
        at=parse_time(state.values["set_at"]),
        by=override.set_by,
    )


def _find_alerts(desk: Desk) -> list[InboxItem]:
    """Return to humans and operators the alerts not acknowledged yet: the most severe first, then the latest."""
    if not desk.has(ALERT) or (desk.agent.kind != "human" and desk.agent.role != "operator"):
        return []
    found = find_open(desk.snapshot, ALERT, desk.now_us, Condition("state", "=", "raised"))
    found.sort(key=lambda alert: (LEVELS.index(alert.values["severity"]), alert.values["seen"]), reverse=True)
    return [_alarmed(alert) for alert in found[: limits.QUERY_RECORDS]]


def _alarmed(alert: RecordState) -> InboxItem:
    values = alert.values
    return InboxItem(
        id=_id_of("alert", ALERT, alert.id, alert.born),
        kind="alert",
        about=values["subject"],
        text=f"{values['severity']}: {values['message']}",
        next=f"Look at its evidence, then acknowledge or resolve {alert.id}.",
        at=parse_time(values["first_at"]),
    )


def _find_tasks(desk: Desk) -> Iterator[InboxItem]:
    """Yield what workflows have the agent do, and those that can't go on."""
    yield from find_tasks(desk.snapshot, desk.agent)
    yield from find_stuck(desk.snapshot, desk.agent)


_SOURCES: Final[tuple[Callable[[Desk], Iterable[InboxItem]], ...]] = (
    _find_offers,
    _find_questions,
    _find_answers,
    _find_lifted,
    _find_turns,
    _find_broken,
    _find_ended,
    _find_changed,
    _find_overrides,
    _find_effects,
    _find_tasks,
)


# -- what was acknowledged


def forgotten(noted: Mapping[str, str], now_us: int) -> list[str]:
    """Return the acknowledgements that are too old to be needed: what they are of isn't looked for any more."""
    oldest = now_us - 2 * limits.INBOX_DAYS * DAY_US
    return [name for name, at in noted.items() if int(at) < oldest]
