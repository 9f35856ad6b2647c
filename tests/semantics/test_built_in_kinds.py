"""S23, tried with every verb: Comity's own records change by their transitions, by those for whom these are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

import comity
from comity.coordination.alerts import Alert, telling
from comity.coordination.duties import SYSTEM
from comity.model.built_in import built_in
from comity.model.definition import EventDefinition, FieldDefinition
from comity.model.proposals import (
    Add,
    AnyChange,
    Append,
    Archive,
    Create,
    Delete,
    Emit,
    Exclude,
    Include,
    Proposal,
    Put,
    Restore,
    Set,
    Undo,
)
from comity.model.records import RecordState
from comity.operations import WithdrawIntent
from comity.store.contract import EventFilter
from comity.testing.manual_clock import ManualClock
from tests.semantics.asking import codes

SOURCE: Final = """\
[agents]
sales    = { role = "sales" }
support  = { role = "support" }
stranger = { role = "stranger" }
ops      = { role = "operations", kind = "human" }

[kinds.customer.fields]
name   = { type = "string", owner = "sales" }
status = { type = "string", owner = "support" }
level  = { type = "string" }

[[rules]]
name = "asking"
when = "customer != null && after.level == 'ask'"
then = "ask"
to   = "operations"

[[rules]]
name  = "waiting"
when  = "customer != null && after.level == 'wait'"
then  = "queue"
until = "false"

[workflows.visit]
starters = ["sales"]
steps    = [{ name = "go there", task = { to = "support", text = "Visit them." } }]
"""

TRANSITIONS: Final = [(kind.name, event) for kind in built_in().kinds for event in kind.events]
KINDS: Final = [kind.name for kind in built_in().kinds]
FOR_ANYONE: Final = {
    ("$intent", "announced", "absent"),
    ("$lease", "taken", "absent"),
    ("$lease", "taken", "archived"),
    *(("$lease", "joined", life) for life in ("absent", "live", "archived")),
}
"""What whoever has nothing to do with a record may do nevertheless."""

NEXT: Final = iter(range(10**9))


class Scene:
    """Hold a workspace with records of every built-in kind, open ones and such as are over, and those who act."""

    def __init__(self, ws: comity.Workspace) -> None:
        self.ws = ws
        self.ops = ws.agent("ops", key=ws.issue_key("ops").key)
        self.stranger, self.sales, self.support = (ws.agent(name) for name in ("stranger", "sales", "support"))
        self.user = comity.Agent(ws._session)
        self.everyone = (self.stranger, self.sales, self.support, self.ops, self.user)
        self.sales.put("customer/a", name="A")
        for number in (1, 2):
            self.open_each(number)
        self.close_those_of_the_second()

    def open_each(self, number: int) -> None:
        """Have a record of each kind opened."""
        terms: dict[str, Any] = {"reason": "so", "ttl": "2h"}
        offered, level = f"offered{number}", "customer/a"
        self.sales.intent("call", about="customer/a").announce(ttl="2h")
        self.offer = self.sales.offer("customer/a", status=offered, was={"status": None}, ttl="2h")
        self.question = self.sales.propose(self.proposal(Set(level, {"level": "ask"})))
        self.place = self.sales.propose(self.proposal(Set(level, {"level": "wait"})))
        self.grant = self.support.grant("ops", "customer/b.status", **terms)
        self.pin = self.ops.pin("customer/b", **terms)
        self.lease = self.sales.lease(f"name:printer{number}", ttl="2h")
        self.lease.take()
        self.effect = self.sales.effect("email", "customer/a", hold="2h")
        self.alert = self.raise_alert(f"alert-{number}")
        self.run = self.sales.start("visit")
        self.carry_on()

    def raise_alert(self, id: str) -> str:
        alert = Alert(id, "ping_pong", "customer/a.level", "warning", "To and fro.", ("1.0",), 4, 1, 2)
        change = telling(alert, is_new=True, quiet_s=4_000_000_000)
        decision = self.ws._engine.propose(Proposal(id=f"duty~{id}", changes=(change,)), SYSTEM)
        assert decision.is_committed
        return id

    def close_those_of_the_second(self) -> None:
        self.ops.resolve_alert(self.alert)
        (intent, _) = self.ws.intents().intents
        self.sales.answer(WithdrawIntent(intent=intent.intent))
        for ticket in (self.offer, self.question, self.place):
            self.sales.withdraw(ticket)
        self.support.revoke(self.grant)
        self.ops.lift(self.pin)
        self.lease.release()
        self.sales.cancel_effect(self.effect, reason="so")
        self.run.cancel()
        self.carry_on()

    def carry_on(self) -> None:
        """Have workflows go on until they wait."""
        while self.ws._engine.workflows.run(10):
            pass

    def proposal(self, *changes: AnyChange, **terms: Any) -> Proposal:
        return Proposal(id=f"p{next(NEXT)}", changes=changes, accept=self.ws.revision, **terms)

    def states(self) -> dict[str, RecordState]:
        """Return every record, of built-in kinds and others."""
        with self.ws._engine.store.snapshot() as snapshot:
            return {state.ref: state for state in snapshot.all_records()}

    def refs(self, kind: str) -> dict[str, str]:
        """Return an address of a kind for each life that there is."""
        found = {state.life: ref for ref, state in self.states().items() if state.kind == kind}
        return {"absent": f"{kind}/{'name:new' if kind == '$lease' else 'new'}", **found}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Return the scene: no test changes anything, so one is enough."""
    folder = tmp_path_factory.mktemp("built_in")
    (folder / "comity.toml").write_text(SOURCE, encoding="utf-8")
    with comity.open(folder / "crm.db", definition=folder / "comity.toml", clock=ManualClock()) as ws:
        made = Scene(ws)
        yield made
        assert ws.verify().is_clean


@pytest.fixture(autouse=True)
def nothing_changes(scene: Scene) -> Iterator[None]:
    before = scene.states()
    yield
    assert scene.states() == before


def plain_changes(ref: str) -> Iterable[AnyChange]:
    """Return a change of every sort but the transitions."""
    kind = next(kind for kind in built_in().kinds if kind.name == ref.partition("/")[0])
    name = kind.fields[0].name
    yield Create(ref, {name: "x"})
    yield Set(ref, {name: "x"})
    yield Set(ref, {name: None})
    yield Put(ref, {name: "x"})
    yield Put(ref, {}, replace=True)
    yield Add(ref, {name: 1})
    for change in (Include, Exclude, Append):
        yield change(ref, {name: ["x"]})
    for change in (Archive, Restore, Delete):
        yield change(ref)
    yield Undo(ref, {name: 1})
    yield Undo(ref, {"$life": 0})
    yield Emit(ref, "no_such_event")
    yield Emit(ref, f"{kind.name}.created")


def test_the_scene_has_records_of_every_kind(scene: Scene) -> None:
    lives = {kind: {"absent", "live", "archived"} for kind in KINDS}
    lives |= {kind: {"absent", "live"} for kind in ("$definition", "$agent")}
    assert {kind: set(scene.refs(kind)) for kind in KINDS} == lives


@pytest.mark.parametrize("kind", KINDS)
def test_s23_no_other_change_touches_them(scene: Scene, kind: str) -> None:
    for ref in scene.refs(kind).values():
        for change in plain_changes(ref):
            for agent in scene.everyone:
                decision = agent.propose(scene.proposal(change))
                assert decision.outcome == "refused", (agent, change)
                assert {"shape.transition", "shape.unknown_event"} & set(codes(decision)), decision.explain()


@pytest.mark.parametrize("kind", KINDS)
def test_s23_neither_by_an_offer_nor_in_line_nor_beside_a_change_that_is_fine(scene: Scene, kind: str) -> None:
    fine = Put("note/a", {"n": 1})
    for ref in scene.refs(kind).values():
        for change in plain_changes(ref):
            for proposal in (
                scene.proposal(change, if_foreign="offer", if_held="queue"),
                scene.proposal(fine, change),
                scene.proposal(change, fine),
            ):
                assert scene.ops.propose(proposal).outcome == "refused", change
                assert scene.ops.propose(proposal, dry=True).outcome == "refused", change


def test_s23_no_handle_has_a_verb_that_does(scene: Scene) -> None:
    for kind in KINDS:
        for ref in scene.refs(kind).values():
            for attempt in (
                lambda ref=ref: scene.ops.put(ref, x=1),
                lambda ref=ref: scene.ops.set(ref, x=1),
                lambda ref=ref: scene.ops.create(ref, x=1),
                lambda ref=ref: scene.ops.delete(ref),
                lambda ref=ref: scene.ops.offer(ref, x=1),
                lambda ref=ref: edit(scene.ops, ref),
            ):
                with pytest.raises(comity.ComityError):
                    attempt()


def edit(agent: comity.Agent, ref: str) -> None:
    with agent.edit(ref) as record:
        record.set(x=1)


# -- transitions


def data_of(event: EventDefinition) -> dict[str, Any]:
    """Return data that an event can carry, of a stranger."""
    found = {field.name: value_of(field) for field in event.data if field.required}
    return {name: {"role": "stranger", "kind": "customer"}.get(name, value) for name, value in found.items()}


def value_of(field: FieldDefinition) -> Any:
    schema = field.schema
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("format") == "date-time":
        return "2023-11-14T23:13:20Z"
    return {"integer": 1, "array": [], "boolean": False}.get(schema["type"], "x")


@pytest.mark.parametrize(("kind", "event"), TRANSITIONS, ids=[f"{kind} {event.name}" for kind, event in TRANSITIONS])
def test_s23_no_transition_starts_from_a_life_that_it_is_not_for(
    scene: Scene, kind: str, event: EventDefinition
) -> None:
    for life, ref in scene.refs(kind).items():
        if life not in event.lives:
            for agent in scene.everyone:
                decision = agent.propose(scene.proposal(Emit(ref, event.name, data_of(event))))
                assert decision.outcome == "refused", (agent, life)
                assert {"shape.transition", "identity.not_coordinator"} & set(codes(decision)), decision.explain()


@pytest.mark.parametrize(("kind", "event"), TRANSITIONS, ids=[f"{kind} {event.name}" for kind, event in TRANSITIONS])
def test_s23_a_stranger_makes_no_transition_of_what_is_others(scene: Scene, kind: str, event: EventDefinition) -> None:
    for life, ref in scene.refs(kind).items():
        if life in event.lives and (kind, event.name, life) not in FOR_ANYONE:
            decision = scene.stranger.propose(scene.proposal(Emit(ref, event.name, data_of(event))))
            assert decision.outcome == "refused", (life, ref)
            assert "shape.required" not in codes(decision), "the data are as they should be"


@pytest.mark.parametrize(("kind", "event", "life"), sorted(FOR_ANYONE))
def test_what_anyone_may_do_is_allowed(scene: Scene, kind: str, event: str, life: str) -> None:
    definition = next(one for name, one in TRANSITIONS if (name, one.name) == (kind, event))
    change = Emit(scene.refs(kind)[life], event, data_of(definition))
    assert scene.stranger.propose(scene.proposal(change), dry=True).is_allowed


def test_s23_what_the_coordinator_does_nobody_can_ask_for(scene: Scene) -> None:
    own = [(kind, event) for kind, event in TRANSITIONS if "coordinator" in event.actors]
    assert {kind for kind, _ in own} == {"$handoff", "$approval", "$queue", "$effect"}
    for kind, event in own:
        for ref in scene.refs(kind).values():
            for agent in scene.everyone:
                decision = agent.propose(scene.proposal(Emit(ref, event.name, data_of(event))))
                assert decision.outcome == "refused"
                assert "identity.not_coordinator" in codes(decision)


# -- verbs that write many


def test_s23_nothing_of_them_is_reverted(scene: Scene) -> None:
    with scene.ws._engine.store.snapshot() as snapshot:
        events = snapshot.events(EventFilter(limit=1_000))
        # Whoever wanted an effect that is pending has it cancelled.
        own = [event.revision for event in events if event.kind in KINDS and event.type != "wanted"]
    assert len(own) > 20
    for revision in own:
        for agent in (scene.stranger, scene.ops, scene.user):
            with suppress(comity.ComityError):
                assert not agent.revert(commit=revision, reason="try").reverted
    answer = scene.ops.revert(agent="sales", since=0, reason="try", dry=True)
    assert {record for decision in answer.decisions for record in decision.records} == {"customer/a"}


def test_s23_nothing_of_them_is_imported(scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "own.ndjson"
    addresses = [ref for kind in KINDS for ref in scene.refs(kind).values()]
    lines = [json.dumps({"record": ref, "values": {"state": "x"}}) for ref in addresses]
    file.write_text("\n".join(lines), encoding="utf-8")
    for agent in (scene.ws, scene.ops):
        answer = agent.import_file(file)
        assert (answer.committed, len(answer.errors)) == (0, len(addresses))
