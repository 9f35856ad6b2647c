"""S26: a rule that is new to a workspace with a history starts in shadow, and taking one back is one command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import comity
from comity.deciding import compile as compiling
from comity.deciding import definitions
from comity.deciding.compile import Compiled
from comity.deciding.definitions import compiled_of
from comity.deciding.gates.definition import digest_of
from comity.errors import InvalidDefinition, NotFound, StoreError
from comity.model.decisions import Decision
from comity.model.proposals import Emit, Proposal, Put
from comity.operations import ApplyAnswer
from tests.semantics.asking import codes
from tests.semantics.conftest import Open

PLAIN = """\
[agents]
sales = { role = "sales" }
ops   = { role = "operations", kind = "human" }

[kinds.customer.fields]
name = { type = "string" }
"""
ALWAYS = """
[[rules]]
name = "not now"
when = "customer != null"
then = "refuse"
"""
Define = Callable[..., Path]
NEXT = iter(range(10**9))


@pytest.fixture
def ws(open_again: Open, define: Define) -> comity.Workspace:
    base = open_again(definition=define(PLAIN))
    put(base)
    return base


@pytest.fixture
def apply(ws: comity.Workspace, define: Define) -> Callable[..., ApplyAnswer]:
    """Return a way to have other rules judge."""
    return lambda rules, **options: ws.apply(define(PLAIN + rules, "new.toml"), **options)


def put(ws: comity.Workspace) -> Decision:
    change = Put("customer/acme", {"name": f"n{next(NEXT)}"})
    return ws.agent("sales").propose(Proposal(id=f"p{next(NEXT)}", changes=(change,), accept=ws.revision))


def shadows(decision: Decision) -> list[str]:
    return [finding.code for finding in decision.warnings if "shadow" in finding.data]


# -- starting in shadow


def test_s26_a_new_rule_starts_in_shadow(ws: comity.Workspace, apply: Callable[..., ApplyAnswer]) -> None:
    answer = apply(ALWAYS)
    assert answer.shadowed == ("not now",)
    assert answer.changes == ("+ rule not now (in shadow at first; enforce=True or a mode ends that)",)
    decision = put(ws)
    assert decision.is_committed
    assert shadows(decision) == ["rule.not_now"]
    assert [(rule.mode, rule.is_new, rule.would) for rule in ws.rules().rules] == [("shadow", True, 1)]


def test_s26_another_process_has_it_in_shadow_too(
    ws: comity.Workspace, apply: Callable[..., ApplyAnswer], open_again: Open
) -> None:
    there = open_again()
    apply(ALWAYS)
    for base in (there, open_again()):
        assert shadows(put(base)) == ["rule.not_now"]


def test_s26_it_stays_in_shadow_while_other_things_change(
    ws: comity.Workspace, apply: Callable[..., ApplyAnswer]
) -> None:
    apply(ALWAYS)
    assert apply(ALWAYS + "# again\n").shadowed == ("not now",)
    assert shadows(put(ws)) == ["rule.not_now"]
    reworded = apply(ALWAYS.replace("customer != null", "customer.name != 'x'"))
    assert reworded.changes[0].startswith("~ rule not now (in shadow")
    assert shadows(put(ws)) == ["rule.not_now"]


def test_s26_unless_told_otherwise(ws: comity.Workspace, apply: Callable[..., ApplyAnswer]) -> None:
    assert apply(ALWAYS).shadowed == ("not now",)
    assert apply(ALWAYS).is_changed is False
    told = apply(ALWAYS, enforce=True)
    assert (told.is_changed, told.shadowed, told.changes) == (True, (), ("~ rule not now (shadow → enforce)",))
    assert codes(put(ws)) == ["rule.not_now"]
    assert apply(ALWAYS, enforce=True).is_changed is False
    assert apply(ALWAYS).is_changed is False
    assert codes(put(ws)) == ["rule.not_now"]


@pytest.mark.parametrize(("mode", "found"), [("enforce", ["rule.not_now"]), ("shadow", [])])
def test_s26_a_mode_of_its_own_counts(
    ws: comity.Workspace, apply: Callable[..., ApplyAnswer], mode: str, found: list[str]
) -> None:
    answer = apply(f'{ALWAYS}mode = "{mode}"\n')
    assert (answer.shadowed, answer.changes) == ((), ("+ rule not now",))
    assert codes(put(ws)) == found
    assert apply(f'{ALWAYS}mode = "{mode}"\n', enforce=True).is_changed is False


def test_s26_a_rule_that_was_there_stands_in_the_way_however_it_is_worded(
    ws: comity.Workspace, apply: Callable[..., ApplyAnswer]
) -> None:
    apply(ALWAYS, enforce=True)
    apply(ALWAYS.replace("customer != null", "customer.name != 'x'"))
    assert codes(put(ws)) == ["rule.not_now"]


def test_s26_a_workspace_without_a_history_enforces_at_once(open_again: Open, define: Define) -> None:
    ws = open_again()
    assert ws.apply(define(PLAIN, "first.toml")).shadowed == ()
    assert ws.apply(define(PLAIN + ALWAYS, "second.toml")).shadowed == ()
    assert codes(put(ws)) == ["rule.not_now"]


def test_s26_a_dry_run_tells_it_and_changes_nothing(ws: comity.Workspace, apply: Callable[..., ApplyAnswer]) -> None:
    assert apply(ALWAYS, dry=True).shadowed == ("not now",)
    assert ws.rules().rules == ()


def test_s26_the_transition_names_rules_that_are_there(ws: comity.Workspace) -> None:
    source = PLAIN + ALWAYS
    data = {"source": source, "digest": digest_of(source), "replaces": 1, "scanned": ws.revision, "shadowed": ["gone"]}
    change = Emit("$definition/current", "applied", data)
    decision = comity.Agent(ws._session).propose(Proposal(id="by-hand", changes=(change,)))
    assert codes(decision) == ["definition.unknown_rule"]


def is_held(ws: comity.Workspace) -> bool:
    """Tell whether this thread holds the head: then it can keep no note."""
    try:
        ws._engine.store.note("test", {})
    except StoreError:
        return True
    return False


def test_s26_a_definition_is_compiled_once_and_not_under_the_head(
    ws: comity.Workspace, apply: Callable[..., ApplyAnswer], monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []

    def load(source: str, number: int, *, shadowed: tuple[str, ...]) -> Compiled:
        held.append(is_held(ws))
        return compiling.load_definition(source, number, shadowed=shadowed)

    monkeypatch.setattr(definitions, "load_definition", load)
    apply(ALWAYS.replace("not now", f"rule {next(NEXT)} of this test"))
    assert held == [False]


def test_compiled_definitions_are_told_apart_by_what_is_in_shadow() -> None:
    one, other = compiled_of(PLAIN + ALWAYS, 1, ()), compiled_of(PLAIN + ALWAYS, 1, ("not now",))
    assert (one.rules.rules["not now"].definition.mode, one.shadowed) == (None, ())
    assert (other.rules.rules["not now"].definition.mode, other.shadowed) == ("shadow", ("not now",))


# -- taking it back


def test_s26_taking_the_last_definition_back_is_one_command(
    ws: comity.Workspace, apply: Callable[..., ApplyAnswer]
) -> None:
    apply(ALWAYS, enforce=True)
    assert not put(ws).is_committed
    answer = ws.rollback(reason="it stops everyone")
    assert (answer.number, answer.is_changed, answer.changes) == (3, True, ("- rule not now",))
    assert put(ws).is_committed
    assert ws.definition().source == PLAIN
    assert ws.why("$definition/current", "source").event.reason == "it stops everyone"  # type: ignore[union-attr]
    assert ws.verify().is_clean


def test_s26_taking_back_twice_takes_back_the_taking_back(
    ws: comity.Workspace, apply: Callable[..., ApplyAnswer]
) -> None:
    apply(ALWAYS, enforce=True)
    ws.rollback()
    assert ws.rollback().shadowed == ()
    assert codes(put(ws)) == ["rule.not_now"]


def test_s26_rules_come_back_in_the_mode_that_they_had(ws: comity.Workspace, apply: Callable[..., ApplyAnswer]) -> None:
    apply(ALWAYS)  # 2: in shadow
    apply(ALWAYS, enforce=True)  # 3
    apply("")  # 4
    assert ws.rollback(2).shadowed == ("not now",)
    assert shadows(put(ws)) == ["rule.not_now"]
    assert ws.rollback(3).number == 6
    assert codes(put(ws)) == ["rule.not_now"]
    assert ws.rollback(6).is_changed is False


def test_s26_one_may_look_before(ws: comity.Workspace, apply: Callable[..., ApplyAnswer]) -> None:
    apply(ALWAYS, enforce=True)
    answer = ws.rollback(dry=True)
    assert (answer.is_changed, answer.number, answer.changes) == (True, 3, ("- rule not now",))
    assert ws.definition().number == 2


def test_s26_taking_back_tells_which_rules_stand_in_the_way_no_more(
    ws: comity.Workspace, apply: Callable[..., ApplyAnswer]
) -> None:
    apply(ALWAYS)
    apply(ALWAYS, enforce=True)
    assert ws.rollback().changes == ("~ rule not now (enforce → shadow)",)


def test_s26_a_definition_whose_tests_fail_is_taken_and_they_are_named(
    ws: comity.Workspace, apply: Callable[..., ApplyAnswer]
) -> None:
    test = """
[[tests]]
name = "{}"
given = {{ "customer/acme" = {{ name = "Acme" }} }}
proposal = {{ agent = "sales", set = {{ "customer/acme" = {{ name = "New" }} }} }}
expect = "{}"
"""
    answer = apply(ALWAYS + test.format("it waits", "refused") + test.format("it goes", "committed"), enforce=True)
    assert (answer.is_changed, answer.failed) == (True, ("it goes",))
    assert "But 1 of its tests failed: it goes." in str(answer)
    assert apply(ALWAYS + test.format("it waits", "refused"), enforce=True).failed == ()


@pytest.mark.parametrize("to", [0, 3, -1])
def test_s26_a_version_that_is_not_there(ws: comity.Workspace, apply: Callable[..., ApplyAnswer], to: int) -> None:
    apply(ALWAYS)
    with pytest.raises(NotFound, match="from 1 to 2"):
        ws.rollback(to)


def test_s26_the_first_can_not_be_taken_back(ws: comity.Workspace) -> None:
    with pytest.raises(NotFound, match="no earlier definition"):
        ws.rollback()


def test_s26_the_records_must_fit_the_former_one(
    ws: comity.Workspace, apply: Callable[..., ApplyAnswer], define: Define
) -> None:
    ws.apply(define(PLAIN + 'size = { type = "integer" }\n', "new.toml"))
    ws.agent("sales").set("customer/acme", size=3)
    with pytest.raises(InvalidDefinition, match=r"version 1: the records don't fit: customer/acme"):
        ws.rollback()


def test_s26_taking_back_is_for_operators(ws: comity.Workspace, apply: Callable[..., ApplyAnswer]) -> None:
    apply(ALWAYS)
    with pytest.raises(comity.Refused) as refused:
        ws.agent("sales").rollback()
    assert codes(refused.value.decision) == ["identity.not_operator"]
