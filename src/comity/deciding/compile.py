"""Checking a definition as a whole, and making it ready for judging.

:mod:`comity.model.reading` finds what is wrong with the text; here it is found whether
schemas, expressions, references and owners make sense together. All problems of both are
told at once, with their places: where a text can't be read in parts, the rest is judged,
and nothing is said about what refers to the parts that are lacking.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, lru_cache

from comity import limits
from comity.deciding import schemas
from comity.deciding.actions import compile_actions
from comity.deciding.compiled import (
    Compiled,
    CompiledEvent,
    CompiledGuard,
    CompiledKind,
    Referrer,
    readers_of,
)
from comity.deciding.consent import Consent
from comity.deciding.examples import check_examples
from comity.deciding.expressions import (
    RESERVED_NAMES,
    Environment,
    Expression,
    FieldType,
    protobuf_key,
    variable_name,
)
from comity.deciding.fields import CompiledField, compile_field
from comity.deciding.modes import compile_modes
from comity.deciding.outward import compile_effects
from comity.deciding.readers import with_readers
from comity.deciding.rules import compile_rules
from comity.deciding.workflows import check_workflows, compile_workflows
from comity.errors import InvalidExpression
from comity.model.built_in import built_in
from comity.model.definition import (
    BlindWrites,
    Definition,
    EventDefinition,
    FieldDefinition,
    GuardDefinition,
    KindDefinition,
)
from comity.model.reading import Path, Problems, Reading, Unread, mentions, read_partly
from comity.model.reading.sections import quoted

__all__ = [
    "Compiled",
    "CompiledEvent",
    "CompiledField",
    "CompiledGuard",
    "CompiledKind",
    "Referrer",
    "compile_definition",
    "load_definition",
]

EVENT_ROOTS = ("at", "by")
"""What every event carries besides its declared data."""

Fields = Mapping[str, CompiledField]

ANYTHING = FieldType("any")
UNKNOWN = FieldType("any", nullable=False)
"""The type of a field of which something is wrong: expressions that use it are right, however they do."""


def load_definition(
    source: str, number: int, *, origin: str = "comity.toml", shadowed: Collection[str] = ()
) -> Compiled:
    r"""Return the definition that a TOML text describes, ready for judging.

    ``number`` is its version in the workspace's log; ``origin`` is what messages call the
    text; ``shadowed`` names the rules that run in shadow unless they have a mode of their
    own. Raises InvalidDefinition with every problem of the text and of what it means, in
    the order of their lines; of a text that is no TOML only this is told.

    >>> load_definition('[kinds.ticket.fields]\ntitle = { type = "string" }', 1).kinds["ticket"].field_names
    ('title',)
    """
    return _compile(read_partly(source, origin=origin), number, shadowed)


def compile_definition(definition: Definition, number: int, *, origin: str = "comity.toml") -> Compiled:
    """Return a definition ready for judging, the built-in kinds included.

    ``number`` is its version in the workspace's log. Raises InvalidDefinition with every
    problem; ``origin`` is what the messages call its text.
    """
    return _compile(_as_read(definition, origin), number)


def _as_read(definition: Definition, origin: str) -> Reading:
    return Reading(definition, Problems(definition.source, origin), Unread())


def _compile(reading: Reading, number: int, shadowed: Collection[str] = ()) -> Compiled:
    definition = reading.definition
    compiler = _KindCompiler(reading)
    declared, environment = _compile_kinds(compiler)
    book = compile_rules(reading, environment, shadowed)
    modes = compile_modes(reading)
    actions = compile_actions(reading)
    effects = compile_effects(reading, compiler, environment)
    workflows = compile_workflows(reading, compiler)
    check_workflows(reading, declared, effects, environment)
    check_examples(reading, declared)
    reading.problems.raise_any()
    return Compiled(
        definition=definition,
        number=number,
        kinds={**_built_in_kinds(), **declared},
        agents={agent.name: agent for agent in definition.agents},
        actions=actions,
        effects=effects,
        workflows=workflows,
        referrers=_referrers(declared.values()),
        has_declared_kinds=bool(declared),
        any_kind=_any_kind(definition),
        assume=lru_cache(limits.ASSUMPTIONS_CACHED)(environment.assumption),
        rules=book,
        modes=modes,
        shadowed=tuple(shadowed),
        readers=readers_of(declared.values(), effects, workflows),
    )


def _compile_kinds(compiler: _KindCompiler) -> tuple[dict[str, CompiledKind], Environment]:
    """Return a definition's own kinds, and the environment that assumptions about them are compiled in."""
    definition = compiler.definition
    kinds = {kind.name: compiler.kind(kind) for kind in definition.kinds}
    environment = Environment(
        {_root(name): _types(kind.fields) for name, kind in kinds.items()},
        referrers={to: frozenset(one.kind for one in found) for to, found in _referrers(kinds.values()).items()},
        takes_undeclared=definition.undeclared == "allow" or not kinds,
    )
    return kinds, environment


@cache
def _built_in_kinds() -> Mapping[str, CompiledKind]:
    reading = _as_read(built_in(), "built_in.toml")
    kinds, _ = _compile_kinds(_KindCompiler(reading))
    reading.problems.raise_any()
    return kinds


def _root(kind: str) -> str:
    """Return the name by which expressions know a kind; built-in ones are known to their own alone."""
    return kind.replace("$", "built_in_")


def _types(fields: Fields) -> dict[str, FieldType]:
    return {name: field.type for name, field in fields.items()}


def _any_kind(definition: Definition) -> CompiledKind:
    return CompiledKind(
        name="",
        owners=frozenset(),
        fields={},
        guards=(),
        events={},
        required=(),
        defaults={},
        named_events={},
        freshness=definition.freshness,
        blind_writes=definition.blind_writes or "warn",
    )


def _referrers(kinds: Iterable[CompiledKind]) -> dict[str, tuple[Referrer, ...]]:
    found: dict[str, tuple[Referrer, ...]] = {}
    for kind in kinds:
        for field in kind.fields.values():
            target = field.definition.ref
            if target is not None:
                referrer = Referrer(kind.name, field.name, field.definition.on_removal, field.is_list)
                found[target] = (*found.get(target, ()), referrer)
    return found


# -- names


def _check_names(definition: Definition, problems: Problems) -> frozenset[Path]:
    """Note the names that expressions can't use, and return the paths of the fields among them."""
    taken: dict[str, str] = {}
    alike: list[Path] = []
    for kind in definition.kinds:
        path: Path = ("kinds", kind.name)
        variable = variable_name(_root(kind.name))
        if variable in RESERVED_NAMES:
            problems.add(path, f"{variable!r} means something else in expressions; take another name")
        _check_apart(taken, protobuf_key(variable), kind.name, path, problems)
        alike.extend(_check_members(kind.fields, (*path, "fields"), problems))
        for event in kind.events:
            alike.extend(_check_members(event.data, (*path, "events", event.name, "data"), problems))
    return frozenset(alike)


def _check_members(fields: Iterable[FieldDefinition], path: Path, problems: Problems) -> Iterator[Path]:
    taken: dict[str, str] = {}
    for field in fields:
        here: Path = (*path, field.name)
        if not _check_apart(taken, protobuf_key(field.name), field.name, here, problems):
            yield here


def _check_apart(taken: dict[str, str], key: str, name: str, path: Path, problems: Problems) -> bool:
    other = taken.setdefault(key, name)
    if other != name:
        problems.add(
            path, f"{name!r} and {other!r} differ only in '_', '-' or case, and expressions can't tell them apart"
        )
    return other == name


# -- kinds


class _KindCompiler:
    """Compile kinds one by one, noting problems."""

    def __init__(self, reading: Reading) -> None:
        self.definition = reading.definition
        self.problems = reading.problems
        self.unread = reading.unread
        self.alike = _check_names(self.definition, self.problems)
        self.consent = Consent({agent.name: agent for agent in self.definition.agents}, self.unread.owners)
        self.kind_names = [kind.name for kind in self.definition.kinds]

    def kind(self, kind: KindDefinition) -> CompiledKind:
        """Return a kind without what can't be compiled; its expressions see the fields of no other."""
        fields = self.fields(kind)
        environment = Environment({_root(kind.name): _types(fields)})
        self.check_indexes(kind, fields)
        self.check_named_events(kind)
        self.check_creation(kind, fields)
        return CompiledKind(
            name=kind.name,
            owners=frozenset(kind.owner),
            fields=fields,
            guards=self.guards(kind, environment),
            events={
                event.name: _EventCompiler(self, kind, event, fields).compile(environment) for event in kind.events
            },
            required=tuple(field.name for field in kind.fields if field.required),
            defaults={name: field.default for name, field in fields.items() if field.default is not None},
            named_events={field.name: field.event for field in kind.fields if field.event is not None},
            freshness=kind.freshness or self.definition.freshness,
            blind_writes=self.blind_writes(kind),
            readers=frozenset((*kind.readers, *kind.owner)) if kind.readers else frozenset(),
        )

    def blind_writes(self, kind: KindDefinition) -> BlindWrites:
        return kind.blind_writes or self.definition.blind_writes or "refuse"

    # -- fields

    def fields(self, kind: KindDefinition) -> dict[str, CompiledField]:
        """Return the fields of a kind, those left out that can't be compiled."""
        path: Path = ("kinds", kind.name, "fields")
        found: dict[str, CompiledField] = {}
        for definition in self.told_apart(kind, kind.fields, path):
            field = self.field(definition, kind.owner, (*path, definition.name), kind.readers)
            self.check_removal(field, (*path, definition.name))
            self.check_default(field, (*path, definition.name))
            found[definition.name] = field
        return found

    def told_apart(
        self, kind: KindDefinition, fields: Iterable[FieldDefinition], path: Path
    ) -> Iterator[FieldDefinition]:
        """Yield the fields that expressions can tell apart; the others are noted already, and can't be referred to."""
        for field in fields:
            if (*path, field.name) in self.alike:
                self.unread.fields[kind.name].add(field.name)
            else:
                yield field

    def field(
        self, definition: FieldDefinition, owners: tuple[str, ...], path: Path, readers: tuple[str, ...] = ()
    ) -> CompiledField:
        """Return a field; one that is wrong is noted, and compiled as if it could hold anything."""
        if definition.ref is not None:
            self.check_ref(definition.ref, path)
        wrong = self.unread.contents.get(path)
        if wrong is None:
            self.check_ref_type(definition, path)
            schema = schemas.effective_schema(definition)
        else:
            schema = {key: value for key, value in definition.schema.items() if key not in wrong}
        faults = list(schemas.schema_problems(schema))
        for place, message in faults:
            self.problems.add((*path, *place), message)
        if wrong is None and not faults:
            return compile_field(definition, owners, readers)
        blank = FieldDefinition(name=definition.name, owner=definition.owner)
        return replace(compile_field(blank, owners), type=UNKNOWN)

    def check_ref(self, kind: str, path: Path) -> None:
        self.check_kind(kind, (*path, "ref"))

    def check_kind(self, kind: str, path: Path) -> None:
        """Note a kind that isn't there."""
        is_known = kind in self.kind_names or kind in self.unread.kinds
        if not is_known and self.definition.undeclared == "refuse":
            self.problems.add(path, f"there is no kind {kind!r}", given=kind, choices=self.kind_names)

    def check_ref_type(self, field: FieldDefinition, path: Path) -> None:
        if field.ref is None:
            return
        schema = schemas.effective_schema(field)
        items = schema.get("items") if schema["type"] == "array" else schema
        if not isinstance(items, dict) or items.get("type") != "string":
            self.problems.add(
                (*path, "type"), 'a reference is an id: its type is "string", or "array" for a list of ids'
            )

    def check_removal(self, field: CompiledField, path: Path) -> None:
        if field.definition.on_removal != "detach":
            return
        if field.definition.required and not field.is_list:
            self.problems.add(
                (*path, "on_removal"), "'detach' would empty a required field; take 'refuse' or 'cascade'"
            )
        if field.is_list and field.definition.schema.get("minItems"):
            self.problems.add((*path, "on_removal"), "'detach' would take items out of a list with 'minItems'")

    def check_default(self, field: CompiledField, path: Path) -> None:
        for problem in field.problems(field.default):
            self.problems.add((*path, "default"), problem)

    # -- indexes, events and creation

    def check_indexes(self, kind: KindDefinition, fields: Fields) -> None:
        for position, index in enumerate(kind.indexes):
            path: Path = ("kinds", kind.name, "indexes", position)
            if len(set(index)) < len(index) or index in kind.indexes[:position]:
                self.problems.add(path, f"{quoted(index)} is named twice")
            for name in index:
                if name not in self.unread.fields[kind.name]:
                    self.check_indexed(name, fields, path)

    def check_indexed(self, name: str, fields: Fields, path: Path) -> None:
        field = fields.get(name)
        if field is None:
            self.problems.add(path, f"there is no field {name!r}", given=name, choices=fields)
        elif field.type.name in ("list", "map"):
            self.problems.add(path, f"{name!r} holds no single value, so there is nothing to order by")

    def check_named_events(self, kind: KindDefinition) -> None:
        """Note fields whose event is declared as one to emit too: nobody could tell the two apart in the log."""
        declared = {event.name for event in kind.events}
        for field in kind.fields:
            if field.event in declared:
                path: Path = ("kinds", kind.name, "fields", field.name, "event")
                self.problems.add(path, f"{field.event!r} is declared as an event to emit; take another name")

    def check_creation(self, kind: KindDefinition, fields: Fields) -> None:
        needed = [field for field in fields.values() if field.definition.required and field.default is None]
        if ("kinds", kind.name) in self.unread.ownership or not all(self.is_owned(kind, field) for field in needed):
            return
        if not self.consent.can_create(frozenset(kind.owner), needed):
            names = ", ".join(f"{field.name} ({' or '.join(sorted(field.owners)) or 'everyone'})" for field in needed)
            message = f"nobody may create one: no agent may write all that is required: {names}"
            self.problems.add(("kinds", kind.name), f"{message}; give a default, or a common owner")

    def is_owned(self, kind: KindDefinition, field: CompiledField) -> bool:
        """Tell whether it is known who owns a field."""
        return self.has_owner(kind, ("kinds", kind.name, "fields", field.name), field.definition.owner)

    def has_owner(self, kind: KindDefinition, path: Path, owner: tuple[str, ...]) -> bool:
        """Tell whether an owner could be read: that of the path itself, or where it names none, that of the kind."""
        is_kind_read = ("kinds", kind.name) not in self.unread.ownership
        return path not in self.unread.ownership and (bool(owner) or is_kind_read)

    # -- guards

    def guards(self, kind: KindDefinition, environment: Environment) -> tuple[CompiledGuard, ...]:
        """Return the guards of a kind that can be compiled."""
        found: list[CompiledGuard] = []
        for position, guard in enumerate(kind.guards):
            path: Path = ("kinds", kind.name, "guards", position)
            if any(guard.name == other.name for other in found):
                self.problems.add((*path, "name"), f"there is a guard {guard.name!r} already")
            compiled = self.guard(kind, guard, environment, path)
            if compiled is not None:
                found.append(compiled)
        return tuple(found)

    def guard(
        self, kind: KindDefinition, guard: GuardDefinition, environment: Environment, path: Path
    ) -> CompiledGuard | None:
        try:
            return CompiledGuard(guard.name, guard.why, environment.guard(_root(kind.name), guard.check))
        except InvalidExpression as error:
            self.note_expression(kind, guard.check, (*path, "check"), error)
            return None

    def note_expression(self, kind: KindDefinition, source: str, path: Path, error: InvalidExpression) -> None:
        """Note what is wrong with an expression, unless it looks at something that couldn't be read."""
        if not mentions(source, self.unread.fields[kind.name]):
            self.problems.add_expression(path, error)


class _EventCompiler:
    """Compile one named event."""

    def __init__(self, kinds: _KindCompiler, kind: KindDefinition, event: EventDefinition, fields: Fields) -> None:
        self.kinds = kinds
        self.problems = kinds.problems
        self.kind = kind
        self.event = event
        self.fields = fields
        self.path: Path = ("kinds", kind.name, "events", event.name)
        self.owners = frozenset(event.owner or kind.owner)

    def compile(self, environment: Environment) -> CompiledEvent:
        """Return the event, without the consequences that can't be compiled."""
        data = self.data()
        types = _types(data)
        then: dict[str, Expression] = {}
        for name, source in self.event.then.items():
            expression = self.consequence(name, source, types, environment)
            if expression is not None:
                then[name] = expression
        return CompiledEvent(
            name=self.event.name,
            owners=self.owners,
            data=with_readers(data, then, self.fields, self.owners, frozenset(self.kind.readers)),
            then=then,
            lives=self.event.lives,
            leads_to=self.event.leads_to,
            actors=self.event.actors,
            check=self.check(types, environment),
            why=self.event.why,
        )

    def check(self, types: Mapping[str, FieldType], environment: Environment) -> Expression | None:
        """Return what must hold for a transition to start; only built-in kinds say so."""
        if self.event.check is None:
            return None
        return environment.transition(_root(self.kind.name), types, self.event.check)

    def data(self) -> dict[str, CompiledField]:
        found: dict[str, CompiledField] = {}
        path: Path = (*self.path, "data")
        for definition in self.kinds.told_apart(self.kind, self.event.data, path):
            path = (*self.path, "data", definition.name)
            if definition.name in EVENT_ROOTS:
                self.problems.add(path, f"every event has {definition.name!r} already; take another name")
            else:
                found[definition.name] = self.kinds.field(definition, (), path)
        return found

    def consequence(
        self, name: str, source: str, types: Mapping[str, FieldType], environment: Environment
    ) -> Expression | None:
        path: Path = (*self.path, "then", name)
        field = self.fields.get(name)
        if field is not None:
            self.check_consent(field, path)
        elif name not in self.kinds.unread.fields[self.kind.name]:
            self.problems.add(path, f"there is no field {name!r}", given=name, choices=self.fields)
            return None
        target = ANYTHING if field is None or field.type is UNKNOWN else field.type
        try:
            return environment.consequence(_root(self.kind.name), types, source, target)
        except InvalidExpression as error:
            self.kinds.note_expression(self.kind, source, path, error)
            return None

    def check_consent(self, field: CompiledField, path: Path) -> None:
        is_emitter_known = self.kinds.has_owner(self.kind, self.path, self.event.owner)
        if not is_emitter_known or not self.kinds.is_owned(self.kind, field):
            return
        lacking = self.kinds.consent.lacking(self.owners, field.owners)
        if lacking:
            self.problems.add(
                path,
                f"{self.event.name} may be emitted by {' and '.join(lacking)}, who may not write {field.name!r}: "
                f"it belongs to {' and '.join(sorted(field.owners))}",
            )
