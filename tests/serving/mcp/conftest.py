"""A workspace, and two agents who reach it by tools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import comity
from comity.server.intents import HeldIntents
from comity.workspace import Workspace
from tests.serving.mcp.talking import DEFINITION, Talk, beside


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "comity.toml").write_text(DEFINITION, encoding="utf-8")
    with comity.open(tmp_path / "crm.db", definition=tmp_path / "comity.toml") as workspace:
        workspace.agent("sales").put("customer/acme", name="Acme", status="active", action="care")
        yield workspace


@pytest.fixture
def held() -> HeldIntents:
    return HeldIntents()


@pytest.fixture
def sales(ws: Workspace, held: HeldIntents) -> Iterator[Talk]:
    with beside(ws.agent("sales"), held) as talk:
        yield talk


@pytest.fixture
def support(ws: Workspace, held: HeldIntents) -> Iterator[Talk]:
    with beside(ws.agent("support"), held) as talk:
        yield talk
