from __future__ import annotations

import asyncio
import inspect
import threading
from pathlib import Path
from typing import Any

import pytest

import comity
from comity import limits
from comity.errors import InvalidRequest, LimitExceeded, NotCommitted, NotDone, Undeliverable, UnknownAgent
from comity.model.decisions import Decision
from comity.model.proposals import Caller, Effect, Proposal
from comity.testing.manual_clock import ManualClock
from comity.workspace import Workspace

DEFINITION = """
[agents]
sales   = { role = "sales" }
support = { role = "support" }

[kinds.customer.fields]
name         = { type = "string" }
status       = { enum = ["active", "at_risk"] }
open_tickets = { type = "integer", default = 0 }

[actions.send_upsell]
kind    = "outreach"
effects = ["send_upsell"]

[actions.care]

[effects.send_upsell]
kind = "customer"

[[rules]]
name = "support goes first"
when = "action.kind == 'outreach' && customer.open_tickets > 0"
then = "defer"
mode = "enforce"
"""

UPSELL: dict[str, Any] = {
    "agent": "sales",
    "action": "send_upsell",
    "reads": "customer/{customer}.status",
    "requires": "customer.status == 'active'",
    "affects": "customer/{customer}",
    "reason": "campaign {campaign}",
}

ALONE: dict[str, Any] = UPSELL | {"effect": "send_upsell", "reason": None}


class Scene:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.folder = folder
        (folder / "comity.toml").write_text(DEFINITION, "utf-8")
        self.ws = self.open()
        self.calls: list[tuple[str, str]] = []
        self.support = self.ws.agent("support")
        self.support.put("customer/acme", name="Acme", status="active", action="care")

    def open(self) -> Workspace:
        return comity.open(self.folder / "crm.db", definition=self.folder / "comity.toml", clock=self.clock)

    def send(self, customer: str, campaign: str = "q4") -> dict[str, str]:
        self.calls.append((customer, campaign))
        return {"sent": customer}

    def escalate(self) -> None:
        self.support.put(
            "customer/acme", status="at_risk", was={"status": "active"}, reason="escalation T-42", action="care"
        )


@pytest.fixture
def scene(tmp_path: Path) -> Any:
    found = Scene(tmp_path)
    yield found
    found.ws.close()


def gate(scene: Scene, **terms: Any) -> Any:
    return scene.ws.gated(**(UPSELL | {"effect": "send_upsell"} | terms))(scene.send)


def test_a_call_that_is_let_through_is_done_at_once_and_its_value_comes_back(scene: Scene) -> None:
    outcome = gate(scene)("acme")
    assert (outcome.happened, outcome.value, outcome.result()) == ("done", {"sent": "acme"}, {"sent": "acme"})
    assert scene.calls == [("acme", "q4")]
    found = scene.ws.effect(str(outcome.effect))
    assert (found.state, found.data, found.reason) == (
        "delivered",
        {"customer": "acme", "campaign": "q4"},
        "campaign q4",
    )
    assert str(outcome) == '{"sent":"acme"}'
    assert scene.ws.verify().is_clean


def test_what_it_requires_is_judged_with_the_decision(scene: Scene) -> None:
    scene.escalate()
    outcome = gate(scene)("acme")
    assert outcome.happened == "refused"
    assert not scene.calls
    assert "customer.status == 'active'" in str(outcome)
    with pytest.raises(NotCommitted):
        outcome.result()


def test_a_rule_stops_it_and_says_when_to_come_again(scene: Scene) -> None:
    scene.support.add("customer/acme", open_tickets=1, action="care")
    outcome = gate(scene)("acme")
    assert (outcome.happened, scene.calls) == ("refused", [])
    assert "rule.support_goes_first" in str(outcome)


def test_held_calls_are_done_after_their_hold_unless_something_broke_them(scene: Scene) -> None:
    send = gate(scene, hold="2m")
    first = send("acme", "q3")
    assert (first.happened, scene.calls) == ("held", [])
    assert "held until" in str(first)
    assert "Don't call again for it" in str(first)
    with pytest.raises(NotDone, match="held until"):
        first.result()
    assert (first.state, scene.ws.effect(first).state) == ("held", "held")
    scene.clock.advance(seconds=120)
    scene.ws.run_effects()
    assert scene.calls == [("acme", "q3")]
    assert scene.ws.effect(first).state == "delivered"
    second = send("acme", "q4")
    scene.escalate()
    scene.clock.advance(seconds=120)
    scene.ws.run_effects()
    assert scene.calls == [("acme", "q3")]
    assert scene.ws.effect(str(second.effect)).state == "cancelled"


def test_the_same_once_is_done_once_whoever_asks_and_however_it_is_worded(scene: Scene) -> None:
    send = gate(scene, once="{campaign}")
    assert send("acme", "q4").happened == "done"
    again = send("acme", campaign="q4")
    assert (again.happened, len(scene.calls)) == ("taken", 1)
    assert "not sent twice" in str(again)
    assert (again.state, again.answer) == ("delivered", '{"sent":"acme"}')
    with pytest.raises(NotDone, match="was delivered already"):
        again.result()
    assert send("acme", "q5").happened == "done"


ASKED = """
[agents]
sales = { role = "sales" }
ops   = { role = "operations", kind = "human" }

[kinds.customer.fields]
name   = { type = "string" }
status = { enum = ["active", "at_risk"] }

[actions.send_upsell]
effects = ["send_upsell"]

[actions.care]

[effects.send_upsell]
kind = "customer"

[[rules]]
name = "a human looks first"
when = "action.name == 'send_upsell'"
then = "ask"
"""


class Asked:
    """Be a CRM in which a human is asked about each call."""

    def __init__(self, folder: Path, source: str = ASKED) -> None:
        (folder / "comity.toml").write_text(source, "utf-8")
        self.clock = ManualClock()
        self.ws = comity.open(folder / "crm.db", definition=folder / "comity.toml", clock=self.clock)
        self.ops = self.ws.agent("ops", key=self.ws.issue_key("ops").key)
        self.ops.put("customer/acme", name="Acme", status="active", action="care")
        self.calls: list[tuple[str, str]] = []
        self.send = self.ws.gated(effect="send_upsell", agent="sales", **ASKING)(self.sent)

    def sent(self, customer: str, campaign: str, text: str = "") -> str:
        self.calls.append((customer, text))
        return f"sent {campaign}"

    def questions(self) -> list[str]:
        return [one.ticket for one in self.ops.approvals().tickets]


ASKING: dict[str, Any] = {"action": "send_upsell", "affects": "customer/{customer}", "once": "{campaign}"}


@pytest.fixture
def asked(tmp_path: Path) -> Any:
    found = Asked(tmp_path)
    yield found
    found.ws.close()


def test_s35_a_call_that_is_asked_about_already_waits_under_the_same_ticket(asked: Asked) -> None:
    first, again = asked.send("acme", "q4"), asked.send("acme", "q4", text="in other words")
    assert (first.happened, again.happened) == ("waits", "waits")
    assert asked.questions() == [first.decision.ticket] == [again.decision.ticket]
    assert again.decision.id != first.decision.id
    assert "is asked already" in str(again)
    other = asked.send("acme", "q1")
    assert len(asked.questions()) == 2
    assert other.decision.ticket != first.decision.ticket
    assert asked.ws.verify().is_clean


def test_s35_a_call_that_was_approved_or_done_is_not_asked_about_again(asked: Asked) -> None:
    first = asked.send("acme", "q4")
    asked.ops.approve(str(first.decision.ticket))
    held = asked.send("acme", "q4", text="in other words")
    assert (held.happened, held.state, asked.questions()) == ("taken", "held", [])
    asked.clock.advance(seconds=limits.CLAIM_S + 1)
    asked.ws.run_effects()
    again = asked.send("acme", "q4")
    assert (again.happened, again.state, again.answer) == ("taken", "delivered", "sent q4")
    assert asked.questions() == []
    assert asked.calls == [("acme", "")]


def test_s35_what_was_denied_may_be_asked_anew(asked: Asked) -> None:
    first = asked.send("acme", "q4")
    asked.ops.deny(str(first.decision.ticket), reason="not now")
    again = asked.send("acme", "q4")
    assert asked.questions() == [again.decision.ticket] != [first.decision.ticket]


def test_s35_the_question_of_another_agent_is_another(tmp_path: Path) -> None:
    source = ASKED.replace("[kinds.", 'support = { role = "support" }\n\n[kinds.', 1)
    asked = Asked(tmp_path, source)
    asked.send("acme", "q4")
    asked.send.by("support")("acme", "q4")
    assert len(asked.questions()) == 2
    asked.ws.close()


def test_s35_a_repeat_in_one_batch_is_asked_once(asked: Asked) -> None:
    wish = Effect("send_upsell", "customer/acme", {"customer": "acme", "campaign": "q4", "text": ""}, once="q4")
    proposals = [Proposal(id=f"p{n}", action="send_upsell", effects=(wish,)) for n in range(2)]
    decisions = asked.ws._engine.propose_many(proposals, Caller("sales", "claimed"))
    assert len({one.ticket for one in decisions if isinstance(one, Decision)}) == 1
    assert len(asked.questions()) == 1


def test_s7_a_lost_answer_to_a_repeat_follows_the_ticket_that_it_waits_under(asked: Asked) -> None:
    wish = Effect("send_upsell", "customer/acme", {"customer": "acme", "campaign": "q4", "text": ""}, once="q4")
    first, again = (Proposal(id=id, action="send_upsell", effects=(wish,)) for id in ("p1", "p2"))

    def propose(proposal: Proposal) -> Decision:
        (decision,) = asked.ws._engine.propose_many([proposal], Caller("sales", "claimed"))
        assert isinstance(decision, Decision)
        return decision

    ticket = propose(first).ticket
    assert (propose(again).ticket, propose(again).ticket) == (ticket, ticket)
    asked.ops.approve(str(ticket))
    told = propose(again)
    assert (told.outcome, [one.code for one in told.findings]) == ("refused", ["ticket.approved"])
    assert propose(Proposal(id="p3", action="send_upsell", effects=(wish,))).is_committed


def test_a_function_that_raises_is_tried_once_and_put_aside(scene: Scene) -> None:
    def fail(customer: str) -> None:
        raise OSError(f"no way to {customer}")

    outcome = scene.ws.gated(**ALONE)(fail)("acme")
    assert (outcome.happened, outcome.error) == ("failed", "OSError: no way to acme")
    with pytest.raises(Undeliverable, match="no way to acme"):
        outcome.result()
    found = scene.ws.effect(str(outcome.effect))
    assert (found.state, found.is_uncertain) == ("aside", True)


def test_a_call_that_is_broken_off_is_put_aside_as_uncertain_and_not_tried_again(scene: Scene) -> None:
    def stop(customer: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scene.ws.gated(**ALONE)(stop)("acme")
    (found,) = scene.ws.effects().effects
    assert (found.state, found.is_uncertain) == ("aside", True)


def test_duties_leave_a_call_to_its_caller_for_a_moment(scene: Scene) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(customer: str) -> str:
        begun.set()
        assert go_on.wait(60)
        return "done"

    send = scene.ws.gated(**ALONE)(wait)
    caller = threading.Thread(target=send, args=("acme",))
    caller.start()
    assert begun.wait(60)
    scene.ws.run_effects()
    (found,) = scene.ws.effects(state="sending").effects
    assert found.attempts == 1
    go_on.set()
    caller.join(60)
    assert not scene.ws.effects().effects


def test_anyone_may_be_said_to_call_it(scene: Scene) -> None:
    send = gate(scene, agent=None)
    with pytest.raises(InvalidRequest, match="nobody is said to call it"):
        send("acme")
    assert send.by("sales")("acme").is_done
    assert send.by(scene.ws.agent("sales"))("acme").is_done
    assert {event.by for event in scene.ws.history(type="wanted").events} == {"sales"}


def test_within_an_intent_it_goes_with_the_proposal(scene: Scene) -> None:
    send = gate(scene)
    with scene.ws.agent("sales").intent("send_upsell", about="customer/acme") as intent:
        send.within(intent)("acme")
        intent.get("customer/acme").name = "Acme Inc"
        assert not scene.calls
    assert not scene.calls
    scene.ws.run_effects()
    assert scene.calls == [("acme", "q4")]
    assert scene.ws.get("customer/acme").name == "Acme Inc"


def test_an_asynchronous_function_stays_one(scene: Scene) -> None:
    async def send(customer: str) -> str:
        await asyncio.sleep(0)
        scene.calls.append((customer, "async"))
        return "sent"

    gated = scene.ws.gated(**ALONE)(send)

    async def both() -> list[Any]:
        return [await gated("acme"), await gated.by("sales")("acme")]

    assert [outcome.value for outcome in asyncio.run(both())] == ["sent", "sent"]
    held = scene.ws.agent("sales").intent("send_upsell", about="customer/acme")
    gated.within(held)("acme")
    assert held.propose().is_committed
    scene.ws.run_effects()
    assert len(scene.calls) == 3


def test_it_looks_like_the_function_that_it_gates(scene: Scene) -> None:
    def send_upsell(customer: str, campaign: str = "q4") -> str:
        """Send an upsell."""
        return customer

    gated: Any = scene.ws.gated(**UPSELL)(send_upsell)
    assert (gated.effect, gated.__name__, gated.__doc__) == ("send_upsell", "send_upsell", "Send an upsell.")
    assert inspect.signature(gated) == inspect.signature(send_upsell)


def test_whatever_was_left_by_a_dead_caller_is_taken_over_and_put_aside(scene: Scene) -> None:
    send = gate(scene)
    intent = scene.ws.agent("sales").intent("send_upsell", about="customer/acme")
    intent.effect("send_upsell", "customer/acme", data={"customer": "acme"}, claim=True)
    assert intent.propose().is_committed
    scene.ws.run_effects()
    assert not scene.calls
    scene.clock.advance(seconds=limits.CLAIM_S + 1)
    scene.ws.run_effects()
    assert scene.calls == [("acme", "q4")]
    assert send.effect == "send_upsell"


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"affects": "customer/{who}"}, "names 'who', and the function takes customer, campaign"),
        ({"reads": "customer/{customer.x}"}, "names 'customer.x'"),
        ({"once": "{"}, "brace"),
        ({"requires": "customer.name != '{customer}'"}, "between quotes"),
        ({"requires": 'customer.name != "it is {customer}"'}, "between quotes"),
        ({"requires": "customer.name != '''{customer}'''"}, "between quotes"),
        ({"effect": "no name"}, "is no name of an effect"),
        ({"effect": "send_upsel"}, "'send_upsel' is no declared effect; did you mean 'send_upsell'"),
        ({"hold": "soon"}, "hold: "),
        ({"reads": "customer.status"}, "'customer.status' is no record"),
        ({"affects": "acme"}, "'acme' is no record"),
        ({"target": "acme"}, "'acme' is no record"),
        ({"action": 1}, "action: a text is wanted"),
        ({"affects": 1}, "affects: name a record"),
    ],
)
def test_what_is_declared_wrongly_is_said_at_once(scene: Scene, terms: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        gate(scene, **terms)


def test_an_argument_beside_quotes_is_a_value(scene: Scene) -> None:
    requires = "customer.name != 'it\\'s {{x}}' && {campaign} != 'x' && customer.status == \"active\""
    send = gate(scene, requires=requires)
    assert [send("acme", campaign).happened for campaign in ("q4", "x")] == ["done", "refused"]


def test_s35_several_arguments_of_once_are_told_apart(scene: Scene) -> None:
    send = gate(scene, affects="customer/acme", reads=(), once="{customer}-{campaign}")
    assert [send(*call).happened for call in [("a-b", "c"), ("a", "b-c"), ("a", "b-c")]] == ["done", "done", "taken"]
    assert [send("a", campaign).happened for campaign in (1, "1")] == ["done", "taken"]


@pytest.mark.parametrize("moment", ["_propose", "begin"])
def test_a_call_that_is_cancelled_before_it_began_is_put_aside_and_not_done_later(scene: Scene, moment: str) -> None:
    async def send(customer: str) -> str:
        scene.calls.append((customer, "async"))
        return "sent"

    gated = scene.ws.gated(**ALONE)(send)
    owner = gated if moment == "_propose" else gated._outbox
    there, go_on, work = threading.Event(), threading.Event(), getattr(owner, moment)

    def slowly(*args: Any) -> Any:
        done = work(*args)
        there.set()
        go_on.wait(60)
        return done

    async def cancel() -> None:
        setattr(owner, moment, slowly)
        call = asyncio.ensure_future(gated("acme"))
        await asyncio.to_thread(there.wait, 60)
        for _ in range(2):
            call.cancel()
            await asyncio.sleep(0)
        setattr(owner, moment, work)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(cancel())
    [effect] = scene.ws.effects(state="aside").effects
    assert "before it began" in str(effect.error)
    scene.clock.advance(seconds=1_000)
    scene.ws.run_effects()
    assert scene.calls == []


def test_what_has_no_name_or_cannot_be_kept_is_refused(scene: Scene) -> None:
    def unnamed(*customers: str) -> None: ...

    with pytest.raises(InvalidRequest, match="by name"):
        scene.ws.gated(effect="send_upsell")(unnamed)
    send = gate(scene)
    with pytest.raises(InvalidRequest, match="campaign can't be kept"):
        send("acme", object())
    with pytest.raises(TypeError, match="customer"):
        send()


def test_one_function_delivers_an_effect(scene: Scene) -> None:
    gate(scene)
    with pytest.raises(InvalidRequest, match="delivers 'send_upsell' already"):
        gate(scene)


def test_hostile_arguments_stay_arguments(scene: Scene) -> None:
    send = gate(scene, affects="customer/acme", reads=(), requires="customer.name != {customer}")
    for customer in ("' || true || '", '" + "', "\\", "a" * 400, "{campaign}"):
        assert send(customer).happened in ("done", "refused")
    assert all(call[0] in ("' || true || '", '" + "', "\\", "a" * 400, "{campaign}") for call in scene.calls)
    with pytest.raises((LimitExceeded, InvalidRequest)):
        send("a" * (limits.PROPOSAL_BYTES + 1))


def test_a_call_that_was_given_up_is_not_said_to_be_done(scene: Scene) -> None:
    def fail(customer: str) -> None:
        raise OSError("no way")

    send = scene.ws.gated(**ALONE, once="x")(fail)
    send("acme")
    again = send("acme")
    assert (again.happened, again.state) == ("taken", "aside")
    assert "it may have been done" in str(again)
    assert "Have an operator look at it" in str(again)
    assert scene.ws.effect(again).state == "aside"


def test_a_call_whose_process_died_in_it_is_not_said_to_be_done(scene: Scene) -> None:
    def send(customer: str) -> str:
        return "sent"

    gated = scene.ws.gated(**ALONE, once="x")(send)
    outbox: Any = gated._outbox
    decision = gated._propose(scene.ws.agent("sales"), {"customer": "acme"})
    assert outbox.begin(scene.ws.effect(decision).effect) is not None
    assert "is being sent already" in str(gated("acme"))
    scene.clock.advance(seconds=limits.EFFECT_TIMEOUT_S)
    again = gated("acme")
    assert (again.happened, again.state) == ("taken", "sending")
    assert "nothing was heard of it in time: it may have been done" in str(again)
    assert "might be done twice" in str(again)


def test_what_was_not_let_through_has_no_effect_to_look_at(scene: Scene) -> None:
    scene.escalate()
    with pytest.raises(InvalidRequest, match="no effect came of that"):
        scene.ws.effect(gate(scene)("acme"))


def test_an_agent_that_is_not_declared_is_told_at_once(scene: Scene) -> None:
    with pytest.raises(UnknownAgent, match="did you mean 'sales'"):
        gate(scene, agent="slaes")


def test_a_method_is_gated_of_one_object(scene: Scene) -> None:
    with pytest.raises(InvalidRequest, match="a method can't be called later"):
        scene.ws.gated(**UPSELL)(Scene.send)
    assert scene.ws.gated(**UPSELL | {"effect": "send_upsell"})(scene.send)("acme").is_done


def test_a_function_fits_the_data_that_its_effect_declares(tmp_path: Path) -> None:
    path = tmp_path / "comity.toml"
    path.write_text("[effects.refund.data]\namount = { type = 'number', required = true }\nwhy = { type = 'string' }\n")

    def more(customer: str, amount: float, reason: str = "") -> None: ...

    def less(why: str) -> None: ...

    def whatever(**data: Any) -> None: ...

    def refund(amount: float) -> str:
        return f"{amount} back"

    with comity.open(tmp_path / "crm.db", definition=path) as ws:
        declare = ws.gated(agent="sales", effect="refund")
        with pytest.raises(InvalidRequest, match="declares amount, why; the function also takes customer, reason"):
            declare(more)
        with pytest.raises(InvalidRequest, match="requires amount, which the function doesn't take"):
            declare(less)
        declare(whatever)
    with comity.open(tmp_path / "crm.db") as ws:
        assert ws.gated(agent="sales", effect="refund")(refund)(7).value == "7 back"
