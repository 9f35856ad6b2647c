"""Taking, renewing, releasing, breaking and listing, as requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import comity
from comity import limits
from comity.deciding.lines import TOPIC
from comity.errors import InvalidReference, InvalidRequest, LimitExceeded, NotFound, Refused
from comity.operations import BreakLease, LeaseAnswer, ListLeases, ReleaseLease, RenewLease, Request, TakeLease
from comity.testing.manual_clock import ManualClock

Ask = Callable[[str, Request], Any]


@pytest.fixture
def ask(base: comity.Workspace) -> Ask:
    return lambda agent, request: base.agent(agent).answer(request)


def take(*, subjects: tuple[str, ...] = ("name:a",), **more: Any) -> TakeLease:
    return TakeLease(subjects=subjects, **more)


WRONG: list[tuple[Request, type[Exception], str]] = [
    (take(subjects=()), InvalidRequest, "name what is to be leased"),
    (take(subjects=("acme",)), InvalidReference, "is no record"),
    (take(subjects=("name:",)), InvalidReference, "is no record id"),
    (take(subjects=tuple(f"name:n{n}" for n in range(limits.LEASE_SUBJECTS + 1))), LimitExceeded, "at most"),
    (take(ttl="soon"), InvalidRequest, "ttl: 'soon' is no span of time"),
    (take(ttl="0s"), LimitExceeded, "ttl: between 1s and"),
    (take(ttl=f"{limits.LEASE_S + 1}s"), LimitExceeded, "ttl: between 1s and"),
    (take(wait="2d"), LimitExceeded, "wait: between 1s and"),
    (BreakLease(subject="name:a"), InvalidRequest, "reason: say why"),
    (BreakLease(subject="name:a", reason="r"), NotFound, "nobody holds name:a, so"),
    (BreakLease(subject="name:a", reason="r", hold="h"), NotFound, "nobody holds name:a under that id, so"),
    (ListLeases(limit=0), LimitExceeded, "limit: between 1 and"),
]


@pytest.mark.parametrize(("request_", "error", "message"), WRONG)
def test_what_is_wrong_with_a_request_is_told(
    ask: Ask, request_: Request, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ask("ann", request_)


@pytest.mark.parametrize("sign", [1, -1])
def test_limit_priority_of_a_place_in_line(ask: Ask, sign: int) -> None:
    assert ask("ann", take(priority=sign * limits.PRIORITY)).state == "held"
    with pytest.raises(Refused, match=r"shape\.invalid_value"):
        ask("ann", take(subjects=("name:b",), priority=sign * (limits.PRIORITY + 1)))


def test_a_lease_is_shown_as_it_was_taken(ask: Ask) -> None:
    answer: LeaseAnswer = ask("ann", take(subjects=("name:a", "name:a", "name:b"), ttl="90s", hold="mine"))
    assert (answer.hold, answer.subjects, answer.agent, answer.state) == ("mine", ("name:a", "name:b"), "ann", "held")
    assert answer.expires_at == "2023-11-14T22:14:50Z"
    assert answer.token is not None
    assert answer.token.endswith(":1")


def test_taking_it_again_under_the_same_hold_is_the_same_lease(ask: Ask, base: comity.Workspace) -> None:
    first = ask("ann", take(hold="mine"))
    assert ask("ann", take(hold="mine")) == first
    assert base.revision == 1


def test_a_place_in_line_is_gone_on_with_by_its_hold(ask: Ask) -> None:
    ask("ann", take())
    place = ask("bob", take(wait="10m", place=True))
    assert (place.state, place.ahead) == ("waiting", 1)
    assert ask("bob", take(hold=place.hold, place=True)) == place
    ask("ann", ReleaseLease(subjects=("name:a",)))
    assert ask("bob", take(hold=place.hold, place=True)).state == "held"


def test_without_wait_it_is_refused_and_leaves_no_place(ask: Ask) -> None:
    ask("ann", take())
    with pytest.raises(Refused, match="name:a is held by ann"):
        ask("bob", take())
    assert [place.agent for place in ask("bob", ListLeases()).places] == ["ann"]


def test_ones_own_lease_needs_no_id_to_be_renewed_and_released(
    ask: Ask, base: comity.Workspace, clock: ManualClock
) -> None:
    taken = ask("ann", take(ttl="60s"))
    clock.advance(seconds=30)
    renewed = ask("ann", RenewLease(subjects=("name:a",)))
    assert (renewed.token, renewed.expires_at) == (taken.token, "2023-11-14T22:14:50Z")
    assert ask("ann", RenewLease(subjects=("name:a",), ttl="1s")).expires_at == renewed.expires_at
    assert ask("ann", ReleaseLease(subjects=("name:a",), reason="done")).is_committed
    with base._engine.store.snapshot() as snapshot:
        assert snapshot.noted(TOPIC) == {}


def test_nobody_renews_or_releases_what_is_anothers(ask: Ask) -> None:
    taken = ask("ann", take())
    with pytest.raises(Refused, match="You have no current lease on name:a; it is held by ann"):
        ask("bob", RenewLease(subjects=("name:a",), hold=taken.hold))
    decision = ask("bob", ReleaseLease(subjects=("name:a",), hold=taken.hold))
    assert [finding.code for finding in decision.refusals] == ["lease.lapsed"]


def test_only_those_that_were_lost_are_told(ask: Ask, base: comity.Workspace) -> None:
    taken = ask("ann", take(subjects=("name:a", "name:b"), breakable_by=("bob",)))
    assert ask("bob", BreakLease(subject="name:a", reason="mine now")).is_committed
    with pytest.raises(Refused) as refusal:
        ask("ann", RenewLease(subjects=taken.subjects, hold=taken.hold))
    assert [finding.subject for finding in refusal.value.decision.refusals] == ["name:a"]


def test_a_place_in_line_is_given_up(ask: Ask) -> None:
    ask("ann", take())
    ask("bob", take(wait="10m", place=True))
    assert ask("bob", ReleaseLease(subjects=("name:a",))).is_committed
    assert [place.agent for place in ask("bob", ListLeases()).places] == ["ann"]


def test_all_who_share_it_lose_it_or_the_one_named(ask: Ask) -> None:
    first = ask("ann", take(shared=True, breakable_by=("ops",)))
    ask("bob", take(shared=True, breakable_by=("ops",)))
    ask("cleo", take(shared=True, breakable_by=("ops",)))
    ask("ops", BreakLease(subject="name:a", reason="r", hold=first.hold))
    assert [place.agent for place in ask("ops", ListLeases()).places] == ["bob", "cleo"]
    ask("ops", BreakLease(subject="name:a", reason="r"))
    assert ask("ops", ListLeases()).places == ()


def test_leases_are_listed_with_their_lines(ask: Ask) -> None:
    ask("ann", take(subjects=("name:a", "task/1"), fields=()))
    ask("bob", take(subjects=("name:a",), wait="10m", place=True))
    ask("cleo", take(subjects=("name:a",), wait="10m", place=True, priority=3))
    places = ask("ann", ListLeases()).places
    shown = [(place.subject, place.agent, place.position) for place in places]
    assert shown == [("name:a", "ann", 0), ("name:a", "cleo", 1), ("name:a", "bob", 2), ("task/1", "ann", 0)]
    assert [place.subject for place in ask("ann", ListLeases(subject="task/1")).places] == ["task/1"]
    assert [place.subject for place in ask("ann", ListLeases(agent="bob")).places] == ["name:a"]
    cut = ask("ann", ListLeases(limit=2))
    assert (len(cut.places), cut.is_cut) == (2, True)
