"""Leases in words."""

from __future__ import annotations

from comity.model.texts import tokens
from comity.operations import LeaseAnswer, LeasesAnswer, PlaceAnswer

UNTIL = "2026-11-24T10:00:00Z"
HELD = LeaseAnswer(
    hold="h1", subjects=("customer/acme", "name:printer"), agent="sales", state="held", expires_at=UNTIL, token="i:7"
)
WAITS = LeaseAnswer(hold="h1", subjects=("customer/acme",), agent="sales", state="waiting", expires_at=UNTIL, ahead=2)


def place(state: str, **more: object) -> PlaceAnswer:
    facts = {"subject": "customer/acme", "agent": "sales", "hold": "h", "since": UNTIL, "expires_at": UNTIL}
    return PlaceAnswer(**facts, state=state, **more)  # type: ignore[arg-type]


def test_a_lease_says_what_until_when_and_its_token() -> None:
    assert str(HELD) == f"sales holds customer/acme, name:printer until {UNTIL} (lease h1, token i:7)."
    assert tokens(str(HELD)) <= 120


def test_a_place_in_line_says_how_many_are_ahead() -> None:
    assert str(WAITS) == f"sales waits for customer/acme until {UNTIL}, 2 ahead (lease h1)."


def test_places_are_told_one_by_one() -> None:
    assert str(place("held")) == f"customer/acme: sales holds it until {UNTIL}"
    assert str(place("held", shared=True)) == f"customer/acme: sales shares it until {UNTIL}"
    assert str(place("waiting", position=3)) == f"customer/acme: sales waits, number 3, until {UNTIL}"
    assert str(place("held", fields=("status",))) == f"customer/acme (status): sales holds it until {UNTIL}"


def test_a_list_says_how_many_and_whether_there_are_more() -> None:
    assert str(LeasesAnswer(places=())) == "Nothing is leased."
    shown = str(LeasesAnswer(places=(place("held"),), is_cut=True)).splitlines()
    assert (shown[0], shown[-1]) == ("1 place", "  and more")
