"""What can be said, what it gives, and how what can't be said is refused."""

from __future__ import annotations

import pytest

from comity.deciding.expressions import RESERVED_NAMES, Environment, ExpressionFailed, FieldType
from comity.errors import InvalidExpression

EVENT = {"ticket": FieldType("string"), "weight": FieldType("number", nullable=False)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("customer.status == 'active'", True),
        ("customer.open_tickets == 0", False),
        ("customer.open_tickets > 0 && agent.role == 'sales' && action.kind == 'outreach'", True),
        ("'email' in action.effects", True),
        ("customer.status in ['active', 'at_risk']", True),
        ("customer.id == 'acme'", True),
        ("task_item.id == 7", True),
        ("customer != null", True),
        ("customer.tags == ['a', 'b']", True),
        ("customer.tags[1] == 'b'", True),
        ("size(customer.tags) == 2", True),
        ("customer.address.city == 'Rome'", True),
        ("customer.address['city'] == 'Rome'", True),
        ("customer.address['odd key.'] == 1", True),
        ("customer.address != null && 'city' in customer.address", True),
        ("customer.lines[0].deep.a.b == 1", True),
        ("customer.lines[1].deep.a.b == null", True),
        ("has(customer.lines[0].price) && !has(customer.lines[1].price)", True),
        ("customer.name.startsWith('A') && customer.name.matches('^[A-Z][a-z]+$')", True),
        # numbers
        ("customer.value == 2.5 && customer.value != 2", True),
        ("customer.rate == 4 && customer.rate >= 4", True),
        ("customer.rate in [1, 4]", True),
        ("customer.open_tickets in [2.0]", True),
        ("customer.open_tickets == 2.0 && customer.open_tickets < 2.5", True),
        ("customer.open_tickets * 1.5 == 3", True),
        ("customer.open_tickets / 4 == 0 && customer.rate / 8 == 0.5", True),
        ("customer.open_tickets + customer.rate - 1 == 5", True),
        ("-customer.rate < 0", True),
        ("customer.open_tickets % 2 == 0", True),
        ("(customer.open_tickets == 2 ? 1 : customer.rate) / 2 == 0.5", True),
        ("(customer.open_tickets == 2 ? customer.rate : 1) / 8 == 0.5", True),
        # times
        ("customer.seen == now", True),
        ("customer.seen < timestamp('2026-02-01T00:00:00Z')", True),
        ("now - customer.seen < duration('5m')", True),
        ("customer.seen - duration('24h') < now && customer.seen + duration('1s') > now", True),
        ("now.getHours() == 12 && now.getHours('Europe/Rome') == 13", True),
        ("timestamp('2026-01-01T00:00:00Z') in customer.visits", True),
        # kinds that aren't declared
        ("ticket.id == 't1'", True),
        ("ticket.title == 'x' && ticket.price == 5.0", True),
        ("ticket.deep.a.b == 1 && ticket.deep.x.b == null && ticket.nothing == null", True),
        ("ticket.open == true", True),
        ("default(ticket.open, false)", True),
        ("ticket.price != null && ticket.price / 2 == 2.5", True),
        ("ticket.price != null && ticket.weight != null && ticket.price * ticket.weight == 12.5", True),
        ("has(ticket.title) && ticket.title + 'y' == 'xy'", True),
        ("has(ticket.title) && ticket.title + ticket.title == 'xx'", True),
        ("has(ticket.notes) && ticket.notes + ticket.notes == ['n', 'n']", True),
        ("ticket != null && other == null", True),
    ],
)
def test_assumptions(environment: Environment, subjects: dict[str, object], source: str, expected: bool) -> None:
    assert environment.assumption(source).holds(subjects) is expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("before.status != 'churned' || after.status == 'churned' || agent.kind == 'human'", True),
        ("before == null || after.open_tickets > before.open_tickets", True),
        ("before != null && before.id == after.id", True),
        ("after.tags.exists(t, t == 'a') && after.tags.all(t, size(t) == 1)", True),
        ("after.tags.exists_one(t, t < 'b')", True),
        ("after.tags.map(t, t + '!') == ['a!', 'b!']", True),
        ("after.tags.filter(t, t > 'a') == ['b']", True),
        ("after.lines.exists(l, l.price != null && l.price > 4)", True),
        ("after.lines.all(l, default(l.price, 1) + default(l.quantity, 1) > 1)", True),
        ("after.lines.all(l, l.deep.a.b == null || l.deep.a.b == 1)", True),
        ("after.lines.filter(l, has(l.price)).size() == 1", True),
        ("after.visits.all(v, v < now)", True),
        ("after.address != null && after.address.all(key, size(key) > 3)", True),
        ("after.tags.all(x, after.tags.exists(y, x == y))", True),
    ],
)
def test_guards(environment: Environment, change: dict[str, object], source: str, expected: bool) -> None:
    assert environment.guard("customer", source).holds(change) is expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("before == null", True),
        ("before.status != 'churned' || after.status == 'churned'", True),
        ("before.open_tickets == null && before.id == null", True),
        ("before.tags.size() == 0 && !has(before.tags)", True),
        ("before.address.city == null", True),
        ("before == null || before.open_tickets > 5", True),
    ],
)
def test_before_is_null_on_creation(
    environment: Environment, creation: dict[str, object], source: str, expected: bool
) -> None:
    assert environment.guard("customer", source).holds(creation) is expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("record.open_tickets + 1", FieldType("integer"), 3),
        ("record.open_tickets + 1", FieldType("number"), 3),
        ("record.rate / 8", FieldType("number"), 0.5),
        ("record.open_tickets * event.weight", FieldType("number"), 6.0),
        ("int(event.weight)", FieldType("integer"), 3),
        ("event.at", FieldType("time"), "2026-01-31T12:00:00.5Z"),
        ("event.at + duration('1h')", FieldType("time"), "2026-01-31T13:00:00.5Z"),
        ("string(now)", FieldType("string"), "2026-01-31T12:00:00Z"),
        ("event.by + '/' + default(event.ticket, '?')", FieldType("string"), "ann/t1"),
        ("record.tags + [event.by]", FieldType("list", FieldType("string")), ["a", "b", "ann"]),
        ("[event.at]", FieldType("list"), ["2026-01-31T12:00:00.5Z"]),
        ("{'at': event.at, 'n': null}", FieldType("map"), {"at": "2026-01-31T12:00:00.5Z", "n": None}),
        ("record.lines.map(l, l.price)", FieldType("list"), [5, None]),
        ("record.seats", FieldType("integer"), None),
        ("null", FieldType("any"), None),
        ("record.extra", FieldType("any"), None),
        ("has(record.status) ? record.status : 'new'", FieldType("string", nullable=False), "active"),
    ],
)
def test_consequences(
    environment: Environment, happening: dict[str, object], source: str, target: FieldType, expected: object
) -> None:
    assert environment.consequence("customer", EVENT, source, target).value(happening) == expected


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("record.rate", FieldType("integer"), "gives a number, where an integer is wanted (write int(…))"),
        ("event.at", FieldType("string"), "gives a time, where a text is wanted (write string(…))"),
        ("event.by", FieldType("time"), "gives a text, where a time is wanted (write timestamp('…'))"),
        ("b'x'", FieldType("any"), "gives a bytes, where a JSON value is wanted"),
        ("[b'x']", FieldType("any"), "gives a list, where a JSON value is wanted"),
        ("duration('5m')", FieldType("any"), "gives a duration, where a JSON value is wanted"),
        ("{1: 2}", FieldType("map"), "gives an object, where an object is wanted"),
        ("[1]", FieldType("list", FieldType("string")), "gives a list, where a list is wanted"),
        ("null", FieldType("integer", nullable=False), "this may be null, and is computed with"),
        ("record.seats", FieldType("integer", nullable=False), "record.seats may be absent"),
        ("record", FieldType("map"), "record is no value"),
        ("before.rate", FieldType("number"), "'before' isn't known here"),
        ("event.weigth", FieldType("number"), "event has no field 'weigth' (did you mean 'weight'?)"),
    ],
)
def test_a_consequence_must_fit_its_field(
    environment: Environment, source: str, target: FieldType, message: str
) -> None:
    with pytest.raises(InvalidExpression) as caught:
        environment.consequence("customer", EVENT, source, target)
    assert message in str(caught.value)


@pytest.mark.parametrize("target", ["integer", "number", "boolean", "time", "list", "map", "string"])
def test_a_dynamic_result_is_checked_when_it_is_there(environment: Environment, target: str) -> None:
    values: dict[str, object] = {"integer": 1, "number": 1.5, "boolean": True, "list": [1], "map": {"a": 1}}
    values |= {"string": "text", "time": "2026-01-01T00:00:00Z"}
    wrong = {"integer": 1.5, "string": 1}.get(target, "text" if target != "time" else 1)
    compiled = environment.consequence("customer", {}, "record.extra", FieldType(target))  # pyright: ignore[reportArgumentType]
    assert compiled.value({"record": {"extra": values[target]}}) == values[target]
    with pytest.raises(ExpressionFailed, match=f"the result is no {target}"):
        compiled.value({"record": {"extra": wrong}})


@pytest.mark.parametrize(
    ("source", "position", "message"),
    [
        ("customer.opn_tickets == 1", 8, "customer has no field 'opn_tickets' (did you mean 'open_tickets'?)"),
        ("customer.zzz == 1", 8, "customer has no field 'zzz' (it has address, extra, id, lines"),
        ("agent.rol == 'x'", 5, "agent has no field 'rol' (did you mean 'role'?)"),
        ("true && before.x == 1", 14, "'before' isn't known here (there are action, agent, now)"),
        ("siez(customer.tags) == 1", 4, "there is no function 'siez' (did you mean 'size'?)"),
        ("customer.name == 1", 14, "'==' can't be applied to (text, integer)"),
        ("customer.rate + 'x' == 'y'", 14, "'+' can't be applied to (number, text)"),
        ("customer.seen < '2026-01-01'", 14, "(write times as timestamp('2026-01-31T12:00:00Z'))"),
        ("customer.tags == null", 14, "a list is never null, an absent one is empty"),
        ("customer.open_tickets +", 23, "Syntax error: mismatched input '<EOF>'"),
        ("'é𝄞' == 'x' &&\n  customer.nme == ''", 25, "did you mean 'name'?"),
        ("customer.name", 0, "gives a text, where true or false is wanted"),
        ("customer", 0, "customer is no value (name a field of it, such as customer.status"),
        ("customer == ticket", 12, "nothing is called 'ticket' here (write the kind before it, as in customer.ticket"),
        ("customer.open_tickets = 7", 22, "'=' is no operator (equal is written ==)"),
        ("customer.open_tickets === 7", 22, "'===' is no operator (equal is written ==)"),
        ("customer.open_tickets <> 7", 22, "'<>' is no operator (not equal is written !=)"),
        ("customer.name == 'a = b' and true", 25, "'and' is no operator (write &&)"),
        ("true OR false", 5, "'OR' is no operator (write ||)"),
        ("true | false", 5, "'|' is no operator (write ||)"),
        ("not customer.vip", 0, "'not' is no operator (write !( … ))"),
        ("true && not(true)", 8, "'not' is no operator (write !( … ))"),
        ("customer.name is null", 14, "'is' is no operator (write ==)"),
        ("customer.name == 'it\\'s' +", None, "Syntax error"),
        ("open_tickets == 7", 0, "nothing is called 'open_tickets' here (write customer.open_tickets)"),
        ("customer.name == active", 17, "or put a text in quotes: 'active'"),
        ("customer.name == None", 17, "nothing is called 'None' here (write null)"),
        ("customer.vip == True", 16, "nothing is called 'True' here (write true)"),
        ("customer.tags.contains('x')", 22, "whether a list holds something is written: x in list"),
        (".customer.name == 'x'", None, "names are written without a dot in front"),
        ("google.protobuf.Int64Value{value: 1} == 1", None, "values of a declared type can't be made here"),
        ("1u == 1u", 0, "there are no unsigned numbers here"),
        ("99999999999999999999 == 1", 0, "invalid int literal"),
        ("1e999 > 1.0", 0, "numbers must be finite"),
        ("'a\\u0000' == 'a'", 0, "texts may not hold U+0000"),
        ("'a\0' == 'a'", None, "holds U+0000 or a lone surrogate"),
        ("'\ud800' == 'a'", None, "holds U+0000 or a lone surrogate"),
        ("  ", None, "is empty"),
        ("(customer.vip == true ? 1 : 'x') == 1", 22, "'? :' can't be applied to (true or false, integer, text)"),
        ("customer.name in [1]", 14, "'in' can't be applied to (text, list(integer))"),
        ("default(size(customer.tags), 1) == 1", 7, "default() takes a field first"),
        ("default(customer.name, 1) == 'x'", 7, "'default' can't be applied to (text, integer)"),
        ("customer.name.matches('(')", 21, "missing )"),
        ("now.getHours('Europe/Atlantis') == 1", 12, "timezone"),
    ],
)
def test_refusals_say_where_and_what_to_do(
    environment: Environment, source: str, position: int | None, message: str
) -> None:
    with pytest.raises(InvalidExpression) as caught:
        environment.assumption(source)
    assert message in str(caught.value)
    assert position is None or caught.value.position == position


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("open_tickets == 7", "nothing is called 'open_tickets' here (write before.open_tickets or after.open"),
        ("customer.open_tickets == 7", "nothing is called 'customer' here (here it is called before or after)"),
        ("role == 'x'", "nothing is called 'role' here (write agent.role)"),
        ("after.name == None", "nothing is called 'None' here (write null)"),
        ("aftr.name == 'x'", "nothing is called 'aftr' here (did you mean 'after'?)"),
        ("zzz == 1", "nothing is called 'zzz' here (there are action, after, agent, before, now)"),
    ],
)
def test_a_guard_that_names_nothing_says_what_is_meant(environment: Environment, source: str, message: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        environment.guard("customer", source)
    assert message in str(caught.value)


def test_reads_and_kinds_name_what_is_looked_at(environment: Environment) -> None:
    compiled = environment.assumption(
        "customer != null && customer.id != '' && customer.address.city == 'Rome' && ticket.deep.a == 1 "
        "&& agent.role == 'x' && now > timestamp(0)"
    )
    assert compiled.kinds == {"customer", "ticket"}
    assert compiled.reads == {
        ("customer", "$life"),
        ("customer", "$id"),
        ("customer", "address"),
        ("ticket", "deep"),
        ("agent", "role"),
    }
    guard = environment.guard("customer", "before.status != 'churned' || after.status == 'churned'")
    assert guard.reads == {("before", "status"), ("after", "status")}
    assert guard.kinds == frozenset()
    assert guard.source.startswith("before.status")


def test_s28_a_name_that_is_no_declared_kind_is_an_undeclared_one(environment: Environment) -> None:
    assert environment.assumption("custmer.status == 'x'").kinds == {"custmer"}


def test_kinds_with_fields_that_differ_only_in_case_do_not_break_others() -> None:
    environment = Environment({"a": {"fooBar": FieldType("string"), "foo_bar": FieldType("string")}})
    assert environment.assumption("a.fooBar == a.foo_bar").holds({"a": {"fooBar": "x", "foo_bar": "x"}})


def test_environments_know_nothing_of_each_other() -> None:
    first = Environment({"a": {"x": FieldType("integer", nullable=False)}})
    second = Environment({"a": {"x": FieldType("string", nullable=False)}})
    assert first.guard("a", "after.x == 1").holds({"after": {"x": 1}})
    assert second.guard("a", "after.x == '1'").holds({"after": {"x": "1"}})
    with pytest.raises(InvalidExpression):
        second.guard("a", "after.x == 1")


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES - {"agent", "action", "now"}))
def test_a_reserved_name_is_no_kind(environment: Environment, name: str) -> None:
    with pytest.raises(InvalidExpression):
        environment.assumption(f"{name}.x == 1")
