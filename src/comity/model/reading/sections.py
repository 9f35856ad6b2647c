"""One table of a definition, with what it holds taken out by type.

Each method returns what a key holds, or its default where the key is missing or wrong;
what is wrong is noted as a problem at its place, and reading goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

from comity import limits
from comity.clock import SECOND_US, format_age
from comity.model import refs
from comity.model.reading.names import nearest, problem_of_name
from comity.model.reading.places import Path
from comity.model.reading.problems import Problems

Choice = TypeVar("Choice", bound=str)

SPAN: Final = re.compile(r"([0-9]{1,9})\s*([smhd])\Z")
SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Section:
    """Be one TOML table, its path, and where its problems go."""

    def __init__(self, table: dict[str, Any], path: Path, problems: Problems) -> None:
        self.table = table
        self.path = path
        self.problems = problems

    def allow(self, keys: Sequence[str], *, hints: dict[str, str] | None = None) -> dict[str, Any]:
        """Note every key that isn't among ``keys``, and return what they hold; ``hints`` says more about some."""
        strays = {key: value for key, value in self.table.items() if key not in keys}
        for key in strays:
            hint = (hints or {}).get(key)
            if hint is not None:
                self.problem(key, hint)
            else:
                is_list_helpful = len(keys) <= 12 and nearest(key, keys) is None
                message = f"unknown key {key!r}" + (f"; there are {', '.join(keys)}" if is_list_helpful else "")
                self.problem(key, message, given=key, choices=keys)
        return strays

    def problem(self, key: str, message: str, *, given: str | None = None, choices: Sequence[str] = ()) -> None:
        """Note a problem at a key."""
        self.problems.add((*self.path, key), message, given=given, choices=choices)

    def text(self, key: str, *, limit: int, needed: bool = False) -> str | None:
        """Return a text of at most ``limit`` characters."""
        if key not in self.table:
            if needed:
                self.problems.add(self.path, f"{key!r} is missing")
            return None
        value = self.table[key]
        if not isinstance(value, str) or not value.strip():
            self.problem(key, f"must be a text, not {describe(value)}")
            return None
        if len(value) > limit:
            self.problem(key, f"has {len(value)} characters, of at most {limit}")
            return None
        return value

    def name(self, key: str, what: str) -> str | None:
        """Return a name in the form of ``what``."""
        value = self.table.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.problem(key, f"must be a name, not {describe(value)}")
            return None
        return value if self.is_name(value, what, key) else None

    def names(self, key: str, what: str) -> tuple[str, ...]:
        """Return names: the key holds one, or a list of them."""
        value = self.table.get(key, [])
        listed = value if isinstance(value, list) else [value]
        names = [item for item in listed if isinstance(item, str)]
        if len(names) < len(listed):
            self.problem(key, f"must be a name or a list of names, not {describe(value)}")
        return tuple(dict.fromkeys(name for name in names if self.is_name(name, what, key)))

    def flag(self, key: str, *, otherwise: str = "") -> bool:
        """Return true or false; false where the key is missing."""
        value = self.table.get(key, False)
        if isinstance(value, bool):
            return value
        self.problem(key, f"must be true or false, not {describe(value)}{otherwise}")
        return False

    def integer(self, key: str) -> int:
        """Return an integer of 32 bits; 0 where the key is missing."""
        value = self.table.get(key, 0)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31:
            return value
        self.problem(key, f"must be an integer of at most 32 bits, not {describe(value)}")
        return 0

    def span(self, key: str, *, limit_s: int) -> int | None:
        """Return a span of time such as ``"15m"`` in seconds."""
        value = self.table.get(key)
        if value is None:
            return None
        found = SPAN.match(value) if isinstance(value, str) else None
        if found is None:
            self.problem(key, f'must be a span such as "90s", "15m", "1h" or "2d", not {describe(value)}')
            return None
        seconds = int(found[1]) * SECONDS[found[2]]
        if seconds > limit_s:
            self.problem(key, f"is longer than {format_age(limit_s * SECOND_US)}")
            return None
        return seconds

    def records(self, key: str) -> tuple[str, ...]:
        """Return addresses of a user's records: the key holds one, or a list of them."""
        value = self.table.get(key, [])
        listed = value if isinstance(value, list) else [value]
        return tuple(str(item) for item in listed if self.is_record(item, key))

    def is_record(self, ref: object, key: str) -> bool:
        """Tell whether something is the address of a user's record; note a problem if not."""
        problem = refs.problem_of(ref)
        if problem is None and refs.is_built_in(str(ref)):
            problem = f"{ref!r} is a record of Comity's own"
        if problem is not None:
            self.problem(key, problem)
        return problem is None

    def choice(self, key: str, choices: tuple[Choice, ...]) -> Choice:
        """Return one of the texts allowed; the first of them where the key is missing."""
        return self.optional_choice(key, choices) or choices[0]

    def optional_choice(self, key: str, choices: tuple[Choice, ...]) -> Choice | None:
        """Return one of the texts allowed, or None where the key is missing."""
        value = self.table.get(key)
        for choice in choices:
            if value == choice:
                return choice
        if value is not None:
            given = value if isinstance(value, str) else None
            self.problem(key, f"must be one of {quoted(choices)}, not {describe(value)}", given=given, choices=choices)
        return None

    def section(self, key: str) -> Section:
        """Return the table at a key; an empty one where it is missing."""
        value = self.table.get(key, {})
        if not isinstance(value, dict):
            self.problem(key, f"must be a table, not {describe(value)}")
            value = {}
        return Section(value, (*self.path, key), self.problems)

    def sections(self, *, example: str) -> Iterator[tuple[str, Section]]:
        """Yield each key of this table with the table that it holds."""
        for key, value in self.table.items():
            if isinstance(value, dict):
                yield key, Section(value, (*self.path, key), self.problems)
            else:
                self.problem(key, f"must be a table such as {example}, not {describe(value)}")

    def listed(self, key: str) -> Iterator[Section]:
        """Yield the tables of a list of tables (``[[…]]``)."""
        value = self.table.get(key, [])
        if not isinstance(value, list):
            self.problem(key, f"must be a list of tables: write [[{key}]] with two brackets")
            return
        for position, item in enumerate(value):
            path = (*self.path, key, position)
            if isinstance(item, dict):
                yield Section(item, path, self.problems)
            else:
                self.problems.add(path, f"must be a table, not {describe(item)}")

    def is_name(self, name: str, what: str, key: str | None = None) -> bool:
        """Tell whether a name has the form of ``what``; note a problem if not."""
        problem = problem_of_name(name, what)
        if problem is not None:
            self.problems.add(self.path if key is None else (*self.path, key), problem)
        return problem is None


def describe(value: object) -> str:
    """Return a value as the reader of a message knows it from TOML."""
    if isinstance(value, str):
        return repr(value) if len(value) <= 40 else f"a text of {len(value)} characters"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and not limits.INTEGER_MIN <= value <= limits.INTEGER_MAX:
        return "an integer beyond 64 bits"
    if isinstance(value, (int, float)):
        return str(value)
    return {"dict": "a table", "list": "a list"}.get(type(value).__name__, "a time or a date")


def quoted(names: Sequence[str]) -> str:
    """Return names as they stand in TOML.

    >>> quoted(["a", "b"])
    '"a", "b"'
    """
    return ", ".join(f'"{name}"' for name in names)
