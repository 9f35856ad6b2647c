"""Checking a definition as a whole, and making it ready for judging.

:mod:`comity.model.reading` has found what is wrong with the text; here it is found whether
schemas, expressions, references and owners make sense together. All problems are told at
once, with the places that reading would give them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

from comity import limits
from comity.deciding import schemas
from comity.deciding.compiled import Compiled, CompiledEvent, CompiledGuard, CompiledKind, Referrer
from comity.deciding.consent import Consent
from comity.deciding.expressions import (
    RESERVED_NAMES,
    Environment,
    Expression,
    FieldType,
    protobuf_key,
    variable_name,
)
from comity.deciding.fields import CompiledField, compile_field
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
from comity.model.reading import Path, Problems
from comity.model.reading.sections import quoted

__all__ = [
    "Compiled",
    "CompiledEvent",
    "CompiledField",
    "CompiledGuard",
    "CompiledKind",
    "Referrer",
    "compile_definition",
]

EVENT_ROOTS = ("at", "by")
"""What every event carries besides its declared data."""

Fields = Mapping[str, CompiledField]


def compile_definition(definition: Definition, number: int, *, origin: str = "comity.toml") -> Compiled:
    """Return a definition ready for judging, the built-in kinds included.

    ``number`` is its version in the workspace's log. Raises InvalidDefinition with every
    problem; ``origin`` is what the messages call its text.
    """
    declared, environment = _compile_kinds(definition, origin)
    return Compiled(
        definition=definition,
        number=number,
        kinds={**_built_in_kinds(), **declared},
        agents={agent.name: agent for agent in definition.agents},
        actions={action.name: action for action in definition.actions},
        referrers=_referrers(declared.values()),
        has_declared_kinds=bool(declared),
        any_kind=_any_kind(definition),
        assume=lru_cache(limits.ASSUMPTIONS_CACHED)(environment.assumption),
    )


def _compile_kinds(definition: Definition, origin: str) -> tuple[dict[str, CompiledKind], Environment]:
    """Return a definition's own kinds, and the environment that their expressions were compiled in."""
    problems = Problems(definition.source, origin)
    _check_names(definition, problems)
    problems.raise_any()
    consent = Consent({agent.name: agent for agent in definition.agents})
    compiler = _KindCompiler(definition, problems, consent)
    fields = {kind.name: compiler.fields(kind) for kind in definition.kinds}
    environment = Environment({_root(name): _types(declared) for name, declared in fields.items()})
    kinds = {kind.name: compiler.kind(kind, fields[kind.name], environment) for kind in definition.kinds}
    problems.raise_any()
    return kinds, environment


@cache
def _built_in_kinds() -> Mapping[str, CompiledKind]:
    return _compile_kinds(built_in(), "built_in.toml")[0]


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


def _check_names(definition: Definition, problems: Problems) -> None:
    taken: dict[str, str] = {}
    for kind in definition.kinds:
        path: Path = ("kinds", kind.name)
        variable = variable_name(_root(kind.name))
        if variable in RESERVED_NAMES:
            problems.add(path, f"{variable!r} means something else in expressions; take another name")
        _check_apart(taken, protobuf_key(variable), kind.name, path, problems)
        _check_members(kind.fields, (*path, "fields"), problems)
        for event in kind.events:
            _check_members(event.data, (*path, "events", event.name, "data"), problems)


def _check_members(fields: Iterable[FieldDefinition], path: Path, problems: Problems) -> None:
    taken: dict[str, str] = {}
    for field in fields:
        _check_apart(taken, protobuf_key(field.name), field.name, (*path, field.name), problems)


def _check_apart(taken: dict[str, str], key: str, name: str, path: Path, problems: Problems) -> None:
    other = taken.setdefault(key, name)
    if other != name:
        problems.add(
            path, f"{name!r} and {other!r} differ only in '_', '-' or case, and expressions can't tell them apart"
        )


# -- kinds


class _KindCompiler:
    """Compile kinds one by one, noting problems."""

    def __init__(self, definition: Definition, problems: Problems, consent: Consent) -> None:
        self.definition = definition
        self.problems = problems
        self.consent = consent
        self.kind_names = [kind.name for kind in definition.kinds]

    def kind(self, kind: KindDefinition, fields: Fields, environment: Environment) -> CompiledKind:
        """Return a kind whose fields are compiled already."""
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
        )

    def blind_writes(self, kind: KindDefinition) -> BlindWrites:
        return kind.blind_writes or self.definition.blind_writes or "refuse"

    # -- fields

    def fields(self, kind: KindDefinition) -> dict[str, CompiledField]:
        """Return the fields of a kind, those left out that can't be compiled."""
        path: Path = ("kinds", kind.name, "fields")
        found: dict[str, CompiledField] = {}
        for definition in kind.fields:
            field = self.field(definition, kind.owner, (*path, definition.name))
            self.check_removal(field, (*path, definition.name))
            self.check_default(field, (*path, definition.name))
            found[definition.name] = field
        return found

    def field(self, definition: FieldDefinition, owners: tuple[str, ...], path: Path) -> CompiledField:
        """Return a field; one whose schema is wrong is noted, and compiled as if it could hold anything."""
        self.check_ref(definition, path)
        faults = list(schemas.schema_problems(schemas.effective_schema(definition)))
        for place, message in faults:
            self.problems.add((*path, *place), message)
        if faults:
            return compile_field(FieldDefinition(name=definition.name), owners)
        return compile_field(definition, owners)

    def check_ref(self, field: FieldDefinition, path: Path) -> None:
        if field.ref is None:
            return
        if field.ref not in self.kind_names and self.definition.undeclared == "refuse":
            message = f"there is no kind {field.ref!r}"
            self.problems.add((*path, "ref"), message, given=field.ref, choices=self.kind_names)
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
        if not self.consent.can_create(frozenset(kind.owner), needed):
            names = ", ".join(f"{field.name} ({' or '.join(sorted(field.owners)) or 'everyone'})" for field in needed)
            message = f"nobody may create one: no agent may write all that is required: {names}"
            self.problems.add(("kinds", kind.name), f"{message}; give a default, or a common owner")

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
            self.problems.add((*path, "check"), explain(error))
            return None


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
            data=data,
            then=then,
            lives=self.event.lives,
            leads_to=self.event.leads_to,
            actors=self.event.actors,
        )

    def data(self) -> dict[str, CompiledField]:
        found: dict[str, CompiledField] = {}
        for definition in self.event.data:
            path: Path = (*self.path, "data", definition.name)
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
        if field is None:
            self.problems.add(path, f"there is no field {name!r}", given=name, choices=self.fields)
            return None
        self.check_consent(field, path)
        try:
            return environment.consequence(_root(self.kind.name), types, source, field.type)
        except InvalidExpression as error:
            self.problems.add(path, explain(error))
            return None

    def check_consent(self, field: CompiledField, path: Path) -> None:
        lacking = self.kinds.consent.lacking(self.owners, field.owners)
        if lacking:
            self.problems.add(
                path,
                f"{self.event.name} may be emitted by {' and '.join(lacking)}, who may not write {field.name!r}: "
                f"it belongs to {' and '.join(sorted(field.owners))}",
            )


def explain(error: InvalidExpression) -> str:
    """Return what is wrong with an expression, with the place in it if it is known."""
    return f"{error}" if error.position is None else f"{error}, at character {error.position + 1}"
