"""What a run of a workflow holds, and what humans hold of what it needs."""

from __future__ import annotations

from comity import limits
from comity.clock import SECOND_US
from comity.coordination import leases
from comity.coordination.runs import Run, Scene
from comity.deciding.lines import Place, key_of, token_of
from comity.deciding.overrides import in_force
from comity.deciding.plans import records_of
from comity.model import refs
from comity.model.built_in import LEASE
from comity.model.definition import AgentDefinition
from comity.model.flows import Phase
from comity.model.proposals import Emit
from comity.model.workflows import Work
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


def held_by(run: Run, scene: Scene) -> str | None:
    """Return what a human holds that the present step needs, or None (S24)."""
    held, step = in_force(scene.view), run.step
    found = [*held.freezes]
    records = {refs.split(record): frozenset[str]() for record in run.plan.about} if held.has_pins else {}
    if step is not None and step.work is not None:
        work = step.work
        found += held.under(work.action)
        found += held.of(_agent(work.agent, scene))
        for record in records_of(work) if held.has_pins else ():
            records[refs.split(record)] = _fields_of(work, record)
    for ref, fields in records.items():
        found += [
            one for one in held.on(ref) if one.holds == "record" or (one.holds == "field" and one.field in fields)
        ]
    return found[0].told() if found else None


def _agent(name: str, scene: Scene) -> AgentDefinition:
    return scene.view.compiled.agents.get(name) or AgentDefinition(name=name, role=name)


def _fields_of(work: Work, record: str) -> frozenset[str]:
    names: set[str] = set()
    for change in work.changes:
        if change.record == record:
            names |= set(getattr(change, "fields", ()))
    return frozenset(names)
