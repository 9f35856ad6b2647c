"""The tree of errors: as drawn, complete, and each with advice."""

from __future__ import annotations

import inspect
import re

import pytest

import comity
from comity import errors
from comity.errors import ComityError
from comity.model.decisions import Decision, Finding, Moved


def classes() -> dict[str, type[ComityError]]:
    return {name: one for name, one in vars(errors).items() if inspect.isclass(one) and issubclass(one, ComityError)}


def drawn() -> dict[str, str | None]:
    """Return each name in the drawing with the name of what it hangs on."""
    lines = [line for line in (errors.__doc__ or "").splitlines() if re.match(r"    \S*[│├└ ]*─*\s?\w+", line)]
    parents: dict[str, str | None] = {}
    path: list[tuple[int, str]] = []
    for line in lines:
        found = re.match(r"    ([│├└─ ]*)(\w+)", line)
        assert found is not None
        depth = len(found[1]) // 4
        path = [(level, name) for level, name in path if level < depth]
        parents[found[2]] = path[-1][1] if path else None
        path.append((depth, found[2]))
    return parents


def test_the_tree_is_as_drawn() -> None:
    actual = {name: None if one is ComityError else one.__bases__[0].__name__ for name, one in classes().items()}
    assert drawn() == actual


def test_every_error_is_public() -> None:
    assert set(classes()) <= set(comity.__all__)


def test_codes_are_stable_names_of_their_own() -> None:
    codes = [one.code for one in classes().values()]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z_]+", code) for code in codes)
    assert all("code" in vars(one) for one in classes().values())


@pytest.mark.parametrize(("name", "one"), classes().items(), ids=classes())
def test_every_error_says_what_it_tells_and_what_a_repeat_can_bring(name: str, one: type[ComityError]) -> None:
    assert one.__doc__
    assert one.__doc__.splitlines()[0].endswith(".")
    assert one.retry in ("never", "reread", "same")


def test_a_refusal_explains_itself_with_its_decision() -> None:
    moved = Moved("a/1", "n", 1, 2, "bob", 0, "2.0")
    finding = Finding("freshness.changed", "m", "a/1", moved=(moved,))
    decision = Decision(
        id="p", outcome="refused", revision=2, at=0, definition=0, next="Look again.", findings=(finding,)
    )
    error = comity.Conflict(decision)
    assert error.decision is decision
    assert str(error) == decision.explain()
    assert error.retry == "reread"
    assert isinstance(error, comity.NotCommitted)


@pytest.mark.parametrize(
    ("findings", "retry"),
    [
        ([Finding("rule.open_tickets", "m", severity="defer")], "same"),
        ([Finding("lease.held", "m")], "same"),
        ([Finding("identity.paused", "m"), Finding("rule.note", "m", severity="warn")], "same"),
        ([Finding("lease.lapsed", "m")], "reread"),
        ([Finding("freshness.blind_write", "m"), Finding("lease.held", "m")], "reread"),
        ([Finding("shape.required", "m"), Finding("lease.held", "m")], "never"),
        ([Finding("ownership.other_domain", "m")], "never"),
    ],
)
def test_a_refusal_says_what_a_repeat_can_bring(findings: list[Finding], retry: str) -> None:
    decision = Decision(id="p", outcome="refused", revision=2, at=0, definition=0, next="n", findings=tuple(findings))
    assert comity.Refused(decision).retry == decision.retry == retry
    assert comity.Refused.retry == "never"


def test_errors_that_carry_more() -> None:
    assert comity.InvalidDefinition(["a", "b"]).problems == ("a", "b")
    assert str(comity.InvalidDefinition(["a", "b"])) == "a\nb"
    expression = comity.InvalidExpression("no such field", position=3, hint="did you mean x?")
    assert (str(expression), expression.position) == ("no such field (did you mean x?)", 3)
    assert comity.OutcomeUnknown("lost", proposal="p1").proposal == "p1"
