"""Addresses: ``kind/id`` for a record, ``revision.ordinal`` for an event."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from comity import limits
from comity.errors import InvalidReference

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
KIND: Final = re.compile(r"\$?[A-Za-z][A-Za-z0-9_-]*\Z")
RECORD_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@+~=-]*\Z")
AGENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]*\Z")
_EVENT: Final = re.compile(r"([0-9]{1,15})\.([0-9]{1,5})\Z")
PROPOSAL_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/+=-]*\Z")
SYSTEM_PROPOSAL_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/+=~-]*\Z")
"""Of Comity's own proposals: with a ``~`` they are ids that nobody else can have used up."""
SYSTEM_AGENT: Final = "comity"
"""The name under which Comity itself acts; nobody else can have it."""


def is_system_id(id: str) -> bool:
    """Tell whether a proposal's id is one that only Comity's own proposals have.

    >>> is_system_id("duty~1"), is_system_id("p1")
    (True, False)
    """
    return "~" in id


def split(ref: str) -> tuple[str, str]:
    """Return kind and id of a ``kind/id``.

    Raises InvalidReference and says what is wrong with it.

    >>> split("customer/acme")
    ('customer', 'acme')
    """
    try:
        parsed = parse(ref)
    except TypeError:
        parsed = None
    if parsed is None:
        raise InvalidReference(str(problem_of(ref)))
    return parsed


@lru_cache(maxsize=16_384)
def parse(ref: str) -> tuple[str, str] | None:
    """Return kind and id of a ``kind/id``, or None where it is none. The same few addresses come again and again."""
    kind, _, name = ref.partition("/")
    return None if _problem_of(ref) is not None else (kind, name)


def parts(ref: str) -> tuple[str, str]:
    """Return the same of what has been found to be an address; raises InvalidReference for anything else."""
    return parse(ref) or split(ref)


def problem_of(ref: object) -> str | None:
    """Return what is wrong with an address, or None."""
    if not isinstance(ref, str):
        return f"a record is addressed by a text such as 'customer/acme', not by {type(ref).__name__}"
    return None if parse(ref) is not None else _problem_of(ref)


def _problem_of(ref: str) -> str | None:
    kind, slash, name = ref.partition("/")
    if not slash:
        return f"{ref[:80]!r} is no record: write kind/id, such as 'customer/acme'"
    if len(kind) > limits.NAME_CHARS or not KIND.match(kind):
        return f"{kind[:80]!r} is no kind: letters, digits, '_' and '-', a letter first, at most {limits.NAME_CHARS}"
    if len(name) > limits.RECORD_ID_CHARS or not RECORD_ID.match(name):
        return (
            f"{name[:80]!r} is no record id: letters, digits and any of _.:@+~=-, a letter or a digit first, "
            f"at most {limits.RECORD_ID_CHARS} characters"
        )
    return None


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a misspelt one most likely means, or None.

    >>> nearest("custmer", ["customer", "ticket"])
    'customer'
    """
    return next(iter(get_close_matches(name[:100], list(known), 1, 0.6)), None)


def is_built_in(kind: str) -> bool:
    """Tell whether a kind is one of Comity's own (``$agent``, ``$definition`` …)."""
    return kind.startswith("$")


def event_id(revision: int, ordinal: int) -> str:
    """Return the address of an event: the commit's revision and the place in it.

    >>> event_id(17, 0)
    '17.0'
    """
    return f"{revision}.{ordinal}"


def parse_event_id(text: str) -> tuple[int, int]:
    """Return revision and ordinal of an event's address; raises InvalidReference."""
    if (found := _EVENT.match(text)) and int(found[2]) < limits.EVENTS_PER_COMMIT:
        return int(found[1]), int(found[2])
    raise InvalidReference(f"{text[:40]!r} is no event: write revision.ordinal, such as '17.0', as history shows it")


def record_of(subject: str) -> str:
    """Return the record of a subject, which may be a field of one.

    >>> record_of("customer/acme.status"), record_of("customer/acme.com"), record_of("customer/acme")
    ('customer/acme', 'customer/acme', 'customer/acme')
    """
    record, dot, field = subject.rpartition(".")
    return record if dot and "/" in record and NAME.match(field.removeprefix("$")) else subject
