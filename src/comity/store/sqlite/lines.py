"""Ways for processes to stand in line on a file, and none at all."""

from __future__ import annotations

from typing import Protocol


class Line(Protocol):
    """Be a way to stand in line on a file."""

    @property
    def is_fair(self) -> bool:
        """Tell whether first come is first served."""
        ...

    def wait(self, file: int) -> int:
        """Wait for one's turn and return the ticket that was drawn for it."""
        ...

    def end(self, file: int, ticket: int) -> None:
        """End one's turn."""
        ...

    def leave(self, file: int) -> None:
        """Give back whatever is held."""
        ...


class NoLine:
    """Be no line at all: whoever gets SQLite's lock has its turn."""

    is_fair = False

    def wait(self, file: int) -> int:
        """Return at once."""
        return 0

    def end(self, file: int, ticket: int) -> None:
        """Do nothing."""

    def leave(self, file: int) -> None:
        """Do nothing."""


def no_line(file: int) -> Line:
    """Return no line, for systems without ``fcntl``."""
    return NoLine()
