"""One set of kinds, and one moment, that all tables of this folder judge."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from comity.deciding.expressions import Environment, FieldType

TEXT = FieldType("string", nullable=False)
CUSTOMER = {
    "status": FieldType("string"),
    "name": TEXT,
    "open_tickets": FieldType("integer", nullable=False),
    "seats": FieldType("integer"),
    "value": FieldType("number"),
    "rate": FieldType("number", nullable=False),
    "vip": FieldType("boolean"),
    "since": FieldType("time"),
    "seen": FieldType("time", nullable=False),
    "tags": FieldType("list", TEXT),
    "lines": FieldType("list", FieldType("map", nullable=False)),
    "visits": FieldType("list", FieldType("time", nullable=False)),
    "address": FieldType("map"),
    "extra": FieldType("any"),
}
ACME = {
    "$id": "acme",
    "status": "active",
    "name": "Acme",
    "open_tickets": 2,
    "value": 2.5,
    "rate": 4,
    "vip": True,
    "seen": "2026-01-31T12:00:00Z",
    "tags": ["a", "b"],
    "lines": [{"price": 5, "deep": {"a": {"b": 1}}}, {"quantity": 1}],
    "visits": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"],
    "address": {"city": "Rome", "odd key.": 1},
}
NOW_US = 1_769_860_800_000_000  # 2026-01-31T12:00:00Z
WHO = {"id": "ann", "role": "sales", "kind": "agent"}
WHAT = {"name": "send_upsell", "kind": "outreach", "effects": ["email"]}

Assume = Callable[[str], bool]


@pytest.fixture(scope="session")
def environment() -> Environment:
    return Environment({"customer": CUSTOMER, "task-item": {"id": FieldType("integer", nullable=False)}, "$agent": {}})


@pytest.fixture(scope="session")
def subjects() -> dict[str, object]:
    """Return the roots of an assumption; ``ticket`` is of no declared kind."""
    ticket = {
        "$id": "t1",
        "price": 5,
        "weight": 2.5,
        "title": "x",
        "open": True,
        "notes": ["n"],
        "deep": {"a": {"b": 1}},
    }
    return {
        "customer": ACME,
        "task_item": {"$id": "7", "id": 7},
        "ticket": ticket,
        "agent": WHO,
        "action": WHAT,
        "now": NOW_US,
    }


@pytest.fixture(scope="session")
def change() -> dict[str, object]:
    """Return the roots of a guard."""
    return {"before": {**ACME, "open_tickets": 1}, "after": ACME, "agent": WHO, "action": WHAT, "now": NOW_US}


@pytest.fixture(scope="session")
def creation(change: dict[str, object]) -> dict[str, object]:
    """Return the roots of a guard where there was no record before."""
    return {**change, "before": None}


@pytest.fixture(scope="session")
def happening() -> dict[str, object]:
    """Return the roots of a consequence."""
    event = {"ticket": "t1", "weight": 3, "at": NOW_US + 500_000, "by": "ann"}
    return {"record": ACME, "event": event, "agent": WHO, "now": NOW_US}
