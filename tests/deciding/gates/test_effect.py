"""May this be done outside, and only once?"""

from __future__ import annotations

import pytest

from comity.clock import SECOND_US, format_time
from comity.deciding.effects import key_of
from comity.deciding.gates.effect import judge
from comity.model.proposals import AnyChange, Archive, Create, Delete, Effect, Set
from comity.model.records import RecordState
from tests.deciding.cases import NOW_US, World, state

CRM = """
[kinds.customer.fields]
status = { type = "string" }

[kinds.ticket.fields]
open = { type = "boolean" }

[effects.call]
still = "customer.status == 'active'"
"""
ACME = state("customer/acme", status="active")
LOST = state("customer/lost", status="churned")
OLD = state("customer/old", "archived", status="active")
MAIL = Effect("mail", "customer/acme", once="x")

CASES: list[tuple[str, tuple[Effect, ...], tuple[AnyChange, ...], str]] = [
    ("none", (), (), ""),
    ("about nobody", (Effect("mail"),), (), ""),
    ("about a live record", (MAIL,), (), ""),
    ("about none that ever was", (Effect("mail", "customer/nobody"),), (), "effect.target"),
    ("about an archived one", (Effect("mail", "customer/old"),), (), "effect.target"),
    ("about one that the proposal creates", (Effect("mail", "customer/new"),), (Create("customer/new"),), ""),
    ("about one that the proposal archives", (MAIL,), (Archive("customer/acme"),), "effect.target"),
    ("about one that the proposal deletes", (MAIL,), (Delete("customer/acme"),), "effect.target"),
    ("what is declared holds", (Effect("call", "customer/acme"),), (), ""),
    ("what is declared does not hold", (Effect("call", "customer/lost"),), (), "effect.still"),
    (
        "it holds once the proposal is done",
        (Effect("call", "customer/lost"),),
        (Set("customer/lost", {"status": "active"}),),
        "",
    ),
    (
        "it does not hold any more once the proposal is done",
        (Effect("call", "customer/acme"),),
        (Set("customer/acme", {"status": "lost"}),),
        "effect.still",
    ),
    ("both must hold", (Effect("call", "customer/acme", still="customer.status == 'x'"),), (), "effect.still"),
    ("about what isn't there", (Effect("mail", "customer/acme", still="ticket.open == true"),), (), "effect.still"),
    ("of an empty field", (Effect("mail", "ticket/t", still="ticket.open == true"),), (), "effect.still"),
    ("that is empty", (Effect("mail", "ticket/t", still="ticket.open == null"),), (), ""),
]


@pytest.mark.parametrize(("effects", "changes", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_what_may_be_wanted(effects: tuple[Effect, ...], changes: tuple[AnyChange, ...], expected: str) -> None:
    names = {effect.name for effect in effects}
    source = CRM + "\n[effects.mail]\n" if "mail" in names else CRM
    found = World(ACME, LOST, OLD, state("ticket/t", open=None), source=source).codes(judge, *changes, effects=effects)
    assert ", ".join(found) == expected


def pending(state_: str, life: str = "live", **values: object) -> RecordState:
    """Return a wish for the same effect, as it stands."""
    at = format_time(NOW_US)
    kept = {"agent": "support", "wanted_at": at, "taken_until": format_time(NOW_US + SECOND_US), "proposal": "p0"}
    kept |= {"incarnation": "first", "release_at": at}
    known: dict[str, object] = {"patience_s": 60, **kept, **values}
    return state(f"$effect/{key_of('mail', 'customer/acme', 'x')}", life, state=state_, **known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "is_taken"),
    [
        (pending("held", release_at=format_time(NOW_US - 59 * SECOND_US)), True),
        (pending("sending"), True),
        (pending("aside"), True),
        (pending("held"), True),
        (pending("held", release_at=format_time(NOW_US - 60 * SECOND_US)), False),
        (pending("held", release_at=format_time(NOW_US - 60 * SECOND_US), incarnation="former"), True),
        (pending("delivered", "archived"), True),
        (pending("delivered", "archived", taken_until=format_time(NOW_US)), False),
        (pending("cancelled", "archived"), False),
    ],
    ids=["held", "sent", "put aside", "held still", "over", "suspect", "delivered", "delivered long ago", "cancelled"],
)
def test_s35_a_key_is_taken_while_it_is_pending_and_for_its_window(known: RecordState, is_taken: bool) -> None:
    found = World(ACME, known, source="").findings(judge, effects=(MAIL,))
    assert [one.code for one in found] == (["effect.taken"] if is_taken else [])
    for one in found:
        assert (one.severity, one.data["effect"], one.data["state"]) == ("warn", known.ref, known.values["state"])


def test_s35_what_is_pending_for_the_very_proposal_is_its_own() -> None:
    found = World(ACME, pending("held", proposal="p1"), source="").findings(judge, effects=(MAIL,))
    assert list(found) == []


AT = format_time(NOW_US)
AGAIN = "Leave it at that; if it is meant another time, give it a once=… of its own."
TAKEN: list[tuple[str, RecordState, str, str]] = [
    ("delivered", pending("delivered", "archived", answer="message 17"), "was delivered already under", AGAIN),
    ("its answer", pending("delivered", "archived", answer="message 17"), '(answer: "message 17")', AGAIN),
    ("held", pending("held"), "is under way already under", "'comity effects show mail~"),
    ("held up", pending("held", held_up="a freeze"), 'held up ("a freeze")', "may still be cancelled"),
    ("sending", pending("sending", sending_until=format_time(NOW_US + 1)), "is being sent already", "may still be"),
    ("lost", pending("sending", sending_until=AT), "it may have been done", "might be done twice"),
    ("aside", pending("aside", error="no such address"), 'put aside ("no such address")', "retry or cancel it."),
    ("doubtful", pending("aside", error="x", is_uncertain=True), "it may have been done", "might be done twice"),
    ("suspect", pending("held", incarnation="former"), "it may have been sent", "might be done twice"),
    ("another's", pending("held", data={"subject": "Hi"}), "It is another agent's, and carries something else", "Else"),
    ("one's own", pending("held", agent="sales", data={"subject": "Hi"}), "It carries something else", "Leave it"),
]


@pytest.mark.parametrize(("known", "said", "advice"), [case[1:] for case in TAKEN], ids=[case[0] for case in TAKEN])
def test_s35_a_key_that_is_taken_tells_how_that_stands_and_what_to_do(
    known: RecordState, said: str, advice: str
) -> None:
    (found,) = World(ACME, known, source="").findings(judge, effects=(MAIL,))
    assert said in found.message
    assert found.message.endswith("It is not sent twice.")
    assert advice in (found.remedy or "")


def test_what_is_to_hold_at_the_release_is_told_with_what_is_there() -> None:
    effects = (Effect("call", "customer/lost"),)
    (found,) = World(LOST, source=CRM).findings(judge, effects=effects)
    assert found.message.endswith("customer.status == 'active'; now customer/lost.status is churned, by support.")
    (found,) = World(ACME, source=CRM).findings(
        judge, Set("customer/acme", {"status": "lost"}), effects=(Effect("call", "customer/acme"),)
    )
    assert "now customer/acme.status is lost, by " in found.message


def test_that_a_target_is_not_there_is_told_once() -> None:
    effects = (Effect("call", "customer/nobody"),)
    assert World(ACME, source=CRM).codes(judge, effects=effects) == ["effect.target"]
