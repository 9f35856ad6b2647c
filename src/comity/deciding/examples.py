"""Checking the tests of rules that a definition holds: do their records, fields and codes exist?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from comity.deciding.codes import code_of
from comity.deciding.compiled import CompiledKind
from comity.model.definition import ExampleDefinition
from comity.model.proposals import AnyChange, Create, Emit, Put, Set
from comity.model.reading import Path, Reading

OUTCOMES: Final = ("committed", "refused", "pending")
GATES: Final = ("shape", "identity", "override", "ownership", "lease", "freshness", "integrity", "definition")
"""Checks whose codes the definition doesn't name."""

LIFE_EVENTS: Final = ("created", "updated", "archived", "restored", "deleted", "reverted")


def check_examples(reading: Reading, kinds: Mapping[str, CompiledKind]) -> None:
    """Note what tests of rules name that isn't there, and values that can't be."""
    checker = ExampleChecker(reading, kinds)
    for place, example in enumerate(reading.definition.tests):
        position = reading.unread.positions.get(("tests", example.name), place)
        checker.check(example, ("tests", position))


class ExampleChecker:
    """Check tests, and the proposals that other parts of a definition hold, one by one."""

    def __init__(self, reading: Reading, kinds: Mapping[str, CompiledKind]) -> None:
        definition = reading.definition
        self.problems = reading.problems
        self.unread = reading.unread
        self.kinds = kinds
        self.takes_undeclared = definition.undeclared == "allow" or not kinds
        self.actions = {action.name for action in definition.actions}
        self.rules = [f"rule.{code_of(rule.name)}" for rule in definition.rules]
        self.rules_unread = {f"rule.{code_of(name)}" for name in self.unread.rules}
        guards = {guard.name for kind in definition.kinds for guard in kind.guards}
        self.guards = ["guard.assumption", "guard.consequence", *(f"guard.{code_of(name)}" for name in sorted(guards))]

    def check(self, example: ExampleDefinition, path: Path) -> None:
        """Note what is wrong with a test of rules."""
        for record, fields in example.given.items():
            self.fields(record, fields, (*path, "given", record))
        self.proposal(example, (*path, "proposal"))
        for place, event in enumerate(example.recent):
            self.event(event.record, event.type, (*path, "recent", place))
        for place, intent in enumerate(example.intents):
            self.action(intent.action, (*path, "intents", place, "action"))
            self.records(intent.about, (*path, "intents", place, "about"))
        for code in example.expect:
            self.expected(code, (*path, "expect"))

    def proposal(self, example: ExampleDefinition, path: Path) -> None:
        """Note what is wrong with what is proposed in a test."""
        self.action(example.proposal.action, (*path, "action"))
        self.records(example.proposal.about, (*path, "about"))
        for change in example.proposal.changes:
            verb = type(change).__name__.lower()
            self.change(change, (*path, verb, change.record) if verb in WITH_TABLES else (*path, verb))

    def change(self, change: AnyChange, path: Path) -> None:
        """Note what a change names that isn't there, and values that can't be."""
        if isinstance(change, Emit):
            self.event(change.record, change.event, path, change.data)
            return
        values: dict[str, Any] = getattr(change, "fields", {})
        is_plain = isinstance(change, (Create, Set, Put))
        self.fields(change.record, values if is_plain else dict.fromkeys(values), path)

    def action(self, name: str | None, path: Path) -> None:
        """Note an action that isn't declared, where any is."""
        if name is not None and self.actions and name not in self.actions | self.unread.actions:
            self.problems.add(path, f"there is no action {name!r}", given=name, choices=sorted(self.actions))

    def records(self, records: Iterable[str], path: Path) -> None:
        """Note records of kinds that aren't there."""
        for record in records:
            self.kind(record, path)

    def kind(self, record: str, path: Path) -> CompiledKind | None:
        """Return the declared kind of a record; one that can't be is noted."""
        name = record.partition("/")[0]
        kind = self.kinds.get(name)
        if kind is None and not self.takes_undeclared and name not in self.unread.kinds:
            self.problems.add(path, f"there is no kind {name!r}", given=name, choices=self.kinds)
        return kind

    def fields(self, record: str, fields: Mapping[str, Any], path: Path) -> None:
        """Note fields that aren't there, and values that can't be."""
        kind = self.kind(record, path)
        if kind is not None:
            for name, value in fields.items():
                self.field(kind, name, value, (*path, name))

    def field(self, kind: CompiledKind, name: str, value: object, path: Path) -> None:
        """Note a field that isn't there, or a value that it can't have."""
        field = kind.fields.get(name)
        if field is None:
            if name not in self.unread.fields[kind.name]:
                self.problems.add(path, f"{kind.name} has no field {name!r}", given=name, choices=kind.fields)
            return
        try:
            found = field.problems(field.normalise(value))
        except ValueError as error:
            found = [str(error)]
        for problem in found:
            self.problems.add(path, problem)

    def event(self, record: str, type_: str, path: Path, data: Mapping[str, Any] | None = None) -> None:
        """Check an event that happened, or with its data one that is emitted."""
        kind = self.kind(record, path)
        if kind is None:
            return
        known = set(kind.events) if data is not None else set(_types(kind))
        if type_ not in known:
            self.problems.add(path, f"{kind.name} has no event {type_!r}", given=type_, choices=sorted(known))
        elif data is not None:
            declared = kind.events[type_].data
            for name in data:
                if name not in declared and name not in self.unread.fields[kind.name]:
                    place: Path = (*path, type_, name)
                    self.problems.add(place, f"{type_} carries no {name!r}", given=name, choices=declared)

    def expected(self, code: str, path: Path) -> None:
        """Note an outcome or a code that there is not."""
        gate, dot, _ = code.partition(".")
        if code in OUTCOMES or (dot and gate in GATES) or code in self.rules_unread:
            return
        if gate == "guard" and self.problems.keys_at(("kinds",)):
            return
        known = [*self.rules, *self.guards]
        if code not in known:
            message = f"{code!r} is neither an outcome ({', '.join(OUTCOMES)}) nor the code of a finding"
            self.problems.add(path, message, given=code, choices=[*OUTCOMES, *known])


WITH_TABLES: Final = ("create", "set", "put", "add", "include", "exclude", "append", "emit")
"""Changes that are written as tables of records."""


def _types(kind: CompiledKind) -> Iterator[str]:
    """Yield what the events on records of a kind may be called."""
    yield from kind.events
    yield from kind.named_events.values()
    for word in LIFE_EVENTS:
        yield f"{kind.name}.{word}"
