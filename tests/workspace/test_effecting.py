"""Effects as handles want, show, stop and repeat them."""

from __future__ import annotations

import asyncio
import warnings
from pathlib import Path
from typing import Any

import pytest

import comity
from comity.errors import InvalidRequest, NotFound, Refused, UnproposedChanges
from comity.model.proposals import Effect


@pytest.fixture
def ws(tmp_path: Path) -> Any:
    with comity.open(tmp_path / "crm.db") as made:
        made.agent("support").put("customer/acme", status="active")
        yield made


def effects(ws: comity.Workspace) -> list[tuple[str, str | None, dict[str, Any]]]:
    return [(one.name, one.target, one.data) for one in ws.effects().effects]


def test_an_intent_with_nothing_but_effects_proposes(ws: comity.Workspace) -> None:
    with ws.agent("sales").intent("greet") as intent:
        intent.effect("email", "customer/acme", {"data": 1}, subject="Hi")
    assert effects(ws) == [("email", "customer/acme", {"data": 1, "subject": "Hi"})]
    assert intent.decision is not None
    assert ws.effect(intent.decision).once == intent.id


def test_an_exception_withdraws_the_effects_too(ws: comity.Workspace) -> None:
    intent = ws.agent("sales").intent()

    def break_off() -> None:
        with intent:
            intent.effect("email")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        break_off()
    assert effects(ws) == []
    with pytest.raises(InvalidRequest, match="withdrawn"):
        intent.effect("email")


def test_effects_that_were_never_proposed_are_warned_about(ws: comity.Workspace) -> None:
    intent = ws.agent("sales").intent()
    intent.effect("email")
    with pytest.warns(UnproposedChanges, match=r"effects \(email\)"):
        del intent
    intent = ws.agent("sales").intent()
    intent.effect("email")
    intent.withdraw()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del intent


def test_one_alone_takes_the_options_of_changes(ws: comity.Workspace) -> None:
    sales = ws.agent("sales")
    decision = sales.effect(
        "email", "customer/acme", subject="Hi", reason="Q4", was={"status": "active"}, id="e1", hold="10m", once="x"
    )
    effect = ws.effect(decision)
    assert (decision.id, effect.reason, effect.once, effect.data) == ("e1", "Q4", "x", {"subject": "Hi"})
    with pytest.raises(comity.Conflict):
        sales.effect("email", "customer/acme", was={"status": "lost"})
    with pytest.raises(InvalidRequest, match="none is named"):
        sales.effect("email", was={"status": "lost"})
    with pytest.raises(Refused):
        sales.effect("email", "customer/nobody")


@pytest.mark.parametrize("terms", [{"hold": "soon"}, {"hold": 3}, {"once": 3}, {"still": True}, {"target": 7}], ids=str)
def test_what_can_not_even_be_judged_is_told_at_once(ws: comity.Workspace, terms: dict[str, Any]) -> None:
    target = terms.pop("target", None)
    with pytest.raises(InvalidRequest):
        ws.agent("sales").effect("email", target, **terms)
    with pytest.raises(InvalidRequest):
        ws.agent("sales").effect(7)  # type: ignore[arg-type]


def test_an_event_loop_wants_them_as_well(ws: comity.Workspace) -> None:
    async def want() -> None:
        sales = ws.async_agent("sales")
        await sales.effect("email", "customer/acme", subject="one")
        async with sales.intent() as intent:
            intent.effect("email", "customer/acme", subject="two")

    asyncio.run(want())
    assert [data for _, _, data in effects(ws)] == [{"subject": "one"}, {"subject": "two"}]


def test_an_effect_is_named_by_what_shows_it(ws: comity.Workspace) -> None:
    decision = ws.agent("sales").effect("email", once="x")
    shown = ws.effect(decision)
    for name in (shown, shown.effect, shown.effect.partition("/")[2], shown.effect.partition("/")[2][:9]):
        assert ws.effect(name) == shown
    both = comity.Proposal(id="p", effects=(Effect("email", once="y"), Effect("email", once="z")))
    with pytest.raises(InvalidRequest, match="names 2 effects"):
        ws.effect(ws.agent("sales").propose(both))
    with pytest.raises(InvalidRequest, match="no effect came of that"):
        ws.effect(7)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        ws.effect("email~nothing")
    with pytest.raises(InvalidRequest, match="is no effect"):
        ws.effect("customer/acme")


def test_they_are_listed_by_state_agent_target_and_name(ws: comity.Workspace) -> None:
    sales, support = ws.agent("sales"), ws.agent("support")
    sales.effect("email", "customer/acme", hold="2h")
    support.effect("fax", hold="1h")
    sales.cancel_effect(sales.effect("email"), reason="no")
    assert [one.name for one in ws.effects().effects] == ["fax", "email"]
    assert [one.agent for one in ws.effects(agent="support").effects] == ["support"]
    assert [one.name for one in ws.effects(target="customer/acme").effects] == ["email"]
    assert [one.name for one in ws.effects(name="fax").effects] == ["fax"]
    assert [one.state for one in ws.effects(state="cancelled").effects] == ["cancelled"]
    assert (len(ws.effects(state="all").effects), ws.effects(limit=1).is_cut) == (3, True)
    assert str(ws.effects(state="delivered")) == "No such effect is there."
    with pytest.raises(comity.LimitExceeded):
        ws.effects(limit=0)


def test_a_workspace_tells_what_it_delivered(ws: comity.Workspace) -> None:
    ws.handle("email", print)
    ws.agent("sales").effect("email")
    assert str(ws.run_effects()) == "Delivered 1, failed 0, not let through 0."
    assert (ws.tally.delivered, ws.tally.failed) == (1, 0)


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ({"name": "emial"}, "no effect 'emial'; did you mean 'email'"),
        ({"agent": "slaes"}, "did you mean 'sales'"),
        ({"target": "customer/acne"}, "did you mean 'customer/acme'"),
    ],
)
def test_names_that_find_no_effect_are_told(ws: comity.Workspace, asked: dict[str, Any], nearest: str) -> None:
    ws.agent("sales").put("customer/acme", status="active")
    ws.agent("sales").effect("email", "customer/acme")
    with pytest.raises(NotFound, match=nearest):
        ws.effects(**asked)
    assert not ws.effects(name="email", state="delivered").effects


def test_an_effect_is_named_by_a_decision_that_found_it_taken(ws: comity.Workspace) -> None:
    first = ws.agent("sales").effect("email", once="x")
    again = ws.agent("sales").effect("email", once="x")
    assert ws.effect(again) == ws.effect(first)
    with pytest.raises(InvalidRequest, match="no effect came of that"):
        ws.effect(ws.agent("sales").put("customer/acme", status="active"))
