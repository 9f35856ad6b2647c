"""Nothing that may be absent is computed with."""

from __future__ import annotations

import pytest

from comity.deciding.expressions import Environment, ExpressionFailed, FieldType
from comity.errors import InvalidExpression

ABSENT = {"$id": "acme", "name": "Acme", "open_tickets": 0, "rate": 1.0, "seen": "2026-01-31T12:00:00Z"}
SEATS_HINT = (
    "write customer.seats != null && …, has(customer.seats) && …, customer.seats == null || …, a ternary, "
    "or default(customer.seats, value)"
)


def test_the_refusal_names_every_way_out(environment: Environment) -> None:
    with pytest.raises(InvalidExpression) as caught:
        environment.assumption("customer.open_tickets == 0 || customer.seats > 1")
    assert str(caught.value) == f"customer.seats may be absent ({SEATS_HINT})"
    assert caught.value.hint == SEATS_HINT
    assert caught.value.position == 30


@pytest.mark.parametrize(
    "source",
    [
        "customer.seats > 1",
        "customer.seats + 1 == 2",
        "-customer.seats == 1",
        "customer.vip",
        "!customer.vip",
        "customer.vip || true",
        "true && customer.vip",
        "customer.vip ? true : false",
        "size(customer.status) > 1",
        "customer.status.startsWith('a')",
        "customer.status.contains('a')",
        "'a'.contains(customer.status)",
        "customer.since < now",
        "customer.since.getHours() == 1",
        "string(customer.seats) == '1'",
        "customer.tags[customer.seats] == 'a'",
        "'a' in customer.address",
        "customer.address[customer.status] == 1",
        "customer.address.city.startsWith('R')",
        "customer.lines[0].price > 1",
        "customer.extra > 1",
        "customer.extra.a.b > 1",
        "ticket.price > 1",
        "action.kind.startsWith('o')",
        # the check stands behind the use, or doesn't cover it
        "customer.seats > 1 && customer.seats != null",
        "customer.seats != null || customer.seats > 1",
        "customer.seats == null && customer.seats > 1",
        "(customer.seats != null || customer.open_tickets == 1) && customer.seats > 1",
        "customer.seats != null ? true : customer.seats > 1",
        "customer.status != null && customer.seats > 1",
        "customer.seats != 5 && customer.seats > 1",
        "customer.seats == customer.extra && customer.seats > 1",
        "customer.seats in [1, null] && customer.seats > 1",
        "!(customer.seats != null) && customer.seats > 1",
        "!(customer.seats != null && customer.open_tickets == 1) || customer.vip",
        # a result that may be absent
        "customer.open_tickets == 1 ? customer.vip : true",
        "(customer.open_tickets == 1 ? customer.seats : 2) > 1",
        "default(customer.seats, customer.extra) > 1",
    ],
)
def test_refused(environment: Environment, source: str) -> None:
    with pytest.raises(InvalidExpression, match=r"absent|null"):
        environment.assumption(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("customer.seats == null", True),
        ("null == customer.seats", True),
        ("customer.seats != null", False),
        ("customer.seats == 1", False),
        ("customer.seats != 1", True),
        ("customer.seats == customer.extra", True),
        ("customer.seats in [1, 2]", False),
        ("customer.seats in [1, null]", True),
        ("customer.vip == true", False),
        ("has(customer.seats)", False),
        ("has(customer.seats) && customer.seats > 1", False),
        ("!has(customer.seats) || customer.seats > 1", True),
        ("customer.seats != null && customer.seats > 1", False),
        ("null != customer.seats && customer.seats > 1", False),
        ("customer.seats == null || customer.seats > 1", True),
        ("!(customer.seats == null) && customer.seats > 1", False),
        ("!(customer.seats == null || customer.vip == null) && customer.vip && customer.seats > 1", False),
        ("customer.seats != null ? customer.seats > 1 : true", True),
        ("customer.seats == null ? true : customer.seats > 1", True),
        ("(customer.seats == null ? 1 : customer.seats) == 1", True),
        ("customer.seats == 5 && customer.seats > 1", False),
        ("customer.seats in [5, 6] && customer.seats > 1", False),
        ("default(customer.seats, 3) > 2", True),
        ("default(customer.seats, 2.5) > 2", True),
        ("default(customer.value, 3) > 2", True),
        ("default(customer.seats, default(customer.value, 3)) == 3", True),
        ("default(customer.status, 'new').startsWith('n')", True),
        ("default(customer.since, now) == now", True),
        ("default(customer.address, {'a': 1}).size() == 1", True),
        ("default(customer.tags, ['x']) == ['x']", True),
        ("customer.address.city == null", True),
        ("customer.address.city != null && customer.address.city.startsWith('R')", False),
        ("has(customer.address.city.x)", False),
        ("customer.extra.a != null && customer.extra.a.b == 1", False),
        ("customer.tags.size() == 0", True),
        ("has(customer.tags)", False),
        ("'a' in customer.tags", False),
        ("customer.name.startsWith('A') && customer.open_tickets < 1 && customer.rate > 0", True),
        ("action.kind != null && action.kind.startsWith('o')", False),
    ],
)
def test_absent_is_null(environment: Environment, source: str, expected: bool) -> None:
    roots = {"customer": ABSENT, "agent": {}, "action": {"name": None}, "now": 0}
    assert environment.assumption(source).holds(roots) is expected


@pytest.mark.parametrize(
    "source",
    [
        "after.lines.exists(l, l.price > 1)",
        "after.lines.exists(l, l.price > 1 && l.price != null)",
        "after.lines.map(l, l.price).all(p, p > 1)",
        "[1, null].all(v, v > 1)",
        "[1, 2].map(v, [v, null]).all(l, l.all(v, v > 1))",
        "after.extra.all(v, v > 1)",
        "after.extra != null && after.extra.all(v, v > 1)",
        "after.lines.all(l, after.seats > 1)",
        "after.lines.exists(l, l.price != null) && after.lines.all(l, l.price > 1)",
        "[1, null][0] > 1",
        "{'a': 1}['a'] > 1",
        "before.open_tickets > 0",
        "before.id.startsWith('a')",
        "before.status != null || before.open_tickets > 0",
    ],
)
def test_refused_in_loops_and_before(environment: Environment, source: str) -> None:
    with pytest.raises(InvalidExpression, match=r"absent|null"):
        environment.guard("customer", source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("after.lines.exists(l, l.price != null && l.price > 1)", True),
        ("after.lines.map(l, default(l.price, 9)).all(p, p > 4)", True),
        ("after.lines.filter(l, has(l.price)).all(l, l.price == 5)", True),
        ("[1, null].filter(v, v != null).all(v, v > 0)", True),
        ("[1, null].all(v, v == null || v > 0)", True),
        ("after.seats == null || after.lines.all(l, after.seats > 1)", True),
        ("before != null && before.open_tickets > 0", True),
        ("before.status != null && before.open_tickets > 0", True),
        ("before == null ? true : before.id.startsWith('a')", True),
        ("after.lines[0].price != null && after.lines[0].price > 4", True),
    ],
)
def test_known_in_loops_and_before(
    environment: Environment, change: dict[str, object], source: str, expected: bool
) -> None:
    assert environment.guard("customer", source).holds(change) is expected


@pytest.mark.parametrize(
    "source",
    [
        "1 / customer.open_tickets == 1 || true",
        "1 % customer.open_tickets == 1 || true",
        "!(1 / customer.open_tickets == 1 && false)",
        "customer.rate / customer.open_tickets > 1 || true",
        "customer.rate / 0 > 1",
        "1e308 * customer.rate * 10 > 1 || true",
        "-1e308 * 10.0 - customer.rate < 1",
        "9223372036854775807 + size(customer.name) > 0 || true",
        "-9223372036854775807 - 2 < customer.open_tickets || true",
        "double(customer.name) > 1.0 || true",
        "double('inf') > 1.0",
        "int(customer.name) == 1 || true",
        "int(1e300) == 1 || true",
        "timestamp(customer.name) < now || true",
        "customer.tags[3] == 'a' || true",
        "ticket.price != null && ticket.price / 0 == 1 || true",
        "ticket.title != null && ticket.title > 1 || true",
        "ticket.title.deeper == 1 || true",
    ],
)
def test_an_error_is_never_hidden(environment: Environment, source: str) -> None:
    roots = {"customer": ABSENT, "ticket": {"price": 1, "title": "x"}, "now": 0}
    with pytest.raises(ExpressionFailed):
        environment.assumption(source).holds(roots)


@pytest.mark.parametrize("source", ["[0, 1].exists(x, 1 / x == 1)", "[0, 2].all(x, 1 / x == 1)"])
def test_an_error_is_not_hidden_by_a_later_element(
    environment: Environment, change: dict[str, object], source: str
) -> None:
    with pytest.raises(ExpressionFailed, match="divide by zero"):
        environment.guard("customer", source).holds(change)


@pytest.mark.parametrize(
    ("source", "expected"),
    [("true || 1 / 0 == 1", True), ("false && 1 / 0 == 1", False), ("[1, 0].exists(x, 1 / x == 1)", True)],
)
def test_what_need_not_be_judged_is_not(
    environment: Environment, change: dict[str, object], source: str, expected: bool
) -> None:
    assert environment.guard("customer", source).holds(change) is expected


def test_a_required_field_that_is_missing_after_all_fails_closed() -> None:
    environment = Environment({"a": {"n": FieldType("integer", nullable=False)}})
    with pytest.raises(ExpressionFailed, match="something is null"):
        environment.assumption("a.n < 1 || true").holds({"a": {}})
