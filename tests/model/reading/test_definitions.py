"""Reading a definition: what is understood, and what is said about the rest."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity import limits
from comity.errors import InvalidDefinition
from comity.model.definition import AgentDefinition, Definition, FieldDefinition, GuardDefinition, KindDefinition
from comity.model.reading import read_definition

CRM = """\
name = "crm"
freshness = "relied"
blind_writes = "warn"
undeclared = "allow"

[agents]
sales = { role = "sellers" }
ops   = { kind = "human" }

[kinds.customer]
owner = "sales"
blind_writes = "allow"
indexes = [["status"], ["status", "name"]]

[kinds.customer.fields]
name   = { type = "string", required = true, owner = ["sellers", "ops", "sellers"] }
status = { enum = ["active", "churned"], default = "active", event = "StatusChanged" }
parent = { ref = "customer", on_removal = "detach" }
since  = { format = "date-time", default = 2024-01-01T00:00:00+01:00 }
notes  = {}

[[kinds.customer.guards]]
name  = "churned is final"
check = "before.status != 'churned'"
why   = "It is."

[kinds.customer.events.Called]
owner = "ops"
data  = { by_phone = { type = "boolean", required = true } }
then  = { status = "'active'" }

[actions.send_upsell]
kind    = "outreach"
effects = "email"
"""


def problems_of(source: str) -> list[str]:
    with pytest.raises(InvalidDefinition) as caught:
        read_definition(source)
    return list(caught.value.problems)


def kind_of(source: str) -> KindDefinition:
    return read_definition(source).kinds[0]


def test_a_whole_definition_is_read() -> None:
    definition = read_definition(CRM)
    kind = definition.kinds[0]
    assert (definition.name, definition.freshness, definition.blind_writes) == ("crm", "relied", "warn")
    assert definition.undeclared == "allow"
    assert definition.source == CRM
    assert definition.agents == (
        AgentDefinition(name="sales", role="sellers"),
        AgentDefinition(name="ops", role="ops", kind="human"),
    )
    assert (kind.name, kind.owner, kind.blind_writes, kind.freshness) == ("customer", ("sales",), "allow", None)
    assert kind.indexes == (("status",), ("status", "name"))
    assert kind.guards == (GuardDefinition(name="churned is final", check="before.status != 'churned'", why="It is."),)
    assert [action.effects for action in definition.actions] == [("email",)]


def test_fields_keep_their_schema_apart_from_our_keys() -> None:
    assert kind_of(CRM).fields == (
        FieldDefinition(name="name", schema={"type": "string"}, required=True, owner=("sellers", "ops")),
        FieldDefinition(name="status", schema={"enum": ["active", "churned"]}, default="active", event="StatusChanged"),
        FieldDefinition(name="parent", ref="customer", on_removal="detach"),
        FieldDefinition(name="since", schema={"format": "date-time"}, default="2023-12-31T23:00:00Z"),
        FieldDefinition(name="notes"),
    )


def test_named_events_are_read() -> None:
    event = kind_of(CRM).events[0]
    assert (event.name, event.owner, event.then) == ("Called", ("ops",), {"status": "'active'"})
    assert event.data == (FieldDefinition(name="by_phone", schema={"type": "boolean"}, required=True),)
    assert (event.lives, event.leads_to, event.actors) == (("live",), "live", ())


def test_an_empty_text_is_a_definition() -> None:
    assert read_definition("") == Definition()


@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_byte_order_marks_and_line_ends_of_windows_are_read(mark: str, end: str) -> None:
    source = f'{mark}name = "crm"{end}[kinds.a.fields]{end}b = {{}}{end}'
    assert msgspec.structs.replace(read_definition(source), source="").name == "crm"
    assert problems_of(f"{mark}{end}{end}nme = 1") == ["comity.toml:3 nme: unknown key 'nme'; did you mean \"name\"?"]


FIELDS = "[kinds.customer.fields]\n"
CASES = {
    "nam = 'crm'": "comity.toml:1 nam: unknown key 'nam'; did you mean \"name\"?",
    "zzz = 1": "comity.toml:1 zzz: unknown key 'zzz'",
    "name = ''": "comity.toml:1 name: '' is no name for a name: one line of text, at most 64 characters",
    "name = 3": "comity.toml:1 name: must be a name, not 3",
    "freshness = 'sen'": 'comity.toml:1 freshness: must be one of "seen", "relied", not \'sen\'; did you mean "seen"?',
    "undeclared = true": 'comity.toml:1 undeclared: must be one of "refuse", "allow", not true',
    "agents = 3": "comity.toml:1 agents: must be a table, not 3",
    "[agents]\na = 'sales'": "comity.toml:2 agents.a: must be a table such as { role = \"sales\" }, not 'sales'",
    "[agents]\na = { role = 'b c' }": "comity.toml:2 agents.a.role: 'b c' is no name for a role: letters, digits and "
    "any of _.:@-, a letter or a digit first, at most 64 characters",
    "[agents]\na = { kind = 'humn' }": 'comity.toml:2 agents.a.kind: must be one of "agent", "human", "service", not '
    "'humn'; did you mean \"human\"?",
    "[kinds.'$lease'.fields]": "comity.toml:1 kinds.$lease: kinds that begin with '$' are Comity's own and can't be "
    "declared",
    "[kinds.'a b'.fields]": "comity.toml:1 kinds.'a b': 'a b' is no name for a kind: letters, digits, '_' and '-', a "
    "letter first, at most 64 characters",
    "[kinds.customer]\nstatus = {}": "comity.toml:2 kinds.customer.status: unknown key 'status'; fields stand in "
    "[kinds.customer.fields]",
    "[kinds.customer]\nowner = []": "comity.toml:2 kinds.customer.owner: an empty list would let nobody write; leave "
    "'owner' out to let everyone",
    "[kinds.customer]\nowner = [1]": "comity.toml:2 kinds.customer.owner: must be a name or a list of names, not a "
    "list",
    "[agents]\nsales = {}\n[kinds.c]\nowner = 'sale'": "comity.toml:4 kinds.c.owner: 'sale' is neither an agent nor a "
    'role of [agents]; did you mean "sales"?',
    "[kinds.customer]\nindexes = ['a']": "comity.toml:2 kinds.customer.indexes: must be a list of lists of fields, "
    'such as [["status"], ["status", "name"]]',
    FIELDS + "'a-b' = {}": "comity.toml:2 kinds.customer.fields.a-b: 'a-b' is no name for a field: letters, digits "
    "and '_', a letter first, at most 64 characters",
    FIELDS + "a = 'string'": 'comity.toml:2 kinds.customer.fields.a: must be a table such as { type = "string" }, '
    "not 'string'",
    FIELDS + "a = { minLenght = 1 }": "comity.toml:2 kinds.customer.fields.a.minLenght: unknown key 'minLenght'; did "
    'you mean "minLength"?',
    FIELDS + "a = { ownr = 'x' }": "comity.toml:2 kinds.customer.fields.a.ownr: unknown key 'ownr'; did you mean "
    '"owner"?',
    FIELDS + "a = { type = 'strin' }": "comity.toml:2 kinds.customer.fields.a.type: unknown type 'strin'; there are "
    '"string", "integer", "number", "boolean", "array", "object"; did you mean "string"?',
    FIELDS + "a = { format = 'emial' }": "comity.toml:2 kinds.customer.fields.a.format: unknown format 'emial'; did "
    'you mean "email"?',
    FIELDS + "a = { '$ref' = '#' }": "comity.toml:2 kinds.customer.fields.a.$ref: '$ref' isn't allowed: a field's "
    "schema stands on its own, with no part elsewhere",
    FIELDS + "a = { anyOf = [{ items = { '$id' = 'x' } }] }": "comity.toml:2 kinds.customer.fields.a.anyOf[0].items."
    "$id: '$id' isn't allowed: a field's schema stands on its own, with no part elsewhere",
    FIELDS + "a = { properties = { b = { typ = 'string' } } }": "comity.toml:2 kinds.customer.fields.a.properties.b."
    "typ: unknown keyword 'typ'; did you mean \"type\"?",
    FIELDS + "a = { required = ['b'] }": "comity.toml:2 kinds.customer.fields.a.required: must be true or false, not "
    "a list; the keys of an object are required by allOf = [{ required = [...] }]",
    FIELDS + "a = { default = 12:00:00 }": "comity.toml:2 kinds.customer.fields.a.default: time is no JSON value",
    FIELDS + "a = { maximum = nan }": "comity.toml:2 kinds.customer.fields.a.maximum: numbers must be finite",
    FIELDS + "a = { default = 9223372036854775808 }": "comity.toml:2 kinds.customer.fields.a.default: integers must "
    "fit in 64 bits",
    FIELDS + "a = { on_removal = 'detach' }": "comity.toml:2 kinds.customer.fields.a.on_removal: says what happens "
    "when the record referred to goes: it needs a 'ref'",
    "[kinds.c]\n[[kinds.c.guards]]\nname = 'a'": "comity.toml:2 kinds.c.guards[0]: 'check' is missing",
    "[kinds.c]\n[[kinds.c.guards]]\ncheck = 'true'": "comity.toml:2 kinds.c.guards[0]: 'name' is missing: it is what "
    "a refusal is called by",
    "[kinds.c.guards]\ncheck = 'true'": "comity.toml:1 kinds.c.guards: must be a list of tables: write [[guards]] "
    "with two brackets",
    "[kinds.c]\n[[kinds.c.guards]]\nname = 'a'\ncheck = 'true'\n[[kinds.c.guards]]\nname = 'b'\ncheck = ''": "comity."
    "toml:7 kinds.c.guards[1].check: must be a text, not ''",
    "[kinds.c.events.E]\nlives = ['absent']": "comity.toml:2 kinds.c.events.E.lives: unknown key 'lives'; there are "
    "owner, data, then",
    "[kinds.c.events.E.data]\na = { owner = 'x' }": "comity.toml:2 kinds.c.events.E.data.a.owner: 'owner' belongs to "
    "a field of a record, not to what an event carries",
    "[kinds.c.events.E.then]\na = 0": "comity.toml:2 kinds.c.events.E.then.a: must be an expression in quotes, such "
    'as "0", not 0',
    "[actions.a]\nefects = 'mail'": "comity.toml:2 actions.a.efects: unknown key 'efects'; did you mean \"effects\"?",
    "x = [": "comity.toml:1: no valid TOML: Invalid value, at the end",
    "\nx = = 1": "comity.toml:2: no valid TOML: Invalid value, at column 5",
    "x = " + "[" * 5_000: "comity.toml: nested deeper than 16",
    "\ud800": "comity.toml: a definition may not hold lone surrogates",
}


@pytest.mark.parametrize("source", CASES, ids=range(len(CASES)))
def test_each_problem_has_its_place_and_advice(source: str) -> None:
    assert problems_of(source) == [CASES[source]]


def test_all_problems_are_told_at_once_in_the_order_of_lines() -> None:
    found = problems_of("nam = 1\nfreshness = 'x'\n[agents]\na = 3\n[kinds.b.fields]\nc = { typ = 1 }\nd = 2\n")
    assert [problem.partition(" ")[0] for problem in found] == [f"comity.toml:{line}" for line in (1, 2, 4, 6, 7)]


def test_the_origin_names_the_text() -> None:
    with pytest.raises(InvalidDefinition, match=r"^crm\.toml:1 a: "):
        read_definition("a = 1", origin="crm.toml")


BOUNDS = {
    "definition": "#" * (limits.DEFINITION_BYTES + 1),
    "agents": "[agents]\n" + "".join(f"a{n} = {{}}\n" for n in range(limits.AGENTS + 1)),
    "kinds": "".join(f"[kinds.k{n}]\n" for n in range(limits.KINDS + 1)),
    "fields": FIELDS + "".join(f"f{n} = {{}}\n" for n in range(limits.FIELDS_PER_RECORD + 1)),
    "guards": "[kinds.a]\n" + "[[kinds.a.guards]]\nname = 'g'\ncheck = 'true'\n" * (limits.GUARDS_PER_KIND + 1),
    "indexes": "[kinds.a]\nindexes = [" + '["b"],' * (limits.INDEXES_PER_KIND + 1) + "]",
    "name": f"[kinds.{'k' * (limits.NAME_CHARS + 1)}]",
    "why": "[[kinds.a.guards]]\nname = 'g'\ncheck = 'true'\nwhy = '" + "w" * (limits.REASON_CHARS + 1) + "'",
    "check": "[[kinds.a.guards]]\nname = 'g'\ncheck = '" + "c" * (limits.EXPRESSION_CHARS + 1) + "'",
}


@pytest.mark.parametrize("bound", BOUNDS)
def test_what_is_over_a_bound_is_refused(bound: str) -> None:
    assert any("at most" in problem for problem in problems_of(BOUNDS[bound]))


@given(st.text())
def test_any_text_is_read_or_refused(source: str) -> None:
    read_or_refuse(source)


@given(st.data())
def test_a_damaged_definition_is_read_or_refused(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(CRM)))
    end = data.draw(st.integers(start, min(len(CRM), start + 12)))
    replacement = data.draw(st.text(alphabet="[]{}=\"'.,\n# a0-$\0", max_size=6))
    read_or_refuse(CRM[:start] + replacement + CRM[end:])


def read_or_refuse(source: str) -> None:
    problems: tuple[str, ...] = ()
    try:
        assert read_definition(source).source == source
    except InvalidDefinition as error:
        problems = error.problems
    assert all(problem.startswith("comity.toml") for problem in problems)
