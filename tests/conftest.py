"""What every test may rely on: a steady terminal, no settings of the caller's, steady property tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.server import Server, shared, stop_shared

# The suite tries the same examples each time, so that what it says depends on the code alone: not on luck, nor on how
# fast the machine is. New ones are looked for by --hypothesis-profile=thorough.
settings.register_profile(
    "suite", max_examples=60, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "thorough",
    parent=settings.get_profile("suite"),
    max_examples=2_000,
    derandomize=False,
    print_blob=True,
)
settings.load_profile("suite")


@pytest.fixture(autouse=True, scope="session")
def steady_surroundings() -> Iterator[None]:
    """Fix what the output depends on: width, colours, language, and no ``COMITY_…`` of the caller's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("COMITY_")]:
            patch.delenv(name)
        for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
            patch.delenv(name, raising=False)
        patch.setenv("NO_COLOR", "1")
        patch.setenv("COLUMNS", "100")
        patch.setenv("LC_ALL", "C.UTF-8")
        yield


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """Undo what a shell has its background jobs, and all they start, inherit: being deaf to Ctrl-C."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server() -> Server:
    """Give the PostgreSQL server that the tests of this process share."""
    return shared()


@pytest.fixture
def workspace_url(server: Server) -> str:
    """Give a workspace of the test's own in it."""
    return server.new_workspace()


def pytest_unconfigure() -> None:
    stop_shared()
