"""The contract suite, on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from comity.store.contract import Store
from comity.store.sqlite import SqliteStore
from comity.testing.manual_clock import ManualClock
from comity.testing.store_contract import OpenStore, StoreContract


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> OpenStore:
        def opened() -> Store:
            return SqliteStore.open(str(tmp_path / "crm.db"), clock=ManualClock())

        return opened
