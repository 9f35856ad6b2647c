"""The types that fields have inside expressions, and the names that expressions can use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

TypeName = Literal["string", "integer", "number", "boolean", "time", "duration", "list", "map", "record", "any"]


class FieldType(msgspec.Struct, frozen=True):
    """Be the type of one field. ``any`` is dynamic: nothing of it is known until it is evaluated.

    ``item`` is the type of a list's elements, ``None`` where they may be anything. A list
    is never absent: an absent one is empty, whatever ``nullable`` says. A ``record`` stands
    only in lists: ``fields`` are its own, ``label`` is what messages call it.
    """

    name: TypeName
    item: FieldType | None = None
    nullable: bool = True
    fields: Mapping[str, FieldType] | None = None
    label: str = ""


ANYTHING: Final = FieldType("any")

ROOTS: Final = frozenset(
    {"before", "after", "record", "event", "agent", "action", "related", "recent", "intents", "now"}
)
"""What expressions call the things that they look at, beside the kinds."""

CEL_WORDS: Final = frozenset(
    {"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop"}
    | {"namespace", "null", "package", "return", "true", "var", "void", "while"}
)
"""What the grammar of CEL keeps for itself (cel-spec, langdef.md)."""

CEL_TYPES: Final = frozenset(
    {"bool", "bytes", "double", "dyn", "google", "int", "list", "map", "null_type", "string", "type", "uint"}
)
"""What CEL calls its types; ``google`` opens the names of the others."""

RESERVED_NAMES: Final = ROOTS | CEL_WORDS | CEL_TYPES
"""What no kind may be called, because an expression would mean something else by it."""


def variable_name(kind: str) -> str:
    """Return what a kind is called in expressions.

    >>> variable_name("task-item")
    'task_item'
    """
    return kind.replace("-", "_")


def protobuf_key(name: str) -> str:
    """Return what must differ between two names of one place: the letters and digits, in lower case.

    Protocol buffers, in which CEL declares its types, see ``open_tickets`` and
    ``openTickets`` as one.

    >>> protobuf_key("openTickets") == protobuf_key("open_tickets")
    True
    """
    return name.replace("_", "").replace("-", "").lower()
