"""The order of the checks, and what they are."""

from __future__ import annotations

from comity.deciding.gates import AFTER_DRAFT, BEFORE_DRAFT, GATES


def test_the_order_stands_in_one_place() -> None:
    names = [gate.__module__.rpartition(".")[2] for gate in GATES]
    order = "shape identity reader override ownership lease intent freshness guard integrity cascade effect definition"
    order += " workflow rule queue"
    assert names == order.split()
    assert GATES == BEFORE_DRAFT + AFTER_DRAFT


def test_each_gate_opens_with_its_question() -> None:
    for gate in GATES:
        first = (__import__(gate.__module__, fromlist=["judge"]).__doc__ or "").partition("\n")[0]
        assert first.endswith("?"), gate.__module__
