"""Collecting what is wrong with a definition, so that all of it is told at once."""

from __future__ import annotations

from collections.abc import Iterable

from comity.errors import InvalidDefinition, InvalidExpression
from comity.model.reading.names import nearest
from comity.model.reading.places import Path, Places, format_path


class Problems:
    """Collect the problems of one definition, each as a line with its place.

    A line reads ``comity.toml:12 kinds.customer.fields.status.owner: message; did you mean "sales"?``.
    The text is scanned for line numbers only once there is something to report.
    """

    def __init__(self, source: str, origin: str) -> None:
        self._source = source
        self._origin = origin
        self._places: Places | None = None
        self._found: list[tuple[int, str]] = []
        self._wrong: dict[Path, set[str | int]] = {}

    def add(self, path: Path, message: str, *, given: str | None = None, choices: Iterable[str] = ()) -> None:
        """Note a problem; with ``given``, suggest the nearest of ``choices`` for it."""
        suggestion = None if given is None else nearest(given, choices)
        if suggestion is not None:
            message += f'; did you mean "{suggestion}"?'
        for depth, key in enumerate(path):
            self._wrong.setdefault(path[:depth], set()).add(key)
        if self._places is None:
            self._places = Places(self._source)
        self._note(self._places.line(path), format_path(path), message)

    def add_expression(self, path: Path, error: InvalidExpression) -> None:
        """Note what is wrong with an expression, with the place in it if it is known."""
        place = "" if error.position is None else f", at character {error.position + 1}"
        self.add(path, f"{error}{place}")

    def add_at(self, line: int | None, message: str) -> None:
        """Note a problem of the text itself, at a line if it is known."""
        self._note(line, "", message)

    def keys_at(self, path: Path) -> frozenset[str | int]:
        """Return the keys of a table at which, or below which, something is wrong."""
        return frozenset(self._wrong.get(path, ()))

    def raise_any(self) -> None:
        """Raise InvalidDefinition with all problems in the order of their lines, if there are any."""
        if self._found:
            raise InvalidDefinition([text for _, text in sorted(self._found, key=lambda found: found[0])])

    def _note(self, line: int | None, path: str, message: str) -> None:
        place = self._origin if line is None else f"{self._origin}:{line}"
        self._found.append((line or 0, f"{place} {path}: {message}" if path else f"{place}: {message}"))
