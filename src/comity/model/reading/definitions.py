"""From the text of a definition to its parts."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
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
from comity.model.reading.alerts import read_alerts, read_cascades
from comity.model.reading.checks import read_checks
from comity.model.reading.effects import read_effects
from comity.model.reading.examples import read_examples
from comity.model.reading.keywords import KEYWORDS, REFUSED, read_schema, refusal
from comity.model.reading.names import nearest
from comity.model.reading.outbound import read_mail, read_webhooks
from comity.model.reading.partial import Reading, Unread, left_out, names_in
from comity.model.reading.parties import Parties
from comity.model.reading.problems import Problems
from comity.model.reading.retention import read_retention
from comity.model.reading.rules import read_rules
from comity.model.reading.sections import Section, describe
from comity.model.reading.workflows import read_workflows
from comity.model.records import Life
from comity.model.values import normalise

FRESHNESS: Final[tuple[Freshness, ...]] = get_args(Freshness)
BLIND_WRITES: Final[tuple[BlindWrites, ...]] = get_args(BlindWrites)
ON_REMOVAL: Final[tuple[OnRemoval, ...]] = get_args(OnRemoval)
AGENT_KINDS: Final[tuple[AgentKind, ...]] = get_args(AgentKind)
LIVES: Final[tuple[Life, ...]] = get_args(Life)
UNDECLARED: Final[tuple[Literal["refuse", "allow"], ...]] = ("refuse", "allow")
LEADS_TO: Final[tuple[Life, ...]] = ("live", "archived", "deleted")
ACTORS: Final = ("operator", "human", "anyone", "coordinator", "duty")

ROOT_KEYS: Final = (
    "name", "freshness", "blind_writes", "undeclared", "agents", "kinds", "actions", "effects", "workflows", "rules",
    "checks", "tests", "webhooks", "mail", "alerts", "cascades", "retention",
)  # fmt: skip
AGENT_KEYS: Final = ("role", "kind")
KIND_KEYS: Final = ("owner", "readers", "freshness", "blind_writes", "indexes", "fields", "guards", "events")
DATA_KEYS: Final = ("required", "ref", "readers")
FIELD_KEYS: Final = ("required", "default", "owner", "readers", "ref", "on_removal", "event")
ALL_DATA_KEYS: Final = (*DATA_KEYS, *sorted(KEYWORDS))
ALL_FIELD_KEYS: Final = (*FIELD_KEYS, *sorted(KEYWORDS))
APART_KEYS: Final = frozenset({"owner", "readers", "on_removal", "event"})
"""Of a field, what has nothing to do with the values that it holds."""
EVENT_KEYS: Final = ("owner", "data", "then")
TRANSITION_KEYS: Final = ("lives", "leads_to", "actors", "check", "why")

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
    return _whole(read_partly(source, origin=origin))


def read_partly(source: str, *, origin: str = "comity.toml") -> Reading:
    """Return what of a TOML text can be read as a definition, with the problems of the rest.

    Raises InvalidDefinition only where the text can't be taken apart: it is no TOML, or too large.
    """
    return _read(source, origin, is_built_in=False)


def read_built_in(source: str, *, origin: str) -> Definition:
    """Return a definition of Comity's own kinds: their names begin with ``$``, their events are transitions."""
    return _whole(_read(source, origin, is_built_in=True))


def _whole(reading: Reading) -> Definition:
    reading.problems.raise_any()
    return reading.definition


def _read(source: str, origin: str, *, is_built_in: bool) -> Reading:
    problems = Problems(source, origin)
    root = Section(_parse(source, problems), (), problems)
    unread = Unread(root.allow(ROOT_KEYS))
    agents = _read_agents(root.section("agents"))
    unread.owners.update(left_out(root.table.get("agents"), (agent.name for agent in agents)))
    reader = _KindReader(problems, unread, agents, is_built_in=is_built_in)
    kinds = reader.kinds(root.section("kinds"))
    unread.kinds.update(left_out(root.table.get("kinds"), (kind.name for kind in kinds)))
    actions = _read_actions(root.section("actions"))
    unread.actions.update(left_out(root.table.get("actions"), (action.name for action in actions)))
    parties = Parties(agents, unread)
    definition = Definition(
        name=_read_name(root),
        agents=agents,
        kinds=kinds,
        actions=actions,
        effects=read_effects(root.section("effects"), reader.carried),
        workflows=read_workflows(root, parties, reader.parameters),
        rules=read_rules(root, parties),
        checks=read_checks(root.section("checks"), parties),
        tests=read_examples(root, parties),
        webhooks=read_webhooks(root.section("webhooks")),
        mail=read_mail(root),
        alerts=read_alerts(root),
        cascades=read_cascades(root.section("cascades")),
        retention=read_retention(root.section("retention")),
        freshness=root.choice("freshness", FRESHNESS),
        blind_writes=root.optional_choice("blind_writes", BLIND_WRITES),
        undeclared=_read_undeclared(root),
        source=source,
    )
    return Reading(definition, problems, unread)


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


def _read_undeclared(root: Section) -> Literal["refuse", "allow"]:
    """Return whether undeclared kinds are allowed. Where that can't be read they are: none is then called unknown."""
    undeclared: Literal["refuse", "allow"] = root.choice("undeclared", UNDECLARED)
    if "undeclared" in _meant(root, ROOT_KEYS):
        return "allow"
    return undeclared


def _meant(section: Section, keys: Sequence[str]) -> set[str | int]:
    """Return the keys of a table with something wrong; a misspelt one counts as the one that is nearest."""
    wrong = section.problems.keys_at(section.path)
    return {nearest(str(key), keys) or key for key in wrong}


def _check_count(section: Section, limit: int, what: str) -> None:
    if len(section.table) > limit:
        section.problems.add(section.path, f"{len(section.table)} {what}, of at most {limit}")


def _read_agents(section: Section) -> tuple[AgentDefinition, ...]:
    _check_count(section, limits.AGENTS, "agents")
    entries = section.sections(example='{ role = "sales" }')
    agents = (_read_agent(name, entry) for name, entry in entries if entry.is_name(name, "agent"))
    return tuple(agent for agent in agents if agent is not None)


def _read_agent(name: str, entry: Section) -> AgentDefinition | None:
    """Return an agent, or None where its role can't be read: without it, nothing about it can be judged."""
    entry.allow(AGENT_KEYS)
    role = entry.name("role", "role")
    agent = AgentDefinition(name=name, role=role or name, kind=entry.choice("kind", AGENT_KINDS))
    return agent if _meant(entry, AGENT_KEYS) <= {"kind"} else None


def _read_actions(section: Section) -> tuple[ActionDefinition, ...]:
    actions: list[ActionDefinition] = []
    for name, entry in section.sections(example='{ kind = "outreach" }'):
        entry.allow(("kind", "effects", "about"))
        if entry.is_name(name, "action"):
            kind, effects = entry.name("kind", "action"), entry.names("effects", "effect")
            about = entry.names("about", "kind")
            actions.append(ActionDefinition(name=name, kind=kind, effects=effects, about=about))
    return tuple(actions)


class _KindReader:
    """Read kinds and what is in them, with the agents at hand that owners are checked against."""

    def __init__(
        self, problems: Problems, unread: Unread, agents: tuple[AgentDefinition, ...], *, is_built_in: bool
    ) -> None:
        self.problems = problems
        self.unread = unread
        self.is_built_in = is_built_in
        self.parties = Parties(agents, unread)

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
        self.unread.fields[name].update(names_in(entry.allow(KIND_KEYS, hints=hints)))
        kind = KindDefinition(
            name=name,
            owner=self.owner(entry),
            readers=self.readers(entry),
            fields=self.fields(name, entry),
            guards=self.guards(entry),
            events=self.events(name, entry.section("events")),
            indexes=self.indexes(entry),
            freshness=entry.optional_choice("freshness", FRESHNESS),
            blind_writes=entry.optional_choice("blind_writes", BLIND_WRITES),
        )
        self.note_owner(entry, KIND_KEYS)
        return kind if _has_table(entry, "fields") else KindDefinition(name=name)

    def note_owner(self, entry: Section, keys: Sequence[str]) -> None:
        """Remember a table whose owner can't be read."""
        if "owner" in _meant(entry, keys):
            self.unread.ownership.add(entry.path)

    def owner(self, entry: Section) -> tuple[str, ...]:
        names = entry.names("owner", "owner")
        if entry.table.get("owner") == []:
            entry.problem("owner", "an empty list would let nobody write; leave 'owner' out to let everyone")
        for name in names:
            self.parties.check(name, entry, "owner")
        return names

    def readers(self, entry: Section) -> tuple[str, ...]:
        names = entry.names("readers", "owner")
        if entry.table.get("readers") == []:
            entry.problem("readers", "an empty list says nothing; name the owner alone to show it to nobody else")
        for name in names:
            self.parties.check(name, entry, "readers")
        return names

    def fields(
        self, kind: str, holder: Section, key: Literal["fields", "data", "params"] = "fields"
    ) -> tuple[FieldDefinition, ...]:
        """Return the fields of a kind, or the data that one of its events carries."""
        section = holder.section(key)
        _check_count(section, limits.FIELDS_PER_RECORD, "fields")
        read = self.field if key == "fields" else self.data
        entries = section.sections(example='{ type = "string" }')
        fields = tuple(read(name, entry) for name, entry in entries if entry.is_name(name, "field"))
        self.unread.fields[kind].update(left_out(holder.table.get(key), (field.name for field in fields)))
        return fields

    def carried(self, name: str, holder: Section) -> tuple[FieldDefinition, ...]:
        """Return the data that something carries that is no event of a kind."""
        return self.fields(name, holder, "data")

    def parameters(self, name: str, holder: Section) -> tuple[FieldDefinition, ...]:
        """Return what something needs to be told when it is started."""
        return self.fields(name, holder, "params")

    def note_contents(self, entry: Section, keys: Sequence[str]) -> None:
        """Remember a field of which something can't be read that tells what values it holds."""
        if _meant(entry, keys) - APART_KEYS:
            self.unread.contents[entry.path] = self.problems.keys_at(entry.path)

    def data(self, name: str, entry: Section) -> FieldDefinition:
        entry.allow(ALL_DATA_KEYS, hints=SCHEMA_HINTS | DATA_HINTS)
        field = FieldDefinition(
            name=name,
            schema=read_schema(entry.table, entry.path, self.problems),
            required=_read_required(entry),
            readers=self.readers(entry),
            ref=entry.name("ref", "kind"),
        )
        self.note_contents(entry, ALL_DATA_KEYS)
        return field

    def field(self, name: str, entry: Section) -> FieldDefinition:
        entry.allow(ALL_FIELD_KEYS, hints=SCHEMA_HINTS)
        field = FieldDefinition(
            name=name,
            schema=read_schema(entry.table, entry.path, self.problems),
            required=_read_required(entry),
            default=_read_default(entry),
            owner=self.owner(entry),
            readers=self.readers(entry),
            ref=entry.name("ref", "kind"),
            on_removal=self.on_removal(entry),
            event=entry.name("event", "event"),
        )
        self.note_owner(entry, ALL_FIELD_KEYS)
        self.note_contents(entry, ALL_FIELD_KEYS)
        return field

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

    def events(self, kind: str, section: Section) -> tuple[EventDefinition, ...]:
        entries = section.sections(example='{ then = { open_tickets = "record.open_tickets + 1" } }')
        return tuple(self.event(kind, name, entry) for name, entry in entries if entry.is_name(name, "event"))

    def event(self, kind: str, name: str, entry: Section) -> EventDefinition:
        keys = (*EVENT_KEYS, *TRANSITION_KEYS) if self.is_built_in else EVENT_KEYS
        self.unread.fields[kind].update(names_in(entry.allow(keys)))
        then = _read_consequences(entry.section("then"))
        event = EventDefinition(
            name=name,
            owner=self.owner(entry),
            data=self.fields(kind, entry, "data"),
            then=then if _has_table(entry, "data") else {},
            lives=_read_lives(entry) if self.is_built_in else ("live",),
            leads_to=entry.choice("leads_to", LEADS_TO) if self.is_built_in else "live",
            actors=_read_actors(entry) if self.is_built_in else (),
            check=entry.text("check", limit=limits.EXPRESSION_CHARS) if self.is_built_in else None,
            why=entry.text("why", limit=limits.REASON_CHARS) if self.is_built_in else None,
        )
        self.note_owner(entry, keys)
        return event

    def indexes(self, entry: Section) -> tuple[tuple[str, ...], ...]:
        value = entry.table.get("indexes", [])
        is_list = isinstance(value, list) and all(_is_list_of_texts(item) for item in value)
        if not is_list:
            entry.problem("indexes", 'must be a list of lists of fields, such as [["status"], ["status", "name"]]')
            return ()
        if len(value) > limits.INDEXES_PER_KIND:
            entry.problem("indexes", f"{len(value)} indexes, of at most {limits.INDEXES_PER_KIND}")
        return tuple(tuple(item) for item in value)


def _has_table(entry: Section, key: str) -> bool:
    """Tell whether what names are looked up in is a table, or missing; if not, nobody knows what isn't there."""
    return isinstance(entry.table.get(key, {}), dict)


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
