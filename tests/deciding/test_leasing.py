"""What becomes of a line: taking, joining, claiming, releasing, leaving, breaking, expiring."""

from __future__ import annotations

from typing import Any

import pytest

from comity import limits
from comity.clock import SECOND_US
from comity.deciding.leasing import Moment, NotNow, transit
from comity.deciding.lines import places_of
from comity.model.decisions import Finding
from comity.model.proposals import Emit
from tests.deciding.cases import NOW_US

TTL: dict[str, Any] = {"ttl_s": 60}
WAIT: dict[str, Any] = {"ttl_s": 60, "wait_s": 300}


class Lease:
    """Be one lease record, its transitions happening one after the other."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.life = "absent"
        self.revision = 0
        self.now_us = NOW_US
        self.renewed: dict[str, str] = {}

    def does(self, agent: str, event: str, hold: str = "", **data: Any) -> None:
        self.revision += 1
        moment = Moment(self.now_us, self.revision, self.renewed.get)
        change = Emit("$lease/customer~acme", event, {"hold": hold or agent, **data})
        result = transit("customer~acme", self.values, change, agent, moment)
        self.values, self.life = result.fields, result.life

    def refuses(self, agent: str, event: str, hold: str = "", **data: Any) -> Finding:
        with pytest.raises(NotNow) as refusal:
            self.does(agent, event, hold, **data)
        return refusal.value.finding

    def pass_time(self, seconds: int) -> None:
        self.now_us += seconds * SECOND_US

    @property
    def line(self) -> list[tuple[str, int | None]]:
        return [(place.hold, place.claimed) for place in places_of(self.values)]


@pytest.fixture
def lease() -> Lease:
    return Lease()


def test_s33_the_token_is_the_revision_at_which_it_was_taken(lease: Lease) -> None:
    lease.revision = 16
    lease.does("a", "taken", **TTL)
    assert lease.line == [("a", 17)]
    assert lease.values["held"] == 1
    assert lease.values["waiting"] == 0
    assert lease.values["subject"] == "customer/acme"
    assert lease.life == "live"


def test_s33_only_one_holds_and_the_other_is_told_who(lease: Lease) -> None:
    lease.does("a", "taken", **TTL)
    finding = lease.refuses("b", "taken", **TTL)
    assert finding.code == "lease.held"
    assert finding.message == "customer/acme is held by a (until 2023-11-14T22:14:20Z, in 1 min)."
    assert finding.data == {"to": ["a"], "until": "2023-11-14T22:14:20Z"}


def test_who_waits_claims_once_the_holder_is_gone(lease: Lease) -> None:
    lease.does("a", "taken", **TTL)
    lease.does("b", "joined", **WAIT)
    assert lease.refuses("b", "claimed").code == "lease.held"
    lease.does("a", "released")
    lease.does("b", "claimed")
    assert lease.line == [("b", lease.revision)]


def test_nobody_takes_it_past_those_who_wait(lease: Lease) -> None:
    lease.does("a", "joined", **WAIT)
    finding = lease.refuses("b", "taken", **TTL)
    assert finding.message == "customer/acme has a before you in line."
    lease.does("b", "taken", **TTL, priority=1)
    assert lease.refuses("a", "claimed").message.startswith("customer/acme is held by b")


def test_what_expired_is_cleared_away_by_the_next_transition(lease: Lease) -> None:
    lease.does("a", "taken", **TTL)
    lease.does("b", "joined", ttl_s=5, wait_s=10)
    lease.pass_time(60)
    lease.does("c", "taken", **TTL)
    assert lease.line == [("c", 3)]
    assert lease.refuses("a", "released").code == "lease.lapsed"


def test_s18_a_renewed_lease_has_not_expired(lease: Lease) -> None:
    lease.does("a", "taken", **TTL)
    lease.renewed["a@1"] = str(NOW_US + 90 * SECOND_US)
    lease.pass_time(60)
    assert lease.refuses("b", "taken", **TTL).code == "lease.held"
    lease.pass_time(30)
    lease.does("b", "taken", **TTL)


def test_what_is_renewed_too_late_stays_lost(lease: Lease) -> None:
    lease.does("a", "taken", **TTL)
    lease.pass_time(60)
    lease.does("b", "taken", **TTL)
    lease.renewed["a@1"] = str(NOW_US + 10**9)
    assert lease.refuses("a", "released").code == "lease.lapsed"
    assert lease.line == [("b", 2)]


def test_an_empty_line_is_archived(lease: Lease) -> None:
    lease.does("a", "taken", **TTL)
    lease.does("a", "released")
    assert lease.life == "archived"
    assert lease.line == []


def test_a_place_is_its_agents_own(lease: Lease) -> None:
    lease.does("a", "joined", "h", **WAIT)
    for event in ("claimed", "left", "released"):
        assert lease.refuses("b", event, "h").code == "lease.lapsed"
    assert lease.refuses("a", "released", "h").code == "lease.lapsed"
    lease.does("a", "claimed", "h")
    assert lease.refuses("a", "left", "h").code == "lease.lapsed"


def test_a_place_is_claimed_within_its_deadline(lease: Lease) -> None:
    lease.does("a", "joined", **WAIT)
    lease.pass_time(300)
    finding = lease.refuses("a", "claimed")
    assert finding.message == "You have no current place in line on customer/acme; nobody holds it now."
    lease.does("a", "left")


def test_a_hold_has_one_place_and_another_once_that_is_over(lease: Lease) -> None:
    lease.does("a", "taken", **TTL)
    assert lease.refuses("a", "joined", **WAIT).code == "lease.taken"
    lease.pass_time(60)
    assert lease.refuses("b", "joined", "a", **WAIT).code == "lease.taken"
    lease.does("a", "joined", **WAIT)
    lease.does("a", "claimed")
    assert lease.line == [("a", 5)]


def test_breaking_ends_any_place(lease: Lease) -> None:
    lease.does("a", "taken", **TTL)
    assert lease.refuses("boss", "broken", "nobody", reason="r").code == "lease.lapsed"
    lease.does("boss", "broken", "a", reason="r")
    assert lease.line == []


def test_expiring_tells_only_what_is_over(lease: Lease) -> None:
    lease.does("a", "taken", **TTL)
    assert lease.refuses("anyone", "expired").code == "lease.nothing"
    lease.pass_time(60)
    lease.does("anyone", "expired")
    assert lease.life == "archived"


def test_the_record_tells_since_when_one_has_the_turn(lease: Lease) -> None:
    lease.does("a", "joined", **WAIT)
    lease.does("b", "joined", **WAIT)
    assert [place.turn_at for place in places_of(lease.values)] == ["2023-11-14T22:13:20Z", None]
    lease.pass_time(3)
    lease.does("a", "left")
    assert [place.turn_at for place in places_of(lease.values)] == ["2023-11-14T22:13:23Z"]


def test_who_was_passed_has_no_turn_until_the_other_is_gone(lease: Lease) -> None:
    lease.does("a", "joined", **WAIT)
    lease.does("b", "joined", **WAIT)
    lease.pass_time(limits.CLAIM_S)
    lease.does("b", "claimed")
    assert lease.refuses("a", "claimed").code == "lease.held"
    lease.does("b", "released")
    lease.does("a", "claimed")


def test_limit_lease_places(lease: Lease) -> None:
    for number in range(limits.LEASE_PLACES):
        lease.does(f"a{number}", "joined", **WAIT)
    assert lease.refuses("b", "joined", **WAIT).code == "lease.full"
    lease.pass_time(300)
    lease.does("a0", "joined", **WAIT)
    assert len(lease.line) == 1
