"""The handles of humans who hold something still."""

from __future__ import annotations

import pytest

import comity
from comity.errors import InvalidRequest


@pytest.fixture
def ops(base: comity.Workspace) -> comity.Agent:
    return base.agent("ops", key=base.issue_key("ops").key)


def test_a_pin_is_lifted_by_what_set_it_or_what_shows_it(ops: comity.Agent) -> None:
    decision = ops.pin("customer/acme", "status", value="at_risk", reason="call", ttl="1h")
    ops.lift(decision)
    ops.pause("sales", reason="call", ttl="1h", yields="queue")
    (shown,) = ops.overrides().overrides
    assert shown.yields == "queue"
    ops.lift(shown, reason="done")
    ops.lift(next(iter(ops.freeze(reason="call", ttl="1h").records)))
    assert ops.overrides().overrides == ()


@pytest.mark.parametrize("given", [None, 3, object()])
def test_what_is_no_override_is_told(ops: comity.Agent, given: object) -> None:
    with pytest.raises(InvalidRequest, match="is no override"):
        ops.lift(given)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="is no override"):
        ops.lift(ops.put("memo/a", text="x"))


def test_a_value_of_none_pins_the_field_empty(base: comity.Workspace, ops: comity.Agent) -> None:
    ops.pin("memo/a", "text", value=None, reason="keep it empty", ttl="1h")
    with pytest.raises(comity.Refused, match="pinned to empty"):
        base.agent("sales").put("memo/a", text="x")
    base.agent("sales").put("memo/a", title="x")


def test_setting_one_raises_for_those_who_may_not(base: comity.Workspace) -> None:
    sales = base.agent("sales")
    for act in (
        lambda: sales.pin("customer/acme", reason="mine", ttl="1h"),
        lambda: sales.pause("support", reason="mine", ttl="1h"),
        lambda: sales.freeze(reason="mine", ttl="1h"),
    ):
        with pytest.raises(comity.Refused, match="human with a key"):
            act()


def test_everyone_sees_what_is_held(base: comity.Workspace, ops: comity.Agent) -> None:
    ops.freeze(reason="night", ttl="1h")
    for one in (base, base.agent("sales"), ops):
        assert "the workspace held by ops until" in str(one.overrides())
    ops.put("customer/acme", n=1)
    assert str(base.overrides(record="customer/acme")) == "No override is in force."


def test_a_wrong_choice_is_told_with_the_right_ones(ops: comity.Agent) -> None:
    with pytest.raises(InvalidRequest, match=r"Invalid enum value 'wait' .*: write one of 'queue', 'refuse'"):
        ops.freeze(reason="night", ttl="1h", yields="wait")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ttl", "told"), [("400d", "this one would in 400 d"), ("2019-01-01T00:00:00Z", r"this time was \d+ d ago")]
)
def test_when_one_would_expire_is_told(ops: comity.Agent, ttl: str, told: str) -> None:
    with pytest.raises(comity.Refused, match=told):
        ops.freeze(reason="night", ttl=ttl)


def test_a_pin_is_lifted_by_how_its_id_begins_unless_others_begin_so_too(ops: comity.Agent) -> None:
    first = next(iter(ops.pin("memo/a", reason="call", ttl="1h").records)).partition("/")[2]
    with pytest.raises(comity.NotFound):
        ops.lift(first[:5])
    ops.lift(first[:-1])
    assert ops.overrides().overrides == ()
    both = [next(iter(ops.pin(f"memo/{name}", reason="call", ttl="1h").records)).partition("/")[2] for name in "ab"]
    shared = both[0][: next(place for place, sign in enumerate(both[0]) if sign != both[1][place])]
    assert len(shared) > 5
    with pytest.raises(comity.NotFound):
        ops.lift(shared)
    assert len(ops.overrides().overrides) == 2
