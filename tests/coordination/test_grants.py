"""What a grant names, who owns it, and what is lent at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity import limits
from comity.coordination import grants
from comity.deciding.compile import compile_definition
from comity.deciding.grants import subject_of
from comity.errors import ComityError, InvalidRequest, NotFound
from comity.model.built_in import built_in
from comity.model.proposals import Emit, Proposal
from comity.model.reading import read_definition
from comity.store.sqlite import SqliteStore
from comity.testing.manual_clock import START_US, ManualClock

SOURCE = """
[agents]
sales   = { role = "seller" }
support = {}
[kinds.customer.fields]
status = { type = "string", owner = "support" }
name   = { type = "string", owner = "seller" }
note   = {}
"""
COMPILED = compile_definition(read_definition(SOURCE), 1)

SUBJECTS: list[tuple[str, dict[str, str]]] = [
    ("customer", {"kind": "customer"}),
    ("customer.status", {"kind": "customer", "field": "status"}),
    ("customer/acme", {"kind": "customer", "record": "acme"}),
    ("customer/acme.status", {"kind": "customer", "record": "acme", "field": "status"}),
    ("customer/acme.com", {"kind": "customer", "record": "acme.com"}),
    ("customer/acme.com.status", {"kind": "customer", "record": "acme.com", "field": "status"}),
]


@pytest.mark.parametrize(("text", "subject"), SUBJECTS)
def test_a_subject_is_a_kind_a_record_or_a_field(text: str, subject: dict[str, str]) -> None:
    assert grants.read_subject(text, COMPILED) == subject
    assert subject_of(subject) == text


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("custmer", NotFound, "did you mean 'customer'"),
        ("$grant", NotFound, "no declared kind"),
        ("", NotFound, "write customer"),
        ("customer.statu", NotFound, "did you mean 'status'"),
        ("customer/", InvalidRequest, "can't be lent"),
        ("customer/.status", InvalidRequest, "can't be lent"),
    ],
)
def test_what_names_nothing_is_told(text: str, error: type[ComityError], told: str) -> None:
    with pytest.raises(error, match=told.replace("$", r"\$")):
        grants.read_subject(text, COMPILED)


@pytest.mark.parametrize(
    ("agent", "text", "owns"),
    [
        ("support", "customer", True),
        ("support", "customer.status", True),
        ("support", "customer/a.name", False),
        ("sales", "customer/a.name", True),
        ("sales", "customer.note", False),
        ("nobody", "customer", False),
    ],
)
def test_who_owns_something_of_it(agent: str, text: str, owns: bool) -> None:
    assert grants.is_owner(agent, grants.read_subject(text, COMPILED), COMPILED) is owns


@pytest.fixture
def base(tmp_path: Path) -> Iterator[comity.Workspace]:
    (tmp_path / "comity.toml").write_text(SOURCE)
    with comity.open(tmp_path / "crm.db", definition=tmp_path / "comity.toml", clock=ManualClock()) as made:
        yield made


def test_what_is_given_at_a_time(base: comity.Workspace, tmp_path: Path) -> None:
    support = base.agent("support")
    for ttl in ("1m", "2m"):
        support.grant("sales", "customer", ttl=ttl, reason=ttl)
    store = SqliteStore.open(str(tmp_path / "crm.db"), clock=ManualClock())
    with store.snapshot() as snapshot:
        for seconds, given in ((0, ["2m", "1m"]), (60, ["2m"]), (120, [])):
            now_us = START_US + seconds * 1_000_000
            assert [one.values["reason"] for one in grants.given(snapshot, now_us)] == given
    store.close()


def test_limit_grant_days(base: comity.Workspace) -> None:
    assert f"duration('{limits.GRANT_DAYS * 24}h')" in str(
        [event.check for kind in built_in().kinds if kind.name == "$grant" for event in kind.events]
    )
    support = base.agent("support")
    support.grant("sales", "customer", ttl=f"{limits.GRANT_DAYS}d", reason="long")
    with pytest.raises(InvalidRequest):
        support.grant("sales", "customer", ttl=f"{limits.GRANT_DAYS + 1}d", reason="too long")


def test_limit_grants_live(base: comity.Workspace) -> None:
    """As many as the bound are given; one more is refused until one is taken back."""
    support = base.agent("support")
    data = {"to": "sales", "kind": "customer", "reason": "many", "expires_at": "2023-11-15T00:00:00Z"}
    for start in range(0, limits.GRANTS_LIVE - 1, 500):
        count = min(500, limits.GRANTS_LIVE - 1 - start)
        changes = tuple(Emit(f"$grant/g{start + number}", "granted", data) for number in range(count))
        assert support.propose(Proposal(id=f"p{start}", changes=changes)).is_committed
    two = tuple(Emit(f"$grant/two{number}", "granted", data) for number in range(2))
    assert [found.code for found in support.propose(Proposal(id="two", changes=two)).refusals] == [
        "ownership.too_many_grants"
    ]
    last = support.grant("sales", "customer.status", ttl="1h", reason="the last")
    with pytest.raises(comity.Refused, match="There are 1000 grants already"):
        support.grant("sales", "customer", ttl="1h", reason="one more")
    support.revoke("g0")
    assert support.grant("sales", "customer", ttl="1h", reason="one more").is_committed
    assert last.is_committed
