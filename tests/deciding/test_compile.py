"""Checking a definition as a whole, and what comes of a right one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity.deciding.compile import Compiled, compile_definition, load_definition
from comity.errors import InvalidDefinition, InvalidExpression
from comity.model.reading import read_definition
from comity.model.reading.keywords import KEYWORDS

CRM = """\
blind_writes = "warn"
freshness = "relied"

[agents]
sales   = { role = "seller" }
support = {}
ops     = { kind = "human" }

[kinds.ticket]
owner = "support"
freshness = "seen"
blind_writes = "allow"

[kinds.ticket.fields]
customer = { ref = "customer", required = true }
also     = { ref = "customer", type = "array", on_removal = "detach" }
parent   = { ref = "ticket", on_removal = "cascade" }

[kinds.customer]
indexes = [["status"], ["status", "name"]]

[kinds.customer.fields]
name         = { type = "string", required = true, owner = "seller" }
status       = { enum = ["active", "churned"], default = "active", event = "StatusChanged" }
open_tickets = { type = "integer", default = 0, owner = ["support", "ops"] }
last_contact = { format = "date-time", owner = "support" }

[[kinds.customer.guards]]
name  = "churned is final"
check = "before.status != 'churned' || after.status == 'churned' || agent.kind == 'human'"

[kinds.customer.events.TicketOpened]
owner = "support"
data  = { ticket = { ref = "ticket", required = true } }
then  = { open_tickets = "record.open_tickets + 1", last_contact = "event.at" }

[actions.send_upsell]
"""


@pytest.fixture(scope="module")
def crm() -> Compiled:
    return compile_definition(read_definition(CRM), 7)


def problems_of(source: str) -> list[str]:
    with pytest.raises(InvalidDefinition) as caught:
        compile_definition(read_definition(source), 1)
    return list(caught.value.problems)


def test_kinds_are_the_declared_and_the_built_in_ones(crm: Compiled) -> None:
    assert {kind for kind in crm.kinds if not kind.startswith("$")} == {"ticket", "customer"}
    assert {"$definition", "$agent"} < set(crm.kinds)
    assert crm.number == 7
    assert crm.has_declared_kinds
    assert not compile_definition(read_definition(""), 1).has_declared_kinds
    assert crm.kind("lead") is None


def test_fields_have_their_own_owner_or_that_of_the_kind(crm: Compiled) -> None:
    owners = {name: field.owners for kind in ("ticket", "customer") for name, field in crm.kinds[kind].fields.items()}
    assert owners == {
        "customer": {"support"},
        "also": {"support"},
        "parent": {"support"},
        "name": {"seller"},
        "status": set(),
        "open_tickets": {"support", "ops"},
        "last_contact": {"support"},
    }


def test_a_kind_says_what_a_new_record_needs_and_gets(crm: Compiled) -> None:
    customer = crm.kinds["customer"]
    assert customer.required == ("name",)
    assert customer.defaults == {"status": "active", "open_tickets": 0}
    assert customer.named_events == {"status": "StatusChanged"}


def test_settings_are_those_of_the_kind_or_of_the_workspace(crm: Compiled) -> None:
    settings = {name: (kind.freshness, kind.blind_writes) for name, kind in crm.kinds.items()}
    assert settings["ticket"] == ("seen", "allow")
    assert settings["customer"] == ("relied", "warn")
    assert {setting for name, setting in settings.items() if name.startswith("$")} == {("seen", "refuse")}
    assert (crm.undeclared().freshness, crm.undeclared().blind_writes) == ("relied", "warn")


def test_blind_writes_are_refused_on_declared_kinds_and_warned_about_on_others() -> None:
    plain = compile_definition(read_definition("[kinds.a]"), 1)
    assert plain.kinds["a"].blind_writes == "refuse"
    assert plain.undeclared().blind_writes == "warn"


def test_referrers_are_known_by_the_kind_referred_to(crm: Compiled) -> None:
    found = {
        target: [(referrer.kind, referrer.field, referrer.on_removal, referrer.is_list) for referrer in referrers]
        for target, referrers in crm.referrers.items()
    }
    assert found == {
        "customer": [("ticket", "customer", "refuse", False), ("ticket", "also", "detach", True)],
        "ticket": [("ticket", "parent", "cascade", False)],
    }


def test_guards_are_compiled(crm: Compiled) -> None:
    guard = crm.kinds["customer"].guards[0]
    roots = {"agent": {"id": "sales", "role": "seller", "kind": "agent"}, "before": {"status": "churned"}}
    assert not guard.expression.holds(roots | {"after": {"status": "active"}})
    assert guard.expression.holds(roots | {"after": {"status": "churned"}})


def test_consequences_are_compiled(crm: Compiled) -> None:
    then = crm.kinds["customer"].events["TicketOpened"].then
    roots = {"record": {"open_tickets": 2}, "event": {"ticket": "t1", "at": 1_700_000_000_000_000, "by": "support"}}
    assert {name: expression.value(roots) for name, expression in then.items()} == {
        "open_tickets": 3,
        "last_contact": "2023-11-14T22:13:20Z",
    }


def test_transitions_of_built_in_kinds_are_compiled(crm: Compiled) -> None:
    applied = crm.kinds["$definition"].events["applied"]
    event = {"source": "text", "digest": "d", "replaces": 1, "at": 0, "by": "ops"}
    for record, number in (({}, 1), (None, 1), ({"number": 3}, 4)):
        roots = {"record": record, "event": event}
        assert {name: expression.value(roots) for name, expression in applied.then.items()} == {
            "source": "text",
            "digest": "d",
            "shadowed": [],
            "number": number,
        }
    issued = crm.kinds["$agent"].events["key_issued"]
    event = {"key": "k", "expires_at": None, "at": 0, "by": "ops"}
    assert {name: expression.value({"record": {}, "event": event}) for name, expression in issued.then.items()} == {
        "key": "k",
        "key_status": "active",
        "key_expires_at": None,
    }


def test_fields_with_a_value_or_a_default_are_never_null_in_expressions(crm: Compiled) -> None:
    nullable = {name for name, field in crm.kinds["customer"].fields.items() if field.type.nullable}
    assert nullable == {"last_contact"}


def test_assumptions_are_compiled_once(crm: Compiled) -> None:
    first = crm.assumption("customer.status == 'active'")
    assert crm.assumption("customer.status == 'active'") is first
    assert first.kinds == {"customer"}
    with pytest.raises(InvalidExpression, match="status"):
        crm.assumption("customer.statu == 'active'")


def test_the_nearest_name_is_suggested(crm: Compiled) -> None:
    assert crm.suggest_kind("custmer") == "customer"
    assert crm.suggest_kind("definition") is None
    assert crm.suggest_agent("sale") == "sales"
    assert crm.suggest_action("send_upsel") == "send_upsell"


KIND = "[kinds.c.fields]\n"
AGENTS = "[agents]\nsales = {}\nsupport = {}\n"
CASES = {
    "[kinds.agent]": "comity.toml:1 kinds.agent: 'agent' means something else in expressions; take another name",
    "[kinds.task-item]\n[kinds.taskItem]": "comity.toml:2 kinds.taskItem: 'taskItem' and 'task-item' differ only in "
    "'_', '-' or case, and expressions can't tell them apart",
    KIND + "a_b = {}\naB = {}": "comity.toml:3 kinds.c.fields.aB: 'aB' and 'a_b' differ only in '_', '-' or case, and "
    "expressions can't tell them apart",
    KIND + "a = { minimum = 'x' }": 'comity.toml:2 kinds.c.fields.a.minimum: "x" is not of type "number"',
    KIND + "a = { type = 'string', pattern = '(?=a)' }": 'comity.toml:2 kinds.c.fields.a.pattern: "(?=a)" is not a '
    '"regex": no regular expression without lookaround and backreferences',
    KIND + "a = { minimum = 3, maximum = 1 }": "comity.toml:2 kinds.c.fields.a.minimum: minimum 3 is above maximum 1, "
    "so no value fits",
    KIND + "a = { type = 'integer', enum = [1, 'b'] }": 'comity.toml:2 kinds.c.fields.a.enum[1]: "b" is not of type '
    '"integer", so this value never fits',
    KIND + "a = { enum = [] }": "comity.toml:2 kinds.c.fields.a.enum: an empty enum lets no value through",
    KIND + "a = { type = 'integer', default = 'x' }": 'comity.toml:2 kinds.c.fields.a.default: "x" is not of type '
    '"integer"',
    KIND + "a = { enum = ['b', 'c'], default = 'x' }": 'comity.toml:2 kinds.c.fields.a.default: "x" is none of "b", '
    '"c"',
    KIND + "a = { ref = 'd' }": "comity.toml:2 kinds.c.fields.a.ref: there is no kind 'd'",
    "[kinds.customer]\n" + KIND + "a = { ref = 'custmer' }": "comity.toml:3 kinds.c.fields.a.ref: there is no kind "
    "'custmer'; did you mean \"customer\"?",
    KIND + "a = { ref = '$agent' }": "comity.toml:2 kinds.c.fields.a.ref: there is no kind '$agent'",
    KIND + "a = { ref = 'c', type = 'integer' }": "comity.toml:2 kinds.c.fields.a.type: a reference is an id: its "
    'type is "string", or "array" for a list of ids',
    KIND + "a = { ref = 'c', on_removal = 'detach', required = true }": "comity.toml:2 kinds.c.fields.a.on_removal: "
    "'detach' would empty a required field; take 'refuse' or 'cascade'",
    KIND + "a = { ref = 'c', type = 'array', minItems = 1, on_removal = 'detach' }": "comity.toml:2 "
    "kinds.c.fields.a.on_removal: 'detach' would take items out of a list with 'minItems'",
    KIND + "a = { event = 'E' }\n[kinds.c.events.E]": "comity.toml:2 kinds.c.fields.a.event: 'E' is declared as an "
    "event to emit; take another name",
    "[kinds.c]\nindexes = [['stat']]\n[kinds.c.fields]\nstatus = {}": "comity.toml:2 kinds.c.indexes[0]: there is no "
    "field 'stat'; did you mean \"status\"?",
    "[kinds.c]\nindexes = [['a'], ['a']]\n[kinds.c.fields]\na = {}": 'comity.toml:2 kinds.c.indexes[1]: "a" is named '
    "twice",
    "[kinds.c]\nindexes = [['a']]\n[kinds.c.fields]\na = { type = 'array' }": "comity.toml:2 kinds.c.indexes[0]: 'a' "
    "holds no single value, so there is nothing to order by",
    "[kinds.c]\n" + "[[kinds.c.guards]]\nname = 'g'\ncheck = 'true'\n" * 2: "comity.toml:6 kinds.c.guards[1].name: "
    "there is a guard 'g' already",
    "[kinds.c.events.E]\nthen = { statu = '1' }\n[kinds.c.fields]\nstatus = {}": "comity.toml:2 "
    "kinds.c.events.E.then.statu: there is no field 'statu'; did you mean \"status\"?",
    "[kinds.c.events.E]\ndata = { at = {} }": "comity.toml:2 kinds.c.events.E.data.at: every event has 'at' already; "
    "take another name",
    AGENTS + KIND + "a = { required = true, owner = 'sales' }\nb = { required = true, owner = 'support' }": "comity."
    "toml:4 kinds.c: nobody may create one: no agent may write all that is required: a (sales), b (support); give a "
    "default, or a common owner",
}


@pytest.mark.parametrize("source", CASES, ids=range(len(CASES)))
def test_each_problem_has_its_place_and_advice(source: str) -> None:
    assert problems_of(source) == [CASES[source]]


@pytest.mark.parametrize(
    ("owners", "problem"),
    [
        ("", "everyone, who may not write 'a': it belongs to sales"),
        ("owner = 'support'", "support, who may not write 'a': it belongs to sales"),
        ("owner = ['sales', 'support']", "support, who may not write 'a': it belongs to sales"),
        ("owner = 'sales'", None),
    ],
)
def test_s36_consequences_need_the_consent_of_the_fields_owner(owners: str, problem: str | None) -> None:
    source = KIND + f"a = {{ type = 'integer', owner = 'sales' }}\n[kinds.c.events.E]\n{owners}\nthen = {{ a = '1' }}"
    if problem is None:
        compile_definition(read_definition(source), 1)
    else:
        (found,) = problems_of(source)
        assert found.endswith(f"kinds.c.events.E.then.a: E may be emitted by {problem}")


EXPRESSIONS = {
    "[[kinds.c.guards]]\nname = 'g'\ncheck = 'after.stauts == 1'\n[kinds.c.fields]\nstatus = { type = 'integer' }": (
        "comity.toml:3 kinds.c.guards[0].check: ",
        "status",
    ),
    "[kinds.c.events.E]\nthen = { n = \"'x'\" }\n[kinds.c.fields]\nn = { type = 'integer' }": (
        "comity.toml:2 kinds.c.events.E.then.n: ",
        "",
    ),
    "[kinds.c.events.E]\nthen = { n = 'event.x' }\n[kinds.c.fields]\nn = { type = 'integer' }": (
        "comity.toml:2 kinds.c.events.E.then.n: ",
        "x",
    ),
}


@pytest.mark.parametrize("source", EXPRESSIONS, ids=range(len(EXPRESSIONS)))
def test_wrong_expressions_are_found_at_load(source: str) -> None:
    place, word = EXPRESSIONS[source]
    (found,) = problems_of(source)
    assert found.startswith(place)
    assert word in found


def test_all_problems_are_told_at_once() -> None:
    source = KIND + "a = { minimum = 'x' }\nb = { ref = 'd' }\n[[kinds.c.guards]]\nname = 'g'\ncheck = '1 +'"
    assert [problem.split()[0] for problem in problems_of(source)] == [f"comity.toml:{line}" for line in (2, 3, 6)]


WRONG_IN_ALL_WAYS = """\
freshnes = "seen"

[agents]
sales   = { role = "seller" }
support = {}

[kinds.ticket.fields]
priority = { minimum = "x" }
title    = { type = "string", owner = "sale" }
seats    = { type = "integer", owner = "seller" }
status   = { type = "string" }

[[kinds.ticket.guards]]
name  = "closed is final"
check = "before.statsu != 'closed'"

[kinds.ticket.events.Moved]
owner = "support"
then  = { seats = "1", title = "'x'" }
"""


def told(source: str) -> list[str]:
    """Return what is said about a text that is loaded."""
    with pytest.raises(InvalidDefinition) as caught:
        load_definition(source, 1)
    return list(caught.value.problems)


def places(source: str) -> list[str]:
    """Return the places of what is said: line and path."""
    return [problem.removeprefix("comity.toml:").partition(": ")[0] for problem in told(source)]


def test_one_load_tells_the_problems_of_text_names_schemas_expressions_and_owners() -> None:
    found = told(WRONG_IN_ALL_WAYS)
    assert found[:3] == [
        "comity.toml:1 freshnes: unknown key 'freshnes'; did you mean \"freshness\"?",
        'comity.toml:8 kinds.ticket.fields.priority.minimum: "x" is not of type "number"',
        "comity.toml:9 kinds.ticket.fields.title.owner: 'sale' is neither an agent nor a role of [agents]; did you "
        'mean "sales"?',
    ]
    assert found[3].startswith("comity.toml:15 kinds.ticket.guards[0].check: ticket has no field 'statsu'")
    assert found[4:] == [
        "comity.toml:19 kinds.ticket.events.Moved.then.seats: Moved may be emitted by support, who may not write "
        "'seats': it belongs to seller",
    ]


def test_a_text_that_is_no_toml_is_all_that_is_told() -> None:
    assert places(WRONG_IN_ALL_WAYS + "x = = 1\n") == ["20"]


def test_a_right_text_is_loaded_as_it_is_read_and_compiled() -> None:
    assert load_definition(CRM, 7).definition == read_definition(CRM)
    assert load_definition(CRM, 7).number == 7
    with pytest.raises(InvalidDefinition, match=r"^crm\.toml:1 a: "):
        load_definition("a = 1", 1, origin="crm.toml")


GUARD = "[[kinds.c.guards]]\nname = 'g'\ncheck = "
UNREADABLE = {
    "[kinds]\nd = 3\n[kinds.c.fields]\na = { ref = 'd' }\nb = { ref = 'e' }": ["2 kinds.d", "5 kinds.c.fields.b.ref"],
    "[kind.d.fields]\n[kinds.c.fields]\na = { ref = 'd' }\nb = { ref = 'e' }": ["1 kind", "4 kinds.c.fields.b.ref"],
    "undeclard = 'allow'\n" + KIND + "a = { ref = 'd' }": ["1 undeclard"],
    "undeclared = 'alow'\n" + KIND + "a = { ref = 'd' }": ["1 undeclared"],
    # fields
    KIND + "a = 'string'\n" + GUARD + "'after.a > 1'": ["2 kinds.c.fields.a"],
    KIND + "a = 'string'\n" + GUARD + "'after.b > 1'": ["2 kinds.c.fields.a", "5 kinds.c.guards[0].check"],
    KIND + "a = { typ = 'integer' }\n" + GUARD + "'after.a > 1 && after.b'": [
        "2 kinds.c.fields.a.typ",
        "5 kinds.c.guards[0].check",
    ],
    KIND + "a = { type = 'integr', default = 1 }\n" + GUARD + "'after.a > 1'": ["2 kinds.c.fields.a.type"],
    KIND + "a = { required = 'yes', type = 'integer' }\n" + GUARD + "'after.a > 1'": ["2 kinds.c.fields.a.required"],
    KIND + "a = { minimun = 1, pattern = '(' }": ["2 kinds.c.fields.a.minimun", "2 kinds.c.fields.a.pattern"],
    KIND + "a = { ref = 'c', typ = 'array', required = true, on_removal = 'detach' }": ["2 kinds.c.fields.a.typ"],
    "[kinds.c]\nindexes = [['a'], ['b']]\n[kinds.c.feilds]\na = {}\n" + GUARD + "'after.a == 1'": [
        "2 kinds.c.indexes[1]",
        "3 kinds.c.feilds",
    ],
    "[kinds.c]\nindexes = [['a']]\nfields = 3\n" + GUARD + "'after.a == 1'": ["3 kinds.c.fields"],
    "[kind.c.fields]\na = {}\n" + GUARD + "'after.a == 1'": ["1 kind"],
    KIND + "a_b = {}\naB = {}\n" + GUARD + "'after.aB == 1'": ["3 kinds.c.fields.aB"],
    # kinds that can't be told apart
    "[kinds.c-d.fields]\n[kinds.c_d.fields]\na = {}\n[[kinds.c_d.guards]]\nname = 'g'\ncheck = 'after.a == after.b'": [
        "2 kinds.c_d",
        "6 kinds.c_d.guards[0].check",
    ],
    "[kinds.agent.fields]\na = {}\n[[kinds.agent.guards]]\nname = 'g'\ncheck = 'after.a == agent.id'": [
        "1 kinds.agent"
    ],
    # events
    KIND + "n = { type = 'integer' }\n[kinds.c.events.E]\ndata = { x = 1 }\nthen = { n = 'event.x', m = '1' }": [
        "4 kinds.c.events.E.data.x",
        "5 kinds.c.events.E.then.m",
    ],
    KIND + "n = { type = 'integer' }\n[kinds.c.events.E]\ndat = { x = {} }\nthen = { n = 'event.x' }": [
        "4 kinds.c.events.E.dat"
    ],
    KIND + "n = { type = 'integer' }\n[kinds.c.events.E]\ndata = 3\nthen = { n = 'event.x' }": [
        "4 kinds.c.events.E.data"
    ],
    KIND + "n = { typ = 'integer' }\nm = 3\n[kinds.c.events.E]\nthen = { n = 'null', m = 'null' }": [
        "2 kinds.c.fields.n.typ",
        "3 kinds.c.fields.m",
    ],
    # owners
    "[agents]\nann = 'sales'\nbob = {}\n" + KIND + "a = { owner = 'sales' }\nb = { owner = 'bib' }": [
        "2 agents.ann",
        "6 kinds.c.fields.b.owner",
    ],
    "[agents]\nann = { rol = 'sales' }\nbob = {}\n" + KIND + "a = { owner = 'sales', required = true }\n"
    "b = { owner = 'bob' }\n[kinds.c.events.E]\nowner = 'ann'\nthen = { a = '1' }\n"
    "[kinds.c.events.F]\nowner = 'sales'\nthen = { b = '1' }\n[kinds.c.events.G]\nthen = { b = '1' }": [
        "2 agents.ann.rol",
        "14 kinds.c.events.G.then.b",
    ],
    "[agents]\nann = { role = 'sales', kind = 'humn' }\nbob = {}\n" + KIND + "a = { owner = 'bob' }\n"
    "[kinds.c.events.E]\nowner = 'sales'\nthen = { a = '1' }": ["2 agents.ann.kind", "8 kinds.c.events.E.then.a"],
    AGENTS + KIND + "a = { ownr = 'sales', required = true }\nb = { owner = 'support', required = true }\n"
    "[kinds.c.events.E]\nowner = 'sales'\nthen = { a = '1', b = '2' }": [
        "5 kinds.c.fields.a.ownr",
        "9 kinds.c.events.E.then.b",
    ],
    AGENTS + "[kinds.c]\nowner = 3\n[kinds.c.fields]\na = { owner = 'sales', required = true }\n"
    "[kinds.c.events.E]\nthen = { a = '1' }": ["5 kinds.c.owner"],
    AGENTS + KIND + "a = { owner = 'sales', minimum = 'x' }\n[kinds.c.events.E]\nowner = 'support'\n"
    "then = { a = '1' }": ["5 kinds.c.fields.a.minimum", "8 kinds.c.events.E.then.a"],
}


@pytest.mark.parametrize("source", UNREADABLE, ids=range(len(UNREADABLE)))
def test_nothing_is_said_about_what_refers_to_a_part_that_could_not_be_read(source: str) -> None:
    assert places(source) == UNREADABLE[source]


def test_references_to_undeclared_kinds_need_undeclared_kinds_to_be_allowed() -> None:
    source = KIND + "a = { ref = 'd' }"
    compiled = compile_definition(read_definition(f"undeclared = 'allow'\n{source}"), 1)
    assert compiled.referrers["d"][0].field == "a"


def test_owners_of_a_role_or_of_all_its_agents_consent_alike() -> None:
    source = (
        "[agents]\nann = { role = 'sales' }\nbob = { role = 'sales' }\n[kinds.c.fields]\n"
        "a = { type = 'integer', owner = OWNER }\n[kinds.c.events.E]\nowner = 'sales'\nthen = { a = '1' }"
    )
    compile_definition(read_definition(source.replace("OWNER", "['ann', 'bob']")), 1)
    assert "may be emitted by sales" in problems_of(source.replace("OWNER", "'ann'"))[0]


WORDS = st.sampled_from(
    ["a", "b", "a_b", "in", "true", "null", "id", "type", "event", "size", "has", "Status2", "x__y"]
)
KEYS = [*sorted(KEYWORDS), "required", "default", "ref", "owner", "on_removal"]
VALUES = [
    "0", "-1", "1.5", "true", "false", "''", "'string'", "'array'", "'date-time'", "'a'", "'('", "['a', 1]", "[]", "{}",
    "{ type = 'integer' }", "[{ type = 'string' }]", "{ '(' = {} }", "2024-01-01", "['string', 'null']",
]  # fmt: skip
SOUND = ["type = 'integer'", "type = 'string'", "format = 'date-time'", "ref = 'a'", "", "type = 'array'"]
SCHEMAS = st.sampled_from(SOUND) | st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3).map(
    lambda entries: ", ".join(f"'{key}' = {value}" for key, value in entries.items())
)
EXPRESSION_TEXTS = st.sampled_from(
    ["true", "after.a == 1", "record.a + 1", "event.b", "'x'", "null", "now", "[1]", "event.at", "before.a.b", "1 / 0"]
)


@st.composite
def definitions(draw: st.DrawFn) -> str:
    lines = [f"undeclared = '{draw(st.sampled_from(['allow', 'refuse']))}'"]
    for kind in draw(st.lists(WORDS, max_size=2, unique=True)):
        lines += [f"[kinds.{kind}.fields]"]
        fields = draw(st.lists(WORDS, max_size=4, unique=True))
        lines += [f"{field} = {{ {draw(SCHEMAS)} }}" for field in fields]
        for check in draw(st.lists(EXPRESSION_TEXTS, max_size=1)):
            lines += [f"[[kinds.{kind}.guards]]", "name = 'g'", f'check = "{check}"']
        lines += [f"[kinds.{kind}.events.E.then]"]
        lines += [f'{field} = "{draw(EXPRESSION_TEXTS)}"' for field in fields[:1]]
    return "\n".join(lines)


@given(definitions(), st.integers(0, 400), st.text(alphabet="[]{}=\"'.,\n# a3", max_size=4))
def test_a_damaged_definition_is_loaded_or_refused(source: str, start: int, damage: str) -> None:
    damaged = source[:start] + damage + source[start + len(damage) :]
    found = problems_in(lambda: load_definition(damaged, 1))
    assert all(problem.startswith("comity.toml") for problem in found)
    assert problems_in(lambda: read_definition(damaged)) <= found


def problems_in(load: Callable[[], object]) -> set[str]:
    try:
        load()
    except InvalidDefinition as error:
        return set(error.problems)
    return set()


@given(definitions())
def test_any_definition_is_compiled_or_refused(source: str) -> None:
    try:
        compiled = compile_definition(read_definition(source), 1)
    except InvalidDefinition:
        return
    for kind in compiled.kinds.values():
        assert all(kind.fields[name].problems(value) == [] for name, value in kind.defaults.items())
