"""Workspaces for the tests of the numbered rules: real files, with a clock of the system's or in the test's hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import comity
from comity.clock import SystemClock
from comity.coordinator import Coordinator
from comity.store.sqlite import SqliteStore
from comity.testing.faulty_store import FaultyStore
from comity.testing.manual_clock import ManualClock
from comity.verbs.engine import Engine
from comity.workspace.opening import Workspace

CRM = """\
name = "crm"

[agents]
sales   = { role = "sales" }
support = { role = "support" }
product = { role = "product" }
ops     = { role = "operations", kind = "human" }

[kinds.customer.fields]
name         = { type = "string", required = true, owner = "sales" }
status       = { enum = ["active", "at_risk", "churned"], owner = ["sales", "support"], event = "StatusChanged" }
health       = { type = "string" }
value        = { type = "number", minimum = 0, owner = "sales" }
open_tickets = { type = "integer", default = 0, owner = "support" }
tags         = { type = "array", items = { type = "string" } }

[[kinds.customer.guards]]
name  = "churned is final"
check = "before.status != 'churned' || after.status == 'churned'"

[kinds.customer.events.TicketOpened]
owner = "support"
data  = { ticket = { ref = "ticket" } }
then  = { open_tickets = "default(record.open_tickets, 0) + 1" }

[kinds.ticket.fields]
title    = { type = "string", owner = "support" }
customer = { ref = "customer", owner = "support" }

[kinds.note.fields]
customer = { ref = "customer", on_removal = "detach" }
text     = { type = "string" }

[kinds.visit.fields]
customer = { ref = "customer", on_removal = "cascade" }
"""

Open = Callable[..., comity.Workspace]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the base of a test is."""
    return tmp_path / "crm.db"


@pytest.fixture
def open_again(path: Path) -> Iterator[Open]:
    """Return a way to open the base of the test, as another process would; what was opened is closed at the end."""
    opened: list[comity.Workspace] = []

    def open_base(**options: object) -> comity.Workspace:
        workspace = comity.open(path, **options)  # type: ignore[arg-type]
        opened.append(workspace)
        return workspace

    yield open_base
    for workspace in opened:
        workspace.close()


@pytest.fixture
def ws(open_again: Open) -> comity.Workspace:
    """Return a workspace without a definition."""
    return open_again()


@pytest.fixture
def define(tmp_path: Path) -> Callable[[str], Path]:
    """Return a way to write a definition to a file."""

    def write(source: str, name: str = "comity.toml") -> Path:
        file = tmp_path / name
        file.write_text(source, encoding="utf-8")
        return file

    return write


@pytest.fixture
def crm(open_again: Open, define: Callable[[str], Path]) -> comity.Workspace:
    """Return a workspace with the definition of a small CRM."""
    return open_again(definition=define(CRM))


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that goes when it is told to."""
    return ManualClock()


@pytest.fixture
def store(path: Path) -> Iterator[FaultyStore]:
    """Return a store that fails when a test plans it."""
    faulty = FaultyStore(SqliteStore.open(str(path), clock=SystemClock()))
    yield faulty
    faulty.close()


@pytest.fixture
def coordinator(store: FaultyStore) -> Coordinator:
    """Return what decides whole batches on it."""
    return Coordinator(store, SystemClock(), os.urandom)


@pytest.fixture
def faulty(store: FaultyStore) -> Workspace:
    """Return a workspace on it."""
    return Workspace(Engine(store, "crm.db", SystemClock(), os.urandom))
