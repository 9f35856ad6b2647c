"""What came of reading a text that may be wrong in parts: these are left out, and what is lacking is known."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set

import msgspec

from comity.model.definition import Definition
from comity.model.reading.places import Path
from comity.model.reading.problems import Problems


class Unread:
    """Know the names in the parts of a definition that couldn't be read, and where something is missing.

    What refers to such a name can't be judged: that it isn't there is no mistake of its own.
    ``owners``, ``kinds`` and, by kind, ``fields`` are the names; the data of a kind's events
    counts as its fields. ``contents`` holds the wrong keys of the fields that were read in
    part; ``ownership`` the fields, events and kinds whose owner couldn't be read. ``rules``
    and ``actions`` are names too; ``positions`` says where among all of them a rule or a test stands, by its name.
    """

    def __init__(self, astray: object = ()) -> None:
        """Take what stands under keys that nobody knows: it may have been meant for any place."""
        anywhere = frozenset(names_in(astray))
        self.owners = set(anywhere)
        self.kinds = set(anywhere)
        self.rules = set(anywhere)
        self.actions = set(anywhere)
        self.fields: defaultdict[str, set[str]] = defaultdict(lambda: set(anywhere))
        self.contents: dict[Path, Set[str | int]] = {}
        self.ownership: set[Path] = set()
        self.positions: dict[tuple[str, str], int] = {}


class Reading(msgspec.Struct, frozen=True):
    """Be the parts of a definition that could be read, with what is wrong and what is lacking."""

    definition: Definition
    problems: Problems
    unread: Unread


def names_in(value: object) -> Iterator[str]:
    """Yield every key and every text in a value, at any depth.

    >>> sorted(names_in({"sales": {"rol": ["seller", 1]}}))
    ['rol', 'sales', 'seller']
    """
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            yield from one.keys()
            left.extend(one.values())
        elif isinstance(one, (list, tuple)):
            left.extend(one)


def left_out(held: object, read: Iterable[str]) -> Iterator[str]:
    """Yield the names in what should be a table of entries, without those of the entries that were read."""
    names = frozenset(read)
    return names_in(
        {name: entry for name, entry in held.items() if name not in names} if isinstance(held, dict) else held
    )


def mentions(expression: str, names: Iterable[str]) -> bool:
    """Tell whether one of these names is a word of an expression.

    >>> mentions("after.status == 'x'", {"status"}), mentions("after.statuses == 'x'", {"status"})
    (True, False)
    """
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", expression) for name in names if name)
