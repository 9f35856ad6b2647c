"""Effects: what a proposal wants done outside, by which key it is known again, and how its release is judged.

An effect is a record of ``$effect``, put there by the commit that wants it. Its id is made
of its key: effect, target and ``once`` (S35), so that whoever wants the same again finds
it. Its release is judged like a proposal of who wanted it, made at that moment: what the
commit rested on, rebased to the commit itself, must still be so (S34).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec

from comity import limits
from comity.clock import SECOND_US, format_time, parse_time
from comity.deciding.compiled import Compiled
from comity.deciding.overrides import InForce, Override, in_force
from comity.deciding.standstill import Overridden, put_off, within
from comity.deciding.view import Ref, View
from comity.model.built_in import EFFECT, OVERRIDE
from comity.model.decisions import Finding, Moved
from comity.model.definition import EffectDefinition
from comity.model.flows import run_of
from comity.model.proposals import AnyRead, Caller, Effect, Emit, Known, Proposal
from comity.model.records import RecordState
from comity.model.refs import is_built_in, split
from comity.model.texts import quote, show

LIFTED: Final = frozenset({"identity.paused", "override.frozen", "override.pinned"})
"""The codes of what holds an effect up until a human lifts it."""

_KEY_CHARS: Final = 24
_SHOWN: Final = 3
_PENDING: Final = frozenset({"held", "sending", "aside"})


def once_of(effect: Effect, proposal: Proposal) -> str:
    """Return what tells this wish for an effect from the next: what it says itself, or else its intent (S35)."""
    return effect.once or proposal.intent or proposal.id


def key_of(name: str, target: str | None, once: str, *, is_step: bool = False) -> str:
    """Return the key of an effect, which is the id of its record: made of meaning alone.

    What a workflow's step wants has keys of its own, so that nobody can take them first.

    >>> key_of("email", "customer/acme", "upsell-q4") == key_of("email", "customer/acme", "upsell-q4")
    True
    """
    meaning = "\0".join((name, target or "", once, *(["step"] if is_step else ())))
    return f"{name}~{sha256(meaning.encode()).hexdigest()[:_KEY_CHARS]}"


def ref_of(effect: Effect, proposal: Proposal) -> Ref:
    """Return the record of an effect that a proposal wants."""
    is_step = run_of(proposal.id) is not None
    return EFFECT, key_of(effect.name, effect.target, once_of(effect, proposal), is_step=is_step)


def declared(name: str, compiled: Compiled) -> EffectDefinition:
    """Return an effect as declared, or with the settings that hold for those that aren't."""
    effect = compiled.effects.get(name)
    return effect.definition if effect is not None else EffectDefinition(name=name)


def stills(effect: Effect, compiled: Compiled) -> list[str]:
    """Return what must hold at the release of an effect: as declared, and as whoever wants it says."""
    return [still for still in (declared(effect.name, compiled).still, effect.still) if still]


def is_taken(state: RecordState, view: View) -> bool:
    """Tell whether a key is taken: by what is pending, or was delivered not too long ago."""
    if not state.version or state.life == "deleted":
        return False
    if state.values["state"] in _PENDING:
        return not is_over(state, view)
    return state.values["state"] == "delivered" and parse_time(state.values["taken_until"]) > view.now_us


def is_over(state: RecordState, view: View) -> bool:
    """Tell whether the time of a pending effect is over, told or not (S6); a suspect one waits for a human (S1)."""
    return (
        state.is_live
        and state.values["state"] == "held"
        and not is_suspect(state, view)
        and _end_us(state) <= view.now_us
        and due_us(state, view) <= view.now_us
    )


def due_us(state: RecordState, view: View) -> int:
    """Return when a held effect is given up: its patience after it was due to be sent, and overrides stop it (S24).

    What is held up now counts as held until the override expires: lifted before, it is given up sooner.
    """
    since_us, end_us = parse_time(state.values["release_at"]), _end_us(state)
    if OVERRIDE not in view.kind_revisions:
        return end_us
    overridden = Overridden(since_us, view.find)
    spans = (overridden.span_of(override) for override in _holding(overridden.held, state, view))
    return put_off(end_us, (part for span in spans for part in within(span, (since_us, limits.INTEGER_MAX))))


def _end_us(state: RecordState) -> int:
    """Return when a held effect is given up where no override holds it up."""
    return parse_time(state.values["release_at"]) + state.values["patience_s"] * SECOND_US


def is_stopped(state: RecordState, view: View) -> bool:
    """Tell whether an override holds up an effect now."""
    return bool(_holding(in_force(view), state, view))


def _holding(held: InForce, state: RecordState, view: View) -> list[Override]:
    """Return which overrides stand against the release of an effect."""
    values = state.values
    agent, declared = view.agent(values["agent"]), view.compiled.agents.get(values["agent"])
    if values.get("key") is not None and (declared is None or declared.kind == "human"):
        return []  # A human who shows a key is let pass.
    found = [*held.freezes, *held.under(values.get("action")), *held.of(agent)]
    for record in values.get("subjects", ()) if held.has_pins else ():
        found += [one for one in held.on(split(record)) if one.holds == "record"]
    return found


def is_suspect(state: RecordState, view: View) -> bool:
    """Tell whether an effect was wanted before the base was restored, so that it may have been sent (S1)."""
    return state.is_live and state.values["incarnation"] != view.incarnation


def is_own(state: RecordState, proposal: Proposal) -> bool:
    """Tell whether the proposal is the very one that an effect is pending for: then its release is being judged."""
    return state.values.get("proposal") == proposal.id and state.values.get("state") in _PENDING


def wanting(
    effects: Iterable[Effect], proposal: Proposal, caller: Caller, subjects: Iterable[Ref], view: View
) -> Iterator[Emit]:
    """Yield what puts effects into the outbox that aren't there yet; ``subjects`` are what the proposal is about."""
    about = ["/".join(ref) for ref in subjects if not is_built_in(ref[0])][: limits.TICKET_SUBJECTS]
    for place, effect in enumerate(effects):
        ref = ref_of(effect, proposal)
        state = view.record(ref)
        if not is_taken(state, view):
            if is_over(state, view):
                yield Emit(state.ref, "expired")
            terms = _whose(place, proposal, caller) | _terms(effect, view) | {"subjects": about}
            terms["once"] = once_of(effect, proposal)
            yield Emit("/".join(ref), "wanted", {name: value for name, value in terms.items() if value is not None})
        elif state.is_live and not is_sharing(state, caller.agent) and has_room(state):
            yield Emit(state.ref, "shared")


def is_sharing(effect: RecordState, agent: str) -> bool:
    """Tell whether an agent is told if a pending effect isn't sent: who wants it, or wants the same."""
    return agent == effect.values["agent"] or agent in (effect.values.get("sharers") or ())


def has_room(effect: RecordState) -> bool:
    """Tell whether one more who wants the same can be told."""
    return len(effect.values.get("sharers") or ()) < limits.EFFECT_SHARERS


def _whose(place: int, proposal: Proposal, caller: Caller) -> dict[str, Any]:
    return {
        "known": caller.known,
        "key": caller.key,
        "proposal": proposal.id,
        "place": place,
        "action": proposal.action,
        "reason": proposal.reason,
    }


def _terms(effect: Effect, view: View) -> dict[str, Any]:
    settings = declared(effect.name, view.compiled)
    release_us = view.now_us + round(max(settings.hold_s, effect.hold_s or 0) * SECOND_US)
    claimed_us = release_us + limits.CLAIM_S * SECOND_US if effect.claim and release_us == view.now_us else None
    return {
        "effect": effect.name,
        "target": effect.target,
        "data": effect.data or None,
        "still": stills(effect, view.compiled),
        "incarnation": view.incarnation,
        "revision": view.revision + 1,
        "release_at": format_time(release_us),
        "claimed_until": format_time(claimed_us) if claimed_us is not None else None,
        "expires_at": format_time(release_us + settings.patience_s * SECOND_US),
        "patience_s": settings.patience_s,
        "attempts_most": settings.attempts if claimed_us is None else 1,
        "taken_until": format_time(release_us + settings.window_s * SECOND_US),
    }


def told_of(states: Iterable[RecordState], proposal: str) -> str | None:
    """Return what is to be told of the effects that a proposal has just put into the outbox; None for none."""
    wanted = [state for state in states if state.kind == EFFECT and state.values.get("proposal") == proposal]
    told = [_held(state) for state in wanted if state.values["state"] == "held"]
    more = f" And {len(told) - _SHOWN} more." if len(told) > _SHOWN else ""
    return f"{' '.join(told[:_SHOWN])}{more}" if told else None


def _held(state: RecordState) -> str:
    values = state.values
    what = f"{values['effect']} to {values['target']}" if values.get("target") else values["effect"]
    return f"{what} is held until {values['release_at']}; it is judged again then."


# -- release

_RELEASE: Final = "release~"


def release_id(effect: RecordState) -> str:
    """Return by which id the release of an effect is known to those who are asked about it: all its tries have it.

    Nobody can have used it up, as ids with a ``~`` are Comity's own.
    """
    return f"{_RELEASE}{effect.id}~{effect.values['wanted_in']}"


def released_under(proposal: str) -> tuple[str, int] | None:
    """Return the id of the effect whose release an id names, and the revision that wanted it; None for another id.

    >>> released_under("release~email~2f1c~17"), released_under("p1")
    (('email~2f1c', 17), None)
    """
    if not proposal.startswith(_RELEASE):
        return None
    effect, _, revision = proposal.removeprefix(_RELEASE).rpartition("~")
    return effect, int(revision)


def caller_of(effect: RecordState) -> Caller:
    """Return who wanted an effect, as it was known then."""
    known: Known = effect.values["known"]
    return Caller(effect.values["agent"], known, effect.values.get("key"))


def release_of(proposal: Proposal, effect: RecordState, reads: Iterable[AnyRead], compiled: Compiled) -> Proposal:
    """Return what is judged for a release: the proposal that wants it, without its changes, on reads of its own commit.

    What it assumed held before its changes (S15), so that only ``still`` is asked now: as it
    was declared when the effect was wanted, and as it is by now.
    """
    wanted = proposal.effects[effect.values["place"]]
    still = dict.fromkeys([*effect.values.get("still", ()), *stills(wanted, compiled)])
    return msgspec.structs.replace(
        proposal,
        changes=(),
        reads=tuple(reads),
        assumptions=tuple(still),
        about=tuple(dict.fromkeys([*proposal.about, *_records(proposal)])),
        effects=(wanted,),
        accept=None,
        cause=None,
        not_after=None,
        incarnation=None,
        if_held="refuse",
        if_foreign="refuse",
        wait_until=None,
        wait_s=None,
        leases={},
    )


def _records(proposal: Proposal) -> Iterator[str]:
    """Yield the records that a proposal changed: whatever they are about, the release is about them too (S28)."""
    for change in proposal.changes:
        if not is_built_in(change.record):
            yield change.record


def is_held_up(findings: Iterable[Finding]) -> bool:
    """Tell whether what stands in the way of a release may pass: then the effect waits on, and isn't cancelled."""
    refusals = [finding for finding in findings if finding.severity == "refuse"]
    return all(finding.code in LIFTED or finding.code == "lease.held" for finding in refusals)


def why_not(findings: Iterable[Finding]) -> str:
    """Return in a few sentences what stands in the way of a release, the strongest first."""
    met = [finding for finding in findings if finding.severity != "warn"]
    met.sort(key=lambda finding: finding.severity != "refuse")
    return " ".join(map(_told, met))[: limits.EFFECT_ANSWER_CHARS]


def _told(finding: Finding) -> str:
    untold = finding.data.get("untold", ())
    moved = "; ".join([_shown(one, is_told=one.field not in untold) for one in finding.moved[:_SHOWN]])
    return f"{finding.subject}: {moved}." if moved else finding.message


def _shown(moved: Moved, *, is_told: bool) -> str:
    why = f": {quote(moved.reason)}" if moved.reason else ""
    what = f"was {show(moved.was)}, now {show(moved.now)}" if is_told else "has changed"
    return f"{moved.field} {what}, by {moved.by}{why}"


def retrying(effect: RecordState, incarnation: str, now_us: int) -> Emit:
    """Return the transition by which a human has an effect tried again, in the present life of the base."""
    expires_at = format_time(now_us + effect.values["patience_s"] * SECOND_US)
    return Emit(effect.ref, "retried", {"incarnation": incarnation, "expires_at": expires_at})


def halting(effect: RecordState, findings: Iterable[Finding], asks: str | None = None) -> Mapping[str, Any] | None:
    """Return what the transition ``halted`` carries, or None where the outbox says so already.

    ``asks`` tells who is asked about it.
    """
    told = why_not(findings)
    held_up = f"{told} {asks}"[: limits.EFFECT_ANSWER_CHARS] if asks is not None else told
    known: str | None = effect.values.get("held_up")
    return None if known is not None and _gist(known) == _gist(held_up) else {"held_up": held_up}


def _gist(told: str) -> str:
    """Return what a text says apart from its figures: how long a lease has still to go is no news."""
    return "".join(char for char in told if not char.isdigit())
