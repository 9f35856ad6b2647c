"""Lists that are empty because of a name that means nothing say so, with the nearest one (S30)."""

from __future__ import annotations

import pytest

import comity
from comity.operations import ListApprovals, ListGrants, ListLeases, ListOffers, ListOverrides, ListQueue, Request
from tests.verbs.conftest import Open

DECLARED = """[agents]
sales = { role = "closers" }
[kinds.customer.fields]
n = { type = "integer" }
"""

MISSPELT: list[tuple[Request, str]] = [
    (ListQueue(record="custmer/a"), "customer"),
    (ListQueue(agent="sels"), "sales"),
    (ListLeases(subject="custmer/a"), "customer"),
    (ListLeases(agent="sels"), "sales"),
    (ListOverrides(record="custmer/a"), "customer"),
    (ListOverrides(agent="closer"), "closers"),
    (ListGrants(to="closer"), "closers"),
    (ListGrants(by="sels"), "sales"),
    (ListOffers(by="sels"), "sales"),
    (ListApprovals(by="sels"), "sales"),
]


@pytest.mark.parametrize(("request_", "nearest"), MISSPELT)
def test_s30_a_list_about_what_is_not_there_names_what_is(open_base: Open, request_: Request, nearest: str) -> None:
    with pytest.raises(comity.NotFound, match=f"did you mean '{nearest}'"):
        open_base(DECLARED).answer(request_)


def test_what_is_yet_to_be_written_and_who_is_known_have_empty_lists(open_base: Open) -> None:
    base = open_base(DECLARED)
    assert base.queue(record="customer/new", agent="sales").queued == ()
    assert base.leases(subject="name:printer", agent="sales").places == ()
    assert base.overrides(record="customer/new", agent="closers").overrides == ()
    assert base.grants(to="closers", by="sales").grants == ()
    assert base.offers(by="sales").tickets == base.approvals(by="sales").tickets == ()
