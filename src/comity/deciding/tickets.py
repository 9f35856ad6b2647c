"""Tickets: proposals that wait, what they wait for, and what an answer is evidence for.

A proposal that meets ``ask``, ``offer`` or ``queue`` isn't refused: a record of a built-in
kind (``$approval``, ``$handoff``, ``$queue``) waits in its stead, its *ticket*. When the
ticket is answered the proposal is judged afresh, by the same gates, with its proposer as
the agent. The answer satisfies exactly the findings that the ticket names, of exactly the
proposal that it names (S21), and is read from the record, never from the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from comity import limits
from comity.clock import SECOND_US, format_time, parse_time
from comity.deciding.view import Ref, View
from comity.model import refs
from comity.model.built_in import APPROVAL, HANDOFF, QUEUE
from comity.model.decisions import Decision, Finding, Severity, WaitsFor
from comity.model.proposals import AnyChange, Caller, Effect, Emit, Known, Proposal
from comity.model.records import RecordState
from comity.model.texts import listed, quote

STRENGTH: Final[tuple[Severity, ...]] = ("warn", "defer", "queue", "offer", "ask", "refuse")
"""Of findings, the weakest first: the strongest one decides (design §6)."""

WAITS_FOR: Final[dict[Severity, WaitsFor]] = {"queue": "queue", "offer": "owner", "ask": "human"}
KIND_OF: Final[dict[WaitsFor, str]] = {"queue": QUEUE, "owner": HANDOFF, "human": APPROVAL}
WAITS_OF: Final[dict[str, WaitsFor]] = {kind: waits_for for waits_for, kind in KIND_OF.items()}
OPENING: Final = {QUEUE: "queued", HANDOFF: "offered", APPROVAL: "asked"}
RESUMING: Final = {QUEUE: "released", HANDOFF: "accepted", APPROVAL: "approved"}
"""The transition of each kind of ticket with which its proposal is judged afresh, and the state to which it leads."""

OPEN: Final = "ticket.open"
"""The code of what tells that a human is asked the same already: its subject is the ticket."""
_VERB: Final = {"queue": "waits for its turn", "owner": "is offered", "human": "waits for a human"}
_SHOWN: Final = 8
_CONSENT: Final = {HANDOFF: "accepted", APPROVAL: "approved"}
_STANDING: Final = frozenset({"waiting", *_CONSENT.values()})
"""The states of a ticket in which what was answered under it counts: nobody has closed it otherwise since."""
_DAY_S: Final = 86_400


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """Be what a judgement says of a proposal that has to wait: for what, under which ticket, until when.

    ``change`` opens that ticket, unless it is there already.
    """

    waits_for: WaitsFor
    ticket: str
    expires: int
    change: Emit


def ticket_id(proposal: str) -> str:
    """Return the id of the tickets of a proposal: its own, with signs that a record's id can have."""
    return proposal.replace("/", "~")


def keys_of(finding: Finding) -> list[str]:
    """Return what an answer to a finding is evidence for: a key for each subject on which it was met.

    It is the code and the subject, whether it asks or offers, the rule as it is worded now,
    and those who may answer: once a field belongs to others, the former owner's answer
    counts no more. No answer is evidence for what refuses.
    """
    terms = f"{finding.severity}|{finding.data.get('hash', '')}|{','.join(addressees(finding))}"
    return [f"{about}|{terms}" for about in _about(finding)]


def _about(finding: Finding) -> list[str]:
    return [f"{finding.code}|{subject}" for subject in finding.data.get("met") or [finding.subject or ""]]


def strongest(findings: Iterable[Finding]) -> Severity:
    """Return the strongest severity among findings; ``warn`` where there are none."""
    return STRENGTH[max((STRENGTH.index(finding.severity) for finding in findings), default=0)]


def addressees(finding: Finding) -> list[str]:
    """Return to whom a finding is to be put: agents or roles; empty for anyone who may answer."""
    named = finding.data.get("to") or finding.data.get("owners") or []
    return [named] if isinstance(named, str) else list(named)


def wait(
    proposal: Proposal,
    caller: Caller,
    content: bytes,
    findings: Sequence[Finding],
    subjects: Iterable[Ref],
    now_us: int,
    terms: Mapping[str, Any] | None = None,
) -> Waiting:
    """Return what a proposal has to wait for: the strongest of its findings, as many as one answer can settle.

    ``terms`` are what a ticket of its kind says besides, or instead.
    """
    severity = strongest(findings)
    group, to = _answerable([finding for finding in findings if finding.severity == severity])
    waits_for = WAITS_FOR[severity]
    expires = _expiry(proposal, group, now_us)
    data: dict[str, Any] = {
        "proposal": proposal.id,
        "content": content.hex(),
        "known": caller.known,
        "key": caller.key,
        "to": to,
        "subjects": ["/".join(ref) for ref in subjects][: limits.TICKET_SUBJECTS],
        "action": proposal.action,
        "reason": proposal.reason,
        "summary": summary_of(proposal.changes, proposal.effects),
        "findings": [key for finding in group for key in keys_of(finding)],
        "priority": max([proposal.priority, *(finding.data.get("priority", 0) for finding in group)]),
        "expires_at": format_time(expires),
    }
    if severity == "ask":
        data |= _escalation(group, now_us)
    data |= terms or {}
    kind = KIND_OF[waits_for]
    ticket = f"{kind}/{ticket_id(proposal.id)}"
    given = {name: value for name, value in data.items() if value is not None}
    return Waiting(waits_for, ticket, expires, Emit(ticket, OPENING[kind], given))


def _answerable(findings: Sequence[Finding]) -> tuple[list[Finding], list[str]]:
    """Return the findings that one answer can settle, with those who may give it: who may answer each of them."""
    group, to, count = [findings[0]], addressees(findings[0]), len(keys_of(findings[0]))
    for finding in findings[1:]:
        both = _shared(to, addressees(finding), finding.severity)
        if both is not None and count + len(keys_of(finding)) <= limits.TICKET_FINDINGS:
            group.append(finding)
            to, count = both, count + len(keys_of(finding))
    return group, to


def _shared(to: list[str], others: list[str], severity: Severity) -> list[str] | None:
    """Return who is among both, or None. For a turn one waits for all who are named, so they must be the same."""
    if to == others:
        return to
    if severity == "queue":
        return None
    if not to or not others:
        return to or others
    return [name for name in to if name in others] or None


def _escalation(findings: Sequence[Finding], now_us: int) -> dict[str, Any]:
    """Return from when on, and by whom else, an approval may be given; nothing unless all who ask say the same."""
    told = [_escalates(finding) for finding in findings]
    if told[0] is None or any(one is None or one[1] != told[0][1] for one in told):
        return {}
    after_s = max(one[0] for one in told if one is not None)
    return {"escalates_at": format_time(now_us + after_s * SECOND_US), "escalates_to": told[0][1]}


def _escalates(finding: Finding) -> tuple[int, list[str]] | None:
    """Return after how many seconds a finding may be answered by others too, and by whom: none for any human."""
    data = finding.data
    if not {"escalate_to", "escalate_after_s"} & data.keys():
        return None
    named = data.get("escalate_to") or []
    return int(data.get("escalate_after_s") or limits.ESCALATION_S), [named] if isinstance(named, str) else list(named)


def _expiry(proposal: Proposal, findings: Iterable[Finding], now_us: int) -> int:
    """Return when waiting ends: at the earliest of what the rules, the proposer and the limits say."""
    spans = [int(span) for finding in findings if (span := finding.data.get("expires_s"))]
    if proposal.wait_s is not None:
        spans.append(proposal.wait_s)
    if not spans and proposal.wait_until is None:
        spans.append(limits.WAIT_S)
    times = [now_us + min([*spans, limits.WAIT_DAYS * _DAY_S]) * SECOND_US]
    times += [time for time in (proposal.wait_until, proposal.not_after) if time is not None]
    return max(min(times), now_us + 1)


def summary_of(changes: Sequence[AnyChange], effects: Sequence[Effect] = ()) -> str:
    """Return in a few words what changes would do, and which effects are wanted.

    >>> summary_of([Emit("ticket/1", "Closed")], [Effect("email", "customer/acme")])
    'effect email to customer/acme; emit Closed on ticket/1'
    """
    wanted = [f"effect {one.name}" + (f" to {one.target}" if one.target else "") for one in effects]
    told = [*wanted, *map(_describe, changes)]
    shown = told[:_SHOWN]
    more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return ("; ".join(shown) + more)[: limits.REASON_CHARS] or "no change of a record"


def _describe(change: AnyChange) -> str:
    if isinstance(change, Emit):
        return f"emit {change.event} on {change.record}"
    fields: dict[str, Any] = getattr(change, "fields", {})
    names = f" ({listed(list(fields))})" if fields else ""
    return f"{type(change).__name__.lower()} {change.record}{names}"


# -- what became of a ticket


def tickets_of(proposal: str, view: View) -> list[RecordState]:
    """Return the tickets that a proposal ever had, one of a kind."""
    refs = [(kind, ticket_id(proposal)) for kind in WAITS_OF if kind in view.kind_revisions]
    return [state for ref in refs if (state := view.record(ref)).version]


def evidence_of(proposal: str, content: bytes, view: View) -> frozenset[str]:
    """Return the keys of the findings that have been answered for just this proposal."""
    standing = [state for state in tickets_of(proposal, view) if _stands(state, content)]
    return frozenset(key for state in standing for key in state.values.get("satisfied", ()))


def consents_to(proposal: str, content: bytes, view: View) -> list[Finding]:
    """Return, as findings for the record, who has accepted or approved a proposal (S21)."""
    found: list[Finding] = []
    for state in tickets_of(proposal, view):
        names: list[str] = list(dict.fromkeys(state.values.get("consenting", ())))
        if names and _stands(state, content):
            word = _CONSENT[state.kind]
            why = f": {quote(state.values['answer'])}" if state.values.get("answer") else "."
            message = f"{word.capitalize()} by {listed(names)}{why}"
            found.append(Finding(f"ticket.{word}", message, state.ref, severity="warn", data={"by": names}))
    return found


def _stands(ticket: RecordState, content: bytes) -> bool:
    return ticket.values["content"] == content.hex() and ticket.values["state"] in _STANDING


def outdated(ticket: RecordState, findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that a ticket was about, and which read otherwise by now: another owner, another rule."""
    about = {"|".join(key.split("|")[:2]) for key in ticket.values["findings"]}
    return [finding for finding in findings if finding.severity != "warn" and not about.isdisjoint(_about(finding))]


def caller_of(ticket: RecordState) -> Caller:
    """Return who proposed what waits, as it was known then."""
    known: Known = ticket.values["known"]
    return Caller(ticket.values["agent"], known, ticket.values.get("key"))


def is_waiting(ticket: RecordState, now_us: int) -> bool:
    """Tell whether a ticket is open: neither answered nor expired."""
    return ticket.values["state"] == "waiting" and parse_time(ticket.values["expires_at"]) > now_us


def pending_decision(decision: Decision, ticket: RecordState) -> Decision:
    """Return the answer to a proposal that waits under a ticket."""
    waits_for = WAITS_OF[ticket.kind]
    expires = parse_time(ticket.values["expires_at"])
    return msgspec.structs.replace(
        decision,
        outcome="pending",
        revision=max(decision.revision, ticket.revision),
        waits_for=waits_for,
        ticket=ticket.ref,
        expires=expires,
        next=next_of(waits_for, ticket.ref, expires, ticket.values.get("to", [])),
    )


def next_of(waits_for: WaitsFor, ticket: str, expires: int, to: Sequence[str]) -> str:
    """Return what to do while a proposal waits."""
    whom = f" to {listed(to)}" if waits_for == "owner" else f" ({listed(to)})" if to else ""
    return f"It {_VERB[waits_for]}{whom} until {format_time(expires)}: wait for {ticket}, or withdraw it."


def closed_finding(ticket: RecordState, now_us: int) -> Finding:
    """Return why what waited will not be done: declined, denied, withdrawn, expired."""
    values = ticket.values
    state = "expired" if values["state"] == "waiting" else values["state"]
    by = f" by {values['closed_by']}" if values.get("closed_by") and state != "expired" else ""
    why = f": {quote(values['answer'])}" if values.get("answer") else "."
    return Finding(
        f"ticket.{state}",
        f"{ticket.ref} was {state}{by}{why}" if state != "expired" else f"{ticket.ref} expired unanswered.",
        subject=ticket.ref,
        remedy="Look again; if it still makes sense, propose it anew under a new id.",
    )


def live_decision(decision: Decision, content: bytes, view: View) -> Decision:
    """Return what became of a proposal that was answered ``pending`` (S7): the state that its tickets have now."""
    tickets = [state for state in tickets_of(decision.id, view) if state.values["content"] == content.hex()]
    joined = _joined(decision, view)
    waiting = [state for state in (*joined, *tickets) if is_waiting(state, view.now_us)]
    if waiting:
        return pending_decision(decision, waiting[-1])
    # One that was answered in favour of its proposal has not ended it: what came of that is told elsewhere.
    ended = [state for state in tickets if state.values["state"] != RESUMING[state.kind]] or joined
    if not ended:
        return decision
    last = max(ended, key=lambda state: state.revision)
    finding = closed_finding(last, view.now_us)
    return msgspec.structs.replace(decision, outcome="refused", findings=(finding,), next=finding.remedy or "")


def _joined(decision: Decision, view: View) -> list[RecordState]:
    """Return the ticket of another proposal that asks the same, under which this one waits or waited."""
    named = [one.subject for one in decision.findings if one.code == OPEN and one.subject is not None]
    return [view.record(refs.split(ticket)) for ticket in named]
