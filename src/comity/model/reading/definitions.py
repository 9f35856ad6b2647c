"""From the text of a definition to its parts."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final, Literal, get_args

from comity import limits
from comity.model import refs
from comity.model.definition import (
    ActionDefinition,
    AgentDefinition,
    BlindWrites,
    Definition,
    EventDefinition,
    FieldDefinition,
    Freshness,
    GuardDefinition,
    KindDefinition,
    OnRemoval,
)
from comity.model.proposals import AgentKind
from comity.model.reading.keywords import KEYWORDS, REFUSED, read_schema, refusal
from comity.model.reading.problems import Problems
from comity.model.reading.sections import Section, describe
from comity.model.records import Life
from comity.model.values import normalise

FRESHNESS: Final[tuple[Freshness, ...]] = get_args(Freshness)
BLIND_WRITES: Final[tuple[BlindWrites, ...]] = get_args(BlindWrites)
ON_REMOVAL: Final[tuple[OnRemoval, ...]] = get_args(OnRemoval)
AGENT_KINDS: Final[tuple[AgentKind, ...]] = get_args(AgentKind)
LIVES: Final[tuple[Life, ...]] = get_args(Life)
UNDECLARED: Final[tuple[Literal["refuse", "allow"], ...]] = ("refuse", "allow")
LEADS_TO: Final[tuple[Life, ...]] = ("live", "archived", "deleted")
ACTORS: Final = ("operator",)

ROOT_KEYS: Final = ("name", "freshness", "blind_writes", "undeclared", "agents", "kinds", "actions")
KIND_KEYS: Final = ("owner", "freshness", "blind_writes", "indexes", "fields", "guards", "events")
DATA_KEYS: Final = ("required", "ref")
FIELD_KEYS: Final = ("required", "default", "owner", "ref", "on_removal", "event")
EVENT_KEYS: Final = ("owner", "data", "then")
TRANSITION_KEYS: Final = ("lives", "leads_to", "actors")

ROOT_HINTS: Final = {"rules": "this version doesn't know rules yet; express what must always hold as a guard"}
DATA_HINTS: Final = {
    key: f"{key!r} belongs to a field of a record, not to what an event carries"
    for key in ("default", "owner", "on_removal", "event")
}
SCHEMA_HINTS: Final = {key: refusal(key) for key in REFUSED}

FAULT: Final = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


def read_definition(source: str, *, origin: str = "comity.toml") -> Definition:
    r"""Return the definition that a TOML text describes.

    ``origin`` is what messages call the text, usually its file's name. Raises
    InvalidDefinition with every problem of the text, each with its line and path.

    >>> definition = read_definition('[kinds.ticket.fields]\ntitle = { type = "string" }')
    >>> definition.kinds[0].fields[0].schema
    {'type': 'string'}
    """
    return _read(source, origin, is_built_in=False)


def read_built_in(source: str, *, origin: str) -> Definition:
    """Return a definition of Comity's own kinds: their names begin with ``$``, their events are transitions."""
    return _read(source, origin, is_built_in=True)


def _read(source: str, origin: str, *, is_built_in: bool) -> Definition:
    problems = Problems(source, origin)
    root = Section(_parse(source, problems), (), problems)
    root.allow(ROOT_KEYS, hints=ROOT_HINTS)
    agents = _read_agents(root.section("agents"))
    definition = Definition(
        name=_read_name(root),
        agents=agents,
        kinds=_KindReader(problems, agents, is_built_in=is_built_in).kinds(root.section("kinds")),
        actions=_read_actions(root.section("actions")),
        freshness=root.choice("freshness", FRESHNESS),
        blind_writes=root.optional_choice("blind_writes", BLIND_WRITES),
        undeclared=root.choice("undeclared", UNDECLARED),
        source=source,
    )
    problems.raise_any()
    return definition


def _parse(source: str, problems: Problems) -> dict[str, Any]:
    """Return the tables of a TOML text; raises InvalidDefinition if it isn't one."""
    table: dict[str, Any] = {}
    try:
        if len(source.encode()) > limits.DEFINITION_BYTES:
            raise ValueError(f"a definition may have at most {limits.DEFINITION_BYTES} bytes")
        table = tomllib.loads(source.removeprefix("\ufeff"))
    except UnicodeEncodeError:
        problems.add_at(None, "a definition may not hold lone surrogates")
    except ValueError as error:
        line, message = _fault(source, str(error))
        problems.add_at(line, message)
    except RecursionError:
        problems.add_at(None, f"nested deeper than {limits.VALUE_DEPTH}")
    problems.raise_any()
    return table


def _fault(source: str, message: str) -> tuple[int | None, str]:
    """Return line and text of an error of tomllib, which tells both in one text."""
    placed = FAULT.fullmatch(message)
    if placed is None:
        return None, message
    if placed[2] is None:
        return source.count("\n") + 1, f"no valid TOML: {placed[1]}, at the end"
    return int(placed[2]), f"no valid TOML: {placed[1]}, at column {placed[3]}"


def _read_name(root: Section) -> str:
    return root.name("name", "name") or "workspace"


def _check_count(section: Section, limit: int, what: str) -> None:
    if len(section.table) > limit:
        section.problems.add(section.path, f"{len(section.table)} {what}, of at most {limit}")


def _read_agents(section: Section) -> tuple[AgentDefinition, ...]:
    _check_count(section, limits.AGENTS, "agents")
    return tuple(
        _read_agent(name, entry)
        for name, entry in section.sections(example='{ role = "sales" }')
        if entry.is_name(name, "agent")
    )


def _read_agent(name: str, entry: Section) -> AgentDefinition:
    entry.allow(("role", "kind"))
    role = entry.name("role", "role") or name
    return AgentDefinition(name=name, role=role, kind=entry.choice("kind", AGENT_KINDS))


def _read_actions(section: Section) -> tuple[ActionDefinition, ...]:
    actions: list[ActionDefinition] = []
    for name, entry in section.sections(example='{ kind = "outreach" }'):
        entry.allow(("kind", "effects"))
        if entry.is_name(name, "action"):
            kind, effects = entry.name("kind", "action"), entry.names("effects", "effect")
            actions.append(ActionDefinition(name=name, kind=kind, effects=effects))
    return tuple(actions)


class _KindReader:
    """Read kinds and what is in them, with the agents at hand that owners are checked against."""

    def __init__(self, problems: Problems, agents: tuple[AgentDefinition, ...], *, is_built_in: bool) -> None:
        self.problems = problems
        self.is_built_in = is_built_in
        self.owners = {name for agent in agents for name in (agent.name, agent.role)}

    def kinds(self, section: Section) -> tuple[KindDefinition, ...]:
        """Return all kinds with a valid name."""
        _check_count(section, limits.KINDS, "kinds")
        entries = section.sections(example="[kinds.customer.fields]")
        return tuple(self.kind(name, entry) for name, entry in entries if self.is_kind_name(name, entry))

    def is_kind_name(self, name: str, entry: Section) -> bool:
        if refs.is_built_in(name) and not self.is_built_in:
            self.problems.add(entry.path, "kinds that begin with '$' are Comity's own and can't be declared")
            return False
        return entry.is_name(name, "kind")

    def kind(self, name: str, entry: Section) -> KindDefinition:
        stray = {key for key, value in entry.table.items() if isinstance(value, dict) and key not in KIND_KEYS}
        hints = {key: f"unknown key {key!r}; fields stand in [kinds.{name}.fields]" for key in stray}
        entry.allow(KIND_KEYS, hints=hints)
        return KindDefinition(
            name=name,
            owner=self.owner(entry),
            fields=self.fields(entry.section("fields"), is_data=False),
            guards=self.guards(entry),
            events=self.events(entry.section("events")),
            indexes=self.indexes(entry),
            freshness=entry.optional_choice("freshness", FRESHNESS),
            blind_writes=entry.optional_choice("blind_writes", BLIND_WRITES),
        )

    def owner(self, entry: Section) -> tuple[str, ...]:
        names = entry.names("owner", "owner")
        if entry.table.get("owner") == []:
            entry.problem("owner", "an empty list would let nobody write; leave 'owner' out to let everyone")
        for name in names:
            if self.owners and name not in self.owners:
                message = f"{name!r} is neither an agent nor a role of [agents]"
                entry.problem("owner", message, given=name, choices=sorted(self.owners))
        return names

    def fields(self, section: Section, *, is_data: bool) -> tuple[FieldDefinition, ...]:
        _check_count(section, limits.FIELDS_PER_RECORD, "fields")
        fields: list[FieldDefinition] = []
        for name, entry in section.sections(example='{ type = "string" }'):
            if entry.is_name(name, "field"):
                fields.append(self.data(name, entry) if is_data else self.field(name, entry))
        return tuple(fields)

    def data(self, name: str, entry: Section) -> FieldDefinition:
        entry.allow((*DATA_KEYS, *sorted(KEYWORDS)), hints=SCHEMA_HINTS | DATA_HINTS)
        return FieldDefinition(
            name=name,
            schema=read_schema(entry.table, entry.path, self.problems),
            required=_read_required(entry),
            ref=entry.name("ref", "kind"),
        )

    def field(self, name: str, entry: Section) -> FieldDefinition:
        entry.allow((*FIELD_KEYS, *sorted(KEYWORDS)), hints=SCHEMA_HINTS)
        return FieldDefinition(
            name=name,
            schema=read_schema(entry.table, entry.path, self.problems),
            required=_read_required(entry),
            default=_read_default(entry),
            owner=self.owner(entry),
            ref=entry.name("ref", "kind"),
            on_removal=self.on_removal(entry),
            event=entry.name("event", "event"),
        )

    def on_removal(self, entry: Section) -> OnRemoval:
        if "on_removal" in entry.table and "ref" not in entry.table:
            entry.problem("on_removal", "says what happens when the record referred to goes: it needs a 'ref'")
        return entry.choice("on_removal", ON_REMOVAL)

    def guards(self, entry: Section) -> tuple[GuardDefinition, ...]:
        guards: list[GuardDefinition] = []
        for guard in entry.listed("guards"):
            guard.allow(("name", "check", "why"))
            check = guard.text("check", limit=limits.EXPRESSION_CHARS, needed=True)
            name = guard.name("name", "name")
            if "name" not in guard.table:
                self.problems.add(guard.path, "'name' is missing: it is what a refusal is called by")
            if name is not None and check is not None:
                why = guard.text("why", limit=limits.REASON_CHARS)
                guards.append(GuardDefinition(name=name, check=check, why=why))
        if len(guards) > limits.GUARDS_PER_KIND:
            entry.problem("guards", f"{len(guards)} guards, of at most {limits.GUARDS_PER_KIND}")
        return tuple(guards)

    def events(self, section: Section) -> tuple[EventDefinition, ...]:
        entries = section.sections(example='{ then = { open_tickets = "record.open_tickets + 1" } }')
        return tuple(self.event(name, entry) for name, entry in entries if entry.is_name(name, "event"))

    def event(self, name: str, entry: Section) -> EventDefinition:
        entry.allow((*EVENT_KEYS, *TRANSITION_KEYS) if self.is_built_in else EVENT_KEYS)
        return EventDefinition(
            name=name,
            owner=self.owner(entry),
            data=self.fields(entry.section("data"), is_data=True),
            then=_read_consequences(entry.section("then")),
            lives=_read_lives(entry) if self.is_built_in else ("live",),
            leads_to=entry.choice("leads_to", LEADS_TO) if self.is_built_in else "live",
            actors=_read_actors(entry) if self.is_built_in else (),
        )

    def indexes(self, entry: Section) -> tuple[tuple[str, ...], ...]:
        value = entry.table.get("indexes", [])
        is_list = isinstance(value, list) and all(_is_list_of_texts(item) for item in value)
        if not is_list:
            entry.problem("indexes", 'must be a list of lists of fields, such as [["status"], ["status", "name"]]')
            return ()
        if len(value) > limits.INDEXES_PER_KIND:
            entry.problem("indexes", f"{len(value)} indexes, of at most {limits.INDEXES_PER_KIND}")
        return tuple(tuple(item) for item in value)


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _read_required(entry: Section) -> bool:
    return entry.flag("required", otherwise="; the keys of an object are required by allOf = [{ required = [...] }]")


def _read_default(entry: Section) -> Any:
    try:
        return normalise(entry.table.get("default"))
    except ValueError as error:
        entry.problem("default", str(error))
        return None


def _read_consequences(section: Section) -> dict[str, str]:
    then: dict[str, str] = {}
    for field, value in section.table.items():
        if isinstance(value, str):
            then[field] = value
        else:
            section.problem(field, f'must be an expression in quotes, such as "0", not {describe(value)}')
    return then


def _read_lives(entry: Section) -> tuple[Life, ...]:
    given = entry.table.get("lives", ["live"])
    return tuple(life for life in LIVES if life in given)


def _read_actors(entry: Section) -> tuple[str, ...]:
    actors = entry.names("actors", "owner")
    for actor in actors:
        if actor not in ACTORS:
            entry.problem("actors", f"unknown actor {actor!r}", given=actor, choices=ACTORS)
    return actors
