"""How compiled expressions behave: as pure functions, from any thread."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest

from comity import limits
from comity.deciding.expressions import Environment, ExpressionFailed, FieldType, evaluation


def test_only_true_holds(environment: Environment) -> None:
    compiled = environment.assumption("ticket.open != null && ticket.open")
    assert compiled.holds({"ticket": {"open": True}}) is True
    assert compiled.holds({"ticket": {"open": False}}) is False
    for value in ("true", 1, [True], {"a": True}):
        with pytest.raises(ExpressionFailed):
            compiled.holds({"ticket": {"open": value}})


def test_a_root_that_is_not_given_is_absent(environment: Environment) -> None:
    compiled = environment.assumption("customer == null && customer.status == null && action.kind == null")
    assert compiled.holds({})
    assert compiled.holds({"customer": None, "action": None})


def test_the_values_given_are_left_alone(environment: Environment, happening: dict[str, object]) -> None:
    compiled = environment.consequence("customer", {}, "record.tags + ['x']", FieldType("list"))
    before = repr(happening)
    compiled.value(happening)
    assert repr(happening) == before


def test_values_of_dict_and_list_subclasses_are_taken(environment: Environment) -> None:
    class Frozen(dict[str, object]):
        pass

    compiled = environment.assumption("customer.address.city == 'Rome' && ticket.notes == [1, 2]")
    assert compiled.holds({"customer": Frozen(address=Frozen(city="Rome")), "ticket": {"notes": (1, 2)}})


def test_numbers_of_undeclared_fields_divide_alike_whatever_their_form(environment: Environment) -> None:
    compiled = environment.assumption("ticket.a != null && ticket.a / 2 == 2.5")
    assert compiled.holds({"ticket": {"a": 5}})
    assert compiled.holds({"ticket": {"a": 5.0}})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("9223372036854775807 + record.open_tickets", "integer overflow"),
        ("record.extra + 9223372036854775807", "overflow"),
        ("record.extra * 1e308 * 1e308", "finite"),
        ("record.extra - 'x'.size() - 9223372036854775807 - 9223372036854775807", "overflow"),
    ],
)
def test_overflow_fails_closed(environment: Environment, source: str, message: str) -> None:
    compiled = environment.consequence("customer", {}, f"record.extra == null ? 0 : {source}", FieldType("any"))
    with pytest.raises(ExpressionFailed, match=message):
        compiled.value({"record": {"extra": 5, "open_tickets": 5}})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("[dyn(b'x')]", "no JSON value"),
        ("[dyn(duration('1s'))]", "no JSON value"),
        ("dyn(duration('1s'))", "no JSON value"),
        ("dyn({1: 2})", "no JSON value"),
        ("dyn(type(1))", "no JSON value"),
    ],
)
def test_a_value_that_json_cannot_say_fails_closed(environment: Environment, source: str, message: str) -> None:
    with pytest.raises(ExpressionFailed, match=message):
        environment.consequence("customer", {}, source, FieldType("any")).value({})


def test_many_threads_judge_with_one_expression(environment: Environment, change: dict[str, object]) -> None:
    compiled = environment.guard("customer", "after.open_tickets > 1 && after.tags.exists(t, t == 'b')")
    after = change["after"]
    assert isinstance(after, dict)
    wrong = {**change, "after": {**after, "open_tickets": 0}}

    def judge(number: int) -> bool:
        return compiled.holds(change if number % 2 else wrong) is bool(number % 2)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(judge, range(4_000)))


def test_many_threads_compile_in_one_environment(environment: Environment, subjects: dict[str, object]) -> None:
    def judge(number: int) -> bool:
        source = f"u{number % 90}.n == {number} && customer.open_tickets == 2"
        return environment.assumption(source).holds({**subjects, f"u{number % 90}": {"n": number}})

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(judge, range(400)))


def test_its_source_is_shown(environment: Environment) -> None:
    assert repr(environment.assumption("agent.id == 'ann'")) == "Expression(\"agent.id == 'ann'\")"


@pytest.mark.parametrize("source", ["record.note", "[record.note, 'a']", "{'a': record.note, 'b': [record.note]}"])
def test_nulls_take_no_reference_to_none_away(source: str) -> None:
    """The library's own way of handing out null does: a process would be aborted after some thousand of them."""
    environment = Environment({"task": {"note": FieldType("any")}})
    expression = environment.consequence("task", {}, source, FieldType("any"))
    roots = {"record": {"note": None, "$id": "a"}, "event": {"at": 0, "by": "x"}, "agent": {}, "now": 0}
    expression.value(roots)
    before = sys.getrefcount(None)
    values = [expression.value(roots) for _ in range(1_000)]
    assert sys.getrefcount(None) > before - 500
    assert len(values) == 1_000


def test_a_condition_that_is_null_fails_and_takes_no_reference_away() -> None:
    expression = Environment({"task": {"flag": FieldType("any", nullable=False)}}).assumption("task.flag")
    before = sys.getrefcount(None)
    for _ in range(1_000):
        with pytest.raises(ExpressionFailed):
            expression.holds({"task": {"flag": None, "$id": "a"}})
    assert sys.getrefcount(None) > before - 500


def test_a_text_that_is_only_handed_on_may_be_long() -> None:
    """A definition may be longer than all text that expressions look at together."""
    environment = Environment({"task": {"note": FieldType("string")}})
    text = FieldType("string")
    roots = {"event": {"note": "x" * (limits.EXPRESSION_TEXT_BYTES + 1)}}
    assert environment.consequence("task", {"note": text}, "event.note", text).value(roots) == roots["event"]["note"]
    with pytest.raises(ExpressionFailed, match="bytes of text"):
        environment.consequence("task", {"note": text}, "default(event.note, '') + '!'", text).value(roots)


def test_an_answer_that_is_kept_is_the_one_that_would_be_given(environment: Environment) -> None:
    compiled = environment.assumption(
        "customer.status != 'churned' || customer.open_tickets > 1 || agent.kind == 'human'"
    )
    statuses, tickets, kinds = ("active", "churned", None), (0, 1, 2), ("agent", "human")
    for _ in range(2):
        for status, count, kind in product(statuses, tickets, kinds):
            roots = {"customer": {"status": status, "open_tickets": count}, "agent": {"kind": kind}}
            assert compiled.holds(roots) is (status != "churned" or count > 1 or kind == "human")


def test_no_answer_is_taken_for_that_to_a_value_of_another_type(environment: Environment) -> None:
    declared = environment.assumption("customer.open_tickets == 1")
    dynamic = environment.assumption("ticket.x == true")
    assert declared.holds({"customer": {"open_tickets": 1}})
    with pytest.raises(ExpressionFailed):
        declared.holds({"customer": {"open_tickets": True}})
    assert [dynamic.holds({"ticket": {"x": value}}) for value in (1, True, 1, True)] == [False, True, False, True]


def test_what_fails_fails_each_time(environment: Environment) -> None:
    compiled = environment.assumption("9223372036854775807 + customer.open_tickets > 0")
    for _ in range(2):
        with pytest.raises(ExpressionFailed, match="overflow"):
            compiled.holds({"customer": {"open_tickets": 1}})
        assert compiled.holds({"customer": {"open_tickets": 0}})


def test_two_expressions_keep_their_answers_apart(environment: Environment) -> None:
    values = {"customer": {"open_tickets": 1}}
    one, other = (
        environment.assumption("customer.open_tickets == 1"),
        environment.assumption("customer.open_tickets == 2"),
    )
    assert [one.holds(values), other.holds(values), one.holds(values)] == [True, False, True]


def test_the_answers_kept_are_bounded(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "_ANSWERS", kept := {})
    monkeypatch.setattr(evaluation, "ANSWERS_KEPT", 8)
    compiled = environment.assumption("customer.open_tickets > 50")
    assert [compiled.holds({"customer": {"open_tickets": n}}) for n in range(100)] == [n > 50 for n in range(100)]
    assert 0 < len(kept) <= 8
    longest = environment.assumption("customer.name != 'x'")
    kept.clear()
    assert longest.holds({"customer": {"name": "y" * 1000}})
    assert not kept
