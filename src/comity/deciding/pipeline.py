"""From a proposal to a judgement: ask every gate, sum up by the strongest finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from comity import limits
from comity.clock import parse_time
from comity.deciding import edges, repeats, shadow, tickets, turns
from comity.deciding.case import Case, identify
from comity.deciding.drafts import DraftEvent
from comity.deciding.effects import told_of
from comity.deciding.fold import draft
from comity.deciding.gates import AFTER_DRAFT, BEFORE_DRAFT
from comity.deciding.tickets import Waiting
from comity.deciding.view import Missing, Ref, TooBroad, View
from comity.errors import StoreError
from comity.model import refs
from comity.model.codec import encode
from comity.model.decisions import CONFLICTS, NOTHING_NEXT, Finding, Outcome, Severity
from comity.model.definition import AgentDefinition
from comity.model.proposals import Caller, Proposal
from comity.model.records import RecordState
from comity.model.texts import show, tokens

_MOVED_WHEN_CUT: Final = 10
_NEXT_TOKENS: Final = limits.ANSWER_TOKENS * 2 // 5
"""Of two remedies; the rest of an answer is for what was found."""
_IN_LINE: Final = "with a place in line, as others keep being faster: in_line='30s', or a lease with wait=…."


class Judgement(msgspec.Struct, frozen=True, gc=False):
    """Be what the gates say of a proposal, and what it would do if it is let through."""

    outcome: Outcome
    agent: AgentDefinition
    findings: tuple[Finding, ...]
    events: tuple[DraftEvent, ...]
    states: Mapping[Ref, RecordState]
    next: str
    waiting: Waiting | None = None
    retry_when: str | None = None


def judge(
    proposal: Proposal, caller: Caller, view: View, *, content: bytes = b"", evidence: frozenset[str] = frozenset()
) -> Judgement:
    """Return the judgement of a proposal on a view.

    ``content`` is its digest, by which what waits is known; findings whose keys are among
    the ``evidence`` have been answered, and don't stand in its way any more (S21).

    Raises StoreError where a fact can't be had for now. A gate that fails otherwise
    refuses this proposal, and it alone (S3).
    """
    view.asked = 0
    case = Case(proposal, caller, view)
    try:
        findings = _settled(_ask(case), evidence, case)
    except (Missing, StoreError):
        raise
    except TooBroad:
        return _refusal(_too_broad(), caller, view)
    except Exception as error:  # noqa: BLE001 - whatever a check does, only this proposal may suffer
        return unjudgeable(error, caller, view)
    if findings and (severity := tickets.strongest(findings)) != "warn":
        return _stop(severity, case, findings, content)
    drafted = case.draft
    said = _bounded(findings) if findings else ()
    wanted = told_of(drafted.states.values(), case.proposal.id) if case.effects else None
    move = NOTHING_NEXT if wanted is None else f"{NOTHING_NEXT} {wanted}"
    return Judgement("committed", case.agent, said, tuple(drafted.events), drafted.states, move)


def _stop(severity: Severity, case: Case, findings: list[Finding], content: bytes) -> Judgement:
    """Return the judgement of what doesn't commit now: it is refused, or waits."""
    said = _bounded(findings if case.proposal.accept is None else [_refused_again(one) for one in findings])
    if severity == "refuse" or severity == "defer" or _is_transition(case):
        deferred = [finding for finding in findings if severity == "defer" == finding.severity]
        retry_when = next((until for finding in deferred if (until := finding.data.get("until"))), None)
        return Judgement("refused", case.agent, said, (), {}, next_move(said), retry_when=retry_when)
    terms = turns.terms_of(case, findings) if severity == "queue" else repeats.terms_of(case)
    waiting = tickets.wait(case.proposal, case.caller, content, findings, case.subjects, case.view.now_us, terms)
    known = repeats.open_question(waiting, case) if severity != "queue" else None
    if known is not None:
        return _join(known, case, waiting, said)
    opened = draft([waiting.change], case.agent, case.view)
    if opened.findings:
        return Judgement("refused", case.agent, tuple(opened.findings), (), {}, next_move(opened.findings))
    move = tickets.next_of(waiting.waits_for, waiting.ticket, waiting.expires, waiting.change.data["to"])
    return Judgement("pending", case.agent, said, tuple(opened.events), opened.states, move, waiting)


def _join(known: RecordState, case: Case, waiting: Waiting, said: tuple[Finding, ...]) -> Judgement:
    """Return the judgement of what waits under the ticket of another proposal, which asks the same."""
    expires = parse_time(known.values["expires_at"])
    joined = msgspec.structs.replace(waiting, ticket=known.ref, expires=expires)
    move = tickets.next_of(joined.waits_for, known.ref, expires, known.values["to"])
    told = repeats.told_of(known)
    return Judgement("pending", case.agent, (told, *said), (), {}, f"{move} {told.message}", joined)


def _refused_again(finding: Finding) -> Finding:
    """Return what has moved since a repair saw it with the advice that keeps the next one from losing as well."""
    if finding.code not in CONFLICTS:
        return finding
    remedy = f"{(finding.remedy or '').removesuffix('.')}, {_IN_LINE}"
    return msgspec.structs.replace(finding, remedy=remedy, data=finding.data | {"again": True})


def _is_transition(case: Case) -> bool:
    """Tell whether a proposal changes a record of Comity's own: what answers a ticket can't wait under one.

    What ends a step of a workflow answers none: it waits together with the step.
    """
    return case.caller.known != "workflow" and any(refs.is_built_in(change.record) for change in case.changes)


def _settled(findings: list[Finding], evidence: frozenset[str], case: Case) -> list[Finding]:
    """Return findings without those that have been answered, and with what all other waits say of this one (S31)."""
    if evidence:
        findings = [finding for finding in findings if not evidence.issuperset(tickets.keys_of(finding))]
    if case.effects:
        findings = repeats.unasked(findings, case)
    severity = tickets.strongest(findings) if findings else "warn"
    if severity == "warn":
        return [*findings, *edges.judge_waits(case)] if case.emits else findings
    return findings if severity == "refuse" else edges.settle(case, findings, severity)


def _bounded(findings: list[Finding]) -> tuple[Finding, ...]:
    """Return findings within the limits of an answer."""
    if len(findings) > limits.FINDINGS_PER_DECISION:
        findings = _shorten(findings)
    if findings and len(encode(findings)) > limits.ANSWER_BYTES:
        findings = [*map(_cut, findings[:-1]), _cut(findings[-1], limits.ANSWER_BYTES)]
    return tuple(findings)


def _ask(case: Case) -> list[Finding]:
    findings: list[Finding] = []
    for gate in BEFORE_DRAFT:
        findings += gate(case)
    if case.is_well_formed:
        for gate in AFTER_DRAFT:
            findings += gate(case)
    return shadow.let_pass(findings, case) if findings else findings


def unjudgeable(error: Exception, caller: Caller, view: View) -> Judgement:
    """Return the refusal of a proposal on which judging itself failed."""
    finding = Finding(
        "shape.unjudgeable",
        f"A check failed on this proposal: {type(error).__name__}: {str(error)[:200]}.",
        remedy="Propose something else, and report this: it is a fault of Comity.",
    )
    return _refusal(finding, caller, view)


def _too_broad() -> Finding:
    return Finding(
        "shape.too_broad",
        f"Judging it would take a look at more than {limits.FACTS_PER_PROPOSAL} records and events.",
        remedy="Split it into smaller proposals, or read and refer to less.",
    )


def _refusal(finding: Finding, caller: Caller, view: View) -> Judgement:
    return Judgement("refused", identify(caller, view.compiled), (finding,), (), {}, next_move([finding]))


def _shorten(findings: list[Finding]) -> list[Finding]:
    kept = sorted(findings, key=lambda finding: finding.severity == "warn")[: limits.FINDINGS_PER_DECISION - 1]
    message = f"There are {len(findings) - len(kept)} more findings."
    return [*kept, Finding("shape.too_large", message, severity=kept[0].severity, remedy="Mend these first.")]


def _cut(finding: Finding, said: int | None = None) -> Finding:
    """Return a finding with its values cut for a sentence, as all of them together would be too large an answer."""
    note = f" Values are cut: the whole answer would have more than {said} bytes." if said else ""
    moved = tuple(
        msgspec.structs.replace(one, was=show(one.was), now=show(one.now)) for one in finding.moved[:_MOVED_WHEN_CUT]
    )
    message = finding.message[: limits.REASON_CHARS] + note
    data = {key: finding.data[key] for key in ("shadow",) if key in finding.data}
    return msgspec.structs.replace(finding, message=message, moved=moved, unchanged=finding.unchanged[:10], data=data)


def next_move(findings: Sequence[Finding]) -> str:
    """Return what to do about what was found, in a sentence or two.

    What can be mended in the proposal comes before what must be decided again.
    """
    refusals = [finding for finding in findings if finding.severity != "warn"] if findings else ()
    if not refusals:
        return NOTHING_NEXT
    ordered = sorted(refusals, key=lambda finding: bool(finding.moved))
    remedies = list(dict.fromkeys(finding.remedy for finding in ordered if finding.remedy))[:2]
    both = " ".join(remedies)
    return (both if tokens(both) <= _NEXT_TOKENS else remedies[0]) or "Propose something else."
