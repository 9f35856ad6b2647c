"""Running the tests that a definition holds: each on the small world that it describes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from comity.clock import SECOND_US, format_time, parse_time
from comity.coordinator.holding import HELD
from comity.deciding.compile import Compiled, load_definition
from comity.deciding.pipeline import Judgement, judge
from comity.deciding.view import (
    Author,
    AuthorNeed,
    CauseNeed,
    ChangedNeed,
    CountNeed,
    EventNeed,
    FindNeed,
    Happened,
    HeldNeed,
    Need,
    NotedNeed,
    PastNeed,
    RecentNeed,
    RecordNeed,
    Ref,
    TouchedNeed,
    View,
    WishNeed,
)
from comity.model import filters, refs
from comity.model.built_in import AGENT, INTENT
from comity.model.codec import content_digest, encode_proposal
from comity.model.definition import AgentDefinition, ExampleDefinition, ExampleEvent, ExampleIntent
from comity.model.proposals import Caller, Proposal, Read
from comity.model.records import LIFE, RecordState
from comity.operations import RuleTestAnswer, RuleTestsAnswer, RunRuleTests
from comity.verbs.engine import Engine

NOW: Final = "2026-01-01T12:00:00Z"
"""When all tests take place, so that they come out the same whenever they are run."""

_NOW_US: Final = parse_time(NOW)
_KEY: Final = "test"
_HOUR_US: Final = 3_600 * SECOND_US


def run_tests(engine: Engine, caller: Caller, request: RunRuleTests) -> RuleTestsAnswer:
    """Run the tests of a definition, or of the one in force; nothing of the workspace is looked at or changed.

    Raises InvalidDefinition.
    """
    if request.source is not None:
        return examine(request.source, request.origin)
    compiled = engine.definition()
    return examine(compiled.definition.source, f"the definition in force, version {compiled.number}")


def examine(source: str, origin: str) -> RuleTestsAnswer:
    """Run the tests of a definition; raises InvalidDefinition.

    Rules are judged as they are written: whether one is in shadow as it is new to some
    workspace is nothing that a test knows.
    """
    compiled = load_definition(source, 1, origin=origin)
    tests = tuple([_examine(example, compiled) for example in compiled.definition.tests])
    passed = sum(test.has_passed for test in tests)
    return RuleTestsAnswer(origin=origin, passed=passed, failed=len(tests) - passed, tests=tests)


def _examine(example: ExampleDefinition, compiled: Compiled) -> RuleTestAnswer:
    judgement = _judge(example, compiled)
    outcome = "committed" if judgement.outcome == "allowed" else judgement.outcome
    came = {outcome, *(finding.code for finding in judgement.findings)}
    return RuleTestAnswer(
        name=example.name,
        expected=example.expect,
        outcome=outcome,
        missing=tuple(expected for expected in example.expect if expected not in came),
        waits_for=judgement.waiting.waits_for if judgement.waiting is not None else None,
        findings=judgement.findings,
    )


def _judge(example: ExampleDefinition, compiled: Compiled) -> Judgement:
    """Return the judgement of the proposal of a test, whose agent has read all that is given."""
    world, given = _World(example, compiled), example.proposal
    proposal = Proposal(
        id="test",
        changes=given.changes,
        reads=tuple([Read(record, 1) for record in example.given]),
        about=given.about,
        action=given.action,
    )
    is_human = world.agent(given.agent).kind == "human"
    caller = Caller(given.agent, "key", _KEY) if is_human else Caller(given.agent)
    content = content_digest(caller.agent, encode_proposal(proposal))
    return judge(proposal, caller, world.view(), content=content)


class _World:
    """Be what a test describes: records as of revision 1, what happened before, what is announced."""

    def __init__(self, example: ExampleDefinition, compiled: Compiled) -> None:
        self.compiled = compiled
        self.states = {(state.kind, state.id): state for state in self._given(example)}
        events = [self._happened(event) for event in example.recent]
        self.recent = sorted(events, key=lambda event: event.at, reverse=True)

    def agent(self, name: str) -> AgentDefinition:
        return self.compiled.agents.get(name) or AgentDefinition(name=name, role=name)

    def view(self) -> View:
        return View(
            self.compiled,
            self.states,
            revision=1,
            incarnation=_KEY,
            now_us=_NOW_US,
            kind_revisions=dict.fromkeys((kind for kind, _ in self.states), 1),
            ask=self.answer,
        )

    def answer(self, need: Need) -> Any:
        """Return what a view lacks."""
        match need:
            case RecordNeed(ref) | PastNeed(ref, _):
                return self.states.get(ref) or RecordState(*ref)
            case FindNeed(query):
                return filters.select(query, self.states.values())
            case CountNeed(query):
                return sum(filters.matches(query, state) for state in self.states.values())
            case AuthorNeed(_, _, revision):
                return Author("somebody", _NOW_US, refs.event_id(revision, 0), None)
            case RecentNeed():
                return self._recent_on(need)
            case HeldNeed(kind):
                return HELD[kind].made(state for state in self.states.values() if state.kind == kind)
            case NotedNeed() | CauseNeed():
                return None
            case EventNeed() | TouchedNeed():
                return False
            case ChangedNeed() | WishNeed():
                return []

    def _recent_on(self, need: RecentNeed) -> list[Happened]:
        record = "/".join(need.ref)
        found = (one for one in self.recent if one.record == record and one.agent != need.but)
        return [one for one in found if one.at > need.since_us][: need.limit]

    def _given(self, example: ExampleDefinition) -> Iterator[RecordState]:
        for record, values in example.given.items():
            yield _state(refs.split(record), self._values(record, values))
        for place, intent in enumerate(example.intents):
            yield _state((INTENT, f"test-{place}"), self._announced(intent))
        if self.agent(example.proposal.agent).kind == "human":
            yield _state((AGENT, example.proposal.agent), {"key": _KEY, "key_status": "active"})

    def _values(self, record: str, given: Mapping[str, Any]) -> dict[str, Any]:
        kind = self.compiled.kinds.get(record.partition("/")[0])
        if kind is None:
            return dict(given)
        return dict(kind.defaults) | {name: kind.fields[name].normalise(value) for name, value in given.items()}

    def _happened(self, event: ExampleEvent) -> Happened:
        agent, at = self.agent(event.agent), _NOW_US - event.age_s * SECOND_US
        return Happened(agent.name, agent.role, agent.kind, event.type, event.record, at, ())

    def _announced(self, intent: ExampleIntent) -> dict[str, Any]:
        return {
            "agent": intent.agent,
            "agent_kind": self.agent(intent.agent).kind,
            "role": self.agent(intent.agent).role,
            "action": intent.action,
            "plan": intent.plan,
            "about": list(intent.about),
            "exclusive": False,
            "announced_at": format_time(_NOW_US - intent.age_s * SECOND_US),
            "expires_at": format_time(_NOW_US + _HOUR_US),
        }


def _state(ref: Ref, values: Mapping[str, Any]) -> RecordState:
    held = {name: value for name, value in values.items() if value is not None}
    return RecordState(*ref, 1, "live", 1, 1, held, dict.fromkeys((LIFE, *held), 1))
