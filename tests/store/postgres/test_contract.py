"""The contract suite, on PostgreSQL."""

from __future__ import annotations

import pytest

from comity.store.contract import Store
from comity.store.postgres import PostgresStore
from comity.testing.manual_clock import ManualClock
from comity.testing.store_contract import OpenStore, StoreContract


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def open_store(self, workspace_url: str) -> OpenStore:
        def opened() -> Store:
            return PostgresStore.open(workspace_url, clock=ManualClock())

        return opened
