"""The whole workspace against a plain model: what must commit, what must conflict, what must be there afterwards.

The model knows nothing of Comity's code. It keeps, per record, the value of each field at
every revision, and decides by the rules of the semantics alone: a read is stale if one of
its fields has another value now than it showed, a write of an unseen value is blind, and
so on. After every run the log is folded again and compared with the records, the chain is
checked, and the past is asked for.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import comity
from comity.model.decisions import Decision
from comity.testing.manual_clock import ManualClock
from comity.workspace.intents import Intent
from tests.server import shared

DEFINITION = """
undeclared = "allow"

[kinds.task.fields]
status = { enum = ["open", "done", "stuck"], default = "open", event = "StatusChanged" }
count  = { type = "integer", default = 0 }
tags   = { type = "array", items = { type = "string" } }
note   = { type = "string", owner = "ann" }

[kinds.task.events.Counted]
data = { amount = { type = "integer", required = true } }
then = { count = "record.count + event.amount" }
"""

AGENTS = ("ann", "bob", "cleo")
TASKS = ("task/a", "task/b")
NOTES = ("memo/a", "memo/b")
DEFAULTS: dict[str, dict[str, Any]] = {"task": {"status": "open", "count": 0}, "memo": {}}
VALUES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "task": {
        "status": st.sampled_from(["open", "done", "stuck", None]),
        "count": st.integers(-2, 3),
        "tags": st.lists(st.sampled_from("xyz"), max_size=3),
        "note": st.sampled_from(["", "n", "é"]),
    },
    "memo": {"text": st.sampled_from(["a", "b", None]), "count": st.integers(0, 2), "tags": st.just(["x"])},
}

records = st.sampled_from(TASKS + NOTES)
agents = st.sampled_from(AGENTS)


@st.composite
def assignments(draw: st.DrawFn, record: str, least: int = 1) -> dict[str, Any]:
    known = VALUES[record.partition("/")[0]]
    names = draw(st.lists(st.sampled_from(sorted(known)), min_size=least, max_size=2, unique=True))
    return {name: draw(known[name]) for name in names}


@dataclass
class Kept:
    """Be one record in the model."""

    life: str = "absent"
    values: dict[str, Any] = field(default_factory=dict)
    births: int = 0
    version: int = 0


State = dict[str, Kept]


class Model:
    """Keep every state that there ever was, and say what a change makes of the last one."""

    def __init__(self) -> None:
        self.states: list[State] = [{}]
        self.authors: list[str] = ["nobody"]

    @property
    def revision(self) -> int:
        return len(self.states) - 1

    def at(self, revision: int, record: str) -> Kept:
        return self.states[revision].get(record) or Kept()

    def now(self, record: str) -> Kept:
        return self.at(self.revision, record)

    def commit(self, agent: str, changed: Mapping[str, Kept]) -> None:
        self.states.append({**self.states[-1], **changed})
        self.authors.append(agent)

    def changed_since(self, record: str, name: str, revision: int) -> bool:
        """Tell whether a field has another value than it had, or the record another life."""
        now, then = self.now(record), self.at(revision, record)
        if name == "$life":
            return (now.life, now.births) != (then.life, then.births)
        return now.values.get(name) != then.values.get(name)


def assigned(kept: Kept, values: Mapping[str, Any]) -> Kept:
    merged = {**kept.values, **values}
    return Kept(kept.life, {name: value for name, value in merged.items() if value is not None}, kept.births)


def born(record: str, values: Mapping[str, Any], former: Kept) -> Kept:
    fields = {**DEFAULTS[record.partition("/")[0]], **values}
    return assigned(Kept("live", {}, former.births + 1), fields)


def same_state(left: Kept, right: Kept) -> bool:
    return (left.life, left.values, left.births) == (right.life, right.values, right.births)


@dataclass
class Seen:
    """Be what one intent has read, as the model remembers it."""

    intent: Intent
    agent: str
    revision: int
    record: str
    used: tuple[str, ...]


class Workspaces(RuleBasedStateMachine):
    """Two handles on one file, several agents, and a model beside."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.place = self.new_place()
        definition = self.folder / "comity.toml"
        definition.write_text(DEFINITION, encoding="utf-8")
        self.clock = ManualClock()
        self.handles = [comity.open(self.place, definition=definition, clock=self.clock), self.reopened()]
        self.model = Model()
        self.model.commit("system", {})
        self.turn = 0
        self.intents: list[Seen] = []

    def new_place(self) -> str:
        """Return the url of a workspace that isn't there yet."""
        return str(self.folder / "base.db")

    def reopened(self) -> comity.Workspace:
        return comity.open(self.place, clock=self.clock)

    def teardown(self) -> None:
        try:
            self.check_log()
            self.check_past()
        finally:
            for handle in self.handles:
                handle.close()
            shutil.rmtree(self.folder)

    def agent(self, name: str) -> comity.Agent:
        """Return an agent of one handle and then of the other."""
        self.turn += 1
        self.clock.advance(seconds=1)
        return self.handles[self.turn % 2].agent(name)

    # -- single changes

    def try_change(self, agent: str, record: str, after: Kept | None, code: str, *call: Any, **options: Any) -> None:
        """Have one change made, and compare the decision with what the model says: ``after``, or a finding."""
        before = self.model.now(record)
        name, *arguments = call
        try:
            decision: Decision = getattr(self.agent(agent), name)(record, *arguments, **options)
        except comity.NotCommitted as refused:
            decision = refused.decision
        if not decision.is_committed:
            assert after is None, f"{call} should have committed: {decision.explain()}"
            assert code in [finding.code for finding in decision.refusals], (code, decision.explain())
            return
        assert after is not None, f"{call} should have been refused with {code}"
        if same_state(after, before) and not decision.events:
            return
        after.version = before.version + len(decision.events)
        self.model.commit(agent, {record: after})
        assert decision.revision == self.model.revision

    def not_mine(self, agent: str, record: str, values: Mapping[str, Any]) -> bool:
        """Tell whether the values change a field that is someone else's."""
        former = self.model.now(record)
        held = former.values if former.life == "live" else {}
        return record.startswith("task/") and agent != "ann" and "note" in values and values["note"] != held.get("note")

    def blind(self, record: str, values: Mapping[str, Any]) -> bool:
        held = self.model.now(record).values
        return record.startswith("task/") and any(
            name in held and held[name] != value for name, value in values.items()
        )

    @rule(agent=agents, record=records, data=st.data(), known=st.booleans())
    def put(self, agent: str, record: str, data: st.DataObject, known: bool) -> None:
        values = data.draw(assignments(record))
        former = self.model.now(record)
        was = {name: former.values.get(name) for name in values} if known and former.life == "live" else None
        self.propose_values("put", agent, record, values, was)

    @rule(agent=agents, record=records, data=st.data(), known=st.booleans())
    def set(self, agent: str, record: str, data: st.DataObject, known: bool) -> None:
        values = data.draw(assignments(record))
        former = self.model.now(record)
        was = {name: former.values.get(name) for name in values} if known else None
        if former.life != "live":
            code = "integrity.missing" if former.life == "absent" else f"integrity.{former.life}"
            self.try_change(agent, record, None, code, "set", values)
        else:
            self.propose_values("set", agent, record, values, was)

    def propose_values(
        self, verb: str, agent: str, record: str, values: dict[str, Any], was: dict[str, Any] | None
    ) -> None:
        former = self.model.now(record)
        after: Kept | None = None
        code = ""
        if former.life == "archived":
            code = "integrity.archived"
        elif self.not_mine(agent, record, values):
            code = "ownership.other_domain"
        elif former.life == "live" and was is None and self.blind(record, values):
            code = "freshness.blind_write"
        else:
            after = assigned(former, values) if former.life == "live" else born(record, values, former)
        self.try_change(agent, record, after, code, verb, values, was=was)

    @rule(agent=agents, record=records, data=st.data())
    def wrong_was(self, agent: str, record: str, data: st.DataObject) -> None:
        """Believe something that isn't so: a conflict, unless nothing would be written at all."""
        former = self.model.now(record)
        if former.life != "live" or former.values.get("count") is None:
            return
        values = {"count": former.values["count"] + data.draw(st.integers(1, 2))}
        wrong = {"count": former.values["count"] - 1}
        self.try_change(agent, record, None, "freshness.changed", "put", values, was=wrong)

    @rule(agent=agents, record=records, data=st.data())
    def create(self, agent: str, record: str, data: st.DataObject) -> None:
        values = data.draw(assignments(record, least=0))
        former = self.model.now(record)
        if former.life in ("live", "archived"):
            self.try_change(agent, record, None, "integrity.exists", "create", values)
        elif self.not_mine(agent, record, values):
            self.try_change(agent, record, None, "ownership.other_domain", "create", values)
        else:
            self.try_change(agent, record, born(record, values, former), "", "create", values)

    @rule(agent=agents, record=records, amount=st.integers(-2, 3))
    def add(self, agent: str, record: str, amount: int) -> None:
        former = self.model.now(record)
        after = assigned(former, {"count": former.values.get("count", 0) + amount})
        if former.values.get("count") is None and amount == 0:
            after = assigned(former, {"count": 0})
        self.commutative(agent, record, after, "add", {"count": amount})

    @rule(agent=agents, record=records, item=st.sampled_from("xyz"))
    def include(self, agent: str, record: str, item: str) -> None:
        tags = self.model.now(record).values.get("tags", [])
        after = assigned(self.model.now(record), {"tags": tags if item in tags else [*tags, item]})
        if not tags and "tags" not in self.model.now(record).values:
            after = assigned(self.model.now(record), {"tags": [item]})
        self.commutative(agent, record, after, "include", {"tags": item})

    @rule(agent=agents, record=records, item=st.sampled_from("xyz"))
    def exclude(self, agent: str, record: str, item: str) -> None:
        former = self.model.now(record)
        after = copy.deepcopy(former)
        if "tags" in former.values:
            after = assigned(former, {"tags": [tag for tag in former.values["tags"] if tag != item]})
        self.commutative(agent, record, after, "exclude", {"tags": item})

    @rule(agent=agents, record=records, item=st.sampled_from("xyz"))
    def append(self, agent: str, record: str, item: str) -> None:
        former = self.model.now(record)
        after = assigned(former, {"tags": [*former.values.get("tags", []), item]})
        self.commutative(agent, record, after, "append", {"tags": item})

    @rule(agent=agents, record=st.sampled_from(TASKS), by=st.integers(0, 2))
    def emit(self, agent: str, record: str, by: int) -> None:
        former = self.model.now(record)
        after = assigned(former, {"count": former.values.get("count", 0) + by})
        self.commutative(agent, record, after, "emit", "Counted", {"amount": by})

    def commutative(self, agent: str, record: str, after: Kept, *call: Any) -> None:
        life = self.model.now(record).life
        code = "integrity.missing" if life == "absent" else f"integrity.{life}"
        self.try_change(agent, record, after if life == "live" else None, code, *call)

    # -- lives

    @rule(agent=agents, record=records, verb=st.sampled_from(["archive", "delete", "restore"]))
    def change_life(self, agent: str, record: str, verb: str) -> None:
        former = self.model.now(record)
        life = {"archive": "archived", "delete": "deleted", "restore": "live"}[verb]
        allowed = {"archive": ("live",), "delete": ("live", "archived"), "restore": ("archived", "deleted", "live")}
        if former.life not in allowed[verb]:
            code = "integrity.missing" if former.life == "absent" else f"integrity.{former.life}"
            self.try_change(agent, record, None, code, verb)
        elif verb != "restore" and former.life == "live" and record.startswith("task/"):
            self.try_change(agent, record, None, "freshness.blind_write", verb)
            self.try_change(agent, record, self.with_life(former, life), "", verb, accept=self.model.revision)
        else:
            self.try_change(agent, record, self.with_life(former, life), "", verb)

    def with_life(self, former: Kept, life: str) -> Kept:
        births = former.births + (life == "live" and former.life == "deleted")
        return Kept(life, dict(former.values), births)

    # -- intents, with reads that may have gone stale

    @precondition(lambda self: len(self.intents) < 4)
    @rule(agent=agents, record=records, data=st.data())
    def begin(self, agent: str, record: str, data: st.DataObject) -> None:
        """Read one record through an intent, and use some of its fields."""
        intent = self.agent(agent).intent()
        handle = intent.get(record)
        known = sorted(VALUES[record.partition("/")[0]])
        used = data.draw(st.lists(st.sampled_from(known), max_size=2, unique=True))
        for name in used:
            assert handle.get(name) == frozen(self.shown(record, name))
        self.intents.append(Seen(intent, agent, self.model.revision, record, tuple(used)))

    def shown(self, record: str, name: str) -> Any:
        kept = self.model.now(record)
        return kept.values.get(name) if kept.life in ("live", "archived") else None

    @precondition(lambda self: bool(self.intents))
    @rule(data=st.data(), subject=records, accept=st.booleans())
    def finish(self, data: st.DataObject, subject: str, accept: bool) -> None:
        """Write through an intent: the record that it read, or another one with what was read as the basis."""
        seen = self.intents.pop(data.draw(st.integers(0, len(self.intents) - 1)))
        values = data.draw(assignments(subject))
        seen.intent.put(subject, values)
        accepted = self.model.revision if accept else None
        expected, code = self.expect(seen, subject, values, accepted)
        decision = seen.intent.propose(accept=accepted)
        codes = [finding.code for finding in decision.refusals]
        if expected is None:
            assert decision.outcome == "refused", (values, code)
            assert code in codes, (code, codes)
            return
        assert decision.outcome == "committed", decision.explain()
        if decision.events:
            expected.version = self.model.now(subject).version + len(decision.events)
            self.model.commit(seen.agent, {subject: expected})
        assert decision.revision == self.model.revision

    def expect(self, seen: Seen, target: str, values: dict[str, Any], accepted: int | None) -> tuple[Kept | None, str]:
        model, former = self.model, self.model.now(target)
        if former.life == "archived":
            return None, "integrity.archived"
        if self.not_mine(seen.agent, target, values):
            return None, "ownership.other_domain"
        if accepted is None:
            if any(model.changed_since(seen.record, name, seen.revision) for name in ("$life", *seen.used)):
                return None, "freshness.changed"
            overwritten = {name: value for name, value in values.items() if former.values.get(name) != value}
            if former.life == "live" and target == seen.record:
                if any(model.changed_since(target, name, seen.revision) for name in overwritten):
                    return None, "freshness.changed"
            elif former.life == "live" and self.blind(target, values):
                return None, "freshness.blind_write"
        after = assigned(former, values) if former.life == "live" else born(target, values, former)
        return after, ""

    @rule(agent=agents, record=records, data=st.data())
    def check_is_no_commit(self, agent: str, record: str, data: st.DataObject) -> None:
        decision = self.agent(agent).check(record, data.draw(assignments(record)))
        assert decision.outcome in ("allowed", "refused")
        assert decision.revision == self.model.revision

    # -- back

    @precondition(lambda self: self.model.revision > 1)
    @rule(data=st.data(), record=records)
    def read_the_past(self, data: st.DataObject, record: str) -> None:
        revision = data.draw(st.integers(0, self.model.revision))
        seen = self.handles[self.turn % 2].get(record, at=revision)
        kept = self.model.at(revision, record)
        assert seen.life == kept.life
        assert seen.exists == (kept.life in ("live", "archived"))
        if seen.exists:
            assert dict(seen) == frozen(kept.values)

    @precondition(lambda self: self.model.revision > 1)
    @rule(data=st.data())
    def compare_two_points(self, data: st.DataObject) -> None:
        since = data.draw(st.integers(0, self.model.revision))
        until = data.draw(st.integers(since, self.model.revision))
        answer = self.handles[0].diff(since, until)
        found = {(one.record, one.field): (one.was, one.now) for one in answer.differences}
        assert found == self.differences(since, until)

    def differences(self, since: int, until: int) -> dict[tuple[str, str], tuple[Any, Any]]:
        found: dict[tuple[str, str], tuple[Any, Any]] = {}
        for record in TASKS + NOTES:
            then, now = self.model.at(since, record), self.model.at(until, record)
            if then.life != now.life:
                found[record, "$life"] = (then.life, now.life)
            shown = [kept.values if kept.life in ("live", "archived") else {} for kept in (then, now)]
            for name in shown[0].keys() | shown[1].keys():
                if shown[0].get(name) != shown[1].get(name):
                    found[record, name] = (shown[0].get(name), shown[1].get(name))
        return found

    @precondition(lambda self: self.model.revision > 1)
    @rule()
    def revert_the_last_commit(self) -> None:
        """Undo what was done last: as nothing came after it, everything goes back."""
        revision = self.model.revision
        answer = self.handles[0].revert(commit=revision)
        assert not answer.left
        changed: dict[str, Kept] = {}
        for record in TASKS + NOTES:
            then, now = self.model.at(revision - 1, record), self.model.now(record)
            if now.version != then.version and not self.is_undone(then, now):
                changed[record] = self.undone(then, now)
        if changed:
            self.model.commit("operator", changed)
        assert self.handles[0].revision == self.model.revision

    def is_undone(self, then: Kept, now: Kept) -> bool:
        """Tell whether an event changed nothing, as a named one may."""
        return (then.life, then.values) == (now.life, now.values)

    def undone(self, then: Kept, now: Kept) -> Kept:
        life = "deleted" if then.life == "absent" else then.life
        births = now.births + (life == "live" and now.life == "deleted")
        return Kept(life, dict(then.values), births, now.version + 1)

    # -- the surroundings

    @rule()
    def reopen(self) -> None:
        self.handles[0].close()
        self.handles[0] = self.reopened()
        self.intents = [seen for seen in self.intents if not self.is_closed(seen)]

    def is_closed(self, seen: Seen) -> bool:
        try:
            seen.intent.peek(TASKS[0])
        except comity.StoreError:
            return True
        return False

    @invariant()
    def records_are_as_the_model_says(self) -> None:
        for handle in self.handles:
            for record in handle.get_many(TASKS + NOTES):
                kept = self.model.now(record.ref)
                assert (record.ref, record.life) == (record.ref, kept.life)
                assert dict(record) == (frozen(kept.values) if record.exists else {})
                assert record.version == kept.version

    def check_log(self) -> None:
        """Revisions have no gaps, the log folds to the records, the chain holds."""
        answer = self.handles[0].verify()
        assert answer.is_clean, answer.problems
        assert answer.revision == self.model.revision
        assert answer.commits == self.model.revision

    def check_past(self) -> None:
        """Each commit's author, and each record's state after it, are as the model kept them."""
        history = self.handles[1].history(oldest_first=True, limit=1_000).events
        authors = {int(event.event.partition(".")[0]): event.by for event in history}
        for revision, author in enumerate(self.model.authors):
            if author in AGENTS:
                assert authors[revision] == author
        for revision in range(self.model.revision + 1):
            for record in self.handles[0].get_many(TASKS + NOTES, at=revision):
                kept = self.model.at(revision, record.ref)
                assert (record.life, record.version) == (kept.life, kept.version)


def frozen(value: Any) -> Any:
    """Return a value as handles hand it out."""
    if isinstance(value, dict):
        return {name: frozen(item) for name, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


class DatabaseWorkspaces(Workspaces):
    """Play the same in a database."""

    def new_place(self) -> str:
        return shared().new_workspace()


TestWorkspaces = Workspaces.TestCase
TestDatabaseWorkspaces = DatabaseWorkspaces.TestCase
SETTINGS = settings(
    max_examples=80,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
TestWorkspaces.settings = SETTINGS
TestDatabaseWorkspaces.settings = settings(SETTINGS, max_examples=25)
