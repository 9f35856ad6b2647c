"""Does someone else hold it, and is the proposer's own lease still good (S33)?

Reading is free. What counts is what would change: a field, or the life, of a record that
another agent holds, commutative changes and what is derived included; and what an effect concerns. Nobody has to take
a lease in order to write; but who writes under one shows its fencing token, and is refused
once that is no longer current, whoever has the record by then. Whether a lease may be
taken is found while drafting (:mod:`comity.deciding.leasing`).

Codes: ``lease.held``, ``lease.lapsed``; of a lease that is being taken or broken also
``lease.subject``, ``lease.hold``, ``lease.unbreakable``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from typing import Final

from msgspec.structs import replace

from comity import limits
from comity.deciding.case import Case
from comity.deciding.complaints import unknown_name
from comity.deciding.leasing import held, lapsed
from comity.deciding.lines import NAMED, Line, Place, key_of, line_of, places_of, subject_of, token_of
from comity.deciding.operators import is_operator
from comity.deciding.view import Ref
from comity.errors import InvalidReference
from comity.model import refs
from comity.model.built_in import LEASE
from comity.model.decisions import Finding
from comity.model.flows import run_of
from comity.model.proposals import Emit
from comity.model.records import LIFE
from comity.model.texts import suggestion

_PREFIX: Final = f"{LEASE}/"
_TAKING: Final = frozenset({"taken", "joined"})


def judge(case: Case) -> Iterable[Finding]:
    """Return what others hold of what would change, and which of the proposer's own leases have lapsed."""
    return _judge(case) if case.emits or case.proposal.leases or LEASE in case.view.kind_revisions else ()


def _judge(case: Case) -> Iterator[Finding]:
    if case.proposal.leases:
        yield from _tokens(case)
    if LEASE in case.view.kind_revisions:
        yield from _held(case)
    for change in case.changes:
        if type(change) is Emit and change.record.startswith(_PREFIX):
            yield from _transition(change, case)


# -- what others hold


def _held(case: Case) -> Iterator[Finding]:
    for ref in dict.fromkeys((*case.draft.states, *map(refs.split, case.targets))):
        if refs.is_built_in(ref[0]):
            continue
        state = case.view.record((LEASE, f"{ref[0]}~{ref[1]}"))
        if state.is_live:
            yield from _met(line_of(state, case.view.now_us, case.view.renewal), ref, case)


def _met(line: Line, ref: Ref, case: Case) -> Iterator[Finding]:
    others = [place for place in line.holders if not _is_own(place, case)]
    if not others:
        return
    changed = None if "/".join(ref) in case.targets else _changed(ref, case)
    met = [place for place in others if place.covers(changed)]
    if met:
        finding = held("/".join(ref), met, line)
        yield replace(finding, severity=case.proposal.if_held, remedy=_remedy(met, case))


def _changed(ref: Ref, case: Case) -> Set[str] | None:
    """Return the fields of a record that would change; None, for all, where its life does."""
    was = case.draft.was.get(ref, {})
    return None if LIFE in was else was.keys()


def _remedy(places: list[Place], case: Case) -> str:
    if case.proposal.if_held == "queue":
        return "It waits for its turn."
    if any(_may_break(place, case) for place in places):
        return "Wait, or end the lease with 'comity leases break', saying why."
    return "Take a place in line (lease with wait=…), or have the change wait with if_held='queue'."


# -- the proposer's own leases


def _tokens(case: Case) -> Iterator[Finding]:
    tokens = case.proposal.leases
    if len(tokens) > limits.LEASE_SUBJECTS:
        message = f"It shows {len(tokens)} fencing tokens; {limits.LEASE_SUBJECTS} are the most."
        yield Finding("shape.too_large", message, remedy="Show those of the records that it writes.")
        return
    for subject, token in tokens.items():
        try:
            state = case.view.record((LEASE, key_of(subject)))
        except InvalidReference as error:
            yield _no_subject(subject, f"{error}")
            continue
        line = line_of(state, case.view.now_us, case.view.renewal)
        if not any(_is_shown(place, token, case) for place in line.holders):
            yield lapsed(subject, line)


def _is_shown(place: Place, token: str, case: Case) -> bool:
    return _is_own(place, case) and token == token_of(case.view.incarnation, place)


def _is_own(place: Place, case: Case) -> bool:
    """Tell whether it is the proposer's own lease, or that of the workflow whose step it does."""
    if case.caller.known == "workflow" and place.agent == refs.SYSTEM_AGENT:
        return place.hold == run_of(case.proposal.id)
    return place.agent == case.agent.name


# -- leases that are being taken or broken


def _transition(change: Emit, case: Case) -> Iterator[Finding]:
    key = change.record.removeprefix(_PREFIX)
    if change.event == "broken":
        yield from _broken(key, change, case)
    elif change.event in _TAKING:
        yield from _subject(subject_of(key), change, case)
        if refs.is_system_id(change.data["hold"]) and case.caller.known != "system":
            message = f"{change.data['hold'][:80]!r} is the id of a workflow's hold, not of an agent's."
            yield Finding("lease.hold", message, subject_of(key), remedy="Leave hold out, or name one without a '~'.")


def _broken(key: str, change: Emit, case: Case) -> Iterator[Finding]:
    for place in places_of(case.view.record((LEASE, key)).values):
        if place.hold == change.data["hold"] and not _may_break(place, case):
            allowed = f"humans with a key{''.join(f' and {one}' for one in place.breakable_by)}"
            message = f"{case.agent.name!r} may not end the lease of {place.agent} on {subject_of(key)}: {allowed} may."
            yield Finding("lease.unbreakable", message, subject_of(key), remedy="Wait, or ask a human.")


def _may_break(place: Place, case: Case) -> bool:
    """Tell whether the proposer is a human with a key (or stands in for one), or listed by the lease (S33)."""
    is_listed = case.agent.name in place.breakable_by or case.agent.role in place.breakable_by
    return is_listed or is_operator(case)


def _subject(subject: str, change: Emit, case: Case) -> Iterator[Finding]:
    """Yield why there is nothing of that name to be leased: no such kind or field, or one of Comity's own."""
    if subject.startswith(NAMED):
        return
    ref = refs.parse(subject)
    if ref is None or refs.is_built_in(ref[0]):
        yield _no_subject(subject, f"{subject[:80]!r} is no record of yours and no name:…")
        return
    compiled = case.compiled
    kind = compiled.kinds.get(ref[0])
    if kind is not None:
        names = [name for name in change.data.get("fields", ()) if name not in kind.fields]
        yield from (unknown_name(subject, name, kind.fields) for name in names)
    elif compiled.has_declared_kinds and compiled.definition.undeclared == "refuse":
        hint = suggestion(compiled.suggest_kind(ref[0])) or "."
        yield _no_subject(subject, f"{ref[0]!r} is no declared kind{hint}")


def _no_subject(subject: str, problem: str) -> Finding:
    remedy = "Lease a record (kind/id), or a name on which you agree (name:printer)."
    return Finding("lease.subject", problem if problem.endswith(("?", ".")) else f"{problem}.", subject, remedy=remedy)
