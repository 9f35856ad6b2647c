"""Two handles on one base, and what the tests of all topics need."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from comity.model.events import Event
from comity.model.records import RecordState
from comity.store.contract import Store

OpenStore = Callable[[], Store]

ACME = ("customer", "acme")


class StoreHandles:
    """Give tests their handles; whoever derives gives ``open_store``."""

    @pytest.fixture
    def store(self, open_store: OpenStore) -> Iterator[Store]:
        """Give a handle, and close it in the end."""
        opened = open_store()
        yield opened
        opened.close()

    @pytest.fixture
    def other(self, open_store: OpenStore, store: Store) -> Iterator[Store]:
        """Give a second handle on the same base."""
        opened = open_store()
        yield opened
        opened.close()


def refs_of(records: list[RecordState]) -> list[str]:
    """Return the addresses of records, in their order."""
    return [record.ref for record in records]


def places_of(events: list[Event]) -> list[str]:
    """Return the addresses of events, in their order."""
    return [event.event_id for event in events]


def run_all(work: Sequence[tuple[Callable[..., object], tuple[Any, ...]]]) -> None:
    """Call all of them at once, each in a thread, until the last has ended; raises the first of their errors."""
    failures: list[BaseException] = []

    def call(function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        try:
            function(*arguments)
        except BaseException as failure:  # noqa: BLE001 - it is raised where the test sees it
            failures.append(failure)

    threads = [threading.Thread(target=call, args=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
