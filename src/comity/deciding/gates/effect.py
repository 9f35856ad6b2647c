"""May this be done outside, and only once?

What is pending or was delivered under the same key isn't wanted twice (S35). What an effect
concerns must be there, and what it needs to hold at its release must hold now too, once the
proposal is done: nobody should learn only then that it can't be.

Codes: ``effect.target``, ``effect.still``, ``effect.suspect``, ``effect.time``, ``effect.taken`` (a warning).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from comity.clock import parse_time
from comity.deciding.case import Case, withheld_from
from comity.deciding.effects import has_room, is_over, is_own, is_sharing, is_suspect, is_taken, ref_of, stills
from comity.deciding.expressions import ExpressionFailed, variable_name
from comity.deciding.readers import told_problem, told_source
from comity.deciding.subjects import shown_values, surroundings, values_of
from comity.deciding.view import Ref
from comity.model import refs
from comity.model.built_in import EFFECT
from comity.model.decisions import Finding
from comity.model.proposals import Effect, Emit
from comity.model.records import RecordState
from comity.model.texts import listed, quote

_PREFIX: Final = f"{EFFECT}/"
_TIMED: Final = frozenset({"expired", "released"})
_SHOWN: Final = 3


def judge(case: Case) -> Iterable[Finding]:
    """Return which effects can't be had, or are there already; and which are not for a deadline to end."""
    return _judge(case) if case.effects or case.emits else ()


def _judge(case: Case) -> Iterator[Finding]:
    for change in case.changes:
        if type(change) is Emit and change.record.startswith(_PREFIX) and change.event in _TIMED:
            yield from _timed(change.event, case.view.record(refs.split(change.record)), case)
    for effect in case.effects:
        yield from _target(effect, case)
        state = case.view.record(ref_of(effect, case.proposal))
        if is_own(state, case.proposal):
            continue  # It is being released: what must hold then is among what the release assumes.
        yield from _taken(effect, state, case)
        for still in stills(effect, case.compiled):
            yield from _still(effect, still, case)


def _timed(event: str, state: RecordState, case: Case) -> Iterator[Finding]:
    """Yield that it isn't the time for an effect to expire, or to be released any more."""
    if event == "expired" and is_suspect(state, case.view):
        yield Finding(
            "effect.suspect",
            f"{state.ref} was wanted before this base was restored: it may have been sent, and waits for a human.",
            state.ref,
            remedy="Find out, and have a human retry or cancel it.",
        )
    elif state.version and state.values["state"] == "held" and is_over(state, case.view) != (event == "expired"):
        told = "has not expired yet" if event == "expired" else "has expired: it was held up for too long"
        remedy = "Look at the record as it is now, then decide again."
        yield Finding("effect.time", f"{state.ref} {told}.", state.ref, remedy=remedy)


def _target(effect: Effect, case: Case) -> Iterator[Finding]:
    if effect.target is None:
        return
    state = _later(refs.split(effect.target), case)
    if not state.is_live:
        yield Finding(
            "effect.target",
            f"The effect {effect.name} concerns {effect.target}, which is {state.life}.",
            effect.target,
            remedy="Look again, decide again.",
        )


def _taken(effect: Effect, state: RecordState, case: Case) -> Iterator[Finding]:
    if not is_taken(state, case.view):
        return
    values = state.values
    is_unheard = _is_lost(state, case) or is_suspect(state, case.view)
    is_uncertain = is_unheard or bool(values.get("is_uncertain"))
    is_doubtful = is_unheard or values["state"] == "aside"
    told = {"effect": state.ref, "state": values["state"], "answer": values.get("answer")}
    other = _other(effect, state, case)
    yield Finding(
        "effect.taken",
        f"{effect.name} {_standing(state, case)}: {values['agent']} wanted it at {values['wanted_at']}.{other}"
        " It is not sent twice.",
        state.ref,
        severity="warn",
        remedy=_settling(state) if is_doubtful else _leaving(state, is_other=bool(other), case=case),
        data={name: value for name, value in told.items() if value} | ({"is_uncertain": True} if is_uncertain else {}),
    )


def _standing(state: RecordState, case: Case) -> str:
    """Return how what has the key stands."""
    values, same = state.values, "already under the same key"
    if is_suspect(state, case.view):
        return f"was wanted {same}, before this base was restored: it may have been sent"
    match values["state"]:
        case "delivered":
            answer = values.get("answer")
            return f"was delivered {same}" + (f" (answer: {quote(answer)})" if answer else "")
        case "aside":
            doubt = "; it may have been done" if values.get("is_uncertain") else ""
            return f"was tried {same}, and put aside ({quote(values.get('error') or 'given up')}{doubt})"
        case "sending" if _is_lost(state, case):
            return f"was begun {same}, and nothing was heard of it in time: it may have been done"
        case "sending":
            return f"is being sent {same}"
        case _:
            held_up = values.get("held_up")
            return f"is under way {same}" + (f", held up ({quote(held_up)})" if held_up else "")


def _is_lost(state: RecordState, case: Case) -> bool:
    """Tell whether the time is over in which something should have been heard of a try."""
    until = state.values.get("sending_until")
    return state.values["state"] == "sending" and until is not None and parse_time(until) <= case.view.now_us


def _other(effect: Effect, state: RecordState, case: Case) -> str:
    """Return in what the effect that has the key isn't the one that is wanted, as far as its agent may see."""
    known = state.values.get("data") or {}
    differing = {name for name in {*known, *effect.data} if known.get(name) != effect.data.get(name)}
    withheld = withheld_from(case.caller, case.compiled)
    named = sorted(differing if withheld is None else differing - withheld.effect(effect.name).marks.keys())
    if not named:
        return ""
    differs = f"carries something else than this one: {listed(named, _SHOWN)}"
    return f" It {differs}." if _is_own(state, case) else f" It is another agent's, and {differs}."


def _is_own(state: RecordState, case: Case) -> bool:
    return bool(state.values["agent"] == case.agent.name)


def _leaving(state: RecordState, *, is_other: bool, case: Case) -> str:
    """Return what to do about an effect that was delivered, or is on its way."""
    own = "give it a once=… of its own."
    is_told = state.is_live and (is_sharing(state, case.caller.agent) or has_room(state))
    if is_other and not _is_own(state, case):
        told = " Your inbox tells if it is cancelled." if is_told else ""
        return f"If yours is meant beside that one, {own} Else ask {state.values['agent']}.{told}"
    if state.values["state"] == "delivered":
        return f"Leave it at that; if it is meant another time, {own}"
    where = "your inbox tells if it is, and " if is_told else ""
    watch = f"It may still be cancelled: {where}'comity effects show {state.id}' tells what becomes of it."
    return f"Leave it at that. {watch} If it is meant another time, {own}"


def _settling(state: RecordState) -> str:
    """Return what to do about an effect of which nobody knows whether it will be done, or has been."""
    known = state.values["state"] == "aside" and not state.values.get("is_uncertain")
    doubt = "" if known else " Don't want it under another once=…: it might be done twice."
    return f"Have an operator look at it ('comity effects show {state.id}'), and retry or cancel it.{doubt}"


def _still(effect: Effect, still: str, case: Case) -> Iterator[Finding]:
    """Yield that what must hold at the release wouldn't even hold once the proposal is done."""
    expression = case.compiled.assumption(still)
    said = told_source(case.compiled.readers, still)
    states: dict[str, RecordState] = {}
    for name in sorted(expression.kinds):
        found = [ref for ref in case.subjects if variable_name(ref[0]) == name]
        if len(found) != 1:
            count = f"{len(found) or 'none'} of the subjects is a {name}"
            yield Finding(
                "effect.still",
                f"The effect {effect.name} is to be sent only if {said}, and {count}.",
                effect.target,
                remedy=f"Name the {name} that is meant as target, or among about=…",
            )
            return
        states[name] = _later(found[0], case)
    gone = [state for state in states.values() if not state.is_live]
    if gone:
        if gone[0].ref != effect.target:  # Of the target it is told already.
            yield _not_even_now(effect, said, f"{gone[0].ref} is {gone[0].life}", "Look again, decide again.")
        return
    roots = surroundings(case) | {name: values_of(state, case.compiled) for name, state in states.items()}
    try:
        if not expression.holds(roots):
            now = listed(shown_values(expression, states.values(), case), _SHOWN)
            yield _not_even_now(effect, said, f"now {now}" if now else "it does not hold even now", "Decide again.")
    except ExpressionFailed as error:
        problem = told_problem(case.compiled.readers, expression, error)
        yield _not_even_now(effect, said, f"it can't be judged: {problem}", "Write it so that it always can.")


def _not_even_now(effect: Effect, still: str, problem: str, remedy: str) -> Finding:
    message = f"The effect {effect.name} is to be sent only if {still}; {problem}."
    return Finding("effect.still", message, effect.target, remedy=remedy)


def _later(ref: Ref, case: Case) -> RecordState:
    return case.draft.states.get(ref) or case.view.record(ref)
