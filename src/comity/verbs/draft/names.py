"""Names of fields and kinds, made from those of columns and tables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from comity import limits
from comity.deciding.expressions import RESERVED_NAMES, protobuf_key

OTHER: Final = re.compile(r"[^A-Za-z0-9]+")
UNCHANGED: Final = re.compile(r"(ss|us|is|ws)\Z", re.IGNORECASE)
PLURALS: Final = (
    (re.compile(r"ies\Z", re.IGNORECASE), "y"),
    (re.compile(r"(?<=ss|sh|ch)es\Z", re.IGNORECASE), ""),
    (re.compile(r"(?<=x)es\Z", re.IGNORECASE), ""),
    (re.compile(r"s\Z", re.IGNORECASE), ""),
)
"""Endings and what they become; the first that fits counts."""


def field_name(column: str) -> str:
    """Return the name of the field that a column becomes.

    >>> field_name("inbox/outbox"), field_name("2nd Größe")
    ('inbox_outbox', 'f_2nd_Grosse')
    """
    plain = unicodedata.normalize("NFKD", column.replace("ß", "ss"))
    name = OTHER.sub("_", "".join(sign for sign in plain if not unicodedata.combining(sign))).strip("_")
    if not name:
        return "field"
    return (name if name[0].isalpha() else f"f_{name}")[: limits.NAME_CHARS]


def kind_name(table: str) -> str:
    """Return the name of the kind that a table becomes: in the singular, and no word of expressions.

    >>> kind_name("project_tasks"), kind_name("Companies"), kind_name("status"), kind_name("agents")
    ('project_task', 'Company', 'status', 'agent_record')
    """
    name = _singular(field_name(table))
    return f"{name}_record" if name in RESERVED_NAMES else name


def distinct(names: Iterable[str]) -> list[str]:
    """Return names with a number behind those that expressions couldn't tell from an earlier one."""
    taken: set[str] = set()
    found: list[str] = []
    for name in names:
        unique, number = name, 1
        while protobuf_key(unique) in taken:
            number += 1
            unique = f"{name[: limits.NAME_CHARS - 6]}_{number}"
        taken.add(protobuf_key(unique))
        found.append(unique)
    return found


def _singular(name: str) -> str:
    if UNCHANGED.search(name):
        return name
    for plural, ending in PLURALS:
        singular, count = plural.subn(ending, name)
        if count and singular:
            return singular
    return name
