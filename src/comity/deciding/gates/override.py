"""Does a human hold this?

A freeze and a pinned action are found without a look at what the proposal would do; pins
of records, fields and values only where something would change. What is written to a
field whose value is pinned must be that value. A record that isn't there can't be made
while it or a field of it is pinned, and while a value is, only with that value. That an
agent is paused is found by ``identity``, from the same overrides. Humans are warned, and
pass (S24).

Codes: ``override.pinned``, ``override.frozen``; of an override that is being set
``override.unknown``, ``override.human``, ``override.expiry``, ``override.no_reason``,
``override.too_many``, ``override.nothing_there`` (a warning).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec.structs import replace

from comity import limits
from comity.clock import SECOND_US, format_age, format_left, parse_time
from comity.deciding.case import Case
from comity.deciding.overrides import InForce, Override, in_force
from comity.deciding.view import Ref
from comity.deciding.yielding import OPENING, finding, still_works
from comity.model import refs
from comity.model.built_in import OVERRIDE
from comity.model.decisions import Finding
from comity.model.proposals import Emit
from comity.model.records import LIFE, RecordState
from comity.model.texts import suggestion
from comity.model.values import same

_PREFIX: Final = f"{OVERRIDE}/"
_MOST_US: Final = limits.OVERRIDE_DAYS * 86_400 * SECOND_US


def judge(case: Case) -> Iterable[Finding]:
    """Return each override that the proposal meets, and what is wrong with those that it sets."""
    return _judge(case) if case.emits or OVERRIDE in case.view.kind_revisions else ()


def _judge(case: Case) -> Iterator[Finding]:
    if OVERRIDE in case.view.kind_revisions and case.caller.known != "system" and not still_works(case):
        yield from _met(in_force(case.view), case)
    for change in case.changes:
        if type(change) is Emit and change.record.startswith(_PREFIX) and change.event in OPENING:
            yield from _set(change, case)


# -- overrides that are there


def _met(held: InForce, case: Case) -> Iterator[Finding]:
    for override in held.freezes:
        yield finding("override.frozen", override, case)
    for override in held.under(case.proposal.action):
        yield finding("override.pinned", override, case)
    if not held.has_pins:
        return
    if not case.changes:
        yield from _announced(held, case)
        return
    for target in dict.fromkeys(case.targets):
        yield from (
            finding("override.pinned", one, case) for one in held.on(refs.split(target)) if one.holds == "record"
        )
    for ref, state in case.draft.states.items():
        for override in held.on(ref):
            if (subject := _touched(override, state, case)) is not None:
                yield finding("override.pinned", override, case, subject)


def _announced(held: InForce, case: Case) -> Iterator[Finding]:
    """Yield the pins on what a proposal without changes is about: of fields as warnings, as it may not want these."""
    for ref in case.subjects:
        for override in held.on(ref):
            said = finding("override.pinned", override, case)
            yield said if override.holds == "record" else replace(said, severity="warn")


def _touched(override: Override, state: RecordState, case: Case) -> str | None:
    """Return what of a pin a proposal would change, or None."""
    revision = case.view.revision + 1
    if override.field is None:
        return state.ref
    name = override.field
    if not state.is_live and state.blame.get(LIFE) == revision:
        return state.ref
    is_made = not case.view.record((state.kind, state.id)).exists
    if state.blame.get(name) != revision and not is_made:
        return None
    if override.holds == "value" and same(state.values.get(name), _pinned_value(override, (state.kind, name), case)):
        return None
    return state.ref if is_made else f"{state.ref}.{name}"


def _pinned_value(override: Override, place: Ref, case: Case) -> Any:
    """Return the value that may be written, in the form that records hold."""
    field = case.kind(place[0]).fields.get(place[1])
    return override.value if field is None else field.normalise(override.value)


# -- overrides that are being set


def _set(change: Emit, case: Case) -> Iterator[Finding]:
    yield from _terms(change, case)
    if change.event == "paused":
        yield from _agent(str(change.data.get("agent")), case)
    elif change.event == "pinned":
        if (action := change.data.get("action")) is not None:
            yield from _action(str(action), case)
        if (record := change.data.get("record")) is not None:
            yield from _record(str(record), change.data, case)


def _terms(change: Emit, case: Case) -> Iterator[Finding]:
    """Yield what is wrong with the reason and the expiry, and that there are too many."""
    if not str(change.data.get("reason") or "").strip():
        yield _wrong("no_reason", change.record, "An override says why.", "Give a reason: those who yield see it.")
    left = parse_time(change.data["expires_at"]) - case.view.now_us
    if not 0 < left <= _MOST_US:
        when = f"this time was {format_age(-left)} ago" if left <= 0 else f"this one would in {format_left(left)}"
        message = f"An override expires within {limits.OVERRIDE_DAYS} days; {when}."
        yield _wrong("expiry", change.record, message, "Say until when it is to hold.")
    setting = [one for one in case.changes if one.record.startswith(_PREFIX)]
    if in_force(case.view).count + len(setting) > limits.OVERRIDES_LIVE:
        message = f"There are {limits.OVERRIDES_LIVE} overrides already."
        yield _wrong("too_many", change.record, message, "Lift some first; 'comity override list' shows them.")


def _agent(name: str, case: Case) -> Iterator[Finding]:
    """Yield that nobody is called so, or that it is a human, who isn't paused but loses the key."""
    declared = case.compiled.agents
    meant = [agent for agent in declared.values() if name in (agent.name, agent.role)]
    if declared and not meant:
        known = {part for agent in declared.values() for part in (agent.name, agent.role)}
        yield _unknown(f"{name[:64]!r} is neither an agent nor a role", name, known)
    elif meant and all(agent.kind == "human" for agent in meant):
        yield _wrong("human", name, f"{name!r} is a human; overrides are for agents.", "Revoke the key instead.")


def _action(name: str, case: Case) -> Iterator[Finding]:
    declared = case.compiled.actions
    if declared and name not in declared:
        yield _unknown(f"{name[:64]!r} is no declared action", name, declared)


def _record(record: str, data: dict[str, Any], case: Case) -> Iterator[Finding]:
    """Yield what is wrong with a pin: no record of a user's, no such kind or field, no value of the field."""
    ref = refs.parse(record)
    if ref is None or refs.is_built_in(ref[0]):
        yield _unknown(f"{record[:80]!r} is no record that can be pinned", record, ())
        return
    compiled = case.compiled
    kind = compiled.kinds.get(ref[0])
    if kind is None and compiled.has_declared_kinds and compiled.definition.undeclared == "refuse":
        yield _unknown(f"{ref[0]!r} is no declared kind", ref[0], [one for one in compiled.kinds if one[0] != "$"])
        return
    if not case.view.record(ref).exists:
        way = " but with that value" if data.get("only") else ""
        message = f"There is no {record}: as long as this is pinned, no agent can create it{way}."
        yield Finding("override.nothing_there", message, record, "warn", "Look at the name again.")
    if (name := data.get("field")) is not None and kind is not None:
        yield from _field(record, str(name), data, case)


def _field(record: str, name: str, data: dict[str, Any], case: Case) -> Iterator[Finding]:
    fields = case.kind(record.partition("/")[0]).fields
    field = fields.get(name)
    if field is None:
        yield _unknown(f"{record} has no field {name[:64]!r}", record, fields, name)
    elif data.get("only"):
        for problem in field.problems(field.normalise(data.get("value"))):
            message = f"{record}.{name} can't be pinned to that: {problem}."
            yield _wrong("unknown", f"{record}.{name}", message, "Pin it to a value that it can have.")


def _unknown(problem: str, subject: str, known: Iterable[str], name: str | None = None) -> Finding:
    hint = suggestion(refs.nearest(name or subject, known)) or "."
    return _wrong("unknown", subject, f"{problem}{hint}", "Name something that is there.")


def _wrong(code: str, subject: str, message: str, remedy: str) -> Finding:
    return Finding(f"override.{code}", message, subject, remedy=remedy)
