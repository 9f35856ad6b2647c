"""Conditions of rules: what is known of them beforehand, and many asked in one go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comity.deciding.expressions import Environment, ExpressionFailed, FieldType, any_of
from comity.deciding.expressions.conditions import FETCHED

COUNT = FieldType("integer", nullable=False)
ENVIRONMENT = Environment(
    {"customer": {"a": COUNT, "b": COUNT, "tags": FieldType("list")}, "ticket": {"a": COUNT}},
    referrers={"customer": frozenset({"ticket"})},
)

QUICK = [
    ("customer.a > 1", True, True),
    ("customer.a > 1 && size(recent) > 0", True, False),
    ("agent.role == 'x' && customer.a > 1 && size(recent) > 0 && customer.b > 1", True, False),
    ("size(recent) > 0 && customer.a > 1", False, False),
    ("customer != null && size(recent) > 0", False, False),
    ("agent.role == 'x' && customer != null && size(intents) > 0", False, False),
    ("customer.a > 1 || size(recent) > 0", False, False),
    ("customer != null && related.ticket.exists(t, t.a > 1)", False, False),
]


@pytest.mark.parametrize(("source", "has_quick", "is_whole"), QUICK)
def test_the_part_that_needs_nothing_fetched_comes_first(source: str, has_quick: bool, is_whole: bool) -> None:
    condition = ENVIRONMENT.rule(source)
    assert (condition.quick is not None) is has_quick
    assert (condition.quick is condition.whole) is is_whole
    assert condition.quick is None or not condition.quick.roots & FETCHED


def test_what_a_condition_looks_at_is_known() -> None:
    condition = ENVIRONMENT.rule("customer.a > 1 && size(recent) > 0 && related.ticket.exists(t, t.a > 1)")
    assert condition.whole.roots == {"customer", "recent", "related"}
    assert condition.whole.kinds == {"customer"}
    assert ("related", "ticket") in condition.whole.reads


def test_of_records_in_lists_only_the_fields_named_are_bound() -> None:
    """What nobody looks at may be of any size."""
    condition = ENVIRONMENT.rule("customer != null && recent.exists(e, e.type == 'x')")
    events = [{"type": "x", "agent": "a" * 100_000}]
    assert condition.whole.holds({"customer": {}, "recent": events})
    with pytest.raises(ExpressionFailed, match="bytes of text"):
        ENVIRONMENT.rule("recent.exists(e, e.agent == 'x')").whole.holds({"recent": events})


@pytest.mark.parametrize("events", [[3], [{"type": 3}], ["x"], "x"])
def test_records_in_lists_of_another_form_fail(events: object) -> None:
    with pytest.raises(ExpressionFailed):
        ENVIRONMENT.rule("recent.exists(e, e.type == 'x')").whole.holds({"recent": events})


terms = st.sampled_from(
    [
        "customer.a > 1",
        "customer.b < 2",
        "customer.a == customer.b",
        "customer.a / customer.b > 0",
        "customer.tags[0] == 1",
        "size(customer.tags) > 1",
        "agent.role == 'x'",
    ]
)
sources = st.lists(terms, min_size=1, max_size=3).map(" && ".join)


@given(
    st.lists(sources, min_size=1, max_size=12), st.integers(0, 3), st.integers(0, 3), st.lists(st.just(1), max_size=2)
)
def test_any_of_several_holds_if_one_does_and_fails_only_if_one_does(
    given_sources: list[str], a: int, b: int, tags: list[int]
) -> None:
    roots = {"customer": {"a": a, "b": b, "tags": tags}, "agent": {"id": "i", "role": "x", "kind": "agent"}}
    expressions = [ENVIRONMENT.rule(source).whole for source in given_sources]
    answers = [answer_of(expression.holds, roots) for expression in expressions]
    joined = answer_of(any_of(expressions).holds, roots)
    first = next((answer for answer in answers if answer is not False), False)
    assert joined is first


def answer_of(holds: object, roots: object) -> bool | None:
    """Return what an expression gives, None where it fails."""
    try:
        return bool(holds(roots))  # type: ignore[operator]
    except ExpressionFailed:
        return None
