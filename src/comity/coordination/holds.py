"""What a run of a workflow holds, and what humans hold of what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comity import limits
from comity.clock import SECOND_US
from comity.coordination import leases
from comity.coordination.runs import Run, Scene
from comity.deciding.lines import Place, key_of, token_of
from comity.deciding.overrides import InForce, Override, in_force
from comity.deciding.plans import records_of
from comity.model import refs
from comity.model.built_in import LEASE
from comity.model.flows import Phase
from comity.model.proposals import AnyChange, Create, Emit, Put, Set
from comity.model.values import same
from comity.model.workflows import Errand, Work
from comity.store.contract import EventFilter


def places_of(run: Run, scene: Scene) -> dict[str, Place]:
    """Return what a run holds, by what it is about."""
    subjects = [lease.on for lease in run.plan.leases]
    if not subjects or LEASE not in scene.view.kind_revisions:
        return {}
    lines = leases.lines_of(scene.snapshot, subjects, scene.now_us)
    held = ((subject, place) for subject, line in lines.items() for place in line.holders)
    return {subject: place for subject, place in held if _is_own(place, run)}


def _is_own(place: Place, run: Run) -> bool:
    """Tell whether a run holds that: others may call a hold of theirs as they like."""
    return place.hold == run.state.id and place.agent == refs.SYSTEM_AGENT


def tokens_of(run: Run, phase: Phase, scene: Scene) -> dict[str, str]:
    """Return the tokens that a step shows: all, so that it is refused once one is lost; backwards what is left."""
    tokens: dict[str, str] = dict(run.state.values.get("tokens", {}))
    if phase == "step" or not tokens:
        return tokens
    held = {subject: token_of(scene.view.incarnation, place) for subject, place in places_of(run, scene).items()}
    return {subject: token for subject, token in tokens.items() if held.get(subject) == token}


def releasing(run: Run, scene: Scene) -> tuple[Emit, ...]:
    """Return the transitions that give up what a run holds."""
    return leases.releasing(places_of(run, scene), run.state.id)


def renewals(run: Run, scene: Scene) -> dict[str, str | None]:
    """Return what is noted so that a run keeps what it holds, from a quarter of the time on (S18)."""
    if not run.state.values.get("tokens"):
        return {}
    lines = leases.lines_of(scene.snapshot, [lease.on for lease in run.plan.leases], scene.now_us)
    soon_us = scene.now_us + limits.WORKFLOW_LEASE_S * SECOND_US * 3 // 4
    until = str(scene.now_us + limits.WORKFLOW_LEASE_S * SECOND_US)
    held = ((line, place) for line in lines.values() for place in line.holders if _is_own(place, run))
    return {place.renewal: until for line, place in held if line.end_of(place) < soon_us}


def is_disturbed(run: Run, subject: str, token: str, scene: Scene) -> bool:
    """Tell whether somebody else has had what a run held, or has ended its lease, since it was taken."""
    incarnation, _, revision = token.partition(":")
    if incarnation != scene.view.incarnation:
        return True
    chosen = EventFilter(kind=LEASE, id=key_of(subject), after=int(revision), limit=limits.QUERY_RECORDS)
    for event in scene.snapshot.events(chosen):
        hold = event.payload.data.get("hold") if event.payload is not None else None
        if event.type == "broken" if hold == run.state.id else event.type in ("taken", "claimed"):
            return True
    return False


# -- what humans hold


def held_by(run: Run, scene: Scene) -> list[Override]:
    """Return what humans hold that the present step needs (S24), or that it was paused for and hasn't ended since."""
    held = in_force(scene.view)
    found = holding(held, run, run.place, scene)
    return found or [one for one in map(held.find, run.state.values.get("overrides", ())) if one is not None]


def holding(held: InForce, run: Run, place: int, scene: Scene) -> list[Override]:
    """Return which overrides hold what a run needs at one of its steps."""
    step = run.plan.steps[place] if place < len(run.plan.steps) else None
    work = step.work if step is not None else None
    found = [*held.freezes]
    if work is not None:
        found += held.under(work.action)
        found += held.of(scene.view.agent(work.agent))
    elif step is not None and step.errand is not None and held.has_pauses:
        found += _nobody_left(held, step.errand, scene)
    if held.has_pins:
        for record in dict.fromkeys((*run.plan.about, *(records_of(work) if work is not None else ()))):
            found += [one for one in held.on(refs.split(record)) if _is_met(one, record, work)]
    return found


def _nobody_left(held: InForce, errand: Errand, scene: Scene) -> list[Override]:
    """Return what pauses those whom an errand is put to; nothing where one of them may still answer."""
    declared = scene.view.compiled.agents.values()
    asked = [agent for agent in declared if agent.name in errand.to or agent.role in errand.to]
    pauses = [held.of(agent) if agent.kind != "human" else [] for agent in asked]
    return [one for found in pauses for one in found] if all(pauses) else []


def _is_met(override: Override, record: str, work: Work | None) -> bool:
    """Tell whether a pin of a record holds up a step: one of a field only if that is written, and not as pinned."""
    if override.holds == "record":
        return True
    changes = work.changes if work is not None else ()
    return any(change.record == record and _writes(change, override) for change in changes)


def _writes(change: AnyChange, override: Override) -> bool:
    fields: Mapping[str, Any] = getattr(change, "fields", {})
    name = override.field
    if name is None or name not in fields:
        return False
    is_as_pinned = isinstance(change, Create | Put | Set) and same(fields[name], override.value)
    return override.holds == "field" or not is_as_pinned
