"""Taking tests of the embedded library to be run, unchanged, over a server."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

OURS = {"ws", "crm", "open_again", "define"}
LONG = {
    "test_s05_several_records_come_from_one_snapshot",
    "test_s29_news_are_bounded_and_say_how_many_there_are_besides",
    "test_s31_many_agents_wait_on_one_record",
}
"""They ask hundreds of times, and show nothing more here."""
LOCAL = {
    "test_a_change_that_could_not_be_looked_at_is_told_later",
    "test_s20_a_wait_in_another_process_moves_the_queue_without_a_server",
    "test_s32_a_process_that_opted_in_does_what_is_due",
    "test_s33_a_human_breaks_a_lease_and_its_holder_is_refused",
    "test_s36_a_commit_is_undone_field_by_field",
}
"""They look into the engine, run another process on the file, or act as the operating system's user."""


def taken(*modules: str) -> Iterator[tuple[str, Any]]:
    """Yield every test of some modules that opens its base by the fixtures which stand for a server here."""
    for module in modules:
        found = import_module(f"tests.semantics.{module}")
        for name, test in vars(found).items():
            if name.startswith("test_") and inspect.isfunction(test) and name not in LONG | LOCAL:
                wanted = set(inspect.signature(test).parameters)
                if wanted & OURS and wanted <= OURS and not any(hasattr(found, one) for one in wanted):
                    yield f"{name}__{module}", test
