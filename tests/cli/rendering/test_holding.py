"""Leases and their lines, as people read them."""

from __future__ import annotations

import io

from rich.console import Console

from comity.cli.rendering import render
from comity.operations import LeaseAnswer, LeasesAnswer, ListLeases, PlaceAnswer, Request, TakeLease

UNTIL = "2026-11-24T10:00:00Z"
TAKE = TakeLease(subjects=("customer/acme",))


def shown(request: Request, answer: object) -> str:
    console = Console(file=io.StringIO(), width=120)
    for part in render(request, answer):
        console.print(part)
    return console.file.getvalue()  # type: ignore[attr-defined]


def place(agent: str, **more: object) -> PlaceAnswer:
    facts = {"subject": "customer/acme", "hold": "h", "since": UNTIL, "expires_at": UNTIL, "state": "held"}
    return PlaceAnswer(agent=agent, **{**facts, **more})  # type: ignore[arg-type]


def test_a_lease_shows_its_token() -> None:
    answer = LeaseAnswer(hold="h1", subjects=TAKE.subjects, agent="sales", state="held", expires_at=UNTIL, token="i:7")
    assert shown(TAKE, answer).splitlines() == [
        "sales holds customer/acme until 2026-11-24 10:00:00 UTC.",
        "  token  i:7",
        "  lease  h1",
    ]


def test_a_place_in_line_shows_how_many_are_ahead() -> None:
    answer = LeaseAnswer(hold="h1", subjects=TAKE.subjects, agent="sales", state="waiting", expires_at=UNTIL, ahead=2)
    assert shown(TAKE, answer).splitlines()[0] == (
        "sales waits for customer/acme until 2026-11-24 10:00:00 UTC, 2 ahead."
    )


def test_leases_are_a_table() -> None:
    places = (
        place("ann", shared=True, fields=("status",)),
        place("bob"),
        place("cleo", state="waiting", position=1),
    )
    text = shown(ListLeases(), LeasesAnswer(places=places, is_cut=True))
    for words in ("shares it", "holds it", "waits, number 1", "status", "and more"):
        assert words in text


def test_an_empty_table_is_a_sentence() -> None:
    assert shown(ListLeases(), LeasesAnswer(places=())).strip() == "Nothing is leased."
